"""What differs between MySQL, MySQL 5.6 and MariaDB: configuration, first initialization, accounts, replication statements."""
import os
import shutil
import subprocess

import mysql56root
import mysqlroot
from mysqlroot import SandboxError

ROOT, ROOT_PASSWORD = 'root', 'sandbox-root'
APP, APP_PASSWORD, DATABASE = 'app', 'sandbox-app', 'shop'
MONITOR, MONITOR_PASSWORD = 'wye', 'sandbox-wye'
REPL, REPL_PASSWORD = 'repl', 'sandbox-repl'
NAMES = ('mysql', 'mariadb', 'mysql56')


class Flavour:
    name = ''
    family = ''  # whose statements and shell it takes: mysql | mariadb
    environment = {}  # of the server's process, over the sandbox's own
    has_semi_sync = True
    without_binlog = {'skip_log_bin': 'ON'}
    process_safe = {  # safe when the process is killed, not when the machine loses power
        'innodb_flush_log_at_trx_commit': 2,
        'sync_binlog': 0,
    }

    def __init__(self, binaries):
        self.binaries = binaries
        self.version = binaries.version

    def common(self, datadir, pool_mb):
        user = {'user': 'root'} if os.geteuid() == 0 else {}
        return {
            **user, 'datadir': datadir, 'socket': 'mysql.sock', 'bind_address': '127.0.0.1', 'skip_name_resolve': 'ON',
            'max_connections': 600, 'innodb_buffer_pool_size': f'{pool_mb}M', 'character_set_server': 'utf8mb4',
            'secure_file_priv': '', 'max_allowed_packet': '64M', **self.process_safe,
        }

    def replicating(self, server_id, primary, semi_sync, semi_sync_timeout):
        return {
            'server_id': server_id, 'report_host': '127.0.0.1', 'log_bin': 'binlog', 'relay_log': 'relay',
            'relay_log_recovery': 'ON',
            **({'rpl_semi_sync_%s_enabled' % self.source: 'ON',
                'rpl_semi_sync_%s_timeout' % self.source: semi_sync_timeout} if semi_sync and primary else {}),
            **({'rpl_semi_sync_%s_enabled' % self.replica: 'ON'} if semi_sync else {}),
        }

    def config_text(self, values):
        lines = ['[mysqld]'] + [f'{key} = {value}' for key, value in values.items()] + self.binaries.options
        return '\n'.join(lines) + '\n'

    def command(self, config):
        return self.binaries.server + [f'--defaults-file={config}']

    def accounts(self):
        """Run once, with the binary log off: every server starts from the same data and an empty GTID history."""
        raise NotImplementedError


