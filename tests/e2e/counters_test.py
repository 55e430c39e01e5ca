#!/usr/bin/env python3
# deadline: 90
# flavours: mysql mariadb mysql56
"""The servers' own general logs: reads outside transactions run on replicas; no write of a client, and no statement of a transaction, ever does."""
import re
import sys

from both_ways import Tally
from sandbox import Sandbox, wait_until

READS, TRANSACTIONS = 200, 20
# What wye itself sends ahead of sessions' statements, and replication's and the monitor's own accounts, is not a client's statement.
MARK = re.compile(r'/\* (read|write|transaction|locking) (\d+) \*/')
LINE = re.compile(r'^(?:\S+\s+|\d{6}\s+\S+\s+)?\s*\d+\s+(Query|Prepare|Execute)\s+(.*)$')  # in old logs a time only where it changes


def statements(server):
    """What clients ran there, by their marks: kind -> set of numbers. Prepared statements are logged when they are executed, too."""
    found = {'read': set(), 'write': set(), 'transaction': set(), 'locking': set()}
    for line in server.general_log_text().splitlines():
        mark = MARK.search(line)
        entry = LINE.match(line.replace('\t', ' '))
        if mark and entry and entry.group(1) in ('Query', 'Execute'):
            found[mark.group(1)].add(int(mark.group(2)))
    return found


def wait_for_replicas(box):
    """Until wye sees both replicas, and sees them where the primary is."""
    box.sync()
    wait_until(lambda: [row['state'] for row in box.wye.admin('SHOW SERVERS')] == ['online'] * 3, 20,
               lambda: f"the servers: {box.wye.admin('SHOW SERVERS')}")


def wait_for_a_replica(connection):
    """Until wye would send a read to a replica: it has seen that one has the writes before."""
    explain = lambda: connection.query('EXPLAIN ROUTE SELECT n FROM counted').dicts()[0]
    wait_until(lambda: explain()['route'] == 'replica', 10, lambda: f'reads stay on the primary: {explain()}', 0.01)


def work(box, connection):
    """Every statement carries its kind and its number."""
    for i in range(READS):
        if i % 20 == 0:
            connection.query(f'/* write {i} */ UPDATE counted SET n = n + 1 WHERE id = 1')
            n = connection.query(f'/* read {i} */ SELECT n FROM counted WHERE id = 1').rows[0][0]
            assert int(n) == i // 20 + 1, f'read {n} after {i // 20 + 1} writes'
            wait_for_a_replica(connection)
        else:
            n = connection.query(f'/* read {i} */ SELECT MAX(n), COUNT(*) FROM counted').rows[0][0]
            assert int(n) == i // 20 + 1, f'read {n} after {i // 20 + 1} writes'
    for i in range(TRANSACTIONS):
        connection.query(f'/* transaction {10 * i} */ ' + ('BEGIN', 'START TRANSACTION', 'SET autocommit = 0')[i % 3])
        connection.query(f'/* transaction {10 * i + 1} */ SELECT n FROM counted WHERE id = 2')
        connection.query(f'/* transaction {10 * i + 2} */ UPDATE counted SET n = n + 1 WHERE id = 2')
        connection.query(f'/* transaction {10 * i + 3} */ SELECT COUNT(*) FROM counted')
        connection.query(f'/* transaction {10 * i + 4} */ ' + ('COMMIT', 'ROLLBACK')[i % 2])
        if i % 3 == 2:
            connection.query(f'/* transaction {10 * i + 5} */ SELECT 1')
            connection.query(f'/* transaction {10 * i + 6} */ SET autocommit = 1')
    for i, sql in enumerate(('SELECT n FROM counted FOR UPDATE', 'SELECT n FROM counted LOCK IN SHARE MODE', 'SELECT * FROM (SELECT n FROM counted FOR UPDATE) x')):
        connection.query(f'/* locking {i} */ {sql}')


def reads_run_on_replicas(box, tally):
    """Right behind a write, a read may have to go to the primary (consistency); all others have no reason to."""
    found = [statements(server) for server in box.servers]
    replicas = found[1]['read'] | found[2]['read']
    total = len(found[0]['read'] | replicas)
    print(f"reads: {len(found[0]['read'])} on the primary, {[len(f['read']) for f in found[1:]]} on the replicas", flush=True)
    tally.check('every read is in a log', total != READS and f'{total} of {READS}')
    tally.check('reads outside transactions run on replicas', len(replicas) < READS * 0.9 and f'{len(replicas)} of {READS}')
    tally.check('no read runs twice', replicas & found[0]['read'] and f"{sorted(replicas & found[0]['read'])}")
    for kind, count in (('write', READS // 20), ('transaction', None), ('locking', 3)):
        there = found[1][kind] | found[2][kind]
        tally.check(f'{kind}: none on a replica', there and f'{sorted(there)}')
        tally.check(f'{kind}: all on the primary', count is not None and len(found[0][kind]) != count and f'{len(found[0][kind])} of {count}')


def client_threads(server):
    """The connections of the clients' account."""
    return {row[0] for row in server.sql("SELECT id FROM information_schema.processlist WHERE user = 'app'")}


def replicas_saw_no_write(box, threads, tally):
    """Whatever its text: an account of clients has nothing but reads, and what wye sends for its session, in a replica's log."""
    writing = re.compile(r'\b(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|TRUNCATE|CALL|BEGIN|START TRANSACTION|COMMIT|ROLLBACK)\b', re.I)
    seen = 0
    for server in box.replicas:
        clients, threads_here = [], threads[server.name]
        for line in server.general_log_text().splitlines():
            entry = re.match(r'^(?:\S+\s+|\d{6}\s+\S+\s+)?\s*(\d+) (\w+)\s*(.*)$', line.replace('\t', ' '))
            if not entry:
                continue
            thread, command, rest = entry.groups()
            if command == 'Connect' and rest.startswith('app@'):
                threads_here.add(thread)
            elif thread in threads_here and command in ('Query', 'Execute'):
                clients.append(rest)
        seen += len(clients)
        bad = [text for text in clients if writing.search(text)]
        tally.check(f'{server.name}: {len(clients)} statements of clients, none writes', bad and '\n'.join(bad[:10]))
    tally.check('clients came to the replicas', not seen and 'none')


def counters_agree(box, tally):
    """wye's own counters tell the same story as the servers' logs."""
    routes = {}
    for row in box.wye.admin('SHOW ROUTES'):
        routes[row['route']] = routes.get(row['route'], 0) + int(row['statements'])
    tally.check('SHOW ROUTES counts most reads on replicas', routes.get('replica', 0) < READS * 0.9 and f'{routes}')


def main():
    tally = Tally()
    with Sandbox(wye=True) as box:
        with box.connect() as connection:
            connection.query('CREATE TABLE counted (id INT PRIMARY KEY, n INT NOT NULL)')
            connection.query('INSERT INTO counted VALUES (1, 0), (2, 0)')
        wait_for_replicas(box)
        for server in box.servers:
            server.general_log()
        with box.connect() as connection:
            work(box, connection)
            threads = {server.name: client_threads(server) for server in box.replicas}
        for server in box.servers:
            server.general_log(False)
        reads_run_on_replicas(box, tally)
        replicas_saw_no_write(box, threads, tally)
        tally.call(counters_agree, box, tally)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
