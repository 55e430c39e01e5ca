#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb mysql56
"""wye makes a cluster of empty servers: seconds and steps; refuses what it should; undoes what fails; goes on after it was
killed at any moment."""
import json
import os
import signal
import sys
import time

import flavours
from sandbox import Sandbox, ServerError, wait_until

flavours.REPL_PASSWORD = "a'b\\c\"d`%s;-- top-secret'"  # 25 characters, each of which may end a literal somewhere
SECRETS = ('top-secret', flavours.MONITOR_PASSWORD)
WORDS = {'mysql': ('REPLICA', 'SOURCE'), 'mariadb': ('SLAVE', 'MASTER'), 'mysql56': ('SLAVE', 'MASTER')}


def journal(box):
    path = box.folder / 'state' / 'operation.journal'
    return path.read_text().splitlines() if path.exists() else []


def mode(box, value):
    text = box.wye.config.read_text()
    box.wye.config.write_text(text.replace('mode: "manage"', f'mode: "{value}"').replace('mode: "observe"', f'mode: "{value}"'))


def console(box, statement):
    """Waits until wye answers on its console."""
    def answer():
        try:
            return [box.wye.admin(statement)]
        except OSError:
            assert box.wye.pid, f'wye ended; {box.wye.log}'
            return None
    return wait_until(answer, 30, 'no console')[0]


def refused(box, statement):
    try:
        answer = console(box, statement)
    except ServerError as error:
        return str(error)
    raise AssertionError(f'{statement} was not refused: {answer}')


def is_blank(box):
    for server in box.servers:
        assert server.replication() is None, server.name
        assert server.value('SELECT @@GLOBAL.read_only') == '0', f'{server.name} is read-only'
        assert server.value(f"SELECT COUNT(*) FROM mysql.user WHERE User = '{flavours.REPL}'") == '0', server.name


def is_cluster(box):
    box.wait_replicating()
    for replica in box.replicas:
        assert not replica.is_writable(), replica.name
        assert replica.replication()['port'] == str(box.primary.port)
    assert box.primary.is_writable()
    ids = {server.value('SELECT @@GLOBAL.server_id') for server in box.servers}
    assert len(ids) == len(box.servers), ids
    # What the primary does arrives, and nobody has what it has not.
    box.primary.sql('CREATE DATABASE IF NOT EXISTS seen', 'CREATE TABLE IF NOT EXISTS seen.t (id INT AUTO_INCREMENT PRIMARY KEY)',
                    'INSERT INTO seen.t VALUES (NULL)')
    box.sync()
    rows = box.primary.value('SELECT COUNT(*) FROM seen.t')
    for replica in box.replicas:
        assert replica.value('SELECT COUNT(*) FROM seen.t') == rows, replica.name
        assert replica.position() == box.primary.position(), replica.name


def no_secrets(box):
    for path in [box.wye.log, *(box.folder / 'state').iterdir()]:
        text = path.read_bytes()
        for secret in SECRETS:
            assert secret.encode() not in text, f'{path} holds a password'


def uninstalled(server, plugin):
    try:
        server.sql(f'UNINSTALL PLUGIN {plugin}')
    except ServerError as error:
        if error.code == 1883:
            return False
        raise
    return True


