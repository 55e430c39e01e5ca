"""What must be equal, and the few things that can't be: all masks are here, each with its reason."""
import re

from client import _lenenc_bytes

from ops import TRACK
from play import printable
from wire import CURSOR_EXISTS

SLOW = 0x0800           # SERVER_QUERY_WAS_SLOW: the clock's
PLAN = 0x0030           # SERVER_QUERY_NO_GOOD_INDEX_USED, NO_INDEX_USED: the plan goes by each server's statistics
REPREPARED = 0x0400     # SERVER_STATUS_METADATA_CHANGED: this connection has prepared the statement anew, and goes on saying so
STATE_CHANGED = 0x4000  # routing.md 3: left out for clients that did not ask for tracking
LIMIT = 8


def masked(answer, script, through=False):
    """What wye itself says of STATE_CHANGED counts: whoever did not ask for tracking never sees it."""
    drop = SLOW | PLAN | REPREPARED | (0 if through or script.flags & TRACK else STATE_CHANGED)
    return [_masked(result, ~drop, through and not script.flags & TRACK) for result in answer]


def _trackers(block):
    """MariaDB puts what changed into one item and takes it from a hash table: in no order. Items, and pairs of them, sorted."""
    items, at = [], 0
    while at < len(block):
        kind = block[at]
        data, at = _lenenc_bytes(block, at + 1)
        inner = 0
        while kind == 0 and inner < len(data):
            name, inner = _lenenc_bytes(data, inner)
            value, inner = _lenenc_bytes(data, inner)
            items.append((kind, name, b'N' if name == b'statement_id' else value))  # the server's count of statements
        if kind != 0:
            items.append((kind, data))
    return repr(sorted(items)).encode() if items else b''


SCHEMA, TRANSACTION_STATE = 1, 5  # SESSION_TRACK_...


def told_once(answers, script, schema):
    """Without the schema where it is said again: MySQL and MariaDB do that behind a routine, or an EXECUTE, that went through another one and
    failed, with whatever that connection answers next. `schema`: the login's, or ''. And without a transaction's state that was told last:
    when a DDL has failed, which ended it, MySQL has the next BEGIN name nothing, or the same again, by what it was asked between them."""
    known, out = {SCHEMA: bytes([len(schema)]) + schema.encode(), TRANSACTION_STATE: b''}, []
    for op, answer in zip(script.ops, answers):
        results = []
        for result in answer:
            if op.do != 'beside' and result[0] in ('ok', 'rows') and result[6]:
                result = (*result[:6], _without(result[6], known))
            results.append(result)
        if op.do == 'change_user' and results[0][0] == 'in':
            name = op.text.split(' ')[2].encode() if op.text.count(' ') > 1 else b''
            known = {SCHEMA: bytes([len(name)]) + name, TRANSACTION_STATE: b''}
        out.append(results)
    return out + answers[len(out):]


def _without(block, known):
    """`known`: what was told last of each kind, which it brings up to date."""
    at, kept = 0, b''
    while at < len(block):
        begin, kind = at, block[at]
        data, at = _lenenc_bytes(block, at + 1)
        if known.get(kind) != data:
            kept += block[begin:at]
        if kind in known:
            known[kind] = data
    return kept


def _columns(columns):
    """The EOF behind the columns: clients that know DEPRECATE_EOF get none, and so does wye from its servers. What it makes up for the
    others can't know the warnings and the flags of a statement that is still running; the cursor's flag it must have."""
    return tuple(part[1] & CURSOR_EXISTS if isinstance(part, tuple) else part for part in columns)


INTERRUPTED = 1317
NO_TABLE = 'a table that information_schema does not have'  # MySQL 9.7.4 says so with 1109 or 1146, by turns, on one connection


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def _masked(result, keep, untracked=False):
    kind = result[0]
    if kind in ('ok', 'rows') and not result[6] and not untracked:  # said without anything that changed: what came before it decides about the flag
        keep &= ~STATE_CHANGED
    if kind == 'ok':
        return (*result[:3], result[3] & keep, *result[4:6], _trackers(result[6]))
    if kind == 'rows':
        return (kind, _columns(result[1]), _rows(result[2]), result[3], result[4] & keep, result[5], _trackers(result[6]))
    if kind == 'lost':  # by the end of the stream or by a reset: as the kernel had it when the client wrote
        return (kind,)
    if kind == 'prepared':
        return result[:4] + (_columns(result[4]),)
    if kind == 'err' and result[1] in (1109, 1146) and b'information_schema' in _bytes(result[3]):
        result = (kind, 1109, result[2], NO_TABLE, *result[4:])
    if kind == 'err' and result[1] == INTERRUPTED:  # before or after the columns, as it was met
        return *result[:3], _number(result[3])
    if kind == 'err':  # rows may have come before it
        return *result[:3], _number(result[3]), *(_columns(part) if i == 0 else part for i, part in enumerate(result[4:]))
    return result


