#!/usr/bin/env python3
# deadline: 180
# flavours: mysql mariadb
"""What users of other proxies complain about (docs/ROUTING.md has the list): their own statements through wye, on one primary and two replicas."""
import sys

import raw
from both_ways import Tally
from sandbox import Sandbox, ServerError, wait_until

WHERE = 'SELECT @@server_id FROM t LIMIT 1'  # with a table, so that it may run anywhere


def where(connection):
    return connection.query(WHERE).rows[0][0]


def reads_on_a_replica(connection):
    """Until this session's reads run on a replica: it has what was written before."""
    wait_until(lambda: where(connection) != '1', 15, 'reads stay on the primary', 0.01)


def fails_with(connection, sql):
    try:
        connection.query(sql)
        return 0
    except ServerError as error:
        return error.code


def stale_reads(box):
    """proxysql#3433, #1249, #3081, #1595, #2445: what was written is read, by any session, at once."""
    with box.connect() as writer, box.connect() as reader:
        for i in range(100):
            writer.query(f'INSERT INTO seen VALUES ({i})')
            for connection in (writer, reader):
                rows = connection.query(f'SELECT COUNT(*) FROM seen WHERE a <= {i}').rows
                if rows != [(str(i + 1),)]:
                    return f'{rows} after {i + 1} writes'


def autocommit_off_is_a_transaction(box):
    """proxysql#1256, #2391, #3390, #3535, #3587, #1755, #2205, #2691"""
    with box.connect() as connection:
        for off in ('SET autocommit=0', 'set autocommit = OFF', 'SET @@session.autocommit = 0', '/* ApplicationName=DBeaver */ SET SESSION autocommit=0'):
            reads_on_a_replica(connection)
            connection.query(off)
            places = [where(connection) for _ in range(5)]
            connection.query('UPDATE t SET b = b + 1')
            places += [where(connection) for _ in range(5)]
            connection.query('COMMIT')
            places += [where(connection) for _ in range(5)]
            connection.query('SET autocommit=1')
            if set(places) != {'1'}:
                return f'{off}: reads on {places}'


def locking_reads_stay_on_the_primary(box):
    """proxysql#1670; shardingsphere#1496, #11711"""
    with box.connect() as connection:
        for lock in ('FOR UPDATE', 'FOR\nUPDATE', '\r\nFOR\t UPDATE -- x', '/* a */FOR/* b */UPDATE', 'LOCK IN SHARE MODE', 'lock\nin share mode'):
            reads_on_a_replica(connection)
            place = connection.query(f'SELECT @@server_id FROM t WHERE a = 1 {lock}').rows[0][0]
            if place != '1':
                return f'{lock!r} on {place}'


def writes_that_look_like_reads(box):
    """proxysql#3830, #1658, #2369, #837, #2104: also where the text does not show it (a view whose function writes)"""
    with box.connect() as connection:
        cases = ['SELECT writes()', 'SELECT a, writes() FROM t LIMIT 1', 'WITH x AS (SELECT writes() AS w) SELECT * FROM x', '/* SELECT */ UPDATE written SET n = n + 1',
                 '-- SELECT\nUPDATE written SET n = n + 1', 'SELECT * FROM writing_view']
        for number, sql in enumerate(cases, 1):
            reads_on_a_replica(connection)
            before = int(box.primary.value('SELECT n FROM shop.written'))
            connection.query(sql)
            if int(box.primary.value('SELECT n FROM shop.written')) != before + 1:
                return f'{sql}: the primary does not have it once'


def read_only_transactions_are_split(box):
    """proxysql#1915, #1006"""
    with box.connect() as connection:
        reads_on_a_replica(connection)
        connection.query('START TRANSACTION READ ONLY')
        places = {where(connection) for _ in range(5)}
        code = fails_with(connection, 'UPDATE t SET b = 0')
        connection.query('COMMIT')
        connection.query('SET SESSION TRANSACTION READ ONLY')
        connection.query('BEGIN')
        places |= {where(connection)}
        connection.query('COMMIT')
        if '1' in places or code != 1792:
            return f'reads on {places}, the write got {code}'


def splitting_resumes_after_a_transaction(box):
    """proxysql#889"""
    with box.connect() as connection:
        for end in ('COMMIT', 'ROLLBACK'):
            connection.query('BEGIN')
            connection.query('UPDATE t SET b = b + 1')
            if where(connection) != '1':
                return 'a read in the transaction left the primary'
            connection.query(end)
            reads_on_a_replica(connection)


