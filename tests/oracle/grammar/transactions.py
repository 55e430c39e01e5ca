"""Transactions of all kinds."""
from grammar.scene import rule


def statement_inside(s):
    items, notes = s.table('items'), s.table('notes')
    if s.chance(0.6):
        s.query(s.one(f'SELECT COUNT(*), SUM(price) FROM {items}', f'SELECT id FROM {items} ORDER BY id DESC LIMIT 1',
            f'SELECT COUNT(*) FROM {notes}', 'SELECT @@session.autocommit', 'SELECT 1'), '1.read', '4.transaction', reads=True)
    else:
        s.query(s.one(f"INSERT INTO {notes} (note) VALUES ('in a transaction')", f'UPDATE {items} SET price = price + 1 WHERE id = {s.number(1, 9)}',
            f'DELETE FROM {items} WHERE id = {s.number(1, 9)}'), '1.write', '4.transaction')


def end(s):
    s.query(s.one('COMMIT', 'COMMIT', 'ROLLBACK', 'COMMIT AND NO CHAIN', 'COMMIT WORK', 'ROLLBACK WORK'), '4.transaction')
    s.transaction = None


@rule(20)
def of_writes(s):
    s.query(s.one('BEGIN', 'START TRANSACTION', 'BEGIN WORK', 'START TRANSACTION READ WRITE', 'BEGIN /* x */;'), '4.transaction',
        '2.write_transaction')
    s.transaction = 'rw'
    for _ in range(s.number(1, 4)):
        statement_inside(s)
    if s.chance(0.3):
        savepoints(s)
    if s.chance(0.85):
        end(s)


