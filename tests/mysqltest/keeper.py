"""Keeps a server as it was: what a test left behind is found and taken away before the next one."""
import re
import time

from sandbox import Connection, ServerError

OWN_SCHEMAS = {'information_schema', 'mysql', 'performance_schema', 'sys', 'mtr', 'test'}
MOVING = ('timestamp', 'server_uuid', 'gtid_executed', 'gtid_purged', 'innodb_thread_sleep_delay')
SNAPSHOT = {
    'schemas': 'SELECT schema_name, default_character_set_name, default_collation_name FROM information_schema.schemata ORDER BY 1',
    'tables': "SELECT table_schema, table_name, table_type FROM information_schema.tables "
              "WHERE table_schema IN ('mysql', 'sys', 'mtr', 'test') ORDER BY 1, 2",
    'routines': 'SELECT routine_schema, routine_name, last_altered FROM information_schema.routines ORDER BY 1, 2',
    'events': 'SELECT event_schema, event_name FROM information_schema.events ORDER BY 1, 2',
    'globals': 'SELECT variable_name, variable_value FROM performance_schema.global_variables WHERE variable_name NOT IN (%s) '
               'ORDER BY 1' % ', '.join(f"'{name}'" for name in MOVING),
    'persisted': 'SELECT * FROM performance_schema.persisted_variables ORDER BY 1',
    'users': 'SELECT * FROM mysql.user ORDER BY user, host',
    'plugins': 'SELECT plugin_name, plugin_status FROM information_schema.plugins ORDER BY 1',
    'resource groups': 'SELECT resource_group_name, resource_group_enabled FROM information_schema.resource_groups ORDER BY 1',
    'tablespaces': "SELECT name FROM information_schema.innodb_tablespaces WHERE space_type <> 'Single' ORDER BY 1",
    'instruments': "SELECT name FROM performance_schema.setup_instruments WHERE enabled = 'NO' ORDER BY 1",
    'metrics': 'SELECT name, status FROM information_schema.innodb_metrics ORDER BY 1',
    **{table: f'SELECT * FROM {table} ORDER BY 1, 2' for table in (
        'performance_schema.setup_consumers', 'performance_schema.setup_actors', 'performance_schema.setup_objects',
        'mysql.db', 'mysql.tables_priv', 'mysql.columns_priv', 'mysql.procs_priv', 'mysql.proxies_priv', 'mysql.global_grants',
        'mysql.role_edges', 'mysql.default_roles', 'mysql.servers', 'mysql.func', 'mysql.component', 'mysql.password_history')},
}


ON_REPLICAS = ('schemas', 'tables', 'users', 'mysql.db')  # settings do not replicate


def take(connection, keys=tuple(SNAPSHOT)):
    return {key: connection.query(SNAPSHOT[key]).rows for key in keys}


def name(text):
    return '`' + text.replace('`', '``') + '`'


def literal(text):
    if text is not None and re.fullmatch(r'-?\d+(\.\d+)?', text):
        return text
    return "'" + (text or '').replace('\\', '\\\\').replace("'", "''") + "'"


class Keeper:
    """One primary and its replicas; root has no password there. `others`: accounts whose connections are not the tests'."""

    def __init__(self, port, replica_ports, others):
        self._port, self._replica_ports, self._others = port, replica_ports, others
        with self._connect(port) as connection:
            self._before = take(connection)
        self._replicas_before = []
        for replica in replica_ports:
            with self._connect(replica) as connection:
                self._replicas_before.append(take(connection, ON_REPLICAS))

    @staticmethod
    def _connect(port):
        return Connection('127.0.0.1', port, 'root', '', timeout=90.0)

    def clean(self, replicas):
        """The names of what could not be put back: then the servers must be made anew. `replicas`: look at them too."""
        try:
            with self._connect(self._port) as connection:
                left = self._clean(connection)
                if replicas and not left:
                    position = connection.query('SELECT @@GLOBAL.gtid_executed').rows[0][0].replace('\n', '')
                    left = self._look_at_replicas(position)
                return left
        except (OSError, ServerError) as error:
            return [f'{error}']

    def _clean(self, connection):
        self._end_connections(connection)
        after = take(connection)
        if after == self._before:
            return []
        for statement in self._repairs(after):
            try:
                connection.query(statement)
            except ServerError:
                pass  # what is still different then is reported
        after = take(connection)
        return [key for key in SNAPSHOT if after[key] != self._before[key]]

    def _end_connections(self, connection):
        """The tests' connections end by themselves when mysqltest has ended; those that don't are killed."""
        others = ', '.join(f"'{user}'" for user in (*self._others, 'system user', 'event_scheduler', 'mysql.session'))
        started = time.monotonic()
        while True:
            rows = connection.query('SELECT id, command FROM performance_schema.processlist WHERE id <> CONNECTION_ID() AND user '
                                    f"NOT IN ({others}) AND command NOT IN ('Daemon', 'Binlog Dump GTID')").rows
            if not rows:
                break
            if time.monotonic() - started > 3:
                for row in rows:
                    try:
                        connection.query(f'KILL {row[0]}')
                    except ServerError:
                        pass
            if time.monotonic() - started > 20:
                break
            time.sleep(0.01)  # lint: poll
        for row in connection.query('XA RECOVER').rows:
            gtrid, bqual = row[3][:int(row[1])], row[3][int(row[1]):]
            connection.query(f"XA ROLLBACK '{gtrid}', '{bqual}', {row[0]}")

    def _repairs(self, after):
        before = self._before
        known, now = dict(before['globals']), dict(after['globals'])
        for variable, value in known.items():
            if now.get(variable) != value:
                yield f'SET GLOBAL {variable} = {literal(value)}'
        if after['persisted'] != before['persisted']:
            yield 'RESET PERSIST'
        if any(after[key] != before[key] for key in ('tables', 'events', 'schemas')):
            yield 'SET SESSION foreign_key_checks = 0'
            yield 'DROP DATABASE test'
            for schema, *_ in after['schemas']:
                if schema not in OWN_SCHEMAS:
                    yield f'DROP DATABASE {name(schema)}'
            yield 'CREATE DATABASE test'
        had = {row[:2] for row in before['users']}
        for host, user, *_ in after['users']:
            if (host, user) not in had:
                yield f'DROP USER {literal_name(user)}@{literal_name(host)}'
        for key in ('mysql.db', 'mysql.tables_priv', 'mysql.columns_priv', 'mysql.procs_priv'):
            if after[key] != before[key]:
                yield f"DELETE FROM {key} WHERE user NOT IN ('mysql.sys', 'mysql.session', 'app', 'wye', 'root', '')"
                yield 'FLUSH PRIVILEGES'
        for key, drop in (('mysql.servers', 'DROP SERVER {}'), ('mysql.func', 'DROP FUNCTION {}')):
            for row in after[key]:
                yield drop.format(name(row[0]))
        plugins = {row[0] for row in before['plugins']}
        for plugin, _ in after['plugins']:
            if plugin not in plugins:
                yield f'UNINSTALL PLUGIN {plugin}'

    def _look_at_replicas(self, position):
        for port, before in zip(self._replica_ports, self._replicas_before):
            with self._connect(port) as connection:
                if connection.query(f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{position}', 60)").rows[0][0] != '0':
                    return ['replication']
                after = take(connection, ON_REPLICAS)
                left = [f'{key} of a replica' for key in ON_REPLICAS if after[key] != before[key]]
                if left:
                    return left
        return []


def literal_name(text):
    return "'" + text.replace('\\', '\\\\').replace("'", "''") + "'"
