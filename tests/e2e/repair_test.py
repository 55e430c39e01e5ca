#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mariadb mysql56
"""Appliers that stand at a row, transactions of a replica's own, stopped threads: shown, located, mended by REPAIR."""
import re
import sys
import urllib.request

import flavours
from provision_test import console, refused, state
from sandbox import Sandbox, wait_until
from scenario import play

SHOP = flavours.DATABASE


def privately(server, *statements):
    """On a fenced replica, past its binary log."""
    fence = 'super_read_only' if server.flavour.name == 'mysql' else 'read_only'
    server.sql(f'SET GLOBAL {fence} = OFF', 'SET SESSION sql_log_bin = 0', *statements, f'SET GLOBAL {fence} = ON')


def on_its_own(server, *statements):
    """Into its binary log: errant."""
    fence = 'super_read_only' if server.flavour.name == 'mysql' else 'read_only'
    server.sql(f'SET GLOBAL {fence} = OFF', *statements, f'SET GLOBAL {fence} = ON')


def rows(server):
    return server.sql(f'SELECT * FROM {SHOP}.t ORDER BY 1')


def problem(box, server, text):
    def found():
        return [row for row in console(box, 'SHOW PROBLEMS') if row['server'] == server.name and text in row['what']]
    return wait_until(found, 30, lambda: f"no {text!r}: {console(box, 'SHOW PROBLEMS')}", 0.1)[0]


def no_problem(box, server, text):
    wait_until(lambda: not [row for row in console(box, 'SHOW PROBLEMS') if row['server'] == server.name and text in row['what']], 30,
               lambda: f"still: {console(box, 'SHOW PROBLEMS')}", 0.1)


def errant(box, server):
    return next(row['errant'] for row in console(box, 'SHOW REPLICATION') if row['name'] == server.name)


def counted(box):
    with urllib.request.urlopen(f'http://{box.wye.metrics}/metrics', timeout=10) as answer:
        found = re.findall(r'^wye_replication_errant_transactions\{server="(\w+)"\} (\d+)$', answer.read().decode(), re.M)
    return {server: int(n) for server, n in found}


def is_online(box, server):
    wait_until(lambda: state(box, server)['state'] == 'online', 60, lambda: f'{server.name} is not online: {state(box, server)}')


def is_equal(box, server):
    is_online(box, server)
    box.primary.sql(f"INSERT INTO {SHOP}.t (v) VALUES ('seen')")
    box.sync()
    assert rows(server) == rows(box.primary), (rows(server), rows(box.primary))
    strict = 'replica_exec_mode' if box.flavour.name == 'mysql' else 'slave_exec_mode'
    assert server.value(f'SELECT @@GLOBAL.{strict}') == 'STRICT'
    assert not server.is_writable()


def a_row_is_in_the_way(box):
    target = box.servers[2]
    privately(target, f"INSERT INTO {SHOP}.t VALUES (1001, 'of db3')", f"INSERT INTO {SHOP}.t VALUES (1002, 'of db3')")
    box.primary.sql(f"INSERT INTO {SHOP}.t VALUES (1001, 'of db1')", f"UPDATE {SHOP}.t SET v = 'changed' WHERE id = 1001")
    what = problem(box, target, "Duplicate entry '1001'")['what']
    assert f'{SHOP}.t has a row' in what, what
    assert 'OVERWRITE' in refused(box, 'REPAIR db3')
    assert rows(target) != rows(box.primary)
    planned = console(box, 'REPAIR db3 OVERWRITE DRY RUN')
    assert any('IDEMPOTENT' in (row['sql'] or '') for row in planned), planned
    console(box, 'REPAIR db3 OVERWRITE')
    is_online(box, target)
    no_problem(box, target, 'Duplicate')
    privately(target, f'DELETE FROM {SHOP}.t WHERE id = 1002')
    is_equal(box, target)
    return f'A replica has a row that the primary inserts. SHOW PROBLEMS: "{what}"; REPAIR refuses to choose; REPAIR OVERWRITE applies that one transaction over it, then strictly again; equal, no transaction of its own.'


def a_row_is_missing(box):
    target = box.servers[2]
    box.primary.sql(f"INSERT INTO {SHOP}.t VALUES (2001, 'a'), (2002, 'b')")
    box.sync()
    privately(target, f'DELETE FROM {SHOP}.t WHERE id = 2001')
    box.primary.sql(f'DELETE FROM {SHOP}.t WHERE id = 2001')
    what = problem(box, target, 'has not the row')['what']
    assert f'{SHOP}.t' in what and 'deletes' in what, what
    console(box, 'REPAIR db3 OVERWRITE')
    is_equal(box, target)
    return f'A replica lacks a row that the primary deletes. SHOW PROBLEMS: "{what}"; REPAIR OVERWRITE passes over it; equal. (Of a row that the primary changes a note says that VERIFY names it.)'


