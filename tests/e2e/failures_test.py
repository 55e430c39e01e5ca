#!/usr/bin/env python3
# deadline: 420
# flavours: mysql mariadb
"""Servers die, freeze, lag and stop: what a session sees of it (docs: what failures look like to a session)."""
import sys
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / 'oracle'))

import flavours  # noqa: E402
import raw
import wire  # noqa: E402
from sandbox import Sandbox, ServerError, wait_until

HOLD_SECONDS = 12
ROWS, ROW = 400, 100_000  # a result that no buffer on the way holds whole


def state_of(box, name):
    return next(row for row in box.wye.admin('SHOW SERVERS') if row['name'] == name)


def all_online(box):
    box.wait_replicating()
    box.sync()
    wait_until(lambda: all(row['state'] == 'online' for row in box.wye.admin('SHOW SERVERS')), 30,
               lambda: f"not all online: {box.wye.admin('SHOW SERVERS')}")


def bring_back(box):
    for server in box.servers:
        server.thaw()
        if server.pid is None:
            server.start()
    all_online(box)


def sent_to(box, name):
    return raw.metrics(box).get(f'wye_server_queries_total{{server="{name}"}}', 0)


def read_from(connection, name):
    """A read that surely runs on that replica, so that the session has a connection there."""
    assert connection.query(f'/* wye: server={name} */ SELECT COUNT(*) FROM seed').rows == [('100',)]


class Loop(threading.Thread):
    """Runs `step(connection, turn)` until told to stop; keeps what went wrong, and the longest turn."""

    def __init__(self, box, step):
        super().__init__(daemon=True)
        self.box, self.step, self.going = box, step, True
        self.turns, self.longest, self.error = 0, 0.0, None
        self.start()

    def run(self):
        try:
            with self.box.connect(timeout=60) as connection:
                while self.going:
                    started = time.monotonic()
                    self.step(connection, self.turns)
                    self.longest = max(self.longest, time.monotonic() - started)
                    self.turns += 1
        except Exception as error:
            self.error = error

    def stop(self):
        self.going = False
        self.join(90)
        assert not self.is_alive(), 'a statement never ended'
        if self.error:
            raise AssertionError(f'after {self.turns} turns: {self.error!r}')
        return self.turns


def replica_dies_while_idle(box):
    with box.connect() as connection:
        read_from(connection, 'db2')
        read_from(connection, 'db3')
        box.servers[1].kill()
        for _ in range(200):
            assert connection.query('SELECT SUM(a) FROM seed').rows == [('5050',)]
        box.servers[2].kill()
        for _ in range(200):
            assert connection.query('SELECT SUM(a) FROM seed').rows == [('5050',)]


def replica_dies_under_reads(box):
    def step(connection, turn):
        assert connection.query(f'SELECT SUM(a), {turn} FROM seed').rows == [('5050', str(turn))]
    loops = [Loop(box, step) for _ in range(8)]
    for server in (box.servers[1], box.servers[2], box.servers[1]):
        before = sum(loop.turns for loop in loops)
        used = sent_to(box, server.name)
        wait_until(lambda: sent_to(box, server.name) > used + 20, 20, f'no reads on {server.name}')
        server.kill()
        wait_until(lambda: sum(loop.turns for loop in loops) > before + 200, 30, 'the reads do not go on')
        server.start()
        all_online(box)
    turns = sum(loop.stop() for loop in loops)
    print(f'{turns} reads while replicas died three times: no error; {raw.total(raw.metrics(box), "wye_retries_total")} ran again')


def replica_dies_with_reads_running(box):
    """Nothing of the result was passed on: each runs again elsewhere."""
    results, threads = [], []

    def read():
        try:
            with box.connect(timeout=60) as connection:
                results.append(connection.query('/* wye: server=db2 */ SELECT SLEEP(2), COUNT(*) FROM (SELECT 1) one').rows)
        except Exception as error:
            results.append(error)
    before = sent_to(box, 'db2')
    for _ in range(6):
        threads.append(threading.Thread(target=read))
        threads[-1].start()
    wait_until(lambda: sent_to(box, 'db2') >= before + 6, 10, 'the reads do not reach db2')
    box.servers[1].kill()
    for thread in threads:
        thread.join()
    assert results == [[('0', '1')]] * 6, results


