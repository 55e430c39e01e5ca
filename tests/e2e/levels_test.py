#!/usr/bin/env python3
# deadline: 180
# flavours: mysql mariadb
"""The levels of consistency, each with what it promises and no more: on two replicas whose appliers stand still, one after the other. And tokens, which take
what one session has seen to another one, also of another wye."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / 'oracle'))

import flavours  # noqa: E402
import wire  # noqa: E402
from accounts_scenarios import another_wye
from both_ways import Tally
from sandbox import Sandbox, ServerError, wait_until
RESET = b'\x1f'


class Frozen:
    """A replica whose applier runs, and waits for a lock: nothing is wrong with it but what it has."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.connection = self.server.connect(database='shop')
        self.connection.query('LOCK TABLES t READ')
        return self

    def __exit__(self, *_):
        self.connection.query('UNLOCK TABLES')
        self.connection.close()


def read(connection, hint='', statement='SELECT n, @@server_id FROM t'):
    n, server = connection.query(f'/* wye: {hint} */ {statement}' if hint else statement).rows[0]
    return int(n), int(server)


def write(connection):
    connection.query('UPDATE t SET n = n + 1')
    return read(connection, 'primary')[0]


def settled(box, wye=None):
    """Until the replicas have everything, and `wye` (the box's own unless told) sees them: it takes clients as soon as it sees the primary."""
    box.sync()
    show = lambda: (wye or box.wye).admin('SHOW SERVERS')
    wait_until(lambda: [row['state'] for row in show()] == ['online'] * 3, 30, lambda: f'the servers: {show()}')


def both_frozen(box):
    return Frozen(box.replicas[0]), Frozen(box.replicas[1])


def what_others_wrote(box):
    """Where no replica has a write: `session` and `monotonic` readers who have not seen it may read there, `global` ones and its writer may not."""
    settled(box)
    with box.connect() as writer, box.connect() as reader:
        before = read(reader)[0]
        one, two = both_frozen(box)
        with one, two:
            writer.query('UPDATE t SET n = n + 1')
            found = {
                'global': read_once(box, 'consistency=global'), 'session': read(reader, 'consistency=session'),
                'monotonic': read(reader, 'consistency=monotonic'), 'eventual': read(reader, 'consistency=eventual'),
                'own': read(writer, 'consistency=session'), 'own and unseen': read(writer, 'consistency=monotonic')}
    wanted = {'global': (before + 1, True), 'session': (before, False), 'monotonic': (before, False), 'eventual': (before, False),
              'own': (before + 1, True)}
    return [f'{level}: {found[level]}, not {want}' for level, want in wanted.items() if (found[level][0], found[level][1] == 1) != want] or None


def read_once(box, hint):
    with box.connect() as connection:
        return read(connection, hint)


def what_it_has_seen(box):
    """One replica stands still: who has seen more on the other one, or on the primary, does not read there."""
    settled(box)
    ahead, back = box.replicas
    with box.connect() as writer, box.connect() as reader:
        with Frozen(back):
            n = write(writer)
            ahead.wait_for(box.primary.position(), 20)
            seen = read(reader, f'server={ahead.name}')
            if seen[0] != n:
                return f'{seen} on {ahead.name}'
            box.wye.admin(f'DRAIN SERVER {ahead.name}')
            try:
                found = [read(reader, f'consistency={level}') for level in ('monotonic', 'session', 'global')]
                stale = read_once(box, 'consistency=monotonic')
            finally:
                box.wye.admin(f'ENABLE SERVER {ahead.name}')
    if any(got < n for got, _ in found):
        return f'{found} after {seen}'
    return None if stale[0] < n else f'a new session has seen nothing and read {stale}'


def after_a_reset(box):
    """A pool resets a connection between two users of it: what it wrote still counts."""
    settled(box)
    with box.connect() as writer:
        one, two = both_frozen(box)
        with one, two:
            writer.query('UPDATE t SET n = n + 1')
            writer._seq = 0
            writer._write(RESET)
            writer._ok(writer._read())
            n, server = read(writer, 'consistency=session')
    return None if server == 1 else f'{n} on server {server} after a reset'


def a_commit_without_a_number(box):
    """An error that comes after a commit names none."""
    settled(box)
    with box.connect() as writer:
        n = read(writer)[0]
        one, two = both_frozen(box)
        with one, two:
            try:
                writer.query('CALL adds_and_fails()')
                return 'no error'
            except ServerError:
                pass
            got = read(writer, 'consistency=session')
    return None if got[0] == n + 1 else f'{got} after {n + 1}'


def token_of(connection, statement='SELECT @@wye_token'):
    return connection.query(statement).rows[0][0]


