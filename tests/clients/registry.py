"""The clients: how each program is run, and what differs and why."""
import re
import subprocess


from matrix import HERE, Client, Differs


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

DRIVER = 'types, text, reads, session state, errors, transactions, deadlock, big values, stored programs'

# Not built yet when these programs were written: the lines are there and turn equal with it.
PENDING = [Differs(r'^(infile|kill|compressed):', 'LOCAL INFILE, KILL by the id that a client knows, and compression are not there yet', sometimes=True)]

CLIENTS = [
    Client('pymysql', ['/usr/bin/python3', str(HERE / 'python/program.py'), 'pymysql'], debian('python3-pymysql'),
           f'{DRIVER}, executemany, SSCursor, LOCAL INFILE, KILL', fast=True, exceptions=PENDING),
    Client('mysqldb', ['/usr/bin/python3', str(HERE / 'python/program.py'), 'MySQLdb'], debian('python3-mysqldb'),
           f'{DRIVER}, executemany, SSCursor, LOCAL INFILE, KILL', fast=True, exceptions=PENDING),
    Client('php mysqli', ['php', str(HERE / 'php/mysqli.php')], debian('php8.2-mysql'),
           f'{DRIVER}, prepared, use_result, cursors, send_long_data, asynchronous, multi_query, change_user', fast=True, exceptions=PENDING),
    Client('php PDO', ['php', str(HERE / 'php/pdo.php')], debian('php8.2-mysql'),
           'types, reads, session state, errors; emulated and real prepares, orders, fetch modes, rowsets, unbuffered', fast=True, exceptions=PENDING),
]
