#!/usr/bin/env python3
# deadline: 120
# flavours: mysql mariadb
"""PREPARE, EXECUTE and DEALLOCATE as SQL text: an EXECUTE goes by the text that was prepared."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / 'oracle'))

from both_ways import Tally  # noqa: E402
from sandbox import Sandbox, ServerError, wait_until  # noqa: E402

PLACE = 'SELECT b, @@server_id FROM t WHERE a = 1'


def place(connection, name='s'):
    return connection.query(f'EXECUTE {name}').rows[0][-1]


def error_of(connection, statement):
    try:
        connection.query_all(statement)
        return None
    except ServerError as error:
        return error.code


def goes_to_a_replica(connection, name='s'):
    """Now and then no replica may serve it."""
    wait_until(lambda: place(connection, name) != '1', 15, f'{name} stays on the primary', 0.01)


def reads_on_replicas(box):
    with box.connect() as connection:
        connection.query(f"PREPARE s FROM '{PLACE}'")
        goes_to_a_replica(connection)
        wait_until(lambda: connection.query('EXPLAIN ROUTE EXECUTE s').rows[0][1] == 'replica', 15, 'explained as of the primary', 0.01)
        connection.query("PREPARE `The Other` FROM 'SELECT ''it''''s'', b, @@server_id FROM t'")
        goes_to_a_replica(connection, '`the other`')
        return [] if connection.query('EXECUTE `THE OTHER`').rows[0][:2] == ("it's", '10') else ['another row']


def own_writes(box):
    """As fresh as any read."""
    with box.connect() as connection:
        connection.query(f"PREPARE s FROM '{PLACE}'")
        for i in range(200):
            connection.query(f'UPDATE t SET b = {i} WHERE a = 1')
            if (got := connection.query('EXECUTE s').rows[0][0]) != str(i):
                return [f'{got} after {i}']
        connection.query('UPDATE t SET b = 10 WHERE a = 1')
    return []


def others_on_the_primary(box):
    wrong = []
    for text in ('SELECT @@server_id FROM t FOR UPDATE', 'SELECT LAST_INSERT_ID(), @@server_id FROM t', 'SELECT @a, @@server_id FROM t', 'SELECT @@server_id'):
        with box.connect() as connection:
            connection.query(f"PREPARE s FROM '{text}'")
            wrong += [text for _ in range(5) if place(connection) != '1']
    with box.connect() as connection:
        connection.query("PREPARE s FROM 'SELECT b, @@server_id FROM t WHERE a = ?'")
        connection.query('SET @a = 1')
        if connection.query('EXECUTE s USING @a').rows != [('10', '1')]:
            wrong.append('USING')
        connection.query("PREPARE s FROM 'INSERT INTO t VALUES (77, 7)'")
        connection.query('EXECUTE s')
        if connection.query('SELECT b FROM t WHERE a = 77').rows != [('7',)]:
            wrong.append('the INSERT is gone')
        connection.query('DELETE FROM t WHERE a = 77')
    return wrong


def names_and_settings(box):
    """The name may be gone, or mean another text; and what a text means goes by the settings and the schema of its PREPARE."""
    wrong = []
    with box.connect() as connection:
        connection.query(f"PREPARE s FROM '{PLACE}'")
        goes_to_a_replica(connection)
        connection.query("PREPARE s FROM 'SELECT 2, @@server_id FROM t LIMIT 1'")
        if connection.query('EXECUTE s').rows[0][0] != '2':
            wrong.append('the old text of the name')
        if error_of(connection, "PREPARE s FROM 'SELEC'") != 1064 or error_of(connection, 'EXECUTE s') != 1243:
            wrong.append('a PREPARE that failed leaves the name')
        connection.query(f"PREPARE s FROM '{PLACE}'")
        connection.query('DEALLOCATE PREPARE S')
        if error_of(connection, 'EXECUTE s') != 1243:
            wrong.append('DEALLOCATE')
        connection.query(f"PREPARE s FROM '{PLACE}'")
        connection.query('CALL prepares()')  # means another text by now
        if connection.query('EXECUTE s').rows[0][0] != 'inside':
            wrong.append('a routine has prepared another text under the name')
        connection.query("PREPARE q FROM 'SELECT \"a\", @@server_id FROM t'")
        connection.query("SET sql_mode = 'ANSI_QUOTES'")
        connection.query('USE other')
        for _ in range(5):
            if connection.query('EXECUTE q').rows[0][0] != 'a':
                wrong.append('read under the sql_mode of today')
        connection.query('PREPARE r FROM \'SELECT "a", @@server_id FROM t\'')
        if connection.query('EXECUTE r').rows[0][0] != '4':
            wrong.append('of the other schema')
    return wrong


TESTS = (reads_on_replicas, own_writes, others_on_the_primary, names_and_settings)


def main():
    tally = Tally()
    with Sandbox(wye=True) as box:
        box.primary.sql('CREATE TABLE t (a INT PRIMARY KEY, b INT)', 'INSERT INTO t VALUES (1, 10)',
                        "CREATE PROCEDURE prepares() PREPARE s FROM 'SELECT ''inside'', @@server_id FROM t'", database='shop')
        box.primary.sql('CREATE DATABASE other', 'CREATE TABLE other.t (a INT)', 'INSERT INTO other.t VALUES (4)', "GRANT ALL PRIVILEGES ON other.* TO 'app'@'%'")
        box.sync()
        for test in TESTS:
            tally.call(test, box)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
