"""Runs a MySQL server as systemd or mysqld_safe do: again, when it ends in order to restart (RESTART, CLONE)."""
import ctypes
import os
import signal
import subprocess
import sys

ASKS_FOR_RESTART = 16  # MYSQLD_RESTART_EXIT
PR_SET_PDEATHSIG = 1


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(argv):
    child = None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: child and child.send_signal(number))
    while True:
        child = subprocess.Popen(argv, env={**os.environ, 'MYSQLD_PARENT_PID': str(os.getpid())}, preexec_fn=die_with_parent)
        code = child.wait()
        if code != ASKS_FOR_RESTART:
            return code if code >= 0 else 128 - code


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
