#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb mysql56
"""The shells of MySQL and MariaDB print the same direct and through wye: tests/e2e/shell/*.sql, with the shells' options, with TLS and without."""
import hashlib
import re
import sys
from pathlib import Path

import flavours
from both_ways import Tally, differences, fresh_schema, run
from sandbox import Sandbox

FILES = Path(__file__).with_name('shell')
TLS = {'mysql': {'TLS': [], 'no TLS': ['--ssl-mode=DISABLED', '--get-server-public-key']}, 'mariadb': {'TLS': ['--ssl'], 'no TLS': ['--skip-ssl']}}
# file, options of both shells
RUNS = [
    ('basics.sql', ['--force', '-t', '-vvv', '--show-warnings']),
    ('basics.sql', ['--force', '-B', '--column-type-info']),
    ('basics.sql', ['--force', '-X']),
    ('basics.sql', ['--force', '-E', '--unbuffered']),
    ('routines.sql', ['--force', '-t', '-vvv', '--column-type-info']),
    ('errors.sql', ['--force', '-t', '-vv', '--show-warnings']),
    ('errors.sql', ['-t', '--quick']),
]
BIG = ('big.sql', ['-B', '--max-allowed-packet=67108864'])
ONLY_MYSQL = ['--compress=off'] # not an option with a value in MariaDB's shell
# What differs from run to run: pattern, what stands for it, why.
ASSIGNED = [(re.compile(r'\(?\b\d+(\.\d+)? (min )?(\d+(\.\d+)? )?sec\)?'), '(time)', "the shell's own stop-watch")]


def works(shell, flavour, tls):
    """What does not log in direct either: MariaDB's shell has no RSA to give MySQL the password of an account of caching_sha2_password
    without TLS, unless the server's cache knows it; MySQL 9's shell has no mysql_native_password any more, which MariaDB's and MySQL 5.6's
    accounts use; MySQL 5.6 is here without TLS."""
    if flavour == 'mysql56':
        return shell == 'mariadb' and tls == 'no TLS'
    return flavour == shell or (shell == 'mariadb' and tls == 'TLS')


def transcript(box, argv, port, file, options):
    fresh_schema(box, 'shop')
    with open(FILES / file, 'rb') as script:
        text, code = run([*argv, '--no-defaults', '--protocol=TCP', '-h', '127.0.0.1', '-P', str(port), '--user=app', '--password=sandbox-app',
                          '--default-character-set=utf8mb4', *options, 'shop'], 60, stdin=script)
    for pattern, stands, _ in ASSIGNED:
        text = pattern.sub(stands, text)
    return f'{text}exit code {code}\n'


def shortened(text):
    """Values of megabytes by their digests."""
    return re.sub(r'(.)\1{999,}', lambda m: f'[{len(m.group())} times {m.group(1)}, {hashlib.sha1(m.group().encode()).hexdigest()}]', text)


def compare(box, tally, shell, argv, tls, options, file):
    flags = TLS[shell][tls] + (ONLY_MYSQL if shell == 'mysql' else [])
    direct, through = (shortened(transcript(box, argv, port, file, [*options, *flags])) for port in (box.primary.port, box.wye.port))
    name = f"{shell} shell, {tls}, {file} {' '.join(options)}"
    if "Access denied" in direct.splitlines()[1:2] or len(direct.splitlines()) < 6:
        return tally.check(name, f'direct, it prints only: {direct}')
    tally.check(name, differences(direct, through))


def main():
    tally = Tally()
    shells = {name: flavours.flavour(name).binaries for name in ('mysql', 'mariadb')}
    with Sandbox(wye=True, server_options={'log_bin_trust_function_creators': 'ON'}) as box:
        print(f'{box.flavour.name} {box.flavour.version}; shells', {name: b.version for name, b in shells.items()}, flush=True)
        for shell, binaries in shells.items():
            for tls in ('TLS', 'no TLS'):
                if not works(shell, box.flavour.name, tls):
                    continue
                # Everything with TLS; without it, one run of each file: the text of the statements is the same.
                runs = RUNS if tls == 'TLS' else [RUNS[0], RUNS[4], RUNS[5]]
                for file, options in runs + [BIG]:
                    compare(box, tally, shell, binaries.client, tls, options, file)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
