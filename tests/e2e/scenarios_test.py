#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb
"""Failures 43 to 50 and 52 of docs/FAILURES.md, on a cluster that wye made: what wye shows, refuses, and mends on command. Those in which
servers are filled take longer: scenarios_all_test.py."""
import sys
import time

import flavours
import provision_test as filling
from provision_test import console, refused, state
from sandbox import Sandbox, ServerError, wait_until
from scenario import play

SHOP = flavours.DATABASE


def words(box):
    return ('REPLICA', 'SOURCE') if box.flavour.name == 'mysql' else ('SLAVE', 'MASTER')


def problems(box, server, text):
    """Once SHOW PROBLEMS has a row of that server with the text. (wye is started again: it looks closer once a minute.)"""
    box.wye.stop()
    box.wye.launch()

    def found():
        try:
            return [row for row in console(box, 'SHOW PROBLEMS') if row['server'] == server.name and text in row['what']]
        except OSError:
            return []
    return wait_until(found, 30, lambda: f"no {text!r} of {server.name}: {console(box, 'SHOW PROBLEMS')}", 0.1)[0]


def is_online(box, server, seconds=60):
    wait_until(lambda: state(box, server)['state'] == 'online', seconds, lambda: f'{server.name} is not online: {state(box, server)}')


def all_online(box):
    for server in box.servers:
        is_online(box, server)


def rows_arrive(box):
    """What the primary writes is on all the others, and nobody has anything else."""
    box.primary.sql(f"INSERT INTO {SHOP}.written (what) VALUES ('seen')")
    box.sync()
    for replica in box.replicas:
        assert filling.tables(replica) == filling.tables(box.primary), f'{replica.name} differs'
        assert replica.position() == box.primary.position(), (replica.position(), box.primary.position())
        assert not replica.is_writable(), replica.name


def keep(server, lines):
    """What the rows of `note` say: MariaDB forgets at a restart what was set."""
    if server.flavour.name == 'mariadb':
        with open(server.config, 'a') as config:
            config.write(''.join(f'{line}\n' for line in ('binlog_format = ROW', 'gtid_strict_mode = ON', *lines)))


def a_filter(box):
    target = box.servers[2]
    target.stop_applier()
    if box.flavour.name == 'mysql':
        target.sql('CHANGE REPLICATION FILTER REPLICATE_IGNORE_TABLE = (shop.secret)')
    else:
        target.stop_receiver()
        target.sql("SET GLOBAL replicate_ignore_table = 'shop.secret'")
        target.start_receiver()
    target.start_applier()
    row = problems(box, target, 'a filter leaves a part out')
    for statement in ('SET UP REPLICATION', 'PROVISION db3 OVERWRITE'):
        assert 'a filter leaves a part out' in refused(box, statement), statement
    target.stop_applier()
    if box.flavour.name == 'mysql':
        target.sql('CHANGE REPLICATION FILTER REPLICATE_IGNORE_TABLE = ()')
    else:
        target.stop_receiver()
        target.sql("SET GLOBAL replicate_ignore_table = ''")
        target.start_receiver()
    target.start_applier()
    all_online(box)
    return f'A replica gets a filter. SHOW PROBLEMS: "{row["what"]}"; SET UP REPLICATION and PROVISION refuse; without it all is as before.'


def set_up_once_all_answer(box):
    """Two replicas of one server_id throw each other out all the time, and a MariaDB primary takes no connection for a second or two meanwhile."""
    def done():
        try:
            return console(box, 'SET UP REPLICATION')
        except ServerError as error:
            if 'could not be looked at' not in str(error):
                raise
            return None
    wait_until(done, 60, 'SET UP REPLICATION finds a server that does not answer, again and again', 0.2)


