"""Looks for the faults of faults.py: how long does it take until a session shows each of them?

A difference counts if the same session, played again through the same program with the fault off, is answered as directly. Some
faults need what another session has left: those before it are played again with it."""
import itertools
import json
import threading
import time

import both
import faults
from grammar import generate
from place import Place
from tally import signature

SECONDS, BEFORE = 120, 4
AGAIN, OFTEN = 5, 3  # played so often with the fault, it shows so often at least; without the fault never
# What a connection has made of a prepared statement before: a known gap (docs/ROUTING.md), which goes by what other sessions did there.
KNOWN = 'status: execute', 'columns: execute', 'error number: execute', 'affected rows: execute'
NOTES = faults.TREE.parent / 'found.json'
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
        if signature(found).startswith(KNOWN):
            return False
        without = self.differs(slot, found.script, [], 'through')  # most of what is not the fault ends here
        for earlier in ([], before):
            for _ in range(AGAIN):
                if without and without.at <= found.at:
                    return False
                if self.found is not None:
                    return False
                without = self.differs(slot, found.script, earlier, 'through')
            if sum(self.shows(slot, found, earlier, 'faulty') for _ in range(AGAIN)) >= OFTEN:
                return True
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


def run(options, flavours, seed):
    """True: each was found on one flavour at least."""
    binary = faults.build()
    known = {fault.name: fault for fault in faults.FAULTS}
    chosen = [known[name] for name in options.faults] or faults.FAULTS
    seen = {}
    for flavour in flavours:
        with Place(flavour, binary, options.slots, options.consistency, 3 * options.slots + 1, options.hand_over) as place:
            for fault in chosen:
                looking = hunt(place, fault, options, seed)
                seen[fault.name, flavour] = note(fault, flavour, looking)
                print('\n'.join(told(fault, flavour, looking)), flush=True)
    if options.write:
        write(table(json.loads(NOTES.read_text())))
    return all(any(seen[fault.name, flavour] for flavour in flavours) for fault in chosen)


def told(fault, flavour, looking):
    yield (f'{flavour:8} {fault.name:26} ' + (f'{looking.found[0]:.0f} s' if looking.found else 'NOT FOUND') +
           f', {next(looking.sessions)} sessions, {looking.others} other differences')
    if looking.found:
        found = looking.found[1]
        yield f'         seed {found.script.seed}, operation {found.at + 1}: {found.op.line()}'
        yield from (f'         {line[:300]}' for line in (found.word, *found.lines))


@faults.alone()
def note(fault, flavour, looking):
    """For the table: the last result of each fault and flavour."""
    notes = json.loads(NOTES.read_text()) if NOTES.exists() else {}
    found = looking.found
    notes[f'{fault.name} {flavour}'] = {'seconds': found and round(found[0], 1), 'sessions': next(looking.sessions),
                                        'word': found and found[1].word, 'at': found and found[1].op.line()}
    NOTES.write_text(json.dumps(notes, indent=1))
    return found is not None


def table(notes):
    def cell(one):
        return '-' if one is None else f"{one['seconds']:.0f}" if one['seconds'] is not None else '**not found**'

    def shown(one):
        line = one['at'].replace('|', '\\|').replace('`', '´').replace('\n', ' ')
        return f"{one['word']} of `{line if len(line) < 90 else line[:87] + '...'}`"
    lines = [f'| fault | what is wrong | {", s | ".join(faults.BOTH)}, s | seen first |', '| --- ' * 5 + '|']
    for fault in faults.FAULTS:
        ones = [notes.get(f'{fault.name} {flavour}') for flavour in faults.BOTH]
        first = next((one for one in ones if one and one['seconds'] is not None), None)
        lines.append(f'| {fault.name} | {fault.what} | {" | ".join(map(cell, ones))} | {shown(first) if first else ""} |')
    return '\n'.join(lines)


def write(text):
    doc = faults.ROOT / 'docs/ORACLE.md'
    head, _, rest = doc.read_text().partition(BEGIN)
    doc.write_text(f'{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}')
