#!/usr/bin/env python3
# deadline: 180
# flavours: mysql mariadb
"""Many sessions on few server connections: each is handed over between statements, and no session can tell (docs/decisions/0009)."""
import random
import sys
import threading
import traceback

import raw
from both_ways import Tally, fresh_schema
from sandbox import Sandbox, ServerError, wait_until

SESSIONS, CONNECTIONS = 24, 4
VARIABLES = [('5', "'it''s'"), ('-1.50', "_latin1'abc' COLLATE latin1_bin"), ('1e0/3', "x'00ff27'"), ('NULL', "NULL"), ('18446744073709551615', "''"),
             ("DATE'2020-02-03'", '0x5c')]
# HEX and COLLATION: names and results depend on the session's character set.
ASK = 'SELECT @number, @one, HEX(@one), COLLATION(@one), HEX(@`the ``other`), COLLATION(@`the ``other`), @`the ``other` IS NULL'
PINNED = 'wye_statements_total{route="primary",reason="pinned"}'


class Client:
    """One session, and what it must see."""

    def __init__(self, box, number):
        self.number, self.rng = number, random.Random(number)
        self.connection = box.connect(database=self.rng.choice(['one', 'two']))
        self.schema = self.ask('SELECT DATABASE()')
        self.mode, self.zone, self.names, self.insert_id, self.rows_of_variables = None, None, None, '0', None
        self.query('SET SESSION group_concat_max_len = %d' % (1000 + number))

    def query(self, sql):
        return self.connection.query(sql)

    def ask(self, sql):
        rows = self.query(sql).rows
        if not rows:
            raise AssertionError(f'session {self.number}: {sql} has no row')
        return rows[0][0]

    def expect(self, sql, value):
        seen = self.ask(sql)
        if seen != value:
            raise AssertionError(f'session {self.number}: {sql} is {seen!r}, not {value!r}')

    # what a session does

    def use(self):
        self.schema = self.rng.choice(['one', 'two'])
        self.query(f'USE {self.schema}')

    def set_mode(self):
        self.mode = self.rng.choice(['ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES', ''])
        self.query(f"SET sql_mode = '{self.mode}'")

    def set_zone(self):
        self.zone = f'+{self.rng.randrange(1, 13):02d}:00'
        self.query(f"SET time_zone = '{self.zone}'")

    def set_names(self):
        self.names = self.rng.choice(['latin1', 'utf8mb4'])
        self.query(f'SET NAMES {self.names}')

    def set_variables(self):
        self.variables = self.rng.choice(VARIABLES)
        self.query(f'SET @one = {self.variables[0]}, @`the ``other` = {self.variables[1]}, @number = {self.number}')
        self.rows_of_variables = self.query(ASK).rows

    def insert(self):
        self.insert_id = str(self.query(f'INSERT INTO {self.schema}.t (n) VALUES ({self.number})').insert_id)
        self.expect('SELECT LAST_INSERT_ID()', self.insert_id)

    def insert_and_read(self):
        self.insert_id = str(self.query(f'INSERT INTO {self.schema}.t (n) VALUES ({self.number})').insert_id)
        self.expect(f'SELECT MAX(id) FROM {self.schema}.t WHERE n = {self.number}', self.insert_id)

    def transaction(self):
        self.query('BEGIN')
        self.query(f'UPDATE {self.schema}.balance SET n = n + 1')
        self.query(f'UPDATE {self.schema}.balance SET n = n - 1')
        self.query(self.rng.choice(['COMMIT', 'ROLLBACK']))

    def rows(self):
        self.query('SELECT 1 FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3) d')
        self.expect('SELECT FOUND_ROWS()', '3')

    def counts(self):
        self.query(f'UPDATE {self.schema}.balance SET n = n')
        self.expect('SELECT ROW_COUNT()', '0')

    def warns(self):
        self.query("SELECT CAST('abc' AS SIGNED) FROM one.balance")
        found = [row[1] for row in self.query('SHOW WARNINGS').rows]
        if found != ['1292']:
            raise AssertionError(f'session {self.number}: SHOW WARNINGS has {found}')

    def fails(self):
        try:
            self.query('SELECT nothing_of_that_name')
        except ServerError:
            pass
        self.expect('SHOW COUNT(*) ERRORS', '1')

    def reset(self):
        socket = raw.of(self.connection)
        socket.send(raw.frame(b'\x1f'))
        if socket.packet()[1][0] != 0:
            raise AssertionError(f'session {self.number}: COM_RESET_CONNECTION was refused')
        self.mode, self.zone, self.names, self.insert_id, self.rows_of_variables = None, None, None, '0', None
        self.query('SET SESSION group_concat_max_len = %d' % (1000 + self.number))

    def is_itself(self):
        self.expect('SELECT DATABASE()', self.schema)
        self.expect('SELECT @@session.group_concat_max_len FROM one.balance', str(1000 + self.number))
        self.expect('SELECT LAST_INSERT_ID()', self.insert_id)
        if self.mode is not None:
            self.expect('SELECT @@sql_mode', self.mode)
        if self.zone is not None:
            self.expect('SELECT @@time_zone FROM one.balance', self.zone)
        if self.rows_of_variables is not None:
            seen = self.query(ASK).rows
            if seen != self.rows_of_variables or seen[0][0] != str(self.number):
                raise AssertionError(f'session {self.number}: user variables are {seen}, not {self.rows_of_variables}')
        else:
            self.expect('SELECT @number', None)
        if self.names is not None:
            self.expect('SELECT @@character_set_connection', self.names)

    def step(self):
        self.rng.choice([self.use, self.set_mode, self.set_zone, self.set_names, self.set_variables, self.insert, self.insert_and_read, self.transaction,
                         self.rows, self.counts, self.warns, self.reset, self.fails, self.is_itself, self.is_itself])()


