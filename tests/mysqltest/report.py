"""Why a test failed: its first difference, and a name for that, so that like ones stand together."""
import json
import re
from collections import Counter
from pathlib import Path

HUNK = re.compile(r'^@@ .* @@', re.M)


def first_difference(output):
    """(group, details of a few lines)."""
    failed = re.search(r"^mysqltest: (?:At line (\d+)|In included file.*?at line (\d+))?:?\s*(.*)$", output, re.M | re.S)
    said = failed.group(3) if failed else output
    error = re.search(r"(?:[Qq]uery|[Cc]ommand) '(.*?)' failed(?: with wrong errno)?:?[^\n]*?(\d{4})[^\n]*", said, re.S)
    wrong = re.search(r"query '(.*)' (failed|succeeded)([^\n]*)", said, re.S)
    hunk = HUNK.search(output)
    if hunk:
        return _of_hunk(output[hunk.start():])
    if error:
        return f'error {error.group(2)}: {_verb(error.group(1))}', _short(said)
    if wrong:
        return f'{wrong.group(2)}: {_verb(wrong.group(1))}', _short(said)
    return 'other: ' + _short(said, 1)[:60], _short(said)


def _of_hunk(text):
    lines, statement, shown = text.splitlines()[1:], '', []
    for at, line in enumerate(lines):
        if line[:1] in '+-' and line[:3] not in ('+++', '---'):
            shown = lines[max(0, at - 4):at + 6]
            break
        if re.match(r' (select|show|explain|insert|update|delete|replace|create|alter|drop|set|call|execute|prepare|get|do|with|table|'
                    r'values|flush|analyze|check|load|begin|start|commit|rollback|use|grant|revoke|help|handler|describe|desc)\b', line, re.I):
            statement = line[1:]
    return f'differs: {_verb(statement)}', '\n'.join(shown)


def _verb(statement):
    words = re.findall(r'[A-Za-z_@]+', statement)[:6]
    if not words:
        return '?'
    verb = words[0].upper()
    return f'{verb} {words[1].upper()}' if verb in ('SHOW', 'CREATE', 'DROP', 'ALTER', 'SET', 'FLUSH') and len(words) > 1 else verb


def _short(text, lines=8):
    return '\n'.join(line[:300] for line in text.strip().splitlines()[:lines])


BEGIN, END = '<!-- mysqltest: begin -->', '<!-- mysqltest: end -->'
HEADING = "# Compatibility\n"


def exceptions(path, way):
    """{test: cause} of exceptions.txt for one protocol (text or ps)."""
    known = {}
    for line in Path(path).read_text().splitlines():
        if line.strip() and not line.startswith('#'):
            name, ways, cause = [part.strip() for part in line.split('|', 2)]
            if way in ways.split():
                known[name] = cause
    return known


def write_document(build, listed, document):
    """The section of docs/COMPATIBILITY.md, from the last results of both protocols."""
    lines = ["## MySQL's own tests", '']
    table, unfinished, causes, left_out, version = [], [], {}, {}, ''
    for way in ('text', 'ps'):
        path = Path(build) / f'{way}.json'
        if not path.exists():
            continue
        last = json.loads(path.read_text())
        through, direct, version = last['through'], last['direct'], last['version']
        passed = sum(1 for seen in through.values() if seen['result'] == 'pass')
        known = exceptions(listed, way)
        for name, seen in through.items():
            if seen['result'] != 'pass':
                causes.setdefault((name, known.get(name, 'not looked into yet')), []).append(way)
        left_out = last['left_out'] or left_out
        not_run = last['cases'] - len(left_out) - sum(direct.values())
        if not_run:
            unfinished.append(f'{way}: the run was interrupted; {not_run} cases are not in these numbers.')
        table.append(f"| {way} | {last['cases']} | {len(left_out)} | {sum(direct.values()) - direct['pass']} "
                     f"| {direct['pass']} | {passed} of {len(through)} | {100 * passed / max(1, len(through)):.1f} % |")
    lines += [f'Suite `main` of mysql-testsuite {version}, one primary and two replicas, `./dev test mysqltest`; a case counts if it passes '
              'direct on the primary.', '',
              '| protocol | cases | left out | fail or skip direct | pass direct | pass through wye | |', '| --- | --- | --- | --- | --- | --- | --- |',
              *table, *([''] + unfinished if unfinished else []), '', 'Left out: ' + ', '.join(f'{reason} ({count})' for reason, count in Counter(left_out.values()).most_common()) + '.', '',
              '| fails through wye | protocol | cause |', '| --- | --- | --- |',
              *(f"| {name} | {' '.join(ways)} | {cause} |" for (name, cause), ways in sorted(causes.items()))]
    document = Path(document)
    text = document.read_text() if document.exists() else HEADING
    if BEGIN not in text:
        text = f'{text.rstrip()}\n\n{BEGIN}\n{END}\n'
    head, tail = text[:text.index(BEGIN)], text[text.index(END):]
    document.write_text(head + BEGIN + '\n' + '\n'.join(lines) + '\n' + tail)
