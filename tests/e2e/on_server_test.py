#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mariadb mysql56
"""ON db2 <sql>, SHOW DATABASES ON, SHOW TABLES ON: that server's own answer; nothing is written, however it is spelt and whatever wye's
account may do; a statement without end, a huge answer, a frozen server and one that is down cost bounded time and memory."""
import threading
import time

import flavours
from raw import below, memory_kib
from sandbox import Connection, Sandbox, ServerError, wait_until

LONGEST = 12.0  # seconds: 8 and what a loaded machine adds
SECRET = 'Passw0rd-of-joe'

WRITES = r'''
INSERT INTO shop.t VALUES (99, 'x')
insert into shop.t select 99, 'x'
INSERT DELAYED INTO shop.t VALUES (99, 'x')
REPLACE INTO shop.t VALUES (1, 'x')
UPDATE shop.t SET v = 'x'
DELETE FROM shop.t
DELETE shop.t FROM shop.t JOIN shop.t b USING (id)
/* harmless */ DELETE FROM shop.t
/*!DELETE FROM shop.t*/
/*!40000 DELETE */ FROM shop.t
/*M!100000 DELETE FROM shop.t */
/*! SELECT 1 */ ; DELETE FROM shop.t
-- a comment\nDELETE FROM shop.t
#SELECT\nDELETE FROM shop.t
(DELETE FROM shop.t)
DE/**/LETE FROM shop.t
WITH c AS (SELECT 1) DELETE FROM shop.t
WITH c AS (SELECT 1 AS id) DELETE shop.t FROM shop.t JOIN c USING (id)
WITH c AS (SELECT 1 AS id) UPDATE shop.t, c SET v = 'x'
DELETE FROM shop.t RETURNING *
EXPLAIN ANALYZE DELETE FROM shop.t
ANALYZE DELETE FROM shop.t
ANALYZE FORMAT=JSON UPDATE shop.t SET v = 'x'
EXPLAIN ANALYZE FORMAT=TREE UPDATE shop.t SET v = 'x'
SELECT 1; DELETE FROM shop.t
SELECT 1;;DELETE FROM shop.t;
SELECT ';'; DELETE FROM shop.t
SELECT 1 /* ; */; DELETE FROM shop.t
SELECT 'a'; DELETE FROM shop.t -- '
BEGIN NOT ATOMIC DELETE FROM shop.t; END
IF 1 THEN DELETE FROM shop.t; END IF
TRUNCATE shop.t
TRUNCATE TABLE shop.t
DROP TABLE shop.t
CREATE TABLE shop.u (a INT)
CREATE TABLE shop.u SELECT 1
CREATE TEMPORARY TABLE shop.u (a INT)
CREATE DATABASE other
ALTER TABLE shop.t ADD COLUMN w INT
RENAME TABLE shop.t TO shop.u
OPTIMIZE TABLE shop.t
ANALYZE TABLE shop.t
REPAIR TABLE shop.t
LOAD DATA INFILE '/etc/hostname' INTO TABLE shop.t
LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE shop.t
CALL shop.writes()
DO shop.f()
SELECT shop.f()
SELECT * FROM shop.t WHERE shop.f() = 1
EXPLAIN SELECT shop.f()
SELECT * FROM shop.t FOR UPDATE
SELECT * FROM shop.t LOCK IN SHARE MODE
SELECT * FROM shop.t WHERE id IN (SELECT id FROM shop.t FOR UPDATE)
SELECT 1 INTO @x
SELECT 1 INTO OUTFILE '/tmp/wye-on-server'
SELECT 1 INTO DUMPFILE '/tmp/wye-on-server'
SELECT v INTO @x FROM shop.t LIMIT 1
SELECT @x := 1
SELECT GET_LOCK('a', 0)
SELECT RELEASE_ALL_LOCKS()
SELECT LOAD_FILE('/etc/passwd')
SELECT NEXT VALUE FOR shop.s
SET @x = 1
SET GLOBAL max_connections = 10
SET PASSWORD = 'x'
SET STATEMENT max_statement_time = 0 FOR SELECT 1
SET SESSION TRANSACTION READ WRITE
START TRANSACTION
START TRANSACTION READ WRITE
BEGIN
COMMIT
COMMIT AND CHAIN
ROLLBACK
SAVEPOINT a
XA START 'a'
LOCK TABLES shop.t WRITE
LOCK INSTANCE FOR BACKUP
BACKUP STAGE START
FLUSH TABLES WITH READ LOCK
FLUSH LOGS
HANDLER shop.t OPEN
PREPARE p FROM 'DELETE FROM shop.t'
EXECUTE IMMEDIATE 'DELETE FROM shop.t'
KILL 1
RESET MASTER
RESET BINARY LOGS AND GTIDS
PURGE BINARY LOGS BEFORE NOW()
STOP REPLICA
STOP SLAVE
CHANGE MASTER TO MASTER_HOST = 'x'
CREATE USER eve
GRANT ALL ON *.* TO eve
DROP USER app
INSTALL PLUGIN x SONAME 'x.so'
SHUTDOWN
RESTART
USE shop
SHOW WARNINGS
SELECT 'no end
SELECT /* no end
'''.strip().splitlines()

