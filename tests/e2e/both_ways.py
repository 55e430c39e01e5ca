"""What the tests that compare 'direct' with 'through wye' share."""
import difflib
import subprocess
import traceback

LONG = 250


def fresh_schema(box, *names, account='app'):
    """Empty schemas of these names, the same on every server; `account` may do everything in them."""
    box.primary.sql(*[statement for name in names for statement in (
        f'DROP DATABASE IF EXISTS `{name}`', f'CREATE DATABASE `{name}` DEFAULT CHARACTER SET utf8mb4',
        f"GRANT ALL PRIVILEGES ON `{name}`.* TO '{account}'@'%'")])
    box.sync()


def _around(one, other):
    """Of two lines that differ, what is around the first difference."""
    at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    start = max(0, at - 60)
    return one[:90], [f"{sign} {'...' if start else ''}{line[start:at + 160]}{'...' if len(line) > at + 160 else ''}"
                      for sign, line in (('-', one), ('+', other))]


def differences(direct, through, limit=12):
    """The lines in which they differ, readable (- direct, + through wye); '' if they are the same."""
    if direct == through:
        return ''
    old, new = direct.splitlines(), through.splitlines()
    found = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        if kind == 'equal':
            continue
        pairs = min(b - a, d - c)
        for i in range(pairs):
            head, both = _around(old[a + i], new[c + i])
            found.append('\n'.join([f'at {head}', *both]))
        found += [f'- {line[:LONG]}' for line in old[a + pairs:b]] + [f'+ {line[:LONG]}' for line in new[c + pairs:d]]
    more = [f'... and {len(found) - limit} more'] if len(found) > limit else []
    return '\n'.join([f'{len(found)} differences (- direct, + through wye)', *found[:limit], *more])


def run(argv, seconds, **more):
    """stdout and stderr of a program that must end in time, and its exit code."""
    done = subprocess.run(argv, stdin=more.pop('stdin', subprocess.DEVNULL), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, **more)
    return done.stdout.decode('utf-8', 'surrogateescape'), done.returncode


class Tally:
    """PASS and FAIL lines for run.py."""

    def __init__(self):
        self.failed = 0

    def check(self, name, trouble):
        """`trouble`: '' or None is a pass."""
        if trouble:
            self.failed += 1
            first, *more = str(trouble).splitlines()
            print(f'FAIL {name}: {first}', *[f'  {line}' for line in more], sep='\n', flush=True)
        else:
            print(f'PASS {name}', flush=True)

    def call(self, test, *args):
        try:
            self.check(test.__name__, test(*args))
        except Exception:
            self.check(test.__name__, traceback.format_exc().strip().splitlines()[-1] + '\n' + traceback.format_exc())
