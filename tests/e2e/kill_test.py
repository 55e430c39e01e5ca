#!/usr/bin/env python3
# deadline: 120
# flavours: mysql mariadb
"""KILL with the numbers that wye gives to clients, CONNECTION_ID(), and clients that vanish while their statement runs."""
import sys
import threading

from both_ways import Tally
from sandbox import Sandbox, ServerError, wait_until

LONG = {'read': 'SELECT SLEEP(55)', 'read with a table': 'SELECT SLEEP(55) FROM shop.one', 'write': 'UPDATE shop.one SET a = SLEEP(55)',
        'transaction': 'SELECT SLEEP(55) FROM shop.one FOR UPDATE'}


def client(box, user='app', password='sandbox-app'):
    return box.connect(user=user, password=password, timeout=30)


def running(box):
    """Servers on which one of the long statements runs."""
    return [server.name for server in [box.primary, *box.replicas]
            for row in server.sql('SHOW PROCESSLIST') if row[7] and 'SLEEP(55)' in row[7] and 'SHOW' not in row[7]]


def number(connection):
    return int(connection.query('SELECT CONNECTION_ID()').rows[0][0])


def victim(box, sql, kill):
    """What a client sees of its statement that another client's `kill` ends: (answer, can go on)."""
    with client(box) as killer, client(box) as killed:
        mine, seen = number(killed), []

        def run():
            try:
                seen.append(killed.query(sql).rows)
            except (ServerError, OSError) as e:
                seen.append(e)
        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: running(box), 15, 'the statement to run')
        if callable(kill):
            kill(killer, mine)
        else:
            killer.query(kill % mine)
        thread.join(15)
        assert not thread.is_alive(), 'the statement goes on'
        wait_until(lambda: not running(box), 10, 'the servers to be idle')
        assert killer.query('SELECT 1').rows == [('1',)]
        try:
            return seen[0], killed.query('SELECT 1').rows == [('1',)]
        except (ServerError, OSError):
            return seen[0], False


def kill_query(box):
    """KILL QUERY ends the statement wherever it runs; the connection stays."""
    for what, sql in LONG.items():
        answer, lives = victim(box, sql, 'KILL QUERY %d')
        interrupted = isinstance(answer, ServerError) and answer.code == 1317 or answer == [('1',)]  # SLEEP() returns 1 on MySQL
        assert interrupted and lives, f'{what}: {answer!r}, lives: {lives}'


def kill_connection(box):
    """KILL ends the statement and the connection."""
    for what, sql in LONG.items():
        answer, lives = victim(box, sql, 'KILL %d')
        assert not lives and not isinstance(answer, list), f'{what}: {answer!r}, lives: {lives}'


def read_on_a_replica_is_killed_there(box):
    """The statement above did run on a replica: otherwise the test shows nothing."""
    with client(box) as a, client(box) as killer:
        mine = number(a)
        wait_until(lambda: a.query('EXPLAIN ROUTE SELECT * FROM shop.one').rows[0][1] == 'replica', 15, 'reads to go to replicas')
        thread = threading.Thread(target=lambda: _quietly(a, LONG['read with a table']))
        thread.start()
        wait_until(lambda: running(box), 15, 'the statement to run')
        assert running(box)[0] in [r.name for r in box.replicas], running(box)
        killer.query(f'KILL QUERY {mine}')
        thread.join(15)
        assert not thread.is_alive()


def _quietly(connection, sql):
    try:
        connection.query(sql)
    except (ServerError, OSError):
        pass


