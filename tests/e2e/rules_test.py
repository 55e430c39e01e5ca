#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb
"""Rules of the configuration on real servers, each field with text and prepared statements; and their reload while clients work."""
import struct
import sys
import threading
import time

import raw
from both_ways import Tally
from sandbox import Sandbox, ServerError, wait_until

WHERE = "SELECT CONCAT('db', @@server_id) FROM shop.t"
OTHER = "SELECT CONCAT('db', @@server_id) FROM shop.u"


def put(box, rules, statement='RELOAD CONFIG', **extra):
    """The configuration with these rules, and the answer to `statement`."""
    routing = {'rules': rules, **extra.pop('routing', {})}
    box.wye.create(box.servers, {'workers': 2, 'pool': {'max_per_server': 50}, 'routing': routing, **extra})
    return box.wye.admin(statement)


def text(connection, sql):
    rows = connection.query(sql).rows
    return rows[0][0] if rows else None


def prepared(connection, sql):
    """The same through COM_STMT_PREPARE and EXECUTE, for a first column that is text."""
    connection._seq = 0
    connection._write(b'\x16' + sql.encode())
    head = connection._read()
    statement, columns, parameters = struct.unpack_from('<IHH', head, 1)
    for count in (parameters, columns):
        for _ in range(count + 1 if count else 0):
            connection._read()
    try:
        connection._seq = 0
        connection._write(b'\x17' + struct.pack('<IBI', statement, 0, 1))
        if connection._read()[0] == 0:
            return None
        for _ in range(columns + 1):
            connection._read()
        first, packet = None, connection._read()
        while packet[:1] != b'\xfe':
            first, packet = first or packet, connection._read()
        at = 1 + (columns + 9) // 8
        return first and first[at + 1:at + 1 + first[at]].decode()
    finally:
        connection._seq = 0
        connection._write(b'\x19' + struct.pack('<I', statement))


BOTH = (text, prepared)


def routed(box, sql=WHERE, **options):
    """Where it runs, one way and the other."""
    with box.connect(**options) as connection:
        return [way(connection, sql) for way in BOTH]


def replicas_serve(box):
    with box.connect() as connection:
        wait_until(lambda: text(connection, WHERE) != 'db1' and text(connection, OTHER) != 'db1', 20, 'reads stay on the primary')


def matched(box, **match):
    put(box, [{'name': 'this', 'route': 'primary', **match}])


def each_match(box):
    """A rule to the primary: who matches goes there, who does not is on a replica."""
    put(box, [])
    replicas_serve(box)
    with box.connect() as connection:
        connection.query(f'{WHERE} WHERE a = 5')
    digest = next(r['digest'] for r in box.wye.admin('SHOW DIGESTS LIMIT 5000') if r['text'] and '`t` WHERE `a` = ?' in r['text'] and 'CONCAT' in r['text'])
    root = {'user': 'root', 'password': 'sandbox-root'}
    # (the rule's fields, options and statement of who matches, of who doesn't)
    table = (({'user': 'root'}, (root, WHERE), ({}, WHERE)), ({'user': ['nobody', 'app']}, ({}, WHERE), (root, WHERE)),
             ({'schema': 'other'}, ({'database': 'other'}, WHERE), ({}, WHERE)), ({'client': '127.0.0.0/8'}, ({}, WHERE), None),
             ({'client': '10.0.0.0/8'}, None, ({}, WHERE)), ({'digest': digest}, ({}, f'{WHERE} WHERE a = 1 -- x'), ({}, WHERE)),
             ({'table': 't'}, ({}, WHERE), ({}, OTHER)), ({'table': 'shop.t'}, ({}, WHERE.replace('shop.', '')), ({'database': 'other'}, OTHER)),
             ({'regex': r'^select\b.*from\s+shop\.t\b'}, ({}, WHERE), ({}, OTHER)),
             ({'user': 'app', 'schema': 'shop', 'table': 't', 'regex': 'concat', 'client': ['::1', '127.0.0.1']}, ({}, WHERE), ({}, OTHER)))
    wrong = []
    for fields, yes, no in table:
        matched(box, **fields)
        if yes and routed(box, yes[1], **yes[0]) != ['db1', 'db1']:
            wrong.append((fields, 'does not match', routed(box, yes[1], **yes[0])))
        if no and 'db1' in routed(box, no[1], **no[0]):
            wrong.append((fields, 'matches', no))
    return wrong