def wipe(box):
    """Back to how they were."""
    follower, _ = WORDS[box.flavour.name]
    for server in reversed(box.servers):  # the plugin of a source is in use as long as there are replicas
        server.sql(f'STOP {follower}')
        server.sql(f'RESET {follower} ALL', 'SET GLOBAL read_only = OFF', 'SET SESSION sql_log_bin = 0',
                   'DROP DATABASE IF EXISTS seen', f"DELETE FROM mysql.user WHERE User = '{flavours.REPL}'"
                   if box.flavour.name == 'mysql56' else f"DROP USER IF EXISTS '{flavours.REPL}'@'%'", 'FLUSH PRIVILEGES')
        if box.flavour.name == 'mysql':
            for plugin in ('rpl_semi_sync_source', 'rpl_semi_sync_replica'):
                if server.value(f"SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_NAME = '{plugin}'") == '1':
                    wait_until(lambda: uninstalled(server, plugin), 30, f'{plugin} stays in use')
            modes = ['OFF', 'OFF_PERMISSIVE', 'ON_PERMISSIVE', 'ON']
            down = modes[:modes.index(server.value('SELECT @@GLOBAL.gtid_mode'))][::-1]
            server.sql('RESET PERSIST', *[f'SET GLOBAL gtid_mode = {mode}' for mode in down], 'SET GLOBAL enforce_gtid_consistency = OFF', 'RESET BINARY LOGS AND GTIDS')
        elif box.flavour.name == 'mariadb':
            server.sql('RESET MASTER', "SET GLOBAL gtid_slave_pos = ''", 'SET GLOBAL binlog_format = MIXED',
                       'SET GLOBAL gtid_strict_mode = OFF', 'SET GLOBAL rpl_semi_sync_master_enabled = OFF',
                       'SET GLOBAL rpl_semi_sync_slave_enabled = OFF', "SET GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_COMMIT'")
        else:
            server.sql('RESET MASTER', 'SET GLOBAL binlog_format = STATEMENT')
        server.sql('SET GLOBAL server_id = 1')
    (box.folder / 'state' / 'operation.journal').unlink(missing_ok=True)


def a_dry_run_shows_and_changes_nothing(box):
    mode(box, 'observe')
    box.wye.launch()
    wait_until(lambda: all(r['reason'] != 'not observed yet' for r in console(box, 'SHOW SERVERS')), 30, 'nothing observed')
    steps = console(box, 'SET UP REPLICATION PRIMARY db1 DRY RUN')
    assert steps and all(row['result'] in ('planned', 'note') for row in steps), steps
    shown = '\n'.join(row['sql'] or '' for row in steps)
    assert '<secret>' in shown and not any(secret in shown for secret in SECRETS), shown
    assert 'mode is observe' in refused(box, 'SET UP REPLICATION')
    assert 'no such server' in str(console(box, 'SET UP REPLICATION PRIMARY db9 DRY RUN'))
    refused(box, 'SET UP REPLICATION SECONDARY db1')
    is_blank(box)
    box.wye.stop()
    mode(box, 'manage')
    return [row for row in steps if row['result'] == 'planned']


def the_problems_that_remain(box):
    """root gets past the fence: it is named, on replicas only. (Surveys are a minute old at most: a new wye looks at once.)"""
    box.wye.restart_process()
    named = lambda: [row for row in console(box, 'SHOW PROBLEMS') if "'root'@'%'" in row['what']]
    wait_until(lambda: len(named()) == len(box.replicas), 30, lambda: f"SHOW PROBLEMS: {console(box, 'SHOW PROBLEMS')}", 0.1)
    assert {row['server'] for row in named()} == {replica.name for replica in box.replicas}
    wrong = [row for row in console(box, 'SHOW PROBLEMS') if 'server_id' in row['what'] or 'takes writes' in row['what']
             or 'binary log' in row['what'] or 'AFTER_COMMIT' in row['what'] or 'not known' in row['what']]
    assert not wrong, wrong


