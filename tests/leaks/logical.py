"""A session that knows all that it may see: what it has set and made itself, and of everything else what a new connection has. Each thing that it does is a generator
that stops before each statement, so that others go on meanwhile: with their own statements, or with the same state of their own."""
import time

import wire
from answer import Answer
from client import ServerError
from ops import FOUND_ROWS, IGNORE_SPACE
from subjects import Subjects

PASSWORD = 'leaks-secret'
IN_TRANSACTION, AUTOCOMMIT, READ_ONLY = 0x1, 0x2, 0x2000
# Errors that say by themselves what another session's state does to this one.
BY_ERROR = {1099: 'table lock', 1100: 'table lock', 1399: 'XA', 1398: 'XA', 1440: 'XA', 1792: 'access mode', 1142: 'rights', 1044: 'rights', 1370: 'rights', 1568: 'transaction'}
REFUSED = 1040, 1203, 1226, 3168, 1205  # no connection: no leak


class Mismatch(Exception):
    def __init__(self, subject, expected, got, statement):
        super().__init__(subject)
        self.subject, self.expected, self.got, self.statement = subject, expected, got, statement


class Gone(Exception):
    """The client goes away in the middle of whatever it does."""


class Logical(Subjects):
    """`house`: what all sessions of the process share (interleave.py)."""

    def __init__(self, house, slot):
        self.house, self.slot, self.random = house, slot, house.random
        self.wire, self.account, self.name, self.pinned = None, None, f'slot{slot}', False
        self.sleeps_until = 0
        self.path = self.life()

    def life(self):
        while not self.house.over:
            try:
                yield from self.open()
                for _ in range(self.random.randrange(5, 120)):
                    if self.house.over:
                        break
                    yield from self.something()
                self.house.committed[self.name] = self.committed
            except Mismatch as mismatch:
                self.house.mismatch(self, mismatch)
            except (OSError, ServerError) as error:
                self.house.lost(self, error)
            except Gone:
                self.house.committed[self.name] = self.committed
            self.house.end(self)

    def something(self):
        if not self.house.shared and self.random.random() < 0.04:  # idle with all that it has, while the others work
            self.sleeps_until = self.house.steps + self.random.randrange(100, 1500)
            yield from self.everything()
        elif self.random.random() < 0.02:
            yield from self.renew()
        else:
            subject = self.random.choice(self.subjects)
            self.subject = subject
            yield from getattr(self, f"do_{subject.replace(' ', '_')}")()

    def everything(self):
        """Whatever it may see, all at once."""
        for subject in self.random.sample(self.subjects, len(self.subjects)):
            probe = getattr(self, f"see_{subject.replace(' ', '_')}", None)
            if probe:
                self.subject = subject
                yield from probe()

    def open(self):
        yield
        self.house.number += 1
        self.name = f'{self.house.name}.{self.slot}.{self.house.number}'
        self.subjects, self.account = self.house.focus(self), self.house.account()
        self.flags = self.random.choice((0, 0, FOUND_ROWS, IGNORE_SPACE, FOUND_ROWS | IGNORE_SPACE)) if self.house.mixed_flags else 0
        database = self.random.choice((None, 'leaks_a', 'leaks_b'))
        self.wire = self.house.connect(self, database)
        self.house.trail(self, f'-- logs in as {self.account}, schema {database}, flags {self.flags:#x}', '')
        self.forget('login', database)

    def forget(self, how, database):
        """As after a login, a reset or a change of user."""
        self.schema, self.pinned, self.in_transaction, self.autocommit = database, False, False, True
        self.variables = {} if how == 'login' else dict.fromkeys(('@u1', '@u2', '@u3'))
        self.settings = dict(self.house.base(self.flags, how))
        self.temporary, self.locks, self.text_prepared, self.prepared, self.handler = {}, set(), None, {}, False
        self.insert_id, self.timestamp, self.role = 0, None, self.role if how == 'reset' else None
        self.committed = getattr(self, 'committed', 0) if how == 'reset' else 0
        self.names = None

    def renew(self):
        """COM_RESET_CONNECTION or COM_CHANGE_USER: the session goes on, as somebody who has nothing."""
        yield
        if self.in_transaction:
            return
        for lock in self.locks:
            self.house.release(lock)
        if self.random.random() < 0.5:
            self.house.trail(self, '-- COM_RESET_CONNECTION', '')
            self.checked(self.wire.simple(wire.RESET)[0], 'COM_RESET_CONNECTION', None)
            self.forget('reset', self.schema)
            yield from self.plain_mode()
            return
        self.house.committed[self.name] = self.committed
        self.account, database = self.house.account(), self.random.choice(('', 'leaks_a', 'leaks_b'))
        self.house.trail(self, f'-- COM_CHANGE_USER {self.account} {database}', '')
        self.wire.change_user(self.account, PASSWORD, database)
        role = self.role
        self.house.number += 1
        self.name = f'{self.house.name}.{self.slot}.{self.house.number}'
        self.forget('change', database or None)
        if self.house.flavour == 'mariadb' and role:  # tried: it survives there, behind wye it does not
            yield from self.sql('SET ROLE NONE')
            self.role = None
        yield from self.plain_mode()

    def plain_mode(self):
        """CLIENT_IGNORE_SPACE on MariaDB: a reset and a change of user take it out of sql_mode, behind wye not everywhere."""
        if self.house.flavour == 'mariadb' and self.flags & IGNORE_SPACE:
            yield from self.sql("SET SESSION sql_mode = ''")
            self.settings['sql_mode'] = ''

    def may_pin(self):
        """State that needs a connection of its own is kept by a few at a time: there are no more connections than that."""
        if not self.pinned and self.house.pinned() >= self.house.options.pinned:
            return False
        self.pinned = True
        return True

    # statements

    def sql(self, text, code=None, subject=None):
        yield
        if self.random.random() < 0.002 and not self.house.shared:
            raise Gone
        return self.checked(self.wire.simple(wire.QUERY, text.encode())[-1], text, code, subject)

    def run(self, number, values=(), code=None):
        yield
        return self.checked(self.wire.simple(wire.EXECUTE, wire.execution(number, values))[-1], f'EXECUTE {number}', code)

    def noted(self, result, text):
        answer = Answer(result)
        self.house.statement(self, text, answer)
        return answer

    def checked(self, result, text, code, subject=None):
        answer = self.noted(result, text)
        if answer.error in REFUSED and code != answer.error:
            raise ServerError(answer.error, '', f'{answer.message} ({text})')
        if answer.error != code:
            raise Mismatch(BY_ERROR.get(answer.error) or subject or self.subject, f'error {code}' if code else 'no error', answer.brief(), text)
        if answer.status is not None and self.in_transaction is not None:
            expected = (IN_TRANSACTION if self.in_transaction else 0) | (AUTOCOMMIT if self.autocommit else 0)
            if answer.status & (IN_TRANSACTION | AUTOCOMMIT | READ_ONLY) != expected:
                raise Mismatch('transaction', f'status flags {expected:#x}', f'{answer.status:#x}', text)
        return answer

    def same(self, expected, got, text, subject=None):
        if expected != got:
            raise Mismatch(subject or self.subject, expected, got, text)

    def ask(self, text, *expected, subject=None):
        """One row, and what must be in it."""
        answer = yield from self.sql(text, subject=subject)
        self.same([tuple(expected)], answer.rows, text, subject)

    def now(self):
        return time.time()
