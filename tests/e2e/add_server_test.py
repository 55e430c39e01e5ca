#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mariadb
"""ADD SERVER and REMOVE SERVER while an application reads and writes: no error reaches it; the new server is filled, follows, takes reads,
is there after a restart; what must be refused is, with nothing changed; wye killed in the middle goes on."""
import json
import os
import signal
import sys
import threading
import time

import flavours
import ports
from sandbox import Sandbox, ServerError, wait_until
from template import template

ROWS = int(os.environ.get('WYE_ROWS', '2000'))  # of 1 KiB


def console(box, statement, seconds=200):
    with box.wye.connect_admin(timeout=seconds) as connection:
        return connection.query(statement).dicts()


def refused(box, statement):
    try:
        answer = console(box, statement)
    except ServerError as error:
        return str(error)
    raise AssertionError(f'{statement} was not refused: {answer}')


def state(box, name):
    return next((row for row in console(box, 'SHOW SERVERS') if row['name'] == name), None)


def is_online(box, name, seconds=60):
    wait_until(lambda: (state(box, name) or {}).get('state') == 'online', seconds, lambda: f'{name} is not online: {state(box, name)}')


def members(box):
    path = box.folder / 'state' / 'members'
    return json.loads(path.read_text()) if path.exists() else {'added': [], 'removed': []}


def journal(box):
    path = box.folder / 'state' / 'operation.journal'
    return path.read_text().splitlines() if path.exists() else []


class Application:
    """Writes and reads through wye over its own connections all the time, and counts the errors."""

    def __init__(self, box):
        self.box, self.turns, self.errors, self.ending = box, [0, 0, 0], [], False
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(3)]

    def run(self, i):
        with self.box.connect() as connection:
            while not self.ending:
                try:
                    self.turn(connection, i)
                    self.turns[i] += 1
                except (ServerError, OSError) as error:
                    self.errors.append(error)
                    return

    def turn(self, connection, i):
        n = self.turns[i]
        if i == 0:
            connection.query(f"INSERT INTO written (what) VALUES ('row {n}')")
            connection.query(f'UPDATE big SET n = n + 1 WHERE id = {1 + n % ROWS}')
        elif i == 1:
            connection.query('SELECT COUNT(*) FROM written')
        else:
            connection.query('START TRANSACTION READ ONLY')
            connection.query(f'SELECT n FROM big WHERE id = {1 + n % ROWS}')
            connection.query('COMMIT')

    def goes_on(self):
        before = list(self.turns)
        wait_until(lambda: self.errors or all(now > then + 3 for now, then in zip(self.turns, before)), 30, 'the application stands still')
        assert not self.errors, self.errors

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(self, kind, *_):
        self.ending = True
        for thread in self.threads:
            thread.join(30)
        if kind is None:
            assert not self.errors, self.errors


def make_data(box):
    with box.connect() as connection:
        for statement in ('CREATE TABLE written (id BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40) NOT NULL)',
                          'CREATE TABLE big (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0, pad VARCHAR(1100))'):
            connection.query(statement)
        for first in range(1, ROWS + 1, 200):
            rows = ', '.join(f"({i}, {i}, REPEAT('{chr(97 + i % 26)}', 1000))" for i in range(first, min(first + 200, ROWS + 1)))
            connection.query(f'INSERT INTO big VALUES {rows}')


def make_new(box):
    """An empty server that the configuration does not name."""
    new = box._server('db3', ports.take(1)[0], 3)
    new.supervised = True
    box.servers.append(new)
    new.create(template(box.flavour, lambda text: None), box._server_values(new))
    new.launch()
    new.wait_ready()
    return new


def fresh(box, server):
    server.kill()
    server.create(template(box.flavour, lambda text: None), box._server_values(server))
    server.start()


def takes_reads(box, server, query='SELECT COUNT(*) FROM written'):
    reads = int(state(box, server.name)['queries'])

    def is_read():
        with box.connect() as connection:
            for _ in range(5):
                connection.query(query)
        return int(state(box, server.name)['queries']) > reads
    wait_until(is_read, 30, lambda: f"{server.name} answers no reads: {console(box, 'EXPLAIN ROUTE ' + query)}")


def sql_unlogged(server, *statements):
    server.sql('SET SESSION sql_log_bin = 0', *statements)


