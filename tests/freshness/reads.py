"""Reads, and what each of them had to see.

global      every version that was acknowledged, to anybody, before the read was sent; and what `session` promises
session     what this session has written; and what `monotonic` promises
monotonic   of each row at least what this session has seen of it. And of every other row what was acknowledged before the newest thing that it has seen was
            sent: that was committed earlier, so a server that shows the one has the other
eventual    nothing: counted, as the proof that stale reads are there to be found
In each of them: nothing that was rolled back or never sent, and in a READ ONLY transaction no row changes."""
import struct

from ledger import ABORTED, now

GLOBAL, SESSION, MONOTONIC, EVENTUAL = 'global', 'session', 'monotonic', 'eventual'
LEVELS, WEIGHTS = (GLOBAL, SESSION, MONOTONIC, EVENTUAL), (55, 20, 20, 5)
COLUMNS = 'id, v, @@server_id'
IN_TRANSACTION = 0x1
BROKEN_OFF = 'a READ ONLY transaction, or the second of two reads in a packet, is broken off'


def integers(columns, packet):
    """A row of the binary protocol that has only integers: INT (type 3) or BIGINT."""
    found, at = [], 1 + (len(columns) + 9) // 8
    for column in columns:
        kind, size = ('<i', 4) if column[-6] == 3 else ('<q', 8)
        found.append(struct.unpack_from(kind, packet, at)[0])
        at += size
    return found


def texts(packet):
    """A row of the text protocol that has only short integers."""
    found, at = [], 0
    while at < len(packet):
        end = at + 1 + packet[at]
        found.append(int(packet[at + 1:end]))
        at = end
    return found


