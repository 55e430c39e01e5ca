#!/usr/bin/env python3
# deadline: 120
# flavours: mysql mariadb
"""The binary log through wye: a replica that replicates from wye's port catches up, and the dump tools read what they read direct."""
import re
import subprocess
import sys
from pathlib import Path

from both_ways import Tally, differences
from sandbox import Sandbox, wait_until


def replica_of_wye(box):
    """A server whose source is wye's client port: what is committed meanwhile and afterwards arrives."""
    replica = box.replicas[-1]
    replica.sql(*replica.flavour.stop(), *replica.flavour.follow('127.0.0.1', box.wye.port), *replica.flavour.start())
    box.primary.sql('CREATE TABLE shop.log (a INT PRIMARY KEY AUTO_INCREMENT, b LONGBLOB)',
                    *["INSERT INTO shop.log (b) VALUES (REPEAT('x', 1000))"] * 50,
                    "INSERT INTO shop.log (b) VALUES (REPEAT('y', 12000000)), (REPEAT('z', 8000000))")
    replica.wait_for(box.primary.position(), 60)
    state = replica.replication()
    assert state['io'] == 'Yes' and int(state['port']) == box.wye.port, state
    assert replica.value('SELECT COUNT(*) * 1000000000 + SUM(LENGTH(b)) FROM shop.log') == \
        box.primary.value('SELECT COUNT(*) * 1000000000 + SUM(LENGTH(b)) FROM shop.log')
    with box.connect() as client:
        assert client.query('SELECT COUNT(*) FROM shop.log').rows == [('52',)]
    # Its connection ends with it: nothing goes on reading the log on the primary.
    replica.sql(*replica.flavour.stop())
    wait_until(lambda: len([r for r in box.primary.sql('SHOW PROCESSLIST') if 'Binlog Dump' in r[4]]) == len(box.replicas) - 1,
               15, 'the dump to end on the primary')
    replica.sql(*replica.flavour.follow('127.0.0.1', box.primary.public_port), *replica.flavour.start())
    replica.wait_for(box.primary.position(), 60)


def dump_tool(box):
    """mysqlbinlog --read-from-remote-server: the same text direct and through wye."""
    *loader, shell = box.flavour.binaries.client
    tool = [*loader, str(Path(shell).with_name('mysqlbinlog'))]
    log = box.primary.sql('SHOW BINARY LOGS')[0][0]

    def read(port):
        done = subprocess.run([*tool, '--no-defaults', '--read-from-remote-server', '-h127.0.0.1', f'-P{port}', '-urepl', '-psandbox-repl',
                               '--base64-output=DECODE-ROWS', '-v', log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 0, done.stderr.decode()[-500:]
        text = done.stdout.decode('utf-8', 'replace')
        return re.sub(r'pseudo_thread_id=\d+', '', text)
    direct = read(box.primary.port)
    assert 'CREATE TABLE shop.log' in direct
    trouble = differences(direct, read(box.wye.port))
    assert not trouble, trouble


def refused(box):
    """Who may not read the log hears that from the primary, and the session goes on."""
    with box.connect() as client:
        client._seq = 0
        client._write(b'\x12' + (4).to_bytes(4, 'little') + b'\0\0' + (99).to_bytes(4, 'little') + b'none.000001')
        try:
            client._read()
            raise AssertionError('no error')
        except Exception as e:  # noqa: BLE001: ServerError of either module
            assert getattr(e, 'code', 0) == 1227, e
        assert client.query('SELECT 1').rows == [('1',)]


def main():
    tally = Tally()
    with Sandbox(wye=True) as box:
        tally.call(refused, box)
        tally.call(replica_of_wye, box)
        if box.flavour.name == 'mysql':  # MariaDB's tool comes with the big client package: tests/clients
            tally.call(dump_tool, box)
    sys.exit(1 if tally.failed else 0)


if __name__ == '__main__':
    main()
