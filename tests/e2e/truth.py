"""How far behind a replica really is: a process writes heartbeats to the primary, others read them on the replicas, all by one
monotonic clock and past wye. What wye says at a moment is then held against what can have been true at that moment."""
import bisect
import ctypes
import multiprocessing
import time

LANES = 4          # tables; beat n is written to table n % LANES, so that beats can overtake each other on a replica
MOST = 400_000     # beats, and readings of a replica
NEVER = float('inf')
FORK = multiprocessing.get_context('fork')
now = time.monotonic


TABLES = [f'shop.beat{lane}' for lane in range(LANES)]
READ = 'SELECT ' + ', '.join(f'(SELECT MAX(n) FROM {table})' for table in TABLES)


def schema():
    return [statement for lane, table in enumerate(TABLES) for statement in (
        f'CREATE TABLE {table} (id BIGINT PRIMARY KEY, n BIGINT NOT NULL, KEY (n)) ENGINE=InnoDB', f'INSERT INTO {table} VALUES (1, {lane})')]


def quietly(work, *args):
    """In a process of its own: whose server has gone with the sandbox needs no trace on the screen."""
    try:
        work(*args)
    except OSError as error:
        raise SystemExit(f'{work.__qualname__}: {error}') from None


class Beats:
    """The primary's: when each beat was sent and acknowledged. It was committed in between."""

    def __init__(self, primary, every):
        self.sent, self.acked = FORK.Array(ctypes.c_double, MOST, lock=False), FORK.Array(ctypes.c_double, MOST, lock=False)
        self.begun, self.done = FORK.Value('q', LANES - 1, lock=False), FORK.Value('q', LANES - 1, lock=False)
        self.wanted, self.state = FORK.Array(ctypes.c_char, 16, lock=False), FORK.Array(ctypes.c_char, 16, lock=False)
        self.apart = FORK.Value('i', 0, lock=False)
        self.process = FORK.Process(target=quietly, args=(self._write, primary, every), daemon=True)
        self.process.start()

    def to(self, mode):
        """beat | pause | seldom (one beat more to the second table, and then only to the others) | end; returns when it is so."""
        self.wanted.value = mode.encode()
        end = now() + 30
        while self.state.value != self.wanted.value:
            if now() > end or self.process.exitcode is not None:
                raise RuntimeError(f'no heartbeats: {self.process.exitcode}')
            time.sleep(0.005)  # lint: poll
        return self

    def domains(self, apart):
        """MariaDB: each table's beats in a replication domain of their own, or not. While they pause."""
        self.apart.value = apart

    def _write(self, primary, every):
        connections, due, apart = [primary.connect() for _ in range(LANES)], now(), 0
        written = False
        while self.state.value != b'end':
            if self.wanted.value != self.state.value:
                written = False
                if self.apart.value != apart:
                    apart = self.apart.value
                    for lane, connection in enumerate(connections):
                        connection.query(f'SET SESSION gtid_domain_id = {lane + 1 if apart else 0}')
                self.state.value = self.wanted.value
            due = max(due + every, now() - every)
            time.sleep(max(0, due - now()))  # lint: poll, at the heartbeat's pace
            if self.state.value in (b'beat', b'seldom'):
                n = self.done.value + 1
                if n % LANES == 1 and self.state.value == b'seldom':
                    if written:
                        self._skip(n)
                        continue
                    written = True
                self._beat(connections[n % LANES], n)

    def _beat(self, connection, n):
        self.sent[n] = now()
        self.begun.value = n
        # MySQL's appliers let nothing overtake that depends on what came later than the one that waits: new rows depend on nothing.
        overtakes = self.state.value == b'seldom' and n % LANES != 1
        connection.query(f'INSERT INTO {TABLES[n % LANES]} VALUES ({n}, {n})' if overtakes else f'UPDATE {TABLES[n % LANES]} SET n = {n} WHERE id = 1')
        self.acked[n] = now()
        self.done.value = n

    def _skip(self, n):
        self.sent[n] = self.acked[n] = NEVER
        self.begun.value = self.done.value = n


