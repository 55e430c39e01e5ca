#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mariadb
"""docs/TUTORIAL.md is what happens: its commands, taken from the page, run in their order on a cluster that wye has made, and what is
shown there is what comes. `wye>` and what reads may be asked again until it has arrived, as a reader would. With --print: what came, for the page."""
import contextlib
import io
import re
import subprocess
import sys
import time
from pathlib import Path

from cli import print_endpoint
from sandbox import REPOSITORY, Sandbox, ServerError

PAGE = REPOSITORY / 'docs/TUTORIAL.md'
PATIENCE = 40.0  # seconds until what is shown must have come
# What is the reader's own, as the page says. The value must be there where the page has one, but for the counters.
POSITIONS, TIMES, COUNTERS = {'received', 'applied'}, {'lag_ms'}, {'connections', 'in_use', 'queries', 'latency_us'}
PROMPTS = ('$ ', 'wye> ', 'mysql> ')
USED = ('SHOW REPLICATION', 'SHOW SERVERS', 'VERIFY', 'EXPLAIN ROUTE', 'SHOW DATABASES ON', 'SHOW TABLES ON', 'INSERT', 'UPDATE', 'DELETE', 'ALTER TABLE')


def commands(page):
    """(prompt, command, the lines shown below it) of the indented blocks."""
    found = []
    for line in page.splitlines():
        if not line.startswith('    '):
            continue
        line = line.strip()
        prompt = next((p for p in PROMPTS if line.startswith(p)), None)
        if prompt:
            found.append((prompt.strip(), line[len(prompt):], []))
        else:
            assert found, f'an answer without a command: {line}'
            found[-1][2].append(line)
    return found


def parsed(lines):
    """What the page shows: (columns, rows) of a table, else the one line."""
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines if line.startswith('|')]
    if cells:
        return cells[0], cells[1:]
    assert len(lines) == 1, lines
    return lines[0]


def shown(result):
    """What came, likewise."""
    if isinstance(result, ServerError):
        return f'ERROR {result.code} ({result.state}): {result.message}'
    if not result.columns:
        return f"Query OK, {result.affected} {'row' if result.affected == 1 else 'rows'} affected"
    return result.columns, [['NULL' if value is None else value for value in row] for row in result.rows]


def masked(answer):
    if isinstance(answer, str):
        return answer
    columns, rows = answer
    rows = [[mask(column, value) for column, value in zip(columns, row)] for row in rows]
    if 'candidate' in columns:
        rows = either_replica(columns, rows)
    return columns, rows


def mask(column, value):
    if column in COUNTERS:
        return '*'
    if column in POSITIONS | TIMES:
        return value if value == 'NULL' else '*'
    return re.sub(r'127\.0\.0\.1:\d+', '127.0.0.1:*', value)


def either_replica(columns, rows):
    """Of two replicas that would do, wye takes the one or the other: the one that was taken comes first."""
    candidate, verdict, server = (columns.index(name) for name in ('candidate', 'verdict', 'server'))
    verdicts = {row[candidate]: row[verdict] for row in rows}
    if verdicts.get('db3') != 'taken' or verdicts.get('db2') != 'not_chosen':
        return rows
    other = {'db2': 'db3', 'db3': 'db2'}
    swapped = [[other.get(value, value) if i in (candidate, server) else value for i, value in enumerate(row)] for row in rows]
    return sorted(swapped, key=lambda row: row[candidate])


class Reader:
    """Who follows the page."""

    def __init__(self, box):
        self.box = box
        self.clients = {'mysql>': box.connect(timeout=60.0), 'wye>': box.wye.connect_admin(timeout=60.0)}

    def ask(self, prompt, command):
        try:
            return shown(self.clients[prompt].query(command))
        except ServerError as error:
            return shown(error)

    def shell(self, command, lines):
        if command == './dev up':  # which is this sandbox, in another folder
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                print_endpoint(self.box)
            assert [line.split()[0] for line in out.getvalue().split('\n') if line] == [line.split()[0] for line in lines], out.getvalue()
            return
        tool = 'tests/sandbox/sandbox'
        assert command.startswith(tool + ' ') and not lines, command
        subprocess.run([str(REPOSITORY / tool), '--dir', str(self.box.folder), *command.split()[1:]], check=True, timeout=90)

    def follow(self, prompt, command, lines):
        if prompt == '$':
            return self.shell(command, lines)
        expected = masked(parsed(lines))
        changes = prompt == 'mysql>' and isinstance(expected, str)
        end = time.monotonic() + PATIENCE
        while True:
            answer = self.ask(prompt, command)
            if masked(answer) == expected:
                return
            if changes or time.monotonic() > end:
                raise AssertionError(f'{prompt} {command}\n  the page: {expected}\n  came:     {masked(answer)}')


def main():
    steps = commands(PAGE.read_text('utf-8'))
    missing = [word for word in USED if not any(command.startswith(word) or f' {word} ' in f' {command} ' for _, command, _ in steps)]
    assert not missing, f'the tutorial shows no {missing}'
    with Sandbox(wye=True, managed=True) as box:
        reader, started = Reader(box), time.monotonic()
        for prompt, command, lines in steps:
            if '--print' in sys.argv:
                print(prompt, command, *([reader.shell(command, lines)] if prompt == '$' else [reader.ask(prompt, command)]), sep='\n')
            else:
                reader.follow(prompt, command, lines)
        print(f'# {box.flavour.name}: {len(steps)} commands of {Path(PAGE).name} in {time.monotonic() - started:.1f} s, every answer as shown')


main()