def a_replica_wrote_itself(box):
    target = box.servers[2]
    assert errant(box, target) == '', errant(box, target)
    on_its_own(target, f"INSERT INTO {SHOP}.t VALUES (3001, 'nobody knows')", f'CREATE TABLE {SHOP}.mine (id INT)')
    problem(box, target, 'the primary has not')
    wait_until(lambda: errant(box, target), 10, 'SHOW REPLICATION does not count it')
    assert all(errant(box, server) == '' for server in box.servers[1:2])
    wait_until(lambda: counted(box) == {'db2': 0, 'db3': 2}, 10, lambda: f'{counted(box)}')
    located = console(box, 'REPAIR db3 DRY RUN')
    assert f'Write_rows {SHOP}.t' in located[0]['what'] and f'CREATE TABLE {SHOP}.mine' in located[0]['what'] and 'binlog.0' in located[0]['what'], located
    box.primary.sql(f"INSERT INTO {SHOP}.t VALUES (3002, 'of db1')")
    assert 'KEEP' in refused(box, 'REPAIR db3')
    answer = console(box, 'REPAIR db3 KEEP')
    assert any('stays there, and only there' in row['what'] for row in answer), answer
    is_online(box, target)
    no_problem(box, target, 'the primary has not')
    box.primary.sql(f"INSERT INTO {SHOP}.t VALUES (3003, 'after it')")
    box.sync()
    is_online(box, target)
    assert errant(box, target) == '', errant(box, target)
    wait_until(lambda: counted(box) == {'db2': 0, 'db3': 0}, 10, lambda: f'{counted(box)}')
    there = {row[0] for row in rows(target)}
    assert {'3001', '3002', '3003'} <= there and '3001' not in {row[0] for row in rows(box.primary)}, there
    differences = [row for row in console(box, 'VERIFY db3') if row['kind'] not in ('summary', 'note')]
    assert len(differences) == 2 and '3001' in str(differences) and 'mine' in str(differences), differences
    return f'A replica writes itself ({located[0]["what"][:150]}...). REPAIR KEEP: counted by nobody any more, it follows again, its rows stay there, and VERIFY names them.'


def it_wrote_itself_and_that_goes(box):
    target = box.servers[2]
    on_its_own(target, f"INSERT INTO {SHOP}.t VALUES (4001, 'nobody knows')")
    what = problem(box, target, 'the primary has not')
    assert 'PROVISION db3 OVERWRITE' in what['remedy'], what
    if box.flavour.name == 'mysql56':  # there is no program that could dump it here (provision56_test.py): so nothing goes
        assert 'there is no mysqldump for 5.6' in refused(box, 'PROVISION db3 OVERWRITE')
        assert ('4001', 'nobody knows') in rows(target) and target.replication()['sql'] == 'Yes'
        console(box, 'REPAIR db3 KEEP')
        is_online(box, target)
        return None
    console(box, 'PROVISION db3 OVERWRITE')
    no_problem(box, target, 'the primary has not')
    is_equal(box, target)
    assert target.position() == box.primary.position(), (target.position(), box.primary.position())
    return 'The same, the other way round: PROVISION OVERWRITE lets go what the replica wrote itself; equal, the same GTIDs.'


def killed_behind_a_ddl(box):
    """MariaDB: the DDL is in the binary log, and the server was killed before it noted that it is applied."""
    target = box.servers[2]
    if box.flavour.name != 'mariadb':
        return
    box.primary.sql(f"ALTER TABLE {SHOP}.t COMMENT = 'changed'")
    box.sync()
    at = target.value('SELECT @@GLOBAL.gtid_slave_pos')
    before = '-'.join([*at.split('-')[:2], str(int(at.split('-')[2]) - 1)])
    target.sql('STOP SLAVE', f"SET GLOBAL gtid_slave_pos = '{before}'", 'START SLAVE')
    row = problem(box, target, 'its binary log has already (1950)')
    assert 'REPAIR db3' in row['remedy'], row
    assert errant(box, target) in (None, ''), errant(box, target)
    console(box, 'REPAIR db3')
    is_equal(box, target)
    no_problem(box, target, '1950')


def threads_are_stopped(box):
    target = box.servers[2]
    target.stop_applier()
    target.stop_receiver()
    wait_until(lambda: state(box, target)['state'] == 'broken', 30, lambda: f'not seen: {state(box, target)}')
    box.primary.sql(f"INSERT INTO {SHOP}.t (v) VALUES ('while it stood')")
    console(box, 'REPAIR db3')
    is_equal(box, target)
    assert 'nothing is wrong' in refused(box, 'REPAIR db3')
    assert 'it is the primary' in refused(box, 'REPAIR db1')
    assert 'expected REPAIR' in refused(box, 'REPAIR db3 NOW')
    return None


def main():
    with Sandbox(managed=True, wye=True, supervised=True, wye_config=lambda box: {'replication': {'tools': str(box.folder / 'tools')}}) as box:
        box.primary.sql(f'CREATE TABLE {SHOP}.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40))', f"INSERT INTO {SHOP}.t (v) VALUES ('a'), ('b')")
        box.sync()
        play(box, [(53, a_row_is_in_the_way), (53, a_row_is_missing), (0, threads_are_stopped), (0, killed_behind_a_ddl), (53, a_replica_wrote_itself),
                   (53, it_wrote_itself_and_that_goes)])


if __name__ == '__main__':
    sys.exit(main())
