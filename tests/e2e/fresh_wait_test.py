#!/usr/bin/env python3
# deadline: 180
# flavours: mysql mariadb
"""Reads wait for replicas (routing.wait): under steady writes they stay fresh and stay on replicas; a replica that can't catch
up costs them no more than the wait; and what ends a wait: KILL, a client that vanishes, a replica that dies, wye's own end."""
import sys
import threading
import time

from both_ways import Tally
from counted import difference, outcomes, quantile, reads_of, routes, waits
from sandbox import Sandbox, ServerError, wait_until

WAIT = 0.020       # routing.wait's default
READERS = 4
COMMITS = 300      # a second
SECONDS = 8


class Load:
    """One writer, and readers that read as soon as they hear that a write was acknowledged to somebody else."""

    def __init__(self, box, seconds, rate=COMMITS):
        self.box, self.rate, self.end = box, rate, time.monotonic() + seconds
        self.acknowledged, self.news, self.over = 0, threading.Condition(), threading.Event()
        self.stale, self.times, self.errors, self.reads, self.backwards = [], [], [], 0, 0

    def write(self):
        with self.box.connect() as c:
            begun, n = time.monotonic(), int(c.query('SELECT n FROM fresh FOR UPDATE').rows[0][0])
            first = n
            while time.monotonic() < self.end:
                n += 1
                c.query(f'UPDATE fresh SET n = {n}')
                with self.news:
                    self.acknowledged = n
                    self.news.notify_all()
                ahead = begun + (n - first) / self.rate - time.monotonic()
                if ahead > 0:
                    self.over.wait(ahead)
            self.commits = n - first
            self.took = time.monotonic() - begun

    def read(self):
        with self.box.connect() as c:
            seen = last = 0
            while time.monotonic() < self.end:
                with self.news:
                    self.news.wait_for(lambda: self.acknowledged > seen, 1)
                    needed = seen = self.acknowledged
                began = time.monotonic()
                got = int(c.query('SELECT n FROM fresh').rows[0][0])
                self.times.append(time.monotonic() - began)
                self.reads += 1
                self.backwards += got < last
                last = got
                if got < needed:
                    self.stale.append((got, needed))

    def run(self):
        def guarded(work):
            try:
                work()
            except Exception as e:
                self.errors.append(repr(e))
        threads = [threading.Thread(target=guarded, args=(w,)) for w in [self.write] + [self.read] * READERS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self


def healthy(box):
    box.sync()
    wait_until(lambda: [row['state'] for row in box.wye.admin('SHOW SERVERS')] == ['online'] * 3, 20,
               lambda: f"the servers: {box.wye.admin('SHOW SERVERS')}")


def measured(box, load):
    before = routes(box), waits(box), outcomes(box)
    load.run()
    after = routes(box), waits(box), outcomes(box)
    counts, waited, ended = (difference(a, b) for a, b in zip(after, before))
    on_replicas, behind, all_reads = reads_of(counts)
    times = sorted(load.times) or [0]
    print(f'  {load.commits} commits, {load.commits / load.took:.0f}/s; {load.reads} reads, stale {len(load.stale)}, behind the one before {load.backwards}; on replicas {on_replicas} of '
          f'{all_reads} ({100 * on_replicas / max(all_reads, 1):.1f} %), {counts}', flush=True)
    print(f'  waited: {ended}; p50 <= {1000 * quantile(waited, 0.5):.2f} ms, p99 <= {1000 * quantile(waited, 0.99):.2f} ms, longest <= '
          f'{1000 * quantile(waited, 1):.2f} ms; reads as the clients saw them: p50 {1000 * times[len(times) // 2]:.2f} ms, '
          f'p99 {1000 * times[len(times) * 99 // 100]:.2f} ms, longest {1000 * times[-1]:.2f} ms', flush=True)
    return on_replicas, all_reads, waited, ended


def under_load(box, tally):
    """Every read sees what was acknowledged before it was sent; and replicas serve them."""
    # Replicas are healthy where they get the processor: on a machine with other work for it, one of three times must show it.
    for _ in range(3):
        load = Load(box, SECONDS)
        on_replicas, all_reads, waited, ended = measured(box, load)
        tally.check('no error', load.errors and load.errors[0])
        tally.check('no stale read', load.stale and f'{len(load.stale)}, e.g. read {load.stale[0][0]} after {load.stale[0][1]}')
        if on_replicas >= 0.95 * all_reads:
            break
    tally.check('enough of them', load.reads < 500 and f'{load.reads} reads')
    tally.check('they run on replicas', on_replicas < 0.95 * all_reads and f'{on_replicas} of {all_reads}')
    tally.check('some waited', not ended.get('covered') and f'{ended}')


def without_waiting(box, tally):
    """What it is good for: the same load with routing.wait: 0."""
    configure(box, '0ms')
    load = Load(box, 3)
    on_replicas, all_reads, _, ended = measured(box, load)
    tally.check('without waiting: no stale read', load.errors or load.stale)
    tally.check('without waiting: nobody waits', ended and f'{ended}')
    tally.check('without waiting: the primary reads', on_replicas > 0.9 * all_reads and f'{on_replicas} of {all_reads} on replicas: the test above shows nothing')


def stopped_appliers(box, tally):
    """A replica that doesn't move costs its reads the wait at most, and soon nothing; none is stale."""
    for stopped in (box.replicas[:1], box.replicas):
        what = f'{len(stopped)} of {len(box.replicas)} appliers stopped'
        load = Load(box, 4)
        timer = threading.Timer(1.5, lambda: [replica.stop_applier() for replica in stopped])
        timer.start()
        on_replicas, all_reads, waited, ended = measured(box, load)
        timer.join()
        tally.check(f'{what}: no error, no stale read', load.errors or load.stale)
        # A bucket's upper bound above the wait, and a machine that does other things.
        slow = sum(n for bound, n in waited.items() if bound > 2 * WAIT + 0.025)
        tally.check(f'{what}: no read waits longer', slow > 0.002 * all_reads and f'{waited}')
        tally.check(f'{what}: few wait in vain', ended.get('timeout', 0) > 0.05 * all_reads and f'{ended} of {all_reads}')
        for replica in stopped:
            replica.start_applier()
        healthy(box)


def checker_can_see(box, tally):
    """Where nothing is promised, the same load does find stale reads."""
    configure(box, '20ms', 'eventual')
    load = Load(box, 2)
    measured(box, load)
    tally.check('consistency=eventual: stale reads are seen', load.errors or (not load.stale and 'none'))


def configure(box, wait, consistency='global'):
    box.wye.create(box.servers, {'workers': 2, 'routing': {'wait': wait, 'consistency': consistency}})
    box.wye.restart()
    healthy(box)
    with box.connect() as c:  # so that the monitor's next look is no surprise
        wait_until(lambda: c.query('EXPLAIN ROUTE SELECT n FROM fresh').rows[0][1] == 'replica', 10, 'reads to go to replicas')


class Waiting:
    """A read that waits for a replica, in a thread; the replicas are some seconds behind."""

    def __init__(self, box, sql='SELECT n FROM fresh'):
        self.connection, self.seen = box.connect(), None
        with box.connect() as writer:
            writer.query('UPDATE fresh SET n = n + 1')
            self.needed = int(writer.query('SELECT n FROM fresh FOR UPDATE').rows[0][0])
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.read, args=(sql,))
        self.thread.start()
        wait_until(lambda: states(box)[self.connection.thread_id] == 'waiting', 5, lambda: f'the read does not wait: {states(box)}, {self.seen}')

    def read(self, sql):
        try:
            self.seen = self.connection.query(sql).rows
        except (ServerError, OSError) as e:
            self.seen = e
        self.took = time.monotonic() - self.began

    def end(self, seconds=15):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), 'the read still waits'
        return self.seen