def the_same_server_id(box):
    target, other = box.servers[2], box.servers[1]
    own = target.value('SELECT @@GLOBAL.server_id')
    target.sql(f"SET GLOBAL server_id = {other.value('SELECT @@GLOBAL.server_id')}")
    row = problems(box, target, 'the same server_id')
    set_up_once_all_answer(box)
    assert target.value('SELECT @@GLOBAL.server_id') == own, target.value('SELECT @@GLOBAL.server_id')
    all_online(box)
    rows_arrive(box)
    return f'Two replicas get one server_id. SHOW PROBLEMS: "{row["what"]}"; SET UP REPLICATION gives it one of its own again.'


def the_same_server_uuid(box):
    if box.flavour.name != 'mysql':
        return None
    target, other = box.servers[2], box.servers[1]
    target.stop()
    own = (target.datadir / 'auto.cnf').read_text()
    (target.datadir / 'auto.cnf').write_text((other.datadir / 'auto.cnf').read_text())
    target.start()
    row = problems(box, target, 'the same server_uuid')
    for statement in ('SET UP REPLICATION', 'PROVISION db3 OVERWRITE'):
        assert 'the same server_uuid' in refused(box, statement), statement
    target.stop()
    (target.datadir / 'auto.cnf').write_text(own)
    target.start()
    console(box, 'SET UP REPLICATION')  # the source has ended the receiver of the other one for good
    all_online(box)
    rows_arrive(box)
    return f'A replica comes with a copied auto.cnf. SHOW PROBLEMS: "{row["what"]}" and what to do; SET UP REPLICATION and PROVISION refuse; with a uuid of its own SET UP REPLICATION starts the receiver of the other one that the source has thrown out.'


def the_password_is_rotated(box):
    """Running receivers don't notice; the next one that connects does."""
    follower, _ = words(box)
    target, rotated = box.servers[2], 'another-1'
    box.primary.sql(f"ALTER USER '{flavours.REPL}'@'%' IDENTIFIED BY '{rotated}'")
    box.sync()
    for replica in box.replicas:
        replica.sql(f'STOP {follower} IO_THREAD', f'START {follower} IO_THREAD')
    wait_until(lambda: '1045' in (state(box, target)['reason'] or ''), 30, lambda: f'not shown: {state(box, target)}')
    reason = state(box, target)['reason']
    text = refused(box, 'SET UP REPLICATION')
    assert '1045' in text, text
    flavours.REPL_PASSWORD = rotated
    (box.folder / 'replication.password').write_text(rotated + '\n')
    box.wye.stop()
    box.wye.start()
    tls = secured(box)
    console(box, 'SET UP REPLICATION')
    all_online(box)
    assert secured(box) == tls, (secured(box), tls)
    for log in (box.wye.log, *(box.folder / 'state').iterdir()):
        assert rotated.encode() not in log.read_bytes(), f'{log} holds the password'
    rows_arrive(box)
    return (f'The replication account gets another password; receivers connect again (one that stays connected goes on with the old one). SHOW SERVERS: "{reason.split(" (")[0]}" with 1045; SET UP REPLICATION with the old password '
            f'is undone; with the new one in the file they follow again, TLS as before ({tls[target.name]}).')


def secured(box):
    """TLS of each replica's receiver, as the server says it."""
    out = {}
    for replica in box.replicas:
        with replica.connect() as connection:
            row = connection.query(box.flavour.status).dicts()[0]
        out[replica.name] = row.get('Source_SSL_Allowed') or row.get('Master_SSL_Allowed')
    return out


