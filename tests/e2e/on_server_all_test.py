#!/usr/bin/env python3
# deadline: 600
# flavours: mysql mariadb
# slow
"""ON db1 with every statement of the classifier's corpus (tests/unit/sql/classify.tsv), while wye's account may do everything: what does not
read is refused before it is sent, and what is sent changes neither data nor settings, and ends."""
import sys
from collections import Counter

import flavours
from both_ways import Tally
from corpus_test import corpus
from sandbox import Sandbox, ServerError

POSITION = {'mysql': 'SELECT @@GLOBAL.gtid_executed', 'mariadb': 'SELECT @@GLOBAL.gtid_binlog_pos'}
MOVES = ('gtid', 'timestamp', 'binlog_snapshot')  # variables that tell of others, or of the time


def settings(root):
    return {row for row in root.query('SHOW GLOBAL VARIABLES').rows if not any(word in row[0].lower() for word in MOVES)}


def send(console, text):
    try:
        console.query(b'ON db1 ' + text)
        return 'answered'
    except ServerError as error:
        if error.message.startswith(('ON takes one statement', 'expected ON')):
            return 'refused'
        return 'not ended by itself' if error.message.startswith('db1: ') else 'refused by the server'


def main():
    tally, counts = Tally(), Counter()
    with Sandbox(wye=True, replicas=1) as box:
        box.primary.sql(f"GRANT ALL PRIVILEGES ON *.* TO '{flavours.MONITOR}'@'%'")
        box.sync()
        rows = [row for row in corpus(box.flavour.name) if not row.modes]  # its sessions have none of the other modes
        position, wrong = POSITION[box.flavour.name], []
        with box.wye.connect_admin(timeout=60.0) as console, box.primary.connect() as root:
            before, settings_before = root.query(position).rows, settings(root)
            for row in rows:
                result = send(console, row.text)
                counts[result] += 1
                if result == 'not ended by itself' or row.kind != 'read' and result != 'refused':
                    wrong.append(f'{row} ({row.kind}): {result}')
                if root.query(position).rows != before:
                    wrong.append(f'{row}: it wrote')
                    before = root.query(position).rows
            changed = settings(root) ^ settings_before
        tally.check('what does not read is refused, what is sent writes nothing', wrong)
        tally.check('no setting is another one', changed)
        tally.check('hundreds of reads were sent', counts['answered'] < 200 and counts)
        print(f"# {box.flavour.name}: {len(rows)} statements: {', '.join(f'{count} {result}' for result, count in counts.items())}")
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
