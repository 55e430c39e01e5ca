#!/usr/bin/env python3
# deadline: 120
# flavours: mysql mariadb
"""Every command of the protocol, well formed or not, is answered byte for byte as direct; the session goes on. Connection attributes, PROXY headers."""
import re
import socket
import struct
import sys

import ports
from both_ways import Tally, differences
from client import Connection
from sandbox import Sandbox, ServerError, wait_until



class Commands(Connection):
    def command(self, payload, end='one'):
        """The answer's packets: one; or up to the EOF or ERR; or up to that behind the rows; or none."""
        self._seq = 0
        self._write(payload)
        packets, ends = [], 2 if end == 'rows' else 1
        while end != 'none':
            head = self._exactly(4)
            packet = self._exactly(int.from_bytes(head[:3], 'little'))
            packets.append((head[3], packet))
            ends -= packet[:1] == b'\xfe' and len(packet) < 9
            if end == 'one' or packet[:1] == b'\xff' or ends == 0:
                break
        return packets


def shown(packets):
    return ' '.join(f'{seq}:{payload.hex()}' for seq, payload in packets)


def prepared(connection, sql):
    connection._seq = 0
    connection._write(b'\x16' + sql)
    answer = connection._read()
    columns, parameters = struct.unpack_from('<HH', answer, 5)
    for count in (parameters, columns):
        for _ in range(count + 1 if count else 0):
            connection._read()
    return answer[1:5]


CASES = {
    'ping': (b'\x0e', 'one'),
    'init_db': (b'\x02shop', 'one'),
    'init_db, unknown': (b'\x02nowhere', 'one'),
    'init_db, empty': (b'\x02', 'one'),
    'set_option, several statements off': (b'\x1b\x01\x00', 'one'),
    'set_option, on': (b'\x1b\x00\x00', 'one'),
    'set_option, unknown': (b'\x1b\x07\x00', 'one'),
    'field_list': (b'\x04kinds\0%', 'end'),
    'field_list, unknown': (b'\x04nothing\0', 'end'),
    'process_kill, unknown': (b'\x0c\xff\xff\xff\x0f', 'one'),
    'execute, unknown': (b'\x17\x09\x09\0\0\0\x01\0\0\0', 'one'),
    'fetch, unknown': (b'\x1c\x09\x09\0\0\x01\0\0\0', 'one'),
    'reset, unknown': (b'\x1a\x09\x09\0\0', 'one'),
    'query, empty': (b'\x03', 'one'),
    'query, blank': (b'\x03   ', 'one'),
    'query, comment': (b'\x03-- nothing', 'one'),
    'query, syntax': (b'\x03SELEC 1', 'one'),
    'query, NUL': (b"\x03SELECT 'a\0b'", 'rows'),
    'prepare, syntax': (b'\x16SELEC 1', 'one'),
    'prepare, empty': (b'\x16', 'one'),
    **{f'unknown 0x{number:02x}': (bytes([number]), 'one')
       for number in (0x00, 0x05, 0x06, 0x0b, 0x0f, 0x10, 0x13, 0x14, 0x1d, 0x30, 0x7f, 0xff)},
}


def commands(box):
    box.primary.sql('CREATE TABLE shop.kinds (id INT PRIMARY KEY, name VARCHAR(20) DEFAULT \'x\', at TIMESTAMP NULL)')
    box.sync()
    for name, (payload, end) in CASES.items():
        answers = []
        for port in (box.primary.port, box.wye.port):
            with Commands('127.0.0.1', port, 'app', 'sandbox-app', 'shop') as c:
                answers.append(shown(c.command(payload, end)))
                assert c.query('SELECT 5').rows == [('5',)], name
        assert answers[0] == answers[1], f'{name}\n direct {answers[0]}\n wye    {answers[1]}'


