"""The client: plain commands, and every packet of the answers. Nothing is left out but the rows' order of arrival in packets.

An answer is a list of results:
    ('ok', affected, insert id, status, warnings, info, trackers)
    ('err', number, SQLSTATE, text)
    ('rows', column packets, row packets, warnings, status, info, trackers)
    ('prepared', column count, parameter count, warnings, packets of both)
    ('nothing',)                                                    commands without an answer"""
import select
import struct

from client import MORE_RESULTS, ServerError, _lenenc, _lenenc_bytes
from login_client import LoginClient

from ops import DEPRECATE_EOF, TRACK

PS_MULTI_RESULTS, STATE_CHANGED, CURSOR_EXISTS = 1 << 18, 0x4000, 0x40
QUERY, INIT_DB, FIELD_LIST, PING, SET_OPTION, RESET = 3, 2, 4, 0x0E, 0x1B, 0x1F
PREPARE, EXECUTE, LONG_DATA, CLOSE, RESET_STATEMENT, FETCH = 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1C
NOTHING = [('nothing',)]
LONGLONG, DOUBLE, NULL, BLOB, VAR_STRING = 8, 5, 6, 0xFC, 0xFD


def parameter(value):
    """(type, bytes) of the binary protocol."""
    if value is None:
        return NULL, b''
    if isinstance(value, int):
        return LONGLONG, struct.pack('<q', value)
    if isinstance(value, float):
        return DOUBLE, struct.pack('<d', value)
    data = value.encode('utf-8', 'surrogateescape')
    size = bytes([len(data)]) if len(data) < 251 else b'\xfc' + struct.pack('<H', len(data))
    return VAR_STRING, size + data


