"""Values of the previous statement."""
from grammar.scene import rule


@rule(25)
def asked(s):
    items = s.table('items')
    s.query(s.one('SELECT LAST_INSERT_ID()', 'SELECT ROW_COUNT()', 'SELECT FOUND_ROWS()', 'SHOW WARNINGS', 'SHOW ERRORS', 'SHOW COUNT(*) WARNINGS',
        'SHOW COUNT(*) ERRORS', 'SELECT @@warning_count, @@error_count', 'SELECT @@identity, @@last_insert_id',
        'SELECT LAST_INSERT_ID() AS a, ROW_COUNT() AS b, FOUND_ROWS() AS c',
                  'SHOW WARNINGS LIMIT 1', f'SELECT id FROM {items} WHERE id = LAST_INSERT_ID()',
                  f'SELECT (SELECT LAST_INSERT_ID()), COUNT(*) FROM {items}', 'GET DIAGNOSTICS @n = NUMBER, @r = ROW_COUNT',
                  'GET DIAGNOSTICS CONDITION 1 @s = RETURNED_SQLSTATE, @m = MESSAGE_TEXT, @e = MYSQL_ERRNO',
                  'SELECT @@warning_count', 'SELECT LAST_INSERT_ID(), @@session.sql_mode', 'SELECT last_insert_id ()', 'SHOW WARNINGS',
                  f"INSERT INTO {s.table('notes')} (note) VALUES (LAST_INSERT_ID())", f"INSERT INTO {s.table('notes')} (note) VALUES (ROW_COUNT())"),
                  '1.previous', reads=True)


@rule(14)
def after_a_read(s):
    items = s.table('items')
    s.query(s.one(f'SELECT SQL_CALC_FOUND_ROWS id FROM {items} ORDER BY id LIMIT 2', f'SELECT id FROM {items} ORDER BY id LIMIT 3',
        f"SELECT CAST(name AS SIGNED) FROM {items} ORDER BY id LIMIT 3", f'SELECT 1/0 FROM {items}', f'SELECT * FROM {items} WHERE id = -1',
        f"SELECT CAST('x' AS DATE), id FROM {items} ORDER BY id",
                  'SHOW TABLES', f'SELECT no_such FROM {items}', f"SELECT id FROM {items} WHERE price > 'abc' ORDER BY id"), '1.previous', '1.read',
                  reads=True)
    for _ in range(s.number(1, 2)):
        asked(s)


@rule(16)
def after_a_write(s):
    items, notes = s.table('items'), s.table('notes')
    n = s.number(1, 14)
    s.query(s.one(f"INSERT INTO {notes} (note) VALUES ('a'), ('b')", f"INSERT INTO {notes} VALUES ({n * 100}, 'explicit')",
        f"REPLACE INTO {items} (id, name) VALUES ({n}, 'replaced {n}')", f'UPDATE {items} SET id = LAST_INSERT_ID(id), price = 5 WHERE id = {n}',
        f"INSERT INTO {items} (name) VALUES ('item {n}')",
                  f'SELECT LAST_INSERT_ID({n * 1000})', f'DO LAST_INSERT_ID({n})', f"INSERT IGNORE INTO {items} (name) VALUES ('item 1'), ('new')",
                  f'DELETE FROM {items} WHERE id > {n}', f"UPDATE {items} SET price = 'x' WHERE id = {n}",
                  f"INSERT INTO {items} (name) VALUES ('on dup') ON DUPLICATE KEY UPDATE price = price + 1",
                  f'INSERT INTO {notes} (note) SELECT name FROM {items} ORDER BY id', f'SELECT LAST_INSERT_ID(id) FROM {items} ORDER BY id LIMIT 1',
                  'DROP TABLE IF EXISTS no_such_1, no_such_2', f"INSERT INTO {notes} (id, note) VALUES (NULL, 'null id'), (0, 'zero id')"),
                  '1.previous', '1.write' if s.chance(0.5) else '1.server_function')
    if s.chance(0.4):
        s.query(f'SELECT COUNT(*) FROM {items}', '1.read', reads=True)
    for _ in range(s.number(1, 3)):
        asked(s)


@rule(5)
def server_functions(s):
    lock = s.text(f'{s.first}_lock')
    choices = [f'SELECT GET_LOCK({lock}, 0)', f'SELECT IS_FREE_LOCK({lock})', f'SELECT RELEASE_LOCK({lock})', 'SELECT RELEASE_ALL_LOCKS()',
        f'DO GET_LOCK({lock}, 0)', f'SELECT COALESCE(IS_USED_LOCK({lock}), 0) > 0', 'SELECT UUID_SHORT() > 0', "SELECT LOAD_FILE('/no/such/file')",
               f'SELECT GET_LOCK({lock}, 0), COUNT(*) FROM {s.table("items")}', 'SELECT CONNECTION_ID() = CONNECTION_ID()']
    if s.maria:
        choices += [f'SELECT NEXTVAL({s.first}.numbers)', f'SELECT NEXT VALUE FOR {s.first}.numbers', f'SELECT LASTVAL({s.first}.numbers)',
            f'SELECT PREVIOUS VALUE FOR {s.first}.numbers', f'SELECT SETVAL({s.first}.numbers, {s.number(50, 99)})']
    s.query(s.one(*choices), '1.server_function', '4.pin_user_lock')


@rule(2)
def connection_id(s):
    s.query(s.one('SELECT CONNECTION_ID() > 0', f'SELECT CONNECTION_ID() = CONNECTION_ID(), COUNT(*) FROM {s.table("items")}',
        f'SELECT COUNT(CONNECTION_ID()) FROM {s.table("items")}', 'SELECT @me := CONNECTION_ID() > 0'), '3.connection_id', reads=True)
