"""Steps around logins that a table of accounts can't say: each returns '' if through wye is the same as direct, else what differs."""
import contextlib
import re
from pathlib import Path

import flavours
import ports
from accounts_cases import STRANGE, quoted
from login_client import CAN_HANDLE_EXPIRED_PASSWORDS, CLEAR, NATIVE, SHA2, SHA256, LoginClient, Unable, outcome
from sandbox import ServerError, wait_until
from wyeprocess import WyeProcess

TLS = {}


def both(box, call):
    """'' if `call(port)` gives the same direct and through wye."""
    direct, through = call(box.primary.port), call(box.wye.port)
    return direct != through and f'direct {direct!r}, through wye {through!r}'


def create(box, name, password, plugin=None):
    if box.flavour.name == 'mariadb':
        how = f'IDENTIFIED VIA {plugin or "mysql_native_password"} USING PASSWORD({quoted(password)})'
    else:
        how = f'IDENTIFIED {"WITH " + plugin if plugin else ""} BY {quoted(password)}'
    return f"CREATE USER '{name}'@'%' {how}"


def made(box, name, password, plugin=None):
    """An account of the flavour's default plugin; SELECT on shop."""
    box.primary.sql(create(box, name, password, plugin), f"GRANT SELECT ON shop.* TO '{name}'@'%'")


def set_password(box, name, password):
    if box.flavour.name == 'mysql56':
        return box.primary.sql(f"SET PASSWORD FOR '{name}'@'%' = PASSWORD({quoted(password)})")
    return box.primary.sql(f"ALTER USER '{name}'@'%' IDENTIFIED BY {quoted(password)}")


def log_in(box, user, password, **options):
    return outcome(box.wye.port, user, password, **TLS, **options)


def changed_password(box):
    """a changed password: the new one at once, the old one refused at once, also while sessions of the old one are open"""
    made(box, 'changing', 'word0')
    # With the pool.idle that is everybody's: a session of the old password needs the connection that there is.
    with another_wye(box, 'changing', {}) as wye, LoginClient(wye.port, 'changing', 'word0', **TLS) as still_open:
        for i in range(3):
            set_password(box, 'changing', f'word{i + 1}')
            refused, taken = outcome(wye.port, 'changing', f'word{i}', **TLS), outcome(wye.port, 'changing', f'word{i + 1}', **TLS)
            direct = outcome(box.primary.port, 'changing', f'word{i}', **TLS)
            if refused != direct or taken[0] != 'in':
                return f'change {i}: the old one {refused!r} (direct {direct!r}), the new one {taken!r}'
        if still_open.query('SELECT 1').rows != [('1',)]:
            return 'the open session ended'


def dropped_and_locked(box):
    """an account that is locked, unlocked, dropped while it is in use"""
    made(box, 'leaving', 'right')
    steps = ["DROP USER 'leaving'@'%'"]
    if box.flavour.name != 'mysql56':
        steps = ["ALTER USER 'leaving'@'%' ACCOUNT LOCK", "ALTER USER 'leaving'@'%' ACCOUNT UNLOCK", *steps]
    with LoginClient(box.wye.port, 'leaving', 'right', **TLS):
        for step in steps:
            box.primary.sql(step)
            trouble = both(box, lambda port: outcome(port, 'leaving', 'right', **TLS))
            if trouble:
                return f'after {step}: {trouble}'


