"""A client for tests of logging in: the plugin, the transport and what is sent are chosen by the test.

    outcome(port, 'app', 'secret', tls=False)     # ('in', rows of WHOAMI) or (errno, SQLSTATE, text) or ('client', why)

Plugins: caching_sha2_password (TLS, RSA), sha256_password (TLS, RSA), mysql_native_password, mysql_clear_password, client_ed25519."""
import base64
import ctypes
import ctypes.util
import hashlib
import os
import struct

from client import CONNECT_WITH_DB, PLUGIN_AUTH, Connection, ServerError, _native, _sha2

CAN_HANDLE_EXPIRED_PASSWORDS = 1 << 22
WHOAMI = 'SELECT CURRENT_USER(), USER(), DATABASE()'
SHA2, SHA256, NATIVE, CLEAR, ED25519 = ('caching_sha2_password', 'sha256_password', 'mysql_native_password', 'mysql_clear_password',
                                        'client_ed25519')


class Unable(Exception):
    """The client itself can't go on: its plugins do not do what the server asks for."""


def _rsa_key(pem):
    """(modulus, exponent) of a SubjectPublicKeyInfo."""
    der = base64.b64decode(b''.join(line for line in pem.splitlines() if not line.startswith(b'-')))
    numbers, at = [], 0

    def head(at):
        size, at = der[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(der[at:at + count], 'big'), at + count
        return size, at
    while len(numbers) < 2:
        tag = der[at]
        size, at = head(at)
        if tag == 0x02:
            numbers.append(int.from_bytes(der[at:at + size], 'big'))
            at += size
        elif tag == 0x03:
            at += 1  # BIT STRING: the count of unused bits
        elif tag != 0x30:
            at += size
        if tag == 0x30 and der[at] == 0x06:  # AlgorithmIdentifier: its content is passed over
            at += head(at)[0] + 2 + 2
    return numbers


def _oaep(message, pem):
    """RSAES-OAEP with SHA-1 (RFC 8017, 7.1.1)."""
    modulus, exponent = _rsa_key(pem)
    size = (modulus.bit_length() + 7) // 8
    if len(message) > size - 42:
        raise Unable('the password is too long for the RSA key')

    def mask(seed, length):
        return b''.join(hashlib.sha1(seed + struct.pack('>I', i)).digest() for i in range(length // 20 + 1))[:length]

    def xor(a, b):
        return bytes(x ^ y for x, y in zip(a, b))
    block = hashlib.sha1(b'').digest() + bytes(size - len(message) - 42) + b'\1' + message
    seed = os.urandom(20)
    masked = xor(block, mask(seed, len(block)))
    padded = b'\0' + xor(seed, mask(masked, 20)) + masked
    return pow(int.from_bytes(padded, 'big'), exponent, modulus).to_bytes(size, 'big')


def _ed25519(password, message):
    """MariaDB's signature: RFC 8032 with SHA-512 of the password in place of SHA-512 of a seed."""
    sodium = ctypes.CDLL(ctypes.util.find_library('sodium'))
    key = bytearray(hashlib.sha512(password).digest())
    key[0] &= 248
    key[31] = key[31] & 63 | 64

    def call(name, size, *parts):
        out = ctypes.create_string_buffer(size)
        getattr(sodium, name)(out, *(bytes(part) for part in parts))
        return out.raw

    def reduced(*parts):
        return call('crypto_core_ed25519_scalar_reduce', 32, hashlib.sha512(b''.join(parts)).digest())
    public = call('crypto_scalarmult_ed25519_base_noclamp', 32, key[:32])
    nonce = reduced(key[32:], message)
    point = call('crypto_scalarmult_ed25519_base_noclamp', 32, nonce)
    product = call('crypto_core_ed25519_scalar_mul', 32, reduced(point, public, message), key[:32])
    return point + call('crypto_core_ed25519_scalar_add', 32, product, nonce)


class LoginClient(Connection):
    """`plugin`: what the client begins with; None: what the server greets with. `flags`: more capabilities.
    `plugins`: what it has; others it can't be switched to."""

    def __init__(self, port, user, password, database=None, tls=True, plugin=None, flags=0, plugins=None, timeout=30.0, host='127.0.0.1'):
        self._own_plugin, self._flags = plugin, flags
        self._plugins = plugins or (SHA2, SHA256, NATIVE, CLEAR, ED25519)
        self._secret = password if isinstance(password, bytes) else password.encode()
        super().__init__(host, port, user, '', database, timeout=timeout, tls='required' if tls else 'off')

    def change_user(self, user, password, database=''):
        self._secret, self._seq = password.encode(), 0
        plugin = self._own_plugin or self._greeted
        self._write(b'\x11' + user.encode() + b'\0\0' + database.encode() + b'\0' + struct.pack('<H', 45) + plugin.encode() + b'\0')
        self._finish_login(plugin, b'')

    def _log_in(self, user, database, tls):
        self._password = self._secret
        super()._log_in(user, database, tls)

    def _write(self, payload):
        if self._seq in (1, 2) and len(payload) >= 32 and payload[9:32] == bytes(23):  # SSLRequest, handshake's answer
            payload = (int.from_bytes(payload[:4], 'little') | self._flags).to_bytes(4, 'little') + payload[4:]
            greeted = getattr(self, '_greeted', '').encode() + b'\0'
            if self._own_plugin and len(payload) > 32:
                payload = payload.removesuffix(greeted) + self._own_plugin.encode() + b'\0'
        super()._write(payload)

    def _scramble(self, plugin, nonce):
        if not hasattr(self, '_greeted'):
            self._greeted, self._nonce = plugin, nonce
            if self._own_plugin == CLEAR and self._secure:
                return self._answer(CLEAR, b'')
            if self._own_plugin not in (None, plugin):
                return b''  # no nonce for it yet
        return self._answer(plugin, nonce)

    def _answer(self, plugin, nonce):
        self._nonce = nonce[:20]
        if plugin not in self._plugins:
            raise Unable(f'no plugin {plugin}')
        if plugin == NATIVE:
            return _native(self._secret, nonce[:20])
        if plugin == SHA2:
            return _sha2(self._secret, nonce[:20])
        if plugin == ED25519:
            return _ed25519(self._secret, nonce[:32]) if self._secret else b''
        if plugin == CLEAR and not self._secure:
            raise Unable('mysql_clear_password without TLS')
        if not self._secret:
            return b'\0'
        return self._secret + b'\0' if self._secure else b'\1'

    def _finish_login(self, plugin, nonce):
        switches = 0
        while True:
            packet = self._read()
            if packet[0] == 0x00:
                self.switches = switches
                return
            if packet[0] == 0xFE:
                name, _, rest = packet[1:].partition(b'\0')
                plugin, switches = name.decode(), switches + 1
                self._write(self._answer(plugin, rest[:32] if plugin == ED25519 else rest))
            elif packet[:2] == b'\x01\x04' and plugin == SHA2:
                if self._secure:
                    self._write(self._secret + b'\0')
                    continue
                self._write(b'\2')
                self._send_cipher(self._read()[1:])
            elif packet[:2] == b'\x01-':
                self._send_cipher(packet[1:])
            elif packet[:2] != b'\x01\x03':
                raise Unable(f'unexpected packet at login: {packet[:16]!r}')

    def _send_cipher(self, pem):
        clear = self._secret + b'\0'
        self._write(_oaep(bytes(b ^ self._nonce[i % 20] for i, b in enumerate(clear)), pem))


def outcome(port, user, password, database=None, sql=(WHOAMI,), **options):
    """How a login and what follows it end; the same direct and through wye, or there is something to tell."""
    try:
        with LoginClient(port, user, password, database, **options) as client:
            said = ['in']
            for statement in sql:
                try:
                    said.append(client.query(statement).rows)
                except ServerError as error:
                    said.append((error.code, error.state, error.message))
            return tuple(said)
    except ServerError as error:
        return (error.code, error.state, error.message)
    except Unable as error:
        return ('client', str(error))
    except ConnectionError as error:
        return ('closed', str(error))