def _number(text):
    """1243 and 1421 name the statement's id, which wye gives out by itself; MariaDB's errors of a routine's parameter
    the row of some earlier statement."""
    # English, from wye. MySQL 9.7.4 has the statement refused by functions of other names in other languages.
    text = re.sub(r'Unbekannter Prepared-Statement-Handler .*', 'Unknown prepared statement handler (N) given to a function', text)
    text = re.sub(r'(Unknown prepared statement handler) \(\d+\) given to \w+', r'\1 (N) given to a function', text)
    text = text.replace('Ausführung der Abfrage wurde unterbrochen', 'Query execution was interrupted')
    text = re.sub(r'(prepared statement handler|The statement) \(\d+\)', r'\1 (N)', text)
    text = re.sub(r'(not owner of thread) \d+', r'\1 N', text)  # the number that the KILL named
    text = re.sub(r'(?:\\x[0-9A-F]{2})+', _characters, text) if isinstance(text, str) else text
    return re.sub(r"((?:``\.``\.`\w+`|column '\w') (?:at row|in Zeile)) \d+", r'\1 N', text)


def _characters(escaped):
    """MySQL writes a parameter's value as text or as bytes, by what earlier EXECUTEs on that connection have made of its type."""
    return bytes.fromhex(escaped[0].replace('\\x', '')).decode(errors='replace')


# In SHOW WARNINGS, with the length that goes with the text; wye's own are English.
GERMAN_HANDLER = re.compile(rb'.Unbekannter Prepared-Statement-Handler \(\d+\) f.{1,2}r (\w+) angegeben', re.S)
TRUNCATED = re.compile(rb".(Truncated incorrect \w+ value: ')([^']*)", re.S)
ESCAPED = re.compile(rb'(?:\\x[0-9A-F]{2})+')
HANDLER = re.compile(rb'.(The statement|Unknown prepared statement handler) \(\d+\)', re.S)


def _rows(rows):
    """The same texts as rows."""
    return tuple(_row(row) if any(word in row for word in (b'tatement', b' at row ', b'Truncated')) else row for row in rows)


def _row(row):
    row = GERMAN_HANDLER.sub(rb'Unknown prepared statement handler (N) given to \1', row)
    row = TRUNCATED.sub(lambda found: found[1] + ESCAPED.sub(lambda one: bytes.fromhex(one[0].replace(b'\\x', b'').decode()), found[2]), row)
    return re.sub(rb'(column \S+ at row) \d+', rb'\1 N', HANDLER.sub(rb'\1 (N)', row))


def first_difference(direct, through, script):
    """The place of the first operation that was answered differently, or None."""
    for i, (one, other) in enumerate(zip(direct, through)):
        one, other = masked(one, script), masked(other, script, True)
        if script.ops[i].do == 'killed' and one != other and _broken_off(one) and _broken_off(other):
            return None  # what comes behind it goes by its conditions
        if one != other and not any(mask(script, direct, i) for mask in (_undefined_found_rows, _cached_routine, _counted_before, _added_to)) \
                and not _counts_nothing(script, one, other, i) and not _by_plan(script, one, other, i):
            return i
    return None if len(direct) == len(through) else min(len(direct), len(through))


def _broken_off(answer):
    """SLEEP() that is interrupted says 1, without an error; a KILL that comes a moment before it begins, or behind it, is one."""
    last = answer[-1]
    return last[:2] == ('err', INTERRUPTED) or (last[0] == 'rows' and last[2] == (b'\x011',))


ASKS = re.compile(r'SHOW (COUNT\(\*\) )?(WARNINGS|ERRORS)|@@(warning|error)_count|GET .*DIAGNOSTICS', re.I)


def _text(script, at):
    """What runs there: an EXECUTE's is its PREPARE's."""
    op = script.ops[at]
    texts = [o.text for o in script.ops[:at] if o.do == 'prepare' and o.name == op.name] if op.do == 'execute' else [op.text]
    return texts[-1] if texts else ''


def _calls(script, at):
    """Does it call a procedure?"""
    return script.ops[at].do in ('query', 'execute') and re.match(r'\s*CALL\b', _text(script, at), re.I) is not None


def _cached_routine(script, direct, at):
    """MariaDB: a CALL of what uses no table leaves the conditions of the statement before, if that connection has not called it before, and takes them
    away if it has."""
    if script.flavour != 'mariadb' or not (script.ops[at].do == 'execute' or ASKS.search(script.ops[at].text)):
        return False
    for i in range(at - 1, -1, -1):
        if script.ops[i].do == 'beside':
            continue
        if _calls(script, i):
            return direct[i][-1][0] != 'err'
        if direct[i][-1][0] == 'err' or re.search(r'\bFROM\b', script.ops[i].text, re.I):
            return False
    return False


def _counted_before(script, direct, at):
    """MySQL: ROW_COUNT() as well, see _counts_nothing()."""
    asks = script.flavour == 'mysql' and 'ROW_COUNT' in script.ops[at].text.upper()
    before = [i for i in range(at) if script.ops[i].do != 'beside']
    return asks and bool(before) and _calls(script, before[-1])


