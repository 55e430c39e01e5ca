"""Variables of the session, and looking at them on whatever server answers."""
from grammar.scene import rule

SEEN = ('sql_mode', 'time_zone', 'character_set_client', 'character_set_connection', 'character_set_results', 'collation_connection',
    'group_concat_max_len', 'sql_select_limit', 'div_precision_increment',
        'lc_time_names', 'autocommit', 'sql_auto_is_null', 'default_week_format', 'max_sort_length', 'sql_safe_updates', 'unique_checks',
        'foreign_key_checks', 'big_tables', 'sql_notes', 'max_error_count',
        'wait_timeout', 'auto_increment_increment', 'net_write_timeout', 'optimizer_switch',
        'sql_warnings', 'lc_messages')


def probe(s, *rows):
    """All that could have leaked, or been forgotten, at once."""
    kind = s.number(0, 4)
    columns = ', '.join(f'@@session.{name}' for name in (SEEN if kind < 2 else s.rng.sample(SEEN, 5)))
    table = f'{s.first}.items'
    s.query(f'SELECT {columns}' + (f' FROM {table} LIMIT 1' if kind != 1 else ''), '4.variable', *rows, reads=True)
    if kind == 2:
        s.query(f'SELECT DATABASE(), @a, @b, @kept, @from_routine, CURRENT_{"ROLE" if s.maria else "ROLE()"}', '4.user_variable', '4.schema',
            '4.role', *rows, reads=True)
    elif kind == 3:
        s.query(f'SELECT DATABASE(), CURRENT_{"ROLE" if s.maria else "ROLE()"} FROM {table} LIMIT 1', '4.schema', '4.role', *rows, reads=True)
    elif kind == 4:
        s.query("SELECT 'ä', 7/3, DAYNAME('2024-03-02'), COLLATION('x'), @@session.time_zone FROM " + table + ' LIMIT 1', '4.charset', *rows,
            reads=True)


@rule(14)
def ordinary(s):
    scope = s.one('', 'SESSION ', '@@session.', '@@', 'LOCAL ')
    name, *values = s.one(
        ('group_concat_max_len', '4', '10', '1024', 'DEFAULT'), ('sql_select_limit', '2', '1', 'DEFAULT', '100', '0'), ('div_precision_increment',
        '0', '9', '4', 'DEFAULT'), ('lc_time_names', "'de_DE'", "'fr_FR'", "'en_US'", 'DEFAULT'),
        ('default_week_format', '3', '0'), ('max_sort_length', '100', '1024', '2000'), ('sql_auto_is_null', '1', '0'), ('sql_safe_updates', '1', '0'),
        ('max_error_count', '0', '1', '64'), ('sql_notes', '0', '1'), ('unique_checks', '0', '1'),
        ('foreign_key_checks', 'OFF', 'ON'), ('big_tables', '0', '1'), ('wait_timeout', '1000', 'DEFAULT'), ('net_write_timeout', '77', '60'),
        ('auto_increment_increment', '5', '1'), ('sql_warnings', '1', '0'), ('lc_messages', "'de_DE'", "'en_US'"),
        ('sort_buffer_size', '40000', '262144'), ('max_join_size', '1000000', '18446744073709551615'), ('sql_big_selects', '1'), ('optimizer_switch',
        "'mrr=off'", "'mrr=on'"), ('block_encryption_mode', "'aes-256-cbc'", "'aes-128-ecb'") if not s.maria else ('old_mode', "''",
        "'UTF8_IS_UTF8MB3'"),
        ('updatable_views_with_limit', '0', '1'), ('session_track_schema', 'OFF', 'ON'), ('session_track_state_change', 'ON', 'OFF'),
        ('cte_max_recursion_depth', '3', '1000') if not s.maria else ('max_recursive_iterations', '3', '1000'), ('max_execution_time', '5000',
        '0') if not s.maria else ('max_statement_time', '5', '0'),
        ('session_track_system_variables', "'*'", "'sql_mode'", "''", 'DEFAULT') if not s.maria else ('session_track_system_variables', "'sql_mode'",
        "''", 'DEFAULT'))
    value = s.one(*values)
    s.query(f'SET {scope}{name} = {value}', '4.variable')
    if s.chance(0.7):
        s.query(s.one(f'SELECT @@{name}', f'SELECT @@session.{name} FROM {s.first}.items LIMIT 1', f"SHOW VARIABLES LIKE '{name}'",
            f'SELECT GROUP_CONCAT(name ORDER BY id), 1/3, MONTHNAME(\'2024-05-01\') FROM {s.first}.items',
            f'SELECT id FROM {s.first}.items ORDER BY id',
                      f'SELECT id FROM {s.first}.items WHERE id IS NULL'), '4.variable', reads=True)


