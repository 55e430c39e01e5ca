#!/usr/bin/env python3
# deadline: 3600
# flavours: mysql mariadb
# slow
"""ADD SERVER of an empty server to a cluster with 2 GB of sysbench's tables, under sysbench's statements: progress, minutes, VERIFY, and
what the clients saw. WYE_MB=200 for less; WYE_CLIENTS=4; BY=DUMP."""
import os
import random
import sys
import threading
import time

import add_server_test as small
from sandbox import Sandbox, ServerError, wait_until

MEGABYTES = int(os.environ.get('WYE_MB', '2048'))
CLIENTS = int(os.environ.get('WYE_CLIENTS', '4'))
TABLES, ROW_BYTES = 4, 230
ROWS = MEGABYTES * 1_000_000 // ROW_BYTES // TABLES


def load(box):
    """By doubling, on the primary."""
    random_text = "CONCAT(RAND(), '-', RAND(), '-', RAND(), '-', RAND(), '-', RAND(), '-', RAND())"
    for i in range(1, TABLES + 1):
        name = f'shop.sbtest{i}'
        box.primary.sql(f"CREATE TABLE {name} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '', "
                        "pad CHAR(60) NOT NULL DEFAULT '', KEY k (k)) DEFAULT CHARSET latin1", f"INSERT INTO {name} (k, c, pad) VALUES (1, 'a', 'b')")
        rows = 1
        while rows < ROWS:
            more = min(rows, ROWS - rows, 50_000)
            with box.primary.connect(timeout=600) as connection:
                connection.query(f'INSERT INTO {name} (k, c, pad) SELECT FLOOR(1 + RAND() * {ROWS}), LEFT({random_text}, 119), LEFT({random_text}, 59) '
                                 f'FROM {name} LIMIT {more}')
            rows += more
    box.sync(1800)


class Sysbench:
    """oltp_read_write's transaction and point reads outside of one, over and over."""

    def __init__(self, box):
        self.box, self.transactions, self.reads, self.errors, self.ending = box, 0, 0, [], False
        self.slowest, self.lock = 0.0, threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(CLIENTS)]

    def run(self, seed):
        pick = random.Random(seed)
        try:
            with self.box.connect(timeout=120) as connection:
                while not self.ending:
                    started = time.monotonic()
                    self.transaction(connection, pick)
                    with self.lock:
                        self.transactions += 1
                        self.reads += 10
                        self.slowest = max(self.slowest, time.monotonic() - started)
        except (ServerError, OSError) as error:
            self.errors.append(error)

    def transaction(self, connection, pick):
        table, first = f'sbtest{pick.randint(1, TABLES)}', pick.randint(1, max(1, ROWS - 100))
        for _ in range(10):
            connection.query(f'SELECT c FROM {table} WHERE id = {pick.randint(1, ROWS)}')
        connection.query('BEGIN')
        connection.query(f'SELECT c FROM {table} WHERE id = {pick.randint(1, ROWS)}')
        connection.query(f'SELECT SUM(k) FROM {table} WHERE id BETWEEN {first} AND {first + 99}')
        ids = sorted(pick.sample(range(1, ROWS + 1), 2))  # two rows in one order: no deadlock of our own making
        connection.query(f'UPDATE {table} SET k = k + 1 WHERE id = {ids[0]}')
        connection.query(f"UPDATE {table} SET c = '{pick.random()}-{pick.random()}' WHERE id = {ids[1]}")
        connection.query('COMMIT')

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.transactions > 10 or self.errors, 120, 'nothing runs')
        return self

    def __exit__(self, *_):
        self.ending = True
        for thread in self.threads:
            thread.join(120)


def added(box, new):
    ended, by = [], ' BY DUMP' if os.environ.get('BY') == 'DUMP' else ''
    with Sysbench(box) as clients:
        started, before, told = time.monotonic(), clients.transactions, 0.0
        thread = threading.Thread(target=lambda: ended.append(small.console(box, f"ADD SERVER '{new.address}' AS db3{by}", 3500)), daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(1)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                for row in box.wye.admin('SHOW OPERATION'):
                    if row['result'] == 'running':
                        print(f"#   {told - started:6.1f} s  {row['what']}: {row['phase']} {row['done']} of {row['total']} bytes, eta {row['eta_s']} s; "
                              f'{clients.transactions - before} transactions', flush=True)
        seconds = time.monotonic() - started
        assert ended, box.wye.admin('SHOW OPERATION')
        assert not clients.errors, clients.errors
        small.is_online(box, 'db3')
        small.takes_reads(box, new, 'SELECT COUNT(*) FROM sbtest1 WHERE id < 10')
        verify = time.monotonic()
        rows = small.console(box, 'VERIFY db3', 3500)
        verify = time.monotonic() - verify
    assert not clients.errors, clients.errors
    differences = [row for row in rows if row['kind'] not in ('summary', 'note')]
    print(f"# {box.flavour.name} {MEGABYTES} MB{by}: added in {seconds / 60:.2f} minutes, {clients.transactions} transactions of {CLIENTS} clients, errors "
          f"{len(clients.errors)}, slowest {clients.slowest:.2f} s; VERIFY of {rows[-1]['rows']} rows in {verify:.0f} s: {len(differences)} differences")
    assert not differences, differences[:5]


def main():
    with Sandbox(replicas=1, managed=True, wye=True, supervised=True, pool_mb=256,
                 server_options={'sync_binlog': 0, 'innodb_flush_log_at_trx_commit': 2},
                 wye_config=lambda box: {'replication': {'tools': str(box.folder / 'tools')}}) as box:
        started = time.monotonic()
        load(box)
        print(f'# {MEGABYTES} MB loaded in {time.monotonic() - started:.0f} s', flush=True)
        added(box, small.make_new(box))
        print('PASS added')


if __name__ == '__main__':
    sys.exit(main())
