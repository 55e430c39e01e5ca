"""Real servers with replication, and wye in front: one primary, N replicas, GTID, row format, semi-sync (AFTER_SYNC).

    from sandbox import Sandbox

    with Sandbox(flavour='mysql', replicas=2, wye='build/release/wye') as box:
        with box.connect() as connection:            # the application account, through wye
            connection.query('SELECT 1')
        box.primary.kill()                           # kill -9
        box.servers[1].lag(5)

See docs/SANDBOX.md. A sandbox that is not `detached` dies with the program that started it.
"""
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import clocks as clock_library
import flavours
import ports
from client import Connection, ServerError
from flavours import SandboxError
from blank import blank
from links import Links
from server import Server, wait_until
from template import template
from wyeprocess import WyeProcess, merged

__all__ = ['Sandbox', 'SandboxError', 'Connection', 'ServerError', 'wait_until', 'REPOSITORY']

REPOSITORY = Path(__file__).resolve().parents[2]
MARK = 'sandbox.json'


class Sandbox:
    _keep_logs = False

    def __init__(self, flavour=None, replicas=2, wye=None, folder=None, wye_config=None, wye_port=None, semi_sync=True,
                 semi_sync_timeout_ms=10000, pool_mb=64, server_options=None, links=False, clocks=False, detached=False, managed=False, supervised=False, say=None):
        """Nothing runs before start() (or `with`). `wye`: path of the binary, True for $WYE_BIN or build/release/wye, None for
        servers only. `folder`: None makes one below build/sandboxes, and removes it at the end. `flavour`: mysql (default, or
        $WYE_FLAVOUR) | mariadb | mysql56. `wye_config`: nested values over the generated ones, or a
        function of the sandbox that gives them. `server_options`: more lines for my.cnf.
        `managed`: the servers begin empty, and wye makes the cluster ('later': not even wye is started; see blank.py).
        `supervised`: a server that ends in order to restart (RESTART, CLONE) is started again.
        `links`: the servers can be cut off (box.links.cut('db1'); see links.py).
        `clocks`: the servers' clocks can be set (box.primary.clock.set(3600); see clocks.py)."""
        self._say = say or (lambda text: None)
        self.flavour = flavours.flavour(flavour or os.environ.get('WYE_FLAVOUR', 'mysql'), say)
        self._managed = managed
        if managed:
            self.flavour = blank(self.flavour)
        self._own_folder = folder is None
        if folder is None:
            parent = REPOSITORY / 'build' / 'sandboxes'
            parent.mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(prefix='s', dir=parent)
        self.folder = Path(folder).resolve()
        self._detached, self._reaper = detached, None
        self._semi_sync, self._semi_sync_timeout = semi_sync and self.flavour.has_semi_sync, semi_sync_timeout_ms
        self._pool_mb, self._server_options = pool_mb, server_options or {}
        count = replicas + 1
        taken = ports.take(2 * count + 3)
        self.servers = [self._server(f'db{i + 1}', taken[i], i + 1, taken[count + i] if links else None) for i in range(count)]
        for server in self.servers:
            server.supervised = supervised
        self.links = Links(self.folder, self.servers, taken[-3]) if links else None
        self._clocks = clocks
        self.wye = None
        self._wye_config = wye_config
        if wye:
            binary = os.environ.get('WYE_BIN', REPOSITORY / 'build/release/wye') if wye is True else wye
            self.wye = WyeProcess(self.folder, Path(binary).resolve(), wye_port or taken[-2], taken[-1])

    def _server(self, name, port, server_id, public_port=None):
        return Server(name, self.folder / name, self.flavour, port, server_id, public_port)

    @classmethod
    def open(cls, folder, say=None):
        """A sandbox that another program started."""
        try:
            known = json.loads((Path(folder) / MARK).read_text())
        except OSError:
            raise SandboxError(f'there is no sandbox in {folder}') from None
        box = cls.__new__(cls)
        box._say, box._own_folder, box._detached, box._reaper = say or (lambda text: None), False, True, None
        box.flavour, box.folder = flavours.flavour(known['flavour'], say), Path(folder).resolve()
        box._managed = known.get('managed', False)
        box.servers = [box._server(*entry) for entry in known['servers']]
        box.wye = WyeProcess(box.folder, *known['wye']) if known['wye'] else None
        box.links = Links(box.folder, box.servers, known['links']) if known['links'] else None
        return box

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self._keep_logs = kind is not None
        try:
            self.stop(check=kind is None)
        except SandboxError:
            self._keep_logs = True
            raise
        finally:
            if self._own_folder and not self._keep_logs:
                shutil.rmtree(self.folder, ignore_errors=True)
            elif self._keep_logs:
                print(f'sandbox: the logs are in {self.folder}', file=sys.stderr)

    # life

    def start(self):
        self._clear_dead()
        data = template(self.flavour, self._say)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remember()
        try:
            self._start(data)
        except BaseException:
            self._keep_logs = True
            self.destroy()
            raise
        return self

    def _clear_dead(self):
        """Removes what a sandbox in the same folder left when the machine went down; refuses if it runs."""
        if not (self.folder / MARK).exists():
            return
        old = Sandbox.open(self.folder)
        if any(server.pid for server in old.servers) or old.wye and old.wye.pid:
            raise SandboxError(f'a sandbox runs already in {self.folder}: stop it first')
        old.destroy()

    def _start(self, data):
        if not self._detached:
            self._reaper = subprocess.Popen([sys.executable, str(Path(__file__).with_name('reaper.py')), str(self.folder)],
                                            stdin=subprocess.PIPE, start_new_session=True)
        if self.wye:
            self.wye.check_binary()
            if not ports.is_free(self.wye.port):
                raise SandboxError(f'port {self.wye.port} is taken by another program: choose another one for wye')
        if self.links:
            self.links.start()
        self._say(f'starting {len(self.servers)} {self.flavour.name} {self.flavour.version} servers')
        clock_code = clock_library.library(self.folder) if self._clocks else None
        for server in self.servers:
            server.create(data, self._server_values(server))
            if clock_code:
                server.clock = clock_library.Clock(clock_code, server.folder / 'clock')
                server.clock.create()
            server.launch()
        for server in self.servers:
            server.wait_ready()
        if self._managed:
            return self._set_up_by_wye()
        for replica in self.servers[1:]:
            replica.follow(self.servers[0])
        self.wait_replicating()
        if self.wye:
            self._say('starting wye')
            self._configure_wye({})
            self.wye.start()
        self.write_env()

    def _configure_wye(self, base):
        extra = self._wye_config(self) if callable(self._wye_config) else self._wye_config
        self.wye.create(self.servers, merged(base, extra or {}))

    def _set_up_by_wye(self):
        password = self.folder / 'replication.password'
        password.touch(mode=0o600)
        password.write_text(flavours.REPL_PASSWORD + '\n')
        self._configure_wye({'replication': {'mode': 'manage', 'user': flavours.REPL, 'password_file': str(password),
                                             'semi_sync': self._semi_sync}})
        if self._managed != 'later':
            self._say('starting wye, which makes a cluster of the empty servers')
            self.wye.launch()
            self.finish_set_up()
        self.write_env()

    def finish_set_up(self, seconds=90):
        """Waits until wye has made the cluster; makes the application's account and schema on its primary."""
        if len(self.servers) > 1:
            self._keep_settings(self.wait_operation('done', seconds))
        self.wait_replicating()
        self.primary.sql(*self.flavour.application())
        self.sync()
        self.wye.wait_ready()

    def _keep_settings(self, steps):
        """As an operator does whom wye tells it: what MariaDB and old versions forget at a restart goes into their configuration files."""
        for step in steps:
            server, _, lines = (step['what'] if step['result'] == 'note' else '').partition(': this version forgets at a restart what was set; put under [mysqld]: ')
            if lines:
                self.server(server).keep(lines.split(', '))

    def wait_operation(self, state, seconds=90):
        """Until the console says that the last change of replication ended so; its steps."""
        last = []

        def ended():
            if self.wye.pid is None:
                raise SandboxError(f'wye ended; its log: {self.wye.log}')
            try:
                last[:] = self.wye.admin('SHOW OPERATION')
            except (OSError, ServerError):
                return False
            return bool(last) and last[0]['state'] in ('done', 'undone', 'stopped')
        wait_until(ended, seconds, lambda: f'wye does not set replication up: {last}; its log: {self.wye.log}', 0.05)
        if last[0]['state'] != state:
            raise SandboxError(f'the set-up is {last[0]["state"]}: {last}')
        return last

    def _server_values(self, server):
        primary = server is self.servers[0]
        return {**self.flavour.common(server.datadir, self._pool_mb), 'port': server.port, 'report_port': server.public_port,
                **self.flavour.replicating(server.server_id, primary, self._semi_sync,
                                           self._semi_sync_timeout), **self._server_options}

    def _remember(self):
        servers = [(s.name, s.port, s.server_id, s.public_port) for s in self.servers]
        wye = (str(self.wye.binary), self.wye.port, int(self.wye.metrics.rpartition(':')[2])) if self.wye else None
        (self.folder / MARK).write_text(json.dumps({'flavour': self.flavour.name, 'servers': servers, 'wye': wye,
                                                    'managed': self._managed, 'links': self.links.control_port if self.links else None}))

    def wait_replicating(self, seconds=30):
        """Until every replica's threads run and, with semi-sync, the primary counts all of them."""
        for replica in self.servers[1:]:
            wait_until(lambda: (lambda r: r and r['io'] == r['sql'] == 'Yes')(replica.replication()), seconds,
                       lambda: f'{replica.name} does not replicate: {replica.replication()}')
        if self._semi_sync and len(self.servers) > 1:
            name = f'Rpl_semi_sync_{self.flavour.source}_clients'
            wait_until(lambda: self.primary.sql(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1] == str(len(self.servers) - 1),
                       seconds, 'the primary does not see its semi-sync replicas')

    def stop(self, check=True):
        """wye is asked to end and must end well (exit code 0, if this program started it); the servers are killed, for their
        data is thrown away."""
        code, trouble = 0, None
        if self.wye:
            try:
                crashed = self.wye.pid is None and self.wye.process.exit_code not in (None, 0)
                code = self.wye.process.exit_code if crashed else self.wye.stop()
            except SandboxError as error:
                trouble = error
        self._kill_servers()
        self._forget()
        if check and trouble:
            raise trouble
        if check and code:
            raise SandboxError(f'wye ended with {code}; {self.wye.log}')

    def _kill_servers(self):
        for server in self.servers:
            server.process.send(signal.SIGKILL)
        for server in self.servers:
            server.remove(self._keep_logs)
        if self.links:
            self.links.process.end(signal.SIGKILL)
        if self._reaper:
            self._reaper.stdin.close()
            self._reaper.wait()
            self._reaper = None

    def _forget(self):
        for leftover in (MARK, 'env', self.client.name):
            (self.folder / leftover).unlink(missing_ok=True)

    def destroy(self):
        """Ends everything at once, wye too."""
        if self.wye:
            self.wye.kill()
        self._kill_servers()
        self._forget()

    # use

    @property
    def primary(self):
        """The server that began as the primary (a sandbox does not follow a failover)."""
        return self.servers[0]

    @property
    def replicas(self):
        return self.servers[1:]

    def server(self, name):
        for server in self.servers:
            if server.name == name:
                return server
        raise SandboxError(f"no server '{name}': " + ', '.join(s.name for s in self.servers))

    def connect(self, **options):
        """The application account through wye, or on the primary if there is no wye."""
        if self.wye:
            return self.wye.connect(**options)
        defaults = {'user': flavours.APP, 'password': flavours.APP_PASSWORD, 'database': flavours.DATABASE}
        return self.primary.connect(**{**defaults, **options})

    def sync(self, seconds=30):
        """Until every replica has applied what the primary has committed by now."""
        position = self.primary.position()
        for replica in self.replicas:
            replica.wait_for(position, seconds)

    @property
    def client(self):
        """Path of a script that runs this flavour's shell, wherever it is installed."""
        return self.folder / ('mysql' if self.flavour.name == 'mysql' else 'mariadb')  # MySQL 5.6 comes without one

    def _write_tools(self):
        """`tools`: the programs that dump and load, under their usual names (replication.tools)."""
        folder = self.folder / 'tools'
        folder.mkdir(exist_ok=True)
        shell = self.flavour.binaries.client
        for name in ('mysqldump', 'mysql') if self.flavour.name == 'mysql' else ('mariadb-dump', 'mariadb'):
            program = str(Path(shell[-1]).with_name(name)) if '/' in shell[-1] else shutil.which(name) or name
            (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join([*shell[:-1], program])} "$@"\n')
            (folder / name).chmod(0o755)

    def env(self):
        values = {
            'WYE_USER': flavours.APP, 'WYE_PASSWORD': flavours.APP_PASSWORD, 'WYE_DATABASE': flavours.DATABASE,
            'SERVERS': ' '.join(server.address for server in self.servers),
            'ROOT_USER': flavours.ROOT, 'ROOT_PASSWORD': flavours.ROOT_PASSWORD,
            'FLAVOUR': self.flavour.name, f'{self.flavour.family.upper()}_VERSION': self.flavour.version,
            'CLIENT': str(self.client),
        }
        if self.wye:
            values |= {'WYE_HOST': '127.0.0.1', 'WYE_PORT': str(self.wye.port),
                       'WYE_ADMIN_SOCKET': str(self.wye.admin_socket), 'WYE_METRICS': self.wye.metrics,
                       'WYE_CONFIG': str(self.wye.config), 'WYE_BIN': str(self.wye.binary)}
        return values

    def write_env(self):
        """`env`: for `source` and for tests; every value in single quotes. And the shell's script."""
        self._write_tools()
        self.client.write_text(f'#!/bin/sh\nexec {shlex.join(self.flavour.binaries.client)} "$@"\n')
        self.client.chmod(0o755)
        lines = [f"{key}='{value}'" for key, value in self.env().items()]
        (self.folder / 'env').write_text('\n'.join(lines) + '\n')