def privileged_commands(box):
    """DEBUG, STATISTICS, PROCESS_INFO, REFRESH reach the primary; who may not hears that."""
    for user, password in (('app', 'sandbox-app'), ('root', 'sandbox-root')):
        for payload, end in ((b'\x0d', 'one'), (b'\x07\x01', 'one')):
            answers = []
            for port in (box.primary.port, box.wye.port):
                with Commands('127.0.0.1', port, user, password) as c:
                    answers.append(shown(c.command(payload, end)))
            assert answers[0] == answers[1], f'{user} {payload} {answers}'
    with Commands('127.0.0.1', box.wye.port, 'app', 'sandbox-app') as c:
        assert re.match(rb'Uptime: \d+ ', c.command(b'\x09')[0][1])
        assert c.query('SELECT 5').rows == [('5',)]


def cursors(box):
    """EXECUTE with a cursor, FETCH in pieces, RESET: the same packets."""
    box.primary.sql('CREATE TABLE shop.many (a INT PRIMARY KEY)', 'INSERT INTO shop.many VALUES ' + ','.join(f'({i})' for i in range(10)))
    box.sync()
    answers = []
    for port in (box.primary.port, box.wye.port):
        with Commands('127.0.0.1', port, 'app', 'sandbox-app', 'shop') as c:
            id_ = prepared(c, b'SELECT a FROM many ORDER BY a')
            said = [c.command(b'\x17' + id_ + b'\x01\x01\0\0\0', 'end')]
            said += [c.command(b'\x1c' + id_ + (4).to_bytes(4, 'little'), 'end') for _ in range(3)]
            said.append(c.command(b'\x1a' + id_))
            said.append(c.command(b'\x1c' + id_ + (1).to_bytes(4, 'little'), 'end'))
            # The last one is an error of the server's, which names its own number of the statement.
            answers.append(re.sub('28(?:3[0-9])+2920686173206e6f', '28nn2920686173206e6f', '\n'.join(shown(packets) for packets in said)))
    trouble = differences(*answers)
    assert not trouble, trouble


def long_data(box):
    """SEND_LONG_DATA in pieces, then EXECUTE, RESET, EXECUTE without: as direct."""
    box.primary.sql('CREATE TABLE shop.longer (a INT AUTO_INCREMENT PRIMARY KEY, b LONGTEXT)')
    box.sync()
    answers = []
    for port in (box.primary.port, box.wye.port):
        with Commands('127.0.0.1', port, 'app', 'sandbox-app', 'shop') as c:
            id_ = prepared(c, b'SELECT LENGTH(?), RIGHT(?, 9)')
            for piece in (b'x' * 70000, b'y' * 5):
                c.command(b'\x18' + id_ + b'\0\0' + piece, 'none')
            c.command(b'\x18' + id_ + b'\1\0' + b'z' * 3, 'none')
            execute = b'\x17' + id_ + b'\0\x01\0\0\0' + b'\0\x01\xfd\0\xfd\0'
            said = [c.command(execute, 'rows'), c.command(b'\x1a' + id_), c.command(execute + b'\x01a\x02bc', 'rows')]
            answers.append('\n'.join(shown(packets) for packets in said))
    trouble = differences(*answers)
    assert not trouble, trouble


def payload_boundaries(box):
    """Statements and rows of 0xffffff - 1, 0xffffff, 0xffffff + 1 and 2 * 0xffffff bytes."""
    with box.connect(timeout=60) as c:
        for size in (0xFFFFFF - 1, 0xFFFFFF, 0xFFFFFF + 1, 2 * 0xFFFFFF):
            text = "SELECT LENGTH('"
            filler = size - 1 - len(text) - 2
            assert c.query(text + 'x' * filler + "')").rows == [(str(filler),)], size
            # A row of one column: 4 bytes say its length, up to 0xffffff; 9 above.
            value = size - 4 if size - 4 <= 0xFFFFFF else size - 9
            assert len(c.query(f"SELECT REPEAT('y', {value})").rows[0][0]) == value, size
        assert c.query('SELECT 1').rows == [('1',)]


def own_attributes(box):
    if box.flavour.name != 'mysql':
        return  # performance_schema is off by default there
    with box.connect() as c:
        number = box.primary.sql("SELECT PROCESSLIST_ID FROM performance_schema.session_connect_attrs WHERE ATTR_NAME = 'program_name' AND ATTR_VALUE = 'wye'")
        assert number, 'no connection with program_name wye'
        assert c.query('SELECT 1').rows == [('1',)]