def replica_dies_inside_a_result(box):
    """An error or the end of the connection; never a result that looks whole and is not."""
    kinds = {}
    sql = (f'/* wye: server=db2 */ WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a WHERE n < {ROWS}) '
           f"SELECT n, REPEAT('x', {ROW}) FROM a")
    for stop_after, blocked in ((0, False), (1, True), (5, True), (17, False)):
        with box.connect(timeout=30) as connection:
            connection._seq = 0
            connection._write(b'\x03' + sql.encode())
            head = [connection._read() for _ in range(4)]
            assert head[0] == b'\x02'
            rows, outcome = 0, 'whole'
            try:
                while True:
                    packet = connection._read()
                    if packet[0] == 0xFE and len(packet) < 9:
                        break
                    assert len(packet) > ROW
                    rows += 1
                    if rows == stop_after + 1:
                        if blocked:
                            raw.pace(1)  # all buffers fill, so that the server waits in the middle of a row
                        box.servers[1].kill()
            except ServerError as error:
                assert error.code == 2013, error
                outcome = 'error'
                assert connection.query('SELECT SUM(a) FROM seed').rows == [('5050',)], 'the session is not usable'
            except ConnectionError:
                outcome = 'closed'
            assert outcome != 'whole' and rows < ROWS, f'{rows} rows, {outcome}'
            kinds[outcome] = kinds.get(outcome, 0) + 1
        bring_back(box)
    print(f'a replica died inside a result: {kinds}')


def lost_ahead_of_an_execute(box, lose):
    """A statement that was prepared on the primary, in a transaction that is over, must be prepared on a replica, and there the replica is lost."""
    session = wire.Wire(box.wye.port, flavours.APP, flavours.APP_PASSWORD, flavours.DATABASE, timeout=20)

    def query(sql, kind='ok'):
        session.command(wire.QUERY, sql.encode())
        assert session.results()[0][0] == kind, sql
    read = '/* wye: server=db2 */ SELECT SUM(a) FROM seed'
    query(read, 'rows')
    query('BEGIN')
    query('INSERT INTO t VALUES (70)')
    number, _ = session.prepare(read)
    query('COMMIT')
    before, on_db2 = raw.total(raw.metrics(box), 'wye_retries_total'), sent_to(box, 'db2')
    started = time.monotonic()
    lose(lambda: session.command(wire.EXECUTE, wire.execution(number, ())))
    answer, took = session.results(), time.monotonic() - started
    session.close()
    offline = 1105
    if answer[0][:2] == ('err', offline):  # of the hint: wye has heard of it before it took the EXECUTE
        return None
    assert answer[0][0] == 'rows' and answer[0][2][0].endswith(b'5050'), answer
    retries, sent = raw.total(raw.metrics(box), 'wye_retries_total') - before, sent_to(box, 'db2') - on_db2
    return took if (retries, sent) == (1, 0) else None


def hit(box, lose):
    """Until it was lost at that moment, and at no other."""
    for _ in range(10):
        took = lost_ahead_of_an_execute(box, lose)
        if took is not None:
            return took
        bring_back(box)
    raise AssertionError('the replica was lost ahead of no EXECUTE')


def replica_freezes_ahead_of_an_execute(box):
    def lose(send):
        box.servers[1].freeze()
        send()
    took = hit(box, lose)
    assert took < 8, took


def replica_dies_ahead_of_an_execute(box):
    def lose(send):
        box.wye.process.freeze()  # so that it most likely hears of the EXECUTE first
        try:
            send()
            box.servers[1].kill()
        finally:
            box.wye.process.thaw()
    hit(box, lose)


