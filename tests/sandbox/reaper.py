"""Kills a sandbox's processes when the program that started them is gone, however it went: its end of our stdin closes."""
import signal
import sys
from pathlib import Path

from server import Process


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for record in Path(sys.argv[1]).glob('**/*.json'):
        if record.name != 'sandbox.json':
            try:
                Process(record).end(signal.SIGKILL, 10)
            except Exception as error:  # the others must die all the same
                print(f'{record}: {error}', file=sys.stderr)


main()