class MySql(Flavour):
    name, family, source, replica = 'mysql', 'mysql', 'source', 'replica'

    def common(self, datadir, pool_mb):
        return {**super().common(datadir, pool_mb), 'mysqlx': 'OFF', 'innodb_redo_log_capacity': '64M',
                'innodb_log_buffer_size': '8M', 'performance_schema_events_statements_history_long_size': 100,
                'performance_schema_digests_size': 2000,
                'plugin_load_add': 'semisync_source.so;semisync_replica.so'}

    def replicating(self, server_id, primary, semi_sync, semi_sync_timeout):
        return {**super().replicating(server_id, primary, semi_sync, semi_sync_timeout),
                'gtid_mode': 'ON', 'enforce_gtid_consistency': 'ON', 'super_read_only': 'OFF' if primary else 'ON'}

    def initialize(self, config, datadir, log):
        values = {k: v for k, v in self.common(datadir, 64).items() if k != 'plugin_load_add'}
        config.write_text(self.config_text(values))
        with open(log, 'ab') as out:
            done = subprocess.run(self.command(config) + ['--initialize-insecure'], stdout=out, stderr=out)
        if done.returncode:
            raise SandboxError(f'MySQL {self.version} ({self.binaries.origin}) does not initialize; its log: {log}')

    def accounts(self):
        return [
            'SET SESSION sql_log_bin = 0',
            f"CREATE USER '{ROOT}'@'%' IDENTIFIED BY '{ROOT_PASSWORD}'",
            f"GRANT ALL PRIVILEGES ON *.* TO '{ROOT}'@'%' WITH GRANT OPTION",
            f'CREATE DATABASE {DATABASE} DEFAULT CHARACTER SET utf8mb4',
            f"CREATE USER '{APP}'@'%' IDENTIFIED WITH caching_sha2_password BY '{APP_PASSWORD}'",
            f"GRANT ALL PRIVILEGES ON {DATABASE}.* TO '{APP}'@'%'",
            f"CREATE USER '{MONITOR}'@'%' IDENTIFIED WITH caching_sha2_password BY '{MONITOR_PASSWORD}'",
            f"GRANT REPLICATION CLIENT, PROCESS, SHOW_ROUTINE, TRIGGER ON *.* TO '{MONITOR}'@'%'",
            f"GRANT SELECT ON performance_schema.* TO '{MONITOR}'@'%'",
            f"GRANT SELECT ON mysql.user TO '{MONITOR}'@'%'",
            f"CREATE USER '{REPL}'@'%' IDENTIFIED WITH caching_sha2_password BY '{REPL_PASSWORD}'",
            f"GRANT REPLICATION SLAVE ON *.* TO '{REPL}'@'%'",
            f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{ROOT_PASSWORD}'",
        ]

    def follow(self, host, port, delay=0):
        return [f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='{host}', SOURCE_PORT={port}, SOURCE_USER='{REPL}', "
                f"SOURCE_PASSWORD='{REPL_PASSWORD}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, "
                f'SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400, SOURCE_HEARTBEAT_PERIOD=1, SOURCE_DELAY={delay}']

    def start(self, part=''):
        return [f'START REPLICA {part}']

    def stop(self, part=''):
        return [f'STOP REPLICA {part}']

    def delay(self, seconds):
        return ['STOP REPLICA SQL_THREAD', f'CHANGE REPLICATION SOURCE TO SOURCE_DELAY={int(seconds)}',
                'START REPLICA SQL_THREAD']

    status = 'SHOW REPLICA STATUS'
    status_keys = {'io': 'Replica_IO_Running', 'sql': 'Replica_SQL_Running', 'port': 'Source_Port',
                   'lag': 'Seconds_Behind_Source', 'io_error': 'Last_IO_Error', 'sql_error': 'Last_SQL_Error'}
    position = 'SELECT @@GLOBAL.gtid_executed'
    writable = 'SELECT @@GLOBAL.super_read_only = 0'

    def wait_for(self, position, seconds):
        return f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{position}', {seconds}) = 0"