def old_password_discarded(box):
    """two passwords (RETAIN CURRENT PASSWORD): both, until DISCARD OLD PASSWORD"""
    for plugin in (SHA2, SHA256):
        user = f'two_{plugin[:6]}'
        made(box, user, 'old', plugin)
        box.primary.sql(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'new' RETAIN CURRENT PASSWORD")
        for password in ('old', 'new'):
            if log_in(box, user, password)[0] != 'in':
                return f'{plugin}: {password} is refused: {log_in(box, user, password)}'
        with LoginClient(box.wye.port, user, 'old', **TLS):
            box.primary.sql(f"ALTER USER '{user}'@'%' DISCARD OLD PASSWORD")
            if log_in(box, user, 'old')[0] != 1045 or log_in(box, user, 'new')[0] != 'in':
                return f"{plugin}: after DISCARD OLD PASSWORD: {log_in(box, user, 'old')}, {log_in(box, user, 'new')}"


def lost_rights(box):
    """rights taken away: on a schema from the next USE on, by DROP USER and CREATE USER from the next login on, on replicas' pooled connections too"""
    def reads(client, statement='SELECT COUNT(*) FROM t'):
        try:
            return client.query(statement).rows
        except ServerError as error:
            return error.code

    def replica(client):
        return client.query('EXPLAIN ROUTE SELECT COUNT(*) FROM t').dicts()[0]['route'] == 'replica'

    made(box, 'losing', 'right')
    revoke, grant = (f"{what} 'losing'@'%'" for what in ('REVOKE SELECT ON shop.* FROM', 'GRANT SELECT ON shop.* TO'))
    with box.wye.connect(user='root', password=flavours.ROOT_PASSWORD) as admin:
        box.sync()
        with LoginClient(box.wye.port, 'losing', 'right', 'shop', **TLS) as client:
            wait_until(lambda: replica(client), 20, 'no read goes to a replica')
            before = reads(client)
            for step, expected in ((revoke, 1044), (grant, before)):
                admin.query(step)
                seen = reads(client, 'USE shop'), reads(client)
                if seen[1] != expected and seen[0] != expected:
                    return f'after {step} and USE: {seen}, not {expected}'
                if expected == 1044 and seen[0] != 1044:
                    return f'USE after {step}: {seen}'
        for step in ([revoke], [grant], ["DROP USER 'losing'@'%'", create(box, 'losing', 'right'), "GRANT INSERT ON shop.* TO 'losing'@'%'"]):
            for statement in step:
                admin.query(statement)
            wait = lambda port: outcome(port, 'losing', 'right', 'shop', **TLS)
            trouble = both(box, wait)
            if trouble:
                return f'after {step[-1]}: {trouble}'
            if step == [revoke]:
                continue
            with LoginClient(box.wye.port, 'losing', 'right', 'shop', **TLS) as client:
                for _ in range(3):
                    got = reads(client)
                    if got != (before if step == [grant] else 1142):
                        return f'after {step[-1]}: {got}'
                if step == [grant]:
                    wait_until(lambda: replica(client), 20, 'no read goes to a replica')
                    reads(client)
    if before != [('2',)]:
        return f'before: {before}'


def expired(box):
    """an expired password: 1862, or the sandbox mode (1820, then ALTER USER) for clients that can"""
    made(box, 'aged', 'right')
    renew = 'SET PASSWORD = PASSWORD(\'newer\')' if box.flavour.name != 'mysql' else "ALTER USER USER() IDENTIFIED BY 'newer'"

    def one(port):
        set_password(box, 'aged', 'right')
        box.primary.sql("ALTER USER 'aged'@'%' PASSWORD EXPIRE")
        refused = outcome(port, 'aged', 'right', **TLS)
        sandboxed = outcome(port, 'aged', 'right', sql=('SELECT 1', 'SELECT COUNT(*) FROM shop.t', 'SET @a = 1', renew, 'SELECT 1'),
                            flags=CAN_HANDLE_EXPIRED_PASSWORDS, **TLS)
        return refused, sandboxed, outcome(port, 'aged', 'newer', **TLS)
    return both(box, one)


def roles(box):
    """default roles are active, on replicas too; SET ROLE"""
    made(box, 'player', 'right')
    box.primary.sql('CREATE ROLE reader', 'GRANT SELECT ON guarded.* TO reader', 'CREATE DATABASE guarded',
                    'CREATE TABLE guarded.g (a INT PRIMARY KEY)', 'INSERT INTO guarded.g VALUES (1)', "GRANT reader TO 'player'@'%'",
                    "SET DEFAULT ROLE reader FOR 'player'@'%'" if box.flavour.name == 'mariadb' else "SET DEFAULT ROLE reader TO 'player'@'%'")
    box.sync()
    asks = ('SELECT CURRENT_ROLE()', 'SELECT a FROM guarded.g', 'SET ROLE NONE', 'SELECT a FROM guarded.g', 'SET ROLE reader',
            'SELECT a FROM guarded.g', 'SELECT CURRENT_ROLE()')
    return both(box, lambda port: outcome(port, 'player', 'right', sql=asks, **TLS))


def proxy_user(box):
    """proxy users: CURRENT_USER(), USER(), @@proxy_user"""
    made(box, 'manager', 'x')
    made(box, 'worker', 'right', SHA256)
    box.primary.sql("GRANT PROXY ON 'manager'@'%' TO 'worker'@'%'")
    asks = ('SELECT CURRENT_USER(), USER(), @@proxy_user, @@external_user', 'SELECT COUNT(*) FROM shop.t')
    box.sync()
    direct = outcome(box.primary.port, 'worker', 'right', sql=asks, **TLS)
    if direct[1][0][:2] != ('manager@%', 'worker@127.0.0.1'):
        return f'direct is no proxy user: {direct!r}'
    return both(box, lambda port: outcome(port, 'worker', 'right', sql=asks, **TLS))


def limits(box):
    """MAX_USER_CONNECTIONS, MAX_CONNECTIONS_PER_HOUR, MAX_QUERIES_PER_HOUR: 1226 in the server's words"""
    for name, limit in (('few', 'MAX_USER_CONNECTIONS 1'), ('hourly', 'MAX_CONNECTIONS_PER_HOUR 2'), ('asker', 'MAX_QUERIES_PER_HOUR 20')):
        made(box, name, 'right')
        how = f"ALTER USER '{name}'@'%' WITH {limit}" if box.flavour.name != 'mysql56' else f"GRANT USAGE ON *.* TO '{name}'@'%' WITH {limit}"
        box.primary.sql(how)

    def second(port):
        with LoginClient(port, 'few', 'right', **TLS):
            return outcome(port, 'few', 'right', **TLS)

    def until_refused(port, user, sql):
        box.primary.sql('FLUSH USER_RESOURCES')
        for _ in range(4):
            said = outcome(port, user, 'right', sql=sql, **TLS)
            errors = [part for part in said[1:] if isinstance(part, tuple)] if said[0] == 'in' else [said]
            if errors:
                return errors[0]
        return 'never'
    return (both(box, second) or both(box, lambda port: until_refused(port, 'hourly', ('SELECT 1',))) or
            both(box, lambda port: until_refused(port, 'asker', ('DO 1',) * 25)))


def anonymous(box):
    """anonymous accounts: any name, with and without a password"""
    box.primary.sql("CREATE USER ''@'%' IDENTIFIED BY 'anybody'")
    try:
        return ' '.join(trouble for user, password in (('whoever', 'anybody'), ('whoever', 'wrong'), ('whoever', ''), ('', 'anybody'))
                        if (trouble := both(box, lambda port: outcome(port, user, password, **TLS))))
    finally:
        box.primary.sql("DROP USER ''@'%'")


def change_user(box):
    """COM_CHANGE_USER to each kind of account, and to a wrong password"""
    made(box, 'first', 'one')
    made(box, 'second', STRANGE)
    other = {'mysql': SHA256, 'mariadb': 'ed25519', 'mysql56': None}[box.flavour.name]
    made(box, 'third', 'three', other)

    def one(port, steps, **options):
        said = []
        try:
            with LoginClient(port, 'first', 'one', **TLS, **options) as client:
                for user, password, database in steps:
                    client.change_user(user, password, database)
                    said.append(client.query('SELECT CURRENT_USER(), DATABASE()').rows)
        except (ServerError, Unable) as error:
            said.append(getattr(error, 'code', 'client'))
        return said
    good = [('second', STRANGE, ''), ('third', 'three', 'shop'), ('first', 'one', ''), ('third', 'three', '')]
    for steps in (good, [('third', 'wrong', '')], [('nobody', 'x', '')], [('second', STRANGE, 'nowhere')]):
        trouble = both(box, lambda port: one(port, steps))
        if trouble:
            return f'{steps}: {trouble}'
    with LoginClient(box.wye.port, 'first', 'one', **TLS) as client:  # many clients take one switch of plugins only
        client.change_user('third', 'three')
        if client.switches != 1:
            return f'{client.switches} switches'


def init_connect(box):
    """init_connect runs on each connection to a server"""
    for server in box.servers:
        server.sql("SET GLOBAL init_connect = 'SET @greeted = 7'")
    try:
        made(box, 'greeted', 'right')
        box.sync()
        return both(box, lambda port: outcome(port, 'greeted', 'right', sql=('SELECT @greeted', 'SELECT @greeted, COUNT(*) FROM shop.t'), **TLS))
    finally:
        for server in box.servers:
            server.sql("SET GLOBAL init_connect = ''")


def clear_text_plugin(box):
    """mysql_clear_password: taken over TLS only"""
    made(box, 'clearly', 'right')
    if log_in(box, 'clearly', 'right', plugin=CLEAR)[0] != 'in':
        return f"over TLS: {log_in(box, 'clearly', 'right', plugin=CLEAR)}"
    raw = outcome(box.wye.port, 'clearly', 'right', plugin=CLEAR, tls=False, plugins=(CLEAR,))
    return raw[0] != 'client' and f'without TLS: {raw}'


def memory_of(pid):
    """All that the process could read of itself."""
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb') as memory:
        for line in maps:
            where, access = line.split()[:2]
            if 'r' not in access or '[v' in line:
                continue
            start, end = (int(part, 16) for part in where.split('-'))
            if end - start > 1 << 30:
                continue  # a sanitizer's shadow
            try:
                memory.seek(start)
                yield memory.read(end - start)
            except OSError:
                pass  # a guard page of the locked memory


def secrets(box):
    """no password in the memory, the log, the metrics or the console once its sessions are gone"""
    words = {kind: f'memorable-{kind}-7c1e' for kind in ('right', 'wrong')}
    made(box, 'secretive', words['right'])
    for tls in ({'tls': False}, TLS):
        for _ in range(2):
            outcome(box.wye.port, 'secretive', words['right'], sql=('SELECT COUNT(*) FROM shop.t',), **tls)
        outcome(box.wye.port, 'secretive', words['wrong'], **tls)

    def found():
        return {word for chunk in memory_of(box.wye.pid) for word in words.values() if word.encode() in chunk}
    with LoginClient(box.wye.port, 'app', flavours.APP_PASSWORD, **TLS) as client:
        client.change_user('secretive', words['right'])
        client.query('SELECT 1')
        if box.flavour.name == 'mysql' and found() != {words['right']}:  # native accounts never show it to wye
            return f'while its session lasts: {found()}'
    # Pooled connections of the account keep it; they are closed after pool.idle (1 s here).
    wait_until(lambda: all(row['user'] != 'secretive' for row in box.wye.admin('SHOW POOLS')), 30, 'the pool keeps connections')
    wait_until(lambda: all(row['user'] != 'secretive' for row in box.wye.admin('SHOW SESSIONS')), 30, 'sessions stay')
    for word in words.values():
        if word in Path(box.wye.log).read_text():
            return f'{word} is in the log'
    return found() and f'in memory: {found()}'


@contextlib.contextmanager
def another_wye(box, name, extra):
    port, metrics = ports.take(2)
    wye = WyeProcess(box.folder / name, box.wye.binary, port, metrics)
    wye.create(box.servers, extra)
    wye.start()
    try:
        yield wye
    finally:
        wye.stop()


def listed(box):
    """accounts.source: file: the listed ones with their passwords and nobody else"""
    made(box, 'listed', STRANGE)
    made(box, 'unlisted', 'right')
    made(box, 'stale', 'newer')
    strange = box.folder / 'listed.password'
    strange.touch(mode=0o600)
    strange.write_text(STRANGE + '\n', 'utf-8')
    users = [{'name': 'app', 'password': flavours.APP_PASSWORD}, {'name': 'listed', 'password_file': str(strange)},
             {'name': 'stale', 'password': 'older'}]
    with another_wye(box, 'file', {'accounts': {'source': 'file', 'users': users}, 'workers': 1}) as wye:
        for options in ({'tls': True}, {'tls': False}, {'tls': True, 'plugin': NATIVE}, {'tls': False, 'plugin': SHA256}, {'tls': True, 'plugin': CLEAR}):
            said = outcome(wye.port, 'listed', STRANGE, **options)
            if said[0] != 'in':
                return f'{options}: {said}'
            for user, password in (('listed', 'wrong'), ('listed', ''), ('unlisted', 'right'), ('nobody_here', 'x')):
                said = outcome(wye.port, user, password, **options)
                words = f"Access denied for user '{user}'@'127.0.0.1' (using password: {'YES' if password else 'NO'})"
                if said != (1045, '28000', words):
                    return f'{options}, {user} with {password!r}: {said}'
        for password in ('older', 'newer'):
            if outcome(wye.port, 'stale', password)[0] != 1045:
                return f'a password that only one side has: {outcome(wye.port, "stale", password)}'
        with LoginClient(wye.port, 'app', flavours.APP_PASSWORD) as client:
            client.change_user('listed', STRANGE)
            if client.query('SELECT CURRENT_USER()').rows != [('listed@%',)]:
                return 'change of user'


def full_pool(box):
    """a full pool (pool.max_per_server): the login waits, then 1040 that names the setting; it goes on when there is room"""
    with another_wye(box, 'full', {'pool': {'max_per_server': 1}, 'workers': 1, 'sessions': {'login_timeout': '3s'}}) as wye:
        # Over TLS and by a password that needs no look-up, so that the login's own connection is the one that is missing.
        with LoginClient(wye.port, 'app', flavours.APP_PASSWORD, plugin=SHA2) as holder:
            if box.flavour.name != 'mysql56':  # where connections can be handed over, an idle session gives its own up
                said = outcome(wye.port, 'app', flavours.APP_PASSWORD, plugin=SHA2)
                if said[0] != 'in':
                    return f'beside an idle session: {said}'
            holder.query('BEGIN')
            said = outcome(wye.port, 'app', flavours.APP_PASSWORD, plugin=SHA2)
        if said[0] != 1040 or said[1] != '08004' or 'pool.max_per_server' not in said[2]:
            return f'while it is full: {said}'
        said = outcome(wye.port, 'app', flavours.APP_PASSWORD, plugin=SHA2)
        return said[0] != 'in' and f'when there is room: {said}'


def socket_of_the_server(box):
    """a server behind a Unix socket does not let clients in because it trusts wye's own operating-system user"""
    with open('/proc/self/status') as status:
        uid = int(re.search(r'^Uid:\s+(\d+)', status.read(), re.M)[1])
    if uid != 0:
        return ''
    plugin = {'mysql': 'auth_socket', 'mariadb': 'unix_socket'}[box.flavour.name]
    box.primary.sql(f"CREATE USER 'trusted'@'localhost' IDENTIFIED {'VIA' if plugin == 'unix_socket' else 'WITH'} {plugin} "
                    f"{'USING' if plugin == 'unix_socket' else 'AS'} 'root'")
    addresses = [{'name': box.primary.name, 'address': f'unix:{box.primary.datadir}/mysql.sock'}]
    with another_wye(box, 'socket', {'servers': addresses, 'workers': 1}) as wye:
        said = outcome(wye.port, 'trusted', 'anything')
        rooted = outcome(wye.port, 'root', flavours.ROOT_PASSWORD)
        app = outcome(wye.port, 'app', flavours.APP_PASSWORD)
    if said[0] not in (1698, 1045) or rooted[0] not in (1698, 1045) or app[0] != 'in':
        return f'{said}, {rooted}, {app}'


SCENARIOS = {
    'mysql': [changed_password, dropped_and_locked, lost_rights, old_password_discarded, expired, roles, proxy_user, limits, anonymous, change_user,
              init_connect, clear_text_plugin, listed, full_pool, socket_of_the_server, secrets],
    'mariadb': [changed_password, dropped_and_locked, lost_rights, expired, roles, limits, anonymous, change_user, init_connect, clear_text_plugin, listed,
                full_pool, socket_of_the_server, secrets],
    'mysql56': [changed_password, dropped_and_locked, lost_rights, expired, limits, anonymous, change_user, init_connect, listed, full_pool, secrets],
}


def run(box, tally):
    """What was compared, in words."""
    TLS.clear()
    TLS.update(tls=box.flavour.name != 'mysql56')
    box.primary.sql('CREATE TABLE shop.t (a INT PRIMARY KEY)', 'INSERT INTO shop.t VALUES (1), (2)')
    box.sync()
    for scenario in SCENARIOS[box.flavour.name]:
        tally.call(scenario, box)
    return [scenario.__doc__ for scenario in SCENARIOS[box.flavour.name]]
