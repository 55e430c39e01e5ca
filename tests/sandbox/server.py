"""One real server: its folder, its process, its faults. The state of a process is in `server.json`, so that any program
can act on a server that another one started."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from client import Connection, ServerError
from flavours import ROOT, ROOT_PASSWORD, SandboxError


def wait_until(condition, seconds, what, every=0.02):
    """Polls until `condition()` is true and returns its value; SandboxError with `what` (text or callable) if it never is."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise SandboxError(f'{what() if callable(what) else what} (waited {seconds} s)')
        time.sleep(every)  # lint: poll


def born(pid):
    """When the process was started (clock ticks since boot): with the pid, it names one process for good. None: not alive."""
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    except OSError:
        return None
    return None if fields[0] in 'ZX' else int(fields[19])


def tail(path, lines=12):
    try:
        return '\n'.join(Path(path).read_text('utf-8', 'replace').splitlines()[-lines:])
    except OSError:
        return '(no log)'


def stopped(pid):
    """Have all its threads stopped? Each does so when it gets to run."""
    states = []
    for task in Path(f'/proc/{pid}/task').glob('*/stat'):
        try:
            states.append(task.read_text().rpartition(')')[2].split()[0])
        except OSError:
            pass  # it has ended
    return all(state in 'TZX' for state in states)


class Process:
    """A child that outlives its parent: found again by the file that it was recorded in."""

    def __init__(self, record):
        self.record = Path(record)
        self._child = None

    def spawn(self, argv, log, cwd=None, env=None):
        with open(log, 'ab') as out:
            self._child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd, env=env,
                                           start_new_session=True)
        self.record.write_text(json.dumps({'pid': self._child.pid, 'born': born(self._child.pid)}))
        return self._child.pid

    @property
    def pid(self):
        """The pid while it is alive, else None."""
        try:
            known = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        if self._child and self._child.pid == known['pid']:
            self._child.poll()
        return known['pid'] if known['born'] is not None and born(known['pid']) == known['born'] else None

    @property
    def exit_code(self):
        return self._child.poll() if self._child else None

    def send(self, number):
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, number)
        return True

    def freeze(self):
        """SIGSTOP; nothing of it runs when this returns."""
        if self.send(signal.SIGSTOP):
            wait_until(lambda: stopped(self.pid), 10, 'SIGSTOP does not stop it', 0.001)

    def thaw(self):
        self.send(signal.SIGCONT)

    def end(self, number=signal.SIGTERM, seconds=30):
        """Sends the signal and waits for the end; SIGKILL when it takes longer. True if it ended by itself."""
        pid = self.pid
        if pid is None:
            return True
        if number != signal.SIGKILL:
            os.kill(pid, signal.SIGCONT)  # a frozen process would not see it
        os.kill(pid, number)
        try:
            wait_until(lambda: self.pid is None, seconds, f'process {pid} does not end')
            return True
        except SandboxError:
            self.send(signal.SIGKILL)
            wait_until(lambda: self.pid is None, 30, f'process {pid} does not die')
            return False
        finally:
            if self._child and self._child.pid == pid and self.pid is None:
                self._child.wait()  # a zombie would still count as alive for the server's own lock file