def proxy_header(box):
    """From a trusted network: the client's address is the header's, also with TLS behind it, also without a header; a broken one is refused."""
    def shown_clients():
        return [row['client'] for row in box.wye.admin('SHOW SESSIONS')]

    class Proxied(Connection):
        def _log_in(self, user, database, tls):
            self._sock.sendall(self.header)
            super()._log_in(user, database, tls)
    for header, address in ((b'PROXY TCP4 203.0.113.7 127.0.0.1 5555 6033\r\n', '203.0.113.7:5555'),
                            (b'\r\n\r\n\0\r\nQUIT\n\x21\x21' + struct.pack('>H', 36) + socket.inet_pton(socket.AF_INET6, '2001:db8::1') +
                             socket.inet_pton(socket.AF_INET6, '::1') + struct.pack('>HH', 7777, 6033), '[2001:db8::1]:7777')):
        for tls in ('preferred', 'off') if box.flavour.name == 'mariadb' else ('preferred',):
            Proxied.header = header
            with Proxied('127.0.0.1', box.wye.port, 'app', 'sandbox-app', 'shop', tls=tls) as c:
                assert c.query('SELECT 1').rows == [('1',)]
                assert address in shown_clients(), shown_clients()
    Proxied.header = b'PROXY TCP4 203.0.113.777 127.0.0.1 5555 6033\r\n'
    try:
        with Proxied('127.0.0.1', box.wye.port, 'app', 'sandbox-app', 'shop'):
            raise AssertionError('a broken header was believed')
    except (ServerError, OSError) as e:
        assert 'PROXY' in str(e) or isinstance(e, OSError), e


def reset_in_transaction(box):
    """COM_RESET_CONNECTION rolls back, and the session goes on in its schema."""
    with box.connect(database='shop') as c:
        for _ in range(3):
            c.query('BEGIN')
            c.query('SELECT 1')
            c._seq = 0
            c._write(b'\x1f')
            assert not c._result().status & 1
            assert c.query('SELECT DATABASE()').rows == [('shop',)]


def dropped_schema(box):
    """The session's schema is dropped: it has none, also where it reads."""
    with box.connect(user='root', password='sandbox-root') as c:
        for statement in ('CREATE DATABASE leaving', 'USE leaving', 'CREATE TABLE t (a INT)', 'INSERT INTO t VALUES (1)'):
            c.query(statement)
        wait_until(lambda: c.query('EXPLAIN ROUTE SELECT * FROM t').rows[0][1] == 'replica', 15, 'reads to go to replicas')
        assert c.query('SELECT a FROM t').rows == [('1',)]
        for statement in ('CREATE TABLE shop.copied AS SELECT * FROM t', 'DROP DATABASE leaving', 'CREATE DATABASE leaving',
                          'CREATE TABLE leaving.t AS SELECT * FROM shop.copied'):
            c.query(statement)
        wait_until(lambda: c.query('EXPLAIN ROUTE SELECT * FROM shop.copied').rows[0][1] == 'replica', 15, 'reads to go to replicas')
        try:
            raise AssertionError(f"no schema is selected, but t is read: {c.query('SELECT a FROM t').rows}")
        except ServerError as error:
            assert error.code == 1046, error
        c.query('DROP DATABASE leaving')
        c.query('DROP TABLE shop.copied')


def main():
    tally = Tally()
    port, = ports.take(1)
    listen = [{'address': f'127.0.0.1:{port}', 'proxy_protocol': ['127.0.0.0/8']}]
    with Sandbox(wye=True, wye_port=port, wye_config={'listen': listen}) as box:
        for test in (commands, privileged_commands, cursors, long_data, payload_boundaries, own_attributes, proxy_header, reset_in_transaction, dropped_schema):
            tally.call(test, box)
    sys.exit(1 if tally.failed else 0)


if __name__ == '__main__':
    main()