def rules(box):
    """Whose session may be killed, and what is no session, is said in the server's words, with the client's numbers."""
    def error(connection, sql):
        try:
            connection.query(sql)
        except ServerError as e:
            return e.code, e.message
        return None
    with client(box, 'root', 'sandbox-root') as root, client(box) as app:
        other = number(root)
        for kill in ('KILL', 'KILL QUERY', 'KILL CONNECTION'):
            assert error(app, f'{kill} {other}') == (1095, f'You are not owner of thread {other}')
            assert error(app, f'{kill} 2147483648') == (1094, 'Unknown thread id: 2147483648')
            assert error(app, f'{kill} 99999999') == (1094, 'Unknown thread id: 99999999')
        assert root.query('SELECT 1').rows == [('1',)]
        mine = number(app)
        assert error(root, f'KILL {mine}') is None
        wait_until(lambda: not _lives(app), 5, "the victim's connection to end")
    for text in ('KILL %d', 'KILL CONNECTION_ID()'):
        with client(box) as app:
            said = error(app, text % number(app) if '%' in text else text)
            assert said is not None and said[0] in (1317, 1927), said  # MariaDB: Connection was killed
            wait_until(lambda: not _lives(app), 5, 'its own connection to end')


def _lives(connection):
    try:
        connection.ping()
        return True
    except (ServerError, OSError):
        return False


def connection_id(box):
    """The number of the greeting, whichever way it is asked for."""
    with client(box) as c:
        assert c.thread_id >= 1 << 31
        result = c.query('SELECT CONNECTION_ID(), CONNECTION_ID() + 0 AS b, (SELECT CONNECTION_ID())')
        assert result.columns[:2] == ['CONNECTION_ID()', 'b'], result.columns
        assert result.rows == [(str(c.thread_id),) * 3], result.rows
        c.query('SET @id = CONNECTION_ID()')
        assert c.query('SELECT @id').rows == [(str(c.thread_id),)]
        c.query('BEGIN')
        assert number(c) == c.thread_id
        c.query('ROLLBACK')
        c.query('CREATE OR REPLACE VIEW who AS SELECT CONNECTION_ID() AS id')  # stored as it is written
        assert 'connection_id()' in c.query('SHOW CREATE VIEW who').rows[0][1].lower()
        # The servers' own lists have the servers' numbers: there the function must find its row.
        assert len(c.query('SELECT * FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()').rows) == 1


def by_execute(connection, number):
    """KILL as a binary prepared statement."""
    connection._seq = 0
    connection._write(b'\x16KILL QUERY %d' % number)
    statement = connection._read()
    assert statement[0] == 0, statement
    connection._seq = 0
    connection._write(b'\x17' + statement[1:5] + b'\0\1\0\0\0')
    connection._result()


def computed(box):
    """KILL @a, KILL by EXECUTE: the number is only known to the server that computes it."""
    for kill in ('KILL QUERY %d + 0', 'KILL QUERY (SELECT %d)', 'KILL 0 + %d', by_execute):
        answer, lives = victim(box, LONG['read with a table'], kill)
        assert answer != [('0',)] and lives == (kill != 'KILL 0 + %d'), f'{kill}: {answer!r}, lives: {lives}'
    with client(box) as c:
        c.query(f'SET @gone = {number(c)} + 100000')
        try:
            c.query('KILL @gone')
            raise AssertionError('an unknown number is no error')
        except ServerError as error:
            assert (error.code, str(number(c) + 100000) in error.message) == (1094, True), error


def vanished_clients(box):
    """A client goes away: what it left running ends on the server, also where the pool is full of such statements."""
    for what, sql in LONG.items():
        gone = [client(box) for _ in range(3)]
        for c in gone:
            c._seq = 0
            c._write(b'\x03' + sql.encode())
        wait_until(lambda: len(running(box)) == 3, 15, f'{what} to run')
        for c in gone:
            c._sock.close()
        wait_until(lambda: not running(box), 10, f'{what} to end')


def main():
    tally = Tally()
    with Sandbox(wye=True) as box:
        box.primary.sql('CREATE TABLE shop.one (a INT)', 'INSERT INTO shop.one VALUES (1)')
        box.sync()
        for test in (connection_id, rules, computed, kill_query, kill_connection, read_on_a_replica_is_killed_there, vanished_clients):
            tally.call(test, box)
    sys.exit(1 if tally.failed else 0)


if __name__ == '__main__':
    main()
