#!/usr/bin/env python3
"""program.py pymysql | MySQLdb: what a Python program sees of a server. HOST, PORT, USER_NAME, PASSWORD, DATABASE, FLAVOUR from the environment.

Prints one JSON object a line; nothing random and no clock in it: two runs on equal servers print the same."""
import datetime
import decimal
import hashlib
import importlib
import json
import os
import queue
import sys
import tempfile
import threading
from pathlib import Path

import warnings

warnings.simplefilter('ignore')
driver = importlib.import_module(sys.argv[1])
cursors = importlib.import_module(f'{sys.argv[1]}.cursors')
PYMYSQL = sys.argv[1] == 'pymysql'
SHARED = Path(__file__).resolve().parent.parent / 'shared'


def plain(value):
    if isinstance(value, (bytes, bytearray)):
        return {'bytes': value.hex() if len(value) < 200 else digest(bytes(value))}
    if isinstance(value, str):
        return value if len(value) < 400 else {'text': digest(value.encode())}
    if isinstance(value, (decimal.Decimal, datetime.date, datetime.time, datetime.datetime, datetime.timedelta)):
        return {type(value).__name__: str(value)}
    if isinstance(value, (set, frozenset)):
        return {'set': sorted(value)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, BaseException):
        return {'error': type(value).__name__, 'args': plain(value.args)}
    return value


def digest(data):
    return f'{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}'


def say(step, value):
    print(json.dumps({'step': step, 'value': plain(value)}, ensure_ascii=False), flush=True)


def statements(name):
    return [line for line in (SHARED / f'{name}.sql').read_text().splitlines() if line and not line.startswith('--')]


def connect(**more):
    options = dict(host=os.environ['HOST'], port=int(os.environ['PORT']), user=os.environ['USER_NAME'], password=os.environ['PASSWORD'],
                   database=os.environ['DATABASE'], charset='utf8mb4', connect_timeout=20, local_infile=True)
    if PYMYSQL:
        options.update(max_allowed_packet=64 << 20)
    return driver.connect(**{**options, **more})


TLS = {'ssl': {'ca': os.environ['CA']}} if PYMYSQL else {'ssl': {'ca': os.environ['CA']}}


def run(connection, sql, arguments=None, cursor=None):
    """All results of a statement, or the error that ended it."""
    results = []
    try:
        with connection.cursor(cursor) as c:
            c.execute(sql, arguments)
            while True:
                if c.description:
                    results.append({'columns': [list(d) for d in c.description], 'rows': list(c.fetchall()), 'count': c.rowcount})
                else:
                    results.append({'affected': c.rowcount, 'id': c.lastrowid})
                if not c.nextset():
                    break
            count = connection._result.warning_count if PYMYSQL and connection._result else 0 if PYMYSQL else connection.warning_count()
            results[-1]['warnings'] = connection.show_warnings() if count else []
    except driver.Error as error:
        results.append(error)
    return results[0] if len(results) == 1 else results


def scripts(connection):
    for name in ('reads', 'state', 'errors', 'routines'):
        for sql in statements(name):
            say(f'{name}: {sql[:60]}', run(connection, sql))
    connection.rollback()
    connection.ping()


