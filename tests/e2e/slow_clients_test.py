#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb
"""Results far larger than memory to many slow clients at once, and packets around the size of a frame, both ways: wye's memory
stays flat, every byte is right, and others are served meanwhile. WYE_RESULT_MB=1000 for the whole size (slow_clients_1gb_test.py).
"""
import hashlib
import os
import random
import sys
import threading
import time

import raw
from raw import FULL, frame
from sandbox import Sandbox

CLIENTS = 20
RESULT_MB = int(os.environ.get('WYE_RESULT_MB', '50'))
LIMIT_MB = 100
ROW = 100_000  # bytes; the longest word that fits a row stays below a frame


class Slow(threading.Thread):
    """Reads a result in its own time: a few KiB, a pause, at first; then as fast as this program can."""

    def __init__(self, box, number, rows, tls):
        super().__init__(daemon=True)
        self.box, self.number, self.rows, self.tls = box, number, rows, tls
        self.bytes, self.error = 0, None

    def run(self):
        try:
            self.read_all()
        except Exception as error:
            self.error = error

    def read_all(self):
        # Row n is n, then one letter ROW times: every row differs from its neighbours, and needs no disk.
        sql = (f'WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a WHERE n < {self.rows}) '
               f"SELECT CONCAT(n, '-', REPEAT(CHAR(97 + (n + {self.number}) % 26), {ROW})) FROM a")
        with self.box.connect(timeout=600.0, tls='preferred' if self.tls else 'off') as connection:
            connection._seq = 0
            connection._write(b'\x03' + sql.encode())
            assert connection._read() == b'\x01'
            connection._read(), connection._read()
            slow_until = time.monotonic() + 5 + self.number % 4
            seen = 0
            while True:
                packet = connection._read()
                if packet[0] == 0xFE and len(packet) < 9:
                    break
                size = int.from_bytes(packet[1:4], 'little')
                assert packet[0] == 0xFD and len(packet) == size + 4, (packet[:10], len(packet))
                text = packet[4:]
                seen += 1  # the order is the CTE's
                assert text[:size - ROW] == b'%d-' % seen, (seen, text[:20])
                assert text[size - ROW:] == bytes([97 + (seen + self.number) % 26]) * ROW, f'row {seen} is wrong'
                self.bytes += size
                if time.monotonic() < slow_until:
                    raw.pace(0.02)  # a slow client is slow
            assert seen == self.rows, f'{seen} rows of {self.rows}'
            assert connection.query('SELECT 7').rows == [('7',)]


