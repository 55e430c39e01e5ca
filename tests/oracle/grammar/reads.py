"""Reads that any server could answer. No plain joins or semi-joins: MySQL's metadata tells of the plan, which goes by the statistics of the
server that runs it; nor EXPLAIN of tables and SHOW INDEX, which show them."""
from grammar.scene import rule


@rule(40)
def plain(s):
    items, pairs = s.table('items'), s.table('pairs')
    n = s.number(1, 9)
    s.query(s.one(
        f'SELECT * FROM {items} ORDER BY id',
        f'SELECT id, name, price FROM {items} WHERE id = {n}',
        f'SELECT COUNT(*), MAX(id), AVG(price), SUM(price)/3 FROM {items}',
        f'SELECT kind, GROUP_CONCAT(name ORDER BY id) FROM {items} GROUP BY kind ORDER BY kind',
        f'SELECT i.id AS "n", (SELECT b FROM {pairs} WHERE a = i.id) FROM {items} i ORDER BY i.id' if not s.ansi
        else f'SELECT id FROM {items} ORDER BY 1',
        f'SELECT name FROM {items} WHERE name LIKE {s.text("item " + str(n) + "%")} ORDER BY id LIMIT 2',
        f'(SELECT id FROM {items} WHERE id < 3) UNION (SELECT a FROM {pairs}) ORDER BY 1',
        f'WITH c AS (SELECT id, price FROM {items}) SELECT id FROM c WHERE price > {n} ORDER BY id',
        f'WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {n}) SELECT SUM(n), (SELECT COUNT(*) FROM {items}) FROM r',
        f'SELECT * FROM {s.table("cheap")} ORDER BY id',
        f'SELECT DATE_FORMAT(added, \'%W %M %e\'), UNIX_TIMESTAMP(added) FROM {items} WHERE id = {n}',
        f'SELECT UPPER(name), CHARSET(name), COLLATION(name), (SELECT LENGTH(MAX(b)) FROM {pairs}) FROM {items} ORDER BY id',
        f'SELECT name = \'ITEM {n}\', name = BINARY \'ITEM {n}\' FROM {items} WHERE id = {n}',
        f'SELECT 1/{n}, id/7 FROM {items} ORDER BY id LIMIT 2',
        f'SELECT id FROM {items} WHERE id >= (SELECT MIN(a) FROM {pairs} WHERE a <> {n}) ORDER BY id',
        f"SELECT CONCAT_WS('-', kind, id), CAST(price AS CHAR), _utf8mb4'é', N'ü', x'41', b'1', 0x42 FROM {items} ORDER BY id LIMIT {n}",
        f'SELECT COUNT(*) FROM {s.table("notes")}',
        f'SELECT note FROM {s.table("notes")} ORDER BY id LIMIT 5',
    ), '1.read', reads=True)


@rule(10)
def without_table(s):
    s.query(s.one('SELECT 1', "SELECT 'a', 2.5, NULL, TRUE", 'SELECT 7/3', 'SELECT DATABASE()', 'SELECT CURRENT_USER(), USER()',
        'SELECT 1 UNION SELECT 2',
                  "SELECT 'é', LENGTH('é'), CHARSET('x'), COLLATION('x')", "SELECT HEX('ü')", 'DO 1', "SELECT MONTHNAME('2024-03-01')",
                  "SELECT FROM_UNIXTIME(86400*365), CAST('2024-02-30' AS DATE)"), '1.read', reads=True)


@rule(6, 'mysql')
def of_mysql(s):
    s.query(s.one(f'TABLE {s.table("pairs")} ORDER BY a', 'VALUES ROW(1, 2), ROW(3, 4) ORDER BY 1', f'(TABLE {s.table("pairs")}) ORDER BY a LIMIT 1',
                  f'SELECT id FROM {s.table("items")} INTERSECT SELECT a FROM {s.table("pairs")} ORDER BY 1',
                  f'SELECT id FROM {s.table("items")} EXCEPT TABLE empty_one',
                  f'SELECT /*+ MAX_EXECUTION_TIME(9000) */ COUNT(*) FROM {s.table("items")}',
                  f"SELECT /*+ SET_VAR(sql_select_limit=1) */ id FROM {s.table('items')} ORDER BY id",
                  f'SELECT JSON_ARRAYAGG(a) FROM {s.table("pairs")}'), '1.read', reads=True)


@rule(6, 'mariadb')
def of_mariadb(s):
    s.query(s.one('VALUES (1, 2), (3, 4)', f'SELECT id FROM {s.table("items")} INTERSECT SELECT a FROM {s.table("pairs")} ORDER BY 1',
                  f'SELECT id FROM {s.table("items")} ORDER BY id LIMIT 3 ROWS EXAMINED 1000',
                  f'SELECT SQL_NO_CACHE COUNT(*) FROM {s.table("items")}',
                  f"SELECT id FROM {s.table('items')} ORDER BY id OFFSET 2 ROWS FETCH NEXT 2 ROWS ONLY"), '1.read', reads=True)


