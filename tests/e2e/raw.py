"""What the tests of hostile and slow clients share: raw bytes, counters, a process's memory and descriptors."""
import os
import re
import socket
import ssl
import struct
import time
import urllib.request
from pathlib import Path

from client import Connection
from sandbox import wait_until

FULL = 0xFFFFFF


def frame(payload, sequence=0):
    return len(payload).to_bytes(3, 'little') + bytes([sequence]) + payload


class Raw:
    """A socket to wye's client port that says what it is told to say."""

    def __init__(self, box, timeout=15.0, receive_buffer=None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.connect(('127.0.0.1', box.wye.port))
        self._buffer = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        """False: wye has closed the connection meanwhile."""
        try:
            self.sock.sendall(data)
            return True
        except TimeoutError:
            raise
        except OSError:  # over TLS, an error of SSL
            return False

    def packet(self):
        """(sequence, payload), or None at the end of the connection."""
        while len(self._buffer) < 4 or len(self._buffer) < 4 + int.from_bytes(self._buffer[:3], 'little'):
            try:
                more = self.sock.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                more = b''
            if not more:
                return None
            self._buffer += more
        size = int.from_bytes(self._buffer[:3], 'little')
        sequence, payload = self._buffer[3], self._buffer[4:4 + size]
        self._buffer = self._buffer[4 + size:]
        return sequence, payload

    def greeting(self):
        sequence, payload = self.packet()
        assert sequence == 0 and payload[0] == 10, payload[:20]
        return payload

    def error(self):
        """The code of the ERR packet that comes next."""
        answer = self.packet()
        assert answer is not None, 'the connection was closed without an error'
        assert answer[1][:1] == b'\xff', f'no ERR: {answer[1][:40]!r}'
        return struct.unpack_from('<H', answer[1], 1)[0]

    def ends(self):
        """Until wye closes; whatever comes before that is dropped."""
        started = time.monotonic()
        while self.packet() is not None:
            assert time.monotonic() - started < 15, 'wye goes on sending'

    def reset(self):
        """RST instead of FIN: the peer vanishes."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()


def of(connection):
    """The same of a client that has logged in (over clear TCP: tls='off' needs a known password or native accounts)."""
    raw = Raw.__new__(Raw)
    raw.sock, raw._buffer = connection._sock, b''
    return raw


def metrics(box):
    text = urllib.request.urlopen(f'http://{box.wye.metrics}/metrics', timeout=10).read().decode()
    return {name: float(value) for name, value in re.findall(r'^(\w+(?:\{[^}]*\})?) (\S+)$', text, re.M)}


def total(values, prefix):
    return sum(value for name, value in values.items() if name.startswith(prefix))


def descriptors(box):
    return len(os.listdir(f'/proc/{box.wye.pid}/fd'))


def settled_descriptors(box, deadline=10):
    """descriptors() once it has not moved for a second: what earlier clients left is gone."""
    end = time.monotonic() + deadline
    count, since = descriptors(box), time.monotonic()
    while time.monotonic() - since < 1:
        assert time.monotonic() < end, 'descriptors come and go'
        time.sleep(0.05)  # lint: poll
        if descriptors(box) != count:
            count, since = descriptors(box), time.monotonic()
    return count


def memory_kib(box, field='VmRSS'):
    """VmRSS: now; VmHWM: the most since forget_peak()."""
    return int(re.search(rf'^{field}:\s+(\d+) kB', Path(f'/proc/{box.wye.pid}/status').read_text(), re.M).group(1))


def below(mib, limit):
    """Memory that wye may use. A sanitizer's own (shadow, quarantine of freed blocks) is not wye's: there it is printed only."""
    return mib < limit or re.search(r'/(asan|tsan)/', os.environ.get('WYE_BIN', '')) is not None


def forget_peak(box):
    Path(f'/proc/{box.wye.pid}/clear_refs').write_text('5')


def served(box, seconds=10, clients=6):
    """New clients are served, by all workers: the kernel spreads connections over them."""
    def one():
        with Connection('127.0.0.1', box.wye.port, 'app', 'sandbox-app', 'shop', timeout=seconds) as connection:
            assert connection.query('SELECT 41 + 1').rows == [('42',)]
            connection.query('DO 1')
    for _ in range(clients):
        one()


def pace(seconds):
    """Time that is itself what a test is about (a slow client's pace, a load's length, proof that nothing comes); never a wait for
    something to happen."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(left)  # lint: poll


def settled(box, baseline, seconds=15):
    """Descriptors are back at their number: nothing leaks."""
    wait_until(lambda: descriptors(box) <= baseline, seconds,
               lambda: f'{descriptors(box)} descriptors, {baseline} before: '
                       + ' '.join(sorted(os.readlink(f'/proc/{box.wye.pid}/fd/{fd}') for fd in os.listdir(f'/proc/{box.wye.pid}/fd'))))