PASSWORDS = ('SELECT authentication_string FROM mysql.user', 'SELECT * FROM `mysql` . `user`', 'TABLE mysql.user', 'SELECT * FROM mysql/**/.global_priv',
             'SELECT * FROM mysql.slave_master_info', 'SELECT 1 FROM shop.t WHERE EXISTS (SELECT 1 FROM MySQL.User)', '/*!SELECT * FROM mysql.user */')


class Console:
    """One connection for all, as an operator has it."""

    def __init__(self, box):
        self.connection = Connection(unix=str(box.wye.admin_socket), user='admin', timeout=60.0)

    def __call__(self, statement):
        return self.connection.query(statement)

    def error(self, statement):
        started = time.monotonic()
        try:
            answer = self(statement)
        except ServerError as error:
            assert time.monotonic() - started < LONGEST, f'{statement}: an error after {time.monotonic() - started:.1f} s'
            return error
        raise AssertionError(f'{statement} was not refused: {answer}')


def prepare(box):
    """wye's account may do everything, so that nothing but wye's guard and the transaction keep it from writing."""
    function = 'CREATE FUNCTION shop.f() RETURNS INT NOT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO shop.t (v) VALUES (\'f\'); RETURN 1; END'
    for statement in ('CREATE TABLE shop.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50), b VARBINARY(20), n INT, d DATETIME, bits BIT(9)) DEFAULT CHARSET utf8mb4',
                      "INSERT INTO shop.t VALUES (1, 'größe', x'00FF27', NULL, '2026-01-02 03:04:05', b'101'), (2, '', '', 0, NULL, NULL), (3, NULL, NULL, -7, NULL, NULL)",
                      "CREATE PROCEDURE shop.writes() INSERT INTO shop.t (v) VALUES ('p')", function, 'CREATE VIEW shop.disguised AS SELECT shop.f() AS one',
                      f"CREATE USER 'joe'@'%' IDENTIFIED BY '{SECRET}'", f"GRANT ALL PRIVILEGES ON *.* TO '{flavours.MONITOR}'@'%'"):
        box.primary.sql(statement)
    box.sync()