def a_stale_source_on_the_primary(box):
    """A source that the primary had when it was a replica is still configured, and after a restart it tries to follow it."""
    follower, source = words(box)
    change = 'CHANGE REPLICATION SOURCE TO' if box.flavour.name == 'mysql' else 'CHANGE MASTER TO'
    box.primary.sql(f"{change} {source}_HOST = '127.0.0.1', {source}_PORT = {box.servers[1].port}, {source}_USER = 'nobody', {source}_PASSWORD = 'x'")
    keep(box.primary, ['server_id = 1'])
    box.primary.restart()
    box.wye.stop()
    box.wye.start()
    wait_until(lambda: state(box, box.primary)['role'] == 'primary', 30, lambda: f'no primary: {state(box, box.primary)}')
    with box.connect() as connection:
        connection.query("INSERT INTO written (what) VALUES ('with a stale source')")
    seen = state(box, box.primary)
    row = problems(box, box.primary, 'replicates')
    box.primary.sql(f'STOP {follower}', f'RESET {follower} ALL')
    all_online(box)
    rows_arrive(box)
    return f'The primary still has a source configured (a replica of it), and is restarted. It stays the primary ({seen["state"]}), takes writes; SHOW PROBLEMS: "{row["what"]}".'


def the_primary_dies_while_a_server_is_filled(box):
    """db3 is filled from db2; the load is held until the primary is dead."""
    target = box.servers[2]
    filling.fresh(box, target)
    with filling.held_load(box) as held:
        ended, thread = filling.begin(box, 'PROVISION db3 FROM db2 BY DUMP')
        wait_until(held.exists, 60, lambda: f'no load: {filling.operation(box)} {ended}')
        for statement in ('SET UP REPLICATION', 'PROVISION db2 OVERWRITE'):
            assert 'another operation is under way' in refused(box, statement)
        box.primary.kill()
    wait_until(lambda: any(row['result'] == 'running' and 'follow' in row['what'] for row in filling.operation(box)) or ended, 60,
               lambda: f'it does not get as far as to follow: {filling.operation(box)}')
    assert not ended, ended
    box.primary.start()
    thread.join(90)
    assert ended and not isinstance(ended[0], Exception), ended
    all_online(box)
    rows_arrive(box)
    return 'The primary dies while db3 is filled from db2; other operations are refused meanwhile. The load goes on, following waits for the primary (up to a minute, else all is undone); it comes back, all are online and equal.'


def the_donor_dies(box):
    filling.the_donor_dies(box)
    return 'The donor dies while its dump is loaded: undone (db3 is empty again, reads never see it); PROVISION again takes another donor; equal.'


def begins_again(box, before, ended):
    """Once wye has seen that the donor is dead, and has undone. `before`: what its log was."""
    wait_until(lambda: 'event=donor_died' in box.wye.log.read_text()[len(before):] or ended, 60, lambda: f'not noticed: {filling.operation(box)}')
    assert not ended, ended


def follows_without(box, donor, thread, ended):
    """The copy is there, is right, and answers reads; the dead one comes back later."""
    target = box.servers[2]
    thread.join(90)
    assert ended and not isinstance(ended[0], Exception), ended
    notes = [row['what'] for row in ended[0] if row['result'] == 'note' and 'died while it was copied from' in row['what']]
    assert len(notes) == 1 and donor.name in notes[0], ended[0]
    is_online(box, target)
    target.wait_for(box.primary.position())
    assert filling.tables(target) == filling.tables(box.primary)
    keep(donor, ['read_only = ON', 'server_id = 2'])
    donor.start()
    all_online(box)
    rows_arrive(box)
    return notes[0]


def the_donor_dies_for_good(box):
    donor, target = box.servers[1:]
    before = box.wye.log.read_text()
    filling.fresh(box, target)
    with filling.held_load(box) as held:
        ended, thread = filling.begin(box, 'PROVISION db3 BY DUMP')
        wait_until(held.exists, 60, lambda: f'no load: {filling.operation(box)} {ended}')
        donor.kill()
        begins_again(box, before, ended)
    note = follows_without(box, donor, thread, ended)
    return f'The donor dies while its dump is loaded, and does not come back: all is undone, and the same command begins anew from the primary ("{note}"); reads never see it before; equal.'