def states(box):
    return {int(row['id']): row['state'] for row in box.wye.admin('SHOW SESSIONS')}


def delayed(box, seconds):
    for replica in box.replicas:
        replica.lag(seconds)  # which stops its applier for a moment, and wye may have seen that
    begun = time.monotonic()
    observed = lambda: [row['state'] for row in box.wye.admin('SHOW SERVERS')] == ['online'] * 3 and time.monotonic() - begun > 0.25
    wait_until(observed, 10, lambda: f"the servers: {box.wye.admin('SHOW SERVERS')}")


def waits_for_the_replica(box):
    """It sees the write, on a replica, as soon as it is there."""
    waiting = Waiting(box)
    with box.connect() as c:
        verdicts = {row['candidate']: row['verdict'] for row in c.query('EXPLAIN ROUTE SELECT n FROM fresh').dicts()}
        assert list(verdicts.values())[1:] == ['behind, would wait'] * 2, verdicts
    before = routes(box)
    assert waiting.end() == [(str(waiting.needed),)], (waiting.seen, waiting.needed)
    assert 0.5 < waiting.took < 10, waiting.took
    assert difference(routes(box), before) == {('replica', 'replica_read'): 1}, difference(routes(box), before)
    box.sync()


def read_only_transaction(box):
    """It waits where it begins, and again at its first read; later reads see what that one saw."""
    with box.connect() as c, box.connect() as writer:
        writer.query('UPDATE fresh SET n = n + 1')
        c.query('START TRANSACTION READ ONLY')
        writer.query('UPDATE fresh SET n = n + 1')
        needed = writer.query('SELECT n FROM fresh FOR UPDATE').rows
        before = routes(box)
        assert c.query('SELECT n FROM fresh').rows == needed
        writer.query('UPDATE fresh SET n = n + 1')
        assert c.query('SELECT n FROM fresh').rows == needed
        c.query('COMMIT')
        moved = {key: n for key, n in difference(routes(box), before).items() if key[1] == 'read_only_transaction'}
        assert moved == {('replica', 'read_only_transaction'): 3}, difference(routes(box), before)
    box.sync()


