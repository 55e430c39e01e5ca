"""Data folders that were initialized once per version and are copied for each server: a start takes seconds."""
import fcntl
import hashlib
import os
import shutil
import time

from client import Connection
from mysqlroot import cache_folder
from server import Server
import ports


def template(flavour, say):
    """The folder to copy. Made once per version, options and accounts; safe to call from several processes at once."""
    key = hashlib.sha256(repr((flavour.common('', 64), flavour.accounts())).encode()).hexdigest()[:12]
    folder = cache_folder() / 'templates' / f'{flavour.name}-{flavour.version}-{key}'
    folder.parent.mkdir(exist_ok=True)
    with open(folder.with_name(folder.name + '.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            say(f'initializing {flavour.name} {flavour.version} (once)')
            partial = folder.with_name(folder.name + '.partial')
            shutil.rmtree(partial, ignore_errors=True)
            _make(flavour, partial)
            (partial / 'data').rename(folder)
            shutil.rmtree(partial)
            _prune(folder.parent)
        os.utime(folder)
    return folder


def _prune(parent):
    """Removes what no sandbox has used for a month."""
    for old in parent.iterdir():
        if old.is_dir() and old.stat().st_mtime < time.time() - 30 * 86400:
            shutil.rmtree(old, ignore_errors=True)


def _make(flavour, folder):
    server = Server('template', folder, flavour, ports.take(1)[0], 1)
    server.datadir.mkdir(parents=True)
    flavour.initialize(server.config, server.datadir, server.log)
    values = {**flavour.common(server.datadir, 64), 'port': server.port, 'log_error': server.log,
              **flavour.without_binlog}
    server.config.write_text(flavour.config_text(values))
    server.connect = lambda **options: Connection('127.0.0.1', unix=server.socket, user='root', **options)
    server.launch()
    try:
        server.wait_ready()
        server.sql(*flavour.accounts())
        server.stop()
    finally:
        server.kill()
