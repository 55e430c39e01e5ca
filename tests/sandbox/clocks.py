"""Servers whose clock can be set while they run (`clocks=True`): each has a small library preloaded (clock.c) that moves what
the server takes for the time of day, and nothing else on the machine."""
import os
import shutil
import struct
import subprocess
from pathlib import Path

from mysqlroot import SandboxError


class Clock:
    """One server's. It may jump to and fro."""

    def __init__(self, library, file):
        self.file = Path(file)
        self.environment = {'LD_PRELOAD': str(library), 'WYE_SANDBOX_CLOCK': str(self.file)}

    def create(self):
        self.file.write_bytes(bytes(8))

    def set(self, seconds):
        """So far from the machine's clock, from now on."""
        fd = os.open(self.file, os.O_WRONLY)
        try:
            os.pwrite(fd, struct.pack('=q', int(seconds * 1_000_000_000)), 0)
        finally:
            os.close(fd)


def library(folder):
    """Compiles it there."""
    compiler = shutil.which(os.environ.get('CC', 'cc')) or shutil.which('gcc') or shutil.which('clang')
    if compiler is None:
        raise SandboxError('a C compiler is missing, which would make the library that moves clocks')
    path = Path(folder) / 'clock.so'
    source = Path(__file__).with_name('clock.c')
    done = subprocess.run([compiler, '-O1', '-fPIC', '-shared', '-Wall', '-Wextra', '-Werror', '-o', str(path), str(source), '-ldl'],
                          capture_output=True, text=True)
    if done.returncode:
        raise SandboxError(f'{source} does not compile:\n{done.stderr}')
    return path