class Server:
    """A primary or replica. `port` is the server's own; `address` is what others use (a link, if the sandbox has links)."""

    supervised = False  # see supervise.py
    clock = None        # see clocks.py

    def __init__(self, name, folder, flavour, port, server_id, public_port=None):
        self.name, self.folder, self.flavour = name, Path(folder), flavour
        self.port, self.server_id, self.public_port = port, server_id, public_port or port
        self.datadir, self.config = self.folder / 'data', self.folder / 'my.cnf'
        self.log = self.folder / 'error.log'
        self.process = Process(self.folder / 'server.json')

    @property
    def address(self):
        return f'127.0.0.1:{self.public_port}'

    @property
    def socket(self):
        return str(self.datadir / 'mysql.sock')

    @property
    def pid(self):
        return self.process.pid

    def create(self, template, values):
        shutil.rmtree(self.folder, ignore_errors=True)  # the logs of one that failed
        (self.folder / 'tmp').mkdir(parents=True)
        subprocess.run(['cp', '-a', '--reflink=auto', str(template), str(self.datadir)], check=True)
        for leftover in ['auto.cnf', *(p.name for p in self.datadir.glob('*.pem'))]:  # each server has its own uuid and keys
            (self.datadir / leftover).unlink(missing_ok=True)
        # A mariadbd that starts deletes what others have there: their temporary tables too.
        self.config.write_text(self.flavour.config_text({**values, 'tmpdir': str(self.folder / 'tmp'), 'log_error': str(self.log)}))

    def keep(self, lines):
        """More lines for my.cnf, from the next start on."""
        with self.config.open('a') as config:
            config.write('\n'.join(['', '[mysqld]', *lines, '']))

    def launch(self):
        if self.pid:
            raise SandboxError(f'{self.name} runs already')
        (self.datadir / 'mysql.sock.lock').unlink(missing_ok=True)  # of a killed one: its pid may be somebody else's by now
        supervisor = [sys.executable, str(Path(__file__).with_name('supervise.py'))] if self.supervised else []
        self.process.spawn(supervisor + self.flavour.command(self.config), self.log, cwd=self.folder,
                           env={**os.environ, **self.flavour.environment, **(self.clock.environment if self.clock else {})})

    def wait_ready(self, seconds=60):
        def ready():
            if self.pid is None:
                raise SandboxError(f'{self.name} ({self.flavour.name} {self.flavour.version}) ended at its start; '
                                   f'{self.log} says:\n{tail(self.log)}')
            try:
                with self.connect(timeout=5):
                    return True
            except OSError:
                return False
            except ServerError as error:
                if error.code == 1045:  # a wrong password will not become right
                    raise SandboxError(f'{self.name}: {error}') from None
                return False
        wait_until(ready, seconds, lambda: f'{self.name} does not answer; {self.log} says:\n{tail(self.log)}')

    def start(self, seconds=60):
        self.launch()
        self.wait_ready(seconds)

    def stop(self, seconds=60):
        """Clean shutdown (SIGTERM)."""
        return self.process.end(signal.SIGTERM, seconds)

    def kill(self):
        """kill -9."""
        self.process.end(signal.SIGKILL)

    def restart(self, kill=False):
        self.kill() if kill else self.stop()
        self.start()

    def freeze(self):
        """SIGSTOP: connections stay open and nothing answers."""
        self.process.freeze()

    def thaw(self):
        self.process.thaw()

    def remove(self, keep_logs=False):
        self.kill()
        shutil.rmtree(self.datadir if keep_logs else self.folder, ignore_errors=True)

    # SQL, as root, past all links

    def connect(self, user=ROOT, password=ROOT_PASSWORD, database=None, timeout=30.0):
        return Connection('127.0.0.1', self.port, user, password, database, timeout=timeout)

    def sql(self, *statements, database=None):
        """Runs the statements on one connection; the rows of the last one."""
        with self.connect(database=database) as connection:
            for statement in statements:
                result = connection.query(statement)
            return result.rows

    def value(self, statement):
        return self.sql(statement)[0][0]

    def replication(self):
        """None on a server that follows nobody; else io, sql, port, lag, io_error, sql_error as the server tells them."""
        with self.connect(timeout=5) as connection:
            rows = connection.query(self.flavour.status).dicts()
        return {key: rows[0][column] for key, column in self.flavour.status_keys.items()} if rows else None

    def is_writable(self):
        return self.value(self.flavour.writable) == '1'

    def follow(self, source, delay=0):
        self.sql(*self.flavour.follow('127.0.0.1', source.public_port, delay), *self.flavour.start())

    def lag(self, seconds):
        """Applies every transaction so many seconds after the primary committed it; 0 ends it."""
        self.sql(*self.flavour.delay(seconds))

    def stop_applier(self):
        self.sql(*self.flavour.stop('SQL_THREAD'))

    def start_applier(self):
        self.sql(*self.flavour.start('SQL_THREAD'))

    def stop_receiver(self):
        self.sql(*self.flavour.stop('IO_THREAD'))

    def start_receiver(self):
        self.sql(*self.flavour.start('IO_THREAD'))

    def position(self):
        return self.value(self.flavour.position).replace('\n', '')

    def wait_for(self, position, seconds=30):
        """Until this server has applied the GTIDs of `position`."""
        if self.value(self.flavour.wait_for(position, seconds)) != '1':
            raise SandboxError(f'{self.name} has not applied {position} after {seconds} s: {self.replication()}')

    @property
    def general_log_file(self):
        return self.folder / 'general.log'

    def general_log(self, on=True):
        """Switches the general log on (empty) or off; `general_log_text` reads it."""
        self.sql('SET GLOBAL general_log = OFF')
        if on:
            self.general_log_file.write_text('')
            self.general_log_file.chmod(0o666)
            self.sql(f"SET GLOBAL general_log_file = '{self.general_log_file}'", "SET GLOBAL log_output = 'FILE'",
                     'SET GLOBAL general_log = ON')

    def general_log_text(self):
        return self.general_log_file.read_text('utf-8', 'replace')

    def memory_kib(self):
        """Resident memory of the process (Pss is not worth its price here)."""
        pid = self.pid
        if pid is None:
            return 0
        for line in Path(f'/proc/{pid}/status').read_text().splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1])
        return 0