class MySql56(Flavour):
    """Of before session trackers: no COM_RESET_CONNECTION, no super_read_only, no caching_sha2_password."""
    name, family, source, replica = 'mysql56', 'mysql', 'master', 'slave'
    has_semi_sync = False  # the package has the server without its plugins
    without_binlog = {}

    def __init__(self, binaries):
        super().__init__(binaries)
        self.environment = {'LD_LIBRARY_PATH': binaries.libraries}

    def common(self, datadir, pool_mb):
        # Native AIO is limited by the machine (fs.aio-max-nr), and a blob by a tenth of the redo log. The rest: 160 MB instead of 530.
        return {**super().common(datadir, pool_mb), 'innodb_use_native_aio': 'OFF', 'innodb_log_file_size': '16M',
                'table_open_cache': 400, 'table_definition_cache': 400, 'performance_schema_digests_size': 2000,
                'performance_schema_events_statements_history_long_size': 100,
                'performance_schema_max_statement_classes': 200, 'performance_schema_max_table_instances': 1000,
                'performance_schema_max_table_handles': 1000, 'performance_schema_max_thread_instances': 700,
                'performance_schema_max_mutex_instances': 5000, 'performance_schema_max_rwlock_instances': 3000}

    def replicating(self, server_id, primary, semi_sync, semi_sync_timeout):
        return {**super().replicating(server_id, primary, semi_sync, semi_sync_timeout), 'binlog_format': 'ROW',
                'gtid_mode': 'ON', 'enforce_gtid_consistency': 'ON', 'log_slave_updates': 'ON',
                'master_info_repository': 'TABLE', 'relay_log_info_repository': 'TABLE',
                'read_only': 'OFF' if primary else 'ON'}

    def initialize(self, config, datadir, log):
        """The package has a data folder that is ready (and no program to make one)."""
        shutil.copytree(self.binaries.datadir, datadir, dirs_exist_ok=True)
        (datadir / 'auto.cnf').unlink(missing_ok=True)

    def accounts(self):
        return [
            'SET SESSION sql_log_bin = 0',
            "DELETE FROM mysql.user WHERE User = '' OR Host <> 'localhost'",
            'DELETE FROM mysql.db',
            'DELETE FROM mysql.proxies_priv',
            'FLUSH PRIVILEGES',
            f"CREATE USER '{ROOT}'@'%' IDENTIFIED BY '{ROOT_PASSWORD}'",
            f"GRANT ALL PRIVILEGES ON *.* TO '{ROOT}'@'%' WITH GRANT OPTION",
            f'CREATE DATABASE {DATABASE} DEFAULT CHARACTER SET utf8mb4',
            f"CREATE USER '{APP}'@'%' IDENTIFIED BY '{APP_PASSWORD}'",
            f"GRANT ALL PRIVILEGES ON {DATABASE}.* TO '{APP}'@'%'",
            f"CREATE USER '{MONITOR}'@'%' IDENTIFIED BY '{MONITOR_PASSWORD}'",
            f"GRANT REPLICATION CLIENT, PROCESS ON *.* TO '{MONITOR}'@'%'",
            f"GRANT SELECT ON mysql.proc TO '{MONITOR}'@'%'",
            f"GRANT SELECT ON performance_schema.* TO '{MONITOR}'@'%'",
            f"GRANT SELECT ON mysql.user TO '{MONITOR}'@'%'",
            f"CREATE USER '{REPL}'@'%' IDENTIFIED BY '{REPL_PASSWORD}'",
            f"GRANT REPLICATION SLAVE ON *.* TO '{REPL}'@'%'",
            f"SET PASSWORD FOR 'root'@'localhost' = PASSWORD('{ROOT_PASSWORD}')",
        ]

    def follow(self, host, port, delay=0):
        return [f"CHANGE MASTER TO MASTER_HOST='{host}', MASTER_PORT={port}, MASTER_USER='{REPL}', "
                f"MASTER_PASSWORD='{REPL_PASSWORD}', MASTER_AUTO_POSITION=1, MASTER_CONNECT_RETRY=1, "
                f'MASTER_RETRY_COUNT=86400, MASTER_HEARTBEAT_PERIOD=1, MASTER_DELAY={delay}']

    def start(self, part=''):
        return [f'START SLAVE {part}']

    def stop(self, part=''):
        return [f'STOP SLAVE {part}']

    def delay(self, seconds):
        return ['STOP SLAVE', f'CHANGE MASTER TO MASTER_DELAY={int(seconds)}', 'START SLAVE']

    status = 'SHOW SLAVE STATUS'
    status_keys = {'io': 'Slave_IO_Running', 'sql': 'Slave_SQL_Running', 'port': 'Master_Port',
                   'lag': 'Seconds_Behind_Master', 'io_error': 'Last_IO_Error', 'sql_error': 'Last_SQL_Error'}
    position = 'SELECT @@GLOBAL.gtid_executed'
    writable = 'SELECT @@GLOBAL.read_only = 0'

    def wait_for(self, position, seconds):
        return f"SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('{position}', {seconds}) >= 0"


