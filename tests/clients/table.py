"""Runs clients on one flavour and holds docs/COMPATIBILITY.md to what was seen. WRITE_DOCS=1 writes the table anew instead."""
import json
import os

import sys

from both_ways import Tally
from matrix import BUILD, check, sandbox
from registry import CLIENTS
from sandbox import REPOSITORY

PAGE = REPOSITORY / 'docs/COMPATIBILITY.md'
BEGIN, END = '<!-- clients: begin -->', '<!-- clients: end -->'
HEAD = '| client | version | what was compared | MySQL | MariaDB | what differs, and why |\n| --- | --- | --- | --- | --- | --- |\n'


def cell(seen):
    return '-' if seen is None else str(seen['lines']) if seen['equal'] == seen['lines'] else f"{seen['equal']} of {seen['lines']}"


def row(client, seen):
    """`seen`: flavour -> what check() gave."""
    any_one = next(iter(seen.values()))
    reasons = sorted({reason for one in seen.values() for reason in one['exceptions']} | set(client.absent.values()))
    return (f"| {client.name} | {any_one['version']} | {any_one['compared']} | {cell(seen.get('mysql'))} | {cell(seen.get('mariadb'))} | "
            f"{'; '.join(reasons)} |")


def rows_of_the_page():
    text = PAGE.read_text() if PAGE.exists() else ''
    part = text.partition(BEGIN)[2].partition(END)[0]
    return {line.split('|')[1].strip(): line for line in part.splitlines() if line.startswith('| ') and not line.startswith('| client')}


def disagreement(client, flavour, seen):
    """What the page says of this client and flavour, against what was seen."""
    line = rows_of_the_page().get(client.name)
    if line is None:
        return f'docs/COMPATIBILITY.md has no row for {client.name}'
    cells = [part.strip() for part in line.split('|')[1:-1]]
    column = {'mysql': 3, 'mariadb': 4}[flavour]
    wrong = []
    # Where an exception comes and goes, so does the number of equal lines.
    loose = any(e.sometimes for e in client.exceptions) and cells[column].endswith(str(seen['lines'])) and cell(seen).endswith(str(seen['lines']))
    if cells[column] != cell(seen) and not loose:
        wrong.append(f'{cell(seen)} equal lines were seen, the page says {cells[column]}')
    if cells[2] != client.compared:
        wrong.append(f'what was compared is another text: {cells[2]}')
    wrong += [f'the page does not say: {reason}' for reason in seen['exceptions'] if reason not in cells[5]]
    return '\n'.join(wrong)


def write():
    """The table from what both flavours left in build/clients."""
    seen = {flavour: json.loads(path.read_text()) for flavour in ('mysql', 'mariadb') if (path := BUILD / f'{flavour}.json').exists()}
    lines = [row(client, found) for client in CLIENTS
             if (found := {flavour: results[client.name] for flavour, results in seen.items() if client.name in results})]
    text = PAGE.read_text() if PAGE.exists() else '# Compatibility\n\n'
    if BEGIN not in text:
        text = f'{text.rstrip()}\n\n## Clients\n\n{BEGIN}\n{END}\n'
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f'{before}{BEGIN}\n{HEAD}' + '\n'.join(lines) + f'\n{END}{rest.partition(END)[2]}')


def remember(flavour, seen):
    path = BUILD / f'{flavour}.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, **seen}, indent=1))


def main(only=(), fast=False):
    tally, seen = Tally(), {}
    with sandbox(os.environ.get('WYE_FLAVOUR', 'mysql')) as box:
        flavour = box.flavour.name
        for client in CLIENTS:
            if flavour not in client.flavours or (fast and not client.fast) or (only and client.name not in only):
                continue
            try:
                seen[client.name] = check(box, tally, client)
            except Exception as error:  # the next client has its turn
                tally.check(f'{client.name}: ran', f'{type(error).__name__}: {error}')
                continue
            if not os.environ.get('WRITE_DOCS'):
                tally.check(f'{client.name}: as docs/COMPATIBILITY.md says', disagreement(client, flavour, seen[client.name]))
    remember(flavour, seen)
    if os.environ.get('WRITE_DOCS'):
        write()
    return 1 if tally.failed else 0


if __name__ == '__main__':
    write() if sys.argv[1:] == ['write'] else sys.exit('table.py write')
