"""Every test that docs/ROUTING.md names exists: `room/file`, or `room/file: name`, below tests/; and each of the complaints has a row."""
import re
import sys
from pathlib import Path

TESTS = Path('tests')
PAGE = Path('docs/ROUTING.md')
NAMED = re.compile(r'`((?:unit|e2e|clients|oracle|sandbox|fuzz|freshness|leaks|lag)/[\w./-]+)(?:: ([^`]+))?`')
COMPLAINTS = 62


def missing(path, name):
    """Why a named test is none, or ''."""
    file = TESTS / path
    if not file.is_file():
        return f'there is no {file}'
    if not name:
        return ''
    text = file.read_text('utf-8', 'replace')
    there = {'.py': f'\ndef {name}(', '.cc': f'TEST_CASE("{name}"'}.get(file.suffix, name)
    one_line = re.sub(r'\(\s*"', '("', text)  # a long name stands on a line of its own
    return '' if there in one_line else f'{file} has no {there.strip()!r}'


def main():
    text = PAGE.read_text()
    found = NAMED.findall(text)
    trouble = [f'{PAGE}: {why}' for why in dict.fromkeys(missing(path, name) for path, name in found) if why]
    if len(found) < COMPLAINTS:
        trouble.append(f'{PAGE}: only {len(found)} tests are named')
    table = text.partition('<!-- complaints: begin -->')[2].partition('<!-- complaints: end -->')[0]
    numbers = [int(number) for number in re.findall(r'^\| (\d+) \|', table, re.M)]
    if numbers != list(range(1, COMPLAINTS + 1)):
        trouble.append(f'{PAGE}: the complaints are {numbers}')
    for line in table.splitlines():
        if re.match(r'\| \d', line) and not NAMED.search(line) and not re.search(r'\bnot\b', line):
            trouble.append(f'{PAGE}: neither a test nor why there is none: {line[:60]}')
    print('\n'.join(trouble), end='\n' if trouble else '')
    return 1 if trouble else 0


if __name__ == '__main__':
    sys.exit(main())