def on_a_replica(connection, hint=''):
    """Where waiting was in vain, it is tried again only now and then."""
    wait_until(lambda: read(connection, hint)[1] != 1, 20, lambda: f'with {hint!r} never on a replica')


def tokens(box):
    """One session's token makes another one see what it has written, and what it has seen."""
    settled(box)
    with box.connect() as writer, box.connect() as reader:
        if token_of(writer) != '':
            return 'a session that has done nothing has a token'
        one, two = both_frozen(box)
        with one, two:
            writer.query('UPDATE t SET n = n + 1')
            token = token_of(writer)
            plain, with_token = read(reader, 'consistency=eventual'), read(reader, f'consistency=eventual, token={token}')
            if plain[1] == 1 or with_token != (plain[0] + 1, 1):
                return f'{plain}, with {token}: {with_token}'
            read(reader, 'primary')
            seen = token_of(reader)
        settled(box)
        for t in (token, seen):
            on_a_replica(reader, f'token={t}')
    return None


def tokens_of_another_wye(box, other):
    """Nothing went through the other one: it asks the primary what the token means, and waits for a replica."""
    settled(box, other)
    with box.connect() as writer, other.connect() as reader:
        places = []
        for _ in range(20):
            n = write(writer)
            got = read(reader, f'consistency=eventual, token={token_of(writer)}')
            if got[0] < n:
                return f'{got} after {n}'
            places.append(got[1])
    return None if set(places) - {1} else f"on {places}: {other.admin('SHOW SERVERS')}"


def token_as_text(box):
    with box.connect() as c:
        c.query('UPDATE t SET n = n + 1')
        want = token_of(c)
        spellings = ('select @@WYE_TOKEN', 'SELECT @@wye_token AS position', 'SELECT @@wye_token position;', ' SELECT  @@wye_token ;')
        wrong = [text for text in spellings if token_of(c, text) != want]
        names = [c.query(text).columns[0] for text in ('SELECT @@wye_token', 'SELECT @@wye_token AS position')]
        if wrong or names != ['@@wye_token', 'position']:
            return f'{wrong}, {names}'
    return None


def garbage(box):
    """A token from outside can be anything."""
    with box.connect() as c:
        own = token_of_a_write(c)
        for token in ('x', '1', "'", '0-0', '0-1-2-3', own + 'x', ':' + own, own.replace('-', ' ', 1), 'a' * 5000, '0-1-' + '9' * 30):
            try:
                c.query(f'/* wye: token={token} */ SELECT 1')
                return f'{token!r} is taken'
            except ServerError as e:
                if 'token' not in str(e):
                    return f'{token!r}: {e}'
        far = own.rsplit('-', 1)[0] + '-999999999'
        for _ in range(5):  # it can be a position that nobody ever reaches: the primary knows the most
            if read(c, f'token={far}')[1] != 1:
                return 'a replica has what will never be'
        c.query('/* wye: token= */ SELECT 1')
        settled(box)
        on_a_replica(c)
    return None


def token_of_a_write(c):
    c.query('UPDATE t SET n = n + 1')
    return token_of(c)


def prepared(box):
    """Its row is binary; each EXECUTE gives the position of its moment."""
    session = wire.Wire(box.wye.port, flavours.APP, flavours.APP_PASSWORD, flavours.DATABASE, timeout=20)
    number, _ = session.prepare('SELECT @@wye_token AS position')
    if number is None:
        return 'PREPARE failed'
    found = []
    for _ in range(2):
        session.command(wire.QUERY, b'UPDATE t SET n = n + 1')
        session.results()
        session.command(wire.EXECUTE, wire.execution(number, ()))
        found.append(session.results()[0][2][0][3:].decode())
        session.command(wire.QUERY, b'SELECT @@wye_token')
        found.append(session.results()[0][2][0][1:].decode())
    session.close()
    return None if found[0] == found[1] != found[2] == found[3] else f'{found}'


TESTS = (what_others_wrote, what_it_has_seen, after_a_reset, a_commit_without_a_number, tokens, token_as_text, prepared, garbage)


def main():
    tally = Tally()
    with Sandbox(wye=True) as box:
        box.primary.sql('CREATE TABLE t (n INT)', 'INSERT INTO t VALUES (1)',
                        "CREATE PROCEDURE adds_and_fails() BEGIN UPDATE t SET n = n + 1; SIGNAL SQLSTATE '45000'; END", database='shop')
        for test in TESTS:
            tally.call(test, box)
        with another_wye(box, 'other', {}) as other:
            tally.call(tokens_of_another_wye, box, other)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
