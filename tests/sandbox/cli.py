"""Commands of `tests/sandbox/sandbox`."""
import argparse
import os
import shlex
import signal
import sys
import threading
import time
from pathlib import Path

import flavours
from client import ServerError
from sandbox import MARK, REPOSITORY, Sandbox, SandboxError


def say(text):
    print(f'sandbox: {text}', file=sys.stderr, flush=True)


def parser():
    top = argparse.ArgumentParser(prog='sandbox', description='Real servers with replication, and wye in front.')
    top.add_argument('--dir', default=str(REPOSITORY / 'build/sandbox'), help='folder of the sandbox (build/sandbox)')
    commands = top.add_subparsers(dest='command', required=True)
    for name, text in (('start', 'start and return'), ('up', 'start, show a live status, stop at Ctrl-C')):
        command = commands.add_parser(name, help=text)
        command.add_argument('--flavour', default='mysql', choices=flavours.NAMES)
        command.add_argument('--replicas', type=int, default=2)
        command.add_argument('--wye', help='path of the wye binary; without it: servers only')
        command.add_argument('--wye-port', type=int, help='port of wye (default: a free one)')
        command.add_argument('--no-semi-sync', action='store_true')
        command.add_argument('--managed', action='store_true', help='begin with empty servers, of which wye makes the cluster')
        command.add_argument('--links', action='store_true', help='let servers be cut off')
        command.add_argument('--pool-mb', type=int, default=64, help="each server's buffer pool")
    for name, text in (('stop', 'end all of it; the data is thrown away'), ('status', 'one line a server'),
                       ('env', 'the variables for scripts')):
        commands.add_parser(name, help=text)
    command = commands.add_parser('install', help='only fetch the MySQL server')
    command.add_argument('--flavour', default='mysql', choices=flavours.NAMES)
    for name, text in (('kill', 'kill -9'), ('shutdown', 'clean shutdown'), ('boot', 'start again'),
                       ('restart', 'clean shutdown and start'), ('freeze', 'SIGSTOP'), ('thaw', 'SIGCONT'),
                       ('stop-applier', 'stop the SQL thread'), ('start-applier', ''), ('stop-receiver', 'stop the IO thread'),
                       ('start-receiver', '')):
        commands.add_parser(name, help=text).add_argument('server')
    for name, argument, text in (('lag', 'seconds', 'apply so many seconds late; 0 ends it'), ('log', 'switch', 'general log: on | off'),
                                 ('sql', 'statement', 'run a statement as root')):
        command = commands.add_parser(name, help=text)
        command.add_argument('server')
        command.add_argument(argument)
    command = commands.add_parser('cut', help='cut a server off (needs --links at the start)')
    command.add_argument('server')
    command.add_argument('other', nargs='?', default='*', help="from whom: another server, 'clients'; default: from all")
    command.add_argument('--reset', action='store_true', help='reset the connections instead of silence')
    commands.add_parser('heal', help='end all cuts')
    return top


def describe(server):
    """(text, healthy) of one server, for the status line."""
    if server.pid is None:
        return f'{server.name} down', False
    try:
        status = server.replication()
        role = 'primary' if server.is_writable() else 'replica'
    except (OSError, ServerError) as error:
        return f'{server.name} no answer ({type(error).__name__})', False
    if role == 'primary':
        return f'{server.name} primary', True
    if not status or status['io'] != 'Yes' or status['sql'] != 'Yes':
        return f'{server.name} replica not replicating', False
    return f"{server.name} replica {status['lag'] or '?'} s behind", True


def status_texts(box):
    texts = [describe(server)[0] for server in box.servers]
    if box.wye:
        texts.append(f'wye {"up" if box.wye.pid else "down"}')
    return texts


def short(path):
    return min(path, os.path.relpath(path), key=len)


