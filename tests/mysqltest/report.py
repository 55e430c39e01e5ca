"""Why a test failed: its first difference, and a name for that, so that like ones stand together."""
import re

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
