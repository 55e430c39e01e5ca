#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mariadb mysql56
"""The sandbox does what the other tests rely on: replication, faults, recovery. No wye here."""
import sys
import time

from sandbox import Connection, Sandbox, SandboxError, ServerError, wait_until


def data_reaches_replicas(box):
    size = 3_000_000 if box.flavour.name == 'mysql56' else 20_000_000  # 5.6: at most a tenth of the redo log
    with box.connect() as connection:
        connection.query('CREATE TABLE t (id INT PRIMARY KEY, big LONGBLOB)')
        connection.query(f"INSERT INTO t VALUES (1, REPEAT('x', {size}))")
        assert len(connection.query('SELECT big FROM t').rows[0][0]) == size
    box.sync()
    for replica in box.replicas:
        assert replica.value('SELECT COUNT(*) FROM shop.t') == '1'
        assert replica.position() == box.primary.position()


def replicas_are_read_only(box):
    for replica in box.replicas:
        assert not replica.is_writable()
        with replica.connect(user='app', password='sandbox-app', database='shop') as connection:
            try:
                connection.query('INSERT INTO t VALUES (99, NULL)')
            except ServerError as error:
                assert error.code == 1290, error
            else:
                raise AssertionError(f'{replica.name} took a write')


def semi_sync_acknowledges(box):
    counter = {'mysql': 'Rpl_semi_sync_source_yes_tx', 'mariadb': 'Rpl_semi_sync_master_yes_tx'}[box.flavour.name]
    read = lambda: int(box.primary.sql(f"SHOW GLOBAL STATUS LIKE '{counter}'")[0][1])
    before = read()
    box.primary.sql('INSERT INTO shop.t VALUES (2, NULL)')
    assert read() == before + 1


def lag_delays_one_replica(box):
    slow, fast = box.replicas
    slow.lag(3)
    started = time.monotonic()
    box.primary.sql('INSERT INTO shop.t VALUES (3, NULL)')
    position = box.primary.position()
    fast.wait_for(position)
    assert slow.value('SELECT COUNT(*) FROM shop.t WHERE id = 3') == '0'
    slow.wait_for(position)
    assert time.monotonic() - started >= 2
    slow.lag(0)


def killed_servers_come_back(box):
    box.replicas[1].kill()
    box.primary.sql('INSERT INTO shop.t VALUES (4, NULL)')
    box.primary.restart(kill=True)
    assert box.primary.value('SELECT COUNT(*) FROM shop.t WHERE id = 4') == '1'
    box.replicas[1].start()
    box.wait_replicating()
    box.sync()


def frozen_server_is_silent(box):
    server = box.replicas[0]
    server.freeze()
    try:
        server.connect(timeout=1)
    except OSError:
        pass
    else:
        raise AssertionError('a frozen server answered')
    server.thaw()
    assert server.value('SELECT 1') == '1'


def general_log_shows_statements(box):
    server = box.replicas[0]
    server.general_log()
    server.value('SELECT 4711')
    wait_until(lambda: 'SELECT 4711' in server.general_log_text(), 5, 'the general log stays empty')
    server.general_log(False)


def a_cut_server_hears_nothing(box):
    primary, replica = box.servers[:2]
    with Connection('127.0.0.1', replica.public_port, 'app', 'sandbox-app', 'shop', timeout=1) as open_one:
        assert open_one.query('SELECT 1').rows == [('1',)]
        box.links.cut(replica.name)
        for attempt in (lambda: open_one.query('SELECT 2'),
                        lambda: Connection('127.0.0.1', replica.public_port, 'app', 'sandbox-app', timeout=1)):
            try:
                attempt()
            except OSError:
                continue
            raise AssertionError('bytes moved through a cut')
        primary.sql('INSERT INTO shop.t VALUES (5, NULL)')  # the other replica acknowledges it
        position = primary.position()
        box.servers[2].wait_for(position)
        assert replica.value('SELECT COUNT(*) FROM shop.t WHERE id = 5') == '0', 'replication went through a cut'
        box.links.heal()
        replica.wait_for(position)
    box.links.cut('db2', 'db1', reset=True)
    Connection('127.0.0.1', replica.public_port, 'app', 'sandbox-app', timeout=5).close()
    wait_until(lambda: replica.replication()['io'] != 'Yes', 20, 'a reset link still replicates')
    box.links.heal()
    box.wait_replicating()


def servers_die_with_the_sandbox(box):
    box.stop()
    assert all(server.pid is None for server in box.servers)
    try:
        Sandbox.open(box.folder)
    except SandboxError:
        return
    raise AssertionError('a stopped sandbox opens')


def main():
    failed = 0
    with Sandbox(links=True) as box:
        tests = (data_reaches_replicas, replicas_are_read_only, semi_sync_acknowledges, lag_delays_one_replica,
                 killed_servers_come_back, frozen_server_is_silent, general_log_shows_statements,
                 a_cut_server_hears_nothing, servers_die_with_the_sandbox)
        for test in tests:
            if test is semi_sync_acknowledges and not box.flavour.has_semi_sync:
                continue
            try:
                test(box)
                print(f'PASS {test.__name__}', flush=True)
            except Exception as error:
                failed += 1
                print(f'FAIL {test.__name__}: {error!r}', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