@rule(3)
def of_expressions(s):
    items = f'{s.first}.items'
    s.query(s.one(f'SET SESSION group_concat_max_len = (SELECT COUNT(*) + 4 FROM {items})', "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')",
        "SET @old = @@sql_mode, sql_mode = ''", 'SET sql_mode = @old', 'SET @@session.sql_select_limit = @a', 'SET sql_mode = DEFAULT',
        'SET @tz = @@time_zone',
                  "SET time_zone = COALESCE(@tz, '+00:00')", "SET @@sql_mode = REPLACE(@@sql_mode, 'ONLY_FULL_GROUP_BY', '')",
                  "SET SESSION sql_mode = 'STRICT_ALL_TABLES', time_zone = '+01:00', @b = 3", 'SET lc_time_names = 3', 'SET GLOBAL sql_mode = \'\'',
                  "SET NAMES utf8mb4, time_zone = '-03:00'", 'SET sql_select_limit = 3, no_such = 4',
                  "SET time_zone = '+04:00', sql_mode = 'NO_SUCH'"), '4.variable')
    s.ansi = s.raw_backslash = False
    s.query(f'SELECT @@sql_mode, @@time_zone, @@group_concat_max_len FROM {items} LIMIT 1', '4.variable', reads=True)


@rule(12)
def sql_mode(s):
    mode = s.one('', 'ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES', 'ANSI', 'STRICT_TRANS_TABLES', 'PIPES_AS_CONCAT', 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES',
        'IGNORE_SPACE', 'NO_ZERO_DATE,STRICT_ALL_TABLES', 'ONLY_FULL_GROUP_BY', 'NO_AUTO_VALUE_ON_ZERO', 'HIGH_NOT_PRECEDENCE',
                 'NO_UNSIGNED_SUBTRACTION', 'REAL_AS_FLOAT', 'PAD_CHAR_TO_FULL_LENGTH', 'TRADITIONAL', *(['ORACLE', 'EMPTY_STRING_IS_NULL',
                 'MSSQL'] if s.maria else ['TIME_TRUNCATE_FRACTIONAL']))
    s.query(f'SET {s.one("", "SESSION ", "@@session.", "@@")}sql_mode = {s.text(mode)}', '4.sql_mode')
    s.ansi = 'ANSI' in mode or mode in ('ORACLE', 'MSSQL')
    s.raw_backslash = 'NO_BACKSLASH' in mode or mode in ('ORACLE', 'MSSQL')
    items, notes = f'{s.first}.items', f'{s.first}.notes'
    if (s.ansi or s.raw_backslash) and s.chance(0.6):  # who reads it as in another mode sees a harmless string to the end
        s.query(rf"SELECT 'a\'; INSERT INTO {notes} (note) VALUES (8) -- '" if s.raw_backslash else
                rf'SELECT 1 AS "a\"; INSERT INTO {notes} (note) VALUES (9) -- "', '4.sql_mode', '1.lexer')
        s.query('SELECT LAST_INSERT_ID()', '4.sql_mode', '1.previous', reads=True)
    for _ in range(s.number(1, 3)):
        s.query(s.one(f'SELECT "name" FROM {items} ORDER BY id LIMIT 2', rf"SELECT 'a\\b', id FROM {items} ORDER BY id LIMIT 1",
            f"SELECT 'x' || 'y' FROM {items} LIMIT 1", f'SELECT COUNT (*) FROM {items}', f"SELECT CAST('12x' AS SIGNED) FROM {items} LIMIT 1",
                      rf"SELECT 'a\' , id, 'b' FROM {items} WHERE id = 1 FOR UPDATE -- '", rf"SELECT 'a\', id FROM {items} -- '",
                          f"INSERT INTO {s.first}.items (name) VALUES ('0123456789012345678901234567890123456789012345')",
                          f'SELECT NOT 1 BETWEEN -5 AND 5 FROM {items} LIMIT 1',
                      f'SELECT id, kind FROM {items} GROUP BY kind ORDER BY kind', f'SELECT CAST(1 AS UNSIGNED) - 2 FROM {items} LIMIT 1',
                      f"SELECT CAST('2024-00-00' AS DATE) FROM {items} LIMIT 1", f'SHOW CREATE TABLE {s.second}.pairs',
                      f"SELECT '' IS NULL FROM {items} LIMIT 1"), '4.sql_mode', reads=True)


