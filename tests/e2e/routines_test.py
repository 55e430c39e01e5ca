#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mysql56 mariadb
"""Stored functions and procedures: those that say that they only read, and whose bodies show it, run on replicas; what is known of them is never older than
what a client was told."""
import os
import struct
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / 'oracle'))

import flavours  # noqa: E402
import wire  # noqa: E402
from both_ways import Tally  # noqa: E402
from sandbox import Connection, Sandbox, ServerError, wait_until  # noqa: E402

SCHEMA = ['CREATE TABLE t (a INT PRIMARY KEY, b INT)', 'INSERT INTO t VALUES (1, 10), (2, 20)', 'CREATE TABLE written (n INT)', 'INSERT INTO written VALUES (0)',
          'CREATE FUNCTION sees() RETURNS INT READS SQL DATA RETURN (SELECT SUM(b) FROM t)',
          'CREATE FUNCTION adds(x INT, y INT) RETURNS INT NO SQL RETURN x + y',
          'CREATE FUNCTION through() RETURNS INT READS SQL DATA RETURN sees() + 1',
          'CREATE FUNCTION says_nothing() RETURNS INT RETURN (SELECT MAX(b) FROM t)',
          'CREATE FUNCTION writes() RETURNS INT MODIFIES SQL DATA BEGIN UPDATE written SET n = n + 1; RETURN 1; END',
          'CREATE FUNCTION cheats() RETURNS INT READS SQL DATA BEGIN UPDATE written SET n = n + 1; RETURN 1; END',
          'CREATE FUNCTION cheats_below() RETURNS INT READS SQL DATA RETURN cheats()',
          'CREATE FUNCTION keeps() RETURNS INT READS SQL DATA BEGIN SET @kept = 7; RETURN 1; END',
          'CREATE FUNCTION alters_setting() RETURNS INT NO SQL BEGIN SET SESSION group_concat_max_len = 77; RETURN 1; END',
          'CREATE FUNCTION `count`(x INT) RETURNS INT NO SQL RETURN x',
          'CREATE PROCEDURE shows() READS SQL DATA BEGIN SELECT a FROM t; SELECT b, sees() FROM t WHERE a = 1; END',
          'CREATE PROCEDURE shows_one(x INT) READS SQL DATA SELECT b FROM t WHERE a = x',
          'CREATE PROCEDURE returns_one(OUT x INT) READS SQL DATA SELECT MAX(b) INTO x FROM t',
          'CREATE PROCEDURE stores() BEGIN INSERT INTO written VALUES (5); SELECT COUNT(*) FROM written; END']

ON_REPLICAS = ['SELECT sees(), @@server_id FROM t LIMIT 1', 'SELECT adds(1, 2), @@server_id FROM t LIMIT 1', 'select ADDS (1, 2), @@server_id from t limit 1',
               'SELECT `adds`(1, adds(2, 3)), @@server_id FROM t LIMIT 1', 'SELECT shop.through(), @@server_id FROM t LIMIT 1',
               'SELECT shop . sees (), @@server_id FROM t LIMIT 1', 'SELECT count (3), @@server_id FROM t LIMIT 1', 'SELECT shop.count(3), @@server_id FROM t LIMIT 1',
               'SELECT 1, @@server_id FROM t WHERE b < sees() ORDER BY adds(a, b) LIMIT 1']
ON_PRIMARY = ['SELECT says_nothing(), @@server_id FROM t LIMIT 1', 'SELECT writes(), @@server_id FROM t LIMIT 1', 'SELECT cheats(), @@server_id FROM t LIMIT 1',
              'SELECT cheats_below(), @@server_id FROM t LIMIT 1', 'SELECT keeps(), @@server_id FROM t LIMIT 1', 'SELECT alters_setting(), @@server_id FROM t LIMIT 1',
              'SELECT sees(), says_nothing(), @@server_id FROM t LIMIT 1', 'SELECT sees(), @@server_id FROM t LIMIT 1 FOR UPDATE']


def place(connection, statement):
    return connection.query(statement).rows[0][-1]


def known(connection, statement=ON_REPLICAS[0]):
    """Until the monitor has read what there is, and a replica has it."""
    wait_until(lambda: explained(connection, statement)[0] == 'replica', 15, lambda: f'{statement}: {explained(connection, statement)}', 0.01)


def error_of(connection, statement):
    try:
        connection.query_all(statement)
        return None
    except ServerError as error:
        return error.code, error.message


def calls(box):
    """CALLs that each server has counted."""
    return [int(server.sql("SHOW GLOBAL STATUS LIKE 'Com_call_procedure'")[0][1]) for server in (box.primary, *box.replicas)]


def explained(connection, statement):
    row = connection.query(f'EXPLAIN ROUTE {statement}').rows[0]
    return row[1], row[3]


