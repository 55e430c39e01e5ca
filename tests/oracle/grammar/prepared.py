"""Binary prepared statements, and text ones."""
from grammar.scene import rule


def argument(s):
    return s.one(s.number(1, 9), 'item 3', None, 2.5, -1, 'ü', '', 10 ** 12)


@rule(25)
def binary(s):
    items, notes = s.table('items'), s.table('notes')
    text, count, reads = s.one(
        (f'SELECT * FROM {items} WHERE id = ?', 1, True), (f'SELECT id, name FROM {items} WHERE id < ? ORDER BY id', 1, True), ('SELECT ?, ? + 1', 2,
        True), (f'SELECT COUNT(*) FROM {items}', 0, True), (f'INSERT INTO {notes} (note) VALUES (?)', 1, False),
        (f'UPDATE {items} SET price = ? WHERE id = ?', 2, False),
        (f'SELECT id FROM {items} WHERE id = ? FOR UPDATE', 1, False), ('SELECT LAST_INSERT_ID()', 0, True), ('SELECT ROW_COUNT(), FOUND_ROWS()', 0,
        True), ('SELECT @@session.sql_mode, @@time_zone', 0, True), (f'SELECT @@time_zone, DATABASE() FROM {items} WHERE id = ?', 1, True),
        ('SHOW WARNINGS', 0, True),
        ('SELECT @a', 0, True), ('SET @a = ?', 1, False), (f'CALL {s.first}.gives(?, @b, @a)', 1, False), (f'CALL {s.first}.two_results(?)', 1,
        False), (f'SELECT {s.first}.twice(?)', 1, True), (f'SELECT {s.first}.reads_name(?)', 1, True), (f'CALL {s.first}.reads_two(?)', 1, True),
        ('BEGIN', 0, False), ('COMMIT', 0, False), (f'INSERT INTO {items} (id, name) VALUES (?, ?)',
        2, False),
        (f'SELECT name FROM {items} ORDER BY id LIMIT ?', 1, True), ('SELECT * FROM no_such_table WHERE a = ?', 1, True), ('SELEC ?', 1, True),
        (f'SELECT GROUP_CONCAT(name ORDER BY id), 1/3 FROM {items} WHERE id > ?', 1, True), ("SET time_zone = '+03:00'", 0, False),
        ('SELECT * FROM t1 WHERE a = ?', 1, True), ('SHOW TABLES', 0, True),
        (f'SELECT CONCAT(?, name), {"CHARSET(?)" if s.maria else "?"} FROM {items} ORDER BY id LIMIT 1', 2, True), (f'DELETE FROM {notes} WHERE id = ?', 1, False),
        ('SELECT "a"', 0, True), (f'SELECT SQL_CALC_FOUND_ROWS id FROM {items} ORDER BY id LIMIT ?', 1, True), ('', 0, True), ('SELECT 1; SELECT 2',
        0, True), ('DO ?', 1, False))
    if text == 'SHOW WARNINGS' and not s.maria:
        text = 'SHOW TABLES'  # it can't be prepared there, and an EXECUTE all the same adds its error to that of the PREPARE
    name = s.fresh('p')
    if 'ROW_COUNT' in text and opens_cursor(name):
        name = s.fresh('p')  # a known gap (docs/ROUTING.md)
    s.add('prepare', text, '4.prepared', name=name, reads=reads)
    s.prepared[name] = (count, reads, kinds(s, count, text))
    for _ in range(s.number(0, 3)):
        run(s, name)


def kinds(s, count, text):
    """MySQL keeps what the first EXECUTE on a connection has made of the parameters' types (docs/COMPATIBILITY.md). Texts that are no
    numbers it warns of in other words then, and as often as its plan looks at them."""
    if s.maria:
        return None
    found = [type(argument(s)) for _ in range(count)]
    return [*found[:-1], s.one(int, float)] if text.endswith(('? + 1', 'id > ?', 't1 WHERE a = ?')) else found


def arguments(s, count, of):
    if of is None:
        return [argument(s) for _ in range(count)]
    found = []
    for kind in of:
        value = argument(s)
        while not isinstance(value, kind):
            value = argument(s)
        found.append(value)
    return found


def opens_cursor(name):
    """Always or never: MySQL 9.7 answers an EXECUTE without a cursor, after one with it, by columns and no rows."""
    return int(name[1:]) % 4 == 0


