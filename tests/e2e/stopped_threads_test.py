#!/usr/bin/env python3
# deadline: 180
# flavours: mysql mariadb mysql56
"""Threads of replicas that have ended by themselves are started by wye: a receiver that gave up, a server that was started without its
threads. What somebody stopped by hand stays as it is, all the time."""
import os
import re
import sys
import time

import flavours
from provision_test import console, state
from sandbox import Sandbox, wait_until

SHOP = flavours.DATABASE


def is_online(box, server):
    wait_until(lambda: state(box, server)['state'] == 'online', 60, lambda: f'{server.name} is not online: {state(box, server)}; {server.replication()}')


def arrives(box, *servers):
    box.primary.sql(f"INSERT INTO {SHOP}.t (v) VALUES ('seen')")
    position, rows = box.primary.position(), box.primary.value(f'SELECT COUNT(*) FROM {SHOP}.t')
    for server in servers:
        server.wait_for(position)
        assert server.value(f'SELECT COUNT(*) FROM {SHOP}.t') == rows, server.name


def started(box, server):
    return re.findall(rf'event=replication_started server=\W*{server.name}\W.*', box.wye.log.read_text())


def is_started(box, server, before=0):
    """wye has said so once more than before. (Until it has looked, the replica counts as online, for its primary was away as well.)"""
    wait_until(lambda: len(started(box, server)) > before, 60, lambda: f'wye does not start it: {server.replication()}')
    is_online(box, server)
    return started(box, server)[-1]


def few_tries(server):
    """MariaDB has it in its configuration only (see main)."""
    if server.flavour.name != 'mariadb':
        new = server.flavour.name == 'mysql'
        server.stop_receiver()
        server.stop_applier()
        server.sql('CHANGE REPLICATION SOURCE TO SOURCE_RETRY_COUNT = 2' if new else 'CHANGE MASTER TO MASTER_RETRY_COUNT = 2')
        server.start_applier()
        server.start_receiver()
    wait_until(lambda: server.replication()['io'] == 'Yes', 30, lambda: f'{server.replication()}')


def until_it_gives_up(box, server):
    """The primary is away for longer than the receiver tries."""
    few_tries(server)
    box.primary.kill()
    wait_until(lambda: server.replication()['io'] == 'No', 60, lambda: f'it does not give up: {server.replication()}')
    box.primary.start()


def a_receiver_gives_up(box):
    """db3 is stopped by hand meanwhile, and longer."""
    given_up, by_hand = box.servers[1:]
    by_hand.stop_receiver()
    until_it_gives_up(box, given_up)
    box.primary.sql(f"INSERT INTO {SHOP}.t (v) VALUES ('while it was gone')")
    line = is_started(box, given_up)
    assert 'the receiver gave up' in line, line
    arrives(box, given_up)
    assert by_hand.replication()['io'] == 'No' and not started(box, by_hand), (by_hand.replication(), started(box, by_hand))
    print(f'# {line}')


def a_server_starts_without_its_threads(box):
    """db3 still stands as it was left by hand."""
    restarted, by_hand = box.servers[1:]
    with open(restarted.config, 'a') as config:
        config.write('skip_replica_start = ON\n' if box.flavour.name == 'mysql' else 'skip_slave_start\n')
        config.write('' if box.flavour.name == 'mysql' else 'read_only = ON\nserver_id = 2\nbinlog_format = ROW\n')
        config.write('gtid_strict_mode = ON\n' if box.flavour.name == 'mariadb' else '')
    before = len(started(box, restarted))
    restarted.restart(kill=True)
    box.primary.sql(f"INSERT INTO {SHOP}.t (v) VALUES ('while it was down')")
    line = is_started(box, restarted, before)
    assert 'restarted' in line, line
    arrives(box, restarted)
    assert by_hand.replication()['io'] == 'No' and not started(box, by_hand), by_hand.replication()
    print(f'# {line}')


def both_threads_by_hand(box):
    """A running server whose threads somebody stops, with `db3` for a clock: it is repaired on command, and db2 must stand as it did."""
    stopped, other = box.servers[1:]
    stopped.stop_applier()
    stopped.stop_receiver()
    before, begun = len(started(box, stopped)), time.monotonic()
    console(box, 'REPAIR db3')
    is_online(box, other)
    until_it_gives_up(box, other)
    is_started(box, other)
    assert stopped.replication()['io'] == stopped.replication()['sql'] == 'No', stopped.replication()
    assert len(started(box, stopped)) == before, started(box, stopped)
    print(f'# by hand: stopped for {time.monotonic() - begun:.1f} s')
    console(box, 'REPAIR db2')
    arrives(box, stopped, other)


def switched_off(box):
    """Four times as long as it takes wye to start one that gave up."""
    text = box.wye.config.read_text()
    assert 'mode: "manage"' in text, text
    box.wye.config.write_text(text.replace('mode: "manage"', 'mode: "manage"\n  restart: "off"'))
    box.wye.restart()
    replica = box.servers[1]
    is_online(box, replica)
    before = len(started(box, replica))
    until_it_gives_up(box, replica)
    wait_until(lambda: state(box, replica)['state'] == 'broken', 30, lambda: f'not seen: {state(box, replica)}')
    until = time.monotonic() + 4
    while time.monotonic() < until:
        assert replica.replication()['io'] == 'No' and len(started(box, replica)) == before, (replica.replication(), started(box, replica))
        time.sleep(0.2)  # lint: poll
    console(box, 'REPAIR db2')
    arrives(box, replica)


def main():
    retries = {'master_retry_count': 2} if os.environ.get('WYE_FLAVOUR') == 'mariadb' else {}
    with Sandbox(managed=True, wye=True, server_options=retries) as box:
        box.primary.sql(f'CREATE TABLE {SHOP}.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40))')
        box.sync()
        if box.flavour.name != 'mysql':  # what SET UP REPLICATION told to put there
            with open(box.primary.config, 'a') as config:
                config.write('server_id = 1\nbinlog_format = ROW\n' + 'gtid_strict_mode = ON\n' * (box.flavour.name == 'mariadb'))
        for test in (a_receiver_gives_up, a_server_starts_without_its_threads, both_threads_by_hand, switched_off):
            begun = time.monotonic()
            test(box)
            print(f'PASS {test.__name__} ({time.monotonic() - begun:.1f} s)', flush=True)


if __name__ == '__main__':
    sys.exit(main())