def own_answers(box, ask):
    """What a server says is passed on: names, NULLs, bytes, errors; and it is that server's."""
    for server in box.servers:
        assert ask(f'ON {server.name} SELECT @@server_id, @@port').rows == [(str(server.server_id), str(server.port))]
    answer = ask('on db2 SELECT * FROM shop.t ORDER BY id')
    assert answer.columns == ['id', 'v', 'b', 'n', 'd', 'bits'], answer.columns
    assert answer.rows == [('1', 'größe', '0x00FF27', None, '2026-01-02 03:04:05', '0x0005'), ('2', '', '0x', '0', None, None),
                           ('3', None, None, '-7', None, None)], answer.rows
    assert ask("ON 'db3' SELECT 1 UNION (SELECT 'x\\'y');").rows == [('1',), ("x'y",)]
    assert ask('ON db2\n/* why */ SELECT 2 -- two').rows == [('2',)]
    assert ask('ON db2 SELECT 1 FROM shop.t WHERE 0').rows == []
    assert ('shop',) in ask('SHOW DATABASES ON db2').rows
    assert ask('show tables on `db2` from shop').rows == [('disguised',), ('t',)]
    assert ask('SHOW TABLES ON db2 IN `shop`').columns == ['Tables_in_shop']
    status = ask(f'ON db2 SHOW {"SLAVE" if box.flavour.name != "mysql" else "REPLICA"} STATUS').dicts()[0]
    assert 'Yes' in status.values() and not any('sandbox-' in (value or '') for value in status.values()), status
    assert ask("ON db2 SHOW GLOBAL VARIABLES LIKE 'server_id'").rows == [('server_id', '2')]
    assert ask('ON db2 EXPLAIN SELECT * FROM shop.t').rows
    missing = ask.error('ON db2 SELECT * FROM shop.nothing')
    assert missing.code == 1146 and missing.message == "Table 'shop.nothing' doesn't exist", missing
    assert ask.error('SHOW TABLES ON db2 FROM no_such').code == 1049
    assert ask.error("SHOW TABLES ON db2 FROM 'a`b'").message.count('a`b') == 1
    assert ask.error('ON db2 SELECT * FROM t').code == 1046  # no schema
    assert ask.error('ON db2 SELEKT 1').code in (1064, 1792)


def says_who_is_there(box, ask):
    for statement in ('ON db9 SELECT 1', 'SHOW DATABASES ON db9', 'SHOW TABLES ON db9 FROM shop'):
        assert ask.error(statement).message == 'unknown server db9; there are: db1, db2, db3', ask.error(statement)
    for statement in ('ON', 'ON db2', 'ON db2 ;', 'ON db2 /* */', "ON 'db2 SELECT 1", 'SHOW DATABASES ON', 'SHOW TABLES ON db2', 'SHOW TABLES ON db2 FROM',
                      'SHOW TABLES ON db2 FROM a b'):
        assert ask.error(statement).code in (1064, 1792), ask.error(statement)


def nothing_is_written(box, ask):
    before, schema = box.primary.position(), ask('ON db1 SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2').rows
    sent = []
    for statement in (line.replace(r'\n', '\n') for line in WRITES):
        try:
            sent.append((statement, ask('ON db1 ' + statement).rows))
        except ServerError as error:
            if not error.message.startswith(('ON takes one statement', 'expected ON')):
                sent.append((statement, error))
        assert box.primary.position() == before, f'{statement} wrote: {box.primary.position()}, before {before}'
    assert not sent, sent
    # How the server cuts a text by its configuration does not matter: it is cut as it was classified.
    mode = box.primary.value('SELECT @@GLOBAL.sql_mode')
    box.primary.sql("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")
    assert ask(r"ON db1 SELECT 'a\'; DELETE FROM shop.t -- '").rows == [("a'; DELETE FROM shop.t -- ",)]
    box.primary.sql(f"SET GLOBAL sql_mode = '{mode}'")
    # What no classifier can see is the server's to refuse: a view that calls a function that writes.
    hidden = ask.error('ON db1 SELECT * FROM shop.disguised')
    assert hidden.code == 1792 and 'ON takes' not in hidden.message, hidden
    assert box.primary.position() == before
    assert ask('ON db1 SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2').rows == schema
    assert box.primary.value('SELECT COUNT(*) FROM shop.t') == '3'
    print(f'# {box.flavour.name}: {len(WRITES)} writes, locks and multi-statements refused, 1 refused by the server; GTIDs as before')


