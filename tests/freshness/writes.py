"""Writes: in every way in which something can become durable. A version is acknowledged when the answer is here that says so; also when that is an error."""
import time

from ledger import now

KINDS = {  # name: weight
    'update': 30, 'prepared update': 20, 'transaction': 12, 'two rows': 6, 'autocommit off': 4, 'commit by autocommit on': 3, 'upsert': 5, 'replace': 2,
    'call': 4, 'call that fails': 3, 'commit by failing DDL': 3, 'two statements in a packet': 4, 'commit by BEGIN': 2, 'commit and chain': 2,
    'rolled back': 4, 'XA': 1, 'view': 2}
# Their answers do not always tell a position, so reads go to the primary until it has been looked at. They come in one second of four: in the others replicas read.
SILENT = ('call', 'call that fails', 'commit by failing DDL', 'two statements in a packet', 'XA')
PLAIN = ('update', 'prepared update', 'transaction')
NAMES = list(KINDS)
SPOKEN = {name: weight for name, weight in KINDS.items() if name not in SILENT}
CALL_FAILS, TABLE_EXISTS = 1644, 1050


def schema(rows, views):
    """`rows`: of the table; the views are numbered behind them."""
    values = ', '.join(f'({row}, 0)' for row in range(rows))
    return ['CREATE TABLE fresh (id BIGINT PRIMARY KEY, v BIGINT NOT NULL, note VARCHAR(40)) ENGINE=InnoDB', f'INSERT INTO fresh (id, v) VALUES {values}',
            'CREATE PROCEDURE fresh_put(r BIGINT, n BIGINT) UPDATE fresh SET v = n WHERE id = r',
            "CREATE PROCEDURE fresh_put_fails(r BIGINT, n BIGINT) BEGIN UPDATE fresh SET v = n WHERE id = r; SIGNAL SQLSTATE '45000'; END",
            *(f'CREATE VIEW fresh_view_{rows + view} AS SELECT 0 AS v' for view in range(views))]


