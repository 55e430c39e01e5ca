"""Looks for the faults of faults.py: how long does it take until a session shows each of them?

A difference counts if the same session, played again through the same program with the fault off, is answered as directly. Some faults need what
another session has left: those before it are played again with it."""
import itertools
import threading
import time

import both
import faults
from grammar import generate
from place import Place

SECONDS, AGAIN, BEFORE = 120, 3, 4
BEGIN, END = '<!-- faults: begin -->', '<!-- faults: end -->'


class Hunt:
    def __init__(self, flavour, seed, length):
        self.flavour, self.seed, self.length = flavour, seed, length
        self.found, self.trouble, self.sessions, self.others = None, None, itertools.count(), 0
        self._began = time.monotonic()

    def work(self, slot):
        try:
            before = []
            while self.found is None and self.seconds() < SECONDS:
                script = generate(f'{self.seed}.{next(self.sessions)}', self.flavour, slot.names, self.length)
                found = both.run(slot, script, fresh=True, way='faulty')
                if found:
                    seconds = self.seconds()
                    if self.is_the_fault(slot, found, before):
                        self.found = self.found or (seconds, found)
                    else:
                        self.others += 1
                before = [*before, script][-BEFORE:]
        except Exception as error:  # told by whoever waits for the thread
            self.trouble = error

    def seconds(self):
        return time.monotonic() - self._began

    def is_the_fault(self, slot, found, before):
        for earlier in ([], before):
            for _ in range(AGAIN):
                if self.found is not None:
                    return False
                if not self.shows(slot, found, earlier, 'faulty'):
                    continue
                return not any(self.differs(slot, found.script, earlier, 'through') for _ in range(AGAIN))
        return False

    def shows(self, slot, found, earlier, way):
        again = self.differs(slot, found.script, earlier, way)
        return again is not None and (again.at, again.word) == (found.at, found.word)

    @staticmethod
    def differs(slot, script, earlier, way):
        for one in earlier:
            both.run(slot, one, fresh=True, way=way)
        return both.run(slot, script, fresh=True, way=way)


def hunt(place, fault, options, seed):
    """Hunt, done."""
    with place.faulty(fault.name) as port:
        slots = [place.slot(number) for number in range(options.slots)]
        for slot in slots:
            slot.ports['faulty'] = port
        looking = Hunt(place.flavour, seed, options.length)
        threads = [threading.Thread(target=looking.work, args=(slot,)) for slot in slots]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for slot in slots:
            slot.close()
    if looking.trouble:
        raise looking.trouble
    return looking


def told(looking):
    return f'{looking.found[0]:.0f}' if looking.found else '**not found**'


def run(options, flavours, seed):
    """True: each was found on one flavour at least."""
    binary = faults.build()
    chosen = [fault for fault in faults.FAULTS if not options.faults or fault.name in options.faults]
    seconds, shown = {}, {}
    for flavour in flavours:
        with Place(flavour, binary, options.slots, options.consistency, options.pool, options.hand_over) as place:
            for fault in chosen:
                looking = hunt(place, fault, options, seed)
                seconds[fault.name, flavour] = told(looking)
                print(f'{flavour:8} {fault.name:26} {told(looking):>14}  ({next(looking.sessions)} sessions, {looking.others} other differences)', flush=True)
                if looking.found:
                    script, at, op = looking.found[1].script, looking.found[1].at, looking.found[1].op
                    shown.setdefault(fault.name, (looking.found[1].word, op.line()))
                    print('\n'.join(f'         {line}' for line in (f'seed {script.seed}, operation {at + 1}: {op.line()}', looking.found[1].word,
                                                                    *looking.found[1].lines)), flush=True)
    print(table(chosen, flavours, seconds, shown))
    if not options.faults and len(flavours) == 2 and options.write:
        write(table(chosen, flavours, seconds, shown))
    return all(any(seconds[fault.name, flavour] != '**not found**' for flavour in flavours) for fault in chosen)


def table(chosen, flavours, seconds, shown):
    def cell(text):
        return '`' + text.replace('|', '\\|').replace('`', '´')[:90] + '`'
    lines = [f'| fault | what is wrong | {" | ".join(flavour + ", s" for flavour in flavours)} | seen in | first at |', '| --- ' * (4 + len(flavours)) + '|']
    for fault in chosen:
        word, line = shown.get(fault.name, ('', ''))
        lines.append(f'| {fault.name} | {fault.what} | {" | ".join(seconds[fault.name, flavour] for flavour in flavours)} | {word} | {cell(line) if line else ""} |')
    return '\n'.join(lines)


def write(text):
    doc = faults.ROOT / 'docs/ORACLE.md'
    head, _, rest = doc.read_text().partition(BEGIN)
    doc.write_text(f'{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}')
