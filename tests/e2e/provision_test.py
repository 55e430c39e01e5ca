#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb
"""PROVISION fills a server while a writer goes on: by CLONE, by dump and load; refused where it should be; undone when the donor dies.
Wye killed in the middle: killed_test.py."""
import contextlib
import os
import shutil
import sys
import threading
import time

import flavours
from sandbox import Sandbox, ServerError, wait_until
from scenario import tell
from template import template

ROWS = int(os.environ.get('WYE_ROWS', '4000'))  # of 1 KiB
DRAINED = ('it is being filled', 'is filled from it')


def console(box, statement):
    with box.wye.connect_admin(timeout=250) as connection:
        return connection.query(statement).dicts()


def refused(box, statement):
    try:
        answer = console(box, statement)
    except ServerError as error:
        return str(error)
    raise AssertionError(f'{statement} was not refused: {answer}')


class Writer:
    """Commits through wye, one row after the other, and counts what a client would see of it."""

    def __init__(self, box):
        self.box, self.written, self.errors, self.ending = box, 0, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        with self.box.connect() as connection:
            while not self.ending:
                try:
                    connection.query(f"INSERT INTO written (what) VALUES ('row {self.written}')")
                    connection.query(f'UPDATE big SET n = n + 1 WHERE id = {1 + self.written % ROWS}')
                    connection.query('SELECT COUNT(*) FROM written')
                    self.written += 1
                except (ServerError, OSError) as error:
                    self.errors.append(error)

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.written or self.errors, 30, 'nothing is written')
        return self

    def __exit__(self, *_):
        self.ending = True
        self.thread.join(30)


def make_data(box):
    with box.connect() as connection:
        for statement in (
                'CREATE TABLE written (id BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40) NOT NULL)',
                'CREATE TABLE big (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0, pad VARCHAR(1100), bits VARBINARY(16), price DOUBLE)',
                'CREATE TABLE parent (id INT PRIMARY KEY) ENGINE=InnoDB',
                'CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id))',
                'INSERT INTO parent VALUES (1), (2)', 'INSERT INTO child VALUES (1, 1), (2, 2)',
                "CREATE TABLE words (w VARCHAR(40) PRIMARY KEY) DEFAULT CHARSET utf8mb4",
                "INSERT INTO words VALUES ('\u00e4\u00f6\u00fc'), ('\u65e5\u672c'), ('it''s'), ('back\\\\slash')",
                'CREATE TABLE no_key (a INT, b INT)', 'INSERT INTO no_key VALUES (1, 1), (1, 1), (NULL, 2)',
                'CREATE VIEW seen AS SELECT id, n FROM big'):
            connection.query(statement)
        for first in range(1, ROWS + 1, 200):
            rows = ', '.join(f"({i}, {i}, REPEAT('{chr(97 + i % 26)}', 1000), UNHEX(LPAD(HEX({i} * 7919), 16, 'f00027')), {i}/7)" for i in range(first, min(first + 200, ROWS + 1)))
            connection.query(f'INSERT INTO big VALUES {rows}')
    box.primary.sql(f'USE {flavours.DATABASE}', 'CREATE TRIGGER doubles BEFORE INSERT ON parent FOR EACH ROW SET NEW.id = NEW.id * 2',
                    'CREATE PROCEDURE touch_all() UPDATE big SET n = n + 1',
                    'CREATE EVENT never ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 1 YEAR DO SET @a = 1',
                    "CREATE USER 'reader'@'10.%' IDENTIFIED BY 'of-the-donor'", f"GRANT SELECT ON {flavours.DATABASE}.* TO 'reader'@'10.%'")