class Writes:
    """Of a session (application.py)."""

    def write(self):
        kinds = KINDS if int(time.monotonic()) % 4 == 0 else SPOKEN
        kind = self.random.choice(PLAIN) if self.process.options.plain else self.random.choices(list(kinds), kinds.values())[0]
        rows = [self.process.free_row(kind == 'view') for _ in range(2 if kind in ('two rows', 'two statements in a packet') else 1)]
        if None not in rows:
            self.doing = [(kind, row) for row in rows]
            self.versions = {row: self.ledger.begin(row, self.name, NAMES.index(kind)) for row in rows}
            self.count('writes')
            yield from getattr(self, kind.replace(' ', '_'))(*rows)
        self.give_up()

    def give_up(self):
        """At the end of a write, however it ended; one whose connection was lost leaves its rows taken, for nobody knows what they hold."""
        for row, version in getattr(self, 'versions', {}).items():
            if version is not None:
                self.process.trouble('the outcome of a write is unknown', f'row {row}, version {version}', self)
            else:
                self.process.busy.discard(row)
        self.versions, self.doing = {}, []

    # steps

    def update(self, row):
        yield from self.commit(self.statement(row), row)

    def statement(self, row):
        return f'UPDATE fresh SET v = {self.versions[row]} WHERE id = {row}'

    def commit(self, text, *rows, values=None, code=None):
        """A statement after which the rows are durable. `code`: it is answered with that error."""
        for row in rows:
            self.ledger.commits(row, self.versions[row])
        answer = yield from (self.query(text) if values is None else self.execute(text, *values))
        if (answer[-1][1] if answer[-1][0] == 'err' else None) != code:
            self.process.trouble('a write failed', f'{answer[-1]}: {text}', self)
            return
        for row in rows:
            version = self.versions[row]
            self.ledger.acknowledge(row, version, self.process.number)
            self.own[row], self.versions[row] = version, None

    def simple(self, text):
        answer = yield from self.query(text)
        if answer[-1][0] == 'err':
            self.process.trouble('a statement of a writer failed', f'{answer[-1]}: {text}', self)

    def abort(self, text, row):
        yield from self.simple(text)
        self.ledger.aborted(row, self.versions[row])
        self.versions[row] = None

    def inside(self, row):
        """Within a transaction that has written the row: its own version, wherever replicas are."""
        text = f'SELECT id, v, @@server_id FROM fresh WHERE id = {row}'
        sent, answer = now(), (yield from self.query(text))
        self.judge('session', (row,), (self.versions[row],), answer[0], sent, 'text', text, 'in writers')

    # the ways

    def prepared_update(self, row):
        yield from self.commit('UPDATE fresh SET v = ? WHERE id = ?', row, values=(self.versions[row], row))

    def transaction(self, row):
        yield from self.simple(self.random.choice(('BEGIN', 'START TRANSACTION', 'START TRANSACTION WITH CONSISTENT SNAPSHOT')))
        yield from self.simple(self.statement(row))
        self.own[row] = self.versions[row]
        if self.random.random() < 0.5:
            yield from self.inside(row)
        yield from self.commit('COMMIT', row)

    def two_rows(self, one, other):
        yield from self.simple('BEGIN')
        yield from self.simple(self.statement(one))
        yield from self.simple(self.statement(other))
        yield from self.commit('COMMIT', one, other)

    def autocommit_off(self, row):
        yield from self.simple('SET autocommit = 0')
        yield from self.simple(self.statement(row))
        yield from self.commit('COMMIT', row)
        yield from self.simple('SET autocommit = 1')

    def commit_by_autocommit_on(self, row):
        yield from self.simple('SET autocommit = 0')
        yield from self.simple(self.statement(row))
        yield from self.commit('SET autocommit = 1', row)

    def upsert(self, row):
        version = self.versions[row]
        yield from self.commit(f'INSERT INTO fresh (id, v) VALUES ({row}, {version}) ON DUPLICATE KEY UPDATE v = {version}', row)

    def replace(self, row):
        yield from self.commit(f'REPLACE INTO fresh (id, v) VALUES ({row}, {self.versions[row]})', row)

    def call(self, row):
        yield from self.commit(f'CALL fresh_put({row}, {self.versions[row]})', row)

    def call_that_fails(self, row):
        yield from self.commit(f'CALL fresh_put_fails({row}, {self.versions[row]})', row, code=CALL_FAILS)

    def commit_by_failing_DDL(self, row):
        yield from self.simple('BEGIN')
        yield from self.simple(self.statement(row))
        yield from self.commit('CREATE TABLE fresh (id INT)', row, code=TABLE_EXISTS)

    def two_statements_in_a_packet(self, one, other):
        yield from self.commit(f'{self.statement(one)}; {self.statement(other)}', one, other)

    def commit_by_BEGIN(self, row):
        yield from self.simple('BEGIN')
        yield from self.simple(self.statement(row))
        yield from self.commit('BEGIN', row)
        yield from self.simple('ROLLBACK')

    def commit_and_chain(self, row):
        yield from self.simple('BEGIN')
        yield from self.simple(self.statement(row))
        yield from self.commit('COMMIT AND CHAIN', row)
        yield from self.simple('ROLLBACK')

    def rolled_back(self, row):
        yield from self.simple('BEGIN')
        yield from self.simple(self.statement(row))
        yield from self.abort('ROLLBACK', row)

    def XA(self, row):
        name = f"'fresh-{self.name}-{self.versions[row]}-{row}'"
        yield from self.simple(f'XA START {name}')
        yield from self.simple(self.statement(row))
        yield from self.simple(f'XA END {name}')
        yield from self.commit(f'XA COMMIT {name} ONE PHASE', row)
        self.tired = True  # it may be pinned to the primary from now on, where nothing is stale

    def view(self, row):
        yield from self.commit(f'CREATE OR REPLACE VIEW fresh_view_{row} AS SELECT {self.versions[row]} AS v', row)
