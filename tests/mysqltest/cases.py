"""MySQL's own tests: which there are, and which are left out before anything runs, with the reason."""
import re
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCED = re.compile(r'^[ \t]*(?:--)?[ \t]*source[ \t]+(\S+?)[ \t]*;?[ \t]*$', re.M | re.I)


@dataclass(frozen=True)
class Case:
    name: str      # 'alias', or 'suite.test' outside of the suite main
    test: Path
    result: Path


class Suite:
    def __init__(self, folder):
        """`folder`: the one that has include/, t/, r/ and suite/."""
        self.folder = Path(folder)
        self._names, self._patterns = {}, []
        for line in (HERE / 'left_out.txt').read_text().splitlines():
            if not line.strip() or line.startswith('#'):
                continue
            what, _, reason = line.partition(' | ')
            if what.startswith('/'):
                self._patterns.append((re.compile(what.strip()[1:-1], re.I | re.M), reason.strip()))
            else:
                self._names[what.strip()] = reason.strip()

    def cases(self, suite='main'):
        folder = self.folder if suite == 'main' else self.folder / 'suite' / suite
        for test in sorted((folder / 't').glob('*.test')):
            yield self._case(suite, folder, test.stem)

    def case(self, name):
        suite, _, test = name.rpartition('.')
        suite = suite or 'main'
        folder = self.folder if suite == 'main' else self.folder / 'suite' / suite
        found = self._case(suite, folder, test)
        return found if found.test.exists() else None

    @staticmethod
    def _case(suite, folder, test):
        return Case(test if suite == 'main' else f'{suite}.{test}', folder / 't' / f'{test}.test', folder / 'r' / f'{test}.result')

    def left_out(self, case):
        """Why it does not run, or None."""
        if case.name in self._names:
            return self._names[case.name]
        if not case.result.exists():
            return 'has no result file'
        for kind in ('-master.opt', '.opt', '.cnf', '-slave.opt', '-client.opt', '-master.sh', '.combinations'):
            if case.test.with_name(case.test.stem + kind).exists():
                return 'needs server options of its own'
        text = self._whole(case.test)
        for pattern, reason in self._patterns:
            if pattern.search(text):
                return reason
        return None

    @lru_cache(maxsize=4096)
    def _whole(self, path, depth=0):
        """The text with what it sources, without comments; names that depend on variables are not followed."""
        try:
            text = path.read_text('utf-8', 'replace')
        except OSError:
            return ''
        text = re.sub(r'^[ \t]*#.*$', '', text, flags=re.M)
        parts = [text]
        if depth < 8:
            for name in dict.fromkeys(SOURCED.findall(text)):
                for base in (self.folder, path.parent):
                    if (base / name).is_file():
                        parts.append(name + '\n' + self._whole(base / name, depth + 1))
                        break
        return '\n'.join(parts)


# A client that is told "localhost" takes a Unix socket, and wye is reached by TCP only.
LOCALHOST = re.compile(rb'^([ \t]*(?:--)?[ \t]*connect[ \t]*\(?[ \t]*[^,()\n]+,[ \t]*)localhost(?=[ \t]*[,)])', re.M | re.I)


def over_tcp(original, folder):
    """A copy of the tests in `folder` whose connections name 127.0.0.1; made once. What is not copied is linked."""
    original, folder = Path(original), Path(folder)
    if (folder / '.complete').exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for entry in original.iterdir():
        if entry.name not in ('t', 'r', 'include', 'suite'):
            (folder / entry.name).symlink_to(entry)
            continue
        for path in entry.rglob('*'):
            if path.is_dir():
                continue
            target = folder / path.relative_to(original)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_bytes() if path.suffix in ('.test', '.result', '.inc') else b''
            changed = LOCALHOST.sub(rb'\g<1>127.0.0.1', text)
            if changed == text:
                target.symlink_to(path)
            else:
                target.write_bytes(changed)
    (folder / '.complete').touch()
    return folder
