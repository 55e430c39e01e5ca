#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mariadb
"""wye is killed (SIGKILL) in the middle of PROVISION, of ADD SERVER, and of undoing one that fails; the next wye goes on, or undoes. What is
there at the end must be as if nobody had been killed: every row, every setting of every server, accounts, files. killed_all_test.py does so
at each record of the journal; this one at one moment of each kind."""
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import flavours
import provision_test as filling
from provision_test import Writer, console, fresh, journal, refused, state
from sandbox import Sandbox, wait_until

MOVING = re.compile(r'gtid|timestamp|pseudo|last_insert_id|rand_seed|error_count|warning_count|identity|in_transaction|insert_id|server_uuid')


class Client(Writer):
    """What it reads must be what it wrote, and no server that is half filled may answer."""

    def run(self):
        with self.box.connect() as connection:
            begun = int(connection.query('SELECT COUNT(*) FROM written').rows[0][0])
            while not self.ending:
                try:
                    connection.query(f"INSERT INTO written (what) VALUES ('row {self.written}')")
                    self.written += 1
                    seen = connection.query('SELECT COUNT(*) FROM written').rows + connection.query('SELECT COUNT(*) FROM big').rows
                    if seen != [(str(begun + self.written),), (str(filling.ROWS),)]:
                        raise OSError(f'read {seen}, not {begun + self.written} and {filling.ROWS}')
                except (OSError, filling.ServerError) as error:
                    return self.errors.append(error)


def settings(server):
    return {name: value for name, value in server.sql('SHOW GLOBAL VARIABLES') if not MOVING.search(name)}


def changed(before, server):
    now = settings(server)
    return {name: (before.get(name), now.get(name)) for name in before.keys() | now.keys() if before.get(name) != now.get(name)}


def tools_running(box):
    """Children of this sandbox's wye, also of a dead one: they stand in its folder."""
    found = []
    for process in Path('/proc').glob('[0-9]*'):
        try:
            if process.joinpath('cwd').readlink() == box.folder:
                found.append(process.joinpath('cmdline').read_text().split('\0'))
        except OSError:
            pass  # it has ended
    return [argv for argv in found if '--defaults-file=/dev/fd/3' in argv]


def state_files(box):
    return {path.name for path in (box.folder / 'state').iterdir()}


def at_record(step, mark):
    """Once the journal says so of that step, or the operation is over."""
    record = json.dumps({'mark': mark, 'step': step}, separators=(',', ':'))
    return f'{mark} {step}', lambda box: any(line == record or '"end"' in line for line in journal(box))


def on_target(box, query):
    """Once the query gives 1 there; while the server restarts it gives nothing."""
    try:
        return box.servers[2].value(query) == '1'
    except (OSError, filling.ServerError):
        return False


def in_the_copy():
    """Moments between two records: the donor stands still; some rows are loaded; the accounts are there, the GTIDs may not."""
    rows = f"SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{flavours.DATABASE}' AND TABLE_NAME = 'big'"
    applier = lambda box: (box.servers[1].replication() or {}).get('sql') != 'Yes' or any('"end"' in line for line in journal(box))
    return [('the donor stands still', applier), ('rows are loaded', lambda box: on_target(box, rows)),
            ('accounts are copied', lambda box: on_target(box, "SELECT COUNT(*) FROM mysql.user WHERE User = 'reader'"))]


def dies(box, statement, moment):
    """The statement begins, wye is killed at the moment; how far the journal came, and whether it was over."""
    ended, thread = filling.begin(box, statement)
    wait_until(lambda: moment(box) or ended, 60, lambda: f'the moment does not come: {journal(box)}', 0.0005)
    box.wye.process.send(signal.SIGKILL)
    wait_until(lambda: box.wye.pid is None, 10, 'wye does not die')
    wait_until(lambda: not tools_running(box), 2, lambda: f'tools outlive wye: {tools_running(box)}')
    thread.join(30)
    lines = journal(box)
    assert lines, ended
    return len(lines), '"end"' in lines[-1]


class Story:
    """The cluster as it is without a kill, and the counts."""

    def __init__(self, box):
        self.box, self.target = box, box.servers[2]
        self.settings = [settings(server) for server in box.servers]
        self.files = state_files(box) | {'operation.journal', 'members'}
        self.killed = self.resumed = 0
        self.slowest = 0.0

    def at(self, statement, name, moment, end='done'):
        box = self.box
        reached, over = dies(box, statement, moment)
        box.primary.sql(f"INSERT INTO {flavours.DATABASE}.written (what) VALUES ('while wye was dead')")
        started = time.monotonic()
        box.wye.start()
        try:
            with Client(box) as client:
                if not over:
                    box.wait_operation(end, 120)
                    self.resumed += 1
                self.slowest = max(self.slowest, time.monotonic() - started)
                if end == 'done':
                    filling.is_filled(box, self.target, client)
            assert not client.errors, client.errors
            self.is_whole(end)
        except Exception:
            print(f'# {statement}: killed at {name}, after record {reached}', flush=True)
            raise
        self.killed += 1

    def is_whole(self, end):
        box = self.box
        if end == 'done':
            filling.are_equal(box, self.target)
        for server in box.servers[:2] + [self.target] * (end == 'done'):
            differences = changed(self.settings[box.servers.index(server)], server)
            assert not differences, f'{server.name} is left with other settings: {differences}'
        assert not tools_running(box), tools_running(box)
        assert state_files(box) <= self.files, state_files(box)
        # Right after wye's start its GTIDs are not read yet.
        wait_until(lambda: state(box, box.servers[1])['state'] == 'online', 10, lambda: str(state(box, box.servers[1])))

    def told(self, what):
        print(f'# {self.box.flavour.name}, {what}: killed at {self.killed} moments, {self.resumed} resumed; the slowest came to its end in '
              f'{self.slowest:.1f} s', flush=True)


