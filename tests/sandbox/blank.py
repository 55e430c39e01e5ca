"""Servers as they are after their installation: no replication, no account but root and the one that wye manages them with.
wye makes a cluster of them (replication.mode: manage)."""
from flavours import APP, DATABASE, MONITOR, REPL

MANAGER_GRANTS = {
    'mysql': ["SELECT, SHOW DATABASES, PROCESS, RELOAD, CREATE USER, EVENT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {} WITH "
              'GRANT OPTION', 'SYSTEM_VARIABLES_ADMIN, REPLICATION_SLAVE_ADMIN, CONNECTION_ADMIN ON *.* TO {}',
              'INSERT, DELETE ON mysql.plugin TO {}'],
    'mysql56': ['SELECT, SHOW DATABASES, PROCESS, RELOAD, SUPER, CREATE USER, EVENT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {} '
                'WITH GRANT OPTION'],
    'mariadb': ['SELECT, SHOW DATABASES, PROCESS, RELOAD, CREATE USER, EVENT, REPLICATION SLAVE, REPLICA MONITOR, BINLOG MONITOR, '
                'BINLOG ADMIN, REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, READ_ONLY ADMIN, CONNECTION ADMIN ON *.* TO {} '
                'WITH GRANT OPTION'],
}
# To fill servers: by CLONE, and by dump and load (docs/REPLICATION.md).
_LOAD = ('INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES, CREATE, ALTER, DROP, INDEX, REFERENCES, LOCK TABLES, CREATE VIEW, SHOW VIEW, TRIGGER, CREATE ROUTINE, '
         'ALTER ROUTINE, EXECUTE')
PROVISION_GRANTS = {
    'mysql': [_LOAD + ' ON *.* TO {} WITH GRANT OPTION',
              'BACKUP_ADMIN, CLONE_ADMIN, SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER, SYSTEM_USER ON *.* TO {}'],
    'mysql56': [_LOAD + ' ON *.* TO {} WITH GRANT OPTION'],
    'mariadb': [_LOAD + ', SET USER, DELETE HISTORY ON *.* TO {} WITH GRANT OPTION'],
}
# What no server can change while it runs. MySQL 9.7's own defaults will do.
MUST_HAVES = {
    'mysql': {},
    'mysql56': {'server_id': 1, 'log_bin': 'binlog', 'log_slave_updates': 'ON', 'gtid_mode': 'ON', 'enforce_gtid_consistency': 'ON'},
    'mariadb': {'log_bin': 'binlog', 'log_slave_updates': 'ON'},
}


def blank(flavour):
    """The same flavour, begun from nothing."""
    kind = type(flavour)

    class Blank(kind):
        def common(self, datadir, pool_mb):
            return {key: value for key, value in super().common(datadir, pool_mb).items() if key != 'plugin_load_add'}

        def replicating(self, server_id, primary, semi_sync, semi_sync_timeout):
            return {'report_host': '127.0.0.1', 'relay_log': 'relay', 'relay_log_recovery': 'ON', **MUST_HAVES[self.name]}

        def accounts(self):
            grants = [f"GRANT {rights.format(repr(MONITOR) + '@' + repr('%'))}" for rights in
                      MANAGER_GRANTS[self.name] + PROVISION_GRANTS[self.name]]
            ours = [s for s in super().accounts() if not _of_application(s) and not s.startswith('GRANT') or f"'root'@" in s]
            return [*ours[:-1], *grants, ours[-1]]

        def application(self):
            """What the application needs, on the primary: it replicates."""
            return [s for s in super().accounts() if _of_application(s) and f"'{REPL}'" not in s]

    made = Blank.__new__(Blank)
    made.__dict__.update(flavour.__dict__)
    return made


def _of_application(statement):
    return any(word in statement for word in (f"'{APP}'@", f"'{REPL}'@", f'DATABASE {DATABASE}'))
