"""Makes a session that differs as short as it can be, by leaving operations out and playing the rest on both sides."""
import time

from both import run

TRIES = 4


def shrink(slot, difference, seconds=60):
    """(the shortest Difference found, or None if it does not come back alone; how many were tried)"""
    end = time.monotonic() + seconds
    tried, wanted = 0, (difference.op.do, difference.op.text, difference.word)

    def still(ops):
        nonlocal tried
        tried += 1
        found = run(slot, difference.script.with_ops(ops), fresh=True)
        return found if found and (found.op.do, found.op.text, found.word) == wanted else None
    best = None
    while best is None and tried < TRIES:  # which replica serves, and whether one does, is not the same each time
        best = still(difference.script.ops[:difference.at + 1])
    if best is None:
        return None, tried
    size = max(1, best.at // 2)
    while size:
        start = 0
        while start < best.at and time.monotonic() < end:
            ops = best.script.ops[:best.at + 1]
            found = still(ops[:start] + ops[min(start + size, best.at):])
            if found:
                best = found
            else:
                start += size
        size = size // 2 if time.monotonic() < end else 0
    return without_tail(best), tried


def without_tail(difference):
    difference.script.ops = difference.script.ops[:difference.at + 1]
    return difference
