"""Differences that VERIFY must find: what is made on all servers, and what one replica is then changed to."""
from dataclasses import dataclass

SCHEMA = 'proof'


@dataclass
class Case:
    name: str
    kind: str       # as SHOW DIFFERENCES says it
    object: str
    key: str        # that is in its key; for objects: nothing
    what: str       # that is in what it says
    make: tuple     # statements on the primary
    spoil: tuple    # statements on one replica
    also: tuple = ()  # (kind, object) of what follows from it
    flavours: tuple = ('mysql', 'mariadb', 'mysql56')


def row(name, column, good, bad, rest='', **more):
    """One column of one row out of three has another value on the replica."""
    table = f'{SCHEMA}.{name}'
    values = ', '.join(f'({i}, {good})' for i in (1, 2, 3))
    return Case(name, 'row', table, 'id=2', 'differs: v',
                (f'CREATE TABLE {table} (id INT PRIMARY KEY, v {column}){rest}', f'INSERT INTO {table} VALUES {values}'),
                (f'UPDATE {table} SET v = {bad} WHERE id = 2',), **more)


def of_rows():
    wide = f'{SCHEMA}.wide'
    columns = ', '.join(f'c{i} VARCHAR(20)' for i in range(40))
    filled = ', '.join(f"'{i}'" for i in range(40))
    return [
        row('plain', 'INT', '5', '6'),
        row('null_or_empty', 'VARCHAR(10)', 'NULL', "''"),
        row('float_bit', 'FLOAT', '1', '1.00000011920928955'),
        row('double_bit', 'DOUBLE', '1', '1.0000000000000002'),
        row('largest', 'BIGINT UNSIGNED', '18446744073709551615', '18446744073709551614'),
        row('decimals', 'DECIMAL(30, 10)', '0.0000000001', '0.0000000002'),
        row('same_letters', 'VARCHAR(20)', "'strasse'", "'Strasse'", ' DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci'),
        row('space_behind', 'VARCHAR(20)', "'a'", "'a '", ' DEFAULT CHARSET latin1'),
        row('blob_end', 'LONGBLOB', "REPEAT('x', 300000)", "CONCAT(REPEAT('x', 299999), 'y')"),
        row('zero_date', 'DATE', 'NULL', "'0000-00-00'"),
        row('microsecond', 'DATETIME(6)', "'2020-01-01 00:00:00.000001'", "'2020-01-01 00:00:00.000002'"),
        row('moment', 'TIMESTAMP NULL', "'2020-01-01 00:00:00'", "'2020-01-01 00:00:01'"),
        row('choice', "ENUM('a', 'b')", "'a'", "'b'"),
        row('choices', "SET('a', 'b')", "'a'", "'a,b'"),
        row('bits', 'BIT(60)', "b'1000'", "b'1001'"),
        row('place', 'GEOMETRY', "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(1 3)')"),
        row('json', 'JSON', '\'{"a": [1, {"b": 2.5}]}\'', '\'{"a": [1, {"b": 2.25}]}\'', flavours=('mysql', 'mariadb')),
        Case('generated', 'row', f'{SCHEMA}.generated', 'id=2', 'differs: v, w',
             (f'CREATE TABLE {SCHEMA}.generated (id INT PRIMARY KEY, v INT, w INT AS (v * 2))',
              f'INSERT INTO {SCHEMA}.generated (id, v) VALUES (1, 1), (2, 2)'),
             (f'UPDATE {SCHEMA}.generated SET v = 3 WHERE id = 2',), flavours=('mysql', 'mariadb')),
        Case('invisible', 'row', f'{SCHEMA}.invisible', 'id=2', 'differs: v',
             (f'CREATE TABLE {SCHEMA}.invisible (id INT PRIMARY KEY, v INT INVISIBLE)',
              f'INSERT INTO {SCHEMA}.invisible (id, v) VALUES (1, 1), (2, 2)'),
             (f'UPDATE {SCHEMA}.invisible SET v = 3 WHERE id = 2',), flavours=('mysql', 'mariadb')),
        Case('one_of_forty', 'row', wide, 'id=7', 'differs: c33',
             (f'CREATE TABLE {wide} (id INT PRIMARY KEY, {columns})', f'INSERT INTO {wide} VALUES (7, {filled})'),
             (f"UPDATE {wide} SET c33 = 'other' WHERE id = 7",)),
        Case('missing_row', 'row', f'{SCHEMA}.missing', 'id=700', 'missing on the replica',
             (f'CREATE TABLE {SCHEMA}.missing (id INT PRIMARY KEY)', f'INSERT INTO {SCHEMA}.missing VALUES (1), (700), (900)'),
             (f'DELETE FROM {SCHEMA}.missing WHERE id = 700',)),
        Case('extra_row', 'row', f'{SCHEMA}.extra', "name='it''s'", 'only on the replica',
             (f'CREATE TABLE {SCHEMA}.extra (name VARCHAR(20) PRIMARY KEY) DEFAULT CHARSET utf8mb4',
              f"INSERT INTO {SCHEMA}.extra VALUES ('a'), ('z')"), (f"INSERT INTO {SCHEMA}.extra VALUES ('it''s')",)),
        Case('spelling_of_a_key', 'row', f'{SCHEMA}.spelling', "name='abc'", 'differs: name',
             (f'CREATE TABLE {SCHEMA}.spelling (name VARCHAR(20) PRIMARY KEY) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci',
              f"INSERT INTO {SCHEMA}.spelling VALUES ('abc'), ('b')"), (f"UPDATE {SCHEMA}.spelling SET name = 'ABC' WHERE name = 'abc'",)),
        Case('composite_key', 'row', f'{SCHEMA}.pairs', 'a=2, b=0x00FF', 'differs: v',
             (f'CREATE TABLE {SCHEMA}.pairs (v INT, a INT NOT NULL, b VARBINARY(8) NOT NULL, UNIQUE (a, b))',
              f"INSERT INTO {SCHEMA}.pairs VALUES (1, 1, 'x'), (1, 2, x'00ff'), (1, 2, 'y')"),
             (f"UPDATE {SCHEMA}.pairs SET v = 2 WHERE b = x'00ff'",)),
        Case('no_key_value', 'row', f'{SCHEMA}.loose', "v='left'", 'missing on the replica',
             (f'CREATE TABLE {SCHEMA}.loose (id INT, v VARCHAR(10))', f"INSERT INTO {SCHEMA}.loose VALUES (1, 'a'), (2, 'left'), (3, NULL)"),
             (f"UPDATE {SCHEMA}.loose SET v = 'right' WHERE id = 2",), (('row', f'{SCHEMA}.loose'),)),
        Case('no_key_count', 'row', f'{SCHEMA}.twice', 'id=2', '2 times on the primary, 4 times on the replica',
             (f'CREATE TABLE {SCHEMA}.twice (id INT)', f'INSERT INTO {SCHEMA}.twice VALUES (1), (2), (2)'),
             (f'INSERT INTO {SCHEMA}.twice VALUES (2), (2)',)),
    ]