def values(connection):
    """Every Python value there and back, by the client's own quoting."""
    run(connection, 'CREATE TABLE v (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT, u BIGINT UNSIGNED, f DOUBLE, d DECIMAL(30,10), dt DATETIME(6), da DATE, '
                    't TIME(6), s TEXT, b LONGBLOB, j JSON)')
    rows = [(1, 2**64 - 1, 0.1, decimal.Decimal('12345678901234567890.0123456789'), datetime.datetime(2024, 2, 29, 23, 59, 59, 999999),
             datetime.date(1000, 1, 1), datetime.timedelta(hours=-800, microseconds=1), "'\\ü😀\0\n%s", bytes(range(256)), json.dumps({'a': [1, None]})),
            (-2**63, 0, -1e300, decimal.Decimal('-0.1'), None, None, datetime.timedelta(0), '', b'', 'null'), (None,) * 10]
    insert = 'INSERT INTO v (i, u, f, d, dt, da, t, s, b, j) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)'
    for row in rows:
        say('insert values', run(connection, insert, row))
    with connection.cursor() as c:
        say('executemany', [c.executemany(insert, rows * 200), c.rowcount, c.lastrowid])
    say('select values', run(connection, 'SELECT * FROM v WHERE id <= 4 ORDER BY id'))
    say('select by value', run(connection, 'SELECT id FROM v WHERE s = %(s)s AND i = %(i)s ORDER BY id LIMIT 3', {'s': rows[0][7], 'i': 1}))
    say('count', run(connection, 'SELECT COUNT(*), COUNT(i), SUM(u), MAX(LENGTH(b)) FROM v'))
    connection.commit()


