"""An application with a pool of sessions, one process of it: writes go out on one session, reads of the same rows on any other. All sessions of the process
take turns in one loop, each with a statement on its way; what every read had to see is known when it is sent (reads.py checks it)."""
import collections
import random
import select
import time

import wire
from client import ServerError
from flavours import APP, APP_PASSWORD, DATABASE

from ledger import now
from reads import Reads
from writes import Writes

HUNG = 60  # seconds that no statement may take, whatever happens to replicas
COUNTERS = ('statements', 'writes', 'sessions', 'resets', 'lost', 'reads',
            'global', 'session', 'monotonic', 'eventual', 'rows', 'text', 'prepared', 'autocommit', 'read only', 'in writers',
            'server 1', 'server 2', 'server 3', 'broken off', 'trouble',
            'stale global', 'stale session', 'stale monotonic', 'stale eventual', 'stale impossible', 'older session', 'older monotonic')
INDEX = {name: i for i, name in enumerate(COUNTERS)}


class Session(Reads, Writes):
    def __init__(self, process, number):
        self.process, self.number, self.ledger, self.random = process, number, process.ledger, process.random
        self.wire, self.since, self.statements, self.rests = None, 0, {}, False
        self.path = self.life()

    # what it does

    def life(self):
        while not self.ledger.over:
            try:
                self.open()
                for _ in range(self.random.randrange(40, 1200)):
                    if self.ledger.over or self.tired:
                        break
                    if self.process.may_write():
                        yield from self.write()
                    elif self.process.may_read():
                        yield from self.read()
                    else:
                        yield from self.rest()
                        continue
                    if self.random.random() < 0.001:
                        yield from self.renew()
            except OSError as error:
                self.process.trouble('the connection was lost', f'{type(error).__name__}: {error}', self)
                self.count('lost')
            except ServerError as error:
                self.process.trouble('it can\'t log in', str(error), self)
                self.count('lost')
            finally:
                self.give_up()
                if self.wire:
                    self.process.forget(self)
                    self.wire.close()
                    self.wire = None

    def rest(self):
        self.process.resting.append(self)
        self.rests = True
        yield
        self.rests = False

    def open(self):
        self.wire = wire.Wire(self.process.port, APP, APP_PASSWORD, DATABASE, timeout=HUNG)
        self.count('sessions')
        self.begin_anew()
        self.process.watch(self)

    def begin_anew(self):
        """What it has written and seen, nothing so far."""
        self.name = self.process.next_name()
        self.own, self.seen, self.floor, self.floor_row = {}, {}, 0, None
        self.last, self.statements, self.doing, self.tired = [], {}, [], False

    def renew(self):
        """As a pool does between two users: a session that knows of nothing."""
        self.count('resets')
        if self.random.random() < 0.5:
            yield from self.command(wire.RESET)
        else:
            self.wire.change_user(APP, APP_PASSWORD, DATABASE)
        self.begin_anew()

    # statements

    def command(self, code, payload=b''):
        self.since = now()
        self.wire.command(code, payload)
        yield
        self.since = 0
        self.count('statements')
        return self.wire.results()

    def query(self, text):
        return (yield from self.command(wire.QUERY, text.encode()))

    def execute(self, text, *values):
        number = self.statements.get(text)
        if number is None:
            self.since = now()
            number, answer = self.wire.prepare(text)
            self.since = 0
            if number is None:
                return answer
            self.statements[text] = number
        return (yield from self.command(wire.EXECUTE, wire.execution(number, values)))

    def count(self, name, by=1):
        self.ledger.count(self.process.number, INDEX[name], by)


class Process:
    """`consistency`: None, or what wye is configured with; then nothing is hinted."""

    def __init__(self, options, number, port, ledger, reports, hints):
        self.number, self.port, self.ledger, self.reports, self.hints = number, port, ledger, reports, hints
        self.options, self.random = options, random.Random(f'{options.seed}/{number}')
        self.per_second, self.reads_per_second = options.commits / options.processes, options.reads_per_second / options.processes
        self.views_from = ledger.rows - options.views
        self.mine = [row for row in range(ledger.rows) if row % options.processes == number]
        self.busy, self._named, self._said = set(), 0, {}
        self.started = self.next_write = self.next_read = time.monotonic()
        self.resting = collections.deque()  # sessions that wait until something may be done
        self._poll, self._by_fd = select.epoll(), {}

    def run(self):
        sessions = [Session(self, n) for n in range(self.options.sessions)]
        for session in sessions:
            self.step(session)
        checked = time.monotonic()
        while self._by_fd:
            for fd, _ in self._poll.poll(min(max(self.next_turn() - time.monotonic(), 0), 0.5) if self.resting else 0.5):
                if fd in self._by_fd and not self._by_fd[fd].rests:
                    self.step(self._by_fd[fd])
            while self.resting and (self.ledger.over or time.monotonic() >= self.next_turn()):
                self.step(self.resting.popleft())
            if time.monotonic() - checked > 5:
                checked = time.monotonic()
                self.hung()
        for session in sessions:
            session.path.close()

    def step(self, session):
        try:
            next(session.path)
        except StopIteration:
            pass

    def hung(self):
        for session in list(self._by_fd.values()):
            if session.since and now() - session.since > HUNG * 1e9:
                self.trouble('no answer', f'for {HUNG} s', session)
                self.forget(session)
                session.path.close()

    def watch(self, session):
        fd = session.wire._sock.fileno()
        self._by_fd[fd] = session
        self._poll.register(fd, select.EPOLLIN)

    def forget(self, session):
        for fd, known in list(self._by_fd.items()):
            if known is session:
                del self._by_fd[fd]
                self._poll.unregister(fd)

    def next_name(self):
        self._named += 1
        return self.number * 1_000_000 + self._named

    def may_write(self):
        if time.monotonic() < self.next_write:
            return False
        self.next_write = max(self.next_write + 1 / self.per_second, time.monotonic() - 1)
        return True

    def may_read(self):
        if not self.reads_per_second:
            return True
        if time.monotonic() < self.next_read:
            return False
        self.next_read = max(self.next_read + 1 / self.reads_per_second, time.monotonic() - 1)
        return True

    def next_turn(self):
        return min(self.next_write, self.next_read)

    def free_row(self, views=False):
        """One of this process that no other session writes now; None: all are taken."""
        for _ in range(8):
            row = self.random.choice(self.mine)
            if row not in self.busy and (row >= self.views_from) == views:
                self.busy.add(row)
                return row
        return None

    # reports

    def trouble(self, what, text, session):
        """What should not happen, and is no stale read."""
        self.ledger.count(self.number, INDEX['trouble'])
        if self.ledger.total(INDEX['trouble']) > 500:
            self.ledger.finish()
        self.tell(f'trouble: {what}: {text[:24]}', what=f'trouble: {what}', text=text, at=now(), session=session.name, thread=getattr(session.wire, 'thread_id', 0),
                  last=list(session.last), doing=list(session.doing))

    def tell(self, kind, **facts):
        self._said[kind] = self._said.get(kind, 0) + 1
        if self._said[kind] <= 5:
            self.reports.put({'kind': kind, **facts})
