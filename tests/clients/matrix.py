"""Runs the clients' programs (tests/clients/NAME) direct on the primary and through wye, and compares what they print, line by line.

A program prints JSON lines {"step": ..., "value": ...} (or plain lines) and exits with 0. It gets HOST, PORT, USER_NAME, PASSWORD, DATABASE, FLAVOUR and
CA (the servers' and wye's certificate) in its environment."""
import fcntl
import json
import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

from both_ways import differences, fresh_schema
from sandbox import REPOSITORY, Sandbox, wait_until

HERE = Path(__file__).resolve().parent
BUILD = REPOSITORY / 'build/clients'
SCHEMA = 'shop'


class Client:
    """`argv`: of the program, after `prepare` made what it needs. `version`: argv that prints it. `replicas`: so many reads must have
    gone to replicas. `flavours`: where it can log in. `exceptions`: lines that differ and are
    meant to. `absent`: flavour -> why it is not run there."""

    def __init__(self, name, argv, version, compared, replicas=20, flavours=('mysql', 'mariadb'), fast=False, prepare=None, environment=None,
                 exceptions=(), deadline=180, absent=None):
        self.name, self.argv, self.version, self.compared, self.replicas = name, argv, version, compared, replicas
        self.slug = re.sub(r'\W', '-', name)
        self.flavours, self.fast, self.prepare, self.environment = flavours, fast, prepare, environment or {}
        self.exceptions, self.deadline, self.absent = exceptions, deadline, absent or {}


class Differs:
    """Lines of these clients whose step matches `step` differ, because of `reason`. A pattern that matches no difference is out of date: a
    failure, unless it is one that comes and goes (`sometimes`)."""

    def __init__(self, step, reason, flavours=('mysql', 'mariadb'), sometimes=False):
        self.step, self.reason, self.flavours, self.sometimes = re.compile(step), reason, flavours, sometimes


def work(flavour):
    """A folder of one run: two flavours may run at once."""
    folder = BUILD / flavour
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def certificate(flavour):
    """One self-signed certificate for the servers and wye, so that TLS is there both ways, and clients can verify it."""
    key, certificate_file = work(flavour) / 'server.key', work(flavour) / 'server.pem'
    if certificate_file.exists() and time.time() - certificate_file.stat().st_mtime < 86400:
        return key, certificate_file
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext',
                    'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', certificate_file], check=True, capture_output=True)
    key.chmod(0o600)
    return key, certificate_file


def sandbox(flavour):
    """Servers and wye with the same certificate; the client's schema is made anew for each run."""
    key, certificate_file = certificate(flavour)
    tls = {'ssl_cert': certificate_file, 'ssl_key': key, 'ssl_ca': certificate_file}
    listen = lambda box: {'address': f'127.0.0.1:{box.wye.port}', 'cert': str(certificate_file), 'key': str(key)}
    return Sandbox(flavour, wye=True, server_options={'log_bin_trust_function_creators': 'ON', 'local_infile': 'ON', **tls},
                   wye_config=lambda box: {'workers': 3, 'listen': [listen(box)]})


def replica_reads(box):
    return sum(int(row['statements']) for row in box.wye.admin('SHOW ROUTES') if row['route'] == 'replica')


def statements(name):
    return [line for line in (HERE / f'shared/{name}.sql').read_text().splitlines() if line and not line.startswith('--')]


def prepare(box):
    """The schema as every program finds it, and wye knows that the replicas have it: a program's first reads are theirs."""
    fresh_schema(box, SCHEMA)
    box.primary.sql(f'USE {SCHEMA}', "SET NAMES utf8mb4", *statements('setup'))
    box.sync()
    with box.connect(database=SCHEMA) as connection:
        wait_until(lambda: connection.query('SELECT @@server_id FROM book LIMIT 1').rows[0][0] != '1', 30, 'wye sends no read to a replica')


def once(box, client, port):
    """What the program prints (stderr behind it), its exit code and the seconds."""
    prepare(box)
    return program(box, client, port)