@rule(18)
def read_only(s):
    if s.chance(0.3):
        s.query(s.one('COMMIT', 'ROLLBACK'), '4.transaction')
    s.query(s.one('START TRANSACTION READ ONLY', 'START TRANSACTION READ ONLY', 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY'),
        '4.transaction', '2.read_only', reads=True)
    s.transaction = 'ro'
    for _ in range(s.number(1, 4)):
        s.query(s.one(f'SELECT COUNT(*), SUM(price) FROM {s.table("items")}', f'SELECT id FROM {s.table("items")} ORDER BY id DESC LIMIT 2',
            'SELECT 1', f'SELECT id FROM {s.table("items")} WHERE id = 1 FOR UPDATE', 'SAVEPOINT ro',
                      f"INSERT INTO {s.table('notes')} (note) VALUES ('no')", f'UPDATE {s.table("items")} SET price = 0',
                      'SELECT @@transaction_read_only' if not s.maria else 'SELECT @@tx_read_only', 'SHOW WARNINGS',
                      'SELECT FOUND_ROWS()', f"SET time_zone = '+0{s.number()}:00'", "SET @a = 'in read only'", 'SELECT @a', 'SHOW TABLES',
                      'SELECT LAST_INSERT_ID()', 'SET sql_mode = \'\'', 'ROLLBACK TO ro'), '2.read_only', '4.transaction', reads=True)
    if s.chance(0.85):
        end(s)


@rule(4)
def what_outlives_read_only(s):
    """Inside the transaction it runs on one server, and is asked for behind it."""
    items, lock = f'{s.first}.items', f"'{s.first}_lock'"
    first, second = s.one(
        ("PREPARE ro FROM 'SELECT 5'", 'EXECUTE ro'), (f'SELECT GET_LOCK({lock}, 0)', f'SELECT RELEASE_LOCK({lock})'), ('SET ROLE vault_reader',
        'SELECT bars FROM oracle_vault.gold ORDER BY id'),
        ('SET timestamp = 1000000000', 'SELECT NOW()'), ('CREATE TEMPORARY TABLE ro (a INT)', 'SELECT * FROM ro'), (f'HANDLER {items} OPEN AS h',
            'HANDLER h READ FIRST'),
        ('SELECT LAST_INSERT_ID(77)', 'SELECT LAST_INSERT_ID()'), (f'SELECT MAX(id) INTO @z FROM {items}', 'SELECT @z'),
        ("SET SESSION session_track_schema = ON", 'SELECT DATABASE()'),
        ('CREATE TABLE t1 (a INT)', 'SELECT COUNT(*) FROM t1'), (f'SELECT * FROM {items} ORDER BY id', 'SELECT FOUND_ROWS()'), (f'USE {s.second}',
        'SELECT DATABASE()'), ('SET NAMES latin1', "SELECT 'é', @@collation_connection"),
        ('SET SESSION TRANSACTION READ ONLY', f"INSERT INTO {s.first}.notes (note) VALUES ('ro')"))
    for sql in ('START TRANSACTION READ ONLY', first, second, s.one('COMMIT', 'ROLLBACK', 'BEGIN'), second):
        s.query(sql, '2.read_only', '4.transaction', reads=True)
    s.query('COMMIT', '4.transaction')
    s.query('SET SESSION TRANSACTION READ WRITE', '4.transaction')
    s.transaction, s.pinned = None, True


@rule(6)
def snapshot(s):
    s.query('START TRANSACTION WITH CONSISTENT SNAPSHOT', '2.primary_transaction', '4.transaction')
    s.transaction = 'rw'
    statement_inside(s)
    if s.chance(0.9):
        end(s)


@rule(8)
def isolation(s):
    s.query(s.one('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
        'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
                  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ', 'SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED',
                  "SET @@session.transaction_isolation = 'READ-COMMITTED'" if not s.maria else "SET @@session.tx_isolation = 'READ-COMMITTED'"),
            '2.primary_transaction', '4.transaction', '4.pin_next_transaction')
    if s.chance(0.5):
        s.query('BEGIN', '2.primary_transaction', '4.transaction')
        s.transaction = 'rw'
    statement_inside(s)
    s.query(f"SELECT @@{'tx' if s.maria else 'transaction'}_isolation, COUNT(*) FROM {s.table('items')}", '2.primary_transaction', '4.variable',
        reads=True)
    if s.transaction:
        end(s)


@rule(8)
def access_mode(s):
    variable = 'tx_read_only' if s.maria else 'transaction_read_only'
    s.query(s.one('SET TRANSACTION READ ONLY', 'SET SESSION TRANSACTION READ ONLY', 'SET TRANSACTION READ ONLY', 'SET TRANSACTION READ WRITE',
        f'SET SESSION {variable} = 1', f'SET @@{variable} = 1', 'SET SESSION TRANSACTION READ ONLY, ISOLATION LEVEL READ COMMITTED'),
            '2.read_only', '4.pin_next_transaction')
    for _ in range(s.number(1, 3)):
        s.query(s.one(f'SELECT COUNT(*) FROM {s.table("items")}', f"INSERT INTO {s.table('notes')} (note) VALUES ('maybe')", f'SELECT @@{variable}',
            f'SELECT @@{variable} FROM {s.table("items")} LIMIT 1', 'BEGIN', 'START TRANSACTION READ WRITE', 'COMMIT'), '2.read_only',
            '4.transaction', reads=True)
    s.query('COMMIT', '4.transaction')
    s.transaction = None
    if s.chance(0.85):
        s.query(s.one('SET SESSION TRANSACTION READ WRITE', f'SET SESSION {variable} = 0', f'SET SESSION {variable} = DEFAULT'), '2.read_only')


@rule(8)
def autocommit(s):
    s.query(s.one('SET autocommit = 0', 'SET AUTOCOMMIT=OFF', 'SET @@session.autocommit = 0', 'SET SESSION autocommit = 0'), '2.write_transaction',
        '4.transaction')
    s.autocommit = False
    for _ in range(s.number(1, 4)):
        statement_inside(s)
        if s.chance(0.4):
            end(s)
    if s.chance(0.85):
        s.query(s.one('SET autocommit = 1', 'SET autocommit = ON', 'SET @@autocommit = 1', 'SET autocommit = DEFAULT'), '4.transaction')
        s.autocommit, s.transaction = True, None


@rule(6)
def savepoints(s):
    name = s.one('s1', 's2')
    for sql in (f'SAVEPOINT {name}', None, s.one(f'ROLLBACK TO {name}', f'ROLLBACK TO SAVEPOINT {name}', f'RELEASE SAVEPOINT {name}')):
        if sql:
            s.query(sql, '4.transaction')
        else:
            statement_inside(s)


@rule(5)
def implicit_commit(s):
    s.query('BEGIN', '4.transaction')
    s.query(f"INSERT INTO {s.table('notes')} (note) VALUES ('implicit')", '1.write')
    s.query(s.one('CREATE TABLE t1 (a INT)', 'DROP TABLE IF EXISTS t1', 'BEGIN', 'CREATE TABLE t1 (nonsense', 'DROP TABLE no_such_table',
        f'ALTER TABLE t1 ADD z INT', 'SET autocommit = 1', 'TRUNCATE TABLE t2', f'LOCK TABLES {s.table("items")} READ'), '4.transaction')
    s.query('ROLLBACK', '4.transaction')
    s.query('UNLOCK TABLES', '4.transaction')
    s.query(f'SELECT COUNT(*) FROM {s.table("notes")}', '1.read', reads=True)
    s.transaction = s.locked = None


@rule(4)
def chains(s):
    s.query(s.one('COMMIT AND CHAIN', 'ROLLBACK AND CHAIN', 'SET completion_type = 1', "SET completion_type = 'CHAIN'"), '4.transaction')
    statement_inside(s)
    s.query('ROLLBACK AND NO CHAIN', '4.transaction')
    s.query('SET completion_type = 0', '4.transaction')
    s.query('ROLLBACK', '4.transaction')
    s.transaction = None
