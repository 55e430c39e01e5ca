#!/usr/bin/env python3
"""docs/FAILURES.md from what the tests told of it (lines `SCENARIO ...` in build/logs, see scenario.py). What no run has told since the
page was made stays as it was. ./dev failures runs the tests first. --check: every failure has a row, and its test exists."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE, LOGS, TESTS = ROOT / 'docs/FAILURES.md', ROOT / 'build/logs', ROOT / 'tests/e2e'
BEGIN, END = '<!-- made by tests/e2e/failures_page.py: begin -->', '<!-- end -->'
LINE = re.compile(r'^SCENARIO (\d+) \| (\w+) \| ([\d.]+) \| (\w+: \w+) \| (.+)$', re.M)
ROW = re.compile(r'^\| (\d+) \| (.+?) \| (\w+) \| ([\d.]+) \| `e2e/(\w+)\.py: (\w+)` \|$', re.M)
WANTED = range(43, 55)
MISSING = re.compile(r'^\| (\d+) \| .*\bnot yet\b.* \|$', re.M)


def told():
    """(number, test, flavour): (seconds, what), of the newest run of each test file."""
    out = {}
    for log in sorted(LOGS.glob('*_test-*.log'), key=lambda path: path.stat().st_mtime):
        for number, flavour, seconds, test, what in LINE.findall(log.read_text('utf-8', 'replace')):
            out[int(number), test, flavour] = seconds, what
    return out


def kept(table):
    return {(int(number), f'{file}: {name}', flavour): (seconds, what)
            for number, what, flavour, seconds, file, name in ROW.findall(table)}


def is_there(test):
    file, _, name = test.partition(': ')
    path = TESTS / f'{file}.py'
    return path.is_file() and f'\ndef {name}(' in path.read_text()


def parts(text):
    head, _, rest = text.partition(BEGIN)
    table, _, tail = rest.partition(END)
    return head, table, tail


def write():
    head, table, tail = parts(PAGE.read_text())
    results = {key: value for key, value in {**kept(table), **told()}.items() if is_there(key[1])}
    lines = ['', '| | what happens | flavour | seconds | test |', '| --- | --- | --- | --- | --- |']
    lines += [f'| {number} | {what} | {flavour} | {seconds} | `e2e/{test.replace(": ", ".py: ")}` |'
              for (number, test, flavour), (seconds, what) in sorted(results.items(), key=lambda item: (item[0][0], item[0][1], item[0][2]))]
    PAGE.write_text(head + BEGIN + '\n'.join([*lines, '']) + END + tail)
    print(f'{len(results)} rows in {PAGE.relative_to(ROOT)}')


def check():
    head, table, tail = parts(PAGE.read_text())
    rows = kept(table)
    trouble = [f'docs/FAILURES.md: there is no test {test}' for test in sorted({test for _, test, _ in rows}) if not is_there(test)]
    said = {int(number) for number in MISSING.findall(tail)}
    for number in WANTED:
        if number not in said and not any(row[0] == number for row in rows):
            trouble.append(f'docs/FAILURES.md: no row for {number}, and no word that it is not there yet')
    print('\n'.join(trouble), end='\n' if trouble else '')
    return 1 if trouble else 0


if __name__ == '__main__':
    sys.exit(check() if '--check' in sys.argv else write())