def empty_servers_become_a_cluster(box, planned):
    started = time.monotonic()
    box.wye.launch()
    steps = box.wait_operation('done')
    seconds = time.monotonic() - started
    assert [row['sql'] for row in steps if row['step']] == [row['sql'] for row in planned], 'not what the dry run showed'
    is_cluster(box)
    no_secrets(box)
    the_problems_that_remain(box)
    print(f'# {box.flavour.name}: {len(box.servers)} empty servers to a cluster in {seconds:.1f} s, {len(planned)} steps')
    for row in steps:
        print(f"#   {row['step'] or '-':>2} {row['server'] or '':4} {row['result']:10} {row['ms'] or '':>5}  {row['what']}")
    box.primary.sql(*box.flavour.application())
    box.sync()
    box.wye.wait_ready()
    with box.connect() as connection:
        connection.query('CREATE TABLE t (id INT PRIMARY KEY)')
        connection.query('INSERT INTO t VALUES (1)')
        assert connection.query('SELECT COUNT(*) FROM t').rows == [('1',)]
    box.sync()
    again = console(box, 'SET UP REPLICATION')
    assert all(row['result'] in ('done', 'already so', 'note') for row in again), again
    is_cluster(box)
    if box.flavour.name == 'mysql':  # the fence outlives a restart
        box.replicas[0].restart()
        assert not box.replicas[0].is_writable()
        box.wait_replicating()
    box.wye.stop()
    for server in box.servers:
        server.sql('SET GLOBAL read_only = OFF', 'SET SESSION sql_log_bin = 0', f'DROP DATABASE {flavours.DATABASE}',
                   f"DROP USER '{flavours.APP}'@'%'")


def a_server_with_data_is_refused_then_overwritten(box):
    box.servers[1].sql('CREATE DATABASE seen', 'CREATE TABLE seen.mine (id INT)')
    box.servers[2].sql('CREATE DATABASE other', 'CREATE TABLE other.theirs (id INT)')
    box.wye.launch()
    text = refused(box, 'SET UP REPLICATION PRIMARY db1')
    assert 'seen (1 table)' in text and 'other (1 table)' in text and 'OVERWRITE' in text, text
    assert 'nothing tells which' in refused(box, 'SET UP REPLICATION')
    text = refused(box, 'SET UP REPLICATION PRIMARY db1 OVERWRITE db2')
    assert 'seen' not in text and 'other (1 table)' in text, text
    assert not journal(box)
    for server in box.servers:
        assert server.replication() is None
        server.sql('SET SESSION sql_log_bin = 0', f"GRANT DROP ON *.* TO '{flavours.MONITOR}'@'%'")
    box.wye.restart_process()
    steps = console(box, 'SET UP REPLICATION PRIMARY db1 OVERWRITE db2, db3')
    assert any('DROP DATABASE' in (row['sql'] or '') for row in steps), steps
    is_cluster(box)
    for server in box.servers:
        assert server.value("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME IN ('mine', 'theirs')") == '0'
    box.wye.stop()


def what_fails_is_undone(box):
    """The account is there already, with another password."""
    wrong = {'mysql': "IDENTIFIED BY 'another'", 'mariadb': "IDENTIFIED BY 'another'", 'mysql56': "IDENTIFIED BY 'another'"}
    for server in box.servers:
        server.sql('SET SESSION sql_log_bin = 0', f"CREATE USER '{flavours.REPL}'@'%' {wrong[box.flavour.name]}",
                   f"GRANT REPLICATION SLAVE ON *.* TO '{flavours.REPL}'@'%'")
    box.wye.launch()
    steps = box.wait_operation('undone')
    assert any(row['error'] and '1045' in row['error'] for row in steps), steps
    box.wye.kill()
    for server in box.servers:
        assert server.replication() is None, server.name
        assert server.value('SELECT @@GLOBAL.read_only') == '0', server.name
        server.sql('SET SESSION sql_log_bin = 0', f"DROP USER '{flavours.REPL}'@'%'")
    no_secrets(box)


