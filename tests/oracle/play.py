"""Plays a session on one endpoint: what each operation was answered."""
import binascii
import re
import struct

import wire
from client import ServerError
from ops import OWN_ID, Op
from sandbox import wait_until
from wire import BLOB, NULL, parameter

UNKNOWN = 4242  # the id of a statement that was never prepared: the same on both sides
IN_TRANSACTION, READ_ONLY_TRANSACTION = 0x1, 0x2000
# What may change data although a replica may be asked: then a later read must wait for the replicas.
READS = re.compile(r'(\W|/\*.*?\*/)*(SELECT|SHOW|WITH|TABLE|VALUES|EXPLAIN|DESC)\b', re.I | re.S)
WRITES = re.compile(r'\b(noted|lies)\(|\b(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|TRUNCATE|CALL|COMMIT|BEGIN|EXECUTE)\b')
# MySQL keeps the character set of parameters from the first EXECUTE on a connection (docs/COMPATIBILITY.md): of these, the columns tell.
SELECTED = re.compile(r'SELECT\b(?:(?!\bFROM\b).)*\?', re.I | re.S)
# It goes by @@collation_database, which after a COM_RESET_CONNECTION changes whenever a server loads a routine or a trigger.
SET_CHARSET = re.compile(r'SET\s+(CHARACTER\s+SET|CHARSET)\b', re.I)
CHARSETS = re.compile(r'\bNAMES\b|CHARACTER SET|CHARSET|character_set|collation', re.I)