def each_route(box):
    servers = [{'name': s.name, 'address': s.address, 'tags': ['slow'] if s.name == 'db3' else []} for s in box.servers]
    mysql = "SELECT CONCAT('db', @@server_id) FROM mysql.user"
    root = {'user': 'root', 'password': 'sandbox-root'}
    wrong = []
    for sets, sql, wanted in (({'route': 'server=db3'}, WHERE, {'db3'}), ({'route': 'server=db2'}, WHERE, {'db2'}), ({'route': 'server=db1'}, WHERE, {'db1'}),
                              ({'route': 'replica'}, mysql, {'db2', 'db3'}), ({'route': 'primary'}, WHERE, {'db1'}), ({'tag': 'slow'}, WHERE, {'db3'}),
                              ({'consistency': 'primary'}, WHERE, {'db1'}), ({'route': 'server=db3'}, f'/* wye: primary */ {WHERE}', {'db1'})):
        put(box, [{'user': 'root', **sets}], servers=servers)
        if not set(routed(box, sql, **root)) <= wanted:
            wait_until(lambda: set(routed(box, sql, **root)) <= wanted, 5, lambda: wrong.append((sets, sql, routed(box, sql, **root))) or 'wrong')
    put(box, [])
    return wrong


def lag_and_consistency(box):
    """A replica that is behind serves who said that it may, and nobody else."""
    behind = box.servers[1]
    put(box, [{'name': 'old', 'regex': 'old is good', 'route': 'server=db2', 'max_lag': '1h', 'consistency': 'eventual'}], routing={'max_lag': '1s'})
    behind.lag(600)
    try:
        with box.connect() as connection:
            connection.query('INSERT INTO shop.t VALUES (100)')
            count = "SELECT CONCAT('', COUNT(*)) FROM shop.t WHERE a = 100"

            def lagging():
                return (next(r for r in box.wye.admin('SHOW SERVERS') if r['name'] == 'db2')['lag_ms'] or '0')
            wait_until(lambda: int(lagging()) > 1500, 30, lambda: f'db2 is not behind: {lagging()}')
            fresh = [way(connection, count) for way in BOTH]
            old = [way(connection, f'{count} /* old is good */') for way in BOTH]
            where = text(connection, f'{WHERE} /* old is good */')
    finally:
        behind.lag(0)
        box.sync()
    if (fresh, old, where) != (['1', '1'], ['0', '0'], 'db2'):
        return f'fresh {fresh}, old {old} from {where}'


def writes_stay(box):
    """`route: replica` for everything of a user: his writes run on the primary, and EXPLAIN ROUTE says why."""
    put(box, [{'name': 'all', 'user': 'app', 'route': 'replica'}])
    refused = raw.total(raw.metrics(box), 'wye_retries_total{kind="read_only_replica"')
    with box.connect() as connection:
        for way in BOTH:
            way(connection, 'INSERT INTO shop.u VALUES (7)')
            way(connection, 'UPDATE shop.u SET a = a + 1 WHERE a = 7')
            connection.query('BEGIN')
            if way(connection, f'{WHERE} FOR UPDATE') != 'db1' or way(connection, WHERE) != 'db1':
                return 'a transaction was split'
            connection.query('COMMIT')
            if way(connection, f'{WHERE} FOR UPDATE') != 'db1':
                return 'a locking read on a replica'
        explained = connection.query('EXPLAIN ROUTE INSERT INTO shop.u VALUES (7)').dicts()[0]
        box.sync()
        wait_until(lambda: connection.query(f'EXPLAIN ROUTE {WHERE}').dicts()[0]['route'] == 'replica', 15, 'no replica is eligible')
        read = connection.query(f'EXPLAIN ROUTE {WHERE}').dicts()[0]
    if explained['rule'] != 'all (not replica: write, rules move reads only)' or explained['reason'] != 'write':
        return explained
    if read['rule'] != 'all' or read['reason'] != 'rule_replica':
        return read
    if box.primary.value('SELECT COUNT(*) FROM shop.u WHERE a = 8') != '2':
        return 'not each write ran once'
    if raw.total(raw.metrics(box), 'wye_retries_total{kind="read_only_replica"') != refused:
        return 'a replica refused a write'


def error_of(way, connection, sql):
    try:
        return way(connection, sql)
    except ServerError as error:
        return error.code, error.message


