#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb
# slow
"""Digests against performance_schema's: two statements that have one DIGEST on the server have one in wye (`wye explain`), and the reverse.
Without wye's proxy: a server with performance_schema, an account without rights (what is parsed has a digest, whatever becomes of it), and
the statements of tests/unit/sql/classify.tsv and digest.tsv."""
import json
import os
import re
import struct
import subprocess
import sys
from collections import Counter, defaultdict

from both_ways import Tally
from corpus_test import MODES, Row
from sandbox import REPOSITORY, Sandbox, ServerError

GOAL = 0.99
INNER = 'a PREPARE has the digest of the text inside there; here that text is a value'
HEX = "a x'..' is (unknown) there, here a value"
BEHIND = 'a comment behind the last semicolon leaves it there'
# Statements whose digests part (or meet) where the server's don't, and why.
EXCEPTIONS = {
    'mysql': {
        b"PREPARE s FROM 'SELECT 1'": INNER,
        b'prepare `s` from "select 1"': INNER,
        b"PREPARE s FROM 'UPDATE t SET a = ?'": INNER,
    },
    'mariadb': {
        b"SELECT b'01', x'41' FROM t": HEX,
        b"SELECT a IN (x'1f',0x1f,b'1',N'x',1.5,1e4) FROM t": HEX,
        b"select n'x', _latin1 x'41', _foo from t": HEX,
        b"select 0x41, x'41', X'41', 0b1, b'1', B'1', 1.0e5, 99999999999999999999999": HEX,
        b"select -0x41, -x'41', -null, -1e5": HEX,
        b'SELECT 1;-- end': BEHIND,
        b'SELECT 1;/* end */': BEHIND,
    },
}
# An endless answer, or one that waits: the account may run these.
ENDLESS = (b'WHILE 1', b'LOOP', b'REPEAT UNTIL', b'_WAIT(', b'WAIT_FOR', b'SLEEP', b'BENCHMARK')


def statements(flavour):
    """Rows of this server whose text `wye explain -` can take on a line, without modes; each text once."""
    known = {}
    for name in ('classify.tsv', 'digest.tsv'):
        lines = (REPOSITORY / 'tests/unit/sql' / name).read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if line and not line.startswith('# statement'):
                fields = (line.split('\t') + ['', '', ''])[:5]
                row = Row(number, '\t'.join(fields))
                if row.flavour in ('any', flavour) and row.text.strip() and not any(word in row.text.upper() for word in ENDLESS):
                    known.setdefault(row.text, row)
    return list(known)


