"""Optional links (`links=True`): every server is reached by others through a port that can be cut off, so a network cut needs
neither root nor a firewall. Clients, wye and the other servers' replication all go through it; only the sandbox itself does not.

One process serves all links of a sandbox. It knows which server a connection comes from by /proc (whose socket it is), so
`cut('db1')` stops what goes into db1 and what db1 sends to others.

A cut is silent: no byte moves, connections stay open, a new one is accepted (by this machine's kernel: the one difference from a
real cut, where connecting hangs) and hears nothing; after `heal` everything flows on. With `reset`, connections are reset instead.
"""
import asyncio
import json
import os
import socket
import sys
from pathlib import Path

from server import Process, SandboxError, wait_until

CLIENTS = 'clients'  # everything that is no server of the sandbox


class Links:
    """The sandbox's side."""

    def __init__(self, folder, servers, control_port):
        self.folder, self.servers, self.control_port = Path(folder), servers, control_port
        self.process = Process(self.folder / 'links.json')

    def start(self):
        plan = {'control': self.control_port, 'servers': {s.name: [s.public_port, s.port, str(s.process.record)] for s in self.servers}}
        argv = [sys.executable, str(Path(__file__)), json.dumps(plan)]
        self.process.spawn(argv, self.folder / 'links.log')
        wait_until(self._answers, 20, 'the links do not start: see links.log')

    def _answers(self):
        try:
            return self._ask('ping')
        except OSError:
            return False

    def _ask(self, *words):
        with socket.create_connection(('127.0.0.1', self.control_port), timeout=10) as connection:
            connection.sendall((json.dumps(words) + '\n').encode())
            answer = connection.makefile().readline()
        if answer != 'ok\n':
            raise SandboxError(f'links: {answer.strip() or "no answer"}')
        return True

    def cut(self, name, other='*', reset=False):
        """Nothing moves any more between the server and `other`: '*' (all), 'clients', or a server's name."""
        self._ask('cut', name, other, reset)

    def heal(self, name='*', other='*'):
        self._ask('heal', name, other)


class Switchboard:
    """The process's side: who is cut from whom, and the connections."""

    def __init__(self, servers):
        self.servers = servers
        self.cuts = set()          # frozenset of two names
        self.changed = asyncio.Condition()
        self.connections = set()   # (frozenset of two names, writers)

    def names(self, one, other):
        every = [*self.servers, CLIENTS]
        firsts = self.servers if one == '*' else [one]
        seconds = every if other == '*' else [other]
        for name in (*firsts, *seconds):
            if name not in every:
                raise ValueError(f'no server {name}')
        return {frozenset((a, b)) for a in firsts for b in seconds if a != b}

    async def command(self, words):
        if words[0] == 'cut':
            pairs = self.names(words[1], words[2])
            self.cuts |= pairs
            for pair, writers in list(self.connections):
                if words[3] and pair in pairs:
                    for writer in writers:
                        writer.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
                        writer.transport.abort()
        elif words[0] == 'heal':
            self.cuts -= self.names(words[1], words[2])
        async with self.changed:
            self.changed.notify_all()

    async def control(self, reader, writer):
        try:
            await self.command(json.loads(await reader.readline()))
            writer.write(b'ok\n')
        except (ValueError, IndexError) as error:
            writer.write(f'{error}\n'.encode())
        await writer.drain()
        writer.close()

    async def passable(self, pair):
        if pair in self.cuts:
            async with self.changed:
                await self.changed.wait_for(lambda: pair not in self.cuts)

    def owner(self, port, remote):
        """Which server's socket connects from `port` to `remote`; the clients', if none's."""
        ends = [f'0100007F:{port:04X}', f'0100007F:{remote:04X}']  # a port alone may name several sockets
        for _ in range(10):  # where connections come and go, a reading of the table can miss one that is there
            rows = (line.split() for line in Path('/proc/net/tcp').read_text().splitlines()[1:])
            wanted = next((f'socket:[{row[9]}]' for row in rows if row[1:3] == ends), None)
            if wanted:
                break
        for name, (_, _, record) in self.servers.items():
            pid = Process(record).pid
            if pid and wanted in sockets(pid):
                return name
        return CLIENTS

    async def serve(self, name, port, reader, writer):
        pair = frozenset((name, self.owner(writer.get_extra_info('peername')[1], self.servers[name][0])))
        entry = None
        try:
            await self.passable(pair)
            back_reader, back_writer = await asyncio.open_connection('127.0.0.1', port)
            entry = (pair, (writer, back_writer))
            self.connections.add(entry)
            await asyncio.gather(self.pump(pair, reader, back_writer), self.pump(pair, back_reader, writer))
        except OSError:
            writer.transport.abort()  # the server is down
        finally:
            self.connections.discard(entry)
            for each in entry[1] if entry else (writer,):
                each.close()

    async def pump(self, pair, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.passable(pair)
                writer.write(data)
                await writer.drain()
            await self.passable(pair)
            writer.write_eof()
        except OSError:
            writer.transport.abort()


def sockets(pid):
    try:
        return {os.readlink(entry.path) for entry in os.scandir(f'/proc/{pid}/fd')}
    except OSError:
        return set()


async def main(plan):
    board = Switchboard(plan['servers'])
    for name, (public, port, _) in plan['servers'].items():
        await asyncio.start_server(lambda r, w, name=name, port=port: board.serve(name, port, r, w), '127.0.0.1', public)
    control = await asyncio.start_server(board.control, '127.0.0.1', plan['control'])
    await control.serve_forever()


if __name__ == '__main__':
    asyncio.run(main(json.loads(sys.argv[1])))