@rule(8)
def time_zone(s):
    s.query(f'SET {s.one("", "SESSION ", "@@session.")}time_zone = ' + s.one("'+00:00'", "'+05:30'", "'-11:00'", "'SYSTEM'", "'+13:00'", 'DEFAULT'),
        '4.time_zone')
    s.query(f'SELECT @@session.time_zone, FROM_UNIXTIME(0), UNIX_TIMESTAMP(added) FROM {s.first}.items ORDER BY id LIMIT 2', '4.time_zone',
        reads=True)


@rule(14)
def charset(s):
    items = f'{s.first}.items'
    s.query(s.one('SET NAMES utf8mb4', 'SET NAMES latin1', "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_bin'",
        'SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci', 'SET CHARACTER SET latin1', 'SET NAMES DEFAULT', 'SET NAMES gbk', 'SET NAMES sjis',
        'SET NAMES binary', 'SET CHARACTER SET DEFAULT',
                  "SET character_set_results = 'latin1'", 'SET character_set_results = NULL', "SET character_set_client = 'latin1'",
                  "SET collation_connection = 'latin1_bin'", "SET character_set_connection = 'latin2'",
                  "SET collation_connection = 'utf8mb4_general_ci'",
                  "SET NAMES utf8mb3", "SET CHARSET utf8mb4", "SET NAMES ucs2",
                  "SET collation_connection = 33", "SET collation_server = 'latin1_bin'"), '4.charset')
    for _ in range(s.number(1, 3)):
        s.query(s.one(f"SELECT 'é', CHARSET('x'), COLLATION('x') FROM {items} LIMIT 1", f"SELECT name = 'ITEM 1' FROM {items} WHERE id = 1",
            f"SELECT CONCAT(name, 'ß') FROM {items} ORDER BY id LIMIT 1",
            f'SELECT @@character_set_client, @@character_set_connection, @@collation_connection, @@character_set_results FROM {items} LIMIT 1',
                      f"SELECT b, HEX(b) FROM {s.second}.pairs ORDER BY a", "SELECT 'é' AS 'ü'",
                      f"INSERT INTO {s.second}.pairs VALUES ({s.number(4, 99)}, 'ñ')",
                      f'SELECT * FROM {items} WHERE name > \'item 5\' ORDER BY name', "SHOW VARIABLES LIKE 'c%\\_connection'"),
                '4.charset', reads=True)


@rule(6)
def a_backslash_in_a_character(s):
    """In gbk and sjis 0x5c may be the second byte of a character: the quote behind it ends the string."""
    s.query('SET NAMES ' + s.one('gbk', 'sjis'), '4.charset', '1.lexer')
    lead = '\udc81' if s.chance(0.5) else '\udc95'
    s.query(f"SELECT HEX('{lead}\\'), id FROM {s.first}.items WHERE id = 1 FOR UPDATE", '1.lexer', '1.locking')
    s.query(f"SELECT HEX('{lead}\\'), id FROM {s.first}.items ORDER BY id LIMIT 1", '1.lexer', reads=True)
    if s.chance(0.6):  # whoever takes the quote for an escaped one sees a harmless string to the end
        s.query(s.one(f"SELECT HEX('{lead}\\'); INSERT INTO {s.first}.notes (note) VALUES (7) -- '", f"SELECT HEX('{lead}\\'), LAST_INSERT_ID(55) -- '",
            f"SELECT HEX('{lead}\\'), COUNT(*) FROM {s.first}.items; SET time_zone = '+05:00' -- '"), '1.lexer')
        s.query(s.one('SELECT LAST_INSERT_ID()', f'SELECT @@time_zone, COUNT(*) FROM {s.first}.notes'), '1.lexer', '1.previous', reads=True)
    if s.chance(0.8):
        s.query('SET NAMES utf8mb4', '4.charset')