def refusals(box):
    new, before = box.servers[2], [row['name'] for row in console(box, 'SHOW SERVERS')]
    add, account = f"ADD SERVER '{new.address}' AS db3", f"'{flavours.MONITOR}'@'%'"
    cases = [('ADD SERVER', 'expected ADD SERVER'), ("ADD SERVER '10.0.0.9:port' AS db9", 'address'), (add + ' TWICE', 'expected ADD SERVER'),
             (add + " AS 'a b'", 'expected ADD SERVER'), (f"ADD SERVER '{new.address}' AS 'a b'", 'letters'),
             (f"ADD SERVER '{new.address}' AS db2", 'of that name already'), (f"ADD SERVER '{box.servers[1].address}' AS db9", 'has the address'),
             (f"ADD SERVER 'unix:{box.servers[1].socket}' AS db9", 'is db2, which is here already'),
             ("ADD SERVER '127.0.0.1:1' AS db9", 'could not be looked at: 200'), ("ADD SERVER 'no-such-host.invalid:3306' AS db9", 'no-such-host.invalid'),
             ('REMOVE SERVER', 'expected REMOVE SERVER'), ('REMOVE SERVER db9', 'no such server'), ('REMOVE SERVER db1', 'it is the primary'),
             ('REMOVE SERVER db2 WITHIN never', 'WITHIN takes'), (add + ' FROM db9', 'db9: there is no such server')]
    for statement, words in cases:
        text = refused(box, statement)
        assert words in text, (statement, text)
    sql_unlogged(new, f'ALTER USER {account} IDENTIFIED BY "another"')
    assert '1045' in refused(box, add)
    sql_unlogged(new, f'ALTER USER {account} IDENTIFIED BY "{flavours.MONITOR_PASSWORD}"', f'REVOKE SELECT ON *.* FROM {account}')
    assert "may not" in refused(box, add), refused(box, add)
    sql_unlogged(new, f'GRANT SELECT ON *.* TO {account}', 'CREATE DATABASE own', 'CREATE TABLE own.t (id INT PRIMARY KEY)')
    assert 'it has data: own (1 table)' in refused(box, add), refused(box, add)
    sql_unlogged(new, 'DROP DATABASE own')
    assert [row['name'] for row in console(box, 'SHOW SERVERS')] == before
    assert members(box) == {'added': [], 'removed': []}
    assert new.replication() is None and new.value('SELECT @@GLOBAL.read_only') == '0'


def dry_runs(box):
    new, before = box.servers[2], len(console(box, 'SHOW SERVERS'))
    steps = console(box, f"ADD SERVER '{new.address}' DRY RUN")
    assert any('copy' in row['what'] for row in steps if row['what']) and all(row['result'] in ('planned', 'note') for row in steps), steps
    assert any('db3 (' in str(row) and 'state folder' in str(row) for row in steps), steps
    steps = console(box, 'REMOVE SERVER db2 DRY RUN')
    assert 'replicate no more' in str(steps) and 'the configuration file names db2' in str(steps), steps
    assert len(console(box, 'SHOW SERVERS')) == before and box.servers[1].replication()['io'] == 'Yes'


def added(box):
    """It takes no read before the operation has ended."""
    new, ended = box.servers[2], []
    with Application(box) as application:
        started = time.monotonic()
        thread = threading.Thread(target=lambda: ended.append(console(box, f"ADD SERVER '{new.address}' AS db3")), daemon=True)
        thread.start()
        while thread.is_alive():
            row = state(box, 'db3')
            if row and row['state'] == 'online':
                assert console(box, 'SHOW OPERATION')[0]['state'] == 'done', row
        assert ended, console(box, 'SHOW OPERATION')
        seconds = time.monotonic() - started
        assert state(box, 'db3')['state'] == 'online', state(box, 'db3')
        assert not [row for row in ended[0] if row['result'] == 'note' and 'no reads yet' in str(row)], ended[0]
        application.goes_on()
        takes_reads(box, new)
    print(f'# added in {seconds:.1f} s, application: {application.turns} turns')
    assert members(box)['added'] == [{'name': 'db3', 'address': new.address}], members(box)
    assert not new.is_writable()
    settings = {row['name']: row['value'] for row in console(box, 'SHOW SETTINGS')}
    assert settings['servers.db3.address'] == new.address
    assert not [row for row in console(box, 'PLAN CONFIG') if row['setting'] and 'servers' in row['setting']], console(box, 'PLAN CONFIG')


def verified(box):
    rows = console(box, 'VERIFY db3')
    assert rows and all(row['different'] in ('0', None) for row in rows) and rows[-1]['kind'] == 'summary', rows


def survives_a_restart(box):
    box.wye.restart()
    is_online(box, 'db3')
    takes_reads(box, box.servers[2])


def reader_on(box, name):
    """A session in a read only transaction on that server."""
    for _ in range(200):
        connection = box.connect()
        connection.query('START TRANSACTION READ ONLY')
        connection.query('SELECT COUNT(*) FROM big')
        if [row for row in console(box, 'SHOW SESSIONS') if row['server'] == name and row['transaction'] == 'read only']:
            return connection
        connection.close()
    raise AssertionError(f'no read only transaction comes to {name}')


def held_by_a_session(box):
    with reader_on(box, 'db3') as reader:
        text = refused(box, 'REMOVE SERVER db3 WITHIN 300ms')
        assert '1 session uses it after 300 ms' in text and flavours.APP in text and 'read only transaction' in text, text
        is_online(box, 'db3')
        assert box.servers[2].replication()['io'] == 'Yes'
        assert reader.query('SELECT COUNT(*) FROM big').rows == [(str(ROWS),)]
        reader.query('COMMIT')


