"""The clients: how each program is run, and what differs and why."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path


from matrix import BUILD, HERE, Client, Differs


def printed(*argv, pattern=r'(\d+(?:\.\d+)+)'):
    """A version out of what a program prints."""
    def version():
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        found = re.search(pattern, done.stdout + done.stderr)
        return found.group(1) if found else 'unknown'
    return version


def debian(package):
    """The upstream part of a Debian package's version."""
    def version():
        text = subprocess.run(['dpkg-query', '-W', '-f=${Version}', package], capture_output=True, text=True).stdout
        return re.sub(r'^\d+:|[-+][^-+]*$', '', re.sub(r'-[^-]*$', '', text)) or 'unknown'
    return version


# Debian's modules belong to its own Python: /usr/bin/python3.


def go_program():
    """Debian's Go libraries are a GOPATH, not modules."""
    (BUILD / 'go').mkdir(parents=True, exist_ok=True)
    made(['go', 'build', '-o', BUILD / 'go/program', HERE / 'go/program.go'],
         {'GOPATH': '/usr/share/gocode', 'GO111MODULE': 'off', 'GOCACHE': str(BUILD / 'go/cache'), 'GOFLAGS': ''})


def java_program():
    (BUILD / 'java').mkdir(parents=True, exist_ok=True)
    made(['javac', '-d', BUILD / 'java', '-cp', '/usr/share/java/mariadb-java-client.jar', *sorted((HERE / 'java').glob('*.java'))])


def node_modules():
    """By the lock file, once."""
    folder = BUILD / 'node'
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / 'installed.json'
    if mark.exists() and mark.read_text() == (HERE / 'node/package-lock.json').read_text():
        return
    for name in ('package.json', 'package-lock.json'):
        shutil.copy(HERE / 'node' / name, folder / name)
    done = subprocess.run(['npm', 'ci', '--ignore-scripts', '--omit=peer', '--no-audit', '--no-fund'], cwd=folder, capture_output=True, text=True, timeout=400)
    if done.returncode:
        raise RuntimeError(f'npm ci failed:\n{done.stdout}{done.stderr}')
    shutil.copy(HERE / 'node/package-lock.json', mark)


def node(name, program, compared, exceptions=(), **more):
    """Node finds packages beside the program or by NODE_PATH."""
    version = json.loads((HERE / 'node/package.json').read_text())['dependencies'][name]
    script, *arguments = program.split()
    return Client(f'npm {name}', ['node', str(HERE / 'node' / script), *arguments], lambda: version, compared, prepare=node_modules, exceptions=exceptions,
                  environment={'NODE_PATH': str(BUILD / 'node/node_modules')}, **more)


def shell_tools(box):
    """The flavour's own tools, beside its shell: env sets their command lines, as JSON."""
    client = [str(part) for part in box.flavour.binaries.client]
    tools = {'mysql': ('mysqldump', 'mysqlbinlog'), 'mariadb': ('mariadb-dump', 'mariadb-binlog')}[box.flavour.name]
    beside = lambda name: [*client[:-1], str(Path(client[-1]).with_name(name)) if '/' in client[-1] else name]
    return ['env', f'CLIENT={json.dumps(client)}', *(f'{key}={json.dumps(beside(name))}' for key, name in zip(('DUMP', 'BINLOG'), tools)),
            '/usr/bin/python3', str(HERE / 'shell/program.py')]


def made(argv, environment=None):
    done = subprocess.run(argv, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f'{argv[0]} failed:\n{done.stdout}{done.stderr}')


DRIVER = 'types, text, reads, session state, errors, transactions, deadlock, big values, stored programs'

CLIENTS = [
    Client('shells and tools', shell_tools, lambda: "the flavour's own", 'mysql and mariadb: scripts, warnings, \\\\G, several results, LOCAL INFILE, Ctrl-C; '
           'mysqldump and mariadb-dump, loaded back; mysqlbinlog and mariadb-binlog from afar', fast=True),
    Client('pymysql', ['/usr/bin/python3', str(HERE / 'python/program.py'), 'pymysql'], debian('python3-pymysql'),
           f'{DRIVER}, executemany, SSCursor, LOCAL INFILE, KILL', fast=True),
    Client('mysqldb', ['/usr/bin/python3', str(HERE / 'python/program.py'), 'MySQLdb'], debian('python3-mysqldb'),
           f'{DRIVER}, executemany, SSCursor, LOCAL INFILE, KILL'),
    Client('php mysqli', ['php', str(HERE / 'php/mysqli.php')], debian('php8.2-mysql'),
           f'{DRIVER}, prepared, use_result, cursors, send_long_data, asynchronous, multi_query, change_user', fast=True),
    Client('php PDO', ['php', str(HERE / 'php/pdo.php')], debian('php8.2-mysql'),
           'types, reads, session state, errors; emulated and real prepares, orders, fetch modes, rowsets, unbuffered', fast=True),
    Client('perl DBD::mysql', ['perl', str(HERE / 'perl/program.pl'), 'mysql'], debian('libdbd-mysql-perl'),
           f'{DRIVER}, emulated and server-side prepares, execute_array, use_result, LOCAL INFILE'),
    Client('perl DBD::MariaDB', ['perl', str(HERE / 'perl/program.pl'), 'MariaDB'], debian('libdbd-mariadb-perl'),
           f'{DRIVER}, emulated and server-side prepares, execute_array, use_result, LOCAL INFILE'),
    Client('ruby mysql2', ['ruby', str(HERE / 'ruby/program.rb')], debian('ruby-mysql2'),
           f'{DRIVER}, prepared, streaming, asynchronous, multi-statements on and off, LOCAL INFILE', fast=True),
    Client('go-sql-driver', lambda box: [str(BUILD / 'go/program')], debian('golang-github-go-sql-driver-mysql-dev'),
           f'{DRIVER}, database/sql pool, prepared, context cancel, LOCAL INFILE from a reader', prepare=go_program),
    Client('MariaDB Connector/J', ['java', '-Xmx512m', '-cp', f"/usr/share/java/mariadb-java-client.jar:{BUILD / 'java'}", 'Program'], debian('libmariadb-java'),
           f'{DRIVER}, JDBC: text, server-side prepares, fetch size, batches and bulk, generated keys, metadata, cancel, LOCAL INFILE',
           prepare=java_program),
    node('mariadb', 'drivers.js mariadb', f'{DRIVER}, prepared, batch (bulk), stream, pool, reset, change user, LOCAL INFILE'),
    node('mysql', 'drivers.js mysql', f'{DRIVER}, stream, pool, change user; on MySQL the failure to log in: it has no caching_sha2_password',
         replicas=0, flavours=('mariadb',), absent={'mysql': 'it knows mysql_native_password only, which MySQL 9 has not: run on MariaDB'}),
    node('knex', 'orms.js knex', 'migrations, orders, transactions with savepoints, pages, sums, upsert, stream'),
    node('sequelize', 'orms.js sequelize', 'models, sync, relations, transactions with savepoints, pages, sums, upsert, locks'),
    node('typeorm', 'orms.js typeorm', 'migrations, entities, relations, transactions with savepoints, pages, sums, upsert, locks'),
    node('drizzle-orm', 'orms.js drizzle', 'schema, relations, transactions with savepoints, pages, sums, prepared, upsert'),
]
