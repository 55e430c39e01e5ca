"""A second session of the same user: what it must not see of the first one, what it must, and locks between the two."""
from grammar.scene import rule
from grammar.variables import SEEN
from ops import OWN_ID


def quiet(s):
    """The first session holds no lock that the second one would wait for."""
    for sql in ('UNLOCK TABLES', 'ROLLBACK'):
        s.query(sql, '4.transaction')
    s.transaction = s.locked = None


@rule(12)
def looks(s):
    """It gets the connections that the first one has given up."""
    if s.locked:  # the replicas' tables are not
        quiet(s)
    role = 'CURRENT_ROLE' if s.maria else 'CURRENT_ROLE()'
    items = f'{s.first}.items'
    columns = ', '.join(f'@@session.{name}' for name in s.rng.sample(SEEN, 6))
    for _ in range(s.number(1, 2)):
        s.add('beside', s.one('SHOW WARNINGS', 'SELECT @@warning_count, @@error_count', 'SELECT FOUND_ROWS()', 'SELECT ROW_COUNT()',
            'SELECT LAST_INSERT_ID()', f'SELECT {columns}', f'SELECT {columns} FROM {items} LIMIT 1',
            f'SELECT @a, @b, @kept, @from_routine, {role}', f'SELECT {role}, DATABASE() FROM {items} LIMIT 1', 'SELECT DATABASE()',
            "SELECT 'ä', 7/3, COLLATION('x'), CHARSET('x')", f"SELECT CONCAT('ß', name) FROM {items} ORDER BY id LIMIT 1",
            'SELECT COUNT(*) FROM tmp1', f'SELECT bars FROM oracle_vault.gold', 'SHOW COUNT(*) WARNINGS',
            f'UPDATE {items} SET price = price WHERE id = 1', 'EXECUTE q1', f'SELECT id FROM {items} ORDER BY id',
            "SELECT 'a' \"b\"", r"SELECT 'a\\b'"), '4.leak', reads=True)


@rule(6)
def changes(s):
    """It changes something, and the first one must not notice, or must."""
    if s.locked:  # as above
        quiet(s)
    notes, items = f'{s.first}.notes', f'{s.first}.items'
    s.add('beside', s.one("SET time_zone = '+07:00'", 'SET sql_select_limit = 1', 'SET NAMES latin1', "SET sql_mode = 'ANSI_QUOTES'",
        'SET @a = 17', 'SET div_precision_increment = 9', f'USE {s.second}', f"INSERT INTO {notes} (note) VALUES ('x')",
        f"SELECT CAST(name AS SIGNED) FROM {items} ORDER BY id", f'SELECT SQL_CALC_FOUND_ROWS id FROM {items} ORDER BY id LIMIT 3',
        'SELECT * FROM no_such_table', 'SET lc_time_names = \'fr_FR\'', 'SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci',
        'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', 'SELECT LAST_INSERT_ID(99)'), '4.leak')
    s.query(s.one(f'SELECT COUNT(*) FROM {notes}', 'SHOW WARNINGS', 'SELECT FOUND_ROWS()', 'SELECT ROW_COUNT()', 'SELECT LAST_INSERT_ID()',
        f"SELECT @@time_zone, @@sql_mode, 'é', COLLATION('x'), 7/3 FROM {items} LIMIT 1", f'SELECT id FROM {items} ORDER BY id',
        'SELECT @a, @@time_zone, DATABASE()', "SELECT \"x\", MONTHNAME('2024-02-01')"), '4.leak', reads=True)


@rule(6)
def row_locks(s):
    quiet(s)
    items, n = f'{s.first}.items', s.number(1, 8)
    s.add('beside', 'BEGIN', '1.locking')
    # Of a row that was deleted InnoDB keeps the record, and the lock, until it happens to purge it.
    s.add('beside', f"INSERT INTO {items} (id, name, price) VALUES ({n}, 'locked', 77) ON DUPLICATE KEY UPDATE price = 77", '1.locking')
    one = f'SELECT id, price FROM {items} WHERE id = {n}'
    s.query(s.one(f'{one} FOR UPDATE NOWAIT', f'({one} FOR UPDATE\nNOWAIT)', f'{one} /* x */ FOR -- y\nUPDATE NOWAIT',
        f'SELECT id FROM {items} ORDER BY id FOR UPDATE SKIP LOCKED', f'WITH c AS ({one} FOR UPDATE NOWAIT) SELECT * FROM c', one,
        f'{one} /*!FOR UPDATE NOWAIT*/',
        *([f'{one} LOCK IN SHARE MODE NOWAIT'] if s.maria else [f'{one} FOR SHARE NOWAIT', f'SELECT id FROM {items} ORDER BY id FOR SHARE SKIP LOCKED'])),
            '1.locking', '3.errors')
    s.add('beside', s.one('ROLLBACK', 'COMMIT'), '1.locking')
    s.query(one, '1.locking', reads=True)