def begin_with_isolation_in_one_packet(box):
    """MySqlConnector#1614"""
    with box.connect() as connection:
        for level in ('READ COMMITTED', 'REPEATABLE READ'):
            connection.query_all(f'SET SESSION TRANSACTION ISOLATION LEVEL {level}; START TRANSACTION;')
            connection.query('UPDATE t SET b = b + 1')
            if where(connection) != '1':
                return 'a read in the transaction left the primary'
            connection.query('COMMIT')


SETS = {  # statement: (expression, value)
    "SET foreign_key_checks=1, sql_safe_updates=0": ('@@sql_safe_updates', '0'),  # proxysql#2702
    'SET SQL_SAFE_UPDATES=1,SQL_SELECT_LIMIT=1000,MAX_JOIN_SIZE=1000000': ('@@session.max_join_size', '1000000'),
    'SET @@innodb_lock_wait_timeout = 7': ('@@innodb_lock_wait_timeout', '7'),  # 4956
    "SET @@sql_mode = 'ANSI,NO_ZERO_DATE'": ("@@sql_mode LIKE '%NO_ZERO_DATE%'", '1'),
    'SET @@local.net_read_timeout=570': ('@@net_read_timeout', '570'),  # 4033
    "SET @@session.time_zone = '+01:00', @@session.sql_mode = REPLACE(\n REPLACE(\n REPLACE(@@sql_mode, 'ONLY_FULL_GROUP_BY', ''),\n '_QUOTES', ''\n ), 'ANSI', ''),"
    " @@session.wait_timeout = GREATEST(CONVERT(COALESCE(@@wait_timeout, 0), SIGNED), 60), NAMES utf8mb4 COLLATE utf8mb4_unicode_520_ci":
        ("CONCAT(@@time_zone, @@collation_connection, @@sql_mode LIKE '%ONLY_FULL%')", '+01:00utf8mb4_unicode_520_ci0'),  # 4421
    'SET character_set_connection=utf8mb4,character_set_results=utf8mb4,character_set_client=latin1': ('@@character_set_client', 'latin1'),  # 4234
    "set lc_messages = 'de_DE'": ('@@lc_messages', 'de_DE'),  # 3862
    'set session wait_timeout=100': ('@@wait_timeout', '100'),  # 4512
    'SET group_concat_max_len = 77': ('@@group_concat_max_len', '77'),
}


def settings_reach_both(box):
    """proxysql#653, #2702, #4033, #4234, #4421, #4512, #4956: the value is there for a read on a replica and in a transaction on the primary."""
    for statement, (expression, value) in SETS.items():
        with box.connect() as connection:
            connection.query(statement)
            reads_on_a_replica(connection)
            place, seen = connection.query(f'SELECT @@server_id, {expression} FROM t LIMIT 1').rows[0]
            connection.query('BEGIN')
            on_primary = connection.query(f'SELECT @@server_id, {expression} FROM t LIMIT 1').rows[0]
            connection.query('COMMIT')
            if place == '1' or seen != value or on_primary != ('1', value):
                return f'{statement}: {seen} on {place}, {on_primary} in a transaction'


def settings_that_mariadb_does_not_report(box):
    """SET @@x = ... without a scope: MariaDB's trackers are silent. What is no literal keeps the session on the primary."""
    cases = {"SET @@sql_mode = CONCAT(@@sql_mode, ',NO_ZERO_DATE')": "@@sql_mode LIKE '%NO_ZERO_DATE%'", 'SET @@character_set_connection = gbk': "@@collation_connection = 'gbk_chinese_ci'",
             "SET NAMES latin1, @@time_zone = '+03:00'": "CONCAT(@@time_zone, @@character_set_client) = '+03:00latin1'", 'SET @x = 5, @@wait_timeout = 70 + 5': '@@wait_timeout = 75',
             "SET time_zone = '+01:00', @@group_concat_max_len = 99": "CONCAT(@@time_zone, @@group_concat_max_len) = '+01:0099'"}
    for statement, expression in cases.items():
        with box.connect() as connection:
            connection.query(statement)
            for sql in ('SELECT 1', f'SELECT {expression} FROM t LIMIT 1', 'UPDATE t SET b = b + 1', f'SELECT {expression} FROM t LIMIT 1'):
                rows = connection.query(sql).rows
                if rows and rows != [('1',)]:
                    return f'{statement}: {rows}'