class Readings:
    """One replica's: what beats it showed, and when. Also what it says itself of its lag, in seconds."""

    def __init__(self, replica, every):
        self.table = [FORK.Array(ctypes.c_double, MOST, lock=False) for _ in range(2 + LANES)]
        self.count, self.going = FORK.Value('q', 0, lock=False), FORK.Value('q', 1, lock=False)
        self.own, self.own_count = [FORK.Array(ctypes.c_double, MOST, lock=False) for _ in range(3)], FORK.Value('q', 0, lock=False)
        self.process = FORK.Process(target=quietly, args=(self._read, replica, every), daemon=True)
        self.process.start()

    def _read(self, replica, every):
        connection, due, turn = replica.connect(), now(), 0
        status = replica.flavour.status
        while self.going.value:
            began = now()
            beats = connection.query(READ).rows[0]
            at = self.count.value
            for column, value in zip(self.table, (began, now(), *map(float, beats))):
                column[at] = value
            self.count.value = at + 1
            if turn % 10 == 0:
                self._ask(connection, status, replica.flavour.status_keys['lag'])
            turn, due = turn + 1, max(due + every, now() - every)
            time.sleep(max(0, due - now()))  # lint: poll, at the readings' pace

    def _ask(self, connection, status, column):
        began, said = now(), connection.query(status).dicts()[0][column]
        at = self.own_count.value
        for row, value in zip(self.own, (began, now(), -1 if said is None else float(said))):
            row[at] = value
        self.own_count.value = at + 1

    def said_itself(self, since, until):
        """(asked, answered, milliseconds or None) of the server's own figure."""
        rows = zip(*(column[:self.own_count.value] for column in self.own))
        return [(a, b, None if s < 0 else 1000 * s) for a, b, s in rows if since <= a and b <= until]


class Truth:
    """What can have been true of one replica, in milliseconds."""

    def __init__(self, beats, readings):
        self.sent, self.acked, self.last = beats.sent, beats.acked, beats.begun.value
        self.acknowledged = beats.done.value
        count = readings.count.value
        columns = [column[:count] for column in readings.table]
        self.began, self.ended, self.lanes = columns[0], columns[1], list(zip(*columns[2:]))

    def _missing_since(self, lanes, times, last):
        """When the first beat that is not there was sent (or acknowledged); absent: NEVER."""
        since = NEVER
        for shown in lanes:
            n = int(shown) + LANES
            while n <= last and times[n] == NEVER:
                n += LANES
            if n <= last:
                since = min(since, times[n])
        return since

    def between(self, asked, answered):
        """(least, most) that its lag can have been at some moment from `asked` to `answered`; None: it was not read."""
        before = bisect.bisect_right(self.ended, asked) - 1
        after = bisect.bisect_left(self.began, answered)
        if before < 0 or after >= len(self.lanes):
            return None
        least = asked - self._missing_since(self.lanes[after], self.acked, self.acknowledged)
        most = answered - self._missing_since(self.lanes[before], self.sent, self.last)
        return max(0, 1000 * least), max(0, 1000 * most)


class Errors:
    """Of what was said of one replica in one phase, in milliseconds; negative: it was said to be nearer than it was."""

    def __init__(self, name):
        self.name, self.unknown, self.all, self.truths, self.unsure = name, 0, [], [], []

    def add(self, truth, said):
        """`said`: (asked, answered, milliseconds or None)."""
        for asked, answered, lag in said:
            bounds = truth.between(asked, answered) if lag is not None else None
            if bounds:
                least, most = bounds
                self.all.append(lag - most if lag > most else min(0, lag - least))
                self.truths.append(most)
                self.unsure.append(most - least)
            elif lag is None:
                self.unknown += 1
        return self

    def share(self, share, of=abs):
        values = sorted(of(error) for error in self.all)
        return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0

    def too_low(self, share=1):
        return self.share(share, lambda error: max(0, -error))

    def too_high(self, share=1):
        return self.share(share, lambda error: max(0, error))

    def __str__(self):
        unsure = sorted(self.unsure)[len(self.unsure) // 2] if self.unsure else 0
        return (f'{self.name:46} {len(self.all):5} known {self.unknown:4} unknown; truth up to {max(self.truths, default=0):5.0f}; error p50 {self.share(0.5):5.0f} '
                f'p99 {self.share(0.99):5.0f}; p99 and most: too low {self.too_low(0.99):5.0f} {self.too_low():5.0f}, too high {self.too_high(0.99):5.0f} '
                f'{self.too_high():5.0f} ms (seen to {unsure:.0f})')
