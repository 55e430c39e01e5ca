#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mariadb mysql56
"""VERIFY finds every difference that was made on one replica, names it, and nothing else; on a clean set that several
writers write to at full speed it finds none. WYE_VERIFY_SECONDS: how long they write (8)."""
import os
import random
import sys
import threading
import time

import flavours
from sandbox import Connection, Sandbox, ServerError, wait_until
from scenario import tell
from verify_cases import SCHEMA, cases

STOCK = 24000


def console(box, statement, seconds=120.0):
    with Connection(unix=str(box.wye.admin_socket), user='admin', timeout=seconds) as connection:
        return connection.query(statement).dicts()


def privately(box, server, *statements):
    """On this server alone, past its fence."""
    fence = 'super_read_only' if box.flavour.name == 'mysql' else 'read_only'
    before = server.value(f'SELECT @@GLOBAL.{fence}')
    with server.connect() as connection:
        connection.query(f'SET GLOBAL {fence} = OFF')
        connection.query("SET SESSION sql_log_bin = 0, sql_mode = '', time_zone = '+00:00'")
        for statement in statements:
            connection.query(statement)
        connection.query(f'SET GLOBAL {fence} = {before}')


def prepare(box):
    """What wye's account needs to see everything (docs/VERIFY.md)."""
    for server in box.servers:
        privately(box, server, f"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO '{flavours.MONITOR}'@'%'")
    rows = ', '.join(f"({i}, {i}, 0, 'x')" for i in range(1, 51))
    box.primary.sql('CREATE TABLE hot (id INT PRIMARY KEY, v BIGINT, flip INT, cold VARCHAR(20))', f'INSERT INTO hot VALUES {rows}',
                    'CREATE TABLE stock (id INT AUTO_INCREMENT PRIMARY KEY, v INT, name VARCHAR(100), price DOUBLE, changed TIMESTAMP(6) NULL)',
                    'CREATE TABLE journal (at DATETIME(6), who INT, what VARCHAR(40))', 'INSERT INTO journal VALUES (NOW(6), 0, \'begin\')',
                    *[f"INSERT INTO stock (v, name, price) VALUES {', '.join(f'({i}, {chr(39)}name {i}{chr(39)}, {i / 7})' for i in range(at, at + 4000))}"
                      for at in range(0, STOCK, 4000)], database=flavours.DATABASE)
    box.sync()


class Writers:
    """Several sessions through wye, each as fast as it can."""

    def __init__(self, box, count=4):
        self.box, self.stop, self.done, self.errors = box, threading.Event(), [0] * count, []
        self.threads = [threading.Thread(target=self.write, args=(i,)) for i in range(count)]

    def statements(self, chance):
        some = chance.randrange(1, STOCK)
        return [f'UPDATE hot SET v = v + 1, flip = 1 - flip WHERE id = {chance.choice((1, 1, 1, chance.randrange(1, 51)))}',
                f'UPDATE stock SET v = v + 1, price = price + 0.1, changed = NOW(6) WHERE id = {some}',
                f"INSERT INTO stock (v, name) VALUES ({some}, 'new')", f'DELETE FROM stock WHERE id = {chance.randrange(1, 2 * STOCK)}',
                f"INSERT INTO journal VALUES (NOW(6), {some}, 'again')", 'DELETE FROM journal ORDER BY at LIMIT 1',
                f"REPLACE INTO stock (id, v, name) VALUES ({some}, 1, 'put back')"]

    def write(self, number):
        chance = random.Random(number)
        try:
            with self.box.connect() as connection:
                while not self.stop.is_set():
                    for statement in self.statements(chance):
                        connection.query(statement)
                        self.done[number] += 1
        except (OSError, ServerError) as error:
            self.errors.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: min(self.done) > 0 or self.errors, 30, 'nobody writes')
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.errors, self.errors


def none_on_a_clean_set_under_writes(box):
    seconds = float(os.environ.get('WYE_VERIFY_SECONDS', 8))
    runs, again, started = [], 0, time.monotonic()
    with Writers(box) as writers:
        while time.monotonic() - started < seconds or len(runs) < 2:
            answer = console(box, 'VERIFY')
            found = console(box, 'SHOW DIFFERENCES')
            assert not found, found
            assert [row['kind'] for row in answer] == ['summary'] * len(box.replicas), answer
            assert all(int(row['rows']) > STOCK / 2 and row['different'] == '0' for row in answer), answer
            runs.append(answer)
            progress, = console(box, 'SHOW VERIFY')
            assert progress['state'] == 'done', progress
            again += int(progress['looked_again'])
        took = time.monotonic() - started
        written = sum(writers.done)
    assert again > 0, 'the writers have never been in the way'
    print(f'# {box.flavour.name}: {len(runs)} runs in {took:.1f} s while {written / took:.0f} statements a second were written, '
          f"{sum(int(row['rows']) for run in runs for row in run)} rows compared, {again} chunks looked at again, differences 0")


def expected(case, found):
    return any(row['kind'] == case.kind and row['object'] == case.object and case.key in (row['key'] or '') and case.what in row['what']
               for row in found)