@rule(4)
def user_locks(s):
    lock = f"'{s.first}_shared'"
    s.add('beside', s.one(f'SELECT GET_LOCK({lock}, 0)', f'DO GET_LOCK({lock}, 0)'), '1.server_function', '4.pin_user_lock')
    s.query(s.one(f'SELECT GET_LOCK({lock}, 0)', f'SELECT IS_FREE_LOCK({lock})', f'SELECT RELEASE_LOCK({lock})',
        f'SELECT IS_FREE_LOCK({lock}), COUNT(*) FROM {s.first}.items'), '1.server_function', '4.pin_user_lock', reads=True)
    if s.chance(0.5):  # each has the lock of its own at the same time
        own = f"'{s.first}_own'"
        s.query(f'SELECT GET_LOCK({own}, 0)', '1.server_function', '4.pin_user_lock')
        s.add('beside', s.one(f'SELECT GET_LOCK({own}, 0)', f'SELECT RELEASE_LOCK({own})', f'SELECT RELEASE_LOCK({lock})'), '1.server_function', '4.pin_user_lock')
        s.query(s.one(f'SELECT RELEASE_LOCK({own})', f'SELECT GET_LOCK({lock}, 0)'), '1.server_function', '4.pin_user_lock')
    s.add('beside', f'SELECT RELEASE_LOCK({lock})', '1.server_function', '4.pin_user_lock')
    s.query(s.one(f'SELECT GET_LOCK({lock}, 0)', f'SELECT IS_FREE_LOCK({lock})'), '1.server_function', '4.pin_user_lock')
    s.query(f'DO RELEASE_LOCK({lock})', '4.pin_user_lock')


@rule(2)
def kill(s):
    """KILL QUERY from the second session, where the statement runs: on the primary or a replica."""
    quiet(s)
    mark = f'/* {s.first} {s.rng.randrange(10 ** 9)} */'
    s.add('killed', s.one('SELECT SLEEP(9) ', f'SELECT COUNT(*), SLEEP(9) FROM {s.first}.items ',
        f'SELECT SLEEP(9) FROM {s.first}.items WHERE id = 1 FOR UPDATE ', f'SELECT SLEEP(9), @a FROM {s.first}.items WHERE id = 2 ') + mark, '3.kill')
    s.query(s.one('SHOW WARNINGS', 'SELECT 1', 'SELECT ROW_COUNT()', f'SELECT COUNT(*) FROM {s.first}.items'), '3.kill')
    if s.chance(0.5):
        s.query(s.one('KILL QUERY 4000000', 'KILL 0', f'KILL QUERY {OWN_ID}'), '3.kill', '3.errors')


@rule(3)
def own_id(s):
    """The number that the greeting gave."""
    items = f'{s.first}.items'
    if s.in_system_schema:  # there it is compared with the server's own list of connections
        return
    s.query(s.one(f'SELECT CONNECTION_ID() = {OWN_ID} AS x', f'SELECT connection_id ( ) = {OWN_ID} AS x, COUNT(*) FROM {items}',
        f'SELECT COUNT(*) AS x FROM {items} WHERE CONNECTION_ID() = {OWN_ID}', f'SELECT (SELECT CONNECTION_ID()) = {OWN_ID} AS x'), '3.connection_id', reads=True)


@rule(4)
def same_variables(s):
    """The collation of results is that of SET NAMES, which no variable shows: two sessions that differ in nothing else."""
    if s.locked:
        quiet(s)
    one, other = s.rng.sample(('utf8mb4_bin', 'utf8mb4_unicode_ci', 'utf8mb4_general_ci'), 2)
    mine, theirs = s.rng.sample(((f'SET NAMES utf8mb4 COLLATE {one}',), (f'SET NAMES utf8mb4 COLLATE {other}', f'SET collation_connection = {one}')), 2)
    shows = [f'SELECT name FROM {s.first}.items ORDER BY id LIMIT 1', "SELECT 'x'"]
    for sql in mine:
        s.query(sql, '4.charset', '4.leak')
    for _ in range(s.number(1, 2)):
        s.query(s.one(*shows), '4.charset', '4.leak', reads=True)
        for sql in theirs:
            s.add('beside', sql, '4.charset', '4.leak')
        s.add('beside', s.one(*shows), '4.charset', '4.leak', reads=True)
    s.query(s.one(*shows), '4.charset', '4.leak', reads=True)
