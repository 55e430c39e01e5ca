"""What a session is doing while it is made, and the rules that go on with it. A rule:

    @rule(weight, flavours='mysql')
    def name(scene): scene.query('SELECT 1', '1.read', reads=True)

The same seed makes the same session. What the scene believes (a transaction is open, sql_mode) may be wrong after an error; then the
statements that follow are errors on both sides, which is as good."""
import random
import re

from ops import DEPRECATE_EOF, FOUND_ROWS, IGNORE_SPACE, TRACK, Op, Script

RULES = []  # (function, weight, flavours)
# Sessions of one kind do a few things often: deeper than all things once.
THEMES_PER_SESSION = 3
TAKEN = 0.06  # of the statements: the second session takes the connection that was given up just before
FREE = 0.85  # of the sessions do nothing that keeps a connection: it is handed over after most of their statements


def rule(weight=10, flavours='mysql mariadb'):
    def register(function):
        RULES.append((function, weight, flavours.split()))
        return function
    return register


# What lives on a connection, or what wye can't see through: after it, the session has its connection to the primary for good.
TIES = re.compile(r'''(?<![@\w'"])@[\w`]|:=|\bTEMPORARY\b|\bLOCK TABLES\b|GET_LOCK|^XA |^HANDLER|PREPARE|^EXECUTE|SET ROLE|SET STATEMENT|^CALL (?!\S*reads_)|; CALL |PROCEDURE'''
                  r'''|timestamp =|insert_id =|rand_seed|@@identity|session_track|auto_is_null|\.?\b(noted|keeps|lies|no_such|no_such_function)\(|^SELEC\b|^SIGNAL'''
                  r'''|GET DIAGNOSTICS|FOR CONNECTION|@@global|GLOBAL|unterminated|^SET TRANSACTION|^HELP''')


class Scene:
    def __init__(self, rng, flavour, schemas):
        self.rng, self.flavour, self.first, self.second = rng, flavour, *schemas
        self.schema = self.first
        self.ops = []
        self.ansi = self.raw_backslash = False
        self.transaction = None  # None, 'rw', 'ro'
        self.autocommit = True
        self.bound = {}
        self.prepared, self.text_prepared, self.temporary, self.tables = {}, [], [], []
        self.handler = self.locked = None
        self.user_variables = []
        self.flags, self.count = 0, 0
        self.pinned = self.in_system_schema = False

    @property
    def maria(self):
        return self.flavour == 'mariadb'

    # choices

    def one(self, *choices):
        return self.rng.choice(choices)

    def chance(self, share):
        return self.rng.random() < share

    def number(self, low=0, high=9):
        return self.rng.randint(low, high)

    def fresh(self, prefix):
        self.count += 1
        return f'{prefix}{self.count}'

    def table(self, name):
        """The name as it is found from the session's schema."""
        home = {'items': self.first, 'notes': self.first, 'cheap': self.first, 'pairs': self.second}.get(name, self.first)
        return name if home == self.schema and self.chance(0.8) else f'{home}.{name}'

    def text(self, value):
        return "'" + value.replace("'", "''") + "'"

    def word(self):
        return self.one('red', 'blue', 'ünü', 'x y', "o''k", 'A', '', '日本', '10', '-3.5')

    # operations

    def query(self, sql, *rows, reads=False):
        if self.chance(TAKEN):
            self.ops.append(Op('beside', self.one('DO 0', 'SELECT LAST_INSERT_ID()', 'SELECT ROW_COUNT()', 'SELECT @@session.sql_mode, @@session.time_zone'),
                               rows=('4.leak',)))
        state = () if not self.pinned else ('2.pinned',)
        inside = ('2.write_transaction',) if self.transaction == 'rw' or not self.autocommit else ()
        replica = ('2.replica_read',) if reads and not state and not inside and self.transaction is None else ()
        self.ops.append(Op('query', sql, rows=tuple(dict.fromkeys((*rows, '3.results', *state, *inside, *replica))), reads=reads))

    def add(self, do, text='', *rows, name='', args=(), reads=False):
        self.ops.append(Op(do, text, name, list(args), tuple(rows), reads))

    def fails(self, sql, *rows):
        self.query(sql, '3.errors', *rows)


def ties(op):
    return op.do in ('option', 'fetch') or 'cursor' in op.text or TIES.search(op.text) is not None


def generate(seed, flavour, schemas, length):
    rng = random.Random(f'{seed}')
    scene = Scene(rng, flavour, schemas)
    for flag, share in ((FOUND_ROWS, 0.15), (IGNORE_SPACE, 0.1), (TRACK, 0.15), (DEPRECATE_EOF, 0.4)):
        if rng.random() < share:
            scene.flags |= flag
    database = rng.random() < 0.9
    if not database:
        scene.schema = None
    usable = [(function, weight) for function, weight, flavours in RULES if flavour in flavours]
    subjects = sorted({function.__module__ for function, _ in usable})
    themes = rng.sample(subjects, THEMES_PER_SESSION)
    weights = [weight * (5 if function.__module__ in themes else 1) for function, weight in usable]
    from grammar import variables
    if rng.random() < 0.5:
        variables.probe(scene, '4.leak')
    wanted, free = rng.randint(length // 2, length * 3 // 2), rng.random() < FREE
    if free:
        scene.ops = [op for op in scene.ops if not ties(op)]
    while len(scene.ops) < wanted:
        done = len(scene.ops)
        rng.choices([function for function, _ in usable], weights)[0](scene)
        if rng.random() < 0.06:
            variables.probe(scene)
        if free and any(ties(op) for op in scene.ops[done:]):
            del scene.ops[done:]
            scene.pinned, scene.transaction = False, None
            scene.prepared = {name: known for name, known in scene.prepared.items() if any(op.name == name for op in scene.ops)}
    for op in scene.ops:
        extra = ['3.trackers'] if scene.flags & TRACK else []
        extra += ['3.capabilities'] if scene.flags & ~TRACK else []
        op.rows = (*op.rows, *extra)
    return Script(str(seed), flavour, scene.flags, database, scene.ops)
