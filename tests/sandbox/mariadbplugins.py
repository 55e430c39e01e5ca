"""MariaDB's server plugins that mariadb-server-core leaves out: taken from the package mariadb-server of the same version, without
installing it (that would set up and start a server)."""
import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

from mysqlroot import SandboxError, cache_folder


def plugin_folder(version, name='auth_ed25519.so'):
    """A folder for `plugin_dir` that has the plugin."""
    installed = Path('/usr/lib/mysql/plugin')
    if (installed / name).exists():
        return installed
    folder = cache_folder() / 'mariadb-plugins' / version
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(folder.name + '.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            _fetch(folder)
    if not (folder / name).exists():
        raise SandboxError(f'the package mariadb-server has no {name}')
    return folder


def _run(argv, cwd):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SandboxError(f'{" ".join(argv)}: {done.stderr.strip()}')
    return done.stdout


def _fetch(folder):
    core = _run(['dpkg-query', '-W', '-f=${Version}', 'mariadb-server-core'], '/')
    with tempfile.TemporaryDirectory() as scratch:
        _run(['apt-get', 'download', f'mariadb-server={core}'], scratch)
        package = next(Path(scratch).glob('*.deb'))
        _run(['dpkg-deb', '-x', str(package), 'all'], scratch)
        shutil.copytree(Path(scratch) / 'all/usr/lib/mysql/plugin', folder, dirs_exist_ok=True)
