"""What sessions have, and how each of them looks at its own. `do_x()` changes and looks, `see_x()` only looks: it is also called when a session wakes up with all its state.

All sessions use the same names, so that a session that gets another one's finds something."""
import struct

import wire
from answer import Answer

SUBJECTS = ('user variable', 'session variable', 'charset', 'schema', 'temporary table', 'user lock', 'table lock', 'transaction', 'autocommit', 'access mode', 'XA', 'role',
            'rights', 'text prepared', 'binary prepared', 'insert id', 'previous statement', 'warnings', 'handler', 'timestamp', 'client flags')
CHARSETS = ('latin1', 'utf8mb4', 'cp1250', 'utf8mb3')
VAULT_DENIED, SYNTAX, NO_DATABASE, NO_TABLE, NO_HANDLER, NO_STATEMENT, TABLE_NOT_LOCKED, READ_ONLY = 1142, 1064, 1046, 1146, 1109, 1243, 1100, 1792


def settings(flavour):
    """Session variables that change nothing else here: name -> values."""
    return {
        'sql_mode': ("''", "'PIPES_AS_CONCAT'", "'NO_UNSIGNED_SUBTRACTION'", "'STRICT_ALL_TABLES'"), 'time_zone': ("'+01:00'", "'+05:30'", "'-08:00'"),
        'group_concat_max_len': range(2000, 3000), 'lock_wait_timeout': range(60, 900), 'net_write_timeout': range(61, 900), 'div_precision_increment': range(10),
        'default_week_format': range(8), 'lc_time_names': ("'de_DE'", "'fr_FR'", "'ja_JP'"), 'foreign_key_checks': (0, 1), 'unique_checks': (0, 1),
        'sql_select_limit': range(3, 9), 'innodb_lock_wait_timeout': range(51, 900), 'max_sort_length': range(100, 1000),
        **({'transaction_isolation': ("'READ-COMMITTED'", "'REPEATABLE-READ'"), 'max_execution_time': range(60000, 90000)} if flavour == 'mysql' else
           {'tx_isolation': ("'READ-COMMITTED'", "'REPEATABLE-READ'"), 'max_statement_time': range(60, 90)})}


CHARSET_VARIABLES = 'character_set_client', 'character_set_results', 'character_set_connection', 'collation_connection'


def schema(flavour, slots):
    numbers = ', '.join(f'({i})' for i in range(1, 11))
    return [
        *(f'CREATE DATABASE {name}' for name in ('leaks', 'leaks_a', 'leaks_b', 'leaks_one', 'leaks_two', 'leaks_vault')),
        *(statement for name in ('leaks_a', 'leaks_b') for statement in (f'CREATE TABLE {name}.here (name VARCHAR(20))', f"INSERT INTO {name}.here VALUES ('{name}')")),
        *(statement for name in ('leaks_one', 'leaks_two', 'leaks_vault') for statement in (f'CREATE TABLE {name}.gold (bars INT)', f'INSERT INTO {name}.gold VALUES (7)')),
        'CREATE TABLE leaks.plain (id INT PRIMARY KEY)', f'INSERT INTO leaks.plain VALUES {numbers}',
        "CREATE TABLE leaks.shadow (owner VARCHAR(40))", "INSERT INTO leaks.shadow VALUES ('nobody')",
        'CREATE TABLE leaks.ledger (id BIGINT AUTO_INCREMENT PRIMARY KEY, owner VARCHAR(40), n INT DEFAULT 0, KEY (owner))',
        'CREATE TABLE leaks.flags (slot INT, k INT, n INT, PRIMARY KEY (slot, k))', *(f'INSERT INTO leaks.flags VALUES ({slot}, {k}, 1)' for slot in range(slots) for k in range(8)),
        *(f'CREATE TABLE leaks.lock_{slot} (a INT)' for slot in range(slots))]