def chosen(steps, whole):
    """Every step begun and done; or those with the longest way to go."""
    marks = [(k, mark) for k in range(len(steps)) for mark in ('begun', 'done')]
    if whole:
        return [at_record(*one) for one in marks]
    return [at_record(k, 'begun') for k, what in enumerate(steps) if 'copy' in what or 'follow' in what]


def planned(box, statement):
    return [row['what'] for row in console(box, f'{statement} DRY RUN') if row['result'] == 'planned']


def as_set_up(box):
    """db3 as it is at the end of each of these."""
    if box.servers[2].replication() is None:
        console(box, 'PROVISION db3 BY DUMP')
    wait_until(lambda: state(box, box.servers[2])['state'] == 'online', 60, 'db3 is not online')
    return Story(box)


def provision(box, whole, way='BY DUMP'):
    story = as_set_up(box)
    fresh(box, story.target)
    moments = chosen(planned(box, f'PROVISION db3 {way}'), whole)
    if 'DUMP' in way:
        moments += in_the_copy()
    if not whole and box.flavour.name == 'mysql':  # which takes much longer to begin anew: those moments that have found something
        moments = moments[-2:]
    for i, (name, moment) in enumerate(moments):
        if i:
            fresh(box, story.target)
        story.at(f'PROVISION db3 {way}', name, moment)
    story.told(f'PROVISION {way}')


def provision_by_clone(box, whole):
    fresh(box, box.servers[2])
    console(box, 'PROVISION db3')  # it brings the plugin's settings, and they stay
    provision(box, whole, '')


def add_server(box, whole):
    """db3 leaves before each of them."""
    target, story = box.servers[2], as_set_up(box)
    add = f"ADD SERVER '{target.address}' AS db3 BY DUMP"

    def leave():
        console(box, 'REMOVE SERVER db3')
        target.kill()
        target.create(filling.template(box.flavour, lambda text: None), box._server_values(target))
        target.start()
    leave()
    for i, (name, moment) in enumerate([('plan', journal), *chosen(planned(box, add), whole)]):
        if i:
            leave()
        story.at(add, name, moment)
    story.told('ADD SERVER')


def accounts(server):
    return sorted(server.sql('SELECT User, Host FROM mysql.user'))


def undoing(box, whole):
    """The copy is whole, but the replication account has another password: all is undone. wye is killed meanwhile, and the server is as it
    came."""
    target, repl = box.servers[2], f"'{flavours.REPL}'@'%'"
    fresh(box, target)
    story, came, had = Story(box), settings(target), accounts(target)
    box.primary.sql(f"ALTER USER {repl} IDENTIFIED BY 'another-1'")
    text = refused(box, 'PROVISION db3 BY DUMP')
    assert 'undone' in text and '1045' in text, text
    numbers = [json.loads(line)['step'] for line in journal(box) if '"undone"' in line]
    moments = [('undoing', lambda box: any('"undoing"' in line for line in journal(box)))] + [at_record(k, 'undone') for k in numbers]
    for name, moment in moments if whole else moments[1:2]:
        story.at('PROVISION db3 BY DUMP', name, moment, 'undone')
        assert not changed(came, target), changed(came, target)
        assert accounts(target) == had, set(accounts(target)) ^ set(had)
        assert target.replication() is None
        assert target.value(f"SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{flavours.DATABASE}'") == '0'
        assert state(box, target)['state'] == 'broken', state(box, target)
    box.primary.sql(f"ALTER USER {repl} IDENTIFIED BY '{flavours.REPL_PASSWORD}'")
    story.told('undoing')


def main(whole=False):
    with Sandbox(managed=True, wye=True, supervised=True, wye_config=lambda box: {'replication': {'tools': str(box.folder / 'tools')}}) as box:
        filling.make_data(box)
        box.sync()
        tests = [provision, add_server, undoing]
        if box.flavour.name == 'mysql':
            tests = [provision, undoing, add_server, provision_by_clone] if whole else [provision, undoing]
        only = os.environ.get('WYE_TEST')
        for test in tests:
            if only and test.__name__ not in only.split(','):
                continue
            started = time.monotonic()
            test(box, whole)
            print(f'PASS {test.__name__} ({time.monotonic() - started:.1f} s)', flush=True)


if __name__ == '__main__':
    sys.exit(main())