def primary_dies_while_idle(box):
    """The next write waits until the primary is back."""
    with box.connect(timeout=60) as connection:
        connection.query('DELETE FROM t')
        connection.query('INSERT INTO t VALUES (1)')
        box.primary.kill()
        done = []
        writer = threading.Thread(target=lambda: done.append(attempt(connection, 'INSERT INTO t VALUES (2)')))
        writer.start()
        wait_until(lambda: raw.metrics(box)['wye_held_statements'] == 1, 5, lambda: f'the write is not held: {done}')
        with box.connect(timeout=10) as other:  # logins and reads go on
            assert other.query('SELECT SUM(a) FROM seed').rows == [('5050',)]
        box.primary.start()
        writer.join()
        assert done == ['ok'], done
        assert connection.query('SELECT COUNT(*) FROM t WHERE a IN (1, 2)').rows == [('2',)]


def attempt(connection, sql):
    try:
        connection.query(sql)
        return 'ok'
    except (ServerError, OSError) as error:
        return error


def primary_stays_dead(box):
    with box.connect(timeout=60) as connection:
        connection.query('INSERT INTO t VALUES (3)')
        box.primary.kill()
        started = time.monotonic()
        error = attempt(connection, 'INSERT INTO t VALUES (4)')
        took = time.monotonic() - started
        assert isinstance(error, ServerError) and 'failover.hold' in error.message and 'db1' in error.message, error
        assert HOLD_SECONDS - 1 <= took < HOLD_SECONDS + 3, took
        box.primary.start()
        all_online(box)
        connection.query('INSERT INTO t VALUES (5)')
    assert box.primary.value('SELECT COUNT(*) FROM shop.t WHERE a = 4') == '0'


def primary_restarts_at_once(box):
    """Quicker than anybody looks: the session's connection is gone all the same."""
    with box.connect(timeout=60) as connection:
        for turn in range(3):
            connection.query(f'INSERT INTO t VALUES ({10 + turn})')
            box.primary.restart(kill=True)
            assert attempt(connection, f'INSERT INTO t VALUES ({20 + turn})') == 'ok'
    all_online(box)


def primary_dies_during_a_write(box):
    """Whether it was committed nobody knows: an error says so, and it never runs a second time."""
    with box.connect(timeout=60) as connection:
        outcome = []
        writer = threading.Thread(target=lambda: outcome.append(attempt(connection, 'INSERT INTO t SELECT 30 + SLEEP(3)')))
        before = sent_to(box, 'db1')
        writer.start()
        wait_until(lambda: sent_to(box, 'db1') > before, 5, 'the write does not reach the primary')
        wait_until(lambda: 'SLEEP(3)' in str(box.primary.sql('SHOW PROCESSLIST')), 5, 'it does not run')
        box.primary.kill()
        writer.join()
        assert isinstance(outcome[0], ServerError), outcome
        assert 'unknown' in outcome[0].message and outcome[0].code in (2013, 2006), outcome[0]
        box.primary.start()
        all_online(box)
        assert attempt(connection, 'INSERT INTO t VALUES (31)') == 'ok', 'the session is not usable'
        assert connection.query('SELECT COUNT(*) FROM t WHERE a = 31').rows == [('1',)]
        raw.pace(4)  # as long as a second run would take
    assert box.primary.value('SELECT COUNT(*) FROM shop.t WHERE a = 30') == '0', 'it ran again'


