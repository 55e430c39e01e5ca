#!/usr/bin/env python3
# deadline: 180
# flavours: mysql mariadb
"""The corpus of classified statements (tests/unit/sql/classify.tsv) against real servers, without wye: what it sends to replicas, a replica runs
without complaint, and it changes nothing on a primary; of what it calls a write, nothing changes a replica unseen."""
import re
import sys
from collections import Counter

from both_ways import Tally
from sandbox import REPOSITORY, Sandbox, ServerError

READ_ONLY = {1290, 1792, 1836}
SYNTAX = {1064, 1065}
COLUMNS = ', '.join(f'{name} INT' for name in 'b c d e x y n owner status a2'.split())
TABLES = {name: f'id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(20), {COLUMNS}, parent INT, name VARCHAR(20), KEY k (b), FULLTEXT KEY (a)' for name in
          ('t', 'u', 'v', 't1', 't2', 't3', 'jobs', 't_order', 'wp_posts', 'insert', 'update', 'café')}
MODES = {'ansi_quotes': "sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", 'ignore_space': "sql_mode = CONCAT(@@sql_mode, ',IGNORE_SPACE')",
         'no_backslash_escapes': "sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')", 'multibyte': 'NAMES gbk'}
# Of kind write, what is tried on a replica: the rest (SHUTDOWN, STOP REPLICA, KILL ...) would break the test.
TRIED_WRITES = {'write', 'ddl', 'temporary_table'}
# A read-only server takes these all the same, and some of them commit a transaction of its own (seen: ANALYZE TABLE): not for a replica.
MAINTENANCE = re.compile(rb'(ANALYZE|OPTIMIZE|REPAIR|CHECK)\b.*\bTABLE\b', re.I)


class Row:
    def __init__(self, number, line):
        fields = line.split('\t')
        self.number, self.text, self.flavour, self.kind, self.why = number, unescaped(fields[0]), fields[1], fields[2], fields[4]
        self.replica_ok = fields[3] == '1'
        self.server, *self.modes = self.flavour.split('+')

    def __str__(self):
        return f'line {self.number}: {self.text.decode("utf-8", "backslashreplace")!r}'


def unescaped(text):
    """\\n \\t \\r \\\\ and \\xNN, as in tests/unit/sql/escapes.h."""
    known = {b'n': b'\n', b't': b'\t', b'r': b'\r'}
    one = lambda found: bytes([int(found[2], 16)]) if found[2] else known.get(found[1], found[1])
    return re.sub(rb'\\(x([0-9a-fA-F]{2})|.)', one, text.encode())


def corpus(flavour):
    """The rows that hold on this server: those for another version would not be read as the row says."""
    lines = (REPOSITORY / 'tests/unit/sql/classify.tsv').read_text().splitlines()
    rows = [Row(number, line) for number, line in enumerate(lines, 1) if line and not line.startswith('# statement')]
    return [row for row in rows if row.server in ('any', flavour)]


class Runner:
    """One connection for the rows of one set of modes; a new one when the last was closed."""

    def __init__(self, server, *settings, **account):
        self._server, self._settings, self._account = server, settings, account
        self._connections = {}

    def connection(self, modes):
        modes = tuple(modes)
        if modes not in self._connections:
            connection = self._server.connect(**self._account)
            for setting in (*(MODES[mode] for mode in modes), *self._settings):
                connection.query(f'SET {setting}')
            self._connections[modes] = connection
        return self._connections[modes]

    def run(self, row):
        """The error's number; 0: it ran. A parameter becomes a 1 where the text is refused with it."""
        code = self._once(row, row.text)
        if code in SYNTAX and b'?' in row.text:
            code = self._once(row, row.text.replace(b'?', b'1'))
        return code

    def _once(self, row, text):
        try:
            self.connection(row.modes).query_all(text)
            return 0
        except ServerError as error:
            return error.code
        except UnicodeDecodeError:  # a column's name in gbk; the rest of the answer is still to come
            self._connections.pop(tuple(row.modes)).close()
            return 0

    def close(self):
        for connection in self._connections.values():
            connection.close()


