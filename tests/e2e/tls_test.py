#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mariadb
"""TLS on both sides, real clients and servers: modes, verification, client certificates, reload without restart, resumption."""
import hashlib
import itertools
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace

import flavours
import ports
from both_ways import Tally
from client import ServerError
from raw import Raw, frame
from sandbox import Sandbox, wait_until

PROTOCOL_41, TLS, SECURE, PLUGIN_AUTH, LONG_PASSWORD = 0x200, 0x800, 0x8000, 0x80000, 0x1
REQUEST = struct.pack('<IIB23x', PROTOCOL_41 | TLS | SECURE | PLUGIN_AUTH | LONG_PASSWORD, 1 << 24, 45)


class Authority:
    """A certificate authority in a folder, and what it signs."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key, self.cert = folder / f'{name}.key', folder / f'{name}.pem'
        self._openssl('req', '-x509', *self._new_key(self.key), '-out', self.cert, '-days', '30', '-subj', f'/CN={name}')

    @staticmethod
    def _new_key(path):
        return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path]

    @staticmethod
    def _openssl(*argv):
        subprocess.run(['openssl', *map(str, argv)], check=True, capture_output=True, timeout=60)

    def sign(self, name, alternative='IP:127.0.0.1,DNS:localhost', days=30):
        """(certificate, key) of `name`."""
        key, cert, request, extra = (self.folder / f'{name}.{end}' for end in ('key', 'pem', 'csr', 'ext'))
        extra.write_text(f'subjectAltName={alternative}\n')
        self._openssl('req', *self._new_key(key), '-out', request, '-subj', f'/CN={name}')
        self._openssl('x509', '-req', '-in', request, '-CA', self.cert, '-CAkey', self.key, '-out', cert, '-days', days, '-extfile', extra)
        return cert, key


def put(pair, to):
    """A renewed certificate takes the place of the old one, as an operator's tool would put it there."""
    for source, target in zip(pair, to):
        fresh = target.with_suffix('.fresh')
        shutil.copyfile(source, fresh)
        fresh.rename(target)


class Secured(Raw):
    """A handshake of TLS as a client makes it, and no more: what it negotiated, whose certificate it saw."""

    def __init__(self, port, session=None, context=None, most=None):
        super().__init__(SimpleNamespace(wye=SimpleNamespace(port=port)))
        self.context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if context is None:
            self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
            if most:
                self.context.maximum_version = most
        self.greeting()
        self.send(frame(REQUEST, 1))
        self.sock = self.context.wrap_socket(self.sock, session=session)

    def said(self):
        """The code of the server's error to a login of nobody: with its answer, the tickets have come."""
        self.send(frame(REQUEST + b'nobody\0' + b'\0' + b'mysql_native_password\0', 2))
        while (packet := self.packet()) is not None:
            if packet[1][:1] == b'\xff':
                return struct.unpack_from('<H', packet[1], 1)[0]
            self.send(frame(b'', packet[0] + 1))
        return None

    def seen(self):
        return hashlib.sha256(self.sock.getpeercert(True)).hexdigest()


def fingerprint(cert):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(cert.read_text())).hexdigest()


def shell(family, port, *options):
    """What the shell says of its connection: its cipher, '' without TLS, or the error."""
    user = ['--loose-commands', '--user=app', '--password=sandbox-app']  # MySQL 9's shell has \s only when asked
    argv = [*flavours.flavour(family).binaries.client, '--no-defaults', '--protocol=TCP', '-h', '127.0.0.1', '-P', str(port), *user, *options,
            '-e', r'\s']
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    if done.returncode:
        return 'ERROR ' + done.stderr
    found = re.search(r'^SSL:\s*(.*)$', done.stdout, re.M).group(1)
    return '' if found.startswith('Not in use') else found


def clients_choose(box, tally, files):
    family = box.flavour.name
    modes = {'mysql': {'off': ['--ssl-mode=DISABLED', '--get-server-public-key'], 'preferred': ['--get-server-public-key'],
                       'required': ['--ssl-mode=REQUIRED'], 'ca': ['--ssl-mode=VERIFY_CA', f'--ssl-ca={files.ca.cert}'],
                       'identity': ['--ssl-mode=VERIFY_IDENTITY', f'--ssl-ca={files.ca.cert}'],
                       'other ca': ['--ssl-mode=VERIFY_CA', f'--ssl-ca={files.other.cert}']},
             'mariadb': {'off': ['--skip-ssl'], 'preferred': ['--ssl'],
                         'identity': ['--ssl', '--ssl-verify-server-cert', f'--ssl-ca={files.ca.cert}'],
                         'other ca': ['--ssl', '--ssl-verify-server-cert', f'--ssl-ca={files.other.cert}']}}[family]
    listeners = {'off': files.ports.off, 'preferred': box.wye.port, 'required': files.ports.required}
    for (listener, port), (mode, options) in itertools.product(listeners.items(), modes.items()):
        said = shell(family, port, *options)
        insists = mode not in ('off', 'preferred')
        refused = mode == 'other ca' or (insists and listener == 'off') or (mode == 'off' and listener == 'required')
        want = 'an error' if refused else 'clear' if listener == 'off' or mode == 'off' else 'TLS'
        got = 'an error' if said.startswith('ERROR') else 'TLS' if said else 'clear'
        tally.check(f'listener {listener}, {family} shell {mode}: {want}', got != want and f'{got}: {said}')
    said = shell(family, files.ports.required, *modes['off'])
    tally.check('the listener that requires TLS says so', 'insecure transport' not in said and said)