def passwords_stay_hidden(box, ask):
    for statement in PASSWORDS:
        error = ask.error('ON db1 ' + statement)
        assert 'passwords' in error.message, f'{statement}: {error}'
    stored = {row[0] for row in box.primary.sql("SELECT Password FROM mysql.user" if box.flavour.name == 'mysql56' else
                                                'SELECT authentication_string FROM mysql.user') if row[0]}
    shown = []
    for statement in ("SHOW GRANTS FOR 'joe'@'%'", "SHOW CREATE USER 'joe'@'%'", 'SHOW GRANTS', 'SHOW BINLOG EVENTS LIMIT 1000'):
        try:
            shown += [cell or '' for row in ask('ON db1 ' + statement).rows for cell in row]
        except ServerError as error:
            assert box.flavour.name == 'mysql56' and error.code in (1064, 1792), f'{statement}: {error}'
    assert any('<secret>' in cell for cell in shown), shown
    assert not [cell for cell in shown if any(secret in cell for secret in stored)], 'a hash is shown'
    ask.error(f"ON db1 CREATE USER x IDENTIFIED BY '{SECRET}'")
    log = box.wye.log.read_text()
    assert SECRET not in log and 'event=admin_statement' in log and 'statement=ON' in log, 'what was said is in the log, or nothing is'


def running(box, marker):
    return [row for row in box.primary.sql('SELECT info FROM information_schema.processlist WHERE id <> CONNECTION_ID()') if marker in (row[0] or '')]


def time_is_bounded(box, ask):
    """A statement without end ends: by the server's own limit, or where it has none, or a hint that overrides it, by wye's KILL."""
    cases = ['SELECT SLEEP(1000)', 'SELECT SLEEP(0.5) FROM shop.t a, shop.t b, shop.t c', 'SELECT /*+ MAX_EXECUTION_TIME(900000) */ BENCHMARK(100000000000, SHA2(1, 512))']
    took = [None] * len(cases)

    def run(i):
        started = time.monotonic()
        mine = Console(box)
        try:
            mine('ON db1 ' + cases[i])
        except ServerError as error:
            assert any(text in error.message for text in ('interrupted', 'within 8 seconds')), error
        took[i] = time.monotonic() - started

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(cases))]
    for thread in threads:
        thread.start()
    ask('SHOW SERVERS')
    assert ask('ON db1 SELECT 1').rows == [('1',)]
    assert None in took, 'a slow statement holds up others'
    for thread in threads:
        thread.join()
    assert all(seconds is not None and 0.1 < seconds < LONGEST for seconds in took), took
    wait_until(lambda: not running(box, 'SLEEP') and not running(box, 'BENCHMARK'), 10, 'it still runs on the server')
    print(f"# {box.flavour.name}: statements without end ended after {', '.join(f'{seconds:.1f}' for seconds in took)} s")


def who_leaves_takes_his_statement_along(box, _):
    with Connection(unix=str(box.wye.admin_socket), user='admin') as client:
        client._seq = 0
        client._write(b"\x03ON db1 SELECT /*+ MAX_EXECUTION_TIME(900000) */ SLEEP(900), 'left'")
        wait_until(lambda: running(box, 'left'), 10, 'it does not run')
        started = time.monotonic()
    wait_until(lambda: not running(box, 'left'), 10, 'it still runs on the server')
    took = time.monotonic() - started
    print(f'# {box.flavour.name}: the client left, and the statement was gone after {took:.1f} s')
    assert took < 6, took


