"""What was acknowledged, when and by whom: one memory that all processes of a run share.

Each row has one owner, a process, and one write in flight: its versions only grow, and nobody else writes its part of the memory. Times are those of
the monotonic clock, which all processes of a machine have in common."""
import mmap
import time

DEPTH = 512         # versions of a row that are remembered
RECENT = 64
ABORTED = -1
ENTRY = 5           # version, acknowledged (0: not yet), sent, session, kind of write
COUNTS = 64


def now():
    return time.monotonic_ns()


class Ledger:
    def __init__(self, rows, processes):
        self.rows, self.processes = rows, processes
        sizes = {'acked': rows, 'sent': rows, 'ring': rows * DEPTH * ENTRY, 'recent': processes * RECENT, 'recent_at': processes,
                 'counts': processes * COUNTS, 'control': 8}
        self._memory = mmap.mmap(-1, 8 * sum(sizes.values()))
        view, at = memoryview(self._memory).cast('q'), 0
        for name, size in sizes.items():
            setattr(self, name, view[at:at + size])
            at += size

    def _entry(self, row, version):
        return (row * DEPTH + version % DEPTH) * ENTRY

    # the writer

    def begin(self, row, session, kind):
        """The next version of the row, of which nobody has heard yet."""
        version = self.sent[row] + 1
        at = self._entry(row, version)
        self.ring[at + 1] = 0
        self.ring[at + 2], self.ring[at + 3], self.ring[at + 4] = now(), session, kind
        self.ring[at] = version
        self.sent[row] = version
        return version

    def commits(self, row, version):
        """What makes it durable goes out now: whatever was acknowledged before is before it."""
        self.ring[self._entry(row, version) + 2] = now()

    def acknowledge(self, row, version, process):
        self.ring[self._entry(row, version) + 1] = now()
        self.acked[row] = version
        at = self.recent_at[process] + 1
        self.recent[process * RECENT + at % RECENT] = row
        self.recent_at[process] = at

    def aborted(self, row, version):
        self.ring[self._entry(row, version) + 1] = ABORTED

    # the readers

    def latest(self, process, back):
        """A row that the process has written lately."""
        at = self.recent_at[process]
        return self.recent[process * RECENT + max(at - back, 0) % RECENT]

    def record(self, row, version):
        """(acknowledged, sent, session, kind) or None: too old, or never was."""
        at = self._entry(row, version)
        return tuple(self.ring[at + 1:at + ENTRY]) if version > 0 and self.ring[at] == version else None

    def needed(self, row, when):
        """The newest version that was acknowledged by then; 0 if that is too long ago to be known."""
        version = self.acked[row]
        for _ in range(DEPTH - 8):
            record = self.record(row, version)
            if record is None:
                return 0
            if 0 < record[0] <= when:
                return version
            version -= 1
        return 0

    # the run

    @property
    def over(self):
        return self.control[0] != 0

    def finish(self):
        self.control[0] = 1

    def count(self, process, index, by=1):
        self.counts[process * COUNTS + index] += by

    def total(self, index):
        return sum(self.counts[p * COUNTS + index] for p in range(self.processes))
