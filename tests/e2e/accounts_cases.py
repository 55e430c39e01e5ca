"""The accounts of accounts_test.py, by flavour: how each is made, and who tries to log in to it."""
from dataclasses import dataclass, field


@dataclass
class Case:
    name: str
    user: str
    password: str
    make: list = field(default_factory=list)  # statements, before anybody logs in
    database: str = None


STRANGE = 'gr\u00fc\u00df \\ \' " \U0001f511'


def quoted(text):
    return "'" + text.replace('\\', '\\\\').replace("'", "\\'") + "'"


def user(name, how, host='%', more=''):
    return [f"CREATE USER '{name}'@'{host}' {how}{more}", f"GRANT SELECT ON shop.* TO '{name}'@'{host}'"]


def general(by):
    """Accounts that every flavour has. `by(password)`: the IDENTIFIED clause of its default plugin."""
    return [
        Case('right password', 'plain', 'right', user('plain', by('right')), 'shop'),
        Case('right password, again', 'plain', 'right'),
        Case('wrong password', 'plain', 'wrong'),
        Case('no password given', 'plain', ''),
        Case('unknown schema', 'plain', 'right', [], 'nowhere'),
        Case('schema without privileges', 'plain', 'right', [], 'mysql'),
        Case('unknown user', 'nobody_here', 'right'),
        Case('unknown user, no password', 'nobody_here', ''),
        Case('empty password', 'empty', '', user('empty', '')),
        Case('empty password, one given', 'empty', 'right'),
        Case('another host', 'elsewhere', 'right', user('elsewhere', by('right'), '10.11.12.13')),
        *[Case(f'password of {n} bytes', f'long{n}', 'p' * n, user(f'long{n}', by('p' * n))) for n in (1, 20, 32, 200, 255)],
        Case('wrong password of 4096 bytes', 'plain', 'p' * 4096),
        Case('password of many scripts', 'strange', STRANGE, user('strange', by(STRANGE))),
        Case('several hosts, several passwords: the nearer host', 'multi', 'near',
             [*user('multi', by('near'), '127.0.0.1'), *user('multi', by('far'), '%')]),
        Case('several hosts: the password of the other one', 'multi', 'far'),
        Case('REQUIRE SSL', 'wants_tls', 'right', user('wants_tls', *require(by, 'SSL'))),
        Case('REQUIRE X509', 'wants_cert', 'right', user('wants_cert', *require(by, 'X509'))),
    ]


def require(by, what):
    return by('right'), '%', f' REQUIRE {what}'


def mysql():
    def by(password, plugin='caching_sha2_password'):
        return f'IDENTIFIED WITH {plugin} BY {quoted(password)}'
    cases = [
        *general(by),
        Case('sha256_password', 'sha256', 'right', user('sha256', by('right', 'sha256_password'))),
        Case('sha256_password, wrong', 'sha256', 'wrong'),
        Case('several hosts, several plugins', 'mixed', 'near',
             [*user('mixed', by('near', 'sha256_password'), '127.0.0.1'), *user('mixed', by('far'), '%')]),
        Case('locked', 'locked', 'right', user('locked', by('right'), '%', ' ACCOUNT LOCK')),
        Case('locked, wrong password', 'locked', 'wrong'),
        Case('expired, client without the sandbox mode', 'expired', 'right', user('expired', by('right'), '%', ' PASSWORD EXPIRE')),
        Case('two passwords: the new one', 'two', 'new', [*user('two', by('old')),
                                                          "ALTER USER 'two'@'%' IDENTIFIED BY 'new' RETAIN CURRENT PASSWORD"]),
        Case('two passwords: the old one', 'two', 'old'),
        Case('two passwords: neither', 'two', 'right'),
        Case('role with a password, as a login', 'role_login', 'right', ["CREATE ROLE 'role_login'@'%'"]),
        Case('auth_socket over TCP', 'by_socket', 'right', user('by_socket', 'IDENTIFIED WITH auth_socket')),
        Case('two factors, client with one', 'factors', 'right', user('factors', "IDENTIFIED BY 'right' AND IDENTIFIED WITH auth_socket")),
        Case('proxy user', 'employee', 'right', [
            *user('boss', by('boss')), *user('employee', by('right', 'sha256_password')), "GRANT PROXY ON 'boss'@'%' TO 'employee'@'%'"]),
    ]
    return cases