def primary_dies_in_a_transaction(box):
    for end in ('ROLLBACK', 'COMMIT'):
        for idle in (True, False):
            with box.connect(timeout=60) as connection:
                connection.query('BEGIN')
                connection.query('INSERT INTO t VALUES (40)')
                if idle:
                    box.primary.kill()
                else:
                    outcome = []
                    writer = threading.Thread(target=lambda: outcome.append(attempt(connection, 'INSERT INTO t SELECT 41 + SLEEP(3)')))
                    writer.start()
                    wait_until(lambda: 'SLEEP(3)' in str(box.primary.sql('SHOW PROCESSLIST')), 5, 'it does not run')
                    box.primary.kill()
                    writer.join()
                    assert isinstance(outcome[0], ServerError), outcome
                for sql in ('INSERT INTO t VALUES (42)', 'SELECT 1', 'SELECT a FROM seed', 'BEGIN', 'SET @a = 1', 'INSERT INTO t VALUES (43)'):
                    assert isinstance(attempt(connection, sql), ServerError), f'{sql} ran in a lost transaction'
                box.primary.start()
                all_online(box)
                assert isinstance(attempt(connection, 'INSERT INTO t VALUES (44)'), ServerError), 'the primary is back, the transaction is not'
                ended = attempt(connection, end)
                assert ended == 'ok' if end == 'ROLLBACK' else isinstance(ended, ServerError), (end, ended)
                assert attempt(connection, 'INSERT INTO t VALUES (49)') == 'ok'
    assert box.primary.value('SELECT COUNT(*) FROM shop.t WHERE a BETWEEN 40 AND 48') == '0'
    assert box.primary.value('SELECT COUNT(*) FROM shop.t WHERE a = 49') == '4'


def replica_freezes(box):
    """Reads that wait there run elsewhere, in bounded time; new ones do not go there."""
    def step(connection, turn):
        assert connection.query(f'SELECT SUM(a), {turn} FROM seed').rows == [('5050', str(turn))]
    with box.connect(timeout=30) as connection:
        read_from(connection, 'db2')
        loops = [Loop(box, step) for _ in range(6)]
        wait_until(lambda: all(loop.turns > 50 for loop in loops), 20, 'no reads')
        box.servers[1].freeze()
        wait_until(lambda: state_of(box, 'db2')['state'] != 'online', 15, 'nobody notices')
        raw.pace(2)  # the reads shall go on for a while
        started = time.monotonic()
        assert connection.query('SELECT SUM(a) FROM seed').rows == [('5050',)]
        took = time.monotonic() - started
        for loop in loops:
            loop.stop()
        box.servers[1].thaw()
        longest = max(loop.longest for loop in loops)
        print(f'a frozen replica: the longest read took {longest:.1f} s, one begun later {took:.2f} s')
        assert longest < 8 and took < 2, (longest, took)


def primary_freezes(box):
    """Reads go on; a write ends in bounded time, one way or the other, or with the thaw."""
    with box.connect(timeout=60) as connection:
        read_from(connection, 'db2')
        box.primary.freeze()
        wait_until(lambda: state_of(box, 'db1')['state'] != 'online', 15, 'nobody notices')
        started = time.monotonic()
        with box.connect(timeout=20) as other:
            assert other.query('SELECT SUM(a) FROM seed').rows == [('5050',)]
        assert connection.query('SELECT SUM(a) FROM seed').rows == [('5050',)]
        took = time.monotonic() - started
        box.primary.thaw()
        all_online(box)
        assert attempt(connection, 'INSERT INTO t VALUES (60)') == 'ok'
        print(f'the primary frozen: a login and two reads took {took:.1f} s')
        assert took < 5