def client_certificates(box, tally, files):
    cert, key = files.ca.sign('someone')
    wrong, wrong_key = files.other.sign('stranger')
    family = box.flavour.name
    for name in ('certified', 'optional'):
        port = getattr(files.ports, name)
        tls = ['--ssl-mode=REQUIRED'] if family == 'mysql' else ['--ssl']
        rows = {'right': (shell(family, port, *tls, f'--ssl-cert={cert}', f'--ssl-key={key}'), True),
                'none': (shell(family, port, *tls), name == 'optional'),
                'wrong': (shell(family, port, *tls, f'--ssl-cert={wrong}', f'--ssl-key={wrong_key}'), False)}
        for case, (said, taken) in rows.items():
            tally.check(f'{name} client certificate, {family} shell: {case}', said.startswith('ERROR') == taken and said)


def reload(box, tally, files):
    place = files.folder / 'wye.pem', files.folder / 'wye.key'
    old, renewed = fingerprint(place[0]), files.ca.sign('renewed')
    with Secured(box.wye.port) as before:
        tally.check('before: the certificate of the file', before.seen() != old and before.seen())
    with box.wye.connect(tls='required') as open_one:
        open_one.query('CREATE TABLE reloaded (id INT)')
        open_one.query('BEGIN')
        open_one.query('INSERT INTO reloaded VALUES (1)')
        put(renewed, place)
        box.wye.reload()

        def new_one():
            with Secured(box.wye.port) as now:
                return now.seen() == fingerprint(renewed[0])
        wait_until(lambda: all(new_one() for _ in range(8)), 20, 'new connections see the old certificate')  # all workers
        tally.check('new connections see the new certificate', None)
        open_one.query('COMMIT')
        tally.check('an open session and its transaction go on', open_one.query('SELECT COUNT(*) FROM reloaded').rows != [('1',)] and 'no')
        place[0].write_text('this is no certificate\n')
        box.wye.reload()
        wait_until(lambda: 'tls_not_reloaded' in box.wye.log.read_text(), 20, 'a bad file is not reported')
        tally.check('a bad file leaves the old certificate', not new_one() and 'gone')
        tally.check('and the sessions', open_one.query('SELECT 1').rows != [('1',)] and 'gone')
    put(renewed, place)
    # The same certificate again: only the log tells when it is in place, and whoever came before can't resume after.
    done = box.wye.log.read_text().count('event=config_reloaded')
    box.wye.reload()
    wait_until(lambda: box.wye.log.read_text().count('event=config_reloaded') > done, 20, 'the reload is not reported')
    with box.wye.connect(tls='required') as worker:
        worker.query('SELECT 1')


def resumed_by_clients(box, tally):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        name = version.name

        def resumes():
            with Secured(box.wye.port, most=version) as first:
                negotiated, fresh = first.sock.version(), not first.sock.session_reused
                first.said()
                kept, context = first.sock.session, first.context
            with Secured(box.wye.port, kept, context) as second:
                again = second.sock.session_reused
                return (negotiated, second.said()) if fresh and again else None
        # The workers take the certificate that was just reloaded one after the other, and a session of one they can't resume with the other.
        negotiated, said = wait_until(resumes, 20, f'{name}: no client resumes its session')
        tally.check(f'{name} is negotiated', negotiated != name.replace('v1_', 'v1.') and negotiated)
        tally.check(f'{name}: a client resumes its session', None)
        tally.check(f'{name}: and goes on', said is None and 'closed')


def old_versions(box, tally):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers('ALL:@SECLEVEL=0')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        with Secured(box.wye.port, context=context) as old:
            tally.check('TLS 1.1 is refused', old.sock.version())
    except (ssl.SSLError, ConnectionError):
        tally.check('TLS 1.1 is refused', None)


def status(box, name):
    return int(box.primary.sql(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1])


def resumed_by_wye(box, tally):
    """Each login is checked by the primary on a connection of its own."""
    def log_in(times):
        for _ in range(times):
            with box.wye.connect(tls='off' if box.flavour.name == 'mariadb' else 'required') as connection:
                connection.query('SELECT 1')
    log_in(8)  # every worker has had a first one
    accepted, hits = status(box, 'Ssl_finished_accepts'), status(box, 'Ssl_session_cache_hits')
    log_in(20)
    new, resumed = status(box, 'Ssl_finished_accepts') - accepted, status(box, 'Ssl_session_cache_hits') - hits
    print(f'the server: {new} new connections with TLS, {resumed} resumed')
    if box.flavour.name == 'mysql':  # MariaDB 10.11 gives tickets of TLS 1.3, but resumes nothing (nor for openssl s_client)
        tally.check('wye resumes its sessions with the server', resumed < 15 and f'{resumed} of {new}')