def a_server_that_dies_is_named(box):
    """What can't be undone there is told as SQL; the others are as before."""
    lost = box.servers[2]
    box.wye.launch()
    plan = wait_until(lambda: journal(box), 30, 'no plan')[0]
    ours = [k for k, step in enumerate(json.loads(plan)['plan']['steps']) if step['server'] == lost.name and step['undo']]
    wait_until(lambda: any(f'"step":{ours[0]}}}' in line and 'begun' in line for line in journal(box)), 30, 'not begun', 0.0005)
    lost.kill()
    steps = box.wait_operation('undone', 150)
    left = [row for row in steps if row['result'] == 'not undone']
    assert left and {row['server'] for row in left} == {lost.name}, steps
    assert all('not undone' in row['error'] for row in left), left
    box.wye.kill()
    lost.start()
    for server in box.servers[:2]:
        assert server.replication() is None, server.name
        assert server.value('SELECT @@GLOBAL.read_only') == '0', server.name
    no_secrets(box)


def passwords_stay_out_of_the_servers_logs(box):
    for server in box.servers:
        server.general_log()
    box.wye.launch()
    if box.flavour.name == 'mariadb':  # it would write the statement as it is
        steps = box.wait_operation('undone')
        assert any('general log' in (row['error'] or '') for row in steps), steps
        for server in box.servers:
            server.general_log(False)
        box.wye.restart_process()
        console(box, 'SET UP REPLICATION PRIMARY db1')
    else:
        box.wait_operation('done')
    is_cluster(box)
    box.wye.stop()
    no_secrets(box)
    for server in box.servers:
        server.general_log(False)
        logs = [server.general_log_file, server.log, *server.datadir.glob('binlog.0*'), *server.datadir.glob('relay.0*')]
        assert len(logs) > 2, logs
        for path in logs:
            assert not path.exists() or b'top-secret' not in path.read_bytes(), f'{path} holds a password'


def killed_at_each_record(box, every=1):
    """The journal's records are the moments between which everything happens."""
    box.wye.launch()
    box.wait_operation('done')
    box.wye.kill()
    records, slowest, resumed = len(journal(box)), 0, 0
    for record in range(1, records, every):
        wipe(box)
        box.wye.launch()
        wait_until(lambda: len(journal(box)) >= record, 60, f'no record {record} in the journal', 0.0005)
        box.wye.process.send(signal.SIGKILL)
        wait_until(lambda: box.wye.pid is None, 10, 'wye does not die')
        reached = len(journal(box))
        if '"end"' in journal(box)[-1]:
            continue
        resumed += 1
        started = time.monotonic()
        box.wye.launch()
        box.wait_operation('done')
        slowest = max(slowest, time.monotonic() - started)
        try:
            is_cluster(box)
        except Exception:
            print(f'# killed after record {record} (there were {reached})')
            raise
        box.wye.kill()
    assert resumed >= records // every // 2, (resumed, records)
    no_secrets(box)
    print(f'# {box.flavour.name}: killed at {resumed} moments of {records} records; the slowest came to its end in {slowest:.1f} s')


def main(all_moments=False):
    with Sandbox(managed='later', wye=True) as box:
        box.wye.restart_process = lambda: (box.wye.stop(), box.wye.launch())
        tests = [(a_server_with_data_is_refused_then_overwritten, ()), (what_fails_is_undone, ()),
                 (a_server_that_dies_is_named, ()), (passwords_stay_out_of_the_servers_logs, ()), (killed_at_each_record, (1,) if all_moments else (7,))]
        if not all_moments:  # it takes a minute of waiting
            tests = [entry for entry in tests if entry[0] is not a_server_that_dies_is_named]
        planned = a_dry_run_shows_and_changes_nothing(box)
        print('PASS a_dry_run_shows_and_changes_nothing')
        empty_servers_become_a_cluster(box, planned)
        print('PASS empty_servers_become_a_cluster', flush=True)
        only = os.environ.get('WYE_TEST')
        for test, arguments in tests:
            if only and test.__name__ != only:
                continue
            wipe(box)
            test(box, *arguments)
            print(f'PASS {test.__name__}', flush=True)
        box.wye.launch()
        console(box, 'SHOW SERVERS')
        box.wye.stop()


if __name__ == '__main__':
    sys.exit(main())
