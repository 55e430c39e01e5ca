"""User variables by every means, on the primary and (where they are given to reads) elsewhere."""
from grammar.scene import rule


@rule(14)
def assigned(s):
    items = s.table('items')
    n = s.number(1, 9)
    s.query(s.one(f'SET @a = {n}', f"SET @a = {s.text(s.word())}", 'SET @a = NULL', f'SET @a := {n}.50, @b = @a',
        f'SET @b = (SELECT MAX(id) FROM {items})', f'SELECT @a := {n}', f'SELECT @a := id FROM {items} ORDER BY id LIMIT 2',
        f'SELECT COUNT(*), MAX(id) INTO @a, @b FROM {items}',
                  f'SELECT id FROM {items} WHERE id = {n} INTO @a', "SET @a = _latin1'x' COLLATE latin1_bin", 'SET @a = CAST(5 AS UNSIGNED)',
                  "SET @`odd name` = 5", "SET @a = 1e3", "SET @a = x'4142'", f'SELECT @b := @a + {n}, @a', "SET @a = DATE '2024-01-01'",
                  'SET @a = TRUE',
                  f'UPDATE {items} SET price = (@a := price + 1) WHERE id = {n}', f"INSERT INTO {items} (name) VALUES (@a)", "SET @A = 'other case'",
                  f'DO @a := {n}', "SET @sql_mode = 'not the variable'"), '4.user_variable')
    used(s)


@rule(10)
def used(s):
    items = s.table('items')
    s.query(s.one('SELECT @a, @b', f'SELECT @a, id FROM {items} ORDER BY id LIMIT 2', f'SELECT id FROM {items} WHERE id = @b',
        'SELECT @a + 1, COLLATION(@a), CHARSET(@a), COERCIBILITY(@a)', 'SELECT @`odd name`, @A, @sql_mode',
        f'SELECT (SELECT @a), COUNT(*) FROM {items}', 'SELECT @never_set',
                  f'SELECT COUNT(*) FROM {items} WHERE name = @a', f'SELECT id, @row := COALESCE(@row, 0) + 1 FROM {items} ORDER BY id'),
                  '4.user_variable', reads=True)


@rule(5)
def into(s):
    items = s.table('items')
    s.query(s.one(f'SELECT id, name FROM {items} ORDER BY id LIMIT 1 INTO @a, @b', f'SELECT MAX(price) INTO @a FROM {items}',
        f'SELECT id INTO @a FROM {items} WHERE id = 10000', f'SELECT id INTO @a FROM {items}', f"SELECT 1 INTO OUTFILE '/no/such/folder/x'",
        f'SELECT id, name INTO @a FROM {items} LIMIT 1'),
            '1.into', '4.user_variable')
    used(s)