def of_wye(flavour, texts):
    """(digest, placed, several) for each text."""
    binary = os.environ.get('WYE_BIN', REPOSITORY / 'build/release/wye')
    escaped = b''.join(text.replace(b'\\', b'\\\\').replace(b'\n', b'\\n').replace(b'\t', b'\\t') + b'\n' for text in texts)
    done = subprocess.run([binary, 'explain', '--json', '--flavour', flavour, '-'], input=escaped, capture_output=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {text: (answer['digest'], answer['kind'] != 'unknown', answer['several']) for text, answer in zip(texts, answers, strict=True)}


class Prober:
    """Runs a text as the account without rights and reads its digest on another connection."""

    def __init__(self, box):
        self._box, self._connection = box, None
        self._look = box.primary.connect()
        for sql in ("UPDATE performance_schema.setup_consumers SET enabled = 'YES' WHERE name LIKE 'events_statements%'",
                    "UPDATE performance_schema.setup_instruments SET enabled = 'YES', timed = 'YES' WHERE name LIKE 'statement/%'",
                    'CREATE DATABASE nothing', "CREATE USER nobody@'%' IDENTIFIED BY 'nobody-1'",
                    "GRANT SELECT ON nothing.* TO nobody@'%'"):
            self._look.query(sql)
        if box.flavour.name == 'mysql':  # or a SET PASSWORD of the corpus would lock it out
            self._look.query("ALTER USER nobody@'%' PASSWORD REQUIRE CURRENT")

    def digest(self, text):
        """DIGEST_TEXT, or None: the server could not parse it."""
        found = self._events(text, self._query)
        if found is None and b'?' in text and self._box.flavour.name == 'mysql':
            found = self._events(text, self._prepare, 'statement/com/Prepare')
            found = found and found.removeprefix('PREPARE ')
        return found

    def _events(self, text, run, name='statement/sql/%'):
        self._fresh()
        self._look.query('TRUNCATE performance_schema.events_statements_history')
        try:
            run(text)
        except ServerError:
            pass
        except (OSError, UnicodeDecodeError):  # it ended its own connection, or named a column in gbk
            self._connection = None
        rows = self._look.query(f'SELECT digest_text FROM performance_schema.events_statements_history WHERE thread_id = {self._thread} '
                                f"AND digest IS NOT NULL AND event_name LIKE '{name}' ORDER BY event_id DESC LIMIT 1").rows
        return rows[0][0].strip() if rows else None

    def _fresh(self):
        """As after login: a row of the corpus may have changed sql_mode."""
        if self._connection is None:
            self._connection = self._box.primary.connect(user='nobody', password='nobody-1', database='nothing')
            self._thread = self._look.query('SELECT thread_id FROM performance_schema.threads WHERE processlist_id = '
                                            f'{self._connection.thread_id}').rows[0][0]
            return
        try:
            self._command(b'\x1f')
            self._connection._read()
        except (OSError, ServerError):
            self._connection = None
            self._fresh()

    def _command(self, payload):
        self._connection._seq = 0
        self._connection._write(payload)

    def _query(self, text):
        self._connection.query_all(text)

    def _prepare(self, text):
        self._command(b'\x16' + text)
        number, columns, parameters = struct.unpack_from('<IHH', self._connection._read(), 1)
        for count in (parameters, columns):
            for _ in range(count + 1 if count else 0):
                self._connection._read()
        self._command(b'\x19' + struct.pack('<I', number))


def disagreeing(pairs):
    """Of (text, server's, wye's): the texts outside the best match of the two partitions."""
    there, here = defaultdict(Counter), defaultdict(Counter)
    for _, server, wye in pairs:
        there[server][wye] += 1
        here[wye][server] += 1
    best = lambda counter: counter.most_common(1)[0][0]
    return [text for text, server, wye in pairs if best(there[server]) != wye or best(here[wye]) != server]


def main():
    tally = Tally()
    options = {'performance_schema': 'ON', 'max_digest_length': 8192, 'performance_schema_max_digest_length': 8192}
    with Sandbox(replicas=0, server_options=options) as box:
        flavour = box.flavour.name
        texts = statements(flavour)
        ours = of_wye(flavour, texts)
        prober = Prober(box)
        single = [text for text in texts if not ours[text][2]]
        server = {text: prober.digest(text) for text in single}
    pairs = [(text, server[text], ours[text][0]) for text in single if server[text] is not None and ours[text][1]]
    unplaced = [text for text in single if server[text] is not None and not ours[text][1]]
    apart = disagreeing(pairs)
    unnamed = [text for text in apart if text not in EXCEPTIONS[flavour]]
    share = 1 - len(apart) / len(pairs)
    print(f'{flavour}: {len(pairs)} statements with a digest on both sides, {len({p[1] for p in pairs})} digests on the server, '
          f'{len({p[2] for p in pairs})} here; {len(apart)} disagree ({share:.2%} agree); {len(unplaced)} are only a verb here')
    for text in apart:
        print(f'  {text!r}: {server[text]} ({EXCEPTIONS[flavour].get(text, "not explained")})')
    tally.check('at least 1200 statements are compared', len(pairs) < 1200 and len(pairs))
    tally.check(f'at least {GOAL:.0%} agree', share < GOAL and f'{share:.2%}')
    tally.check('every difference has its reason', '\n'.join(map(repr, unnamed)))
    tally.check('few statements of the server are unknown here', len(unplaced) > 20 and len(unplaced))
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
