"""What happens to a replica while its lag is measured (lag_test.py, tests/lag/run)."""
import threading
import time
from contextlib import contextmanager

from sandbox import wait_until
from truth import READ, TABLES, Beats, Errors, Readings, Truth, now, schema

HOUR = 3600
EVERY = 0.010     # a heartbeat, and a reading of each replica
ASKED = 0.025     # wye
LOOKED_AGAIN = 0.3
CATCHING_UP = 'catching up'
OTHER = 'the other replica meanwhile'


class Console(threading.Thread):
    """Asks wye all the time."""

    def __init__(self, wye):
        super().__init__(daemon=True)
        self.wye, self.said, self.going, self.error = wye, [], True, None
        self.start()

    def run(self):
        try:
            with self.wye.connect_admin() as console:
                while self.going:
                    asked = now()
                    rows = {row['name']: row for row in console.query('SHOW SERVERS').dicts()}
                    self.said.append((asked, now(), rows))
                    time.sleep(max(0, ASKED - (now() - asked)))  # lint: poll, at this pace
        except Exception as error:
            self.error = error

    def end(self):
        self.going = False
        self.join(30)
        if self.error:
            raise self.error


class Lab:
    """A sandbox (with links and clocks) whose db2 things happen to; db3 stays as it is."""

    def __init__(self, box, scale=1.0):
        self.box, self.scale = box, scale
        self.errors, self.own = {}, {}  # of wye, and of the server itself, by phase
        self.subject, self.other = box.replicas
        box.primary.sql(*schema())
        box.sync()
        self.beats = Beats(box.primary, EVERY)
        self.readings = {replica: Readings(replica, EVERY) for replica in box.replicas}
        self.console = Console(box.wye)
        self.beats.to('beat')
        self.whole()

    def end(self):
        self.console.end()
        self.beats.to('end')
        for readings in self.readings.values():
            readings.going.value = 0
            readings.process.join(10)

    def said(self):
        if self.console.error:
            raise self.console.error
        return self.console.said[-1][2] if self.console.said else None

    def whole(self, seconds=40):
        """Until all is well, and wye, which has looked at each server again, says so."""
        since = now() + LOOKED_AGAIN

        def well():
            said = self.said()
            return said and self.console.said[-1][0] > since and all(row['state'] == 'online' for row in said.values()) and \
                all(int(row['lag_ms']) < 500 for row in said.values() if row['role'] == 'replica')
        wait_until(well, seconds, lambda: f'not whole again: {self.said()}', 0.02)

    def watch(self, seconds):
        time.sleep(seconds * self.scale)  # lint: poll: others do, this is how long

    @contextmanager
    def phase(self, name, other=OTHER):
        """What is said meanwhile. Of several phases of one name, all that was said. `other`: name of the other replica's."""
        since = now()
        yield
        self.measure(name, other, since)

    def catch_up(self):
        with self.phase(CATCHING_UP):
            self.whole()

    def measure(self, name, other, since):
        until = now()
        wait_until(lambda: all(r.count.value and r.table[0][r.count.value - 1] > until for r in self.readings.values()) and
                   self.console.said[-1][0] > until, 20, 'a replica is not read', 0.005)
        said = [entry for entry in list(self.console.said) if since <= entry[0] and entry[1] <= until]
        for replica, readings in self.readings.items():
            truth, row = Truth(self.beats, readings), name if replica is self.subject else other
            lags = [(a, b, None if rows[replica.name]['lag_ms'] is None else float(rows[replica.name]['lag_ms'])) for a, b, rows in said]
            self.errors.setdefault(row, Errors(row)).add(truth, lags)
            self.own.setdefault(row, Errors('  as it says itself')).add(truth, readings.said_itself(since, until))

    def states(self, since):
        """What wye has said of all servers since then: (seconds after it, name, row)."""
        return [(a - since, name, row) for a, _, rows in list(self.console.said) if since <= a for name, row in rows.items()]


def healthy(lab):
    with lab.phase('healthy'):
        lab.watch(2)


def idle(lab):
    """Nobody writes: what was written has arrived."""
    lab.beats.to('pause')
    with lab.phase('primary idle'):
        lab.watch(2)
    lab.beats.to('beat')


def receiver_cut(lab):
    """The replica still says that it is connected, and that it has applied all it got."""
    lab.box.links.cut(lab.subject.name, lab.box.primary.name)
    with lab.phase('receiver cut off, silently'):
        lab.watch(3)
    lab.box.links.heal(lab.subject.name, lab.box.primary.name)
    lab.catch_up()