def own_writes_are_seen(box):
    """30 s: whatever was acknowledged to anybody is seen by every later read, and no session ever goes back, while one replica
    lags now and then. Writes come in bursts, so that the replicas catch up between them and serve."""
    acknowledged, violations, reads = {}, [], [0]

    def session(number):
        mine, seen_before = 1000 * number, {}

        def read(connection, key):
            least = max(acknowledged.get(key, -1), seen_before.get(key, -1))  # before the read begins
            rows = connection.query(f'SELECT v FROM mine WHERE k = {key}').rows
            value = int(rows[0][0]) if rows else -1
            if value < least:
                violations.append((number, key, least, value))
            seen_before[key] = value
            reads[0] += 1

        def step(connection, turn):
            if turn % 300 == 299:
                raw.pace(0.4)  # a session that reads without a pause stays on its replica
            if time.monotonic() % 0.7 < 0.1:
                key = mine + turn % 10
                connection.query(f'REPLACE INTO mine VALUES ({key}, {turn})')
                acknowledged[key] = turn
                read(connection, key)
            else:
                for key in list(acknowledged)[turn % 7::7]:
                    read(connection, key)
        return step
    box.servers[1].lag(1)
    loops = [Loop(box, session(number)) for number in range(6)]
    used = [sent_to(box, name) for name in ('db1', 'db2', 'db3')]
    end, lagging = time.monotonic() + 30, True
    while time.monotonic() < end:
        raw.pace(3)  # the length of the test
        lagging = not lagging
        box.servers[1].lag(1 if lagging else 0)
        if not lagging:  # those that have begun elsewhere may stay there: new ones spread
            wait_until(lambda: state_of(box, 'db2')['state'] == 'online', 10, lambda: f"{state_of(box, 'db2')}")
            loops += [Loop(box, session(len(loops) + n)) for n in range(2)]
    for loop in loops:
        loop.stop()
    box.servers[1].lag(0)
    spread = [int(sent_to(box, name) - before) for name, before in zip(('db1', 'db2', 'db3'), used)]
    print(f'{reads[0]} reads checked; statements on db1, db2, db3: {spread}; {len(violations)} violations', flush=True)
    assert not violations, violations[:5]
    assert reads[0] > 1000 and spread[1] > 50 and spread[2] > 500, (reads, spread)


def no_reads_where_the_applier_is_stopped(box):
    box.servers[1].stop_applier()
    try:
        wait_until(lambda: state_of(box, 'db2')['state'] == 'broken', 10, lambda: f"{state_of(box, 'db2')}")
        before, others = sent_to(box, 'db2'), sent_to(box, 'db3')
        for _ in range(5):
            with box.connect() as connection:
                for _ in range(40):
                    connection.query('SELECT SUM(a) FROM seed')
                connection.query('INSERT INTO t VALUES (70)')
                assert connection.query('SELECT COUNT(*) > 0 FROM t WHERE a = 70').rows == [('1',)]
        assert sent_to(box, 'db2') == before
        assert sent_to(box, 'db3') > others
    finally:
        box.servers[1].start_applier()


def no_reads_where_the_receiver_is_stopped(box):
    box.servers[1].stop_receiver()
    try:
        wait_until(lambda: state_of(box, 'db2')['state'] == 'broken', 10, lambda: f"{state_of(box, 'db2')}")
        before = sent_to(box, 'db2')
        with box.connect() as connection:
            for _ in range(50):
                connection.query('SELECT SUM(a) FROM seed')
        assert sent_to(box, 'db2') == before
    finally:
        box.servers[1].start_receiver()


TESTS = (replica_dies_while_idle, replica_dies_under_reads, replica_dies_with_reads_running, replica_dies_inside_a_result,
         replica_freezes, replica_freezes_ahead_of_an_execute, replica_dies_ahead_of_an_execute, no_reads_where_the_applier_is_stopped,
         no_reads_where_the_receiver_is_stopped, own_writes_are_seen,
         primary_dies_while_idle, primary_stays_dead, primary_restarts_at_once, primary_dies_during_a_write, primary_dies_in_a_transaction,
         primary_freezes)


def main():
    failed, only = 0, sys.argv[1:]
    with Sandbox(wye=True, wye_config={'failover': {'hold': f'{HOLD_SECONDS}s'}}) as box:
        box.primary.sql('CREATE TABLE t (a INT, KEY (a))', 'CREATE TABLE seed (a INT PRIMARY KEY)', 'CREATE TABLE mine (k INT PRIMARY KEY, v INT)',
                        'INSERT INTO seed ' + ' UNION ALL '.join(f'SELECT {n}' for n in range(1, 101)), database='shop')
        for test in TESTS:
            if only and test.__name__ not in only:
                continue
            started = time.monotonic()
            try:
                all_online(box)
                test(box)
                assert box.wye.pid, 'wye has died'
                print(f'PASS {test.__name__} ({time.monotonic() - started:.1f} s)', flush=True)
            except Exception as error:
                failed += 1
                print(f'FAIL {test.__name__}: {error!r}', flush=True)
            bring_back(box)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
