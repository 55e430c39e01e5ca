"""Where the MySQL server comes from: one that is installed, or an extracted copy of Debian unstable's packages.

The copy lies in a cache folder that all clones of the repository share. It runs through its own dynamic loader
(`ld-linux --library-path ...`), so neither root nor a chroot is needed to run it.
"""
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TESTED = '9.7'  # the series that the tests were written on
PACKAGES = 'mysql-server-core,mysql-client-core'
TEST_PACKAGES = 'mysql-testsuite'  # takes server and clients along, so that they are of one version


class SandboxError(Exception):
    """Something that the user can read and act on; no stack trace needed."""


@dataclass
class Binaries:
    server: list       # argv prefix of the server
    client: list       # argv prefix of the shell
    version: str
    options: list      # options that tell the server where its files are
    origin: str
    install_db: list | None = None
    libraries: str = ''  # a folder of shared libraries that the server needs
    datadir: Path | None = None  # a data folder to begin with


def cache_folder():
    home = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    folder = Path(home) / 'wye'
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def version_text(argv):
    try:
        return subprocess.run(argv + ['--version'], capture_output=True, text=True, timeout=60).stdout
    except OSError:
        return ''


def version_in(text):
    found = re.search(r'(?:Ver|Distrib) (\d+\.\d+\.\d+)', text)
    return found.group(1) if found else ''


def _installed_mysql():
    for candidate in filter(None, [os.environ.get('WYE_MYSQLD'), shutil.which('mysqld'), '/usr/sbin/mysqld']):
        text = version_text([candidate]) if os.access(candidate, os.X_OK) else ''
        version = version_in(text)
        if version and 'MariaDB' not in text and int(version.split('.')[0]) >= 8:
            return Binaries([candidate], ['mysql'], version, [], candidate)
    return None


def _extracted_mysql(root):
    loader = next(root.glob('usr/lib/*/ld-linux-*.so.*'), None)
    server = root / 'usr/sbin/mysqld'
    if loader is None or not server.exists():
        return None
    run = [str(loader), '--library-path', str(loader.parent)]
    share = root / 'usr/share/mysql'
    options = [f'basedir={root}/usr', f'lc_messages_dir={share}', f'character_sets_dir={share}/charsets',
               f'plugin_dir={root}/usr/lib/mysql/plugin']
    version = version_in(version_text(run + [str(server)]))
    if not version:
        raise SandboxError(f'the MySQL server in {root} does not start; remove that folder and try again')
    return Binaries(run + [str(server)], run + [str(root / 'usr/bin/mysql')], version, options, str(root))


def _extract(root, packages, megabytes, say):
    if not shutil.which('mmdebstrap'):
        raise SandboxError('mmdebstrap, which would fetch MySQL from Debian unstable, is missing: ./dev installs it')
    partial = root.with_name(root.name + '.partial')
    shutil.rmtree(partial, ignore_errors=True)
    say(f'fetching {packages} from Debian unstable into {root} ({megabytes} MB, once)')
    started = time.monotonic()
    argv = ['mmdebstrap', '--variant=extract', '--aptopt=Acquire::Check-Valid-Until "false"', f'--include={packages}',
            'sid', str(partial)]
    sudo = ['sudo'] if os.geteuid() and shutil.which('sudo') else []
    done = subprocess.run(sudo + argv, capture_output=True, text=True)
    if done.returncode:
        raise SandboxError('mmdebstrap could not fetch MySQL:\n' + '\n'.join(done.stderr.splitlines()[-15:]))
    if sudo:
        subprocess.run(sudo + ['chown', '-R', f'{os.getuid()}:{os.getgid()}', str(partial)], check=True)
    for name in ('bin', 'sbin', 'lib', 'lib64'):
        if not (partial / name).exists() and not (partial / name).is_symlink():
            (partial / name).symlink_to(f'usr/{name}')
    for name in ('proc', 'run', 'tmp'):
        (partial / name).mkdir(exist_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    partial.rename(root)
    say(f'MySQL is there after {time.monotonic() - started:.0f} s')


def mysql(say=lambda text: print(text, file=sys.stderr)):
    """The MySQL server to use; fetched if there is none. Safe to call from several processes at once."""
    installed = _installed_mysql()
    if installed:
        return installed
    return _fetched(cache_folder() / 'mysql-sid', PACKAGES, 400, say)


def mysql_with_tests(say=lambda text: print(text, file=sys.stderr)):
    """Binaries of a MySQL server whose own tests are there too, and the folder that holds both (its `origin`)."""
    return _fetched(cache_folder() / 'mysql-tests-sid', TEST_PACKAGES, 1300, say)


def _fetched(root, packages, megabytes, say):
    with open(root.with_name(root.name + '.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _extracted_mysql(root)
        if found is None:
            _extract(root, packages, megabytes, say)
            found = _extracted_mysql(root)
            if found is None:
                raise SandboxError('Debian unstable no longer has the server where it was expected: see ' + str(root))
            (root / 'WYE_VERSION').write_text(found.version + '\n')
            if not found.version.startswith(TESTED + '.'):
                say(f'note: this is MySQL {found.version}; the tests were written on {TESTED}')
    return found


def mariadb():
    server = shutil.which('mariadbd') or '/usr/sbin/mariadbd'
    install = shutil.which('mariadb-install-db')
    if not os.access(server, os.X_OK) or not install:
        raise SandboxError('MariaDB is missing: apt-get install mariadb-server-core mariadb-client-core')
    return Binaries([server], ['mariadb'], version_in(version_text([server])), [], server, [install])