def stopped(lab, part):
    """Nothing tells how far it is: what was said of it since."""
    stop, start = {'receiver': (lab.subject.stop_receiver, lab.subject.start_receiver),
                   'applier': (lab.subject.stop_applier, lab.subject.start_applier)}[part]
    stop()
    since = now()
    with lab.phase(f'{part} stopped'):
        lab.watch(1.5)
    said = [(at, row) for at, name, row in lab.states(since) if name == lab.subject.name]
    start()
    lab.catch_up()
    return said


def receiver_stopped(lab):
    return stopped(lab, 'receiver')


def applier_stopped(lab):
    return stopped(lab, 'applier')


@contextmanager
def locked(lab, *tables):
    """Another session of the replica holds what the applier needs."""
    with lab.subject.connect() as connection:
        connection.query('LOCK TABLES ' + ', '.join(f'{table} READ' for table in tables) if tables else 'FLUSH TABLES WITH READ LOCK')
        yield
        connection.query('UNLOCK TABLES')


def applier_blocked(lab):
    with locked(lab, *TABLES), lab.phase('applier behind a lock of its tables'):
        lab.watch(2.5)
    lab.catch_up()


def everything_locked(lab):
    with locked(lab), lab.phase('applier behind FLUSH TABLES WITH READ LOCK'):
        lab.watch(2)
    lab.catch_up()


def unseen(lab, server, name, other=OTHER):
    """wye hears nothing from the server for 1.5 s; after 2 s it would say that it does not know. Something is missing on the replica."""
    for _ in range(max(1, round(lab.scale))):
        with locked(lab, *TABLES):
            lab.box.links.cut(server.name, 'clients')
            with lab.phase(name, other):
                time.sleep(1.5)  # lint: poll: others do, this is how long
            lab.box.links.heal(server.name, 'clients')
        lab.catch_up()


def replica_unseen(lab):
    unseen(lab, lab.subject, 'wye hears nothing of the replica')


def primary_unseen(lab):
    unseen(lab, lab.box.primary, 'wye hears nothing of the primary', 'wye hears nothing of the primary; replica that has all')


def delayed(lab):
    lab.subject.lag(2)
    with lab.phase('delayed by 2 s'):
        lab.watch(4)
    lab.subject.lag(0)
    lab.catch_up()


PARALLEL = {
    'mysql': (['SET GLOBAL replica_parallel_workers = 4', 'SET GLOBAL replica_preserve_commit_order = OFF'],
              ['SET GLOBAL replica_parallel_workers = DEFAULT', 'SET GLOBAL replica_preserve_commit_order = DEFAULT']),
    'mariadb': (['SET GLOBAL slave_parallel_threads = 4', "SET GLOBAL slave_parallel_mode = 'optimistic'", 'SET GLOBAL slave_domain_parallel_threads = 1'],
                ['SET GLOBAL slave_parallel_threads = DEFAULT', 'SET GLOBAL slave_parallel_mode = DEFAULT', 'SET GLOBAL slave_domain_parallel_threads = DEFAULT'])}


def parallel(lab):
    """Four workers, then one of them waits for a lock and the others go on: what is applied has a hole, of how many beats."""
    flavour = lab.box.flavour
    before, after = PARALLEL[flavour.name]
    lab.beats.to('pause').domains(flavour.name == 'mariadb')
    lab.subject.sql(*flavour.stop(), *before, *flavour.start())
    lab.beats.to('beat')
    lab.whole()
    with lab.phase('four appliers'):
        lab.watch(1.5)
    lab.beats.to('pause')
    with locked(lab, TABLES[1]):
        lab.beats.to('seldom')
        with lab.phase('four appliers, one of them blocked'):
            lab.watch(2.5)
        shown = [int(n) for n in lab.subject.sql(READ)[0]]
    lab.catch_up()
    lab.beats.to('pause').domains(False)
    lab.subject.sql(*flavour.stop(), *after, *flavour.start())
    lab.beats.to('beat')
    lab.whole()
    return max(shown) - shown[1]


def clocks_jump(lab):
    """The clocks of the replica and of the primary, by an hour, to and fro."""
    for server in (lab.subject, lab.box.primary):
        for hours in (1, -1, 0):
            with lab.phase('clocks jump by an hour'):
                server.clock.set(hours * HOUR)
                lab.watch(0.8)


def blocked_with_clocks_apart(lab):
    for name, hours in (('ahead', 1), ('behind', -1)):
        lab.subject.clock.set(hours * HOUR)
        with locked(lab, *TABLES), lab.phase(f'applier behind a lock, its clock 1 h {name}'):
            lab.watch(1.5)
        lab.catch_up()
    lab.subject.clock.set(0)
