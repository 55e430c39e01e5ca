#!/usr/bin/env python3
"""Runs tests and counts them: `run.py unit:release fuzz e2e:release tests/e2e/one_test.py`. ./dev test builds first.

A test on real servers is an executable tests/e2e/*_test.py; it passes if it exits with 0 within its deadline. Lines
`PASS name` and `FAIL name` on its stdout count as one test each; without any, the file is one test. In its first 20 lines it may say
    # deadline: 300                  seconds (180)
    # flavours: mysql mariadb        run once for each, as $WYE_FLAVOUR (mysql); mysql56 runs on x86_64 only
    # slow                           only by name, or with `slow:release`
It gets $WYE_BIN, $WYE_FLAVOUR and tests/sandbox on its PYTHONPATH.
"""
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / 'build' / 'logs'
# Where the kernel randomizes addresses by 32 bits, the sanitizers' shadow memory may find its place taken (random failures).
FIXED_ADDRESSES = ['setarch', '-R']


class Tally:
    def __init__(self):
        self.passed, self.failed = 0, []

    def record(self, name, passed, failed, seconds, note=''):
        """`passed`: how many; `failed`: names."""
        self.passed += passed
        self.failed += failed
        count = f' ({passed} of {passed + len(failed)})' if passed + len(failed) > 1 else ''
        print(f"{'FAIL' if failed else 'PASS'} {name}{count} {seconds:.1f} s{note}", flush=True)


def run(argv, log, deadline, env=None):
    """(exit code or None at the deadline, output, seconds). The whole process group ends with it."""
    started = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(log, 'wb') as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT, start_new_session=True,
                                 env={**os.environ, **(env or {})})
        try:
            code = child.wait(deadline)
        except subprocess.TimeoutExpired:
            code = None
            os.killpg(child.pid, signal.SIGINT)
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                pass
        except BaseException:
            os.killpg(child.pid, signal.SIGINT)
            child.wait(15)
            raise
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
    return code, Path(log).read_text('utf-8', 'replace'), time.monotonic() - started


def sanitized(preset):
    return [] if preset in ('release', 'dev') else FIXED_ADDRESSES


def show(output, lines=40):
    for line in output.splitlines()[-lines:]:
        print(f'    | {line}', flush=True)


def unit(tally, preset):
    programs = sorted(p for p in (ROOT / 'build' / preset / 'tests/unit').glob('unit_*') if os.access(p, os.X_OK) and p.is_file())
    if not programs:
        tally.record(f'unit {preset}', 0, [f'unit {preset}: no test program is built'], 0)
    for program in programs:
        name = f'{program.name} {preset}'
        code, output, seconds = run(sanitized(preset) + [str(program)], LOGS / f'{program.name}-{preset}.log', 300)
        ok = re.search(r'All tests passed \(.* in (\d+) test cases?\)', output)
        bad = re.search(r'test cases: *(\d+) \|(?: *(\d+) passed \|)? *(\d+) failed', output)
        if code == 0 and ok:
            tally.record(name, int(ok.group(1)), [], seconds)
            continue
        failed = int(bad.group(3)) if bad else 1
        reason = 'deadline' if code is None else f'exit code {code}'
        tally.record(name, int(bad.group(2) or 0) if bad else 0, [f'{name} ({reason})'] * failed, seconds)
        show(output)


def fuzz(tally, seconds, only=None):
    folder = ROOT / 'build/fuzz/tests/fuzz'
    programs = sorted(p for p in folder.glob('*') if p.is_file() and os.access(p, os.X_OK) and p.read_bytes()[:4] == b'\x7fELF')
    for program in programs:
        name = re.sub(r'^fuzz_|_fuzz$', '', program.name)
        if only and only not in (name, program.name):
            continue
        findings, grown = ROOT / 'build/fuzz/findings', ROOT / 'build/fuzz/corpus' / name
        findings.mkdir(parents=True, exist_ok=True)
        grown.mkdir(parents=True, exist_ok=True)
        corpora = [str(c) for c in (ROOT / 'tests/fuzz/corpus' / name, ROOT / 'tests/fuzz/corpus' / program.name) if c.is_dir()]
        argv = [*sanitized('fuzz'), str(program), f'-max_total_time={seconds}', '-timeout=10', '-rss_limit_mb=1024', '-print_final_stats=1',
                f'-artifact_prefix={findings}/{name}-', str(grown), *corpora]
        code, output, took = run(argv, LOGS / f'fuzz-{name}.log', seconds + 120)
        units = re.search(r'stat::number_of_executed_units: *(\d+)', output)
        tally.record(f'fuzz {name}', 1 if code == 0 else 0, [] if code == 0 else [f'fuzz {name}'], took,
                     f', {units.group(1)} inputs' if units else '')
        if code != 0:
            show(output)


