#!/usr/bin/env python3
# deadline: 180
# flavours: mysql56
"""PROVISION on MySQL 5.6: refused before anything is touched where no program can dump it; filled, with a writer that goes on, where one
can (plain_dump.py stands in for a mysqldump of that time)."""
import shutil
import sys
import time
from pathlib import Path

import provision_test as filling
from provision_test import console, refused
from sandbox import Sandbox, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


def tool(box, name, text):
    path = box.folder / 'tools' / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def without_a_program_that_can(box):
    """With OVERWRITE, too: what is there stays there."""
    target = box.servers[2]
    for options in ('OVERWRITE', 'FROM db1 OVERWRITE BY DUMP'):
        text = refused(box, f'PROVISION db3 {options}')
        assert 'there is no mysqldump for 5.6' in text and 'asks for columns that this version has not' in text, text
    old = tool(box, 'mysqldump', "#!/bin/sh\necho 'mysqldump  Ver 9.7.0 for Linux on x86_64 (MySQL Community Server - GPL)'\n")
    text = refused(box, 'PROVISION db3 OVERWRITE')
    assert 'no mysql_native_password' in text, text
    old.unlink()
    assert target.replication()['io'] == target.replication()['sql'] == 'Yes', target.replication()
    assert target.value('SELECT COUNT(*) FROM shop.big') == str(filling.ROWS)


def clone_is_not_there(box):
    """Nor does its word: BY DUMP says what is done anyway, so there is no note that CLONE can't."""
    use_plain_dump(box)
    planned = console(box, 'PROVISION db3 OVERWRITE DRY RUN')
    assert any('by dump and load' in row['what'] for row in planned), planned
    assert 'CLONE' not in str(planned), planned


def use_plain_dump(box):
    shell = (f'PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={REPOSITORY / "tests/sandbox"} exec {shutil.which("python3")} '
             f'{REPOSITORY / "tests/e2e/plain_dump.py"} "$@"')
    tool(box, 'mysqldump', f'#!/bin/sh\n{shell}\n')


def from_a_replica(box):
    filling.filled(box, '', 'db2 by dump and load')


def from_the_primary(box):
    filling.filled(box, 'FROM db1', 'db1 by dump and load')


def settings_are_as_before(box):
    """What the load needed is gone, and what it set stays: read_only, the GTIDs of the donor."""
    target = box.servers[2]
    assert target.value('SELECT @@GLOBAL.log_bin_trust_function_creators') == '0'
    assert target.value('SELECT @@GLOBAL.read_only') == '1'
    wait_until(lambda: not filling.refused(box, 'REPAIR db3').startswith('undone'), 10, 'REPAIR finds something')


def main():
    with Sandbox(managed=True, wye=True, wye_config=lambda box: {'replication': {'tools': str(box.folder / 'tools')}}) as box:
        filling.make_data(box)
        box.sync()
        for test in (without_a_program_that_can, clone_is_not_there, from_a_replica, from_the_primary, settings_are_as_before):
            begun = time.monotonic()
            test(box)
            print(f'PASS {test.__name__} ({time.monotonic() - begun:.1f} s)', flush=True)


if __name__ == '__main__':
    sys.exit(main())
