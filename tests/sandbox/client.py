"""A small MySQL client (text protocol), so that the sandbox and the tests need nothing but Python.

    with Connection('127.0.0.1', 3306, 'app', 'secret', 'shop') as c:
        rows = c.query('SELECT 1').rows          # [('1',)]: every value is str or None

One connection, one thread. Every wait has the connection's `timeout`. Passwords that caching_sha2_password wants in clear
go over TLS only (certificates are not checked: it is meant for 127.0.0.1).
"""
import hashlib
import socket
import ssl
import struct
from dataclasses import dataclass, field

PROTOCOL_41, CONNECT_WITH_DB, TLS, SECURE, PLUGIN_AUTH = 0x200, 0x8, 0x800, 0x8000, 0x80000
MULTI_STATEMENTS, MULTI_RESULTS, TRANSACTIONS, LONG_PASSWORD, LENENC_AUTH = 0x10000, 0x20000, 0x2000, 0x1, 0x200000
MORE_RESULTS = 0x8


class ServerError(Exception):
    """An ERR packet: `code`, `state` (SQLSTATE) and `message`."""

    def __init__(self, code, state, message):
        super().__init__(f'{code} ({state}): {message}')
        self.code, self.state, self.message = code, state, message


@dataclass
class Result:
    columns: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    affected: int = 0
    insert_id: int = 0
    status: int = 0
    warnings: int = 0

    def dicts(self):
        return [dict(zip(self.columns, row)) for row in self.rows]


def _lenenc(data, at):
    first = data[at]
    if first < 0xFB:
        return first, at + 1
    if first == 0xFB:
        return None, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1:at + 1 + size], 'little'), at + 1 + size


def _lenenc_bytes(data, at):
    size, at = _lenenc(data, at)
    if size is None:
        return None, at
    return data[at:at + size], at + size


def _native(password, nonce):
    if not password:
        return b''
    stage1 = hashlib.sha1(password).digest()
    mix = hashlib.sha1(nonce + hashlib.sha1(stage1).digest()).digest()
    return bytes(a ^ b for a, b in zip(stage1, mix))


def _sha2(password, nonce):
    if not password:
        return b''
    stage1 = hashlib.sha256(password).digest()
    mix = hashlib.sha256(hashlib.sha256(stage1).digest() + nonce).digest()
    return bytes(a ^ b for a, b in zip(stage1, mix))


