"""A sandbox set up as MySQL's own tests expect their server to be, and the environment that `mysqltest` runs a test in."""
import os
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import flavours
from keeper import Keeper
from sandbox import Sandbox, SandboxError

SKIPPED = 62  # exit code of mysqltest
TIME_ZONE = 'GMT-3'
TEST_RIGHTS = 'YYYYYYNYYYYYYYYNNYY'  # of everybody in the schema test, in the order of mysql.db's columns
TOOLS = {'MYSQL': 'mysql', 'MYSQL_BINLOG': 'mysqlbinlog', 'MYSQL_CHECK': 'mysqlcheck', 'MYSQL_DUMP': 'mysqldump',
         'MYSQL_IMPORT': 'mysqlimport', 'MYSQL_SHOW': 'mysqlshow', 'MYSQL_SLAP': 'mysqlslap'}  # with --defaults-file
BARE_TOOLS = {'MYSQLADMIN': 'mysqladmin', 'EXE_MYSQL': 'mysql', 'MYSQL_CONFIG_EDITOR': 'mysql_config_editor',
              'MYSQL_MY_PRINT_DEFAULTS': 'my_print_defaults', 'INNOCHECKSUM': 'innochecksum', 'IBD2SDI': 'ibd2sdi',
              'MYISAMCHK': 'myisamchk', 'MYISAMPACK': 'myisampack', 'MY_PERROR': 'perror',
              'MYSQL_TZINFO_TO_SQL': 'mysql_tzinfo_to_sql', 'MYSQL_MIGRATE_KEYRING': 'mysql_migrate_keyring'}


@dataclass
class Outcome:
    result: str   # pass | skip | fail | deadline
    seconds: float
    output: str


