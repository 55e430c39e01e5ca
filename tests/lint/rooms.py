#!/usr/bin/env python3
"""Holds the house's rules (docs/ARCHITECTURE.md): includes point strictly down, third-party libraries have owners, pure rooms
do no I/O and read no clock. Also: no paths of one machine, no naps in tests, file sizes (warnings)."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = {
    'proxy/base': -1,
    'proxy/protocol': 0, 'proxy/sql': 0, 'proxy/config': 0, 'replication/topology': 0,
    'proxy/routing': 1, 'replication/plan': 1, 'replication/verify': 1,
    'proxy/session/flows': 2, 'proxy/net': 2, 'proxy/metrics': 2, 'replication/server': 2,
    'proxy/pool': 3, 'replication/manager': 3,
    'proxy/session/driver': 4, 'proxy/admin': 4,
    'proxy/worker': 5,
    'proxy/cli': 6, 'proxy': 7,  # 'proxy': main.cc
}
PURE = {'proxy/protocol', 'proxy/sql', 'proxy/routing', 'proxy/session/flows', 'replication/topology', 'replication/plan', 'replication/verify'}
ACROSS = {  # what proxy/ may see of replication/ besides topology
    'proxy/admin': {'replication/manager'}, 'proxy/cli': {'replication/manager', 'replication/server'},
    'proxy': {'replication/manager'},
}
OWNERS = [  # (included header, rooms that may)
    (r'event2/(http|keyvalq)', {'proxy/metrics'}),
    (r'event2/|event\.h', {'proxy/net', 'proxy/metrics'}),
    (r'openssl/(ssl|x509)', {'proxy/net'}),
    (r'openssl/', {'proxy/net', 'proxy/protocol', 'replication/server'}),
    (r'(zlib|zstd)\.h', {'proxy/protocol'}),
    (r'sodium', {'proxy/protocol'}),
    (r'yaml-cpp/', {'proxy/config'}),
    (r'(mysql|mariadb)/|mysql\.h|errmsg\.h|mysqld_error\.h', {'replication/server'}),
    (r'prometheus/', {'proxy/metrics'}),
    (r're2/', {'proxy/routing', 'proxy/config'}),
    (r'(spdlog|fmt)/', {'proxy/base'}),
    (r'CLI/', {'proxy/cli', 'proxy'}),
    (r'sqlite3\.h', {'proxy/admin'}),
]
IO_HEADERS = r'sys/socket\.h|netinet/|arpa/(?!inet\.h)|netdb\.h|sys/un\.h|poll\.h|sys/epoll\.h|fcntl\.h|fstream$'  # inet_pton() only reads text
CLOCKS = r'\b(?:steady_clock|system_clock|high_resolution_clock)::now\(|\bclock_gettime\(|\bgettimeofday\(|\btime\((?:nullptr|NULL|0)\)'
MACHINE = re.compile(r'(?<![\w./~}-])/(?:work|root|home/\w+|Users)/\w')
NAP = re.compile(r'\bsleep_for\(|\bu?sleep\(|^\s*sleep [\d.]|\btime\.sleep\(')


def files():
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '-z'], cwd=ROOT, capture_output=True, check=True)
    return sorted(p for p in listed.stdout.decode().split('\0') if p and (ROOT / p).is_file())


def room_of(path):
    return next((room for room in sorted(FLOORS, key=len, reverse=True) if path.startswith(room + '/')), None)


def check_include(room, bracket, target):
    """None, or what is wrong with `room` including `target`."""
    for pattern, owners in OWNERS:
        if bracket == '<' and re.match(pattern, target):
            return None if room in owners else f'<{target}> belongs to {", ".join(sorted(owners))}'
    if bracket == '<':
        return f'a pure room does no I/O: <{target}>' if room in PURE and re.match(IO_HEADERS, target) else None
    below = room_of(target)
    if below is None or not (ROOT / target).is_file():
        return f'"{target}": include by the path from the repository\'s root'
    if below == room:
        return None
    if FLOORS[below] >= FLOORS[room]:
        return f'"{target}" is not below {room}'
    here, there = room.split('/')[0], below.split('/')[0]
    if here == 'replication' and there == 'proxy' and below != 'proxy/base':
        return f'replication/ takes only proxy/base from proxy/: "{target}"'
    if here == 'proxy' and there == 'replication' and below != 'replication/topology' and below not in ACROSS.get(room, ()):
        return f'{room} may see only replication/topology: "{target}"'
    return None


def check_source(path, text):
    room = room_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        wrong = check_include(room, found.group(1), found.group(2)) if found else None
        if not wrong and room in PURE and re.search(CLOCKS, line):
            wrong = 'a pure room reads no clock'
        if wrong:
            yield f'{path}:{number}: {wrong}'


def check_text(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE.search(line) and path != 'tests/lint/rooms.py':
            yield f'{path}:{number}: a path of one machine'
        if path.startswith('tests/') and NAP.search(line) and 'lint: poll' not in line and path != 'tests/lint/rooms.py':
            yield f'{path}:{number}: a nap; wait for a condition with a deadline (a poll inside such a wait says "lint: poll")'


def main():
    wrong, warnings = [], []
    for path in files():
        data = (ROOT / path).read_bytes()
        if b'\0' in data or path.startswith('tests/fuzz/corpus/'):
            continue
        text = data.decode('utf-8', 'replace')
        if path.endswith(('.cc', '.h')):
            limit, lines = (150 if path.endswith('.h') else 500), text.count('\n')
            if lines > limit:
                warnings.append(f'{path}: {lines} lines (aim: {limit})')
            if room_of(path):
                wrong += check_source(path, text)
        wrong += check_text(path, text)
    for line in warnings:
        print('warning: ' + line)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