def program(box, client, port):
    environment = {**os.environ, 'HOST': '127.0.0.1', 'PORT': str(port), 'USER_NAME': 'app', 'PASSWORD': 'sandbox-app', 'DATABASE': SCHEMA,
                   'FLAVOUR': box.flavour.name, 'CA': str(work(box.flavour.name) / 'server.pem'), 'TZ': 'UTC', 'LC_ALL': 'C.UTF-8', 'BUILD': str(BUILD), 'SHARED': str(HERE / 'shared'), **client.environment}
    started = time.monotonic()
    with open(work(box.flavour.name) / f'{client.slug}.err', 'wb+') as errors:
        try:
            done = subprocess.run(client.argv(box) if callable(client.argv) else client.argv, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=errors, timeout=client.deadline, cwd=work(box.flavour.name))
            text, code = done.stdout, done.returncode
        except subprocess.TimeoutExpired as late:
            text, code = late.stdout or b'', f'no end within {client.deadline} s'
        errors.seek(0)
        said = errors.read().decode('utf-8', 'replace')
    text = text.decode('utf-8', 'replace').replace(f'127.0.0.1:{port}', 'HOST:PORT').replace(f'port {port}', 'port PORT').replace(f'port={port}', 'port=PORT')
    return text + ''.join(f'stderr: {line}\n' for line in said.splitlines()), code, time.monotonic() - started


def step(line):
    found = re.match(r'\{"step": ?("(?:[^"\\]|\\.)*")', line)
    return json.loads(found.group(1)) if found else line


def compared(client, flavour, direct, through):
    """(equal lines, lines, excused reasons, trouble). Lines are paired by difflib, so that one more does not spoil what follows."""
    exceptions = [e for e in client.exceptions if flavour in e.flavours]
    old, new = direct.splitlines(), through.splitlines()
    excused = lambda line: next((e for e in exceptions if e.step.search(step(line))), None)
    of = lambda lines, exception: [line for line in lines if excused(line) is exception]
    used = {e for e in exceptions if of(old, e) != of(new, e)}
    keep = lambda lines: '\n'.join(of(lines, None))
    trouble = differences(keep(old), keep(new))
    stale = [f'the exception /{e.step.pattern}/ is out of date: nothing differs' for e in exceptions if e not in used and not e.sometimes]
    left = Counter(old) - Counter(new)
    equal = len(old) - left.total()
    return equal, len(old), used, '\n'.join([*([trouble] if trouble else []), *stale])


def check(box, tally, client):
    """Runs one client both ways. What was seen, for the table; None if it can't run here."""
    flavour = box.flavour.name
    name = f'{client.name}: the same direct and through wye'
    if client.prepare:
        with open(BUILD / 'lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            client.prepare()
    version = client.version()
    direct, code, first = once(box, client, box.primary.port)
    before = replica_reads(box)
    through, other, second = once(box, client, box.wye.port)
    reads = replica_reads(box) - before
    for way, text in (('direct', direct), ('wye', through)):
        (work(flavour) / f'{client.slug}-{way}.txt').write_text(text)
    equal, lines, used, trouble = compared(client, flavour, direct, through)
    if os.environ.get('ROUTES'):
        print(*[' '.join(map(str, row.values())) for row in box.wye.admin('SHOW ROUTES')], sep='\n')
    print(f'{client.name} {version}: {equal} of {lines} lines equal, {reads} reads on replicas, {first:.1f} s direct, {second:.1f} s through wye', flush=True)
    if (code, other) != (0, 0) and not any(e.step.pattern == '' for e in used):  # an exception for all its lines: it may not get to its end
        trouble += f'\nexit code {code} direct, {other} through wye; the ends:\n{direct[-400:]}\n{through[-400:]}'
    tally.check(name, trouble)
    tally.check(f'{client.name}: replicas served reads', reads < client.replicas and f'only {reads}; at least {client.replicas} were expected')
    return {'version': version, 'equal': equal, 'lines': lines, 'compared': client.compared,
            'exceptions': sorted({e.reason for e in used})}
