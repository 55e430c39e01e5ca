"""wye's own counters: taken before and after, and what they say."""
import re
import urllib.request


def routes(box):
    found = {}
    for row in box.wye.admin('SHOW ROUTES'):
        found[row['route'], row['reason']] = int(row['statements'])
    return found


def reads_of(counts):
    """(on replicas, on the primary because of the position, all)"""
    replica = sum(n for (route, _), n in counts.items() if route == 'replica')
    behind = sum(n for (_, reason), n in counts.items() if reason in ('replicas_behind', 'wait_timeout'))
    rest = sum(n for (_, reason), n in counts.items() if reason in ('replicas_lagging', 'replicas_offline', 'no_replica'))
    return replica, behind, replica + behind + rest


def page(box):
    with urllib.request.urlopen(f'http://{box.wye.metrics}/metrics', timeout=10) as answer:
        return answer.read().decode()


def outcomes(box):
    return {name: float(n) for name, n in re.findall(r'^wye_consistency_waits_total\{outcome="(\w+)"\} (\S+)', page(box), re.M)}


def waits(box):
    """Upper bound in seconds -> how many waits, over all replicas, not cumulative."""
    found = {}
    for server in {s for s in re.findall(r'^wye_consistency_wait_seconds_bucket\{server="(\w+)"', page(box), re.M)}:
        before = 0.0
        for le, n in re.findall(r'^wye_consistency_wait_seconds_bucket\{server="%s",le="([^"]+)"\} (\S+)' % server, page(box), re.M):
            bound = float(le.replace('+Inf', 'inf'))
            found[bound] = found.get(bound, 0) + float(n) - before
            before = float(n)
    return found


def difference(after, before):
    return {key: n - before.get(key, 0) for key, n in after.items() if n != before.get(key, 0)}


def quantile(buckets, q):
    total, so_far = sum(buckets.values()), 0
    for bound in sorted(buckets):
        so_far += buckets[bound]
        if so_far >= q * total:
            return bound
    return 0.0