def accounts(flavour, password):
    common = ('leaks', 'leaks_a', 'leaks_b')
    return [
        'CREATE ROLE leaks_reader', 'GRANT SELECT ON leaks_vault.* TO leaks_reader',
        *(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'" for user in ('leaks_one', 'leaks_two')),
        *(f"GRANT ALL PRIVILEGES ON {name}.* TO '{user}'@'%'" for user in ('leaks_one', 'leaks_two') for name in common),
        *(f"GRANT SELECT ON {user}.* TO '{user}'@'%'" for user in ('leaks_one', 'leaks_two')),
        "GRANT leaks_reader TO 'leaks_one'@'%'"]


class Subjects:
    """Of a session (logical.py)."""

    def do_user_variable(self):
        name, value = self.random.choice(('@u1', '@u2', '@u3')), f'{self.name}-{self.random.randrange(10 ** 6)}'
        way = self.random.choice((f"SET {name} = '{value}'", f"SET {name} = CONCAT('{value}', '')", f"SELECT '{value}' INTO {name}", f"SELECT {name} := '{value}'"))
        yield from self.sql(way)
        self.variables[name] = value
        yield from self.see_user_variable()

    def see_user_variable(self):
        names = ('@u1', '@u2', '@u3')
        yield from self.ask(f"SELECT {', '.join(names)}", *(self.variables.get(name) for name in names))

    def do_session_variable(self):
        name = self.random.choice(list(self.house.settings))
        value = self.random.choice(self.house.settings[name])
        if self.in_transaction and 'isolation' in name:
            return
        yield from self.sql(self.random.choice((f'SET SESSION {name} = {value}', f'SET {name} = {value}', f'SET @@SESSION.{name} = {value}')))
        self.settings[name] = self.house.shown(name, value)
        yield from self.see_session_variable()

    def see_session_variable(self):
        names = list(self.house.settings)
        where = self.random.choice(('', ' FROM leaks.plain WHERE id = 1'))  # with a table, a replica may answer
        yield from self.ask('SELECT ' + ', '.join(f'@@SESSION.{name}' for name in names) + where, *(self.settings[name] for name in names))
        answer = yield from self.sql('SELECT id FROM leaks.plain')
        self.same(min(10, int(self.settings['sql_select_limit'])), len(answer.rows), 'SELECT id FROM leaks.plain: rows')

    def do_charset(self):
        name = self.random.choice(CHARSETS)
        yield from self.sql(f'SET NAMES {name}')
        self.settings.update(self.house.names[name])
        yield from self.see_charset()

    def see_charset(self):
        yield from self.ask('SELECT ' + ', '.join(f'@@{name}' for name in CHARSET_VARIABLES), *(self.settings[name] for name in CHARSET_VARIABLES))
        expected = '\xc3\xa4' if self.settings['character_set_results'].startswith('utf8') else '\xe4'
        yield from self.ask("SELECT CONVERT(_utf8mb4 X'C3A4' USING utf8mb4) FROM leaks.plain WHERE id = 2", expected)

    def do_schema(self):
        name = self.random.choice(('leaks_a', 'leaks_b'))
        if self.random.random() < 0.5:
            yield from self.sql(f'USE {name}')
        else:
            yield
            self.checked(self.wire.simple(wire.INIT_DB, name.encode())[0], f'INIT_DB {name}', None)
        self.schema = name
        yield from self.see_schema()

    def see_schema(self):
        yield from self.ask('SELECT DATABASE()' + self.random.choice(('', ' FROM leaks.plain WHERE id = 3')), self.schema)
        if self.schema:
            yield from self.ask('SELECT name FROM here', self.schema)
        else:
            yield from self.sql('SELECT name FROM here', NO_DATABASE)

    def do_temporary_table(self):
        name = self.random.choice(('leaks.tt', 'leaks.shadow'))
        if name in self.temporary:
            yield from self.sql(f'DROP TEMPORARY TABLE {name}')
            del self.temporary[name]
        elif self.may_pin():
            owner = f'{self.name}-{self.random.randrange(10 ** 6)}'
            yield from self.sql(f'CREATE TEMPORARY TABLE {name} (owner VARCHAR(60))')
            self.temporary[name] = None
            if self.autocommit and not self.in_transaction:  # its rows are of the transaction, but the table is not
                yield from self.sql(f"INSERT INTO {name} VALUES ('{owner}')")
                self.temporary[name] = owner
        yield from self.see_temporary_table()

    def see_temporary_table(self):
        for name, without in (('leaks.tt', NO_TABLE), ('leaks.shadow', [('nobody',)])):
            if name in self.temporary:
                owner = self.temporary[name]
                answer = yield from self.sql(f'SELECT owner FROM {name}')
                self.same([(owner,)] if owner else [], answer.rows, f'SELECT owner FROM {name}')
            elif without == NO_TABLE:
                yield from self.sql(f'SELECT owner FROM {name}', NO_TABLE)
            else:
                answer = yield from self.sql(f'SELECT owner FROM {name}')
                self.same(without, answer.rows, f'SELECT owner FROM {name}')

    def do_user_lock(self):
        lock = f'{self.house.name}-lock{self.random.randrange(4)}'
        if lock in self.locks:
            yield from self.ask(f"SELECT RELEASE_LOCK('{lock}')", '1')
            self.locks.discard(lock)
            self.house.release(lock, at_once=True)
        elif self.may_pin():
            answer = yield from self.sql(f"SELECT GET_LOCK('{lock}', 0)")
            if lock in self.house.limbo:
                self.house.came_back(lock, answer.rows == [('1',)], self)
            else:
                self.same([('0',)] if lock in self.house.holders else [('1',)], answer.rows, f"GET_LOCK('{lock}'), held by {self.house.holders.get(lock)}")
            if answer.rows == [('1',)]:
                self.locks.add(lock)
                self.house.holders[lock] = self.name
        yield from self.see_user_lock()

    def see_user_lock(self):
        """RELEASE_LOCK of what somebody else holds: 0; of what nobody holds: NULL."""
        lock = f'{self.house.name}-lock{self.random.randrange(4)}'
        if lock in self.locks or lock in self.house.limbo:
            return
        answer = yield from self.sql(f"SELECT RELEASE_LOCK('{lock}')")
        if lock not in self.house.limbo:  # one that has ended meanwhile
            self.same([('0',)] if lock in self.house.holders else [(None,)], answer.rows, f"RELEASE_LOCK('{lock}'), held by {self.house.holders.get(lock)}")

    def do_table_lock(self):
        if self.in_transaction or not self.autocommit or self.temporary or self.handler or not self.may_pin():
            return
        yield from self.sql(f'LOCK TABLES leaks.lock_{self.slot} {self.random.choice(("READ", "WRITE"))}')
        for _ in range(self.random.randrange(1, 5)):
            yield from self.ask(f'SELECT COUNT(*) FROM leaks.lock_{self.slot}', '0')
            yield from self.sql('SELECT COUNT(*) FROM leaks.plain', TABLE_NOT_LOCKED)
        yield from self.sql('UNLOCK TABLES')
        yield from self.see_table_lock()

    def see_table_lock(self):
        yield from self.ask('SELECT COUNT(*) FROM leaks.plain', '10')

    def insert(self, code=None):
        answer = yield from self.sql(f"INSERT INTO leaks.ledger (owner) VALUES ('{self.name}')", code)
        if code is None:
            self.insert_id = answer.insert_id
        return answer

    def own_rows(self, expected):
        yield from self.ask(f"SELECT COUNT(*) FROM leaks.ledger WHERE owner = '{self.name}'", str(expected))

    def do_transaction(self):
        if self.in_transaction or not self.may_pin():
            return
        self.in_transaction = True
        yield from self.sql(self.random.choice(('BEGIN', 'START TRANSACTION')))
        pending = 0
        for _ in range(self.random.randrange(1, 5)):
            yield from self.insert()
            pending += 1
            yield from self.own_rows(self.committed + pending)
            for subject in self.random.sample(('user variable', 'insert id', 'temporary table', 'user lock', 'role', 'charset'), 1):
                self.subject = subject
                yield from getattr(self, f"see_{subject.replace(' ', '_')}")()
            self.subject = 'transaction'
        end = self.random.choice(('COMMIT', 'ROLLBACK'))
        yield
        self.in_transaction = False
        self.checked(self.wire.simple(wire.QUERY, end.encode())[-1], end, None)
        self.committed += pending if end == 'COMMIT' else 0
        yield from self.own_rows(self.committed)

    def see_transaction(self):
        yield from self.own_rows(self.committed)

    def do_autocommit(self):
        if self.in_transaction or not self.may_pin():
            return
        self.in_transaction, self.autocommit = None, False
        yield from self.sql('SET autocommit = 0')
        pending = 0
        for _ in range(self.random.randrange(1, 4)):
            yield from self.insert()
            pending += 1
            yield from self.own_rows(self.committed + pending)
        end = self.random.choice(('COMMIT', 'ROLLBACK'))
        yield from self.sql(end)
        self.committed += pending if end == 'COMMIT' else 0
        yield from self.sql('SET autocommit = 1')
        self.in_transaction, self.autocommit = False, True
        yield from self.ask('SELECT @@autocommit', '1')

    def see_autocommit(self):
        yield from self.ask('SELECT @@autocommit', '1')

    def do_access_mode(self):
        if self.in_transaction or not self.may_pin():
            return
        if self.random.random() < 0.5:
            yield from self.sql('SET TRANSACTION READ ONLY')
            yield  # and the others write
            self.in_transaction = None
            yield from self.sql('BEGIN')
            yield from self.insert(READ_ONLY)
            yield from self.sql('ROLLBACK')
            self.in_transaction = False
        else:
            yield from self.sql('SET SESSION TRANSACTION READ ONLY')
            yield from self.insert(READ_ONLY)
            yield from self.sql('SET SESSION TRANSACTION READ WRITE')
        yield from self.see_access_mode()

    def see_access_mode(self):
        yield from self.insert()
        self.committed += 1

    def do_XA(self):
        if self.in_transaction or not self.may_pin():
            return
        name = f"'leak-{self.name}-{self.random.randrange(10 ** 6)}'"
        self.in_transaction = None
        yield from self.sql(f'XA START {name}')
        yield from self.insert()
        yield from self.own_rows(self.committed + 1)
        yield from self.sql(f'XA END {name}')
        end = self.random.choice((f'XA COMMIT {name} ONE PHASE', f'XA ROLLBACK {name}'))
        yield from self.sql(end)
        self.in_transaction = False
        self.committed += 'COMMIT' in end
        yield from self.own_rows(self.committed)

    def do_role(self):
        if self.account == 'leaks_one' and self.may_pin():
            self.role = self.random.choice((None, 'leaks_reader'))
            yield from self.sql(f"SET ROLE {self.role or 'NONE'}")
        yield from self.see_role()

    def see_role(self):
        yield from self.ask('SELECT CURRENT_ROLE()', self.house.role_name(self.role))
        if self.role:
            yield from self.ask('SELECT bars FROM leaks_vault.gold', '7')
        else:
            yield from self.sql('SELECT bars FROM leaks_vault.gold', VAULT_DENIED)

    def do_rights(self):
        yield from self.ask('SELECT CURRENT_USER()', f'{self.account}@%', subject='rights')
        yield from self.ask(f'SELECT bars FROM {self.account}.gold', '7', subject='rights')
        other = 'leaks_two' if self.account == 'leaks_one' else 'leaks_one'
        yield from self.sql(f'SELECT bars FROM {other}.gold', VAULT_DENIED, subject='rights')

    see_rights = do_rights

    def do_text_prepared(self):
        if self.text_prepared and self.random.random() < 0.5:
            yield from self.sql('DEALLOCATE PREPARE leak_p')
            self.text_prepared = None
        elif self.may_pin():
            value = f'{self.name}-{self.random.randrange(10 ** 6)}'
            yield from self.sql(f"PREPARE leak_p FROM 'SELECT ''{value}'''")
            self.text_prepared = value
        yield from self.see_text_prepared()

    def see_text_prepared(self):
        if self.text_prepared:
            yield from self.ask('EXECUTE leak_p', self.text_prepared)
        else:
            yield from self.sql('EXECUTE leak_p', NO_STATEMENT)

    def do_binary_prepared(self):
        if self.prepared and self.random.random() < 0.4:
            yield
            number = self.random.choice(list(self.prepared))
            del self.prepared[number]
            self.wire.command(wire.CLOSE, number.to_bytes(4, 'little'))
            self.house.trail(self, f'-- COM_STMT_CLOSE {number}', '')
        elif len(self.prepared) < 4:
            yield
            value = f'{self.name}-{self.random.randrange(10 ** 6)}'
            text = f"SELECT id, '{value}' FROM leaks.plain WHERE id = ?"
            number, answer = self.wire.prepare(text)
            self.house.trail(self, f'-- COM_STMT_PREPARE {text}', f'id {number}')
            if number is None or number in self.prepared:
                self.same('a new id', (number, answer), text)
            self.prepared[number] = value
        if self.prepared and self.random.random() < 0.3:
            yield from self.random.choice((self.long_data, self.cursor))()
        yield from self.see_binary_prepared()

    def other_statement(self, text):
        number, answer = self.wire.prepare(text)
        self.house.trail(self, f'-- COM_STMT_PREPARE {text}', f'id {number}')
        if number is None or number in self.prepared:
            self.same('a new id', (number, answer), text)
        return number

    def long_data(self):
        """Parts of a parameter wait on the server for their EXECUTE."""
        if not self.may_pin():
            return
        yield
        number, value = self.other_statement('SELECT CONCAT(?) FROM leaks.plain WHERE id = 1'), f'{self.name}-{self.random.randrange(10 ** 6)}'
        for part in (value[:4], value[4:]):
            yield
            self.wire.command(wire.LONG_DATA, struct.pack('<IH', number, 0) + part.encode())
        yield
        payload = struct.pack('<IBI', number, 0, 1) + bytes((0, 1, wire.BLOB, 0))
        answer = self.checked(self.wire.simple(wire.EXECUTE, payload)[-1], f'EXECUTE {number} with long data', None)
        self.same([True], [packet.endswith(value.encode()) for packet in answer.packets], f'{value} as long data')
        self.wire.command(wire.CLOSE, number.to_bytes(4, 'little'))

    def cursor(self):
        if not self.may_pin():
            return
        yield
        number = self.other_statement(f"SELECT id, '{self.name}' FROM leaks.plain ORDER BY id LIMIT 10")  # more than its sql_select_limit
        yield
        self.house.statement(self, f'EXECUTE {number} with a cursor', Answer(self.wire.simple(wire.EXECUTE, struct.pack('<IBI', number, 1, 1), cursor=True)[-1]))
        for first in (1, 3):
            yield
            answer = Answer(self.wire.fetch(number, 2)[0])
            self.house.statement(self, f'FETCH {number}, 2 rows', answer)
            self.same([True, True], [packet.endswith(self.name.encode()) and packet[2] == first + i for i, packet in enumerate(answer.packets)], f'FETCH {number}')
        self.wire.command(wire.CLOSE, number.to_bytes(4, 'little'))

    def see_binary_prepared(self):
        for number in range(1, max([4, *self.prepared]) + 2):
            if number in self.prepared:
                answer = yield from self.run(number, (3,))
                value = self.prepared[number].encode()
                if [packet.endswith(value) for packet in answer.packets] != [True]:
                    self.same(self.prepared[number], answer.packets, f'EXECUTE {number}')
            elif number <= 4 or self.random.random() < 0.2:
                yield from self.nothing_of_others(number)

    def nothing_of_others(self, number):
        """An id that this session was not given: unknown, or (a server counts them on) that of its own text PREPARE."""
        yield
        answer = self.noted(self.wire.simple(wire.EXECUTE, wire.execution(number, (3,)))[-1], f'EXECUTE {number}')
        if answer.error != NO_STATEMENT and not (self.text_prepared and [packet.endswith(self.text_prepared.encode()) for packet in answer.packets] == [True]):
            self.same(f'error {NO_STATEMENT}', answer.brief(), f'EXECUTE {number}')

    def do_insert_id(self):
        if self.random.random() < 0.8:
            answer = yield from self.insert()
            self.same(True, answer.insert_id > 0, 'an insert id')
            self.committed += 1
        else:
            value = self.random.randrange(10 ** 6, 10 ** 9)
            yield from self.sql(f'SELECT LAST_INSERT_ID({value})')
            self.insert_id = value
        yield from self.see_insert_id()

    def see_insert_id(self):
        yield from self.ask('SELECT LAST_INSERT_ID()', str(self.insert_id))
        if 0 < self.insert_id < 10 ** 6:
            answer = yield from self.sql('SELECT owner FROM leaks.ledger WHERE id = LAST_INSERT_ID()')
            if answer.rows and not answer.rows[0][0].startswith(f'{self.house.name}.{self.slot}.'):
                self.same(self.name, answer.rows, 'SELECT owner FROM leaks.ledger WHERE id = LAST_INSERT_ID()')

    def do_previous_statement(self):
        if self.random.random() < 0.5:
            count = self.random.randrange(8)
            answer = yield from self.sql(f'UPDATE leaks.flags SET n = n + 1 WHERE slot = {self.slot} AND k < {count}')
            self.same(count, answer.affected, 'rows that the UPDATE affected')
            yield from self.ask('SELECT ROW_COUNT()', str(count))
        else:
            count = self.random.randrange(1, min(9, int(self.settings['sql_select_limit'])))
            yield from self.sql(f'SELECT id FROM leaks.plain LIMIT {count}')
            yield from self.ask('SELECT FOUND_ROWS()', str(count))

    def do_warnings(self):
        value = f'{self.name}-{self.random.randrange(10 ** 6)}'
        pick = self.random.random()
        if pick < 0.4:
            yield from self.sql(f"SELECT CAST('x{value}' AS SIGNED) FROM leaks.flags WHERE slot = {self.slot} AND k = 1")
        elif pick < 0.7:
            yield from self.sql(f'SELECT * FROM leaks.`no_{value}`', NO_TABLE)
        else:
            yield from self.sql('SELECT COUNT(*) FROM leaks.plain')
            value = None
        answer = yield from self.sql('SHOW WARNINGS')
        if value is None:
            self.same([], answer.rows, 'SHOW WARNINGS')
        elif len(answer.rows) != 1 or value not in answer.rows[0][2]:
            self.same(f'one warning with {value}', answer.rows, 'SHOW WARNINGS')

    def do_handler(self):
        if self.in_transaction:
            return
        if self.handler:
            yield from self.sql('HANDLER leak_h CLOSE')
            self.handler = False
        elif self.may_pin():
            yield from self.sql('HANDLER leaks.plain OPEN AS leak_h')
            self.handler = True
        yield from self.see_handler()

    def see_handler(self):
        if not self.pinned and self.random.random() < 0.97 and not self.house.shared:  # HANDLER pins a session even where it fails
            return
        self.pinned = True
        yield from self.sql('HANDLER leak_h READ FIRST', None if self.handler else NO_HANDLER)

    def do_timestamp(self):
        if self.timestamp and self.random.random() < 0.5:
            yield from self.sql('SET timestamp = DEFAULT')
            self.timestamp = None
        elif self.may_pin():
            self.timestamp = 1_000_000_000 + self.random.randrange(10 ** 8)
            yield from self.sql(f'SET timestamp = {self.timestamp}')
        yield from self.see_timestamp()

    def see_timestamp(self):
        answer = yield from self.sql('SELECT UNIX_TIMESTAMP()')
        seconds = int(answer.rows[0][0].partition('.')[0])
        if self.timestamp:
            self.same(self.timestamp, seconds, 'SELECT UNIX_TIMESTAMP()')
        elif abs(seconds - self.now()) > 600:
            self.same('now', seconds, 'SELECT UNIX_TIMESTAMP()')

    def do_client_flags(self):
        answer = yield from self.sql(f'UPDATE leaks.flags SET n = n WHERE slot = {self.slot} AND k = 3')
        self.same(1 if self.flags & 2 else 0, answer.affected, 'an UPDATE that changes nothing: rows (CLIENT_FOUND_ROWS)')

    see_client_flags = do_client_flags