class Reads:
    """Of a session (application.py)."""

    def read(self):
        pick = self.random.random()
        if pick < 0.06 and not self.process.options.plain:
            yield from self.read_only_transaction()
        elif pick < 0.10:
            yield from self.one_packet()
        else:
            yield from self.alone()

    def level(self):
        only = self.process.options.level
        if only and self.process.hints:
            return EVENTUAL if self.random.random() < 0.05 else only
        return self.random.choices(LEVELS, WEIGHTS)[0]

    def hint(self, level):
        return '' if level == self.process.options.consistency or not self.process.hints else f'/* wye: consistency={level} */ '

    def row(self):
        """Mostly what somebody has just written: a user's read after a user's write."""
        if self.random.random() < 0.7:
            return self.ledger.latest(self.random.randrange(self.ledger.processes), self.random.randrange(4))
        return self.random.randrange(self.ledger.rows)

    def target(self):
        """(rows, SQL behind the hint, parameters or None: text)"""
        row, prepared = self.row(), self.random.random() < 0.4
        if row >= self.process.views_from:
            text = f'SELECT {row} AS id, v, @@server_id FROM fresh_view_{row}'
            return (row,), text, () if prepared else None
        pick = self.random.random()
        if pick < 0.8:
            return (row,), f'SELECT {COLUMNS} FROM fresh WHERE id = {"?" if prepared else row}', (row,) if prepared else None
        last = min(row + 3, self.process.views_from - 1) if pick < 0.97 else self.process.views_from - 1
        row = row if pick < 0.97 else 0
        bounds = ('?', '?') if prepared else (row, last)
        return range(row, last + 1), f'SELECT {COLUMNS} FROM fresh WHERE id BETWEEN {bounds[0]} AND {bounds[1]}', (row, last) if prepared else None

    def alone(self):
        level, (rows, text, values) = self.level(), self.target()
        text = self.hint(level) + text
        needs, sent = [self.ledger.acked[row] for row in rows], now()
        answer = yield from (self.query(text) if values is None else self.execute(text, *values))
        self.judge(level, rows, needs, answer[0], sent, 'text' if values is None else 'prepared', text, 'autocommit')

    def one_packet(self):
        """Two reads in one packet: one server for both."""
        level = self.level()
        first, second = ([row] for row in (self.row(), self.row()))
        hint = self.hint(level)
        text = '; '.join(hint + self.plain(row) for row in (*first, *second))
        needs, sent = [[self.ledger.acked[row] for row in rows] for rows in (first, second)], now()
        answer = yield from self.query(text)
        for rows, needed, result in zip((first, second), needs, answer):
            if result[0] == 'err' and result is not answer[0]:  # the first is the client's already
                self.broken_off(result, text)
                break
            self.judge(level, rows, needed, result, sent, 'text', text, 'autocommit')
        if len(answer) != 2 and answer[-1][0] != 'err':
            self.process.trouble('one of two results is missing', text, self)

    def plain(self, row):
        return f'SELECT {row} AS id, v, @@server_id FROM fresh_view_{row}' if row >= self.process.views_from else f'SELECT {COLUMNS} FROM fresh WHERE id = {row}'

    def read_only_transaction(self):
        """Its first read is fresh, and nothing changes after that; WITH CONSISTENT SNAPSHOT: it is fresh as of its beginning."""
        begin, end, as_of_begin = self.random.choice((
            (['START TRANSACTION READ ONLY'], [], False), (['START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY'], [], True),
            (['SET TRANSACTION READ ONLY', 'BEGIN'], [], False),
            (['SET SESSION TRANSACTION READ ONLY', 'BEGIN'], ['SET SESSION TRANSACTION READ WRITE'], False)))
        needs = list(self.ledger.acked) if as_of_begin else None
        lost, snapshot = False, {}
        for statement in begin:
            answer = yield from self.query(statement)
            lost = lost or answer[0][0] == 'err' and self.broken_off(answer[0], statement)
        for _ in range(self.random.randrange(1, 6)):
            if lost:
                break
            rows, text, values = self.target()
            if rows[0] >= self.process.views_from:  # DDL is outside of snapshots
                continue
            needs, sent = needs or list(self.ledger.acked), now()
            answer = yield from (self.query(text) if values is None else self.execute(text, *values))
            result = answer[0]
            if result[0] == 'err':
                lost = self.broken_off(result, text)
                break
            found = self.judge(self.process.options.consistency, rows, [needs[row] for row in rows], result, sent, 'text' if values is None else 'prepared', text, 'read only')
            for row, version, server in found:
                if snapshot.setdefault(row, version) != version:
                    self.stale('impossible', row, version, snapshot[row], server, sent, text, 'read only', 'it was another version before in this transaction')
        for statement in [self.random.choice(('COMMIT', 'ROLLBACK')) if not lost else 'ROLLBACK', *end]:
            answer = yield from self.query(statement)
            if answer[0][0] == 'err' and not lost:
                lost = self.broken_off(answer[0], statement)
                yield from self.query('ROLLBACK')

    def broken_off(self, error, text):
        """What a client has a part of already ends with an error, on a replica that goes away; without such a replica that is trouble."""
        self.count('broken off')
        self.process.tell(BROKEN_OFF, text=f'{error[1]} {error[3]}: {text}', at=now(), session=self.name)
        return True

    # what was found

    def judge(self, level, rows, needs, result, sent, way, text, place):
        if result[0] != 'rows':
            self.process.trouble('a read failed', f'{result[:4]}: {way} {place} {len(result)} {text}', self)
            return []
        columns = [column for column in result[1] if isinstance(column, bytes)]
        found = [texts(row) for row in result[2]] if way == 'text' else [integers(columns, row) for row in result[2]]
        if len(found) != len(rows):
            self.process.trouble('rows are missing', f'{len(found)} of {len(rows)}: {text}', self)
        for name in ('reads', level, way, place):
            self.count(name)
        self.count('rows', len(found))
        if found:
            self.count(f'server {found[0][2]}')
        floor, newest = self.floor, None
        for needed, (row, version, server) in zip(needs, found):
            self.one_row(level, row, version, needed, server, sent, text, place, floor)
            if version > self.seen.get(row, 0):
                self.seen[row] = version
                record = self.ledger.record(row, version)
                if record and record[1] > self.floor and record[0] != ABORTED:
                    self.floor, self.floor_row, newest = record[1], (row, version, server), row
        self.last = [*self.last[-3:], (sent, text if newest is None else f'{text} (showed the newest: row {newest})', found[:2])]
        return found

    def one_row(self, level, row, version, needed, server, sent, text, place, floor):
        if version > self.ledger.sent[row] or (record := self.ledger.record(row, version)) and record[0] == ABORTED:
            self.stale('impossible', row, version, self.ledger.sent[row], server, sent, text, place, 'never committed')
        if level in (SESSION, MONOTONIC) and version < needed:
            self.count(f'older {level}')  # as it may be: others have written
        if version >= needed and version >= self.seen.get(row, 0) and version >= self.ledger.needed(row, floor):
            return
        if level in (GLOBAL, EVENTUAL) and version < needed:
            self.stale(GLOBAL if level == GLOBAL else EVENTUAL, row, version, needed, server, sent, text, place, 'acknowledged before this read was sent')
        if level == EVENTUAL:
            return
        if level != MONOTONIC and version < self.own.get(row, 0):
            self.stale(SESSION, row, version, self.own[row], server, sent, text, place, 'written by this session')
        if version < self.seen.get(row, 0):
            self.stale(MONOTONIC, row, version, self.seen[row], server, sent, text, place, 'seen by this session before')
        elif version < (needed := self.ledger.needed(row, floor)):
            self.stale(MONOTONIC, row, version, needed, server, sent, text, place, f'acknowledged before (row, version, server) = {self.floor_row} was sent, which this session has seen')

    def stale(self, kind, row, version, needed, server, sent, text, place, why):
        self.count(f'stale {kind}')
        if kind == EVENTUAL:
            return
        self.process.tell(kind, row=row, got=version, needed=needed, server=server, sent=sent, at=now(), text=text, place=place, why=why,
                          session=self.name, thread=self.wire.thread_id, writer=self.ledger.record(row, needed), last=list(self.last))
