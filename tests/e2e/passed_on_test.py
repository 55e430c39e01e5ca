#!/usr/bin/env python3
# deadline: 90
# flavours: mysql mariadb
"""What the servers are told of a client: its connection attributes (backend.attributes: pass), its address (backend.proxy_protocol); and that such
connections serve nobody else."""
import os
import subprocess
import sys

import ports
from both_ways import Tally
from client import Connection
from sandbox import Sandbox


class Proxied(Connection):
    """Comes through a proxy that says whom it speaks for."""

    def _log_in(self, user, database, tls):
        self._sock.sendall(b'PROXY TCP4 203.0.113.7 127.0.0.1 5555 6033\r\n')
        super()._log_in(user, database, tls)


def address(box):
    """MariaDB sees the address that the first proxy told wye, on the primary and on replicas."""
    with Proxied('127.0.0.1', box.wye.port, 'app', 'sandbox-app', 'shop') as c:
        assert c.query('SELECT USER()').rows == [('app@203.0.113.7',)]
        assert c.query('SELECT USER() FROM shop.one FOR UPDATE').rows == [('app@203.0.113.7',)]
    for _ in range(3):  # a connection of the pool would still tell the other one's address
        with box.connect() as c:
            assert c.query('SELECT USER() FROM shop.one').rows == [('app@127.0.0.1',)]


def attributes(box):
    """The shell's attributes reach performance_schema, those of another client don't."""
    sql = ("SELECT ATTR_NAME, ATTR_VALUE FROM performance_schema.session_connect_attrs WHERE PROCESSLIST_ID = CONNECTION_ID() "
           "AND ATTR_NAME IN ('program_name', '_client_name') ORDER BY 1")
    done = subprocess.run([*box.flavour.binaries.client, '--no-defaults', '--protocol=TCP', '-h127.0.0.1', f'-P{box.wye.port}', '-uroot', '-psandbox-root', '-N', '-e', sql],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    assert b'program_name\tmysql' in done.stdout, done.stdout
    with box.connect(user='root', password='sandbox-root') as c:  # has none
        assert c.query(sql).rows == []


def main():
    tally = Tally()
    port, = ports.take(1)
    listen = [{'address': f'127.0.0.1:{port}', 'proxy_protocol': ['127.0.0.0/8']}]
    maria = os.environ.get('WYE_FLAVOUR') == 'mariadb'  # MySQL knows no PROXY protocol
    with Sandbox(wye=True, wye_port=port, server_options={'proxy_protocol_networks': '*'} if maria else {},
                 wye_config={'listen': listen, 'backend': {'attributes': 'pass', 'proxy_protocol': maria}}) as box:
        box.primary.sql('CREATE TABLE shop.one (a INT)', 'INSERT INTO shop.one VALUES (1)')
        box.sync()
        tally.call(address if maria else attributes, box)
    sys.exit(1 if tally.failed else 0)


if __name__ == '__main__':
    main()