def removed(box):
    gone = box.servers[2]
    with Application(box) as application:
        started = time.monotonic()
        answer = console(box, 'REMOVE SERVER db3')
        seconds = time.monotonic() - started
        assert state(box, 'db3') is None
        application.goes_on()
    print(f'# removed in {seconds:.1f} s, application: {application.turns} turns')
    assert [row for row in answer if row['what'] == 'replicate no more' and row['result'] == 'done'], answer
    assert gone.replication() is None and not gone.is_writable()
    assert members(box) == {'added': [], 'removed': []}
    assert 'no such server' in refused(box, 'PROVISION db3')
    users = gone.sql(f"SELECT USER FROM information_schema.PROCESSLIST WHERE USER IN ('{flavours.APP}', '{flavours.MONITOR}')")
    assert not users, users
    assert 'db3' not in str(console(box, 'SHOW SETTINGS')) and 'db3' not in str(console(box, 'EXPLAIN ROUTE SELECT 1 FROM t'))
    box.wye.restart()
    assert state(box, 'db3') is None


def one_that_the_file_names(box):
    """It stays away after a reload and a restart, and comes back by ADD SERVER, without a copy."""
    replica = box.servers[1]
    with Application(box) as application:
        answer = console(box, 'REMOVE SERVER db2')
        assert 'the configuration file names db2' in str(answer), answer
        application.goes_on()
        console(box, 'RELOAD CONFIG')
        assert state(box, 'db2') is None and members(box)['removed'] == [{'name': 'db2', 'address': replica.address}]
    box.wye.restart()
    assert state(box, 'db2') is None and 'server_left_out' in box.wye.log.read_text()
    with Application(box) as application:
        answer = console(box, f"ADD SERVER '{replica.address}' AS db2")
        assert 'nothing is copied' in str(answer) and not [row for row in answer if row['phase']], answer
        takes_reads(box, replica)
        application.goes_on()
    assert [one['name'] for one in members(box)['added']] == ['db3'] and not members(box)['removed'], members(box)


def wye_is_killed(box):
    """Once in the middle of each: the next wye finishes what the killed one began."""
    new = box.servers[2]
    fresh(box, new)

    def begin(statement):
        def run():
            try:
                console(box, statement)
            except (OSError, ServerError):
                pass  # wye is killed
        (box.folder / 'state' / 'operation.journal').unlink(missing_ok=True)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def dies_at(record):
        wait_until(lambda: len(journal(box)) >= record, 60, 'the moment does not come', 0.0005)
        box.wye.process.send(signal.SIGKILL)
        wait_until(lambda: box.wye.pid is None, 10, 'wye does not die')
        over = '"end"' in journal(box)[-1]
        box.wye.start()
        if not over:
            box.wait_operation('done', 120)
        return over

    thread = begin(f"ADD SERVER '{new.address}' AS db3 BY DUMP")
    over = dies_at(8)
    thread.join(30)
    is_online(box, 'db3')
    takes_reads(box, new)
    assert members(box)['added'] == [{'name': 'db3', 'address': new.address}]
    assert not over, 'it was killed too late'
    thread = begin('REMOVE SERVER db3')
    dies_at(2)
    thread.join(30)
    wait_until(lambda: state(box, 'db3') is None, 30, lambda: f'not removed: {state(box, "db3")}')
    assert new.replication() is None and members(box)['added'] == []


def the_file_wins(box):
    """Once the file names it, it is taken from there."""
    new = box.servers[2]
    console(box, f"ADD SERVER '{new.address}' AS db3")
    text = box.wye.config.read_text()
    line = next(line for line in text.splitlines() if 'name: "db2"' in line)
    mine = line.replace('db2', 'db3').replace(box.servers[1].address, new.address)
    box.wye.config.write_text(text.replace(line, line + '\n' + mine.replace('name:', 'weight: 7, name:')))
    changes = console(box, 'RELOAD CONFIG')
    assert [(row['setting'], row['to'], row['effect']) for row in changes] == [('servers.db3.weight', '7', 'now')], changes
    assert members(box) == {'added': [], 'removed': []}
    box.wye.restart()
    is_online(box, 'db3')


def a_dead_one(box):
    """It can't be told to stop; it goes all the same, and the answer says so."""
    box.servers[2].kill()
    wait_until(lambda: state(box, 'db3')['state'] == 'offline', 30, 'it is not offline')
    with Application(box):
        answer = console(box, 'REMOVE SERVER db3')
    assert 'does not answer' in str(answer) and 'configuration file names db3' in str(answer), answer
    assert state(box, 'db3') is None


TESTS = [refusals, dry_runs, added, verified, survives_a_restart, held_by_a_session, one_that_the_file_names, removed, wye_is_killed, the_file_wins,
         a_dead_one]


def main():
    with Sandbox(replicas=1, managed=True, wye=True, supervised=True,
                 wye_config=lambda box: {'replication': {'tools': str(box.folder / 'tools')}}) as box:
        make_data(box)
        box.sync()
        make_new(box)
        only = os.environ.get('WYE_TEST')
        for test in TESTS:
            if only and test.__name__ not in only.split(','):
                continue
            started = time.monotonic()
            test(box)
            print(f'PASS {test.__name__} ({time.monotonic() - started:.1f} s)', flush=True)


if __name__ == '__main__':
    sys.exit(main())