def execution(number, values):
    """What EXECUTE sends, with the parameters' types."""
    payload = struct.pack('<IBI', number, 0, 1)
    if not values:
        return payload
    bound = [parameter(value) for value in values]
    nulls = sum(1 << i for i, (kind, _) in enumerate(bound) if kind == NULL)
    return b''.join([payload, nulls.to_bytes((len(bound) + 7) // 8, 'little'), b'\1', *(bytes([kind, 0]) for kind, _ in bound), *(data for _, data in bound)])


def cells(packet):
    """A row of the text protocol: bytes or None."""
    found, at = [], 0
    while at < len(packet):
        value, at = _lenenc_bytes(packet, at)
        found.append(value)
    return found


class Wire(LoginClient):
    _cursor = False

    def __init__(self, port, user, password, database=None, flags=0, timeout=20.0):
        self._in, self._at = b'', 0
        self.flags = flags
        super().__init__(port, user, password, database, tls=False, flags=flags | PS_MULTI_RESULTS, timeout=timeout)

    def _exactly(self, size):
        while len(self._in) - self._at < size:
            more = self._sock.recv(1 << 16)
            if not more:
                raise ConnectionError('the connection was closed')
            self._in, self._at = self._in[self._at:] + more, 0
        self._at += size
        return self._in[self._at - size:self._at]

    def packet(self):
        payload, size = b'', 0xFFFFFF
        while size == 0xFFFFFF:
            head = self._exactly(4)
            size, self._seq = head[0] | head[1] << 8 | head[2] << 16, head[3] + 1 & 0xFF
            payload += self._exactly(size)
        return payload

    def answered(self):
        """Something has come in."""
        return self._at < len(self._in) or bool(select.select([self._sock], [], [], 0)[0])

    def command(self, code, payload=b''):
        self._seq = 0
        self._write(bytes([code]) + payload)

    # commands

    def simple(self, code, payload=b'', cursor=False):
        self._cursor = cursor
        self.command(code, payload)
        return self.results()

    def field_list(self, table):
        self.command(FIELD_LIST, table.encode() + b'\0')
        columns, packet = [], self.packet()
        while packet[0] not in (0xFE, 0xFF):
            columns.append(packet)
            packet = self.packet()
        return [self.error(packet) if packet[0] == 0xFF else ('rows', tuple(columns), (), *self.end(packet))]

    def login_again(self, user, password, database):
        try:
            self.change_user(user, password, database)
        except ServerError as error:
            return [('err', error.code, error.state, error.message)]
        return [('in',)]

    def prepare(self, text):
        """(statement's id or None, results)"""
        self.command(PREPARE, text.encode('utf-8', 'surrogateescape'))
        head = self.packet()
        if head[0] == 0xFF:
            return None, [self.error(head)]
        number, columns, parameters, _, warnings = struct.unpack_from('<IHHBH', head, 1)
        packets = []
        for count in (parameters, columns):
            packets += [self.packet() for _ in range(count)]
            if count and not self.flags & DEPRECATE_EOF:
                packets.append(self.status_bytes(self.packet()))
        return number, [('prepared', columns, parameters, warnings, tuple(packets))]

    @staticmethod
    def status_bytes(packet):
        """An EOF in the middle: its warnings, its flags."""
        return struct.unpack_from('<HH', packet, 1)

    def fetch(self, number, rows):
        self.command(FETCH, struct.pack('<II', number, rows))
        return [self.row_packets(())]

    # answers

    @staticmethod
    def error(packet):
        code, = struct.unpack_from('<H', packet, 1)
        text = packet[3:]
        state, text = (text[1:6], text[6:]) if text[:1] == b'#' else (b'', text)
        return 'err', code, state.decode('latin-1'), text.decode('utf-8', 'backslashreplace')

    def ok(self, packet):
        affected, at = _lenenc(packet, 1)
        insert_id, at = _lenenc(packet, at)
        status, warnings = struct.unpack_from('<HH', packet, at)
        info, trackers = packet[at + 4:], b''
        if self.flags & TRACK and info:
            info, at = _lenenc_bytes(packet, at + 4)
            if status & STATE_CHANGED:
                trackers, at = _lenenc_bytes(packet, at)
        return 'ok', affected, insert_id, status, warnings, info, trackers

    def end(self, packet):
        """Warnings, status, info, trackers at the end of rows."""
        if self.flags & DEPRECATE_EOF and len(packet) > 5:
            _, _, _, status, warnings, info, trackers = self.ok(packet)
            return warnings, status, info, trackers
        warnings, status = struct.unpack_from('<HH', packet, 1)
        return warnings, status, b'', b''

    def row_packets(self, columns):
        rows = []
        while True:
            packet = self.packet()
            if packet[0] == 0xFF:
                return self.error(packet) + (tuple(columns), tuple(rows))
            if packet[0] == 0xFE and len(packet) < 0xFFFFFF and (self.flags & DEPRECATE_EOF or len(packet) < 9):
                return ('rows', tuple(columns), tuple(rows), *self.end(packet))
            rows.append(packet)

    def result(self):
        packet = self.packet()
        if packet[0] == 0x00:
            return self.ok(packet)
        if packet[0] == 0xFF:
            return self.error(packet)
        if packet[0] == 0xFE:  # the answer to SET_OPTION
            return ('ok', 0, 0, *reversed(self.end(packet)[:2]), b'', b'')
        if packet[0] == 0xFB:  # LOCAL INFILE: this client sends no file
            self._write(b'')
            return self.result()
        count, _ = _lenenc(packet, 0)
        columns = [self.packet() for _ in range(count)]
        if not self.flags & DEPRECATE_EOF:
            end = self.packet()
            if end[0] == 0xFF:  # a cursor that can't be opened
                return (*self.error(end), tuple(columns), ())
            eof = self.status_bytes(end)
            columns.append(eof)
            if self._cursor and eof[1] & CURSOR_EXISTS:
                return 'rows', tuple(columns), (), *eof, b'', b''
        return self.row_packets(columns)

    def results(self):
        found = [self.result()]
        while (found[-1][0] == 'ok' and found[-1][3] or found[-1][0] == 'rows' and found[-1][4]) & MORE_RESULTS:
            found.append(self.result())
        return found
