"""Writes and definitions."""
from grammar.scene import rule


def value(s):
    return s.one('NULL', s.text(s.word()), str(s.number(1, 99)), f"CONCAT('w', {s.number()})", 'DEFAULT(name)')


@rule(30)
def changes(s):
    items, notes, pairs = s.table('items'), s.table('notes'), s.table('pairs')
    n = s.number(1, 12)
    s.query(s.one(
        f'INSERT INTO {items} (name, price) VALUES ({value(s)}, {n})', f'INSERT INTO {items} (id, name) VALUES ({n}, {value(s)})',
        f'INSERT INTO {notes} (note) VALUES ({s.text(s.word())}), (NULL), (NULL)',
        f'INSERT IGNORE INTO {items} (id, name, price) VALUES ({n}, \'ignored\', 1), (NULL, NULL, 1e9)',
        f'REPLACE INTO {items} (id, name) VALUES ({n}, {value(s)})', f'REPLACE INTO {items} SET name = \'item {n}\'',
        f'UPDATE {items} SET price = price + 1 WHERE id < {n}', f"UPDATE {items} SET kind = 'b'", f'UPDATE {items} SET name = NULL WHERE id > 100',
        f"UPDATE {items} SET price = 'twelve' WHERE id = {n}",
        f'DELETE FROM {items} WHERE id = {n}', f'DELETE FROM {notes} ORDER BY id DESC LIMIT 1',
        f"INSERT INTO {pairs} VALUES ({n}, 'x') ON DUPLICATE KEY UPDATE b = CONCAT(b, 'y')",
        f'INSERT INTO {notes} (note) SELECT name FROM {items} WHERE id < {n} ORDER BY id',
        f'UPDATE {items} i, {pairs} p SET i.price = 0 WHERE i.id = p.a', f"INSERT INTO {notes} VALUES ({n + 1000}, 'explicit')",
        f"INSERT INTO {items} (name) VALUES ('item {n}') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), price = 3",
        f'DO (SELECT COUNT(*) FROM {items})',
        f'INSERT INTO {items} (name, added) VALUES (NULL, FROM_UNIXTIME({n}00000))',
        f'INSERT INTO {notes} (note) VALUES (CONCAT(@@session.time_zone, @@session.sql_mode))',
        *([f'INSERT INTO {notes} (note) VALUES (1), (2) RETURNING id, note',
        f'DELETE FROM {items} WHERE id = {n} RETURNING name'] if s.maria else [f'WITH c AS (SELECT {n} AS n) UPDATE {items}, c SET price = 1 WHERE id = n'])),
        '1.write')


@rule(10)
def definitions(s):
    name = s.one('t1', 't2', 't3')
    s.query(s.one(f'CREATE TABLE {name} (a INT PRIMARY KEY, b VARCHAR(10))', f'CREATE TABLE IF NOT EXISTS {name} (a INT)', f'DROP TABLE {name}',
        f'DROP TABLE IF EXISTS {name}',
                  f'CREATE TABLE {name} AS SELECT id, name FROM {s.table("items")} WHERE id < 4', f'ALTER TABLE {name} ADD COLUMN c INT DEFAULT 5',
                  f'TRUNCATE TABLE {name}', f'CREATE INDEX ix ON {name} (b)',
                  f'RENAME TABLE {name} TO t3', f'ANALYZE TABLE {name}', f'CHECK TABLE {name}', f'OPTIMIZE TABLE {name}',
                  f'CREATE TABLE {s.second}.t1 LIKE {s.table("pairs")}'), '1.write')
    s.transaction = None
    if s.chance(0.6):
        s.query(s.one(f'SELECT * FROM {name} ORDER BY 1', f'SHOW CREATE TABLE {name}', 'SHOW TABLES', f'SELECT COUNT(*) FROM {name}'), '1.read',
            reads=True)


@rule(10)
def errors(s):
    items = s.table('items')
    s.fails(s.one('SELEC 1', 'SELECT * FROM no_such_table', f'SELECT no_such_column FROM {items}', f"INSERT INTO {items} (id) VALUES (1), (1)",
        'SELECT (SELECT 1 UNION SELECT 2)', f'INSERT INTO {items} (name) VALUES (\'item 1\')',
                  'SELECT no_such_function(1)', 'DROP TABLE no_such_table', 'USE no_such_schema', 'SET no_such_variable = 1',
                  "SET sql_mode = 'NONSENSE'", "SET time_zone = 'Nowhere/Land'", 'SELECT ST_GeomFromText(\'nonsense\')',
                  f'INSERT INTO {items} (price) VALUES (1e20)', 'SELECT 1 FROM', "SELECT 'unterminated", 'SELECT * FROM oracle_vault.gold',
                  "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'signalled'", 'ROLLBACK TO nowhere',
                  f'SELECT id FROM {items} GROUP BY kind', f'SELECT EXP(1000) FROM {items}',
                  f"SELECT CAST('x' AS SIGNED) + id FROM {items} ORDER BY id", 'EXECUTE nothing', 'SET PERSIST nothing = 1', 'KILL 0'))
    if s.chance(0.5):
        from grammar import previous
        previous.asked(s)


@rule(4)
def a_lie(s):
    """Functions that write, and say or do not say so."""
    items = s.table('items')
    home = f'{s.first}.'
    s.query(s.one(f'/* wye: replica */ SELECT {home}lies({s.number()})', f'SELECT {home}lies(1) FROM {items} LIMIT 1',
        f'/* wye: replica */ SELECT {home}noted(id) FROM {items} WHERE id < 3 ORDER BY id'), '1.self_correction', '1.routine')


@rule(8)
def several(s):
    items, notes = s.table('items'), s.table('notes')
    parts = [s.one(f'SELECT COUNT(*) FROM {items}', f"INSERT INTO {notes} (note) VALUES ('m')", 'SELECT 2',
        f'UPDATE {items} SET price = 2 WHERE id = 2', "SET @a = 'multi'", 'SELECT @a', 'SELECT * FROM no_such_table',
                   'SET time_zone = \'+02:00\'', 'COMMIT', 'SELECT LAST_INSERT_ID(), ROW_COUNT()', f'SELECT id FROM {items} ORDER BY id LIMIT 2',
                   'SHOW WARNINGS', f'DELETE FROM {items} WHERE id = 99', 'SELECT @@time_zone') for _ in range(s.number(2, 4))]
    s.query(s.one('; ', ';', ' ;\n').join(parts) + s.one('', ';', '; '), '1.several')


@rule(2)
def only_reads_together(s):
    items = s.table('items')
    s.query(f'SELECT COUNT(*) FROM {items}; SELECT MAX(id) FROM {items}', '1.several', reads=True)