def answers_are_bounded(box, ask):
    """An answer is whole, or an error that says why."""
    many = ' , '.join(f'shop.t t{i}' for i in range(10))  # 59049 rows
    before = memory_kib(box)
    for statement in (f'SELECT t0.id FROM {many}', 'SELECT REPEAT(\'x\', 5000000)', f"SELECT REPEAT('x', 100000) FROM {many}", "SELECT REPEAT(x'00', 3000000)"):
        error = ask.error('ON db1 ' + statement)
        assert error.message == 'the answer has more than 10000 rows or 4 MiB: ask for less (LIMIT)', f'{statement[:50]}: {error}'
    assert len(ask(f'ON db1 SELECT t0.id FROM {many} LIMIT 10000').rows) == 10000
    assert len(ask("ON db1 SELECT REPEAT('x', 3000000)").rows[0][0]) == 3000000
    grown = (memory_kib(box) - before) / 1024
    assert below(grown, 100), f'wye has grown by {grown} MiB'
    wait_until(lambda: not running(box, 't0'), 10, 'the server still sends')


def not_too_many_at_once(box, ask):
    clients = [Console(box) for _ in range(12)]
    said = []

    def run(client):
        try:
            client('ON db1 SELECT SLEEP(2)')
            said.append('done')
        except ServerError as error:
            said.append(error.message)
    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count('done') == 8, said
    assert said.count('8 statements run on servers already: wait for one to end') == 4, said


def a_frozen_server(box, ask):
    box.servers[2].freeze()
    try:
        started = time.monotonic()
        error = ask.error('ON db3 SELECT 1')
        took = time.monotonic() - started
        assert error.code == 1105 and error.message.startswith('db3: '), error
        assert ask('ON db2 SELECT 1').rows == [('1',)]
    finally:
        box.servers[2].thaw()
    wait_until(lambda: next(row for row in ask('SHOW SERVERS').dicts() if row['name'] == 'db3')['state'] == 'online', 30, 'db3 does not come back')
    assert ask('ON db3 SELECT 1').rows == [('1',)]
    print(f'# {box.flavour.name}: frozen: an error after {took:.1f} s: {error.message}')


def frozen_while_it_runs(box, _):
    """The statement has been sent when the server freezes."""
    said = []

    def run():
        said.append(Console(box).error("ON db3 SELECT SLEEP(30), 'mid-way'"))
    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: box.servers[2].sql("SELECT id FROM information_schema.processlist WHERE info LIKE '%mid-way%' AND id <> CONNECTION_ID()"), 10, 'it does not run')
    box.servers[2].freeze()
    try:
        thread.join(LONGEST)
        assert said and said[0].message == 'db3: no whole answer within 8 seconds; it was ended', said
    finally:
        box.servers[2].thaw()
        thread.join()


def a_server_that_is_down(box, ask):
    box.servers[2].kill()
    started = time.monotonic()
    error = ask.error('SHOW DATABASES ON db3')
    assert error.message.startswith('db3: ') and time.monotonic() - started < 6, error
    print(f'# {box.flavour.name}: down: {error.message}')


def wye_ends_while_one_runs(box, _):
    def run():
        try:
            Console(box)('ON db2 SELECT SLEEP(7)')
        except (ServerError, OSError):
            pass
    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: 'SLEEP(7)' in str(box.servers[1].sql('SELECT info FROM information_schema.processlist WHERE id <> CONNECTION_ID()')), 10, 'it does not run')
    started = time.monotonic()
    box.wye.stop()
    assert time.monotonic() - started < 6, 'wye waited for the statement'
    thread.join()


def main():
    with Sandbox(wye=True, server_options={'log_bin_trust_function_creators': 'ON'}) as box:
        prepare(box)
        console = Console(box)
        for check in (own_answers, says_who_is_there, nothing_is_written, passwords_stay_hidden, answers_are_bounded, not_too_many_at_once, time_is_bounded,
                      who_leaves_takes_his_statement_along, frozen_while_it_runs, a_frozen_server, a_server_that_is_down, wye_ends_while_one_runs):
            started = time.monotonic()
            check(box, console)
            print(f'# {box.flavour.name}: {check.__name__} {time.monotonic() - started:.1f} s')


main()
