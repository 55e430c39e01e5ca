#!/usr/bin/env python3
# deadline: 120
# flavours: mysql mariadb
"""What `./dev up` promises: the endpoint, the variables, the console, the metrics, and a clean end."""
import subprocess
import sys
import urllib.request

from sandbox import Sandbox, wait_until


def variables_name_everything(box):
    env = dict(line.split('=', 1) for line in (box.folder / 'env').read_text().splitlines())
    for name in ('WYE_HOST', 'WYE_PORT', 'WYE_USER', 'WYE_PASSWORD', 'WYE_DATABASE', 'WYE_ADMIN_SOCKET', 'WYE_METRICS', 'WYE_CONFIG',
                 'WYE_BIN', 'SERVERS', 'ROOT_USER', 'ROOT_PASSWORD'):
        assert env.get(name, "''") != "''", f'{name} is missing'
    assert len(env['SERVERS'].split()) == 3


def the_printed_shell_command_works(box):
    env = box.env()
    argv = [env['CLIENT'], '-h', env['WYE_HOST'], '-P', env['WYE_PORT'], '-u', env['WYE_USER'], f"-p{env['WYE_PASSWORD']}",
            env['WYE_DATABASE'], '-N', '-e', 'SELECT CURRENT_USER(), DATABASE()']
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stdout.split() == ['app@%', 'shop'], done


def writes_arrive_everywhere(box):
    with box.connect() as connection:
        connection.query('CREATE TABLE door (id INT PRIMARY KEY)')
        connection.query('INSERT INTO door VALUES (1), (2)')
    box.sync()
    for server in box.servers:
        assert server.value('SELECT COUNT(*) FROM shop.door') == '2', server.name


def console_knows_the_servers(box):
    rows = wait_until(lambda: (lambda r: r if sorted(row['role'] for row in r) == ['primary', 'replica', 'replica'] else None)(
        box.wye.admin('SHOW SERVERS')), 10, lambda: f"roles: {box.wye.admin('SHOW SERVERS')}")
    assert {row['address'] for row in rows} == {server.address for server in box.servers}


def metrics_are_served(box):
    text = urllib.request.urlopen(f'http://{box.wye.metrics}/metrics', timeout=10).read().decode()
    assert 'wye_statements_total' in text and 'wye_build_info' in text
    assert urllib.request.urlopen(f'http://{box.wye.metrics}/readyz', timeout=10).status == 200


def configuration_checks(box):
    def check():
        done = subprocess.run([str(box.wye.binary), 'check', '-c', str(box.wye.config), '--connect'], capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    assert 'note:' not in check()
    rights = {'TRIGGER': 'user variables that triggers set'}
    if box.flavour.name == 'mariadb':
        rights['BINLOG MONITOR'] = 'with semi-synchronous replication'
    for right, note in rights.items():
        box.primary.sql(f"REVOKE {right} ON *.* FROM 'wye'@'%'")
        try:
            told = check()
        finally:
            box.primary.sql(f"GRANT {right} ON *.* TO 'wye'@'%'")
        assert f'note: {note}' in told and f"GRANT {right} ON *.* TO 'wye'@'%';" in told, told


def no_password_in_the_log(box):
    text = box.wye.log.read_text()
    for password in ('sandbox-app', 'sandbox-wye', 'sandbox-root', 'sandbox-repl'):
        assert password not in text, f'the log contains {password}'


def wye_ends_well(box):
    assert box.wye.stop() == 0, box.wye.log.read_text()[-2000:]


def main():
    failed = 0
    with Sandbox(wye=True) as box:
        for test in (variables_name_everything, the_printed_shell_command_works, writes_arrive_everywhere, console_knows_the_servers,
                     metrics_are_served, configuration_checks, no_password_in_the_log, wye_ends_well):
            try:
                test(box)
                print(f'PASS {test.__name__}', flush=True)
            except Exception as error:
                failed += 1
                print(f'FAIL {test.__name__}: {error!r}', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