def big(connection):
    run(connection, 'CREATE TABLE b (id INT PRIMARY KEY, data LONGBLOB)')
    for i, size in enumerate((1 << 20, (17 << 20) + 3)):
        data = hashlib.sha512(str(size).encode()).digest() * (size // 64 + 1)
        say(f'insert {size}', run(connection, 'INSERT INTO b VALUES (%s, _binary %s)', (i, data[:size])))
        connection.commit()
        say(f'select {size}', run(connection, 'SELECT data, LENGTH(data) FROM b WHERE id = %s', (i,)))


def transactions(connection, other):
    run(connection, 'CREATE TABLE acc (id INT PRIMARY KEY, amount INT NOT NULL)')
    run(connection, 'INSERT INTO acc VALUES (1, 100), (2, 100)')
    connection.commit()
    other.autocommit(True)
    connection.begin() if PYMYSQL else run(connection, 'BEGIN')
    run(connection, 'UPDATE acc SET amount = amount - 10 WHERE id = 1')
    say('inside', [run(c, 'SELECT amount FROM acc ORDER BY id') for c in (connection, other)])
    run(connection, 'SAVEPOINT one')
    run(connection, 'UPDATE acc SET amount = 0')
    run(connection, 'SAVEPOINT two')
    run(connection, 'DELETE FROM acc')
    say('roll back to two', [run(connection, 'ROLLBACK TO two'), run(connection, 'SELECT * FROM acc ORDER BY id')])
    say('roll back to one', [run(connection, 'ROLLBACK TO SAVEPOINT one'), run(connection, 'ROLLBACK TO two')])
    connection.commit()
    say('committed', [run(c, 'SELECT amount FROM acc ORDER BY id') for c in (connection, other)])
    run(connection, 'DELETE FROM acc')
    connection.rollback()
    say('rolled back', run(other, 'SELECT COUNT(*) FROM acc'))


def locks(connection, other):
    """A lock wait that runs out, and a deadlock whose victim is the smaller transaction."""
    run(other, 'SET autocommit = 1')
    other.autocommit(False)
    run(other, 'SET innodb_lock_wait_timeout = 1')
    run(connection, 'UPDATE acc SET amount = 1 WHERE id = 1')
    say('lock wait', run(other, 'UPDATE acc SET amount = 2 WHERE id = 1'))
    other.rollback()
    connection.rollback()
    run(other, 'SET innodb_lock_wait_timeout = 50')
    for i in range(20):
        run(connection, 'INSERT INTO acc VALUES (%s, 0)', (100 + i,))
    run(connection, 'UPDATE acc SET amount = 1 WHERE id = 1')
    run(other, 'UPDATE acc SET amount = 2 WHERE id = 2')
    answer = queue.Queue()
    waiter = threading.Thread(target=lambda: answer.put(run(connection, 'UPDATE acc SET amount = 1 WHERE id = 2')))
    waiter.start()
    say('deadlock: the victim', run(other, 'UPDATE acc SET amount = 2 WHERE id = 1'))
    say('deadlock: the survivor', answer.get(timeout=30))
    waiter.join()
    say('after the deadlock', run(other, 'SELECT amount FROM acc WHERE id = 2'))
    other.rollback()
    connection.rollback()


def routines(connection):
    with connection.cursor() as c:
        say('callproc', [c.callproc('three', (5, 0)), c.fetchall(), c.nextset(), c.fetchall(), c.nextset(), c.nextset()])
        c.execute('SELECT @_three_0, @_three_1')
        say('out arguments', c.fetchall())
    say('call', run(connection, 'CALL three(6, @o)'))
    say('out', run(connection, 'SELECT @o'))
    say('call that fails', run(connection, 'CALL fails()'))
    say('call that reads', run(connection, 'CALL reads()'))
    say('functions', run(connection, 'SELECT twice(21), noted(4)'))
    say('view', run(connection, 'SELECT * FROM journal_sums'))
    connection.commit()


def several():
    flag = {'client_flag': driver.constants.CLIENT.MULTI_STATEMENTS}
    connection = connect(**flag, autocommit=True)
    say('several', run(connection, "SELECT 1 AS a; SELECT 2 AS b, 'x' AS c; SELECT 3 FROM DUAL WHERE 1 = 0"))
    say('several with writes', run(connection, 'INSERT INTO journal (n) VALUES (1); SELECT COUNT(*) FROM journal; UPDATE journal SET n = 0; SELECT SUM(n) FROM journal'))
    say('several with an error', run(connection, 'SELECT 1; SELECT * FROM no_such_table; SELECT 2'))
    say('after it', run(connection, 'SELECT COUNT(*) FROM journal'))
    connection.close()
    connection = connect(autocommit=True)
    found = connect(client_flag=driver.constants.CLIENT.FOUND_ROWS, autocommit=True)
    say('found rows', [run(c, 'UPDATE journal SET n = 0') for c in (connection, found)])
    connection.close()
    found.close()


def streams(connection):
    run(connection, 'CREATE TABLE seq (n INT PRIMARY KEY, t VARCHAR(100))')
    connection.cursor().executemany('INSERT INTO seq VALUES (%s, %s)', [(i, f'row {i} ' + 'x' * 80) for i in range(5000)])
    connection.commit()
    with connection.cursor(cursors.SSCursor) as c:
        c.execute('SELECT n, t FROM seq ORDER BY n')
        say('stream: some', [c.fetchone(), c.fetchmany(3), c.rownumber])
        say('stream: the rest', sum(row[0] for row in c))
    with connection.cursor(cursors.SSCursor) as c:
        c.execute('SELECT a.n FROM seq a JOIN seq b ON b.n < 5 ORDER BY a.n, b.n')
        say('stream: left early', c.fetchone())
    say('after it', run(connection, 'SELECT COUNT(*) FROM seq'))
    say('dictionaries', run(connection, 'SELECT n, LEFT(t, 6) AS l FROM seq ORDER BY n LIMIT 2', cursor=cursors.DictCursor))
    say('streamed dictionaries', run(connection, 'SELECT n, LEFT(t, 6) AS l FROM seq ORDER BY n LIMIT 2', cursor=cursors.SSDictCursor))


def infile(connection):
    run(connection, 'CREATE TABLE lines_in (a INT, b VARCHAR(50))')
    with tempfile.NamedTemporaryFile('w', suffix='.csv', encoding='utf-8') as file:
        file.write(''.join(f'{i};zeile ü {i}\n' for i in range(20000)) + 'x;bad\n')
        file.flush()
        say('infile: load', run(connection, f"LOAD DATA LOCAL INFILE '{file.name}' INTO TABLE lines_in CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';'"))
    connection.commit()
    say('infile: loaded', run(connection, 'SELECT COUNT(*), SUM(a), MAX(b) FROM lines_in'))
    say('infile: no such file', run(connection, "LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE lines_in"))
    say('infile: after it', run(connection, 'SELECT COUNT(*) FROM lines_in'))


def cancel(connection, other):
    """KILL QUERY from another connection, as soon as the statement is seen to run; and one with a wrong id."""
    say('kill: its id', [connection.thread_id() == run(connection, 'SELECT CONNECTION_ID()')['rows'][0][0]])
    answer, started = queue.Queue(), run(other, "SELECT GET_LOCK('clients.cancel', 10)")
    say('kill: lock', started)
    waiter = threading.Thread(target=lambda: answer.put(run(connection, "SELECT 'waits', GET_LOCK('clients.cancel', 10)")))
    waiter.start()
    for _ in range(3000):
        seen = run(other, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT ''waits''%'")
        if seen['rows'][0][0]:
            break
    say('kill: the statement', run(other, f'KILL QUERY {connection.thread_id()}'))
    say('kill: what it says', answer.get(timeout=70))
    waiter.join()
    say('kill: the connection lives', run(connection, 'SELECT 1'))
    run(other, "SELECT RELEASE_LOCK('clients.cancel')")
    victim = connect()
    say('kill: a connection', run(other, f'KILL {victim.thread_id()}'))
    try:
        for _ in range(1000):
            victim.cursor().execute('SELECT 1')
        say('kill: it lives', None)
    except driver.Error as error:
        say('kill: it is gone', [type(error).__name__, error.args[0] in (1053, 1927, 2006, 2013, 1317)])


def written_then_read():
    """A pool spreads one user's requests over connections."""
    pool = queue.Queue()
    for _ in range(6):
        pool.put(connect(autocommit=True))
    first = pool.get()
    run(first, 'CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL)')
    run(first, 'INSERT INTO counter VALUES (1, 0)')
    pool.put(first)
    stale = []
    for i in range(1, 101):
        writer = pool.get()
        run(writer, 'UPDATE counter SET n = %s WHERE id = 1', (i,))
        pool.put(writer)
        reader = pool.get()
        seen = run(reader, 'SELECT n FROM counter WHERE id = 1')['rows'][0][0]
        stale += [seen] if seen != i else []
        pool.put(reader)
    say('stale reads of a hundred', stale)
    while not pool.empty():
        pool.get().close()


def logins(connection):
    for what, more in {'no TLS': {}, 'TLS': TLS, 'no schema': {'database': ''}, 'wrong password': {'password': 'wrong'},
                       'unknown user': {'user': 'nobody_here'}, 'unknown schema': {'database': 'no_such_schema'}}.items():
        try:
            one = connect(**more)
            say(f'login: {what}', run(one, 'SELECT CURRENT_USER(), DATABASE()'))
            one.close()
        except driver.Error as error:
            say(f'login: {what}', error)
    say('server', connection.get_server_info())
    say('ping', [connection.ping() for _ in range(3)])
    if PYMYSQL:
        connection.select_db('information_schema')
    else:
        connection.change_user(os.environ['USER_NAME'], os.environ['PASSWORD'], 'information_schema')
    say('another schema', run(connection, 'SELECT DATABASE(), @a'))
    connection.select_db(os.environ['DATABASE'])
    say('the schema again', run(connection, 'SELECT DATABASE(), COUNT(*) FROM seq'))


def main():
    connection, other = connect(**TLS), connect()
    connection.autocommit(True)
    scripts(connection)
    connection.autocommit(False)
    for part, more in ((values, ()), (big, ()), (transactions, (other,)), (locks, (other,)), (routines, ()), (streams, ()), (infile, ())):
        part(connection, *more)
    several()
    connection.autocommit(True)
    other.autocommit(True)
    logins(connection)
    written_then_read()
    connection.select_db(os.environ['DATABASE'])
    cancel(connection, other)


if not PYMYSQL:
    driver.constants = importlib.import_module('MySQLdb.constants')
    importlib.import_module('MySQLdb.constants.CLIENT')
else:
    importlib.import_module('pymysql.constants.CLIENT')
main()
