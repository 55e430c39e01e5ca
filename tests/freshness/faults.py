"""What happens to the replicas while the application runs. Each replica has a thread of its own that goes from one fault to the next."""
import random
import threading
import time

from client import ServerError
from sandbox import SandboxError

from ledger import now


class Faults:
    """`say`: takes a line. `history`: (begun, ended or None, what) of each fault."""

    def __init__(self, box, seed, rest):
        self.box, self.seed, self.rest, self.history, self.trouble = box, seed, rest, [], None
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._guarded, args=(replica,)) for replica in box.replicas]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def active(self, begun, ended):
        """In words: what was going on between the two, and just before."""
        return '; '.join(f'{what}, for {((e or now()) - b) / 1e9:.1f} s since {(begun - b) / 1e9:.3f} s before it was sent' for b, e, what in list(self.history)
                         if b < ended and (e is None or e > begun - 1_000_000_000)) or 'none'

    def counts(self):
        found = {}
        for _, _, what in self.history:
            word = what.partition(' ')[2]
            found[word] = found.get(word, 0) + 1
        return found

    def _guarded(self, replica):
        try:
            self._run(replica)
        except Exception as error:
            self.trouble = f'{replica.name}: {type(error).__name__}: {error}'
            self._over.set()

    def _run(self, replica):
        rng = random.Random(f'{self.seed}/{replica.name}')
        kinds = (self.delayed, self.delayed, self.applier_stopped, self.applier_stopped, self.receiver_stopped, self.stalls, self.killed, self.killed_for_long,
                 self.stopped, self.frozen, self.drained)
        while not self.wait(rng.uniform(0.3, 1) * self.rest):
            kind = rng.choice(kinds)
            entry = [now(), None, f'{replica.name} {kind.__name__.replace("_", " ")}']
            self.history.append(entry)
            kind(replica, rng.uniform(0.5, 4))
            entry[1] = now()

    def wait(self, seconds):
        return self._over.wait(seconds)

    def delayed(self, replica, seconds):
        replica.lag(1 if seconds < 2 else 2)
        self.wait(2 * seconds)
        replica.lag(0)

    def applier_stopped(self, replica, seconds):
        replica.stop_applier()
        self.wait(seconds)
        replica.start_applier()

    def receiver_stopped(self, replica, seconds):
        replica.stop_receiver()
        self.wait(seconds)
        replica.start_receiver()

    def stalls(self, replica, seconds):
        """Both threads run and nothing is applied."""
        with replica.connect() as connection:
            connection.query('FLUSH TABLES WITH READ LOCK')
            self.wait(seconds / 2)
            connection.query('UNLOCK TABLES')

    def killed(self, replica, _):
        replica.kill()
        self.back(replica)

    def killed_for_long(self, replica, seconds):
        replica.kill()
        self.wait(seconds)
        self.back(replica)

    def stopped(self, replica, seconds):
        replica.stop()
        self.wait(seconds / 2)
        self.back(replica)

    def frozen(self, replica, seconds):
        replica.freeze()
        self.wait(seconds / 2)
        replica.thaw()

    def drained(self, replica, seconds):
        self.box.wye.admin(f'DRAIN SERVER {replica.name}')
        self.wait(seconds)
        self.box.wye.admin(f'ENABLE SERVER {replica.name}')

    def back(self, replica):
        replica.start()
        begun = time.monotonic()
        while not self.wait(0.05):  # replication starts by itself
            try:
                state = replica.replication()
                if state['io'] == state['sql'] == 'Yes':
                    return
                if 'out-of-order sequence number' in state['sql_error']:  # MariaDB: killed between a DDL's binary log and gtid_slave_pos
                    replica.sql('STOP SLAVE', 'SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos', 'START SLAVE')
            except (OSError, ServerError):
                pass
            if time.monotonic() - begun > 30:
                raise SandboxError(f'it does not replicate again: {state}')
