"""One process: its sessions take turns, one statement each. What all of them know of each other: who holds which lock, and what was said last."""
import collections
import random
import time

import wire
from client import ServerError
from logical import PASSWORD, Logical
from subjects import CHARSET_VARIABLES, CHARSETS, SUBJECTS, settings

LOCK_SECONDS = 5     # a closed session's locks are free after that
TRAIL = 1200


class House:
    """`port`: where sessions log in. `shared`: pairs of sessions have one connection between them, which must show. `accounts`: of the sessions."""

    def __init__(self, options, flavour, number, port, primary_port, accounts, shared, statements, reports, done):
        self.options, self.flavour, self.port, self.shared, self.statements = options, flavour, port, shared, statements
        self.accounts, self.reports, self._done, self._number = accounts, reports, done, number
        self.random = random.Random(f'{options.seed}/{number}/{accounts}')
        self.name, self.number, self.steps, self.said = f'{"pq"[len(accounts) - 1]}{number}', 0, 0, 0  # names do not come again in the other part
        self.mixed_flags = not shared or len(accounts) > 1  # on a shared connection they belong to the first, and one subject would drown the others
        self.settings = settings(flavour)
        self.committed = {}  # rows that each session has committed until its end
        self.holders, self.limbo, self._trail = {}, {}, collections.deque(maxlen=max(TRAIL, options.trail))
        self._bases, self.names, self._shown, self._pairs, self._focus = {}, {}, {}, {}, {}
        self.learn(primary_port)
        self.sessions = [Logical(self, slot) for slot in range(number * options.sessions, (number + 1) * options.sessions)]

    # what is normal

    def learn(self, port):
        """What a connection has after a login, a reset and a change of user, seen directly on the primary."""
        names = [*self.settings, *CHARSET_VARIABLES]
        query = lambda client, text: [None if cell is None else cell.decode('latin-1') for cell in wire.cells(client.simple(wire.QUERY, text.encode())[0][2][0])]
        variables = 'SELECT ' + ', '.join(f'@@SESSION.{name}' for name in names)
        for flags in (0, 2, 0x100, 0x102):
            client = wire.Wire(port, 'leaks_one', PASSWORD, flags=flags)
            for how in ('login', 'reset', 'change'):
                if how == 'reset':
                    client.simple(wire.RESET)
                elif how == 'change':
                    client.change_user('leaks_one', PASSWORD)
                self._bases[flags, how] = dict(zip(names, query(client, variables)))
            if not flags:
                for name in CHARSETS:
                    client.simple(wire.QUERY, f'SET NAMES {name}'.encode())
                    self.names[name] = dict(zip(CHARSET_VARIABLES, query(client, 'SELECT ' + ', '.join(f'@@{v}' for v in CHARSET_VARIABLES))))
                client.change_user('leaks_one', PASSWORD)
                for name, values in self.settings.items():
                    for value in values:
                        client.simple(wire.QUERY, f'SET SESSION {name} = {value}'.encode())
                        self._shown[name, value] = query(client, f'SELECT @@SESSION.{name}')[0]
                        if name == 'sql_select_limit':
                            client.simple(wire.QUERY, b'SET sql_select_limit = DEFAULT')
            client.close()

    def base(self, flags, how):
        return self._bases[flags, how]

    def shown(self, name, value):
        return self._shown[name, value]

    def role_name(self, role):
        return (f'`{role}`@`%`' if role else 'NONE') if self.flavour == 'mysql' else role

    def account(self):
        return self.random.choice(self.accounts)

    def pinned(self):
        return sum(session.pinned for session in self.sessions)

    # the connections

    def focus(self, session):
        """What a session does. Those that share a connection, both the same thing: each subject must be seen to leak, not only those that show first."""
        if not self.shared:
            return SUBJECTS
        pair = session.slot // 2
        if pair not in self._pairs:
            self._focus[pair] = (self.random.choice(SUBJECTS),)
        return self._focus[pair]

    def connect(self, session, database):
        if not self.shared:
            return wire.Wire(self.port, session.account, PASSWORD, database, flags=session.flags)
        pair = session.slot // 2
        if pair not in self._pairs:
            self._pairs[pair] = wire.Wire(self.port, session.account, PASSWORD, database, flags=session.flags)
        return self._pairs[pair]

    def end(self, session):
        """Of a session that may have been in the middle of something."""
        for lock in [lock for lock, holder in self.holders.items() if holder == session.name]:
            self.release(lock)
        connection, session.wire = session.wire, None
        session.pinned = False
        if connection is None:
            return
        quits = self.random.random() < 0.5
        self.trail(session, '-- closes' if quits else '-- its socket is closed', '')
        if self._pairs.get(session.slot // 2) is connection:
            del self._pairs[session.slot // 2]
        if quits:
            connection.close()
        else:
            connection._sock.close()

    # locks

    def release(self, lock, at_once=False):
        self.holders.pop(lock, None)
        if not at_once:
            self.limbo[lock] = time.monotonic()

    def came_back(self, lock, taken, session):
        """A lock whose holder has closed: free soon."""
        if taken:
            del self.limbo[lock]
        elif time.monotonic() - self.limbo[lock] > LOCK_SECONDS:
            session.same('free, its session has ended', 'taken', f"GET_LOCK('{lock}')")

    # the run

    @property
    def over(self):
        return self.steps >= self.statements

    def run(self):
        living = list(self.sessions)
        while living:
            awake = [session for session in living if session.sleeps_until <= self.steps] or living
            session = self.random.choice(awake[:3] if not self.shared and self.random.random() < 0.7 else awake)
            if self.random.random() < 0.02:
                self.random.shuffle(living)
            try:
                next(session.path)
            except StopIteration:
                living.remove(session)
        self.reports.put(('committed', '', self.committed))

    def statement(self, session, text, answer):
        self.steps += 1
        self._done[self._number] = self.steps
        self.trail(session, text, answer.brief())

    def trail(self, session, text, got):
        self._trail.append((session.name, text, got[:160]))

    def mismatch(self, session, found):
        got = f'{found.got}'
        others = [name for name, _, _ in self._trail if name != session.name and name in got]
        lines = [f'LEAK ({found.subject}): session {session.name}, {session.account}: {found.statement}', f'  expected {found.expected}, got {got[:300]}']
        if others:
            lines.append(f'  that is of session {others[-1]}')
        lines += [f'    {name:>10}  {text}   {said}'[:260] for name, text, said in list(self._trail)[-self.options.trail:]]
        self.tell('leak', found.subject, ('\n'.join(lines), [(name, text) for name, text, _ in self._trail]))

    def lost(self, session, error):
        if self.shared and self._pairs.get(session.slot // 2) is not session.wire:
            return  # the other one has closed it
        refused = isinstance(error, ServerError)
        self.tell('refused' if refused else 'lost', f'{error.code} {error.message}'[:70] if refused else type(error).__name__,
                  f"{'REFUSED' if refused else 'LOST'}: session {session.name}: {type(error).__name__}: {error}\n"
                  + '\n'.join(f'    {name:>10}  {text}   {said}'[:260] for name, text, said in list(self._trail)[-6:]))
        self.said += 1
        if self.said > 300:
            self.steps = self.statements

    def tell(self, kind, subject, text):
        self.reports.put((kind, subject, text))
