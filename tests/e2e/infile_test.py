#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb
"""LOAD DATA LOCAL INFILE with the servers' own shells, plain, over TLS and compressed: every row arrives, wye's memory stays flat, a neighbour is served, and what
goes wrong on the way is said. WYE_FILE_MB=1000 for the whole size (infile_1gb_test.py)."""
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import raw
from both_ways import Tally
from sandbox import Sandbox

FILE_MB = int(os.environ.get('WYE_FILE_MB', '60'))
LIMIT_MB = 60
LINE = 1000


def shell(box, *options):
    return [*box.flavour.binaries.client, '--no-defaults', '--protocol=TCP', '-h127.0.0.1', f'-P{box.wye.port}', '-uapp', '-psandbox-app', '--local-infile=1',
            *options, 'shop']


def write_file(path, mb):
    """Lines `n<TAB>text`; returns how many."""
    lines = mb * 1_000_000 // LINE
    with open(path, 'wb') as out:
        for n in range(lines):
            head = b'%d\t' % n
            out.write(head + bytes([97 + n % 26]) * (LINE - len(head) - 1) + b'\n')
    return lines


def loaded(box, lines):
    rows = box.primary.sql("SELECT COUNT(*), SUM(a), SUM(b = REPEAT(CHAR(97 + a % 26), LENGTH(b))), SUM(LENGTH(b) + LENGTH(a) + 2) FROM shop.loaded")
    assert rows == [(str(lines), str(lines * (lines - 1) // 2), str(lines), str(lines * LINE))], rows


def load(box, path, options):
    done = subprocess.run([*shell(box, *options), '-e', f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE loaded"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
    assert done.returncode == 0, done.stdout.decode()[-300:]


def whole_file(box, path):
    """The big file; memory and a neighbour's reads meanwhile."""
    lines = write_file(path, FILE_MB)
    box.primary.sql('CREATE TABLE shop.loaded (a INT PRIMARY KEY, b VARCHAR(1000)) CHARSET latin1')
    box.sync()
    raw.forget_peak(box)
    before = raw.memory_kib(box)
    over, slowest = threading.Event(), [0.0]

    def neighbour():
        with box.connect(timeout=30) as c:
            while not over.wait(0.05):
                started = time.monotonic()
                assert c.query('SELECT 1').rows == [('1',)]
                slowest[0] = max(slowest[0], time.monotonic() - started)
    thread = threading.Thread(target=neighbour)
    thread.start()
    started = time.monotonic()
    try:
        load(box, path, [])
    finally:
        over.set()
        thread.join()
    peak = raw.memory_kib(box, 'VmHWM')
    print(f'{FILE_MB} MB in {time.monotonic() - started:.1f} s; memory {before // 1024} MiB before, at most {peak // 1024} MiB; slowest neighbour {slowest[0] * 1000:.0f} ms', flush=True)
    assert raw.below(peak / 1024, LIMIT_MB), f'{peak // 1024} MiB'
    loaded(box, lines)


def every_way(box, path):
    """Smaller files: with and without TLS, compressed, empty, and one whose lines end in the middle of packets."""
    mysql = box.flavour.name == 'mysql'
    ways = [['--ssl-mode=REQUIRED'], ['--ssl-mode=REQUIRED', '--compression-algorithms=zlib'], ['--ssl-mode=REQUIRED', '--compression-algorithms=zstd'],
            ['--compression-algorithms=zstd', '--zstd-compression-level=7']] if mysql else [['--ssl'], ['--skip-ssl'], ['--compress'], ['--ssl', '--compress']]
    for options in ways:
        lines = write_file(path, 5)
        box.primary.sql('TRUNCATE shop.loaded')
        load(box, path, options)
        loaded(box, lines)
    Path(path).write_bytes(b'')
    box.primary.sql('TRUNCATE shop.loaded')
    load(box, path, [])
    assert box.primary.value('SELECT COUNT(*) FROM shop.loaded') == '0'


def refusals(box, path):
    """A file that is not there, a table that is not there, a client that offers no files, several statements around one: as direct."""
    Path(path).write_text('1\tx\n2\ty\n')
    for sql in (f"LOAD DATA LOCAL INFILE '{path}.none' INTO TABLE loaded", f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE missing",
                f"SELECT 1; LOAD DATA LOCAL INFILE '{path}' IGNORE INTO TABLE loaded; SELECT COUNT(*) FROM loaded; LOAD DATA LOCAL INFILE '{path}' IGNORE INTO TABLE loaded; SELECT 2",
                f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE loaded; LOAD DATA LOCAL INFILE '{path}' INTO TABLE loaded; SHOW WARNINGS"):
        for options in ([], ['--local-infile=0']):
            said = []
            for port in (box.primary.port, box.wye.port):
                box.primary.sql('TRUNCATE shop.loaded')
                argv = [f'-P{port}' if a.startswith('-P') else a for a in shell(box, '--force', '-vv', *options)]
                done = subprocess.run([*argv, '-e', sql], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
                said.append(done.stdout)
            assert said[0] == said[1], f'{sql} {options}\n direct {said[0].decode()}\n wye {said[1].decode()}'


def main():
    tally = Tally()
    with Sandbox(wye=True, replicas=0, server_options={'local_infile': 'ON', 'max_allowed_packet': '64M'}) as box:
        path = str(box.folder / 'file.tsv')
        for test in (whole_file, every_way, refusals):
            tally.call(test, box, path)
    sys.exit(1 if tally.failed else 0)


if __name__ == '__main__':
    main()
