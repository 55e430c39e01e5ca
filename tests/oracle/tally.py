"""Counts what was done, over all slots."""
import re
import threading
from collections import Counter

from contract import ELSEWHERE, ROWS

FEW = 100


class Tally:
    def __init__(self):
        self._lock = threading.Lock()
        self.sessions = self.statements = 0
        self.rows, self.differences, self.order, self.unplayed = Counter(), Counter(), [], Counter()

    def session(self, script):
        with self._lock:
            self.sessions += 1
            self.statements += len(script.ops)
            for op in script.ops:
                self.rows.update(op.rows)
            self.order = [*self.order[-40:], script.seed]

    def difference(self, found):
        """True for the first of its kind."""
        kind = signature(found)
        with self._lock:
            self.differences[kind] += 1
            return self.differences[kind] == 1

    def table(self):
        unknown = set(self.rows) - set(ROWS)
        assert not unknown, f'rows that the contract has not: {unknown}'
        lines = [f'{self.rows[row]:9d}  {row:23}{text}{"   << fewer than " + str(FEW) if self.rows[row] < FEW else ""}' for row, text in ROWS.items()]
        return '\n'.join(['     hits  row of the contract', *lines, *(f'        -  {row}: {why}' for row, why in ELSEWHERE.items())])


# Reasons of wye_hand_overs_refused_total that the contract (routing.md 4) has as well: the state is the connection's.
OF_THE_CONTRACT = 'transaction', 'pinned', 'user_lock', 'text_prepare', 'cursor'
WANTED = 50  # per cent


def hand_overs(metrics):
    """How many of the statements after which the session's connection could have gone to another session were followed by that."""
    def of(family):
        found = {name: value for name, value in metrics.items() if name.startswith(family)}
        return sum(found.values()), {re.search(r'"(.*)"', name)[1]: int(value) for name, value in found.items() if value and '{' in name}
    ran, given = of('wye_statements_total')[0], of('wye_hand_overs_total')[0]
    kept = of('wye_hand_overs_refused_total')[1]
    eligible = ran - sum(kept.get(why, 0) for why in OF_THE_CONTRACT)
    share = 100 * given / eligible if eligible else 0
    shown = ', '.join(f'{why} {count}' for why, count in sorted(kept.items(), key=lambda item: -item[1]))
    again = ', '.join(f'{why} {count}' for why, count in of('wye_retries_total')[1].items())
    return (f'hand-overs: {given:.0f} of {eligible:.0f} eligible statements, {share:.1f} %{"" if share >= WANTED else f"   << less than {WANTED} %"} '
            f'({ran:.0f} ran)\nconnections kept: {shown}\nran again: {again}')


def signature(found):
    """Differences that look alike are one."""
    text = re.sub(r"'(?:[^']|'')*'|\b\d+\b", '?', found.op.text)
    return f'{found.word}: {found.op.do} {re.sub(r"[ob]racle_.[0-9b]*", "S", text)}'[:160]


def shares(routes, pins):
    """Where wye sent statements, and why."""
    total = sum(routes.values()) or 1
    replica = sum(count for (route, _), count in routes.items() if route == 'replica')
    lines = [f'{total} statements routed, {100 * replica / total:.1f} % to replicas']
    lines += [f'{count:9d}  {route:8} {reason}' for (route, reason), count in sorted(routes.items(), key=lambda item: -item[1])]
    return '\n'.join(lines + [f'pins: {", ".join(f"{reason} {count}" for reason, count in pins.items())}'])