class Place:
    """One sandbox and its var folder. Not for several threads at once."""

    def __init__(self, number, binaries, tests, wye, folder):
        """`tests`: the folder with include/, t/ and r/."""
        self._number, self._binaries, self._wye = number, binaries, wye
        self._folder, self._var = Path(folder), Path(folder) / f'var{number}'
        self.root = Path(binaries.origin)
        self.tests = Path(tests)
        self.box = self.keeper = None

    def start(self):
        self._make_var()
        flavour = flavours.MySql(self._binaries)
        self.box = Sandbox(flavour, replicas=2, wye=self._wye, folder=self._var, semi_sync=False,
                           server_options=self._server_options(), wye_config={'replication': {'interval': '30ms'}})
        self.box.start()
        self._prepare()
        (self._var / 'mysqld.1').symlink_to(self.box.primary.folder)
        for name, port in self.ports().items():
            self._write_client_config(name, port)
        self.keeper = Keeper(self.box.primary.port, [server.port for server in self.box.replicas],
                             (flavours.MONITOR, flavours.REPL, flavours.APP))

    def ports(self):
        return {'direct': self.box.primary.port, 'wye': self.box.wye.port}

    def stop(self):
        """wye must end well: a crash or a sanitizer's finding counts."""
        if self.box:
            box, self.box = self.box, None
            box.stop()

    def restart(self):
        try:
            self.stop()
        finally:
            self.start()

    def alive(self):
        return self.box.wye.pid is not None and all(server.pid for server in self.box.servers)

    # making

    def _make_var(self):
        shutil.rmtree(self._var, ignore_errors=True)
        for name in ('tmp', 'log', 'run'):
            (self._var / name).mkdir(parents=True)
        (self._var / 'std_data').symlink_to(self.tests / 'std_data')
        tools = self._var / 'bin'
        tools.mkdir()
        loader = self._binaries.client[:-1]
        for folder in ('usr/bin', 'usr/sbin', 'usr/lib/mysql-test/bin'):
            for program in (self.root / folder).glob('my*'):
                with open(program, 'rb') as file:
                    is_binary = file.read(4) == b'\x7fELF'
                script = tools / program.name
                script.write_text(f'#!/bin/sh\nexec {shlex.join((loader if is_binary else []) + [str(program)])} "$@"\n')
                script.chmod(0o755)
        for name in ('perror', 'innochecksum', 'ibd2sdi'):
            script = tools / name
            script.write_text(f'#!/bin/sh\nexec {shlex.join(loader + [str(self.root / "usr/bin" / name)])} "$@"\n')
            script.chmod(0o755)

    def _server_options(self):
        return {
            'skip_name_resolve': 'OFF',  # the tests' accounts are 'user'@'localhost'
            'log_bin_trust_function_creators': 'ON', 'log_output': 'FILE',
            'explain_format': 'TRADITIONAL_STRICT', 'innodb_buffer_pool_size': '24M', 'innodb_redo_log_capacity': '10M',
            'loose_performance_schema_events_statements_history_size': '10', 'performance_schema_accounts_size': '100',
            'performance_schema_users_size': '100', 'performance_schema_hosts_size': '100',
            'performance_schema_session_connect_attrs_size': '2048',
        }

    def _prepare(self):
        """What mysql-test-run.pl puts into a server before the first test; by the binary log, so that all servers have it."""
        include = self.tests / 'include'
        script = '\n'.join([
            'USE mysql;', (include / 'mtr_test_data_timezone.sql').read_text(), 'CREATE DATABASE test;', 'CREATE DATABASE mtr;',
            'INSERT INTO mysql.db VALUES (' + ','.join(f"'{value}'" for value in ('%', 'test', '', *TEST_RIGHTS)) + ');',
            (include / 'mtr_warnings.sql').read_text(), (include / 'mtr_check.sql').read_text(), 'FLUSH PRIVILEGES;',
            f"DROP DATABASE {flavours.DATABASE};", f"DROP USER '{flavours.ROOT}'@'%';",
            f"ALTER USER '{flavours.ROOT}'@'localhost' IDENTIFIED BY '';"])
        done = subprocess.run(self._binaries.client + ['--no-defaults', f'-S{self.box.primary.socket}', f'-u{flavours.ROOT}',
                                                       f'-p{flavours.ROOT_PASSWORD}'], input=script, text=True, capture_output=True)
        if done.returncode:
            raise SandboxError(f'the tests\' tables could not be made: {done.stderr}')
        # The accounts of root have changed on all servers once the last statement is everywhere.
        deadline = time.monotonic() + 30
        for server in self.box.servers:
            while True:
                try:
                    server.connect(user='root', password='', timeout=10).close()
                    break
                except Exception:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)  # lint: poll

    def _write_client_config(self, name, port):
        client = f'user=root\npassword=\nhost=127.0.0.1\nport={port}\nprotocol=tcp\n'
        text = f'[client]\n{client}[client.1]\n{client}'
        for group in ('mysql', 'mysqlshow', 'mysqlimport', 'mysqlcheck', 'mysqltest'):
            text += f'[{group}]\ndefault-character-set=utf8mb4\n'
        (self._var / f'{name}.cnf').write_text(text)

    # running

    def run(self, case, way, ps, deadline):
        """One test, `way`: direct | wye."""
        shutil.rmtree(self._var / 'tmp', ignore_errors=True)
        (self._var / 'tmp').mkdir()
        for old in (self._var / 'log').iterdir():
            old.unlink() if old.is_file() else None
        argv = [str(self._var / 'bin/mysqltest'), f'--defaults-file={self._var / way}.cnf', '--silent', f'--tmpdir={self._var}/tmp',
                f'--character-sets-dir={self.root}/usr/share/mysql/charsets', f'--logdir={self._var}/log', '--database=test',
                f'--timer-file={self._var}/log/timer', '--protocol=tcp', *(['--ps-protocol'] if ps else [])]
        env = {**self._env(way), 'MYSQL_TEST': shlex.join(argv)}
        argv += [f'--test-file={case.test}', '--tail-lines=20', f'--result-file={case.result}']
        started = time.monotonic()
        log = self._var / 'mysqltest.log'
        with open(log, 'wb') as out:
            child = subprocess.Popen(argv, cwd=self.tests, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                     start_new_session=True)
            try:
                code = child.wait(deadline)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                child.wait()
        result = {0: 'pass', SKIPPED: 'skip', None: 'deadline'}.get(code, 'fail')
        output = log.read_bytes()[-400_000:].decode('utf-8', 'replace')
        return Outcome(result, time.monotonic() - started, output)

    def _env(self, way):
        var, tools, port = self._var, self._var / 'bin', self.ports()[way]
        config = f'--defaults-file={var / way}.cnf'
        env = {
            'PATH': os.environ['PATH'], 'HOME': str(var), 'TZ': TIME_ZONE, 'LC_ALL': 'C', 'LC_COLLATE': 'C', 'LC_CTYPE': 'C',
            'UMASK': '0660', 'UMASK_DIR': '0770', 'MYSQL_TEST_DIR': str(self.tests), 'MYSQL_TEST_DIR_ABS': str(self.tests),
            'MYSQLTEST_VARDIR': str(var), 'MYSQLTEST_VARDIR_ABS': str(var), 'MYSQL_TMP_DIR': f'{var}/tmp',
            'SECURE_LOAD_PATH': f'{self.tests}/std_data', 'MYSQL_TEST_LOGIN_FILE': f'{var}/tmp/.mylogin.cnf',
            'MYSQL_BINDIR': str(tools), 'MYSQL_BIN_PATH': str(tools), 'MYSQL_CLIENT_BIN_PATH': str(tools),
            'MYSQL_BASEDIR': f'{self.root}/usr', 'MYSQL_SHAREDIR': f'{self.root}/usr/share/mysql',
            'MYSQL_CHARSETSDIR': f'{self.root}/usr/share/mysql/charsets', 'PATH_CONFIG_FILE': f'{var / way}.cnf',
            'MASTER_MYPORT': str(port), 'MASTER_MYSOCK': self.box.primary.socket, 'DEFAULT_MASTER_PORT': '3306',
            'USE_RUNNING_SERVER': '0', 'MTR_BUILD_THREAD': str(self._number), 'MTR_RECORD': '0', 'NUMBER_OF_CPUS': '2',
            'VALGRIND_TEST': '0', 'VALGRIND_SERVER_TEST': '0', 'PLUGIN_SUFFIX': 'so', 'MYSQL_BUG25714': '',
            'MYSQL_OPTIONS': config, 'TMPDIR': f'{var}/tmp', 'MYSQL_CLIENT_TEST': f'{tools}/mysql_client_test {config}',
            **{key: f'{tools / tool} {config}' for key, tool in TOOLS.items()},
            **{key: str(tools / tool) for key, tool in BARE_TOOLS.items()},
            **self._plugins(),
        }
        return env

    def _plugins(self):
        """What include/plugin.defs says: $X, $X_DIR, $X_OPT, and $X_LOAD where the plugin's names are known."""
        folder, env = self.root / 'usr/lib/mysql/plugin', {}
        for line in (self.tests / 'include/plugin.defs').read_text().splitlines():
            words = line.split()
            if len(words) < 4 or line.startswith('#'):
                continue
            library, key, names = f'{words[0]}.so', words[3], words[4].split(',') if len(words) > 4 else []
            there = (folder / library).exists()
            env |= {key: library if there else '', f'{key}_DIR': str(folder) if there else '',
                    f'{key}_OPT': f'--plugin-dir={folder}' if there else ''}
            if names:
                load = ';'.join(f'{plugin}={library}' for plugin in names) if there else ''
                env |= {f'{key}_LOAD': load and f'--plugin_load={load}', f'{key}_LOAD_ADD': load and f'--plugin_load_add={load}',
                        f'{key}_LOAD_EARLY': load and f'--early-plugin_load={load}'}
        return env