def tables(server):
    names = [row[0] for row in server.sql(f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{flavours.DATABASE}' ORDER BY 1")]
    rows = {name: sorted(server.sql(f'SELECT * FROM {flavours.DATABASE}.{name}'), key=repr) for name in names}
    for kind, sql in (('routines', "SELECT ROUTINE_NAME, ROUTINE_DEFINITION, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '{}'"),
                      ('triggers', "SELECT TRIGGER_NAME, ACTION_STATEMENT, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{}'"),
                      ('events', "SELECT EVENT_NAME, EVENT_DEFINITION, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{}'")):
        rows[kind] = sorted(server.sql(sql.format(flavours.DATABASE)))
    rows['accounts'] = sorted(server.sql("SELECT User, Host FROM mysql.user WHERE User NOT LIKE 'mysql.%' AND User NOT LIKE 'mariadb.%'"))
    return rows


def fresh(box, server):
    """The server as it comes from the box: no data, no history, another identity."""
    server.kill()
    server.create(template(box.flavour, lambda text: None), box._server_values(server))
    server.start()
    if box.flavour.name == 'mysql56':
        server.sql('SET GLOBAL read_only = OFF')
    wait_until(lambda: state(box, server)['reason'] == 'it replicates from no server' or state(box, server)['role'] == 'unknown', 20,
               lambda: f'wye does not see the new server: {state(box, server)}')


def state(box, server):
    return next(row for row in console(box, 'SHOW SERVERS') if row['name'] == server.name)


def is_filled(box, server, writer):
    """It is online while the writer goes on, to whom nothing happens."""
    written = writer.written
    wait_until(lambda: writer.written > written + 5 or writer.errors, 30, 'nothing is written any more')
    assert not writer.errors, writer.errors[:3]
    wait_until(lambda: state(box, server)['state'] == 'online', 60, lambda: f'{server.name} is not online: {state(box, server)}')


def are_equal(box, server):
    """Once the writer has stopped: row by row as the primary, of the same history, without a transaction of its own; it answers reads."""
    box.sync()
    mine, its = tables(server), tables(box.primary)
    for name in its:
        assert mine[name] == its[name], f'{name} differs: {len(mine[name])} and {len(its[name])} rows; {str(set(mine[name]) ^ set(its[name]))[:400]}'
    assert list(mine) == list(its)
    assert server.position() == box.primary.position(), (server.position(), box.primary.position())
    assert not server.is_writable(), f'{server.name} takes writes'
    replication = [row for row in console(box, 'SHOW REPLICATION') if row['name'] == server.name]
    assert replication[0]['errant'] in ('0', '', None), replication
    reads = int(state(box, server)['queries'])

    def is_read():
        with box.connect() as connection:
            for _ in range(5):
                connection.query('SELECT COUNT(*) FROM parent')
        return int(state(box, server)['queries']) > reads
    wait_until(is_read, 30, lambda: f"{server.name} answers no reads: {console(box, 'EXPLAIN ROUTE SELECT COUNT(*) FROM shop.parent')}")


def told(name, seconds, steps):
    print(f'# {name}: {seconds:.1f} s')
    for row in steps:
        print(f"#   {row['step'] or '-':>2} {row['server'] or '':4} {row['result']:10} {row['ms'] or '':>6}  {row['what']}")


def filled(box, options, way):
    """An empty db3 is filled while the writer goes on."""
    target = box.servers[2]
    fresh(box, target)
    planned = console(box, f'PROVISION db3 {options} DRY RUN')
    assert any(way in row['what'] for row in planned), planned
    assert flavours.MONITOR_PASSWORD not in str(planned)
    reasons, ended = set(), []
    with Writer(box) as writer:
        started = time.monotonic()
        done = threading.Thread(target=lambda: ended.append(console(box, f'PROVISION db3 {options}')), daemon=True)
        done.start()
        phases = set()
        while done.is_alive():
            row = state(box, target)
            assert row['state'] != 'online' or not done.is_alive() or console(box, 'SHOW OPERATION')[0]['state'] == 'done', row
            reasons.add(row['reason'])
            for server in console(box, 'SHOW SERVERS'):
                reasons.add(server['reason'])
            phases |= {row['phase'] for row in console(box, 'SHOW OPERATION') if row['phase']}
        done.join()
        assert ended, console(box, 'SHOW OPERATION')
        seconds = time.monotonic() - started
        is_filled(box, target, writer)
    are_equal(box, target)
    told(f'{box.flavour.name} {way}, {writer.written} writes meanwhile, phases {sorted(phases)}', seconds, ended[0])
    assert phases, 'no progress was seen'


def by_clone(box):
    filled(box, '', 'by CLONE')


def by_dump(box):
    filled(box, 'FROM db1 BY DUMP', 'by dump and load')


def by_dump_from_a_replica(box):
    filled(box, 'FROM db2 BY DUMP' if box.flavour.name == 'mysql' else '', 'db2 by dump and load')


def refusals(box):
    target = box.servers[2]
    assert 'data: shop' in refused(box, 'PROVISION db3')
    assert 'it is the primary' in refused(box, 'PROVISION db1 OVERWRITE')
    assert 'no such server' in refused(box, 'PROVISION db9')
    assert 'no such server' in refused(box, 'PROVISION db3 FROM db9 OVERWRITE')
    assert 'expected PROVISION' in refused(box, 'PROVISION db3 TWICE')
    assert 'expected PROVISION' in refused(box, 'PROVISION')
    assert target.value('SELECT COUNT(*) FROM shop.big') == str(ROWS)


def tools_are_missing(box):
    tools = box.folder / 'tools'
    tools.rename(tools.with_name('elsewhere'))
    try:
        text = refused(box, 'PROVISION db3 OVERWRITE BY DUMP')
        assert 'there is no' in text and 'replication.tools' in text, text
        assert box.servers[2].replication() is not None
    finally:
        tools.with_name('elsewhere').rename(tools)


def journal(box):
    path = box.folder / 'state' / 'operation.journal'
    return path.read_text().splitlines() if path.exists() else []


def begin(box, statement):
    """On its own thread; the answer, or the error, comes into the list."""
    ended = []

    def run():
        try:
            ended.append(console(box, statement))
        except (OSError, ServerError) as error:
            ended.append(error)
    (box.folder / 'state' / 'operation.journal').unlink(missing_ok=True)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return ended, thread


def operation(box):
    try:
        return box.wye.admin('SHOW OPERATION')
    except (OSError, ServerError):
        return []


@contextlib.contextmanager
def held_load(box):
    """The program that loads begins, leaves a file, and reads nothing before the end of the block."""
    program = box.folder / 'tools' / ('mysql' if box.flavour.name == 'mysql' else 'mariadb')
    real, held = program.with_name('real'), box.folder / 'held'
    program.rename(real)
    program.write_text(f'#!/bin/sh\ncase "$*" in *--version*) ;; *) : > {held}; while [ -e {held} ]; do sleep 0.05; done;; esac\n'
                       f'exec {real} "$@"\n')
    program.chmod(0o755)
    try:
        yield held
    finally:
        shutil.copy2(real, program)
        held.unlink(missing_ok=True)


def the_donor_dies(box):
    """The load is held at its beginning until the donor is dead: what was loaded goes, and the next try takes another donor."""
    donor, target = box.servers[1], box.servers[2]
    fresh(box, target)
    with held_load(box) as held:
        ended, thread = begin(box, 'PROVISION db3 FROM db2 BY DUMP')
        wait_until(held.exists, 60, lambda: f'no load: {operation(box)} {ended}')
        donor.kill()
    thread.join(90)
    assert ended and isinstance(ended[0], ServerError) and 'undone' in str(ended[0]), ended
    if box.flavour.name != 'mysql':  # what SET UP REPLICATION told to put there
        with open(donor.config, 'a') as config:
            config.write('server_id = 2\nread_only = ON\ngtid_strict_mode = ON\nbinlog_format = ROW\n')
    donor.start()
    assert target.value("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop'") == '0'
    assert target.replication() is None
    assert state(box, target)['state'] == 'broken', state(box, target)
    wait_until(lambda: state(box, donor)['state'] == 'online', 60, lambda: f'the donor is not well: {state(box, donor)}')
    print(f'#   {ended[0]}')
    console(box, 'PROVISION db3')
    wait_until(lambda: state(box, target)['state'] == 'online', 60, lambda: f'not online: {state(box, target)}')
    are_equal(box, target)


def by_itself(box):
    """The primary purges what a stopped replica has not had: wye fills the replica, whose data is all the primary's. One with a
    transaction of its own is left for the operator."""
    target = box.servers[2]
    mysql = box.flavour.name == 'mysql'
    target.stop_receiver()
    for _ in range(3):
        box.primary.sql(f"INSERT INTO {flavours.DATABASE}.written (what) VALUES ('purged')", f"FLUSH {'' if mysql else 'LOCAL '}BINARY LOGS")
    box.servers[1].wait_for(box.primary.position())
    last = box.primary.sql('SHOW BINARY LOGS')[-1][0]
    wait_until(lambda: (box.primary.sql(f"PURGE BINARY LOGS TO '{last}'"), len(box.primary.sql('SHOW BINARY LOGS')) == 1)[1], 30,
               lambda: f"not purged: {box.primary.sql('SHOW BINARY LOGS')}")
    before = box.wye.log.read_text()
    target.start_receiver()
    wait_until(lambda: 'event=provision_begins' in box.wye.log.read_text()[len(before):], 60,
               lambda: f'it does not begin: {state(box, target)}')
    box.wait_operation('done', 120)
    wait_until(lambda: state(box, target)['state'] == 'online', 60, lambda: f'not online: {state(box, target)}')
    are_equal(box, target)


def main(all_moments=False):
    with Sandbox(managed=True, wye=True, supervised=True, wye_config=lambda box: {'replication': {'tools': str(box.folder / 'tools')}}) as box:
        make_data(box)
        box.sync()
        tests = [refusals, tools_are_missing, by_dump, by_dump_from_a_replica]
        if box.flavour.name == 'mysql':
            tests.append(by_clone)
        tests.append(by_itself)
        if all_moments:
            tests.append(the_donor_dies)
        only = os.environ.get('WYE_TEST')
        for test in tests:
            if only and test.__name__ not in only.split(','):
                continue
            started = time.monotonic()
            test(box)
            if test is by_itself:
                tell(44, test, box.flavour.name, time.monotonic() - started, 'The primary purges what a stopped replica has not had; the replica goes on, and '
                     'is told 1236. All that it has came from the primary: wye fills it anew by itself (provision: auto), once; equal.')
            print(f'PASS {test.__name__} ({time.monotonic() - started:.1f} s)', flush=True)


if __name__ == '__main__':
    sys.exit(main())