def reject(box):
    put(box, [{'name': 'no_u', 'table': 'shop.u', 'reject': "u is closed: ask the team that owns it"}])
    wanted = (1105, 'u is closed: ask the team that owns it')
    with box.connect() as connection:
        for way in BOTH:
            for sql in (OTHER, 'DELETE FROM u', f'/* wye: primary */ {OTHER}'):
                if (got := error_of(way, connection, sql)) != wanted:
                    return f'{way.__name__} {sql}: {got}'
            if way(connection, WHERE) is None:
                return 'the session does not go on'
        connection.query('BEGIN')
        connection.query('INSERT INTO t VALUES (200)')
        if error_of(text, connection, OTHER) != wanted:
            return 'not in a transaction'
        connection.query('ROLLBACK')
        if connection.query('SELECT COUNT(*) FROM t WHERE a = 200').rows != [('0',)]:
            return 'the transaction did not end'
        if connection.query(f'EXPLAIN ROUTE {OTHER}').dicts()[0]['reason'] != 'rule_reject':
            return connection.query(f'EXPLAIN ROUTE {OTHER}').dicts()[0]
        # Prepared before the rule came.
        put(box, [])
        connection._seq = 0
        connection._write(b'\x16' + OTHER.encode())
        statement = struct.unpack_from('<I', connection._read(), 1)[0]
        for _ in range(2):
            connection._read()
        put(box, [{'table': 'u', 'reject': 'late'}])
        connection._seq = 0
        connection._write(b'\x17' + struct.pack('<IBI', statement, 0, 1))
        try:
            connection._read()
            return 'EXECUTE of what was prepared before is let through'
        except ServerError as error:
            if error.message != 'late':
                return str(error)
        if connection.query('SELECT 1').rows != [('1',)]:
            return 'the session is out of step'


def running(box):
    return [row for server in box.servers for row in server.sql('SHOW PROCESSLIST') if row[7] and 'SLEEP(' in row[7] and 'SHOW' not in row[7]]


def timeout(box):
    """On a replica, on the primary, in a transaction, in the middle of a result, behind a lock: an error in time, and the session goes on."""
    put(box, [{'name': 'short', 'regex': r'sleep\(|/\* short \*/', 'timeout': '400ms'}])
    replicas_serve(box)
    code = 3024 if box.flavour.name == 'mysql' else 1969
    statements = ('SELECT SLEEP(50) FROM t LIMIT 1', 'SELECT SLEEP(50)', 'UPDATE t SET a = a + SLEEP(50) LIMIT 1', 'SELECT SLEEP(50) + a FROM t LIMIT 1 FOR UPDATE',
                  'SELECT COUNT(*) FROM t x, t y WHERE SLEEP(50) = 1')
    with box.connect(timeout=20) as connection, box.connect(timeout=20) as blocker:
        for way in BOTH:
            for sql in statements:
                started = time.monotonic()
                got = error_of(way, connection, sql)
                took = time.monotonic() - started
                if not isinstance(got, tuple) or got[0] != code or 'the timeout of rule short (400ms)' not in got[1]:
                    return f'{way.__name__} {sql}: {got}'
                if not 0.35 < took < 5:
                    return f'{way.__name__} {sql}: {took} s'
                if text(connection, WHERE) is None:
                    return 'the session does not go on'
        blocker.query('BEGIN')
        blocker.query('SELECT * FROM t FOR UPDATE')
        connection.query('BEGIN')
        connection.query('INSERT INTO u VALUES (300)')
        got = error_of(text, connection, 'UPDATE t SET a = a /* short */')
        if not isinstance(got, tuple) or got[0] != code:
            return f'behind a lock: {got}'
        connection.query('COMMIT')
        blocker.query('COMMIT')
        if connection.query('SELECT COUNT(*) FROM u WHERE a = 300').rows != [('1',)]:
            return 'the transaction is lost'
        slow = 0
        for _ in range(50):  # a KILL that comes late would hit one of these
            started = time.monotonic()
            got = error_of(text, connection, 'SELECT /* short */ 1 FROM t LIMIT 1')
            slow += isinstance(got, tuple)
            if isinstance(got, tuple) and (slow > 1 or time.monotonic() - started < 0.35):  # once the machine may stand still for so long
                return f'a statement that was in time: {got}'
    wait_until(lambda: not running(box), 10, lambda: f'still running: {running(box)}')


