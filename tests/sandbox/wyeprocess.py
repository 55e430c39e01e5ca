"""wye in front of the servers: its configuration, its process."""
import json
import os
import signal
from pathlib import Path

from client import Connection, ServerError
from flavours import APP, APP_PASSWORD, DATABASE, MONITOR, MONITOR_PASSWORD, SandboxError
from server import Process, tail, wait_until


def merged(base, extra):
    """`extra` over `base`, key by key in nested mappings."""
    result = dict(base)
    for key, value in extra.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def yaml(value, indent=0):
    """Block YAML of plain data; strings as JSON strings, which YAML reads as they are."""
    pad = '  ' * indent
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            block = isinstance(item, (dict, list)) and item
            lines.append(f'{pad}{key}:' + ('\n' + yaml(item, indent + 1) if block else f' {json.dumps(item)}'))
        return '\n'.join(lines)
    if isinstance(value, list):
        return '\n'.join(f'{pad}- {yaml_flow(item)}' for item in value)
    return pad + json.dumps(value)


def yaml_flow(value):
    if isinstance(value, dict):
        return '{' + ', '.join(f'{key}: {yaml_flow(item)}' for key, item in value.items()) + '}'
    return json.dumps(value)


class WyeProcess:
    def __init__(self, folder, binary, port, metrics_port):
        self.folder, self.binary = Path(folder), Path(binary)
        self.port, self.metrics = port, f'127.0.0.1:{metrics_port}'
        self.config, self.log = self.folder / 'wye.yaml', self.folder / 'wye.log'
        self.admin_socket = self.folder / 'admin.sock'
        self.process = Process(self.folder / 'wye.json')

    @property
    def pid(self):
        return self.process.pid

    def create(self, servers, extra):
        """Writes the configuration; `extra` (nested) goes over what the sandbox sets."""
        (self.folder / 'state').mkdir(parents=True, exist_ok=True)
        secret = self.folder / 'monitor.password'
        secret.touch(mode=0o600)
        secret.write_text(MONITOR_PASSWORD + '\n')
        if len(str(self.admin_socket)) > 107:
            raise SandboxError(f'{self.admin_socket} is longer than a Unix socket may be (107): use another folder')
        values = {
            'listen': [{'address': f'127.0.0.1:{self.port}'}],
            'servers': [{'name': server.name, 'address': server.address} for server in servers],
            'monitor': {'user': MONITOR, 'password_file': str(secret)},
            'state': str(self.folder / 'state'),
            'admin': {'socket': str(self.admin_socket)},
            'metrics': {'address': self.metrics},
        }
        self.config.write_text(yaml(merged(values, extra or {})) + '\n')

    def check_binary(self):
        if not os.access(self.binary, os.X_OK):
            raise SandboxError(f'{self.binary} is missing: build it first')

    def launch(self):
        if self.pid:
            raise SandboxError('wye runs already')
        self.check_binary()
        self.process.spawn([str(self.binary), 'run', '-c', str(self.config)], self.log, cwd=self.folder)

    def wait_ready(self, seconds=30):
        """Until a statement of the application account is answered."""
        def ready():
            if self.pid is None:
                raise SandboxError(f'wye ended at its start; {self.log} says:\n{tail(self.log)}')
            try:
                with self.connect(timeout=5) as connection:
                    return connection.query('SELECT 1').rows == [('1',)]
            except (OSError, ServerError) as error:
                self._last = error
                return False
        wait_until(ready, seconds, lambda: f'wye does not serve: {self._last}; {self.log} says:\n{tail(self.log)}', 0.05)

    def start(self, seconds=30):
        self.launch()
        self.wait_ready(seconds)

    def stop(self, seconds=20):
        """SIGTERM; the exit code if this program started it. SandboxError if it had to be killed."""
        if not self.process.end(signal.SIGTERM, seconds):
            raise SandboxError(f'wye did not end within {seconds} s of SIGTERM; {self.log} says:\n{tail(self.log)}')
        return self.process.exit_code

    def kill(self):
        self.process.end(signal.SIGKILL)

    def restart(self):
        self.stop()
        self.start()

    def reload(self):
        self.process.send(signal.SIGHUP)

    def connect(self, user=APP, password=APP_PASSWORD, database=DATABASE, timeout=30.0, tls='preferred'):
        return Connection('127.0.0.1', self.port, user, password, database, timeout=timeout, tls=tls)

    def connect_admin(self, timeout=30.0):
        return Connection(unix=str(self.admin_socket), user='admin', timeout=timeout)

    def admin(self, statement):
        """A statement on the admin console: a list of dicts."""
        with self.connect_admin() as connection:
            return connection.query(statement).dicts()