@rule(12)
def shows(s):
    table = s.table(s.one('items', 'pairs', 'notes'))
    s.query(s.one('SHOW TABLES', f'SHOW COLUMNS FROM {table}', f'DESCRIBE {table}', f'SHOW FULL COLUMNS FROM {table}', f'SHOW CREATE TABLE {table}',
                  f'SHOW CREATE TABLE {s.table("pairs")}', f'CHECKSUM TABLE {table}', 'EXPLAIN SELECT 1', "HELP 'no such topic'",
                  "SHOW COLLATION LIKE 'latin1_sw%'", "SHOW CHARACTER SET LIKE 'utf8mb4'", 'SHOW DATABASES', 'SHOW FULL TABLES',
                  'SHOW CREATE DATABASE ' + s.first,
                  f'SHOW CREATE VIEW {s.table("cheap")}', 'SHOW GRANTS', f'SHOW TABLES FROM {s.second}', 'SHOW PRIVILEGES',
                  f'SHOW CREATE PROCEDURE {s.first}.gives', 'SHOW ENGINES'), '1.show', reads=True)


@rule(8)
def of_one_server(s):
    s.query(s.one("SHOW VARIABLES LIKE 'sql_mode'", "SHOW SESSION VARIABLES LIKE 'time_zone'", "SHOW GLOBAL VARIABLES LIKE 'read_only'",
                  'SELECT @@global.sql_mode', 'SELECT @@read_only', 'SELECT @@global.read_only, @@version_comment', 'SELECT @@session.sql_mode',
                  'SELECT @@max_allowed_packet',
                  "SHOW VARIABLES WHERE Variable_name IN ('sql_select_limit', 'autocommit', 'character_set_client')",
                  'SELECT @@autocommit, @@sql_select_limit',
                  "SELECT @@global.time_zone, (SELECT COUNT(*) FROM " + s.table('items') + ')'), '1.server_variable', reads=True)


@rule(6)
def system_schemas(s):
    s.query(s.one(f"SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{s.second}' ORDER BY 1",
                  f"SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{s.first}' AND TABLE_NAME = 'items' ORDER BY ORDINAL_POSITION",
                  "SELECT ROUTINE_NAME, SQL_DATA_ACCESS FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '" + s.first + "' ORDER BY 1",
                  'SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()',
                  'SELECT COUNT(*) FROM mysql.user', 'SELECT @@session.time_zone FROM information_schema.SCHEMATA LIMIT 1'), '1.system_schema',
                  reads=True)


@rule(6)
def no_effect_on_the_route(s):
    items = s.table('items')
    s.query(s.one(f'SELECT SLEEP(0) FROM {items} LIMIT 1', 'SELECT SLEEP(0)', 'SELECT BENCHMARK(2, 1+1)',
        f'SELECT RAND(3), id FROM {items} ORDER BY id LIMIT 2', 'SELECT RAND(4)',
                  f'SELECT NOW() IS NULL, CURDATE() > \'2020-01-01\' FROM {items} LIMIT 1', 'SELECT LENGTH(UUID())',
                  f'SELECT COUNT(DISTINCT UUID()) > 0 FROM {items}'),
            '1.no_effect', reads=True)


@rule(10)
def locking(s):
    items = s.table('items')
    n = s.number(1, 9)
    s.query(s.one(f'SELECT id FROM {items} WHERE id = {n} FOR UPDATE', f'SELECT id FROM {items} WHERE id = {n} LOCK IN SHARE MODE',
        f'SELECT * FROM (SELECT id FROM {items} WHERE id = {n} FOR UPDATE) x',
                  f'(SELECT id FROM {items} WHERE id = {n} FOR\n/* of all things */ UPDATE)',
                  f'SELECT id FROM {items} WHERE id = {n}\tFOR -- really\nUPDATE',
                  f'WITH c AS (SELECT id FROM {items} WHERE id = {n} FOR UPDATE) SELECT * FROM c',
                  f'SELECT id FROM {items} WHERE id = {n} FOR UPDATE NOWAIT',
                  f'SELECT id FROM {items} WHERE id = {n} FOR UPDATE SKIP LOCKED',
                  *([] if s.maria else [f'SELECT id FROM {items} WHERE id = {n} FOR SHARE',
                  f'SELECT id FROM {items} AS q WHERE id = {n} FOR UPDATE OF q']),
                  f'SELECT id FROM {items} WHERE id = {n} /*!FOR UPDATE*/'), '1.locking')


@rule(10)
def hints(s):
    items = s.table('items')
    read = f'SELECT COUNT(*), MAX(id) FROM {items}'
    s.query(s.one('/* wye: primary */ ', '/* wye: replica */ ', '/*wye:replica*/', '/* wye: server=db1 */', '/* wye: server=db2 */',
        '/* wye: max_lag=9s */') + read, '2.hint', reads=True)