def run(s, name):
    count, reads, of = s.prepared[name]
    how = 'cursor' if reads and opens_cursor(name) else s.one('', '', '', 'again')
    rows = ['4.prepared', '3.results'] + (['4.long_data'] if how else []) + (['4.pin_cursor'] if 'cursor' in how else [])
    if s.transaction is None and reads and not s.pinned:
        rows.append('2.replica_read')
    if how != 'again' or name not in s.bound or s.chance(0.2):  # the types are only left out if they are as before
        s.bound[name] = arguments(s, count, of)
    s.add('execute', how, *rows, name=name, args=s.bound[name], reads=reads)
    if 'cursor' in how:
        for _ in range(s.number(1, 3)):
            s.add('fetch', str(s.number(1, 5)), '4.long_data', '4.pin_cursor', name=name)


@rule(25)
def again(s):
    """Statements of before, in whatever state the session is by now."""
    if not s.prepared:
        return binary(s)
    name = s.one(*s.prepared)
    run(s, name)
    if s.chance(0.1):
        s.add('close_statement', '', '4.prepared', name=name)
        if s.chance(0.7):
            s.prepared.pop(name)
    return None


@rule(5)
def odd_commands(s):
    if s.chance(0.6):  # a statement that nothing was bound to yet: MariaDB 10.11 shows a pointer if the parameter was a number before
        name = s.fresh('p')
        text, reads = s.one(('SELECT ?, CHAR_LENGTH(?)', True), (f'INSERT INTO {s.first}.notes (note) VALUES (CONCAT(?, ?))', False))
        s.add('prepare', text, '4.prepared', name=name, reads=reads)
        for _ in range(s.number(1, 3)):
            s.add('long_data', s.one('abc', 'ü', '12'), '4.long_data', name=name)
        if s.chance(0.2):
            s.add('reset_statement', '', '4.long_data', name=name)
        for _ in range(s.number(1, 2)):
            s.add('execute', '', '4.long_data', name=name, args=['short', 'second'], reads=reads)
        return
    name = s.one(*s.prepared) if s.prepared and s.chance(0.8) else 'never'
    s.add(s.one('reset_statement', 'close_statement') if name != 'never' else s.one('execute', 'reset_statement', 'fetch'), '1', '4.prepared',
        '3.errors', name=name)
    if s.ops[-1].do == 'close_statement':
        s.prepared.pop(name, None)


@rule(3)
def prepared_and_changed(s):
    """The table changes under a prepared statement."""
    s.query('DROP TABLE IF EXISTS t1', '1.write')
    s.query('CREATE TABLE t1 (a INT PRIMARY KEY, b VARCHAR(5))', '1.write')
    s.query("INSERT INTO t1 VALUES (1, 'x')", '1.write')
    s.transaction = None
    name = s.fresh('p')
    s.add('prepare', 'SELECT * FROM t1 WHERE a = ?', '4.prepared', name=name, reads=True)
    s.prepared[name] = (1, True, None if s.maria else [int])
    s.add('execute', '', '4.prepared', name=name, args=[1], reads=True)
    s.query(s.one('ALTER TABLE t1 ADD COLUMN c INT', 'DROP TABLE t1', 'ALTER TABLE t1 DROP COLUMN b', 'TRUNCATE TABLE t1',
        'ALTER TABLE t1 MODIFY b INT'), '1.write')
    s.add('execute', '', '4.prepared', name=name, args=[1], reads=True)


@rule(12)
def text(s):
    items = s.table('items')
    name = s.one('q1', 'q2')
    inner = s.one(f'SELECT id FROM {items} WHERE id < 4 ORDER BY id', f'SELECT name FROM {items} WHERE id = ?',
        f"INSERT INTO {s.table('notes')} (note) VALUES (?)", 'SELECT ? + 1', 'SELECT @@sql_mode', 'SELEC', 'SET @a = 5',
        f'UPDATE {items} SET price = 1 WHERE id = ?', 'CREATE TABLE t2 (a INT)', 'COMMIT')
    s.query(s.one(f'PREPARE {name} FROM {s.text(inner)}', f'PREPARE {name} FROM @q'), '1.text_prepare', '4.pin_text_prepare')
    s.pinned = True
    for _ in range(s.number(1, 3)):
        s.query(s.one(f'EXECUTE {name}', f'EXECUTE {name} USING @a', f'EXECUTE {name} USING @a', f'DEALLOCATE PREPARE {name}', f'DROP PREPARE {name}',
            f"SET @q = {s.text(inner)}", "SET @a = 3", *([f"EXECUTE IMMEDIATE {s.text(inner)} USING 2",
            f'EXECUTE {name} USING 1 + 1'] if s.maria else [])), '1.text_prepare', '4.pin_text_prepare')
    s.transaction = None if 'COMMIT' in inner else s.transaction