def the_donor_dies_while_a_server_is_added(box):
    """ADD SERVER takes another one as well; between the two the new server is nobody's."""
    donor, target = box.servers[1:]
    before = box.wye.log.read_text()
    console(box, 'REMOVE SERVER db3')
    target.kill()
    target.create(filling.template(box.flavour, lambda text: None), box._server_values(target))
    target.start()
    with filling.held_load(box) as held:
        ended, thread = filling.begin(box, f"ADD SERVER '{target.address}' AS db3 BY DUMP")
        wait_until(held.exists, 60, lambda: f'no load: {filling.operation(box)} {ended}')
        donor.kill()
        begins_again(box, before, ended)
    follows_without(box, donor, thread, ended)
    return None


def the_donor_of_a_clone_dies_for_good(box):
    """The copy is slowed down to a MiB a second until the donor is dead."""
    if box.flavour.name != 'mysql':
        return None
    donor, target = box.servers[1:]
    before = box.wye.log.read_text()
    filling.fresh(box, target)
    target.sql("INSTALL PLUGIN clone SONAME 'mysql_clone.so'", 'SET GLOBAL clone_max_data_bandwidth = 1')
    ended, thread = filling.begin(box, 'PROVISION db3')
    copied = "SELECT COUNT(*) FROM performance_schema.clone_progress WHERE STAGE = 'FILE COPY' AND STATE = 'In Progress' AND DATA > 1000000"
    wait_until(lambda: target.value(copied) == '1' or ended, 60, lambda: f'no copy: {filling.operation(box)} {ended}', 0.05)
    donor.kill()
    begun = time.monotonic()
    begins_again(box, before, ended)
    noticed = time.monotonic() - begun
    target.sql('SET GLOBAL clone_max_data_bandwidth = 0')
    note = follows_without(box, donor, thread, ended)
    return (f'The donor of a CLONE dies and does not come back. The server would wait for it for minutes; wye ends the statement when the donor has not answered for 10 s, undoes '
            f'({noticed:.0f} s after its death), and begins anew from the primary ("{note}"); equal.')


def a_clone_does_not_restart(box):
    """Without a supervisor the server stops at the CLONE's end."""
    if box.flavour.name != 'mysql':
        return None
    target = box.servers[2]
    target.supervised = False
    filling.fresh(box, target)
    ended, thread = filling.begin(box, 'PROVISION db3')
    wait_until(lambda: target.pid is None or ended, 90, lambda: f'it does not stop: {filling.operation(box)}')
    assert not ended, ended
    target.start()
    thread.join(90)
    assert ended and not isinstance(ended[0], Exception), ended
    all_online(box)
    rows_arrive(box)
    return 'Nobody restarts the server at the end of a CLONE: wye says so and waits; started by hand, it follows at its right GTID (not before wye has told it to); equal.'


def hand_over(box, to):
    """What a person does after the primary has died: `to` becomes the primary, the third one follows it. The old one is the last."""
    follower, _ = words(box)
    old, (rest,) = box.primary, [server for server in box.replicas if server is not to]
    fence = 'SET PERSIST super_read_only = OFF', 'SET PERSIST read_only = OFF'
    to.sql(f'STOP {follower}', f'RESET {follower} ALL', *(fence if box.flavour.name == 'mysql' else ['SET GLOBAL read_only = OFF']))
    rest.sql(f'STOP {follower}')
    rest.follow(to)
    box.servers = [to, rest, old]
    box.wye.wait_ready()


def an_old_primary_comes_back_clean(box):
    old, new = box.servers[0], box.servers[1]
    old.kill()
    hand_over(box, new)
    with box.connect() as connection:
        connection.query("INSERT INTO written (what) VALUES ('after the old primary')")
    keep(old, ['read_only = ON', f'server_id = {old.server_id}'])
    old.start()
    wait_until(lambda: state(box, old)['state'] == 'broken', 30, lambda: f'it is not kept out: {state(box, old)}')
    assert state(box, new)['role'] == 'primary', state(box, new)
    reason = state(box, old)['reason']
    console(box, 'SET UP REPLICATION')
    is_online(box, old)
    all_online(box)
    rows_arrive(box)
    return f'The primary dies, a replica is promoted (by hand: not yet by wye), the old one comes back. It gets neither reads nor writes ("{reason}"); SET UP REPLICATION fences it and lets it follow, without a copy; equal.'