class MariaDb(Flavour):
    name, family, source, replica = 'mariadb', 'mariadb', 'master', 'slave'

    def common(self, datadir, pool_mb):
        return {**super().common(datadir, pool_mb), 'innodb_log_file_size': '64M', 'performance_schema': 'ON'}

    def replicating(self, server_id, primary, semi_sync, semi_sync_timeout):
        after_sync = {'rpl_semi_sync_master_wait_point': 'AFTER_SYNC'} if semi_sync else {}
        values = super().replicating(server_id, primary, semi_sync, semi_sync_timeout)
        return {**values, **after_sync, 'binlog_format': 'ROW', 'gtid_strict_mode': 'ON', 'log_slave_updates': 'ON',
                'read_only': 'OFF' if primary else 'ON'}

    def initialize(self, config, datadir, log):
        config.write_text(self.config_text(self.common(datadir, 64)))
        argv = self.binaries.install_db + [f'--defaults-file={config}', f'--datadir={datadir}', '--skip-test-db',
                                           '--auth-root-authentication-method=normal', '--skip-name-resolve']
        with open(log, 'ab') as out:
            done = subprocess.run(argv, stdout=out, stderr=out)
        if done.returncode:
            raise SandboxError(f'MariaDB {self.version} does not initialize; its log: {log}')

    def accounts(self):
        native = 'IDENTIFIED VIA mysql_native_password USING PASSWORD'
        return [
            'SET SESSION sql_log_bin = 0',
            "DELETE FROM mysql.global_priv WHERE User = '' OR User = 'root' AND Host <> 'localhost'",
            'FLUSH PRIVILEGES',
            f"CREATE USER '{ROOT}'@'%' {native}('{ROOT_PASSWORD}')",
            f"GRANT ALL PRIVILEGES ON *.* TO '{ROOT}'@'%' WITH GRANT OPTION",
            f'CREATE DATABASE {DATABASE} DEFAULT CHARACTER SET utf8mb4',
            f"CREATE USER '{APP}'@'%' {native}('{APP_PASSWORD}')",
            f"GRANT ALL PRIVILEGES ON {DATABASE}.* TO '{APP}'@'%'",
            f"CREATE USER '{MONITOR}'@'%' {native}('{MONITOR_PASSWORD}')",
            f"GRANT REPLICA MONITOR, BINLOG MONITOR, PROCESS, TRIGGER ON *.* TO '{MONITOR}'@'%'",
            f"GRANT SELECT ON mysql.proc TO '{MONITOR}'@'%'",
            f"GRANT SELECT ON mysql.user TO '{MONITOR}'@'%'",
            f"GRANT SELECT ON mysql.global_priv TO '{MONITOR}'@'%'",
            f"GRANT SELECT ON performance_schema.* TO '{MONITOR}'@'%'",
            f"CREATE USER '{REPL}'@'%' {native}('{REPL_PASSWORD}')",
            f"GRANT REPLICATION SLAVE ON *.* TO '{REPL}'@'%'",
            f"SET PASSWORD FOR 'root'@'localhost' = PASSWORD('{ROOT_PASSWORD}')",
        ]

    def follow(self, host, port, delay=0):
        return [f"CHANGE MASTER TO MASTER_HOST='{host}', MASTER_PORT={port}, MASTER_USER='{REPL}', "
                f"MASTER_PASSWORD='{REPL_PASSWORD}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, "
                f'MASTER_HEARTBEAT_PERIOD=1, MASTER_DELAY={delay}']

    def start(self, part=''):
        return [f'START SLAVE {part}']

    def stop(self, part=''):
        return [f'STOP SLAVE {part}']

    def delay(self, seconds):
        return ['STOP SLAVE', f'CHANGE MASTER TO MASTER_DELAY={int(seconds)}', 'START SLAVE']

    status = 'SHOW SLAVE STATUS'
    status_keys = {'io': 'Slave_IO_Running', 'sql': 'Slave_SQL_Running', 'port': 'Master_Port',
                   'lag': 'Seconds_Behind_Master', 'io_error': 'Last_IO_Error', 'sql_error': 'Last_SQL_Error'}
    position = 'SELECT @@GLOBAL.gtid_current_pos'
    writable = 'SELECT @@GLOBAL.read_only = 0'

    def wait_for(self, position, seconds):
        return f"SELECT MASTER_GTID_WAIT('{position}', {seconds}) = 0"


def flavour(name, say=None):
    """By name; a Flavour is taken as it is."""
    if isinstance(name, Flavour):
        return name
    if name == 'mysql':
        return MySql(mysqlroot.mysql(say) if say else mysqlroot.mysql())
    if name == 'mysql56':
        return MySql56(mysql56root.mysql56(say) if say else mysql56root.mysql56())
    if name == 'mariadb':
        return MariaDb(mysqlroot.mariadb())
    raise SandboxError(f"flavour '{name}' is not known: " + ', '.join(NAMES))
