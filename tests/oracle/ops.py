"""What a session is made of: operations, as plain data that goes to a file and back."""
import json
from dataclasses import asdict, dataclass, field

# Capabilities beyond those of every client here.
FOUND_ROWS, IGNORE_SPACE, TRACK, DEPRECATE_EOF = 1 << 1, 1 << 8, 1 << 23, 1 << 24
FLAG_NAMES = {FOUND_ROWS: 'FOUND_ROWS', IGNORE_SPACE: 'IGNORE_SPACE', TRACK: 'SESSION_TRACK', DEPRECATE_EOF: 'DEPRECATE_EOF'}


OWN_ID = '{own id}'


@dataclass
class Op:
    """`do`: query, prepare, execute, close_statement, reset_statement, long_data, fetch, init_db, change_user, reset, field_list, ping, option;
    beside: a statement of a second session, of the same user; killed: a long statement that the second session ends with KILL QUERY.
    OWN_ID in a text is the number that the greeting gave to the session.
    `text`: SQL, or what the command names. `name`: of a prepared statement. `args`: parameters. `rows`: of the contract.
    `reads`: it may run on a replica, which must have this session's writes by then."""
    do: str
    text: str = ''
    name: str = ''
    args: list = field(default_factory=list)
    rows: tuple = ()
    reads: bool = False

    def line(self):
        shown = self.text if self.text.isprintable() else repr(self.text)
        parts = [f'[{self.name}]' if self.name else '', shown, f'<- {self.args!r}' if self.args else '']
        return ' '.join([self.do.upper() + ':' if self.do != 'query' else '', *parts]).replace('  ', ' ').strip()


@dataclass
class Script:
    """A session: who logs in and how, then the operations."""
    seed: str
    flavour: str
    flags: int = 0
    database: bool = True
    ops: list = field(default_factory=list)

    def to_json(self):
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text):
        known = json.loads(text)
        known['ops'] = [Op(**{**op, 'rows': tuple(op['rows'])}) for op in known['ops']]
        return cls(**known)

    def with_ops(self, ops):
        return Script(self.seed, self.flavour, self.flags, self.database, list(ops))

    def readable(self, marked=None):
        """For people; `marked`: the operation that differs."""
        flags = ' '.join(name for bit, name in FLAG_NAMES.items() if self.flags & bit) or 'none'
        head = [f'-- seed {self.seed}, {self.flavour}, flags: {flags}, schema at login: {"yes" if self.database else "no"}']
        return '\n'.join(head + [f"{'>>' if i == marked else '  '} {op.line()}" for i, op in enumerate(self.ops)])