def functions(box):
    with box.connect() as connection:
        known(connection)
        for statement in ON_REPLICAS:  # now and then no replica may serve one
            wait_until(lambda s=statement: place(connection, s) != '1', 15, f'{statement} stays on the primary', 0.01)
        wrong = [f'explained: {statement}: {got}' for statement in ON_REPLICAS if (got := explained(connection, statement)) != ('replica', 'replica_read')]
    for statement in ON_PRIMARY:
        with box.connect() as connection:
            known(connection)
            before = explained(connection, statement)
            at = place(connection, statement)
            if at != '1' or before[0] != 'primary':
                wrong.append(f'{statement}: server {at}, {before}')
    with box.connect() as connection:
        if connection.query('SELECT keeps()').rows and connection.query('SELECT @kept').rows != [('7',)]:
            wrong.append('what keeps() has kept is gone')
        if connection.query('SELECT alters_setting()').rows and connection.query('SELECT @@group_concat_max_len FROM t LIMIT 1').rows != [('77',)]:
            wrong.append('what alters_setting() has set is gone')
    return wrong


def same_answers(box):
    """Results, errors and what the next statement says of the one before are those of one server."""
    script = ['SELECT sees()', 'SELECT adds(1, 2) AS x, adds(NULL, 3)', 'CALL shows()', 'SELECT ROW_COUNT()', 'CALL shows_one(2)', 'SELECT FOUND_ROWS()',
              'SELECT adds(1)', 'SHOW WARNINGS', 'SELECT no_such(1)', 'SELECT shop.no_such(1)', 'CALL no_such()', 'CALL shows_one()', 'CALL shows_one((SELECT a FROM t))',
              'SELECT secret.hidden()', 'CALL secret.hidden_too()', 'CALL returns_one(@x)', 'SELECT @x', 'CALL returns_one(5)', 'SELECT cheats()', 'SELECT cheats_below() FROM t',
              "SELECT adds('a', 1)", 'SHOW WARNINGS', 'SELECT sees() + (SELECT COUNT(*) FROM no_table)', 'CALL shows_one(1); SELECT adds(4, 5)', 'CALL stores()']

    def played(connection):
        told = []
        for statement in script:
            try:
                told.append((statement, [(result.columns, result.rows) for result in connection.query_all(statement)]))
            except ServerError as error:
                told.append((statement, error.code, error.message))
        return told
    with box.connect() as connection:
        known(connection)
        through = played(connection)
    box.primary.sql('DELETE FROM written WHERE n = 5', database='shop')
    with Connection('127.0.0.1', box.primary.port, flavours.APP, flavours.APP_PASSWORD, flavours.DATABASE) as connection:
        direct = played(connection)
    return [f'{a}\n not {b}' for a, b in zip(through, direct) if a != b]


def procedures(box):
    wrong = []
    for statement, on_replica in (('CALL shows()', True), ('CALL shop.shows_one(1)', True), ('call `SHOWS_ONE`(adds(1, 1))', True), ('CALL returns_one(@x)', False),
                                  ('CALL stores()', False), ('CALL shows_one(@x)', False), ('CALL shows_one(says_nothing())', False)):
        with box.connect() as connection:  # MySQL 5.6: what others do to a session is not known, it stays on the primary
            known(connection)
            for _ in range(20):  # now and then no replica may serve it
                before = calls(box)
                connection.query_all(statement)
                after = calls(box)
                if (after[0] == before[0]) == on_replica or not on_replica:
                    break
            if (after[0] == before[0]) != on_replica or sum(after) != sum(before) + 1:
                wrong.append(f'{statement}: {before} -> {after}')
    return wrong


def through_wye(box):
    """What is changed through wye counts from the answer on, for everybody."""
    wrong = []
    statement = 'SELECT changing(), @@server_id FROM t LIMIT 1'

    def at():
        with box.connect() as reader:
            return place(reader, statement)
    for i in range(5):
        with box.connect() as writer, box.connect() as asker:
            writer.query('CREATE FUNCTION changing() RETURNS INT READS SQL DATA RETURN (SELECT MAX(b) FROM t)')
            known(asker, statement)
            wait_until(lambda: at() != '1', 15, 'READS SQL DATA on the primary', 0.01)
            writer.query('ALTER FUNCTION changing MODIFIES SQL DATA')
            if at() != '1':
                wrong.append(f'{i}: after ALTER ... MODIFIES on a replica')
            writer.query('ALTER FUNCTION changing READS SQL DATA')
            known(asker, statement)
            writer.query('DROP FUNCTION changing')
            if (error_of(asker, statement) or (0,))[0] != 1305:
                wrong.append(f'{i}: it is there after DROP')
        with box.connect() as writer, box.connect() as reader:
            writer.query('CREATE FUNCTION changing() RETURNS INT READS SQL DATA BEGIN SET @changed = @changed + 1; RETURN @changed; END')
            reader.query('SET @changed = 3')
            if reader.query(statement).rows != [('4', '1')] or reader.query('SELECT @changed').rows != [('4',)]:
                wrong.append(f'{i}: what it has done to the session is gone')
            writer.query('DROP FUNCTION changing')
    return wrong


