#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb mysql56
"""Every kind of account logs in through wye as it does direct: CURRENT_USER(), or errno, SQLSTATE and text. What differs on purpose is
listed with its reason, and docs/COMPATIBILITY.md says so: it must agree with what this test sees. WYE_WRITE_DOCS=1 writes it."""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import accounts_scenarios
import flavours
from accounts_cases import CASES
from accounts_differences import DIFFERENCES
from both_ways import Tally
from login_client import NATIVE, outcome
from mariadbplugins import plugin_folder
from sandbox import REPOSITORY, Connection, Sandbox, wait_until

DOCS = REPOSITORY / 'docs/COMPATIBILITY.md'
NOISE = re.compile(r'.*(Using a password on the command line interface|WARNING: no verification of server certificate).*\n?')


def shell(argv, options):
    def run(port, case):
        done = subprocess.run([*argv, '--no-defaults', '--protocol=TCP', '-h', '127.0.0.1', '-P', str(port), f'--user={case.user}',
                               f'--password={case.password}', *options, '-N', '-B', '-e', 'SELECT CURRENT_USER(), USER(), DATABASE(), 1',
                               *([case.database] if case.database else [])],
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        error = re.search(r'ERROR (\d+) \((\w+)\)(?: at line \d+)?: (.*)', done.stderr)
        if done.returncode == 0:
            return ('in', done.stdout)
        if error and int(error[1]) < 2000 or error and int(error[1]) >= 3000:
            return (int(error[1]), error[2], error[3])
        return ('client', NOISE.sub('', done.stderr))
    return run


def program(**options):
    return lambda port, case: outcome(port, case.user, case.password, case.database, **options)


def columns(box):
    """name -> how a client logs in to a case on a port."""
    tls = box.flavour.name != 'mysql56'  # its TLS is older than what today's libraries speak
    found = {'program, TLS': program(tls=True)} if tls else {}
    found['program, no TLS'] = program(tls=False)
    if box.flavour.name != 'mysql':  # MySQL 9 has no native accounts
        found['native only, no TLS'] = program(tls=False, plugins=(NATIVE,))
    mariadb = flavours.flavour('mariadb').binaries.client
    if tls:
        found['mariadb, TLS'] = shell(mariadb, ['--ssl'])
    found['mariadb, no TLS'] = shell(mariadb, ['--skip-ssl'])
    if box.flavour.name == 'mysql':
        mysql = flavours.flavour('mysql').binaries.client
        found['mysql, TLS'] = shell(mysql, ['--ssl-mode=REQUIRED'])
        found['mysql, no TLS'] = shell(mysql, ['--ssl-mode=DISABLED', '--get-server-public-key'])
    return found


def short(said):
    return 'in' if said[0] == 'in' else str(said[0])


def same(direct, through):
    # A client that lacks a plugin says so in words of its own; with wye, which asks for another one, it may do better.
    return direct == through or direct[0] == 'client' and through[0] in ('client', 'in', 1045)


def forgotten(box):
    """Until wye has no connection of a case's account: a password that it knows can make a login possible that else is not."""
    wait_until(lambda: all(row['user'] in (flavours.APP, flavours.MONITOR) for row in box.wye.admin('SHOW POOLS')), 30, 'pools stay')


def matrix(box, tally):
    """{(case, column): (direct, through)}"""
    cases = CASES[box.flavour.name]()
    if box.flavour.name == 'mysql':
        with Connection(unix=f'{box.primary.datadir}/mysql.sock', password=flavours.ROOT_PASSWORD) as local:  # the only one who may
            local.query("GRANT PROXY ON ''@'' TO 'root'@'%' WITH GRANT OPTION")
        for server in box.servers:
            server.sql('SET GLOBAL check_proxy_users = ON', 'SET GLOBAL sha256_password_proxy_users = ON')
    for case in cases:
        if case.make:
            box.primary.sql(*case.make)
    box.sync()
    result = {}
    with ThreadPoolExecutor(4) as pool:
        for column, how in columns(box).items():
            forgotten(box)
            pairs = pool.map(lambda case: tuple(how(port, case) for port in (box.primary.port, box.wye.port)), cases)
            result |= {(case.name, column): pair for case, pair in zip(cases, pairs)}
    expected = DIFFERENCES[box.flavour.name]
    for (case, column), (direct, through) in result.items():
        reason = next((d.reason for d in expected if d.case == case and column in d.columns), None)
        if reason is None:
            tally.check(f'{column}: {case}', not same(direct, through) and f'\ndirect      {direct!r}\nthrough wye {through!r}')
        else:
            tally.check(f'{column}: {case} (differs: {reason})', same(direct, through) and f'does not differ any more: {direct!r}')
    for column in columns(box):
        ins = sum(direct[0] == 'in' for (_, c), (direct, _) in result.items() if c == column)
        impossible = column == 'mariadb, no TLS' and box.flavour.name == 'mysql'  # Debian's shell has no RSA
        tally.check(f'{column}: some log in', ins < 2 and not impossible and 'too few')
    return result


def table(flavour, result, scenarios):
    """The generated part of docs/COMPATIBILITY.md."""
    names = list(dict.fromkeys(column for _, column in result))
    rows = [f'| account | {" | ".join(names)} |', '| --- |' + ' --- |' * len(names)]
    notes = []
    for case in dict.fromkeys(case for case, _ in result):
        cells = []
        for column in names:
            direct, through = result[case, column]
            cell = short(direct)
            if not same(direct, through):
                reason = next((d.reason for d in DIFFERENCES[flavour] if d.case == case and column in d.columns), '?')
                if reason not in notes:
                    notes.append(reason)
                cell = f'{short(through)}, not {cell} [{notes.index(reason) + 1}]'
            cells.append(cell)
        rows.append(f'| {case} | {" | ".join(cells)} |')
    rows += ['', *[f'{i + 1}. {reason}' for i, reason in enumerate(notes)]] if notes else []
    rows += ['', f'Also the same, step by step: {"; ".join(scenarios)}.']
    return '\n'.join(rows)


def check_docs(flavour, text, tally):
    begin, end = f'<!-- accounts {flavour}: begin -->', f'<!-- accounts {flavour}: end -->'
    docs = DOCS.read_text() if DOCS.exists() else ''
    if begin not in docs:
        return tally.check('docs/COMPATIBILITY.md has its place for this flavour', f'no {begin}')
    head, rest = docs.split(begin)
    old, tail = rest.split(end)
    if os.environ.get('WYE_WRITE_DOCS'):
        DOCS.write_text(f'{head}{begin}\n{text}\n{end}{tail}')
        old = f'\n{text}\n'
    gone = [line for line in old.strip().splitlines() if line not in text.splitlines()]
    new = [line for line in text.splitlines() if line not in old.strip().splitlines()]
    tally.check('docs/COMPATIBILITY.md agrees (WYE_WRITE_DOCS=1 writes it)',
                old.strip() != text and '\n'.join(['- ' + line for line in gone] + ['+ ' + line for line in new]))


def server_options(flavour, folder):
    if flavour.name == 'mysql':
        return {'plugin_load_add': flavour.common('', 64)['plugin_load_add'] + ';auth_socket.so'}
    if flavour.name != 'mariadb':
        return {}
    cert, key = Path(folder) / 'cert.pem', Path(folder) / 'key.pem'  # MySQL makes its own
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=sandbox', '-keyout', str(key),
                    '-out', str(cert)], check=True, capture_output=True)
    return {'ssl_cert': cert, 'ssl_key': key, 'plugin_dir': plugin_folder(flavour.version), 'plugin_load_add': 'auth_ed25519'}


def main():
    tally = Tally()
    name = os.environ.get('WYE_FLAVOUR', 'mysql')
    with tempfile.TemporaryDirectory() as folder:
        with Sandbox(wye=True, replicas=1, wye_config={'pool': {'idle': '1s'}}, server_options=server_options(flavours.flavour(name), folder)) as box:
            result = matrix(box, tally)
            scenarios = accounts_scenarios.run(box, tally)
            check_docs(box.flavour.name, table(box.flavour.name, result, scenarios), tally)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