def every_difference_is_named(box):
    spoilt, all_cases = box.replicas[-1], cases(box.flavour.name)
    box.primary.sql(f'CREATE DATABASE {SCHEMA} DEFAULT CHARACTER SET utf8mb4', "SET time_zone = '+00:00'",
                    *[statement for case in all_cases for statement in case.make])
    box.sync()
    assert not [row for row in console(box, 'VERIFY') if row['kind'] != 'summary']
    for case in all_cases:
        try:
            privately(box, spoilt, *case.spoil)
        except ServerError as error:
            raise AssertionError(f'{case.name}: {error}') from error
    started = time.monotonic()
    with Writers(box, 2):
        answer = console(box, 'VERIFY')
    took, found = time.monotonic() - started, console(box, 'SHOW DIFFERENCES')
    missed = [case.name for case in all_cases if not expected(case, found)]
    known = {(case.kind, case.object) for case in all_cases} | {other for case in all_cases for other in case.also}
    strange = [row for row in found if row['server'] != spoilt.name or (row['kind'], row['object']) not in known
               and not (row['kind'] == 'note' and ('table', row['object']) in known)]
    for row in found:
        print(f"#   {row['kind']:9} {row['object']:28} {row['key'] or '-':40} {row['what']}")
    print(f'# {box.flavour.name}: {len(all_cases) - len(missed)} of {len(all_cases)} differences found and named in {took:.1f} s, '
          f'while 2 sessions wrote; others: {len(strange)}')
    assert not missed, missed
    assert not strange, strange
    summary = {row['server']: row for row in answer if row['kind'] == 'summary'}
    assert int(summary[spoilt.name]['different']) >= len(all_cases), summary
    assert all(summary[replica.name]['different'] == '0' for replica in box.replicas[:-1]), summary
    tell(51, every_difference_is_named, box.flavour.name, took, f'{len(all_cases)} differences are put on one replica (rows, columns, floats, JSON, collations, tables '
         f'without a key, definitions, accounts) while 2 sessions write: VERIFY names {len(all_cases) - len(missed)} of them and nothing else.')


def begun(box, answers):
    """VERIFY on a connection of its own; what became of it."""
    client = Connection(unix=str(box.wye.admin_socket), user='admin', timeout=120.0)

    def run():
        try:
            answers.append(client.query('VERIFY').dicts())
        except (OSError, ServerError) as error:
            answers.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: answers or console(box, 'SHOW VERIFY')[0]['phase'] in ('definitions', 'rows'), 30, 'VERIFY does not begin')
    return thread, client


def state(box):
    return console(box, 'SHOW VERIFY')[0]['state']


def a_replica_that_stops_falls_out(box):
    stays, stops = box.replicas
    stops.stop_applier()
    box.primary.sql("UPDATE hot SET cold = 'late'", database=flavours.DATABASE)
    answers = []
    thread, _ = begun(box, answers)
    thread.join()
    answer, = answers
    assert not isinstance(answer, Exception), answer
    note, = [row for row in answer if row['kind'] == 'note']
    assert note['server'] == stops.name and 'not compared from here on' in note['first_difference'], note
    assert [row['different'] for row in answer if row['kind'] == 'summary' and row['server'] == stays.name] == ['0'], answer
    stops.start_applier()
    box.wait_replicating()


def refused(box, statement):
    try:
        return AssertionError(f'{statement} was not refused: {console(box, statement)}')
    except ServerError as error:
        return error


def it_ends_when_nobody_waits_for_it(box):
    box.replicas[0].lag(600)  # so that it does not come to its end
    box.primary.sql("UPDATE hot SET cold = 'now'", database=flavours.DATABASE)
    answers = []
    thread, _ = begun(box, answers)
    assert 'under way' in str(refused(box, 'VERIFY'))
    console(box, 'STOP VERIFY')
    thread.join()
    assert 'stopped' in str(answers[0]) and state(box) == 'stopped', answers
    answers.clear()
    thread, client = begun(box, answers)
    client._sock.shutdown(2)
    thread.join()
    wait_until(lambda: state(box) == 'stopped', 10, lambda: f'it goes on: {state(box)}')
    assert 'not under way' in str(refused(box, 'STOP VERIFY'))
    box.replicas[0].lag(0)
    box.wait_replicating()
    box.sync()
    for wrong, words in (('VERIFY db9', 'unknown server'), ('VERIFY db1', 'is the primary'), ('VERIFY TABLE shop.nothing', 'no such table')):
        assert words in str(refused(box, wrong)), refused(box, wrong)
    one = console(box, 'VERIFY db2 TABLE shop.hot')
    assert [(row['server'], row['rows'], row['different']) for row in one] == [('db2', '50', '0')], one


def main():
    with Sandbox(replicas=2, wye=True) as box:
        prepare(box)
        for test in (none_on_a_clean_set_under_writes, it_ends_when_nobody_waits_for_it, every_difference_is_named,
                     a_replica_that_stops_falls_out):
            if os.environ.get('WYE_TEST', test.__name__) != test.__name__:
                continue
            test(box)
            print(f'PASS {test.__name__}', flush=True)


if __name__ == '__main__':
    sys.exit(main())
