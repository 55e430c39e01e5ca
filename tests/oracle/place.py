"""The servers: a primary with two replicas and wye in front, and one server for itself, which plays 'direct'.

Each slot has two schemas, which are made once and put back before each session; sessions of several slots run side by side."""
import os
import re
import threading
from contextlib import contextmanager

import ports
import raw
from client import Connection
from flavours import ROOT, ROOT_PASSWORD
from sandbox import Sandbox
from wyeprocess import WyeProcess

import schema

PASSWORD = 'oracle-secret'
# Sessions that are made shorter may wait for a lock of their own second session.
OPTIONS = {'log_bin_trust_function_creators': 'ON', 'innodb_lock_wait_timeout': 3, 'lock_wait_timeout': 5}
# MariaDB's threads keep FOUND_ROWS() of the client that they served before, for a new one's first statement.
FLAVOUR_OPTIONS = {'mariadb': {'thread_cache_size': 0}, 'mysql': {}}


class Place:
    def __init__(self, flavour, wye, slots, consistency, pool, hand_over='always'):
        interval = '20ms' if consistency == 'global' else '250ms'  # else nothing waits for what wye sees, and each look costs time
        config = {'routing': {'consistency': consistency}, 'replication': {'interval': interval}, 'pool': {'max_per_server': pool, 'hand_over': hand_over},
                  'log': {'level': 'warning'}, 'workers': 1}
        self.flavour, self.consistency, self.config = flavour, consistency, config
        options = OPTIONS | FLAVOUR_OPTIONS[flavour]
        self.box = Sandbox(flavour=flavour, replicas=2, semi_sync=False, wye=wye, wye_config=config, server_options=options)
        self.alone = Sandbox(flavour=flavour, replicas=0, semi_sync=False, server_options=options)
        self.slots = slots

    def __enter__(self):
        starting = threading.Thread(target=self.alone.start)
        starting.start()
        try:
            self.box.start()
        finally:
            starting.join()
        for server in (self.box.primary, self.alone.primary):
            server.sql(*schema.once(self.flavour, PASSWORD))
        self.box.sync()
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.alone.__exit__(kind, value, trace)
        finally:
            self.box.__exit__(kind, value, trace)

    def slot(self, number):
        return Slot(self, number)

    @contextmanager
    def faulty(self, fault):
        """Another wye in front of the same servers, with one of faults.py's faults: its port."""
        port, metrics = ports.take(2)
        folder = self.box.folder / fault
        folder.mkdir()
        wye = WyeProcess(folder, self.box.wye.binary, port, metrics)
        wye.create(self.box.servers, self.config)
        os.environ['WYE_FAULT'] = fault
        try:
            wye.launch()
        finally:
            del os.environ['WYE_FAULT']
        try:
            wye.wait_ready()
            yield port
        finally:
            wye.kill()

    def routes(self):
        """SHOW ROUTES: {(route, reason): statements}"""
        return {(row['route'], row['reason']): int(row['statements']) for row in self.box.wye.admin('SHOW ROUTES')}

    def metrics(self):
        return raw.metrics(self.box)

    def pins(self):
        return {row['reason']: int(row['pins']) for row in self.box.wye.admin('SHOW PINS')}


class Slot:
    """Schemas of a number, and the connections that put them back."""

    def __init__(self, place, number):
        self.place, self.number, self.names = place, number, schema.names(number)
        self.ports = {'direct': place.alone.primary.port, 'through': place.box.wye.port}
        self._root = {way: Connection('127.0.0.1', port, ROOT, ROOT_PASSWORD, timeout=60.0) for way, port in self.ports.items()}
        self._servers = [server.connect() for server in place.box.servers]
        for way in self.ports:
            self._run(way, schema.build(self.place.flavour, self.names))

    def close(self):
        for connection in (*self._root.values(), *self._servers):
            connection.close()

    def put_back(self, way, counters):
        """Rows and tables as they were. The counters go on, the same on both sides, or begin anew."""
        self._run(way, schema.put_back(self.names) + (schema.counters(self.place.flavour, self.names) if counters else []))

    def _run(self, way, statements):
        for statement in statements:
            self._root['direct' if way == 'direct' else 'through'].query(statement)
        if way != 'direct':
            self.settle()

    def running(self, way, text):
        """Does a server run this statement of the slot's session?"""
        servers = [self._root['direct']] if way == 'direct' else self._servers
        mark = text.rpartition('/*')[2]
        sql = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT%{mark}' AND ID <> CONNECTION_ID()"
        return any(server.query(sql).rows != [('0',)] for server in servers)

    def settle(self):
        """Until both replicas have what the primary has: a read there is as good as on the primary, whatever the consistency level."""
        if self.place.consistency == 'global':
            return  # wye's own promise
        flavour = self.place.box.flavour
        position = re.sub(r'\s', '', self._servers[0].query(flavour.position).rows[0][0])
        for replica in self._servers[1:]:
            done = replica.query(flavour.wait_for(position, 20)).rows[0][0]
            if done != '1':
                raise RuntimeError('a replica does not catch up')
