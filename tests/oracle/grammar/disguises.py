"""Statements that do not look like what they are."""
from grammar.scene import rule


@rule(14)
def reads(s):
    items = f'{s.first}.items'
    s.query(s.one(f'/* FOR UPDATE */ SELECT COUNT(*) FROM {items}', f"SELECT 'FOR UPDATE', COUNT(*) FROM {items}",
        f'SELECT COUNT(*) AS `FOR UPDATE` FROM {items}', f'# INSERT\nSELECT COUNT(*) FROM {items}', f'-- DELETE\nSELECT COUNT(*) FROM {items}',
        f'/*!40000 SELECT */ COUNT(*) FROM {items}', f'SELECT /*!99999 no_such, */ COUNT(*) FROM {items}',
                  f'SELECT/**/COUNT(*)/**/FROM/**/{items}', f'\ufeffSELECT COUNT(*) FROM {items}', f'SELECT COUNT(*) FROM {items};',
                  f'  \t\n SELECT COUNT(*) FROM {items} ;  ', f"SELECT 'it''s', \"it\"\"s\", COUNT(*) FROM {items}",
                  rf"SELECT 'it\'s; DROP TABLE x', COUNT(*) FROM {items}",
                  f'SELECT COUNT(*) FROM {items} -- FOR UPDATE', f'((SELECT COUNT(*) FROM {items}))',
                  f'SELECT 1 FROM {items} WHERE \'@a := 5\' = name', f'SELECT 1.e0, .5, 1e-3, 0xff, 0b11, COUNT(*) FROM {items}',
                  f"SELECT 'a' 'b' \"c\", COUNT(*) FROM {items}", f'SELECT\x00 1', f"SELECT 'a\x00b', LENGTH('\x00'), COUNT(*) FROM {items}",
                  f'sElEcT cOuNt(*) fRoM {items}', f'SELECT {{d \'2024-01-01\'}}, COUNT(*) FROM {items}',
                  f'SELECT COUNT(*) FROM {items} PROCEDURE ANALYSE()', f'SELECT * FROM {items} WHERE id=1 OR/*!00000 id=2*/ ORDER BY id',
                  f'SELECT COUNT(*) FROM {items} /* unterminated', f'SELECT `id` FROM `{s.first}`.`items` ORDER BY `id` LIMIT 1',
                  f'SELECT/*M! 1,*/ COUNT(*) FROM {items}'),
            '1.lexer', reads=True)


@rule(10)
def writes(s):
    items, notes = f'{s.first}.items', f'{s.first}.notes'
    s.query(s.one(f"/* SELECT */ INSERT INTO {notes} (note) VALUES ('d')", f"/*!40000 INSERT */ INTO {notes} (note) VALUES ('e')",
        f"/*! UPDATE */ {items} SET price = 1 WHERE id = 1", f"(SELECT id FROM {items} WHERE id = 1) FOR UPDATE",
        f'SELECT id FROM {items} WHERE id = 1 /*!40000 FOR */ UPDATE', f"# SELECT\nDELETE FROM {notes} WHERE id = 1",
        f"INSERT/**/INTO {notes} (note) VALUES ('select')",
                  f"SELECT /*!40000 id INTO @a FROM {items} WHERE id = 1 */", f"SELECT 1; INSERT INTO {notes} (note) VALUES ('behind')",
                  f"SELECT ';'; UPDATE {items} SET price = 2 WHERE id = 2", f"EXPLAIN DELETE FROM {notes}",
                  f'EXPLAIN INSERT INTO {notes} (note) VALUES (1)',
                  rf"SELECT 'a\\'; INSERT INTO {notes} (note) VALUES ('x') -- '", f"SELECT \"a\"; DELETE FROM {notes} WHERE note = \"x\"",
                      f"SELECT @a:=1, id FROM {items} WHERE id = 1", f'select id from {items} where id=1 for update', f'SELECT LAST_INSERT_ID( 5 )',
                      f"SELECT `GET_LOCK` FROM (SELECT 1 AS `GET_LOCK`) x"), '1.lexer', '1.write')