def connections(box, *states):
    """Of the application's account, by server."""
    found = {}
    for row in box.wye.admin('SHOW POOLS'):
        if row['user'] == 'app':
            found[row['server']] = found.get(row['server'], 0) + sum(int(row[state]) for state in states)
    return found


def nobody_can_tell(box):
    """24 sessions with state of all kinds on 4 connections to each server."""
    clients, trouble = [Client(box, number) for number in range(SESSIONS)], []

    def work(share):
        try:
            for _ in range(60):
                share[random.randrange(len(share))].step()
        except Exception as error:
            trouble.append(f'{type(error).__name__}: {error}\n{traceback.format_exc()}')

    threads = [threading.Thread(target=work, args=(clients[i::3],)) for i in range(3)]
    before = raw.metrics(box).get('wye_hand_overs_total', 0)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    most = connections(box, 'idle', 'in_use', 'connecting')
    for client in clients:
        if not trouble:
            try:
                client.is_itself()
            except AssertionError as error:
                trouble.append(str(error))
        client.connection.close()
    handed = raw.metrics(box)['wye_hand_overs_total'] - before
    if trouble:
        return '\n'.join(trouble)
    if max(most.values()) > CONNECTIONS:
        return f'more connections than pool.max_per_server: {most}'
    return '' if handed > 100 else f'{handed} connections were handed over'


def state_stays_where_it_is(box):
    """What no value stands for keeps its connection: the others share what is left, and who can't get one is told why."""
    keepers = [box.connect(database='one') for _ in range(CONNECTIONS - 1)]
    for number, keeper in enumerate(keepers):
        keeper.query(f"SELECT GET_LOCK('mine_{number}', 0)")
    others = [box.connect(database='one') for _ in range(6)]
    for number, other in enumerate(others):
        other.query(f'INSERT INTO t (n) VALUES ({number})')
    for number, keeper in enumerate(keepers):
        if keeper.query(f"SELECT RELEASE_LOCK('mine_{number}')").rows != [('1',)]:
            return f'session {number} does not have its lock'
        keeper.query(f"SELECT GET_LOCK('mine_{number}', 0)")
    others[0].query("SELECT GET_LOCK('last', 0)")  # on the last connection
    try:
        others[1].query('INSERT INTO t (n) VALUES (1)')
        return 'there was a fifth connection'
    except ServerError as error:
        if error.code != 1040 or 'pool.max_per_server' not in str(error):
            return f'refused with {error}'
    others[0].close()
    others[1].query('INSERT INTO t (n) VALUES (1)')
    for connection in (*keepers, *others[1:]):
        connection.close()
    return ''