def from_elsewhere(box):
    """What is changed on the primary is known within the interval, and until then a replica says that it is a write."""
    wrong = []
    for i in range(3):
        with box.connect() as connection:
            name = f'elsewhere_{i}'
            statement = f'SELECT {name}(), @@server_id FROM t LIMIT 1'
            box.primary.sql(f'CREATE FUNCTION {name}() RETURNS INT READS SQL DATA RETURN (SELECT n FROM written LIMIT 1)', database='shop')
            known(connection, statement)
            box.primary.sql(f'DROP FUNCTION {name}', f'CREATE FUNCTION {name}() RETURNS INT READS SQL DATA BEGIN UPDATE written SET n = n + 1 LIMIT 1; RETURN 5; END',
                            database='shop')
            box.sync()
            n = int(box.primary.sql('SELECT n FROM written LIMIT 1', database='shop')[0][0])
            if connection.query(statement).rows != [('5', '1')]:
                wrong.append(f'{name}: not run on the primary')
            if int(box.primary.sql('SELECT n FROM written LIMIT 1', database='shop')[0][0]) != n + 1:
                wrong.append(f'{name}: not run once')
            wait_until(lambda s=statement: explained(connection, s)[0] == 'primary', 15, f'{statement} is taken for a read', 0.1)
    return wrong


def prepared(box):
    """Asked at each EXECUTE: what has changed since the PREPARE counts."""
    wrong = []
    with box.connect() as other:
        other.query('CREATE FUNCTION turns(x INT) RETURNS INT READS SQL DATA RETURN (SELECT MAX(b) + x FROM t)')
        known(other, 'SELECT turns(1), @@server_id FROM t LIMIT 1')
        session = wire.Wire(box.wye.port, flavours.APP, flavours.APP_PASSWORD, flavours.DATABASE, timeout=20)
        number, _ = session.prepare('SELECT turns(1), @@server_id FROM t LIMIT 1')

        def at():
            session.command(wire.EXECUTE, wire.execution(number, ()))
            row = session.results()[0][2][0]
            return struct.unpack_from('<iI', row, 2)[1]
        wait_until(lambda: at() != 1, 15, 'EXECUTE stays on the primary', 0.01)
        other.query('ALTER FUNCTION turns MODIFIES SQL DATA')
        if at() != 1:
            wrong.append('EXECUTE on a replica after ALTER ... MODIFIES')
        other.query('ALTER FUNCTION turns NO SQL')
        wait_until(lambda: at() != 1, 15, 'EXECUTE stays on the primary after ALTER ... NO SQL', 0.01)
        other.query('DROP FUNCTION turns')
        number, _ = session.prepare('CALL shows_one(2)')
        before = calls(box)
        session.command(wire.EXECUTE, wire.execution(number, ()))
        told = session.results()
        known(other)
        session.command(wire.EXECUTE, wire.execution(number, ()))
        if session.results()[0][2] != told[0][2] or calls(box)[0] == before[0] + 2:
            wrong.append('CALL, prepared, on the primary')
        session.close()
    return wrong


def read_only_transactions(box):
    wrong = []
    with box.connect() as connection:
        known(connection)
        connection.query('START TRANSACTION READ ONLY')
        first = place(connection, ON_REPLICAS[0])
        before = calls(box)
        connection.query_all('CALL shows()')
        if first != '1' and calls(box)[0] != before[0]:
            wrong.append('CALL in a READ ONLY transaction on a replica: the primary')
        if place(connection, ON_REPLICAS[1]) != first:
            wrong.append('a function in a READ ONLY transaction: another server')
        for statement in ('SELECT cheats()', 'SELECT writes()', 'CALL stores()'):
            if (error_of(connection, statement) or (0,))[0] != 1792:
                wrong.append(f'{statement}: {error_of(connection, statement)}')
        connection.query('COMMIT')
        connection.query('BEGIN')
        if place(connection, ON_REPLICAS[0]) != '1':
            wrong.append('a function in a transaction: not on the primary')
        connection.query('ROLLBACK')
    return wrong


def fresh(box):
    """What they read is as fresh as any read."""
    with box.connect() as writer, box.connect() as reader:
        known(reader)
        for i in range(100):
            writer.query(f'UPDATE t SET b = {1000 + i} WHERE a = 2')
            got = reader.query('SELECT sees()').rows, reader.query_all('CALL shows_one(2)')[0].rows
            if got != ([(str(1010 + i),)], [(str(1000 + i),)]):
                return f'{got} after {1000 + i}'
        writer.query('UPDATE t SET b = 20 WHERE a = 2')


TESTS = (functions, same_answers, procedures, through_wye, from_elsewhere, prepared, read_only_transactions, fresh)


def main():
    tally = Tally()
    # MySQL 5.6: a session that has run a routine that may write stays on the primary.
    tests = [test for test in TESTS if test is not prepared or os.environ.get('WYE_FLAVOUR') != 'mysql56']
    with Sandbox(wye=True, server_options={'log_bin_trust_function_creators': 'ON'}) as box:
        box.primary.sql(*SCHEMA, database='shop')
        box.primary.sql('CREATE DATABASE secret', 'CREATE FUNCTION secret.hidden() RETURNS INT NO SQL RETURN 1',
                        'CREATE PROCEDURE secret.hidden_too() NO SQL SELECT 1')
        box.sync()
        for test in tests:
            tally.call(test, box)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
