#!/usr/bin/env python3
# deadline: 180
# flavours: mysql mariadb
"""What wye keeps of the statements that ran: SHOW DIGESTS on the admin console; and what a replica refused as a write is known as one from then on."""
import struct
import sys

import raw
from both_ways import Tally
from sandbox import Sandbox, ServerError, wait_until

SECRET = 'hunter-2-hunter'


def row(box, text, **names):
    """The one row of SHOW DIGESTS with this text, as a dict; None: there is none."""
    rows = [r for r in box.wye.admin('SHOW DIGESTS LIMIT 5000') if r['text'] == text and all(r[k] == v for k, v in names.items())]
    assert len(rows) < 2, rows
    return rows[0] if rows else None


def counts_what_ran(box):
    text = 'SELECT `b` FROM `t` WHERE `a` = ? AND `b` IN (...)' if box.flavour.name == 'mysql' else 'SELECT `b` FROM `t` WHERE `a` = ? AND `b` IN (?)'
    with box.connect() as connection:
        wait_until(lambda: connection.query('EXPLAIN ROUTE SELECT b FROM t').dicts()[0]['route'] == 'replica', 15, 'reads stay on the primary')
        for i in range(50):
            connection.query(f'SELECT b FROM t WHERE a = {1 + i % 2} AND b IN ({1 + i % 2})')
        for _ in range(5):
            try:
                connection.query('SELECT nothing FROM t /* of this name */')
            except ServerError:
                pass
        connection.query('UPDATE t SET b = b + 0, c = c + 1')
    found, failed, changed = (row(box, of) for of in (text, 'SELECT `nothing` FROM `t`', 'UPDATE `t` SET `b` = `b` + ? , `c` = `c` + ?'))
    wrong = [(r, key, value) for r, wanted in (
        (found, {'count': '50', 'errors': '0', 'rows': '50', 'schema': 'shop', 'user': 'app'}),
        (failed, {'count': '5', 'errors': '5', 'rows': '0'}),
        (changed, {'count': '1', 'errors': '0', 'rows': '2', 'replica_percent': '0.0'})) for key, value in wanted.items() if r is None or r[key] != value]
    if wrong:
        return wrong
    # One row of one column: column count, definition, EOF, row, EOF or OK.
    if not 50 * 40 < int(found['bytes_out']) < 50 * 400 or not 50 * 40 < int(found['bytes_in']) < 50 * 60:
        return found
    if not 0 < int(found['avg_us']) <= int(found['p99_us']) < 10_000_000 or float(found['replica_percent']) <= 0:
        return found


def a_prepared_statement_is_its_text(box):
    text = 'SELECT `c` FROM `t` WHERE `a` = ? LIMIT ?'
    with box.connect() as connection:
        connection.query('SELECT c FROM t WHERE a = 1 LIMIT 10')
        before = int(row(box, text)['count'])
        socket = raw.of(connection)
        socket.send(raw.frame(b'\x16SELECT c FROM t WHERE a=? LIMIT ?'))
        statement, columns, parameters = struct.unpack_from('<IHH', socket.packet()[1], 1)
        for _ in range(2 + columns + parameters):
            socket.packet()
        for _ in range(3):
            socket.send(raw.frame(b'\x17' + struct.pack('<IBI', statement, 0, 1) + b'\0\1' + b'\3\0\3\0' + struct.pack('<II', 1, 1)))
            for _ in ('definitions', 'rows'):
                while socket.packet()[1][:1] != b'\xfe':
                    pass
    after = row(box, text)
    if int(after['count']) != before + 3:
        return f'{before}, then {after}'


def no_value_is_shown(box):
    with box.connect() as connection:
        for sql in (f"SELECT '{SECRET}'", f'SELECT "{SECRET}" FROM t', f'{SECRET}', f"SELECT '{SECRET}", f"SET @a = '{SECRET}'", f"SELECT /* {SECRET} */ 1 -- {SECRET}",
                    f"CREATE USER 'x'@'y' IDENTIFIED BY '{SECRET}'", f'ALTER USER x IDENTIFIED BY {SECRET}', f"SET PASSWORD FOR x = '{SECRET}'",
                    f"SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES'), @b = \"{SECRET}\"", 'SET SESSION sql_mode = DEFAULT'):
            try:
                connection.query(sql)
            except ServerError:
                pass
    if SECRET.split('-')[0] in str(box.wye.admin('SHOW DIGESTS LIMIT 5000')):
        return [r for r in box.wye.admin('SHOW DIGESTS LIMIT 5000') if 'hunter' in r['text']]


def sorted_and_cut(box):
    rows = box.wye.admin('SHOW DIGESTS')
    times = [int(r['total_ms']) for r in rows]
    if len(rows) < 5 or times != sorted(times, reverse=True) or [r['digest'] for r in box.wye.admin('SHOW DIGESTS LIMIT 3')] != [r['digest'] for r in rows[:3]]:
        return rows


def refused_by_replicas(box):
    return raw.total(raw.metrics(box), 'wye_retries_total{kind="read_only_replica"')


def a_writer_is_known_the_second_time(box):
    """A view whose function writes: the text does not show it. The first one is refused by a replica and runs again, the next ones go to the primary at once."""
    with box.connect() as connection:
        def where(sql):
            return connection.query(f'EXPLAIN ROUTE {sql}').dicts()[0]
        wait_until(lambda: where('SELECT w FROM writing_view WHERE w > 5')['route'] == 'replica', 15, 'reads stay on the primary')
        before, written = refused_by_replicas(box), int(box.primary.value('SELECT n FROM shop.written'))
        for i in range(10):
            connection.query(f'SELECT w FROM writing_view WHERE w > {i}')
        refused = refused_by_replicas(box) - before
        if int(box.primary.value('SELECT n FROM shop.written')) != written + 10:
            return 'not each of them wrote once'
        known, other = where('SELECT w FROM writing_view WHERE w > 5'), where('SELECT w FROM writing_view WHERE w < 5')
        if refused != 1 or known['route'] != 'primary' or known['reason'] != 'known_writer':
            return f'{refused} refused, {known}'
        if other['reason'] == 'known_writer':
            return f'another statement: {other}'
    routes = box.wye.admin('SHOW ROUTES')
    if not any(r['reason'] == 'known_writer' and r['route'] == 'primary' and int(r['statements']) >= 9 for r in routes):
        return routes


TESTS = (counts_what_ran, a_prepared_statement_is_its_text, no_value_is_shown, sorted_and_cut, a_writer_is_known_the_second_time)


def main():
    tally = Tally()
    with Sandbox(wye=True, wye_config={'workers': 1}, server_options={'log_bin_trust_function_creators': 'ON'}) as box:
        box.primary.sql('CREATE TABLE t (a INT PRIMARY KEY, b INT, c INT)', 'INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)', 'CREATE TABLE written (n INT)',
                        'INSERT INTO written VALUES (0)',
                        'CREATE FUNCTION writes() RETURNS INT MODIFIES SQL DATA BEGIN UPDATE written SET n = n + 1; RETURN 10; END',
                        'CREATE VIEW writing_view AS SELECT writes() AS w', database='shop')
        box.sync()
        for test in TESTS:
            tally.call(test, box)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