def header(path):
    said = {'deadline': '180', 'flavours': 'mysql', 'slow': None}
    for line in path.read_text().splitlines()[:20]:
        found = re.match(r'# (deadline|flavours|slow)(?:: *(.*))?$', line)
        if found:
            said[found.group(1)] = found.group(2) or ''
    return int(said['deadline']), said['flavours'].split(), said['slow'] is not None


def real(path, flavour, preset):
    """One test on real servers, one flavour: (name, passed, failed, seconds, output, log)."""
    deadline = header(path)[0] * (1 if preset == 'release' else 3)
    name = f'{path.stem} {flavour}' + ('' if preset == 'release' else f' {preset}')
    env = {'WYE_BIN': str(ROOT / 'build' / preset / 'wye'), 'WYE_FLAVOUR': flavour, 'PYTHONDONTWRITEBYTECODE': '1',
           'PYTHONPATH': f"{ROOT / 'tests/sandbox'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    log = LOGS / f"{name.replace(' ', '-')}.log"
    code, output, seconds = run(sanitized(preset) + [sys.executable, str(path)], log, deadline, env)
    passed = re.findall(r'^PASS (.+)$', output, re.M)
    failed = [f'{name}: {line}' for line in re.findall(r'^FAIL (.+)$', output, re.M)]
    if code is None:
        failed.append(f'{name} (deadline of {deadline} s)')
    elif code != 0 and not failed:
        failed.append(f'{name} (exit code {code})')
    return name, len(passed) if passed or failed else 1, failed, seconds, output, log


def all_real(tally, paths, preset):
    """Two at a time: they wait more than they work, and each has servers, ports and a folder of its own."""
    jobs = [(path, flavour) for path in paths for flavour in header(path)[1]
            if flavour != 'mysql56' or platform.machine() == 'x86_64']
    with ThreadPoolExecutor(2 if preset == 'release' else 1) as pool:
        for done in as_completed([pool.submit(real, path, flavour, preset) for path, flavour in jobs]):
            name, passed, failed, seconds, output, log = done.result()
            tally.record(name, passed, failed, seconds)
            if failed:
                show(output)
                print(f'    | the whole log: {log}', flush=True)


def lint(tally):
    code, output, seconds = run([str(ROOT / 'tests/lint/run.sh')], LOGS / 'lint.log', 120)
    tally.record('lint', 1 if code == 0 else 0, [] if code == 0 else ['lint'], seconds)
    if code != 0:
        show(output)


def dispatch(tally, what):
    kind, *more = what.split(':')
    if what.endswith('.py'):
        all_real(tally, [Path(what).resolve()], os.environ.get('WYE_PRESET', 'release'))
    elif kind == 'unit':
        unit(tally, more[0])
    elif kind == 'fuzz':
        fuzz(tally, int(more[0]) if more else 5, more[1] if len(more) > 1 else None)
    elif kind in ('e2e', 'slow'):
        paths = [p for p in sorted((ROOT / 'tests/e2e').glob('*_test.py')) if header(p)[2] == (kind == 'slow')]
        all_real(tally, paths, more[0] if more else 'release')
    elif kind == 'lint':
        lint(tally)
    else:
        raise SystemExit(f'run.py: what is {what}?')


def note_version():
    sys.path.insert(0, str(ROOT / 'tests/sandbox'))
    import mysqlroot
    version = mysqlroot.mysql().version
    if not version.startswith(mysqlroot.TESTED + '.'):
        print(f'note: these ran on MySQL {version}; the tests were written on {mysqlroot.TESTED}')


def main():
    started, tally = time.monotonic(), Tally()
    for old in (ROOT / 'build/sandboxes').glob('*'):  # logs of failed sandboxes
        if old.stat().st_mtime < time.time() - 86400:
            shutil.rmtree(old, ignore_errors=True)
    for what in sys.argv[1:]:
        dispatch(tally, what)
    for name in dict.fromkeys(tally.failed):
        print(f'failed: {name}')
    if any('mysql' in name for name in tally.failed):
        note_version()
    seconds = int(time.monotonic() - started)
    print(f'after {seconds // 60} min {seconds % 60} s:')
    print(f'{tally.passed} passed, {len(tally.failed)} failed')
    return 1 if tally.failed or not tally.passed else 0


if __name__ == '__main__':
    sys.exit(main())
