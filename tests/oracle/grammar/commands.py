"""Commands that are no SQL."""
from grammar.scene import rule
from grammar.variables import probe


def forget(s):
    """The scene after a server has reset the session."""
    s.ansi = s.raw_backslash = s.pinned = False
    s.transaction = s.locked = None
    s.autocommit = True
    s.prepared.clear()


@rule(8)
def reset(s):
    s.add('reset', '', '4.reset')
    forget(s)
    probe(s, '4.reset')
    s.query(s.one('SELECT @a, @b, @kept', 'SELECT LAST_INSERT_ID(), ROW_COUNT()', 'SELECT DATABASE()',
        f'SELECT DATABASE(), @@autocommit FROM {s.first}.items LIMIT 1', 'SELECT COUNT(*) FROM tmp1', 'SHOW WARNINGS', 'EXECUTE q1',
        'SELECT FOUND_ROWS()', f"SELECT IS_FREE_LOCK('{s.first}_lock')", f'SELECT CURRENT_{"ROLE" if s.maria else "ROLE()"}'), '4.reset', reads=True)


@rule(6)
def change_user(s):
    user, schema = s.one(('oracle', s.first), ('oracle', s.second), ('oracle_two', s.first), ('oracle', s.first), ('oracle', ''), ('oracle_two', ''))
    if s.maria:
        s.query('SET ROLE NONE', '4.role')  # there a role outlives the change, not with wye (docs/ROUTING.md)
    s.add('change_user', f'{user} oracle-secret {schema}', '4.change_user')
    s.schema, s.in_system_schema = schema or None, False
    forget(s)
    probe(s, '4.change_user')
    s.query(s.one('SELECT @a, @b', 'SELECT LAST_INSERT_ID()', 'SELECT CURRENT_USER(), DATABASE()',
        f'SELECT CURRENT_USER(), COUNT(*) FROM {s.first}.items', f'UPDATE {s.first}.items SET price = 9 WHERE id = 1', 'SHOW GRANTS',
        f'SELECT COUNT(*) FROM {s.first}.items'), '4.change_user', reads=True)


@rule(1)
def refused(s):
    """A wrong password: MySQL closes the connection. MariaDB keeps FOUND_ROWS() then, which wye does not (docs/ROUTING.md)."""
    if s.chance(0.3):
        s.add('change_user', 'oracle wrong-one ' + s.first, '4.change_user', '3.errors')
        probe(s, '4.change_user')
        s.query(f'SELECT COUNT(*) FROM {s.first}.items', '1.read', reads=True)


@rule(4)
def small_ones(s):
    kind = s.number(0, 3)
    if kind == 0:
        s.add('ping', '', '3.results')
    elif kind == 1:
        if s.maria:  # without a schema it closes the connection
            s.query(f'USE {s.first}')
        s.add('field_list', s.one('items', 'pairs', 'no_such', 'cheap', 'tmp1'), '3.results', reads=True)
    elif kind == 2:
        s.add('option', s.one('0', '1', '0', '9'), '3.results', '3.capabilities')
        s.query('SELECT 1; SELECT 2', '1.several', '3.capabilities')
        s.add('option', '0', '3.results')
    else:
        s.query(s.one('', ';', ' ', '/* only a comment */', '-- only a comment', ';;'), '1.lexer', '3.errors')
