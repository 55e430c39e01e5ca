#!/usr/bin/env python3
# deadline: 240
# flavours: mysql mariadb mysql56
"""An unchanged mysql2 program (tests/e2e/mysql2) prints the same direct on the primary and through wye: alone, and four at once."""
import filecmp
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from both_ways import Tally, differences, fresh_schema
from sandbox import REPOSITORY, Sandbox

PROGRAM = Path(__file__).with_name('mysql2')
PACKAGES = REPOSITORY / 'build/e2e/mysql2'
SECTIONS = ['types', 'statements', 'streams', 'connection', 'options', 'orders', 'pool']
# On 5.6: it has no JSON; the streams take minutes, also direct; mysql2's change of user does not work with it direct (through wye it does).
NOT_ON = {'mysql56': ['types', 'streams', 'connection']}
AT_ONCE = ['statements', 'orders', 'pool']
COPIES = 4
# Steps that differ, and are meant to: flavour, beginning of the step, why.
KNOWN = [
    ('mariadb', 'tls: ', "wye offers clients TLS; this MariaDB has none to offer"),
    ('mysql56', 'tls: ', "wye offers clients TLS; this MySQL 5.6 has none to offer"),
    ('mysql', 'too few parameters', 'another text (1835 for 1210): wye offers no query attributes yet, so the server counts no parameters'),
]


def comparable(flavour, text):
    """Without the steps known to differ, and without SERVER_SESSION_STATE_CHANGED, which wye may leave out (routing.md 3)."""
    kept = [line for line in text.splitlines()
            if not any(flavour == f and f'"step":"{step}' in line for f, step, _ in KNOWN)]
    return re.sub(r'"serverStatus":(\d+)', lambda m: f'"serverStatus":{int(m[1]) & ~0x4000}', '\n'.join(kept)) + '\n'


def install():
    """node_modules by the lock file, into build/. Two tests may come at once."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    with open(PACKAGES / 'lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = PACKAGES / 'installed.json'
        if mark.exists() and filecmp.cmp(mark, PROGRAM / 'package-lock.json', shallow=False):
            return
        for name in ('package.json', 'package-lock.json'):
            shutil.copy(PROGRAM / name, PACKAGES / name)
        done = subprocess.run(['npm', 'ci', '--ignore-scripts', '--omit=peer', '--no-audit', '--no-fund'], cwd=PACKAGES, capture_output=True, text=True, timeout=150)
        if done.returncode:
            raise SystemExit(f'npm ci failed:\n{done.stdout}\n{done.stderr}')
        shutil.copy(PROGRAM / 'package-lock.json', mark)


def node(box, port, schema, sections):
    """What the program prints, and its exit code."""
    environment = {**os.environ, 'NODE_PATH': str(PACKAGES / 'node_modules'), 'HOST': '127.0.0.1', 'PORT': str(port), 'USER_NAME': 'app',
                   'PASSWORD': 'sandbox-app', 'DATABASE': schema, 'FLAVOUR': box.flavour.name, 'TZ': 'UTC', 'DEADLINE': '50'}
    done = subprocess.run(['node', str(PROGRAM / 'program.js'), *sections], env=environment, capture_output=True, timeout=70)
    text = done.stdout.decode() + ''.join(f'stderr: {line}\n' for line in done.stderr.decode().splitlines() if not line.startswith('    at '))  # a stack depends on how packets are cut
    return comparable(box.flavour.name, text), done.returncode


def by_section(text):
    found = {}
    for line in text.splitlines():
        section = json.loads(line)['section'] if line.startswith('{') else 'stderr'
        found.setdefault(section, []).append(line)
    return {section: '\n'.join(lines) for section, lines in found.items()}


def compared(direct, through):
    """Trouble by section."""
    (expected, code), (seen, other) = direct, through
    expected, seen = by_section(expected), by_section(seen)
    trouble = {section: differences(expected.get(section, ''), seen.get(section, '')) for section in {*expected, *seen}}
    if (code, other) != (0, 0):
        trouble['exit codes'] = f'{code} direct, {other} through wye'
    return trouble


def alone(box, tally):
    outputs = []
    sections = [section for section in SECTIONS if section not in NOT_ON.get(box.flavour.name, [])]
    for port in (box.primary.port, box.wye.port):
        fresh_schema(box, 'shop')
        started = time.monotonic()
        outputs.append(node(box, port, 'shop', sections))
        print(f'{len(outputs[-1][0].splitlines())} lines in {time.monotonic() - started:.1f} s', flush=True)
    for which, (text, _) in zip(('direct', 'wye'), outputs):
        if os.environ.get('KEEP'):
            Path(os.environ['KEEP'], f'{box.flavour.name}-{which}.jsonl').write_text(text)
    trouble = compared(*outputs)
    for section in sections:
        missing = '' if section in by_section(outputs[0][0]) else 'it printed nothing'
        tally.check(f'{section}: the same direct and through wye', missing or trouble.pop(section, ''))
    for what, text in trouble.items():
        tally.check(what, text)


def at_once(box, tally):
    """Several programs at the same time, each in a schema of its own."""
    schemas = [f'shop{i}' for i in range(COPIES)]
    outputs = []
    for port in (box.primary.port, box.wye.port):
        fresh_schema(box, *schemas)
        with ThreadPoolExecutor(COPIES) as pool:
            outputs.append(list(pool.map(lambda schema: node(box, port, schema, AT_ONCE), schemas)))
    for schema, direct, through in zip(schemas, *outputs):
        tally.check(f'{COPIES} programs at once: {schema}', '\n'.join(t for t in compared(direct, through).values() if t))


def main():
    install()
    tally = Tally()
    with Sandbox(wye=True, wye_config={'workers': 3}, server_options={'log_bin_trust_function_creators': 'ON'}) as box:
        alone(box, tally)
        at_once(box, tally)
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
