#!/usr/bin/env python3
# deadline: 120
# flavours: mysql56
"""Servers of before session trackers: a session's reads on replicas see its state, or stay on the primary; nothing stale, nothing leaks."""
import struct
import sys
import threading

import raw
from both_ways import Tally
from sandbox import Connection, Sandbox, ServerError, wait_until

STATE = ('@@session.sql_mode', '@@session.character_set_client', '@@session.character_set_connection', '@@session.character_set_results',
         '@@session.collation_connection', '@@session.time_zone', '@@session.tx_isolation', '@@session.foreign_key_checks', '@@session.wait_timeout',
         '@@session.group_concat_max_len', 'DATABASE()')
# Statements, and whether reads go on on the replicas afterwards.
CASES = {
    'nothing': ([], True),
    'SET NAMES': (['SET NAMES latin1'], True),
    'SET NAMES twice': (["SET NAMES 'utf8' COLLATE 'utf8_bin'", 'SET NAMES cp1251'], True),
    'sql_mode': (["SET SESSION sql_mode='STRICT_ALL_TABLES,ANSI_QUOTES'"], True),
    'sql_mode, combined': (['SET sql_mode=ANSI'], True),
    'literals': (["SET time_zone='+05:00', foreign_key_checks=OFF, @@session.group_concat_max_len = 77"], True),
    'isolation': (['SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'], True),
    'USE': (['USE other'], True),
    'several in a packet': (["SET time_zone='+02:00'; USE other; SELECT 1"], True),
    'a failed SET': (['SET sql_mode=1+nonsense', "SET time_zone='nowhere'"], True),
    'a failed statement': (['SELEC 1'], True),
    'an expression': (["SET sql_mode=CONCAT(@@sql_mode, ',ANSI_QUOTES')"], False),
    'DEFAULT': (["SET time_zone='+05:00'", 'SET time_zone=DEFAULT, wait_timeout=100'], False),
    'a value of a variable': (['SET @z = 55', 'SET wait_timeout=@z'], False),
    'CALL': (['CALL shop.sets()'], False),
    'a function': (['SELECT shop.touches()'], False),
    'EXECUTE': (["PREPARE s FROM 'SET wait_timeout=123'", 'EXECUTE s'], False),
    'several, and one fails': (["SET time_zone='+02:00'; SELECT nonsense"], False),
}


def seen(connection):
    """(where, the state) as a read of a table sees it; the table makes it one that may run anywhere."""
    row = connection.query(f"SELECT @@server_id, {', '.join(STATE)} FROM shop.t").rows[0]
    return row[0], dict(zip(STATE, row[1:]))


def wait_for_a_replica(box):
    with box.connect() as connection:
        wait_until(lambda: connection.query('SELECT @@server_id FROM t').rows[0][0] != '1', 10, 'reads stay on the primary', 0.01)


def the_state_is_the_same(box, tally):
    for name, (statements, on_replicas) in CASES.items():
        wait_for_a_replica(box)
        with box.connect() as through, Connection('127.0.0.1', box.primary.port, 'app', 'sandbox-app', 'shop') as direct:
            answers = []
            for connection in (through, direct):
                told = []
                for statement in statements:
                    try:
                        told.append([result.rows for result in connection.query_all(statement)])
                    except ServerError as error:
                        told.append(str(error))
                answers.append(told)
            tally.check(f'{name}: the same answers', answers[0] != answers[1] and f'{answers}')
            if on_replicas:
                wait_for_a_replica(box)
            where, state = seen(through)
            tally.check(f'{name}: the same state', state != seen(direct)[1] and f'on server {where}: {state}\ndirect: {seen(direct)[1]}')
            tally.check(f"{name}: reads {'on a replica' if on_replicas else 'on the primary'}", (where != '1') != on_replicas and f'on server {where}')