def mariadb():
    def by(password):
        return f'IDENTIFIED VIA mysql_native_password USING PASSWORD({quoted(password)})'

    def ed(password):
        return f'ed25519 USING PASSWORD({quoted(password)})'
    two = f"IDENTIFIED VIA {ed('signed')} OR mysql_native_password USING PASSWORD('native')"
    same = f"IDENTIFIED VIA {ed('same')} OR mysql_native_password USING PASSWORD('same')"
    cases = [
        *general(by),
        Case('password of 4096 bytes', 'long4096', 'p' * 4096, user('long4096', by('p' * 4096))),
        Case('ed25519', 'signer', 'right', user('signer', 'IDENTIFIED VIA ' + ed('right'))),
        Case('ed25519, wrong', 'signer', 'wrong'),
        Case('ed25519, no password given', 'signer', ''),
        Case('ed25519, password of 255 bytes', 'signer255', 'p' * 255, user('signer255', 'IDENTIFIED VIA ' + ed('p' * 255))),
        Case('ed25519, password of many scripts', 'signer_strange', STRANGE, user('signer_strange', 'IDENTIFIED VIA ' + ed(STRANGE))),
        Case('several plugins: native or ed25519, the native password', 'either', 'native', user('either', two)),
        Case('several plugins: native or ed25519, the ed25519 password', 'either', 'signed'),
        Case('several plugins: one password for both', 'either_same', 'same', user('either_same', same)),
        Case('several plugins: neither', 'either', 'wrong'),
        Case('several hosts, several plugins', 'mixed', 'near',
             [*user('mixed', 'IDENTIFIED VIA ' + ed('near'), '127.0.0.1'), *user('mixed', by('far'), '%')]),
        Case('locked', 'locked', 'right', user('locked', by('right'), '%', ' ACCOUNT LOCK')),
        Case('locked, wrong password', 'locked', 'wrong'),
        Case('expired, client without the sandbox mode', 'expired', 'right', user('expired', by('right'), '%', ' PASSWORD EXPIRE')),
        Case('role as a login', 'role_login', '', ['CREATE ROLE role_login']),
        Case('unix_socket over TCP', 'by_socket', 'right', user('by_socket', 'IDENTIFIED VIA unix_socket')),
    ]
    return cases


def mysql56():
    def by(password):
        return f'IDENTIFIED BY {quoted(password)}'
    made = general(by)
    for case in made:  # 5.6 has REQUIRE in GRANT only
        split = [statement.partition(' REQUIRE ') for statement in case.make]
        case.make = [create for create, _, _ in split] + [
            f"GRANT USAGE ON *.* TO '{case.user}'@'%' REQUIRE {what}" for _, _, what in split if what]
    # Its SET PASSWORD writes the binary hash as it is into a statement for the replicas, which stops them: they get the row instead.
    mine = "User = 'by_sha256'"
    sha256 = [*user('by_sha256', 'IDENTIFIED WITH sha256_password'), 'SET old_passwords = 2, sql_log_bin = 0',
              "SET PASSWORD FOR 'by_sha256'@'%' = PASSWORD('right')", f'SELECT authentication_string INTO @hash FROM mysql.user WHERE {mine}',
              f"UPDATE mysql.user SET authentication_string = '' WHERE {mine}", 'SET old_passwords = 0, sql_log_bin = 1',
              f'UPDATE mysql.user SET authentication_string = @hash WHERE {mine}', 'FLUSH PRIVILEGES']
    cases = [
        *made,
        Case('sha256_password', 'by_sha256', 'right', sha256),
        Case('sha256_password, wrong', 'by_sha256', 'wrong'),
        Case('expired, client without the sandbox mode', 'expired', 'right', [*user('expired', by('right')), "ALTER USER 'expired'@'%' PASSWORD EXPIRE"]),
    ]
    return cases


CASES = {'mysql': mysql, 'mariadb': mariadb, 'mysql56': mysql56}
