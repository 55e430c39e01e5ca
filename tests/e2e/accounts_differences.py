"""Where a login through wye ends otherwise than direct, on purpose, and why. accounts_test.py fails for any other difference, and for one
of these that is gone."""
from dataclasses import dataclass


@dataclass
class Difference:
    case: str
    columns: tuple
    reason: str


RSA = 'without TLS the password reaches wye by its RSA key, which takes at most 214 bytes: use TLS'
FACTORS = 'wye can pass on one factor only, and the server says so in other words to a client that could have more'

DIFFERENCES = {
    'mysql': [
        Difference('password of 255 bytes', ('program, no TLS', 'mariadb, no TLS', 'mysql, no TLS'), RSA),
        Difference('two factors, client with one', ('mysql, TLS', 'mysql, no TLS'), FACTORS),
    ],
    'mariadb': [Difference('ed25519, password of 255 bytes', ('program, no TLS', 'mariadb, no TLS'), RSA)],
    'mysql56': [],
}