def user_variables_lock_nothing(box):
    """proxysql#2522, #2569, #3506, #4278, #4873, #653: no error, the right value, and other reads go on on replicas"""
    with box.connect() as connection:
        for statement, name, value in (("SET @ApplicationName='DBeaver 21.0.3 - Main'", '@ApplicationName', 'DBeaver 21.0.3 - Main'), ('SET @i = -1', '@i', '-1'),
                                       ("SET @Crc := '', @cnt := 0", '@cnt', '0'), ('SELECT @n := 41', '@n + 1', '42')):
            connection.query(statement)
            reads_on_a_replica(connection)
            seen = connection.query(f'SELECT {name} FROM t LIMIT 1').rows
            if seen != [(value,)]:
                return f'{statement}: {seen}'


def reading_variables_pins_nothing(box):
    """proxysql#1922, #3663"""
    with box.connect() as connection:
        for sql in ('SELECT @@version, @@hostname', 'SELECT @@session.sql_mode AS a, @@max_allowed_packet', 'SELECT @@global.read_only', 'SELECT @@autocommit'):
            connection.query(sql)
            reads_on_a_replica(connection)


def last_insert_id_in_every_spelling(box):
    """proxysql#1048, #1452, #1421, #4493, #4621, #3923, #2417: text and prepared, with reads on replicas in between"""
    with box.connect() as connection:
        for sql in ('SELECT LAST_INSERT_ID()', 'select last_insert_id() as ID', 'SELECT LAST_INSERT_ID();', 'SELECT LAST_INSERT_ID() FROM DUAL', 'SELECT @@IDENTITY',
                    'SELECT LAST_INSERT_ID() LIMIT 1', 'SELECT (SELECT LAST_INSERT_ID())', 'SELECT MAX(id) FROM ids WHERE id = LAST_INSERT_ID()'):
            made = connection.query('INSERT INTO ids VALUES (NULL)').insert_id
            reads_on_a_replica(connection)
            answers = {connection.query(sql).rows[0][0]}
            connection.query(f"PREPARE s FROM '{sql.rstrip(';')}'")
            answers |= {connection.query('EXECUTE s').rows[0][0]}
            connection.query('DEALLOCATE PREPARE s')
            if answers != {str(made)}:
                return f'{sql}: {answers} instead of {made}'


def many_prepared_statements(box):
    """MXS-5302: none of them is forgotten"""
    with box.connect() as connection:
        for i in range(150):
            connection.query(f"PREPARE s{i} FROM 'SELECT {i} FROM t LIMIT 1'")
        for i in range(150):
            if connection.query(f'EXECUTE s{i}').rows != [(str(i),)]:
                return f's{i}'


def reset_forgets_sql_mode(box):
    """MXS-6886"""
    with box.connect() as connection:
        before = connection.query('SELECT @@sql_mode FROM t LIMIT 1').rows
        connection.query("SET sql_mode = 'ANSI'")
        socket = raw.of(connection)
        socket.send(raw.frame(b'\x1f'))
        if socket.packet()[1][:1] != b'\0':
            return 'COM_RESET_CONNECTION failed'
        connection.query('USE shop')
        seen = [connection.query('SELECT @@sql_mode FROM t LIMIT 1').rows for _ in range(3)]
        quoted = connection.query('SELECT "a" FROM t LIMIT 1').rows
        if seen != [before] * 3 or quoted != [('a',)]:
            return f'{seen} instead of {before}, {quoted}'


TESTS = (stale_reads, autocommit_off_is_a_transaction, locking_reads_stay_on_the_primary, writes_that_look_like_reads, read_only_transactions_are_split,
         splitting_resumes_after_a_transaction, begin_with_isolation_in_one_packet, settings_reach_both, settings_that_mariadb_does_not_report, user_variables_lock_nothing,
         reading_variables_pins_nothing, last_insert_id_in_every_spelling, many_prepared_statements, reset_forgets_sql_mode)


def main():
    tally = Tally()
    with Sandbox(wye=True, server_options={'log_bin_trust_function_creators': 'ON'}) as box:
        box.primary.sql('CREATE TABLE t (a INT PRIMARY KEY, b INT)', 'INSERT INTO t VALUES (1, 1), (2, 2)',
                        'CREATE TABLE seen (a INT PRIMARY KEY)', 'CREATE TABLE ids (id INT PRIMARY KEY AUTO_INCREMENT)', 'CREATE TABLE written (n INT)',
                        'INSERT INTO written VALUES (0)',
                        'CREATE FUNCTION writes() RETURNS INT MODIFIES SQL DATA BEGIN UPDATE written SET n = n + 1; RETURN 1; END',
                        'CREATE VIEW writing_view AS SELECT writes() AS w', database='shop')
        box.sync()
        for test in TESTS:
            tally.call(test, box)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