@rule(8)
def sticky(s):
    items = f'{s.first}.items'
    s.query(s.one('SET timestamp = 1000000000', 'SET timestamp = DEFAULT', 'SET @@timestamp = 1234567', 'SET insert_id = 500',
        'SET rand_seed1 = 5, rand_seed2 = 7', 'SET last_insert_id = 77', 'SET @@identity = 88', 'SET SESSION last_insert_id = 5'), '4.sticky')
    s.pinned = True
    s.query(s.one(f'SELECT LAST_INSERT_ID(), @@identity FROM {items} LIMIT 1', 'SELECT LAST_INSERT_ID()',
        'SELECT RAND(), RAND()' if s.ops[-1].text.startswith('SET rand') else 'SELECT @@last_insert_id',
        f"INSERT INTO {s.first}.notes (note) VALUES ('s')",
                  f'SELECT NOW(), UNIX_TIMESTAMP() FROM {items} LIMIT 1' if '= 1' in s.ops[-1].text and 'timestamp' in s.ops[-1].text else 'SELECT 1'),
                  '4.sticky', reads=True)
    if s.chance(0.7):
        s.query('SET timestamp = DEFAULT', '4.sticky')


@rule(3, 'mariadb')
def set_statement(s):
    s.query(f"SET STATEMENT {s.one('sql_select_limit=2', 'group_concat_max_len=5', 'max_statement_time=9')} FOR SELECT id, @@group_concat_max_len FROM {s.first}.items ORDER BY id",
        '4.sticky', reads=True)
    s.pinned = True


@rule(10)
def roles(s):
    s.query(s.one('SET ROLE vault_reader', 'SET ROLE vault_writer', 'SET ROLE NONE', 'SET ROLE vault_reader', *(() if s.maria else ('SET ROLE ALL',
        'SET ROLE DEFAULT', 'SET ROLE vault_reader, vault_writer', 'SET ROLE ALL EXCEPT vault_writer')), 'SET ROLE no_such_role'), '4.role')
    s.pinned = True
    for _ in range(s.number(1, 3)):
        s.query(s.one('SELECT * FROM oracle_vault.gold ORDER BY id', f'SELECT CURRENT_{"ROLE" if s.maria else "ROLE()"}',
            'UPDATE oracle_vault.gold SET bars = 10 WHERE id = 1', f'SELECT COUNT(*), CURRENT_{"ROLE" if s.maria else "ROLE()"} FROM {s.first}.items',
            'SHOW GRANTS', 'SHOW DATABASES'), '4.role', reads=True)
    if s.chance(0.5):
        s.query('SET ROLE NONE', '4.role')


@rule(8)
def schemas(s):
    to = s.one(s.first, s.second, s.second, s.first, 'no_such_schema', 'information_schema')
    if s.chance(0.5):
        s.query(f'USE {s.one(to, f"`{to}`")}', '4.schema')
    else:
        s.add('init_db', to, '4.schema')
    if to in (s.first, s.second):
        s.schema = to
    if to != 'no_such_schema':
        s.in_system_schema = to == 'information_schema'
    s.query(s.one('SELECT DATABASE()', f'SELECT DATABASE() FROM {s.first}.items LIMIT 1', 'SELECT COUNT(*) FROM items',
        'SELECT * FROM pairs ORDER BY a', 'SHOW TABLES', 'SELECT @@collation_database', 'SELECT SCHEMA(), COUNT(*) FROM pairs'), '4.schema',
        reads=True)
