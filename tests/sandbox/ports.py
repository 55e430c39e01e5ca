"""Free ports for sandboxes side by side: a counter that all of them share walks through a range below the kernel's own
(ephemeral) one, so a server that is down for a while finds its port free again."""
import fcntl
import os
import random
import socket

from mysqlroot import SandboxError, cache_folder

FIRST, LAST = 21000, 31999


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True


def take(count):
    with open(cache_folder() / f'port.{os.getuid()}', 'a+') as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        counter.seek(0)
        port = int(counter.read() or random.randrange(FIRST, LAST))  # other users have counters of their own
        found = []
        for _ in range(LAST - FIRST):
            port = port + 1 if FIRST <= port < LAST else FIRST
            if is_free(port):
                found.append(port)
                if len(found) == count:
                    break
        else:
            raise SandboxError(f'fewer than {count} free ports between {FIRST} and {LAST}')
        counter.seek(0)
        counter.truncate()
        counter.write(str(port))
    return found