def an_old_primary_comes_back_with_more(box):
    """It has committed what nobody received."""
    old, new, rest = box.servers
    for replica in (new, rest):
        replica.stop_receiver()
    semi_sync = f'rpl_semi_sync_{box.flavour.source}_enabled'
    old.sql(f'SET GLOBAL {semi_sync} = OFF', f"INSERT INTO {SHOP}.written (what) VALUES ('nobody got this')")
    old.kill()
    hand_over(box, new)
    with box.connect() as connection:
        connection.query("INSERT INTO written (what) VALUES ('after that')")
    keep(old, ['read_only = ON', f'server_id = {old.server_id}'])
    old.start()
    wait_until(lambda: state(box, old)['state'] == 'broken', 30, lambda: f'it is not kept out: {state(box, old)}')
    assert state(box, new)['role'] == 'primary', state(box, new)
    text = refused(box, 'SET UP REPLICATION')
    assert f'{old.name}: it has data of its own' in text, text
    assert 'it has data' in refused(box, f'PROVISION {old.name}')
    assert old.value(f"SELECT COUNT(*) FROM {SHOP}.written WHERE what = 'nobody got this'") == '1'
    console(box, f'PROVISION {old.name} OVERWRITE')
    all_online(box)
    rows_arrive(box)
    assert old.value(f"SELECT COUNT(*) FROM {SHOP}.written WHERE what = 'nobody got this'") == '0'
    return 'The primary dies with a transaction that nobody received, and comes back. It gets neither reads nor writes; SET UP REPLICATION and PROVISION refuse; PROVISION OVERWRITE fills it anew.'


def rebuilt_with_its_old_number(box):
    """db1's own transactions are a part of what it is filled with; a donor that lacks some of them would leave a gap, for db1 takes what
    carries its own server_id for had."""
    old = box.servers[-1]
    number = old.value('SELECT @@GLOBAL.server_id')
    filling.fresh(box, old)
    console(box, f'PROVISION {old.name}')
    all_online(box)
    rows_arrive(box)
    differences = [row for row in console(box, 'VERIFY') if row['kind'] not in ('summary', 'note', 'event')]  # of events the promotion by hand has not enabled any
    assert not differences, differences
    return f'An old primary, emptied, is filled again and keeps server_id {number}: VERIFY finds no difference, also in what it wrote itself. Donors that lack some of that are not taken (unit/plan/provision_test.cc).'


def main(long_ones=False):
    with Sandbox(managed=True, wye=True, supervised=True, wye_config=lambda box: {'replication': {'tools': str(box.folder / 'tools')}}) as box:
        filling.make_data(box)
        box.sync()
        scenarios = [(52, a_filter), (45, the_same_server_id), (45, the_same_server_uuid), (50, the_password_is_rotated),
                     (49, a_stale_source_on_the_primary), (43, an_old_primary_comes_back_clean), (43, an_old_primary_comes_back_with_more)]
        if long_ones:  # a CLONE takes ten seconds, most of them the restart
            scenarios = [(48, the_primary_dies_while_a_server_is_filled), (47, the_donor_dies),
                         (47, the_donor_dies_for_good), (47, the_donor_of_a_clone_dies_for_good), (47, the_donor_dies_while_a_server_is_added),
                         (47, a_clone_does_not_restart), (43, an_old_primary_comes_back_clean), (46, rebuilt_with_its_old_number)]
        play(box, scenarios)


if __name__ == '__main__':
    sys.exit(main())