def print_endpoint(box):
    env = box.env()
    print()
    if box.wye:
        print(f"endpoint    {env['WYE_HOST']}:{env['WYE_PORT']}   user {env['WYE_USER']}   password {env['WYE_PASSWORD']}   "
              f"schema {env['WYE_DATABASE']}")
        print(f"page        http://{env['WYE_METRICS']}/   metrics http://{env['WYE_METRICS']}/metrics")
        print(f"admin       {shlex.quote(short(env['WYE_BIN']))} admin -S {shlex.quote(short(env['WYE_ADMIN_SOCKET']))}")
    print(f"servers     {env['SERVERS']} ({box.flavour.name} {box.flavour.version})   user {env['ROOT_USER']}   "
          f"password {env['ROOT_PASSWORD']}")
    print(f"variables   {short(f'{box.folder}/env')}")
    port = env.get('WYE_PORT', str(box.primary.port))
    ready = f"{shlex.quote(short(env['CLIENT']))} -h 127.0.0.1 -P {port} -u {env['WYE_USER']} -p{env['WYE_PASSWORD']} {env['WYE_DATABASE']}"
    print(f'try         {ready}')
    print(flush=True)


def watch(box, stopping):
    """A live line on a terminal, else one line per change."""
    tty, last = sys.stdout.isatty(), None
    started = time.monotonic()
    while not stopping.is_set():
        texts = status_texts(box)
        if tty:
            seconds = int(time.monotonic() - started)
            brief = ' | '.join(texts).replace(' s behind', ' s')
            line = f'{seconds // 60}:{seconds % 60:02d}  {brief}   (Ctrl-C stops)'
            print('\r\x1b[K' + line[:os.get_terminal_size().columns - 1], end='', flush=True)
        else:
            line = ' | '.join(t.partition(' s behind')[0].rstrip('0123456789?') for t in texts)
            if line != last:
                print(' | '.join(texts), flush=True)
            last = line
        stopping.wait(1.0)
    print()


def make(options, detached):
    return Sandbox(options.flavour, options.replicas, options.wye, options.dir, wye_port=options.wye_port,
                   semi_sync=not options.no_semi_sync, pool_mb=options.pool_mb, links=options.links, managed=options.managed, detached=detached, say=say)


def start(options):
    box = make(options, detached=True)
    started = time.monotonic()
    box.start()
    say(f'ready after {time.monotonic() - started:.1f} s')
    print_endpoint(box)


def up(options):
    stopping, started = threading.Event(), threading.Event()

    def asked(*_):
        stopping.set()
        if not started.is_set():
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, asked)
    box = make(options, detached=False)
    box.start()
    started.set()
    try:
        print_endpoint(box)
        watch(box, stopping)
        say('stopping')
    finally:
        box.stop()


def network(box, options):
    if not box.links:
        raise SandboxError('this sandbox was started without --links')
    if options.command == 'cut':
        box.links.cut(options.server, options.other, options.reset)
    else:
        box.links.heal()


def act(box, options):
    server, command = box.server(options.server), options.command
    if command == 'sql':
        for row in server.sql(options.statement):
            print('\t'.join('NULL' if value is None else value for value in row))
    elif command == 'lag':
        server.lag(float(options.seconds))
    elif command == 'log':
        server.general_log(options.switch == 'on')
        print(server.general_log_file)
    else:
        {'kill': server.kill, 'shutdown': server.stop, 'boot': server.start, 'restart': server.restart, 'freeze': server.freeze,
         'thaw': server.thaw, 'stop-applier': server.stop_applier, 'start-applier': server.start_applier,
         'stop-receiver': server.stop_receiver, 'start-receiver': server.start_receiver}[command]()


def run(options):
    if options.command == 'install':
        found = flavours.flavour(options.flavour, say).binaries
        say(f'{options.flavour} {found.version} from {found.origin}')
    elif options.command == 'start':
        start(options)
    elif options.command == 'up':
        up(options)
    elif options.command == 'stop' and not (Path(options.dir) / MARK).exists():
        say(f'nothing runs in {options.dir}')
    else:
        box = Sandbox.open(options.dir, say)
        if options.command == 'stop':
            box.stop()
        elif options.command == 'status':
            print('\n'.join(status_texts(box)))
        elif options.command in ('cut', 'heal'):
            network(box, options)
        elif options.command == 'env':
            print((box.folder / 'env').read_text(), end='')
        else:
            act(box, options)


def main(argv):
    options = parser().parse_args(argv)
    try:
        run(options)
    except (SandboxError, ServerError, OSError) as error:
        say(f'error: {error}')
        return 1
    except KeyboardInterrupt:
        say('stopped')
        return 130
    return 0
