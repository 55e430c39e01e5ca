"""sysbench, and what it prints."""
import re
import subprocess

from sandbox import SandboxError


def sysbench(test, port, options, command, threads=1):
    argv = ['sysbench', test, '--db-driver=mysql', '--mysql-host=127.0.0.1', f'--mysql-port={port}', '--mysql-user=app',
            '--mysql-password=sandbox-app', '--mysql-db=shop', '--tables=2', f'--table-size={options.rows}',
            f'--threads={threads}', f'--time={options.seconds}', '--percentile=99', command]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise SandboxError(f'sysbench {test} {command} on port {port}, {threads} threads:\n{(done.stdout + done.stderr)[-1500:]}')
    return done.stdout


def figures(text):
    number = lambda pattern: float(re.search(pattern, text).group(1))
    return {'statements': int(number(r'queries: +(\d+)')), 'per_second': number(r'queries: +\d+ +\(([\d.]+) per sec'),
            'p99_ms': number(r'99th percentile: +([\d.]+)'), 'ignored': int(number(r'ignored errors: +(\d+)')),
            'reconnects': int(number(r'reconnects: +(\d+)'))}