def _added_to(script, direct, at):
    """MySQL adds the error of a statement that it does not know to the conditions of the statement before; wye tells it alone (docs/ROUTING.md)."""
    if script.flavour != 'mysql' or not ASKS.search(_text(script, at)):
        return False
    before = [i for i in range(at) if script.ops[i].do != 'beside' and not ASKS.search(_text(script, i))]
    return bool(before) and direct[before[-1]][-1][:2] == ('err', 1243)


EXPLAINS = re.compile(r'\s*(EXPLAIN|DESC|DESCRIBE)\s', re.I)
AGGREGATES = re.compile(r'SELECT\b.*\b(COUNT|SUM|MIN|MAX|AVG)\s*\(.*\bWHERE\b', re.I | re.S)


def _undefined_found_rows(script, direct, at):
    """MySQL: FOUND_ROWS() is a SELECT's, its manual says. An UPDATE leaves in it what it had counted when it failed, or, if no row can match, what was
    there before: by its plan. MariaDB does so for a SELECT of aggregates where no row can match. wye could know only by asking after each one."""
    if 'FOUND_ROWS' not in _text(script, at).upper():
        return False
    for i in range(at - 1, -1, -1):
        if script.ops[i].do == 'beside' or 'FOUND_ROWS' in _text(script, i).upper() or EXPLAINS.match(_text(script, i)):
            continue
        last = direct[i][-1]
        if script.flavour == 'mariadb':
            if last[0] == 'rows':
                return AGGREGATES.match(_text(script, i)) is not None
            continue
        updates = last[0] == 'ok' and b'Rows matched: 0 ' in last[5]
        if updates or (last[0] == 'err' and re.search(r'\bUPDATE\b', _text(script, i), re.I)):
            return True
        if last[0] == 'rows':
            return False
    return False


def _counts_nothing(script, one, other, at):
    """MySQL: the OK of a CALL in which nothing was counted has the affected rows of the statement before it."""
    calls = script.flavour == 'mysql' and (script.ops[at].do == 'execute' or re.match(r'\s*CALL\b', script.ops[at].text, re.I))
    if not calls or len(one) != len(other) or one[-1][0] != 'ok' or other[-1][:2] != ('ok', 0):
        return False
    return [*one[:-1], ('ok', 0, *one[-1][2:])] == [*other[:-1], other[-1]]


def _by_plan(script, one, other, at):
    """MySQL answers SHOW from a join of the dictionary's tables: under sql_select_limit by way of a temporary table, or not, as the plan is. The columns
    tell of that, but for their names."""
    shows = script.flavour == 'mysql' and re.match(r'\s*SHOW\b', _text(script, at), re.I)
    if not shows or len(one) != 1 or len(other) != 1 or one[0][0] != 'rows' or other[0][0] != 'rows':
        return False
    return [_names_of(one[0][1]), *one[0][2:]] == [_names_of(other[0][1]), *other[0][2:]]


def _names_of(columns):
    names = []
    for column in columns:
        at, strings = 0, []
        while isinstance(column, bytes) and len(strings) < 5:  # catalog, schema, table, original table, name
            string, at = _lenenc_bytes(column, at)
            strings.append(string)
        names.append(strings[-1:] or column)
    return names


NAMES = {'ok': ('', 'affected rows', 'insert id', 'status', 'warnings', 'info', 'trackers'),
         'err': ('', 'error number', 'SQLSTATE', 'error text', 'columns', 'rows'),
         'rows': ('', 'columns', 'rows', 'warnings', 'status', 'info', 'trackers'),
         'prepared': ('', 'columns', 'parameters', 'warnings', 'metadata')}


def explain(one, other, script):
    """(what differs, in a word; lines)"""
    one, other = masked(one, script), masked(other, script, True)
    for number, (a, b) in enumerate(zip(one, other)):
        if a == b:
            continue
        if a[0] != b[0]:
            return f'{a[0]} / {b[0]}', [f'- {_short(a)}', f'+ {_short(b)}']
        for name, x, y in zip(NAMES.get(a[0], ('',) * 9), a, b):
            if x != y:
                return name, [f'result {number + 1}: {name}', *_parts(x, y)]
    return 'count of results', [f'- {[_short(r) for r in one]}', f'+ {[_short(r) for r in other]}']


def _parts(x, y):
    if not isinstance(x, tuple):
        return [f'- {printable(x)}', f'+ {printable(y)}'] if not isinstance(x, int) else [f'- {x} ({x:#x})', f'+ {y} ({y:#x})']
    lines = []
    for i in range(max(len(x), len(y))):
        a, b = (list(t)[i] if i < len(t) else None for t in (x, y))
        if a != b and len(lines) < LIMIT:
            lines += [f'- [{i}] {printable(a)}', f'+ [{i}] {printable(b)}']
    return lines


def _short(result):
    if result[0] == 'rows':
        return f'rows: {len(result[1])} column packets, {len(result[2])} rows: ' + ', '.join(printable(r) for r in result[2][:2])
    return repr(result)[:300]
