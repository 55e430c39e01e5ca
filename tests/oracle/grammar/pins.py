"""What binds a session to one connection, and what is seen while it does and after."""
from grammar.scene import rule


@rule(14)
def temporary_tables(s):
    name = s.one('tmp1', 'tmp2', 'items')  # one hides a table
    s.query(s.one(f'CREATE TEMPORARY TABLE {name} (a INT AUTO_INCREMENT PRIMARY KEY, b VARCHAR(20))',
        f'CREATE TEMPORARY TABLE {name} AS SELECT id AS a, name AS b FROM {s.first}.items WHERE id < 4',
        f'CREATE TEMPORARY TABLE IF NOT EXISTS {name} (a INT)', f'CREATE TEMPORARY TABLE {s.second}.{name} (a INT)'), '1.temporary', '4.pin_temporary')
    s.pinned = True
    for _ in range(s.number(1, 3)):
        s.query(s.one(f'SELECT * FROM {name} ORDER BY 1', f'INSERT INTO {name} (a) VALUES (7)', f'SELECT COUNT(*) FROM {name}',
            f'SELECT LAST_INSERT_ID(), COUNT(*) FROM {name}', f'SHOW CREATE TABLE {name}', f'DESCRIBE {name}',
            f'SELECT a FROM (SELECT a FROM {name}) AS x ORDER BY a', *([] if name == 'items' else [f'ALTER TABLE {name} ADD COLUMN z INT',
            f'TRUNCATE TABLE {name}']),
                      f'INSERT INTO {s.first}.notes (note) SELECT a FROM {name} ORDER BY a'), '1.temporary', '4.pin_temporary', reads=True)
    if s.chance(0.7):
        s.query(s.one(f'DROP TEMPORARY TABLE IF EXISTS {name}', f'DROP TEMPORARY TABLE {name}', f'DROP TEMPORARY TABLE IF EXISTS {s.second}.{name}'),
            '1.temporary', '4.pin_temporary')
        s.query(f'SELECT COUNT(*) FROM {name}', '1.temporary', reads=True)


@rule(8)
def lock_tables(s):
    items = f'{s.first}.items'
    s.query(s.one(f'LOCK TABLES {items} READ', f'LOCK TABLES {items} WRITE', f'LOCK TABLES {items} READ, {s.second}.pairs WRITE',
        f'LOCK TABLES {items} AS i READ', f'LOCK TABLES {items} READ LOCAL'), '4.pin_lock_tables')
    s.pinned, s.transaction, s.locked = True, None, True
    for _ in range(s.number(1, 3)):
        s.query(s.one(f'SELECT COUNT(*) FROM {items}', f'SELECT COUNT(*) FROM {s.second}.pairs', f'UPDATE {items} SET price = 1 WHERE id = 1',
            f'SELECT COUNT(*) FROM {items} AS i', 'BEGIN', 'COMMIT', f'INSERT INTO {s.second}.pairs VALUES (50, NULL)'), '4.pin_lock_tables', reads=True)
    if s.chance(0.85):
        s.query('UNLOCK TABLES', '4.pin_lock_tables')
        s.locked = None
        s.query(f'SELECT COUNT(*) FROM {s.second}.pairs', '4.pin_lock_tables', reads=True)


@rule(6)
def user_locks(s):
    lock = s.text(f'{s.first}_lock')
    s.query(s.one(f'SELECT GET_LOCK({lock}, 0)', f'DO GET_LOCK({lock}, 0)', f'SET @l = GET_LOCK({lock}, 0)'), '1.server_function', '4.pin_user_lock')
    s.query(s.one(f'SELECT IS_FREE_LOCK({lock})', f'SELECT COUNT(*) FROM {s.first}.items',
        f'SELECT IS_FREE_LOCK({lock}), COUNT(*) FROM {s.first}.items'), '4.pin_user_lock', reads=True)
    if s.chance(0.7):
        s.query(s.one(f'SELECT RELEASE_LOCK({lock})', 'SELECT RELEASE_ALL_LOCKS()', f'DO RELEASE_LOCK({lock})'), '1.server_function', '4.pin_user_lock')
        s.query(f'SELECT IS_FREE_LOCK({lock})', '1.server_function')


@rule(6)
def handler(s):
    items = f'{s.first}.items'
    s.query(f'HANDLER {items} OPEN AS h', '4.pin_handler', '1.write')
    s.pinned = True
    for _ in range(s.number(1, 3)):
        s.query(s.one('HANDLER h READ FIRST', 'HANDLER h READ NEXT', 'HANDLER h READ `PRIMARY` = (3)', 'HANDLER h READ `PRIMARY` NEXT LIMIT 2',
            f'SELECT COUNT(*) FROM {items}'), '4.pin_handler', reads=False)
    if s.chance(0.8):
        s.query('HANDLER h CLOSE', '4.pin_handler')


@rule(5)
def xa(s):
    name = s.text(f'{s.first}_xa')
    s.query('COMMIT', '4.transaction')
    s.query(f'XA START {name}', '4.pin_xa')
    s.pinned = True
    s.query(f"INSERT INTO {s.first}.notes (note) VALUES ('xa')", '4.pin_xa')
    s.query(s.one(f'SELECT COUNT(*) FROM {s.first}.notes', 'BEGIN', 'CREATE TABLE t1 (a INT)'), '4.pin_xa', '3.errors', reads=True)
    s.query(f'XA END {name}', '4.pin_xa')
    if s.chance(0.4):
        s.query(f'XA PREPARE {name}', '4.pin_xa')
        s.query(s.one(f'XA COMMIT {name}', f'XA ROLLBACK {name}'), '4.pin_xa')
    else:
        s.query(s.one(f'XA ROLLBACK {name}', f'XA COMMIT {name} ONE PHASE'), '4.pin_xa')
    s.query(f'XA ROLLBACK {name}', '4.pin_xa', '3.errors')  # nothing of it must stay: it would hold its locks for good
    s.transaction = None