def large_results_to_slow_clients(box):
    rows = RESULT_MB * 1_000_000 // ROW
    raw.forget_peak(box)
    before = raw.memory_kib(box)
    clients = [Slow(box, number, rows, number % 4 == 0) for number in range(CLIENTS)]
    started = time.monotonic()
    for client in clients:
        client.start()
    waits = []
    with box.connect(timeout=30) as fast:  # a neighbour
        fast.query('CREATE TABLE fast (a INT PRIMARY KEY, b INT)')
        fast.query('INSERT INTO fast VALUES (1, 0)')
        while any(client.is_alive() for client in clients):
            at = time.monotonic()
            fast.query('SELECT b FROM fast WHERE a = 1')
            fast.query('UPDATE fast SET b = b + 1')
            waits.append(time.monotonic() - at)
            raw.pace(0.05)  # the neighbour's own pace
    seconds = time.monotonic() - started
    peak = raw.memory_kib(box, 'VmHWM') / 1024
    total = sum(client.bytes for client in clients)
    waits.sort()
    print(f'{CLIENTS} results of {total / CLIENTS / 1e6:.0f} MB in {seconds:.0f} s: peak {peak:.1f} MB (before: {before / 1024:.1f} MB), '
          f'a neighbour\'s read and write: median {waits[len(waits) // 2] * 1000:.0f} ms, worst {waits[-1] * 1000:.0f} ms', flush=True)
    for client in clients:
        assert client.error is None, client.error
    assert total >= CLIENTS * RESULT_MB * 900_000
    assert raw.below(peak, LIMIT_MB), f'peak {peak:.1f} MB'
    assert waits[len(waits) // 2] < 2, waits[len(waits) // 2]
    assert waits[-1] < 20, waits[-1]


def packets_around_a_frame(box):
    """Payloads of 0xffffff and its neighbours need another frame, an empty one at the multiples."""
    pattern = random.Random(1).randbytes(1 << 20).hex().encode()
    text = pattern * 20
    with box.connect(timeout=120) as connection:
        for size in (FULL - 1, FULL, FULL + 1, 2 * FULL - 1, 2 * FULL, 2 * FULL + 1):
            head, tail = b"SELECT SHA2('", b"', 256)"
            body = text[:size - 1 - len(head) - len(tail)]
            assert 1 + len(head) + len(body) + len(tail) == size
            assert connection.query(head + body + tail).rows == [(hashlib.sha256(body).hexdigest(),)], f'up, {size:#x}'
            # A row's packet: the length of the word (4 bytes up to 2^24 - 1, else 9) and the word.
            word = size - (4 if size - 4 < 1 << 24 else 9)
            unit, times = pattern[:1000], word // 1000 + 1
            row = connection.query(f"SELECT LEFT(REPEAT('{unit.decode()}', {times}), {word})").rows[0][0]
            assert row.encode() == (unit * times)[:word], f'down, {size:#x}'
        assert connection.query('SELECT 1').rows == [('1',)]


def large_uploads(box):
    """60 MB in one packet, from several clients at once."""
    size, clients, errors = 60_000_000, 4, []
    body = random.Random(2).randbytes(1 << 20).hex().encode() * 29
    body = body[:size]
    digest = hashlib.sha256(body).hexdigest()
    raw.forget_peak(box)

    def upload(number):
        try:
            with box.connect(timeout=240, tls='off' if number % 2 else 'preferred') as connection:
                row = connection.query(b"SELECT SHA2('" + body + b"', 256), 1").rows[0]
                assert row == (digest, '1'), row
                assert connection.query('SELECT 5').rows == [('5',)]
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=upload, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    peak = raw.memory_kib(box, 'VmHWM') / 1024
    print(f'{clients} uploads of {size / 1e6:.0f} MB at once: peak {peak:.1f} MB', flush=True)
    assert raw.below(peak, LIMIT_MB), f'peak {peak:.1f} MB'


def the_last_byte_too_many(box):
    with box.connect(timeout=60) as connection:
        client = raw.of(connection)
        data, sequence = b"\x03SELECT LENGTH('" + b'x' * (64 << 20), 0
        while data and client.send(frame(data[:FULL], sequence)):
            data, sequence = data[FULL:], sequence + 1
        assert client.error() == 1153
        client.ends()
    raw.served(box)


def main():
    failed, only = 0, sys.argv[1:]
    depth = 'cte_max_recursion_depth' if os.environ.get('WYE_FLAVOUR', 'mysql') == 'mysql' else 'max_recursive_iterations'
    options = {'max_allowed_packet': '128M', 'net_write_timeout': '600', depth: '20000'}
    with Sandbox(wye=True, wye_config={'sessions': {'max_packet': '64MiB'}}, server_options=options) as box:
        with box.connect(tls='preferred') as connection:  # wye knows the password now: tls='off' has the fast path
            for test in (packets_around_a_frame, large_uploads, the_last_byte_too_many, large_results_to_slow_clients):
                if only and test.__name__ not in only:
                    continue
                started = time.monotonic()
                try:
                    test(box)
                    print(f'PASS {test.__name__} ({time.monotonic() - started:.1f} s)', flush=True)
                except Exception as error:
                    failed += 1
                    print(f'FAIL {test.__name__}: {error!r}', flush=True)
            connection.query('SELECT 1')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
