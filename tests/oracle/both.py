"""One session, direct and through wye."""
from dataclasses import dataclass


import place
from compare import explain, first_difference, told_once
from play import Player

ENDS = 'ROLLBACK', 'UNLOCK TABLES', 'HANDLER h CLOSE', 'DO RELEASE_ALL_LOCKS()'


@dataclass
class Difference:
    script: object
    at: int
    word: str      # what differs
    lines: list    # how

    @property
    def op(self):
        return self.script.ops[self.at]


def play(slot, way, script, fresh):
    """(answers, the player, still connected)"""
    slot.put_back(way, fresh)
    login = ('oracle', place.PASSWORD, slot.names[0] if script.database else None)
    player = Player(slot.ports[way], login, script, lambda text: slot.running(way, text), None if way == 'direct' else slot.settle)
    answers = player.play(script.ops)
    return answers, player


def release(player):
    """An open transaction or lock would hold up the next session in these schemas, on one server as on several."""
    try:
        player.leave()
        player.wire.simple(0x1B, b'\0\0')
        for statement in ENDS:
            player.wire.simple(3, statement.encode())
        return True
    except (OSError, ConnectionError, IndexError):
        return False


def run(slot, script, fresh=False, keep=None, way='through'):
    """A Difference, or None. `keep`: a list that takes the player of wye's side instead of its being closed. `way`: 'through', or the name of
    another wye's port in the slot."""
    direct, player = play(slot, 'direct', script, fresh)
    release(player)
    player.close()
    through, player = play(slot, way, script, fresh)
    if keep is not None and release(player):
        keep.append(player)
    else:
        release(player)
        player.close()
    schema = slot.names[0] if script.database else ''
    direct, through = told_once(direct, script, schema), told_once(through, script, schema)
    at = first_difference(direct, through, script)
    if at is None:
        return None
    if at >= min(len(direct), len(through)):
        return Difference(script, at, 'end', [f'direct: {len(direct)} answers, through wye: {len(through)}'])
    return Difference(script, at, *explain(direct[at], through[at], script))