class Player:
    """`login`: (user, password, schema); `running`: does a server run a statement with this text? `settle`: called before a read that
    may run on a replica, if something was written."""

    def __init__(self, port, login, script, running, settle=None):
        self.wire = wire.Wire(port, *login, flags=script.flags)
        self._port, self._script, self._beside = port, script, None
        self._login, self._running, self._settle = login, running, settle
        self._selecting, self._executed, self._of_old_charset = set(), set(), set()  # names of statements
        self._forgot_schema = not login[2]
        self._statements, self._types, self._dirty, self._status, self._long = {}, {}, False, 0, set()

    def close(self):
        self.leave()
        self.wire.close()

    def leave(self):
        """The second session ends."""
        if self._beside:
            self._beside.close()
        self._beside = None

    def play(self, ops):
        answers = []
        for op in ops:
            answer = self.step(op)
            answers.append(answer)
            if answer[0][0] == 'lost':
                break
        return answers

    def step(self, op):
        try:
            may_read = op.reads or op.do in ('killed', 'execute') or READS.match(op.text)
            if may_read and self._dirty and self._settle and self._status & (IN_TRANSACTION | READ_ONLY_TRANSACTION) != IN_TRANSACTION:
                self._settle()
                self._dirty = False
            if self._forgot_schema and SET_CHARSET.search(op.text):
                return wire.NOTHING
            self._dirty = self._dirty or not op.reads or WRITES.search(op.text) is not None
            answer = getattr(self, op.do)(op)
            if CHARSETS.search(op.text) or op.do in ('reset', 'change_user'):
                self._of_old_charset |= self._executed if self._script.flavour == 'mysql' else set()
                self._types.clear()  # an old binding, under an old charset, is one connection's (docs/ROUTING.md, Known gaps)
            if op.do == 'reset':
                self._forgot_schema = True
            elif (op.do == 'init_db' or op.text.upper().startswith('USE ')) and answer[-1][0] == 'ok':
                self._forgot_schema = False
            if op.do == 'change_user':
                self._forgot_schema = not self._schema_of(op)
            if op.do != 'beside':
                self._note(answer)
            return answer
        except (OSError, ServerError) as error:
            return [('lost', f'{type(error).__name__}: {error}')]

    def _note(self, answer):
        for result in answer:
            if result[0] == 'ok':
                self._status = result[3]
            elif result[0] == 'rows':
                self._status = result[4]

    # operations

    def query(self, op):
        return self.wire.simple(wire.QUERY, self._encoded(op.text))

    def _encoded(self, text):
        return text.replace(OWN_ID, str(self.wire.thread_id)).encode('utf-8', 'surrogateescape')

    def beside(self, op):
        if not self._beside:
            self._beside = wire.Wire(self._port, *self._login, flags=self._script.flags)
        return self._beside.simple(wire.QUERY, self._encoded(op.text))

    def killed(self, op):
        """KILL when the statement runs, not before: then it would be about nothing. It may have failed at once."""
        self.wire.command(wire.QUERY, self._encoded(op.text))
        wait_until(lambda: self._running(op.text) or self.wire.answered(), 10, lambda: f'nobody runs {op.text}', 0.01)
        done = self.beside(Op('beside', f'KILL QUERY {OWN_ID}'))
        return self.wire.results() + done

    def init_db(self, op):
        return self.wire.simple(wire.INIT_DB, op.text.encode())

    def ping(self, op):
        return self.wire.simple(wire.PING)

    def option(self, op):
        return self.wire.simple(wire.SET_OPTION, struct.pack('<H', int(op.text)))

    def field_list(self, op):
        return self.wire.field_list(op.text)

    def reset(self, op):
        self._statements.clear()
        return self.wire.simple(wire.RESET)

    def change_user(self, op):
        """`text`: user, password and schema by spaces; none: as at login."""
        self._statements.clear()
        user, password = op.text.split(' ')[:2] if op.text else self._login[:2]
        return self.wire.login_again(user, password, self._schema_of(op))

    def _schema_of(self, op):
        """COM_CHANGE_USER's."""
        return op.text.split(' ')[2] if op.text else self._login[2] or ''

    def prepare(self, op):
        number, answer = self.wire.prepare(op.text)
        self._types.pop(op.name, None)
        self._executed.discard(op.name)
        self._of_old_charset.discard(op.name)
        if number is None:
            self._statements.pop(op.name, None)
        else:
            self._statements[op.name] = (number, answer[0][2])
            (self._selecting.add if SELECTED.match(op.text) else self._selecting.discard)(op.name)
        return answer

    def execute(self, op):
        """`text`: 'cursor', and 'again' leaves the parameters' types out if they are as before."""
        number, count = self._statements.get(op.name, (UNKNOWN, 0))
        if number == UNKNOWN and self._script.flavour == 'mysql' and op.name != 'never':
            return wire.NOTHING  # MySQL adds its error to those before (docs/ROUTING.md)
        if op.name in self._of_old_charset and (op.name in self._selecting or not all(str(value).isascii() for value in op.args)):
            return wire.NOTHING
        self._executed.add(op.name)
        values = [parameter(value) for value in (op.args + [None] * count)[:count]]
        payload = struct.pack('<IBI', number, 1 if 'cursor' in op.text else 0, 1)
        if count:
            kinds = tuple(kind for kind, _ in values)
            bound = 'again' not in op.text or self._types.get(op.name) != kinds
            self._types[op.name] = kinds
            nulls = bytearray((count + 7) // 8)
            for i, (kind, _) in enumerate(values):
                if kind == NULL:
                    nulls[i // 8] |= 1 << i % 8
            payload += bytes(nulls) + bytes([bound])
            if bound:
                payload += b''.join(struct.pack('<BB', BLOB if (op.name, i) in self._long else kind, 0) for i, kind in enumerate(kinds))
            payload += b''.join(data for i, (_, data) in enumerate(values) if (op.name, i) not in self._long)
            if any(name == op.name for name, _ in self._long):
                self._types.pop(op.name)
                self._long = {known for known in self._long if known[0] != op.name}
        return self.wire.simple(wire.EXECUTE, payload, cursor='cursor' in op.text)

    def fetch(self, op):
        number = self._statements.get(op.name, (UNKNOWN, 0))[0]
        if number == UNKNOWN and self._script.flavour == 'mysql':
            return wire.NOTHING  # as EXECUTE's
        return self.wire.fetch(number, int(op.text))

    def long_data(self, op):
        number, count = self._statements.get(op.name, (UNKNOWN, 0))
        if not count:  # an unknown statement's is not answered either way; nothing to see
            return wire.NOTHING
        self._long.add((op.name, 0))
        self.wire.command(wire.LONG_DATA, struct.pack('<IH', number, 0) + op.text.encode())
        return wire.NOTHING

    def reset_statement(self, op):
        self._long = {known for known in self._long if known[0] != op.name}
        number = self._statements.get(op.name, (UNKNOWN, 0))[0]
        if number == UNKNOWN and self._script.flavour == 'mysql':
            return wire.NOTHING  # as EXECUTE's
        return self.wire.simple(wire.RESET_STATEMENT, struct.pack('<I', number))

    def close_statement(self, op):
        number, _ = self._statements.pop(op.name, (UNKNOWN, 0))
        self.wire.command(wire.CLOSE, struct.pack('<I', number))
        return wire.NOTHING


def printable(packet):
    """A packet for people."""
    if not isinstance(packet, bytes):
        return repr(packet)
    text = ''.join(chr(c) if 32 <= c < 127 else '.' for c in packet)
    return text if len(packet) < 24 and '.' not in text else f'{text} ({binascii.hexlify(packet).decode()})'