def nobody_reads_the_past(box, tally):
    """A write that was answered is seen by every session's next read."""
    stale, done = [], [0]

    def work(key):
        with box.connect() as writer, box.connect() as reader:
            for i in range(150):
                writer.query(f'UPDATE counters SET n = n + 1 WHERE id = {key}')
                n = int(reader.query(f'SELECT n FROM counters WHERE id = {key}').rows[0][0])
                if n != i + 1:
                    stale.append((key, i + 1, n))
                done[0] += 1
    threads = [threading.Thread(target=work, args=(key,)) for key in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.check('reads after writes', (stale or done[0] != 600) and f'{done[0]} done; stale: {stale[:5]}')


def unknown_commands_as_direct(box, tally):
    """COM_RESET_CONNECTION is none of 5.6's, so nothing is reset."""
    found = []
    for port in (box.wye.port, box.primary.port):
        with Connection('127.0.0.1', port, 'app', 'sandbox-app', 'shop') as connection:
            connection.query("SET time_zone='+03:00', @x = 5")
            socket = raw.of(connection)
            socket.send(raw.frame(b'\x1f'))
            answer = socket.packet()[1]
            found.append((answer, connection.query('SELECT @x, @@session.time_zone').rows))
    tally.check('COM_RESET_CONNECTION', (found[0] != found[1] or found[0][0][:3] != b'\xff\x17\x04') and f'{found}')


def the_greeting_promises_what_the_server_has(box, tally):
    told = []
    for port in (box.wye.port, box.primary.port):
        socket = raw.Raw.__new__(raw.Raw)
        socket._buffer = b''
        import socket as sockets
        socket.sock = sockets.create_connection(('127.0.0.1', port), 10)
        with socket:
            hello = socket.greeting()
        end = hello.index(b'\0', 1)
        low, _, _, high = struct.unpack_from('<HBHH', hello, end + 14)
        told.append((hello[1:end], low | high << 16, hello[end + 45:]))
    (version, offered, plugin), (real_version, real, real_plugin) = told
    tls = 0x800
    tally.check('version and plugin', (version, plugin) != (real_version, real_plugin) and f'{told}')
    tally.check('capabilities', offered & ~real & ~tls and f'{offered & ~real:#x} are not those of the server')


def sessions_share_nothing(box, tally):
    with box.connect() as first:
        first.query("SET @secret = 'mine', time_zone='+09:00'")
        first.query('CREATE TEMPORARY TABLE mine (a INT)')
        first.query("SELECT GET_LOCK('mine', 0)")
    wait_until(lambda: box.primary.value("SELECT IS_FREE_LOCK('mine')") == '1', 10, 'the lock outlives its session')
    trouble = []
    for _ in range(5):
        with box.connect() as other:
            row = other.query("SELECT @secret, @@session.time_zone, IS_FREE_LOCK('mine')").rows[0]
            if row != (None, 'SYSTEM', '1'):
                trouble.append(row)
    tally.check('a later session', trouble)


def transactions_stay_whole(box, tally):
    wait_for_a_replica(box)
    with box.connect() as connection:
        where = []
        for begin in ('BEGIN', 'START TRANSACTION READ ONLY', 'SET autocommit=0'):
            connection.query(begin)
            where.append(connection.query('SELECT @@server_id FROM t').rows[0][0])
            connection.query('COMMIT')
        connection.query('SET autocommit=1')
        tally.check('transactions run on the primary', where != ['1'] * 3 and f'{where}')
        wait_until(lambda: connection.query('SELECT @@server_id FROM t').rows[0][0] != '1', 10, 'reads stay on the primary')


def old_accounts(box, tally):
    """Of a plugin that neither wye nor this server speaks: an error at once, not a wait."""
    box.primary.sql("CREATE USER 'ancient'@'%' IDENTIFIED BY 'x'",
                    "UPDATE mysql.user SET plugin = 'mysql_old_password', password = '5d2e19393cc5ef67' WHERE user = 'ancient'", 'FLUSH PRIVILEGES')
    told = []
    for port in (box.wye.port, box.primary.port):
        try:
            Connection('127.0.0.1', port, 'ancient', 'x', timeout=5).close()
            told.append('accepted')
        except (ServerError, OSError) as error:
            told.append(str(error))
    tally.check('mysql_old_password is refused in the same words', (told[0] != told[1] or 'secure-auth' not in told[0]) and f'{told}')


def main():
    tally = Tally()
    with Sandbox(wye=True) as box:
        box.primary.sql('CREATE DATABASE other', "GRANT ALL ON other.* TO 'app'@'%'", 'CREATE TABLE t (a INT)', 'INSERT INTO t VALUES (1)',
                        'CREATE TABLE counters (id INT PRIMARY KEY, n INT)', 'INSERT INTO counters VALUES (0, 0), (1, 0), (2, 0), (3, 0)',
                        'CREATE PROCEDURE sets() SET SESSION wait_timeout = 222',
                        'CREATE FUNCTION touches() RETURNS INT DETERMINISTIC MODIFIES SQL DATA RETURN 1', database='shop')
        box.sync()
        for test in (the_greeting_promises_what_the_server_has, the_state_is_the_same, nobody_reads_the_past, unknown_commands_as_direct,
                     sessions_share_nothing, transactions_stay_whole, old_accounts):
            try:
                test(box, tally)
            except Exception as error:
                tally.check(test.__name__, repr(error))
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