def timeout_of_a_frozen_server(box):
    """It answers no KILL either: its connection is given up."""
    put(box, [{'name': 'short', 'regex': 'sleep', 'timeout': '300ms', 'route': 'server=db2'}])
    replicas_serve(box)
    with box.connect(timeout=30) as connection:
        wait_until(lambda: connection.query('EXPLAIN ROUTE SELECT SLEEP(1) FROM t').dicts()[0]['server'] == 'db2', 15, 'db2 is not eligible')
        seen = []
        thread = threading.Thread(target=lambda: seen.append(error_of(text, connection, 'SELECT SLEEP(60) FROM t LIMIT 1')))
        started = time.monotonic()
        thread.start()
        wait_until(lambda: running(box), 5, 'the statement to run')
        box.servers[1].freeze()
        try:
            thread.join(20)
        finally:
            box.servers[1].thaw()
        took = time.monotonic() - started
        if thread.is_alive() or not seen or 'the timeout of rule short' not in str(seen[0]) or took > 15:
            return f'{seen} after {took} s'
        if connection.query('SELECT 1').rows != [('1',)]:
            return 'the session does not go on'


def hits(box):
    """Counted by name, over a reload too."""
    put(box, [{'name': 'a', 'table': 't', 'route': 'primary'}, {'name': 'b', 'user': 'app', 'route': 'replica'}])
    for _ in range(3):
        routed(box)
    routed(box, OTHER)
    put(box, [{'name': 'c', 'user': 'nobody', 'route': 'primary'}, {'name': 'a', 'table': 'shop.t', 'route': 'primary'}])
    routed(box)
    shown = {r['name']: r for r in box.wye.admin('SHOW RULES')}
    values = raw.metrics(box)
    if (shown['a']['hits'], shown['c']['hits'], shown['a']['matches'], shown['a']['sets']) != ('8', '0', 'table shop.t', 'route primary'):
        return shown
    if values.get('wye_rule_hits_total{rule="a"}') != 8 or values.get('wye_rule_hits_total{rule="c"}') != 0:
        return {name: value for name, value in values.items() if 'rule' in name}
    routes = {r['reason'] for r in box.wye.admin('SHOW ROUTES')}
    if not {'rule_primary', 'rule_replica', 'rule_server', 'rule_reject'} <= routes:
        return routes


def reload_under_traffic(box):
    """Forty reloads, by SIGHUP and by the console, with rules, pool and levels that change: no statement fails, and the rules are in force at once."""
    put(box, [])
    replicas_serve(box)
    stop, failures, done = threading.Event(), [], [0] * 8

    def work(n):
        try:
            with box.connect() as connection:
                while not stop.is_set():
                    BOTH[n % 2](connection, WHERE)
                    if n < 4:
                        connection.query(f'INSERT INTO u VALUES ({1000 + n})')
                    done[n] += 1
        except Exception as error:  # noqa: any failure counts
            failures.append(repr(error))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(done))]
    for thread in threads:
        thread.start()
    wrong = []
    with box.connect() as connection:
        for i in range(40):
            to = ('primary', 'server=db2', 'server=db3', 'replica')[i % 4]
            extra = {'pool': {'max_per_server': 40 + i % 2, 'hand_over': ('needed', 'always')[i % 2]}, 'log': {'level': ('info', 'debug')[i % 2]}}
            seen = len(box.wye.log.read_text().split('event=config_reloaded')) if i % 4 == 3 else 0
            rules = [{'name': 'moving', 'regex': 'where is this', 'route': to, 'consistency': 'eventual'}]
            if seen:
                put(box, rules, 'SHOW READINESS', **extra)
                box.wye.reload()
                wait_until(lambda: len(box.wye.log.read_text().split('event=config_reloaded')) > seen, 10, 'SIGHUP does nothing')
            else:
                put(box, rules, **extra)
            wanted = {'primary': {'db1'}, 'server=db2': {'db2'}, 'server=db3': {'db3'}, 'replica': {'db2', 'db3'}}[to]
            # The workers hear of it a moment later than the console's client.
            got = [None]

            def there():
                got[0] = text(connection, f'{WHERE} /* where is this */')
                return got[0] in wanted
            try:
                wait_until(there, 2, '')
            except Exception:
                wrong.append((i, to, got[0]))
    stop.set()
    for thread in threads:
        thread.join(20)
    if failures or wrong or min(done) < 20:
        return f'failures {failures[:3]}, wrong {wrong}, done {done}'