def reload_server(box, pair, files):
    put(pair, (files.folder / 'server.pem', files.folder / 'server.key'))
    box.primary.sql('ALTER INSTANCE RELOAD TLS' if box.flavour.name == 'mysql' else 'FLUSH SSL')


def verification(box, tally, files):
    """backend.tls: verify, the server's certificate being right or wrong in each way."""
    good, name_only = files.ca.sign('server'), files.ca.sign('by-name', 'DNS:localhost')
    elsewhere, expired = files.ca.sign('elsewhere', 'IP:10.1.1.1,DNS:db.example.com'), files.ca.sign('expired', days=-1)
    cases = {'right, by address': (good, '127.0.0.1', files.ca, True), 'right, by name': (name_only, 'localhost', files.ca, True),
             'a name, but asked by address': (name_only, '127.0.0.1', files.ca, False),
             'another host': (elsewhere, 'localhost', files.ca, False), 'another authority': (good, '127.0.0.1', files.other, False),
             'expired': (expired, '127.0.0.1', files.ca, False)}
    if box.flavour.name == 'mysql':
        del cases['expired']  # MySQL itself does not take such a certificate
    for name, (pair, host, authority, taken) in cases.items():
        box.wye.stop()
        reload_server(box, pair, files)
        box.wye.create(box.servers, {'servers': [{'name': 'db1', 'address': f'{host}:{box.primary.port}'}], 'sessions': {'login_timeout': '3s'},
                                     'backend': {'tls': 'verify', 'ca': str(authority.cert)}})
        box.wye.launch()

        def outcome():
            try:
                with box.wye.connect(tls='required', timeout=20) as connection:
                    return connection.query('SELECT 40 + 2').rows[0][0]
            except ConnectionRefusedError:
                return None
            except ServerError as error:
                return str(error)
        said = wait_until(outcome, 40, 'wye says nothing')
        tally.check(f'verify: {name}', (said == '42') != taken and said)
    box.wye.stop()
    reload_server(box, good, files)


def greets(port):
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=5) as probe:
            return probe.recv(5)[4:] == b'\x0a'
    except OSError:
        return False


def required(box, tally, files):
    """backend.tls: required, and a server that offers none."""
    box.wye.create(box.servers, {'backend': {'tls': 'required'}, 'sessions': {'login_timeout': '3s'}})
    config = box.primary.config
    config.write_text(re.sub(r'^ssl_\w+ = .*\n', '', config.read_text(), flags=re.M)
                      + ('tls_version =\n' if box.flavour.name == 'mysql' else 'skip_ssl\n'))
    box.primary.stop()
    box.primary.launch()
    # The sandbox's own client can't log in without TLS (caching_sha2_password), so a greeting has to do.
    wait_until(lambda: greets(box.primary.port), 60, 'the server does not come back')
    box.wye.launch()

    def refused():
        try:
            with box.wye.connect(tls='required', timeout=20):
                return 'logged in'
        except ConnectionRefusedError:
            return None
        except ServerError as error:
            return str(error)
    said = wait_until(refused, 40, 'wye says nothing')
    tally.check('required: a server without TLS is not used', 'logged in' in said and said)
    box.wye.stop()
    if box.flavour.name == 'mysql':
        return  # without TLS the monitor's library can't log in with caching_sha2_password
    box.wye.create(box.servers, {'backend': {'tls': 'preferred'}})
    box.wye.start()
    tally.check('preferred: it is', None)


def main(folder):
    tally = Tally()
    folder, (port, *more) = Path(folder), ports.take(5)
    files = SimpleNamespace(folder=folder, ca=Authority(folder, 'ca'), other=Authority(folder, 'other'),
                            ports=SimpleNamespace(**dict(zip(('off', 'required', 'certified', 'optional'), more))))
    put(files.ca.sign('first'), (folder / 'wye.pem', folder / 'wye.key'))
    put(files.ca.sign('server'), (folder / 'server.pem', folder / 'server.key'))
    own = {'cert': str(folder / 'wye.pem'), 'key': str(folder / 'wye.key')}
    listen = [{'address': f'127.0.0.1:{port}', **own}]
    for name, more in {'off': {'tls': 'off'}, 'required': {'tls': 'required', **own},
                       'certified': {'tls': 'required', 'ca': str(files.ca.cert), **own},
                       'optional': {'ca': str(files.ca.cert), 'verify_client': 'optional', **own}}.items():
        listen.append({'address': f'127.0.0.1:{getattr(files.ports, name)}', **more})
    server = {'ssl_ca': files.ca.cert, 'ssl_cert': folder / 'server.pem', 'ssl_key': folder / 'server.key'}
    with Sandbox(wye=True, replicas=0, wye_port=port, wye_config={'listen': listen}, server_options=server) as box:
        clients_choose(box, tally, files)
        client_certificates(box, tally, files)
        reload(box, tally, files)
        resumed_by_clients(box, tally)
        old_versions(box, tally)
        resumed_by_wye(box, tally)
        verification(box, tally, files)
        required(box, tally, files)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as own:
        sys.exit(main(own))