def next_transaction(box):
    """What SET TRANSACTION said goes along, to each session's next transaction and to no other, and pins nobody."""
    sessions = [box.connect(database='one') for _ in range(10)]
    before = {name: raw.metrics(box).get(name, 0) for name in ('wye_hand_overs_total', PINNED)}
    for _ in range(3):
        for number, session in enumerate(sessions):
            session.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY' if number % 2 else 'SET TRANSACTION READ WRITE')
        for number, session in enumerate(sessions):
            for read_only in (number % 2, False):
                session.query('START TRANSACTION')
                try:
                    session.query(f'INSERT INTO t (n) VALUES ({number})')
                    refused = False
                except ServerError as error:
                    if error.code != 1792:
                        raise
                    refused = True
                session.query('COMMIT')
                if refused != bool(read_only):
                    return f'session {number}: refused {refused}, READ ONLY {read_only}'
    for session in sessions:
        session.close()
    after = raw.metrics(box)
    if after['wye_hand_overs_total'] - before['wye_hand_overs_total'] < 20:
        return f'too few hand-overs: {before} {after["wye_hand_overs_total"]}'
    return '' if after.get(PINNED, 0) == before[PINNED] else 'statements were pinned'


def prepared_statements(box):
    """Each session's own, on whatever connection it gets."""
    rounds, connections = 6, [box.connect(database='one') for _ in range(10)]
    ids = [prepare(connection, f'SELECT {number} + 1000 FROM balance') for number, connection in enumerate(connections)]
    for _ in range(rounds):
        for number, connection in enumerate(connections):
            connection.query(f'INSERT INTO t (n) VALUES ({number})')
            seen = execute(connection, ids[number])
            if seen != 1000 + number:
                return f'session {number} read {seen}'
    for connection in connections:
        connection.close()
    return ''


def prepare(connection, sql):
    socket = raw.of(connection)
    socket.send(raw.frame(b'\x16' + sql.encode()))
    head = socket.packet()[1]
    columns, parameters = int.from_bytes(head[5:7], 'little'), int.from_bytes(head[7:9], 'little')
    assert head[0] == 0, head
    for count in (parameters, columns):
        for _ in range(count + (1 if count else 0)):
            socket.packet()
    return int.from_bytes(head[1:5], 'little')


def execute(connection, number):
    socket = raw.of(connection)
    socket.send(raw.frame(b'\x17' + number.to_bytes(4, 'little') + b'\0' + (1).to_bytes(4, 'little')))
    count = socket.packet()[1]
    assert count[0] == 1, count
    for _ in range(2):  # its definition, EOF
        socket.packet()
    row = socket.packet()[1]
    socket.packet()  # EOF
    return int.from_bytes(row[2:], 'little')


def idle_sessions_hold_nothing(box):
    """After pool.idle a session that has nothing on its connections has none."""
    connection = box.connect(database='one')
    connection.query('INSERT INTO t (n) VALUES (1)')
    insert_id = connection.query('SELECT LAST_INSERT_ID()').rows
    wait_until(lambda: sum(connections(box, 'in_use').values()) == 0, 20, 'an idle session keeps its connections')
    same = connection.query('SELECT LAST_INSERT_ID()').rows
    connection.close()
    return '' if same == insert_id else f'LAST_INSERT_ID() was {insert_id}, is {same}'


def main():
    tally = Tally()
    config = {'pool': {'max_per_server': CONNECTIONS, 'acquire_timeout': '2s', 'idle': '1s'}, 'workers': 1, 'replication': {'interval': '20ms'}}
    with Sandbox(replicas=2, semi_sync=False, wye=True, wye_config=config) as box:
        fresh_schema(box, 'one', 'two')
        for schema in ('one', 'two'):
            box.primary.sql(f'CREATE TABLE {schema}.t (id INT AUTO_INCREMENT PRIMARY KEY, n INT)', f'CREATE TABLE {schema}.balance (n INT)',
                            f'INSERT INTO {schema}.balance VALUES (0)')
        box.sync()
        for test in (nobody_can_tell, state_stays_where_it_is, next_transaction, prepared_statements, idle_sessions_hold_nothing):
            tally.call(test, box)
    return tally.failed


if __name__ == '__main__':
    sys.exit(main())
