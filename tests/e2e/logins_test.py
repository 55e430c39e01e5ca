#!/usr/bin/env python3
# deadline: 90
# flavours: mysql mariadb
"""Logins end the same direct and through wye: account, or errno, SQLSTATE and text. The shells log in, with their own plugins."""
import itertools
import re
import subprocess
import sys

import flavours
from both_ways import Tally
from sandbox import Sandbox

NATIVE = 'IDENTIFIED VIA mysql_native_password USING PASSWORD'


def accounts(box):
    """Statements that make the accounts of this test."""
    if box.flavour.name == 'mysql':
        made = {'plain': "IDENTIFIED BY 'right'", 'empty': "IDENTIFIED BY ''", 'locked': "IDENTIFIED BY 'right' ACCOUNT LOCK",
                'changing': "IDENTIFIED BY 'right'", 'elsewhere': "IDENTIFIED BY 'right'", 'long': f"IDENTIFIED BY '{'p' * 200}'",
                'strange': "IDENTIFIED BY 'gr\u00fc\u00df \\\\ \\' \\\" \U0001f511'", 'expired': "IDENTIFIED BY 'right' PASSWORD EXPIRE"}
    else:
        made = {'plain': f"{NATIVE}('right')", 'empty': f"{NATIVE}('')", 'locked': f"{NATIVE}('right') ACCOUNT LOCK",
                'changing': f"{NATIVE}('right')", 'elsewhere': f"{NATIVE}('right')", 'long': f"{NATIVE}('{'p' * 200}')",
                'strange': f"{NATIVE}('gr\u00fc\u00df \\\\ \\' \\\" \U0001f511')"}
    for user, how in made.items():
        host = '10.11.12.13' if user == 'elsewhere' else '%'
        yield f"CREATE USER '{user}'@'{host}' {how}"
        yield f"GRANT SELECT, INSERT, CREATE ON shop.* TO '{user}'@'{host}'"


CASES = {  # user, password, schema
    'right password': ('plain', 'right', 'shop'),
    'right password, no schema': ('plain', 'right', None),
    'right password again': ('plain', 'right', 'shop'),
    'wrong password': ('plain', 'wrong', 'shop'),
    'no password': ('plain', '', 'shop'),
    'unknown user': ('nobody_here', 'right', 'shop'),
    'unknown user without password': ('nobody_here', '', 'shop'),
    'unknown schema': ('plain', 'right', 'nowhere'),
    'a schema without privileges': ('plain', 'right', 'mysql'),
    'wrong password and unknown schema': ('plain', 'wrong', 'nowhere'),
    'empty password': ('empty', '', 'shop'),
    'empty password, one given': ('empty', 'right', 'shop'),
    'locked': ('locked', 'right', 'shop'),
    'locked, wrong password': ('locked', 'wrong', 'shop'),
    'another host': ('elsewhere', 'right', 'shop'),
    'long password': ('long', 'p' * 200, 'shop'),
    'long password, wrong': ('long', 'p' * 199, 'shop'),
    'strange password': ('strange', 'gr\u00fc\u00df \\ \' " \U0001f511', 'shop'),
    'no user name': ('', '', 'shop'),
}


def outcome(shell, port, case, options):
    """What a shell says of a login: the account it got, or the error, whole."""
    user, password, schema = case
    argv = [*shell, '--no-defaults', '--protocol=TCP', '-h', '127.0.0.1', '-P', str(port), f'--user={user}', f'--password={password}', *options,
            '-N', '-B', '-e', 'SELECT CURRENT_USER(), USER(), DATABASE(); SELECT 1', *([schema] if schema else [])]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    warning = re.compile(r'.*(Using a password on the command line interface|WARNING: no verification of server certificate).*\n?')
    return f'{done.returncode}: {done.stdout}{warning.sub("", done.stderr)}'


def shells(box):
    """name -> argv, options without TLS, options with TLS."""
    found = {}
    if box.flavour.name == 'mysql':  # MySQL 9's shell has no mysql_native_password any more, which MariaDB's accounts use
        found['mysql'] = (flavours.flavour('mysql').binaries.client, ['--ssl-mode=DISABLED', '--get-server-public-key'], ['--ssl-mode=REQUIRED'])
    # MariaDB's shell has no RSA: without TLS it can't log in to an account of caching_sha2_password.
    found['mariadb'] = (flavours.flavour('mariadb').binaries.client, ['--skip-ssl'], ['--ssl'])
    return found


def compare(box, tally, what, shell, options, case):
    argv = box_shells[shell][0]
    direct, through = (outcome(argv, port, case, options) for port in (box.primary.port, box.wye.port))
    tally.check(what, direct != through and f'\ndirect      {direct!r}\nthrough wye {through!r}')
    return direct


box_shells = {}


def every_login(box, tally):
    for (shell, (argv, off, on)), tls in itertools.product(box_shells.items(), ('TLS', 'no TLS')):
        options = on if tls == 'TLS' else off
        ok = 0
        for name, case in CASES.items():
            ok += compare(box, tally, f'{shell} shell, {tls}: {name}', shell, options, case).startswith('0:')
        tally.check(f'{shell} shell, {tls}: some log in directly', ok == 0 and not (shell == 'mariadb' and tls == 'no TLS' and box.flavour.name == 'mysql') and 'none')


def changed_password(box, tally):
    """The new one works at once, the old one is refused at once, also while a session of the old one is open and pooled connections wait."""
    argv, _, on = box_shells[box.flavour.name]
    set_to = lambda p: box.primary.sql(f"ALTER USER 'changing'@'%' IDENTIFIED BY '{p}'")
    log_in = lambda p: outcome(argv, box.wye.port, ('changing', p, 'shop'), on)
    with box.connect(user='changing', password='right') as open_one:
        open_one.query('SELECT 1')
        tally.check('before: the old one', log_in('right')[:2] != '0:' and log_in('right'))
        for i in range(5):
            old, new = ('right' if i == 0 else f'new{i - 1}'), f'new{i}'
            set_to(new)
            refused, taken = log_in(old), log_in(new)
            direct = outcome(argv, box.primary.port, ('changing', old, 'shop'), on)
            tally.check(f'change {i}: the old one is refused at once, in the same words', refused != direct and f'\ndirect      {direct!r}\nthrough wye {refused!r}')
            tally.check(f'change {i}: the new one works at once', taken[:2] != '0:' and taken)
        tally.check('the open session goes on', open_one.query('SELECT 2').rows != [('2',)] and 'no')


def locked_and_dropped(box, tally):
    argv, _, on = box_shells[box.flavour.name]
    case = ('plain', 'right', 'shop')
    for statement in ("ALTER USER 'plain'@'%' ACCOUNT LOCK", "ALTER USER 'plain'@'%' ACCOUNT UNLOCK", "DROP USER 'plain'@'%'"):
        box.primary.sql(statement)
        compare(box, tally, f'after {statement}', box.flavour.name, on, case)


def expired(box, tally):
    if box.flavour.name == 'mysql':
        compare(box, tally, 'expired password', 'mysql', ['--ssl-mode=REQUIRED'], ('expired', 'right', None))


def main():
    tally = Tally()
    with Sandbox(wye=True) as box:
        box.primary.sql(*accounts(box))
        box.sync()
        box_shells.update(shells(box))
        for test in (every_login, changed_password, locked_and_dropped, expired):
            test(box, tally)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