def of_objects(flavour):
    user = "'reader'@'%'"
    old = flavour == 'mysql56'
    new_password = f"SET PASSWORD FOR {user} = PASSWORD('two')" if old else f"ALTER USER {user} IDENTIFIED BY 'two'"
    simple = f'CREATE TABLE {SCHEMA}.{{}} (id INT PRIMARY KEY, v VARCHAR(10))'

    def made(name, kind, what, make, spoil, **more):
        return Case(name, kind, f'{SCHEMA}.{name}', '', what, (make,) if isinstance(make, str) else make, spoil, **more)

    return [
        made('lost', 'table', 'missing on the replica', simple.format('lost'), (f'DROP TABLE {SCHEMA}.lost',),
             also=(('note', f'{SCHEMA}.lost'),)),
        made('longer', 'table', 'differs: column `v`', simple.format('longer'),
             (f'ALTER TABLE {SCHEMA}.longer MODIFY v VARCHAR(20)',)),
        made('indexed', 'table', 'KEY `v` (only on the replica)', simple.format('indexed'), (f'ALTER TABLE {SCHEMA}.indexed ADD KEY v (v)',)),
        made('seen', 'view', 'differs: definition', f'CREATE VIEW {SCHEMA}.seen AS SELECT 1 AS one',
             (f'CREATE OR REPLACE VIEW {SCHEMA}.seen AS SELECT 2 AS one',)),
        made('twice_as', 'function', 'differs: body', f'CREATE FUNCTION {SCHEMA}.twice_as(a INT) RETURNS INT DETERMINISTIC RETURN a * 2',
             (f'DROP FUNCTION {SCHEMA}.twice_as', f'CREATE FUNCTION {SCHEMA}.twice_as(a INT) RETURNS INT DETERMINISTIC RETURN a * 3')),
        made('said', 'procedure', 'differs: parameter 1', f'CREATE PROCEDURE {SCHEMA}.said(a INT) SELECT a',
             (f'DROP PROCEDURE {SCHEMA}.said', f'CREATE PROCEDURE {SCHEMA}.said(a BIGINT) SELECT a')),
        made('fired', 'trigger', 'missing on the replica',
             (simple.format('watched'), f'CREATE TRIGGER {SCHEMA}.fired BEFORE INSERT ON {SCHEMA}.watched FOR EACH ROW SET NEW.v = 1'),
             (f'DROP TRIGGER {SCHEMA}.fired',)),
        made('daily', 'event', 'differs: every', f'CREATE EVENT {SCHEMA}.daily ON SCHEDULE EVERY 1 DAY STARTS \'2035-01-01\' DO SELECT 1',
             (f'ALTER EVENT {SCHEMA}.daily ON SCHEDULE EVERY 2 DAY STARTS \'2035-01-01\' DISABLE',)),
        made('runs_twice', 'event', 'differs: status', f'CREATE EVENT {SCHEMA}.runs_twice ON SCHEDULE EVERY 1 DAY STARTS \'2035-01-01\' DO SELECT 1',
             (f'ALTER EVENT {SCHEMA}.runs_twice ENABLE',)),
        Case('spare', 'schema', 'spare', '', 'only on the replica', (), ('CREATE DATABASE spare',)),
        Case('stranger', 'account', "'stranger'@'%'", '', 'only on the replica', (), (f"CREATE USER 'stranger'@'%' IDENTIFIED BY 'a'",)),
        Case('reader', 'account', user, '', 'Password' if old else 'authentication_string',
             (f"CREATE USER {user} IDENTIFIED BY 'one'", f'GRANT SELECT ON {SCHEMA}.* TO {user}'),
             (new_password,)),
        Case('granted', 'grant', "'granted'@'%'", '', f'db {SCHEMA}', (f"CREATE USER 'granted'@'%' IDENTIFIED BY 'g'", f"GRANT SELECT ON {SCHEMA}.* TO 'granted'@'%'"),
             (f"GRANT UPDATE ON {SCHEMA}.* TO 'granted'@'%'",)),
        Case('granted_all', 'grant', "'powerful'@'%'", '', 'Process_priv', (f"CREATE USER 'powerful'@'%' IDENTIFIED BY 'p'",),
             ("GRANT PROCESS ON *.* TO 'powerful'@'%'",)),
    ]


def cases(flavour):
    return [case for case in of_rows() + of_objects(flavour) if flavour in case.flavours]
