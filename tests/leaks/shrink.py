"""Makes what went before a leak short: plays it again, each session direct on a server and through wye, and leaves out whatever is not needed for the last answer
to differ."""
import itertools
import re
import time

import wire
from answer import Answer
from client import ServerError

PASSWORD = 'leaks-secret'
_numbers = itertools.count(1)


def play(steps, port):
    """The last answer, or None: it does not get there. Names of sessions are new each time, for rows stay; ids of rows are told by their order."""
    suffix, sessions, ids, answer = f'x{next(_numbers)}', {}, [], None
    try:
        for name, text in steps:
            text = re.sub(r'\b([pq]\d+\.\d+\.\d+)\b', rf'\1{suffix}', text)
            answer = one(sessions, name, text, port)
            if answer is not None and answer.insert_id:
                ids.append(str(answer.insert_id))
    except (OSError, ServerError, KeyError, IndexError) as error:
        return f'{type(error).__name__}'
    finally:
        for session in sessions.values():
            session.close()
    if answer is None:
        return None
    text = re.sub(suffix, '', answer.brief())
    return re.sub(r"'(\d+)'", lambda found: f"'id {ids.index(found[1])}'" if found[1] in ids else found[0], text)


def one(sessions, name, text, port):
    login = re.match(r'-- logs in as (\w+), schema (\w+), flags (\w+)', text)
    if login:
        user, schema, flags = login.groups()
        sessions[name] = wire.Wire(port, user, PASSWORD, None if schema == 'None' else schema, flags=int(flags, 16), timeout=10)
        return None
    session = sessions[name]
    if text.startswith(('-- closes', '-- its socket')):
        sessions.pop(name).close()
    elif text == 'COM_RESET_CONNECTION':
        return Answer(session.simple(wire.RESET)[0])
    elif text.startswith('-- COM_CHANGE_USER'):
        words = text.split(' ')
        session.change_user(words[2], PASSWORD, words[3] if len(words) > 3 else '')
    elif text.startswith('-- COM_STMT_PREPARE'):
        session.prepare(text.removeprefix('-- COM_STMT_PREPARE '))
    elif text.startswith('-- COM_STMT_CLOSE'):
        session.command(wire.CLOSE, int(text.rpartition(' ')[2]).to_bytes(4, 'little'))
    elif text.startswith('INIT_DB '):
        return Answer(session.simple(wire.INIT_DB, text[8:].encode())[0])
    elif re.fullmatch(r'EXECUTE \d+', text):
        return Answer(session.simple(wire.EXECUTE, wire.execution(int(text[8:]), (3,)))[-1])
    elif not text.startswith(('--', 'FETCH')) and 'with long data' not in text and 'with a cursor' not in text:
        return Answer(session.simple(wire.QUERY, text.encode())[-1])
    return None


def whole(steps):
    """Without what belongs to sessions that began before the first step that is known."""
    begun = {name for name, text in steps if text.startswith('-- logs in')}
    return [step for step in steps if step[0] in begun]


def differs(steps, direct, through):
    return play(steps, direct) != play(steps, through)


def shorten(steps, direct, through, seconds):
    """(the shortest that was found, its answers direct and through wye), or None: it does not come back."""
    steps, end = whole(steps), time.monotonic() + seconds
    if not steps or not any(differs(steps, direct, through) for _ in range(3)):
        return None
    alone = [step for step in steps if step[0] == steps[-1][0]]
    if differs(alone, direct, through):
        steps = alone
    size = len(steps) // 2
    while size and time.monotonic() < end:
        at = 0
        while at < len(steps) - 1 and time.monotonic() < end:
            fewer = steps[:at] + steps[min(at + size, len(steps) - 1):]
            if differs(fewer, direct, through) or differs(fewer, direct, through):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps, play(steps, direct), play(steps, through)