class Connection:
    def __init__(self, host='127.0.0.1', port=3306, user='root', password='', database=None, unix=None, timeout=10.0,
                 tls='preferred'):
        """`tls`: off | preferred | required. `unix`: path of a socket, instead of host and port."""
        self._password = password.encode()
        self._secure = unix is not None
        if unix:
            self._sock = socket.socket(socket.AF_UNIX)
            self._sock.settimeout(timeout)
            self._sock.connect(unix)
        else:
            self._sock = socket.create_connection((host, int(port)), timeout=timeout)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._log_in(user, database, tls)
        except BaseException:
            self._sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self._seq = 0
            self._write(b'\x01')
        except OSError:
            pass
        self._sock.close()

    def query(self, sql):
        """The first result; the others of a multi-statement are read and dropped. Raises ServerError."""
        return self.query_all(sql)[0]

    def query_all(self, sql):
        self._seq = 0
        self._write(b'\x03' + (sql if isinstance(sql, bytes) else sql.encode()))
        results = [self._result()]
        while results[-1].status & MORE_RESULTS:
            results.append(self._result())
        return results

    def ping(self):
        self._seq = 0
        self._write(b'\x0e')
        self._ok(self._read())

    # packets

    def _exactly(self, size):
        parts = []
        while size:
            part = self._sock.recv(min(size, 1 << 20))
            if not part:
                raise ConnectionError('the server closed the connection')
            parts.append(part)
            size -= len(part)
        return b''.join(parts)

    def _read(self):
        payload = b''
        while True:
            head = self._exactly(4)
            size, self._seq = int.from_bytes(head[:3], 'little'), (head[3] + 1) & 0xFF
            payload += self._exactly(size)
            if size < 0xFFFFFF:
                break
        if payload[:1] == b'\xff':
            code, = struct.unpack_from('<H', payload, 1)
            text = payload[3:].decode('utf-8', 'replace')
            state, text = (text[1:6], text[6:]) if text[:1] == '#' else ('HY000', text)
            raise ServerError(code, state, text)
        return payload

    def _write(self, payload):
        while True:
            part, payload = payload[:0xFFFFFF], payload[0xFFFFFF:]
            self._sock.sendall(len(part).to_bytes(3, 'little') + bytes([self._seq]) + part)
            self._seq = (self._seq + 1) & 0xFF
            if len(part) < 0xFFFFFF:
                return

    # login

    def _log_in(self, user, database, tls):
        hello = self._read()
        end = hello.index(b'\0', 1)
        self.server_version = hello[1:end].decode()
        self.thread_id, = struct.unpack_from('<I', hello, end + 1)
        nonce = hello[end + 5:end + 13]
        low, self.charset, _, high, _ = struct.unpack_from('<HBHHB', hello, end + 14)
        nonce += hello[end + 32:end + 44]
        offered = low | high << 16
        plugin = hello[end + 45:].split(b'\0')[0].decode() if offered & PLUGIN_AUTH else 'mysql_native_password'
        want = (PROTOCOL_41 | SECURE | PLUGIN_AUTH | MULTI_STATEMENTS | MULTI_RESULTS | TRANSACTIONS | LONG_PASSWORD |
                LENENC_AUTH | (CONNECT_WITH_DB if database else 0)) & offered
        if tls != 'off' and not self._secure and offered & TLS:
            want |= TLS
        elif tls == 'required' and not self._secure:
            raise ConnectionError('the server offers no TLS')
        head = struct.pack('<IIB23x', want, (1 << 30) - 1, 45)
        if want & TLS:
            self._write(head)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._sock = context.wrap_socket(self._sock)
            self._secure = True
        answer = self._scramble(plugin, nonce)
        self._write(head + user.encode() + b'\0' + bytes([len(answer)]) + answer +
                    (database.encode() + b'\0' if database else b'') + plugin.encode() + b'\0')
        self._finish_login(plugin, nonce)

    def _scramble(self, plugin, nonce):
        if plugin == 'mysql_clear_password' and self._secure:
            return self._password + b'\0'
        return (_sha2 if plugin == 'caching_sha2_password' else _native)(self._password, nonce)

    def _finish_login(self, plugin, nonce):
        while True:
            packet = self._read()
            if packet[0] == 0x00:
                return
            if packet[0] == 0xFE:
                name, _, rest = packet[1:].partition(b'\0')
                plugin, nonce = name.decode(), rest.rstrip(b'\0')
                self._write(self._scramble(plugin, nonce))
            elif packet[:2] == b'\x01\x04':
                if not self._secure:
                    raise ConnectionError('caching_sha2_password wants the password, and the connection has no TLS')
                self._write(self._password + b'\0')
            elif packet[:2] != b'\x01\x03':
                raise ConnectionError(f'unexpected packet at login: {packet[:16]!r}')

    # results

    @staticmethod
    def _ok(packet):
        result = Result()
        result.affected, at = _lenenc(packet, 1)
        result.insert_id, at = _lenenc(packet, at)
        result.status, result.warnings = struct.unpack_from('<HH', packet, at)
        return result

    def _result(self):
        packet = self._read()
        if packet[0] == 0x00:
            return self._ok(packet)
        if packet[0] == 0xFB:
            self._write(b'')  # LOCAL INFILE: this client sends no file
            return self._ok(self._read())
        count, _ = _lenenc(packet, 0)
        result = Result()
        for _ in range(count):
            column, at = self._read(), 0
            for _ in range(5):  # catalog, schema, table, original table, name
                name, at = _lenenc_bytes(column, at)
            result.columns.append(name.decode())
        self._read()  # EOF after the columns
        while True:
            packet = self._read()
            if packet[0] == 0xFE and len(packet) < 9:
                result.warnings, result.status = struct.unpack_from('<HH', packet, 1)
                return result
            row, at = [], 0
            for _ in range(count):
                value, at = _lenenc_bytes(packet, at)
                row.append(None if value is None else value.decode('utf-8', 'surrogateescape'))
            result.rows.append(tuple(row))