def prepare(box):
    statements = [f'CREATE TABLE `{name}` ({columns})' for name, columns in TABLES.items()]
    for i in range(3):
        statements += [f'INSERT INTO `{name}` (a, b, c, d, e, x, y, n, parent, name) VALUES ("[{i}]", {i}, 1, 2, 3, 4, 5, 6, NULL, "n{i}")' for name in TABLES]
    box.primary.sql('CREATE DATABASE corpus', "GRANT ALL PRIVILEGES ON corpus.* TO 'app'@'%'", 'CREATE DATABASE db')
    box.primary.sql(*statements, database='corpus')
    box.primary.sql('CREATE TABLE db.t LIKE corpus.t', 'INSERT INTO db.t SELECT * FROM corpus.t')
    box.sync()


def tables_of(server):
    """What was ever committed, the checksums of the corpus' tables, and which tables there are."""
    names = [f'corpus.`{name}`' for name in TABLES] + ['db.t']
    there = server.sql("SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', "
                       "'performance_schema') ORDER BY 1, 2")
    return [server.position(), server.sql(f"CHECKSUM TABLE {', '.join(names)}"), there]


def changed(before, server):
    after = tables_of(server)
    return '\n'.join(f'{old} became {new}' for old, new in zip(before, after) if old != new)


def counts(codes):
    told = Counter('ran' if code == 0 else 'read only' if code in READ_ONLY else 'no syntax of this version' if code in SYNTAX else 'other error'
                   for code in codes)
    return ', '.join(f'{number} {what}' for what, number in sorted(told.items()))


def replicas_run_reads(box, rows, tally):
    """Every row that may go to a replica, on a replica, on a connection as wye has there."""
    replica = box.replicas[0]
    runner = Runner(replica, read_only_setting(box), database='corpus')
    before = tables_of(replica)
    codes = {row: runner.run(row) for row in rows if row.replica_ok}
    runner.close()
    refused = [str(row) for row, code in codes.items() if code in READ_ONLY]
    print(f'reads on a replica: {len(codes)} rows: {counts(codes.values())}', flush=True)
    tally.check('no read is refused by a read-only replica', '\n'.join(refused))
    tally.check('reads leave the replica as it was', changed(before, replica))
    tally.check('most rows are SQL of this server', sum(code == 0 for code in codes.values()) < len(codes) * 0.6 and counts(codes.values()))


def reads_change_nothing(box, rows, tally):
    """The same rows on the primary, where nothing keeps them from writing."""
    primary = box.primary
    runner = Runner(primary, database='corpus')
    before = tables_of(primary)
    guilty = []
    codes = {}
    for row in rows:
        if not row.replica_ok:
            continue
        codes[row] = runner.run(row)
        if codes[row] == 0 and primary.position() != before[0]:
            guilty.append(str(row))
            before[0] = primary.position()
    runner.close()
    print(f'reads on the primary: {len(codes)} rows: {counts(codes.values())}', flush=True)
    tally.check('no read commits anything', '\n'.join(guilty))
    tally.check('reads leave tables as they were', changed(before, primary))
    primary.sql('UPDATE corpus.t SET n = n + 1')
    tally.check('a write would have been seen', len(changed(before, primary).splitlines()) != 2 and changed(before, primary))


def replicas_refuse_writes(box, rows, tally):
    """What the server accepts of the writes, a replica refuses, but for what is local to a connection. (It shows that the checks above see a write.)"""
    replica = box.replicas[0]
    runner = Runner(replica, read_only_setting(box), user='app', password='sandbox-app', database='corpus')
    before = tables_of(replica)
    codes = {row: runner.run(row) for row in rows
             if row.kind == 'write' and row.why in TRIED_WRITES and not MAINTENANCE.match(row.text)}
    runner.close()
    ran = [row for row, code in codes.items() if code == 0]
    print(f"writes on a replica: {len(codes)} rows: {counts(codes.values())}", flush=True)
    print('a replica would run: ' + '; '.join(row.text.decode('utf-8', 'backslashreplace') for row in ran), flush=True)
    tally.check('a replica refuses writes', sum(code in READ_ONLY for code in codes.values()) < 50 and counts(codes.values()))
    tally.check('writes leave the replica as it was', changed(before, replica))


def read_only_setting(box):
    return 'SESSION transaction_read_only = 1' if box.flavour.name == 'mysql' else 'SESSION tx_read_only = 1'


def main():
    tally = Tally()
    with Sandbox(replicas=1) as box:
        prepare(box)
        rows = corpus(box.flavour.name)
        tally.check('the corpus has at least 800 rows for each flavour', len(rows) < 800 and len(rows))
        replicas_run_reads(box, rows, tally)
        reads_change_nothing(box, rows, tally)
        replicas_refuse_writes(box, rows, tally)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
