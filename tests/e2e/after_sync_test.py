#!/usr/bin/env python3
# deadline: 120
# flavours: mysql mariadb
"""Semi-synchronous replication, AFTER_SYNC: a replica shows a commit that the primary still waits to have acknowledged. Who has seen it there does not
miss it on the primary; nobody else waits."""
import sys
import threading
import time

import raw
from both_ways import Tally
from sandbox import Sandbox, wait_until

LONGEST = 1.0  # seconds that a read on the primary waits (docs/ROUTING.md)


class OnItsWay:
    """A commit that db2 shows, and the primary does not: it waits for db3, which is frozen."""

    def __init__(self, box):
        self.box = box
        self.number = int(box.primary.sql('SELECT MAX(n) FROM shop.t')[0][0]) + 1
        self.ended = None

    def __enter__(self):
        self.box.sync()
        only_db3_acknowledges(self.box)
        self.box.servers[2].freeze()
        self.writer = threading.Thread(target=self.write)
        self.writer.start()
        try:
            wait_until(lambda: self.of(self.box.servers[1]) == 1, 10, 'db2 does not show it')
            assert self.of(self.box.primary) == 0, 'the primary did not wait for db3'
        except BaseException:
            self.__exit__()
            raise
        return self

    def write(self):
        self.box.primary.sql(f'INSERT INTO shop.t VALUES ({self.number})')
        self.ended = time.monotonic()

    def of(self, server):
        return int(server.sql(f'SELECT COUNT(*) FROM shop.t WHERE n = {self.number}')[0][0])

    def thaw(self):
        self.box.servers[2].thaw()

    def __exit__(self, *_):
        self.thaw()
        self.writer.join()


def only_db3_acknowledges(box):
    """db3 does, db2 does not, and the primary has not given up waiting."""
    replica, source = box.flavour.replica, box.flavour.source
    told = lambda server, name: dict(server.sql("SHOW STATUS LIKE 'Rpl_semi_sync%'")).get(f'Rpl_semi_sync_{name}')
    now = lambda: [told(box.servers[1], f'{replica}_status'), told(box.servers[2], f'{replica}_status'),
                   told(box.primary, f'{source}_status'), told(box.primary, f'{source}_clients')]
    wait_until(lambda: now() == ['OFF', 'ON', 'ON', '1'], 30, lambda: f'semi-sync on db2, db3, db1, and its clients: {now()}')


def count(connection, number, hint, statement='SELECT COUNT(*) FROM t WHERE n = {}'):
    return int(connection.query(f'/* wye: {hint} */ ' + statement.format(number)).rows[0][0])


def in_background(work):
    out = []
    thread = threading.Thread(target=lambda: out.append((work(), time.monotonic())))
    thread.start()
    return thread, out


def given_up(box):
    return raw.total(raw.metrics(box), 'wye_consistency_fallbacks_total{reason="primary_behind"')


def who_has_seen_it_waits(box):
    """Whatever it reads with."""
    reads = {'plain': 'SELECT COUNT(*) FROM t WHERE n = {}', 'for update': 'SELECT COUNT(*) FROM t WHERE n = {} FOR UPDATE'}
    for name in (*reads, 'transaction', 'snapshot'):
        with box.connect() as reader, OnItsWay(box) as commit:
            assert count(reader, commit.number, 'server=db2') == 1

            def read(name=name, reader=reader, commit=commit):
                if name in reads:
                    return count(reader, commit.number, 'primary', reads[name])
                reader.query('START TRANSACTION' + (' WITH CONSISTENT SNAPSHOT' if name == 'snapshot' else ''))
                return int(reader.query(f'SELECT COUNT(*) FROM t WHERE n = {commit.number}').rows[0][0])
            thread, out = in_background(read)
            thread.join(0.3)
            assert thread.is_alive(), f'{name}: it did not wait, and read {out}'
            commit.thaw()
            thread.join(10)
            assert out and out[0][0] == 1, f'{name}: {out}'
            commit.writer.join()
            print(f'# {box.flavour.name}: {name}: answered {1000 * (out[0][1] - commit.ended):.1f} ms after the commit was acknowledged')


def nobody_else_waits(box):
    """Who has seen nothing on a replica, who may read the past, and what reads no data."""
    with box.connect() as fresh, box.connect() as careless, box.connect() as other, OnItsWay(box) as commit:
        careless.query(f'/* wye: server=db2 */ SELECT COUNT(*) FROM t WHERE n = {commit.number}')
        other.query(f'/* wye: server=db2 */ SELECT COUNT(*) FROM t WHERE n = {commit.number}')
        started = time.monotonic()
        assert count(fresh, commit.number, 'primary') == 0
        assert count(careless, commit.number, 'primary, consistency=eventual') == 0
        other.query('SET @a = 5')
        assert other.query('SELECT @a').rows == [('5',)]
        other.query('BEGIN')
        other.query('ROLLBACK')
        took = time.monotonic() - started
    assert took < LONGEST / 2, f'they took {took:.2f} s'


def not_for_ever(box):
    """A commit that nobody acknowledges holds a read up for a second, and it is counted."""
    before = given_up(box)
    with box.connect() as reader, OnItsWay(box) as commit:
        assert count(reader, commit.number, 'server=db2') == 1
        started = time.monotonic()
        found = count(reader, commit.number, 'primary')
        took = time.monotonic() - started
    assert found == 0 and LONGEST * 0.9 < took < 3 * LONGEST, (found, took)
    assert given_up(box) == before + 1, (before, given_up(box))


def prepare(box):
    """db3 alone acknowledges; db2 takes what comes."""
    box.primary.sql('CREATE TABLE shop.t (n INT PRIMARY KEY)', 'INSERT INTO shop.t VALUES (0)')
    box.sync()
    replica = box.flavour.replica
    box.servers[1].sql(f'SET GLOBAL rpl_semi_sync_{replica}_enabled = OFF', f'STOP {replica} IO_THREAD', f'START {replica} IO_THREAD')
    box.sync()


TESTS = who_has_seen_it_waits, nobody_else_waits, not_for_ever


def main():
    tally = Tally()
    with Sandbox(wye=True) as box:
        prepare(box)
        for test in TESTS:
            wait_until(lambda: [row['state'] for row in box.wye.admin('SHOW SERVERS')] == ['online'] * 3, 30, 'the servers are not online')
            tally.call(test, box)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
