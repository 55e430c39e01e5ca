#!/usr/bin/env python3
# deadline: 120
# flavours: mysql mariadb mysql56
"""Servers whose global variables differ, or change: a session has what the primary began it with, also where it reads."""
import sys

import flavours
from both_ways import Tally
from sandbox import Sandbox, wait_until

# On the primary, and on the replicas. What each does to a result is in READS.
SETTINGS = {
    'sql_mode': ("'ANSI_QUOTES,PIPES_AS_CONCAT'", "'STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES'"),
    'time_zone': ("'+03:00'", "'-05:00'"),
    'group_concat_max_len': ('7', '1024'),
    'div_precision_increment': ('9', '2'),
    'lc_time_names': ("'de_DE'", "'en_US'"),
    'sql_select_limit': ('3', '18446744073709551615'),
    'default_week_format': ('3', '0'),
}
READS = [
    'SELECT \'a\' || "name" FROM named WHERE id = 2',
    "SELECT FROM_UNIXTIME(0), 'a\\'b' FROM named WHERE id = 1",
    'SELECT GROUP_CONCAT("name") FROM named',
    'SELECT id / 7 FROM named ORDER BY id',
    "SELECT DAYNAME('2026-11-20'), WEEK('2026-01-04') FROM named WHERE id = 1",
    'SELECT @@session.sql_mode, @@session.time_zone, @@group_concat_max_len, @@sql_select_limit FROM named WHERE id = 1',
]


def schema(box):
    names = ', '.join(f"({i}, 'name {i}')" for i in range(1, 6))
    box.primary.sql('CREATE TABLE shop.named (id INT PRIMARY KEY, name VARCHAR(20))', f'INSERT INTO shop.named VALUES {names}')
    box.sync()


def new_session(box, **more):
    return box.connect(database='shop', **more)


def root_session(box):
    return new_session(box, user=flavours.ROOT, password=flavours.ROOT_PASSWORD)


def direct_session(box):
    return box.primary.connect(user=flavours.APP, password=flavours.APP_PASSWORD, database='shop')


def route(connection, statement='SELECT COUNT(*) FROM named'):
    return connection.query(f'EXPLAIN ROUTE {statement}').dicts()[0]


def wait_for_replica(box):
    def reads_there():
        with new_session(box) as session:
            return route(session)['route'] == 'replica'
    wait_until(reads_there, 20, lambda: f"reads stay on the primary: {box.wye.admin('SHOW SERVERS')}")


def wait_observed(box):
    """Until new sessions take what is there now. Global variables that are set through wye make it look again."""
    with root_session(box) as session:
        session.query('SET GLOBAL sql_notes = 1')
    wait_for_replica(box)


def replicas_have_others(box):
    """Each session is like one on the primary, on new and on pooled connections."""
    for name, (there, elsewhere) in SETTINGS.items():
        box.primary.sql(f'SET GLOBAL {name} = {there}')
        for replica in box.replicas:
            replica.sql(f'SET GLOBAL {name} = {elsewhere}')
    wait_observed(box)
    answers = lambda connection: [connection.query(read).rows for read in READS]
    with direct_session(box) as direct:
        expected = answers(direct)
    for i in range(6):
        with new_session(box) as session:
            got, where = answers(session), route(session)
            if got != expected:
                return f'session {i}\ndirect  {expected}\nthrough {got}'
            if where['route'] != 'replica':
                return f'session {i}: {where}'
            if i % 2 == 0:
                session.query("SET sql_mode = '', time_zone = '+01:00'")
                rows = session.query("SELECT 1 || 0, @@time_zone FROM named LIMIT 1").rows
                if rows != [('1', '+01:00')]:
                    return f'session {i}: what it sets itself is not there: {rows}'


def set_through_wye(box):
    """At once, for whoever logs in next, wherever it reads; not for those from before."""
    read = 'SELECT id / 7 FROM named WHERE id = 1'
    with root_session(box) as setter, new_session(box) as before:
        old = before.query(read).rows
        for i in range(12):
            setter.query(f'SET GLOBAL div_precision_increment = {i}')
            with direct_session(box) as direct, new_session(box) as session:
                expected = direct.query(read).rows
                for _ in range(5):
                    got = session.query(read).rows
                    if got != expected:
                        return f'{i}: {got}, not {expected}'
            if before.query(read).rows != old:
                return f'{i}: a session from before has changed'


def packets(box):
    """No session can set max_allowed_packet: a server with another one can't stand in."""
    size = 1 << 21
    wait_for_replica(box)
    with root_session(box) as setter:
        setter.query(f'SET GLOBAL max_allowed_packet = {size}')
    too_long = f"SELECT LENGTH(REPEAT('a', {size} + 1)) FROM named LIMIT 1"
    with direct_session(box) as direct, new_session(box) as session:
        expected, got = direct.query(too_long).rows, session.query(too_long).rows
        if expected != [(None,)] or got != expected:
            return f'direct {expected}, through wye {got}'
        wait_until(lambda: route(session)['reason'] == 'replicas_differ', 10, lambda: f'the reason: {route(session)}')
    for replica in box.replicas:
        replica.sql(f'SET GLOBAL max_allowed_packet = {size}')
    wait_for_replica(box)


def main():
    tally = Tally()
    with Sandbox(wye=True) as box:
        schema(box)
        for part in (replicas_have_others, set_through_wye, packets):
            tally.call(part, box)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