def a_bad_file_changes_nothing(box):
    put(box, [{'name': 'this', 'table': 't', 'route': 'primary'}])
    before = box.wye.admin('SHOW SETTINGS')
    lines = box.wye.config.read_text().replace('"route": "primary"', '')
    bad = lines.replace('route: "primary"', 'route: "server=db9"').replace('table: "t"', 'regex: "a(b"') + '\nlogg: {level: debug}\nsessions: {max: 5}\n'
    box.wye.config.write_text(bad)
    planned = box.wye.admin('PLAN CONFIG')
    words = ' '.join(r['effect'] for r in planned)
    if len(planned) != 3 or not all(part in words for part in ('did you mean "db', 'missing ): a(b', 'unknown key "logg", did you mean "log"')):
        return planned
    try:
        return box.wye.admin('RELOAD CONFIG')
    except ServerError as error:
        if not all(part in error.message for part in ('nothing was changed', 'did you mean "db', 'missing ): a(b', 'unknown key "logg"')):
            return error.message
    box.wye.reload()
    wait_until(lambda: 'event=config_not_reloaded' in box.wye.log.read_text(), 10, 'SIGHUP says nothing of the mistakes')
    if box.wye.admin('SHOW SETTINGS') != before or routed(box) != ['db1', 'db1']:
        return 'something has changed'


def what_needs_a_restart_is_named(box):
    put(box, [])
    answer = put(box, [{'name': 'new', 'table': 't', 'route': 'primary'}], 'PLAN CONFIG', workers=1, pool={'idle': '30s'}, log={'format': 'json'})
    planned = {r['setting']: (r['from'], r['to'], r['effect']) for r in answer}
    wanted = {'workers': ('2', '1', 'needs a restart'), 'pool.idle': ('60000ms', '30000ms', 'now'), 'log.format': ('text', 'json', 'needs a restart'),
              'routing.rules.new.table': (None, 't', 'now'), 'pool.max_per_server': ('50', '200', 'now')}
    if any(planned.get(name) != value for name, value in wanted.items()):
        return planned
    if box.wye.admin('SHOW RULES') or 'db1' in routed(box):
        return 'PLAN CONFIG has changed something'
    if {r['setting']: (r['from'], r['to'], r['effect']) for r in box.wye.admin('RELOAD CONFIG')} != planned:
        return 'RELOAD CONFIG says something else'
    settings = {r['name']: r['value'] for r in box.wye.admin('SHOW SETTINGS')}
    if (settings['workers'], settings['pool.idle'], settings['log.format']) != ('2', '30000ms', 'text') or routed(box) != ['db1', 'db1']:
        return settings


def confirm_and_rollback(box):
    put(box, [])
    rule = [{'name': 'risky', 'table': 't', 'route': 'primary'}]

    def in_force():
        return bool(box.wye.admin('SHOW RULES'))
    answer = put(box, rule, 'RELOAD CONFIG CONFIRM 1s')
    if 'without CONFIRM' not in answer[-1]['effect'] or not in_force() or routed(box) != ['db1', 'db1']:
        return answer
    wait_until(lambda: not in_force(), 10, 'it does not go back by itself')
    wait_until(lambda: 'db1' not in routed(box), 10, 'the workers keep the rule')
    put(box, rule, 'RELOAD CONFIG CONFIRM 2s')
    box.wye.admin('CONFIRM')
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        if not in_force():
            return 'it goes back although it was confirmed'
    box.wye.admin('ROLLBACK CONFIG')
    if in_force():
        return 'ROLLBACK CONFIG does nothing'
    for statement in ('ROLLBACK CONFIG', 'CONFIRM', 'RELOAD CONFIG CONFIRM 5'):
        try:
            return statement, box.wye.admin(statement)
        except ServerError:
            pass


TESTS = (each_match, each_route, lag_and_consistency, writes_stay, reject, timeout, timeout_of_a_frozen_server, hits, reload_under_traffic,
         a_bad_file_changes_nothing, what_needs_a_restart_is_named, confirm_and_rollback)


def main():
    tally = Tally()
    only = sys.argv[1:]
    with Sandbox(wye=True, wye_config={'workers': 2, 'pool': {'max_per_server': 50}}) as box:
        box.primary.sql('CREATE DATABASE other', "GRANT ALL ON other.* TO 'app'@'%'", 'CREATE TABLE shop.t (a INT)', 'INSERT INTO shop.t VALUES (1), (2)',
                        'CREATE TABLE shop.u (a INT)', 'INSERT INTO shop.u VALUES (1)')
        box.sync()
        for test in TESTS:
            if not only or test.__name__ in only:
                tally.call(test, box)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
