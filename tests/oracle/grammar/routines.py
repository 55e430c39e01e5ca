"""Stored functions and procedures."""
from grammar.scene import rule


@rule(16)
def calls(s):
    home = '' if s.schema == s.first and s.chance(0.8) else f'{s.first}.'
    n = s.number(1, 6)
    call = s.one(f'one_result()', f'two_results({n})', f'gives({n}, @b, @a)', f'commits({n})', f'fails({n})', f'variables({n})', 'modes()',
        'names_inside()', 'makes_temporary()', f'dynamic({n})', 'leaves_prepared()', 'begins()', 'warns()', 'handled()', 'no_such_procedure()',
        'gives(1)', 'one_result')
    s.query(f'CALL {home}{call}', '1.routine', '1.write')
    if call in ('leaves_prepared()', 'makes_temporary()'):
        s.pinned = True
    for _ in range(s.number(0, 2)):
        s.query(s.one('SELECT @a, @b, @from_routine', f'SELECT @@sql_mode, @@time_zone, @@character_set_client FROM {s.first}.items LIMIT 1',
            'SELECT LAST_INSERT_ID(), ROW_COUNT()', 'SHOW WARNINGS', 'SELECT COUNT(*) FROM inside', 'EXECUTE left_over',
            f'SELECT COUNT(*) FROM {s.first}.notes', f"SELECT 'é', CHARSET('é') FROM {s.first}.items LIMIT 1", 'COMMIT'), '1.routine', reads=True)


@rule(12)
def readers(s):
    """Those that say that they only read, and do."""
    home = '' if s.schema == s.first and s.chance(0.8) else f'{s.first}.'
    items = s.table('items')
    for _ in range(s.number(1, 3)):
        n = s.number(0, 8)
        statement = s.one(f'SELECT {home}twice({n})', f'SELECT {home}counted() AS c', f'SELECT {home}reads_sum({n}) + {home}twice(2)', f'SELECT {home}reads_name({n})',
            f'SELECT {home}reads_or_fails({n})', f'SELECT id, {home}reads_name(id) FROM {items} WHERE {home}twice(id) > {n} ORDER BY id',
            f'SELECT id, {home}reads_or_fails(id) FROM {items} ORDER BY id', f'SELECT {home}Reads_Sum (1), {home}`reads_name`(2)',
            f'CALL {home}reads_two({n})', f'CALL {home}reads_two((SELECT COUNT(*) FROM {items}))', f'CALL {home}reads_warns',
            f'CALL {home}reads_handled({n})', f'CALL {home}reads_and_fails({n})', f'CALL {home}reads_two()', f'CALL {home}reads_two({home}counted())',
            f'SELECT {home}counted(); SELECT {home}twice({n})', f'SELECT {home}counted(); CALL {home}reads_two({n})')
        s.query(statement, '1.routine', '1.routine_reads', reads=True)
        if s.chance(0.4):
            s.query(s.one('SHOW WARNINGS', 'SELECT ROW_COUNT()', 'SELECT FOUND_ROWS()', 'SELECT LAST_INSERT_ID()', 'SELECT @@warning_count, @@error_count'),
                    '1.routine_reads', '1.previous', reads=True)


@rule(12)
def functions(s):
    home = '' if s.schema == s.first and s.chance(0.8) else f'{s.first}.'
    items = s.table('items')
    n = s.number(1, 9)
    s.query(s.one(f'SELECT {home}twice({n})', f'SELECT {home}counted()', f'SELECT {home}noted({n})',
        f'SELECT id, {home}twice(id) FROM {items} ORDER BY id LIMIT 3', f'SELECT {home}keeps({n})',
        f'SELECT id FROM {items} WHERE id = {home}keeps({n})', f'SELECT {home}counted(), COUNT(*) FROM {items}', f'SET @a = {home}noted({n})',
        f'DO {home}noted({n})',
                  f'INSERT INTO {s.table("notes")} (note) VALUES ({home}twice({n}))', f'SELECT {home}no_such({n})', f'SELECT {home}twice()'),
                  '1.routine', reads=True)
    if s.chance(0.4):
        s.query(s.one('SELECT @kept', 'SELECT @triggered', 'SELECT LAST_INSERT_ID()', f'SELECT COUNT(*) FROM {s.table("notes")}',
            'SELECT ROW_COUNT()'), '1.routine', reads=True)
