#!/usr/bin/env python3
# deadline: 150
# flavours: mysql mariadb
"""Short sessions, direct and through wye with two replicas: what the oracle has found, each as short as it could be made
(one_server.txt). Those for `global` wait for nothing between a write and a read: wye itself must."""
import ast
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'oracle')]

import both  # noqa: E402
from ops import TRACK, Op, Script  # noqa: E402
from flavours import MONITOR  # noqa: E402
from place import PASSWORD, Place  # noqa: E402
from server import wait_until  # noqa: E402

NAMED = re.compile(r'\[(\w+)\] ?(.*)')


def operation(line):
    if not line.startswith('!'):
        return Op('query', line, reads=True)
    do, _, text = line[1:].partition(' ')
    text, _, values = text.partition('<- ') if do == 'execute' else (text, '', '')
    named = NAMED.fullmatch(text)
    return Op(do, *((named[2].strip(), named[1]) if named else (text,)), args=ast.literal_eval(values or '[]'), reads=True)


def sessions(flavour):
    """(Script, level)"""
    for block in re.split(r'^== ', (HERE / 'one_server.txt').read_text(), flags=re.M)[1:]:
        title, *lines = block.strip().split('\n')
        name, _, tags = title.rstrip(')').partition(' (')
        tags = tags.split()
        if flavour in tags or not {'mysql', 'mariadb'} & set(tags):
            operations = [operation(line) for line in lines if line]
            yield Script(name, flavour, TRACK if 'track' in tags else 0, ops=operations), 'global' if 'global' in tags else 'eventual'


def same(slot, script):
    # Twice: the second session meets what the first has left in the pool.
    for _ in range(2):
        found = both.run(slot, script, fresh=True)
        if found:
            print(f'FAIL {script.seed}', found.script.readable(found.at), f'differs in {found.word}', *found.lines, sep='\n', flush=True)
            return False
    print(f'PASS {script.seed}', flush=True)
    return True


def reads(place):
    return sum(count for (route, _), count in place.routes().items() if route == 'replica')


def wait_for_triggers(place):
    """They were made beside wye, which looks for them now and then only."""
    connect = lambda: place.box.wye.connect(user='oracle', password=PASSWORD, database='oracle_00')

    def goes_along(session, other):
        session.query("REPLACE INTO items (id, name) VALUES (6, 'triggers')")
        other.query('SELECT COUNT(*) FROM items FOR UPDATE')  # takes the connection
        return session.query('SELECT @triggered IS NOT NULL').rows == [('1',)]

    def known():
        with connect() as session, connect() as other:
            return all(goes_along(session, other) for _ in range(5))
    wait_until(known, 60, 'wye does not learn of the triggers', 0.2)


def without_the_primarys_position(place, slot, script):
    """wye's own account can't log in any more: what errors may have committed can't be asked, and reads go to the primary."""
    account = f"'{MONITOR}'@'%'"
    place.box.primary.sql(f'ALTER USER {account} ACCOUNT LOCK')
    try:
        passed = same(slot, script)
    finally:
        place.box.primary.sql(f'ALTER USER {account} ACCOUNT UNLOCK')
    behind = place.routes().get(('primary', 'replicas_behind'), 0)
    print('PASS' if behind else 'FAIL', 'reads went to the primary when its position could not be asked', behind)
    return passed and bool(behind)


def main():
    flavour, wye, passed = os.environ['WYE_FLAVOUR'], os.environ['WYE_BIN'], True
    known = list(sessions(flavour))
    for level in ('eventual', 'global'):
        with Place(flavour, wye, 1, level, 20) as place:
            slot = place.slot(0)
            wait_for_triggers(place)
            if (level, flavour) == ('global', 'mysql'):  # MariaDB's logins read the account's rows
                halfway = next(script for script, wanted in known if wanted == 'global')
                passed = without_the_primarys_position(place, slot, halfway) and passed
            for script, wanted in known:
                if wanted == level:
                    passed = same(slot, script) and passed
            if not reads(place):
                print(f'FAIL no statement ran on a replica ({level})')
                passed = False
            slot.close()
    return 0 if passed else 1


if __name__ == '__main__':
    sys.exit(main())