def killed(box):
    """KILL QUERY ends the wait, not the session; KILL ends both."""
    for kill in ('KILL QUERY', 'KILL'):
        waiting = Waiting(box)
        with box.connect() as killer:
            killer.query(f'{kill} {waiting.connection.thread_id}')
        seen = waiting.end(3)
        if kill == 'KILL QUERY':
            assert isinstance(seen, ServerError) and seen.code == 1317, seen
            assert waiting.connection.query('SELECT 1 FROM fresh FOR UPDATE').rows == [('1',)]
        else:
            assert isinstance(seen, (ServerError, OSError)), seen
        box.sync()


def client_vanishes(box):
    """Its session ends at once."""
    waiting = Waiting(box)
    waiting.connection._sock.shutdown(2)
    wait_until(lambda: waiting.connection.thread_id not in states(box), 3, lambda: f'the session goes on: {states(box)}')
    waiting.end()
    box.sync()


def replicas_die(box):
    """Nobody is left who could be waited for: the primary runs the read at once."""
    waiting = Waiting(box)
    for replica in box.replicas:
        replica.kill()
    assert waiting.end() == [(str(waiting.needed),)], waiting.seen
    assert waiting.took < 5, waiting.took


def first_read_moves(box):
    """The replica of a READ ONLY transaction stops before anything was read in it: the transaction begins again on the primary."""
    with box.connect() as c, box.connect() as writer:
        for prepared in (False, True):
            c.query('START TRANSACTION READ ONLY')
            for replica in box.replicas:
                replica.stop_applier()
            writer.query('UPDATE fresh SET n = n + 1')
            needed = writer.query('SELECT n FROM fresh FOR UPDATE').rows
            before = routes(box)
            if prepared:
                try:
                    c.query('SELECT nothing FROM fresh')
                    raise AssertionError('no error')
                except ServerError as e:
                    assert e.code == 1054, e
            assert c.query('SELECT n FROM fresh').rows == needed
            writer.query('UPDATE fresh SET n = n + 1')
            assert c.query('SELECT n FROM fresh').rows == needed, 'it is no transaction any more'
            try:
                c.query('UPDATE fresh SET n = 0')
                raise AssertionError('it may write')
            except ServerError as e:
                assert e.code == 1792, e
            c.query('COMMIT')
            assert int(c.query('SELECT n FROM fresh').rows[0][0]) == int(needed[0][0]) + 1
            assert not any(route == 'replica' for route, _ in difference(routes(box), before)), difference(routes(box), before)
            for replica in box.replicas:
                replica.start_applier()
            healthy(box)
            wait_until(lambda: c.query('EXPLAIN ROUTE SELECT n FROM fresh').rows[0][1] == 'replica', 10, 'reads to go to replicas')


def wye_ends(box):
    """A read that waits does not keep wye from ending."""
    waiting = Waiting(box)
    began = time.monotonic()
    assert box.wye.stop() == 0
    assert time.monotonic() - began < 15
    waiting.end()
    box.wye.start()
    healthy(box)


def main():
    tally = Tally()
    with Sandbox(wye=True, wye_config={'workers': 2}) as box:
        box.primary.sql('CREATE TABLE shop.fresh (n INT NOT NULL)', 'INSERT INTO shop.fresh VALUES (0)')
        healthy(box)
        under_load(box, tally)
        stopped_appliers(box, tally)
        tally.call(first_read_moves, box)
        without_waiting(box, tally)
        checker_can_see(box, tally)
        configure(box, '10s')
        delayed(box, 1)
        tally.call(waits_for_the_replica, box)
        tally.call(read_only_transaction, box)
        delayed(box, 3)
        for test in (killed, client_vanishes, wye_ends, replicas_die):
            tally.call(test, box)
    sys.exit(1 if tally.failed else 0)


if __name__ == '__main__':
    main()
