"""Accounts, schemas, tables and routines that every session finds."""

USERS = ('oracle', 'oracle_two')


def names(number):
    return f'oracle_{number:02}', f'oracle_{number:02}b'


def once(flavour, password):
    """Of all slots: accounts, roles, a schema that a role opens."""
    grants = 'ALL PRIVILEGES'
    maria = flavour == 'mariadb'
    statements = [
        'CREATE DATABASE oracle_vault DEFAULT CHARACTER SET utf8mb4',
        'CREATE TABLE oracle_vault.gold (id INT PRIMARY KEY, bars INT)', 'INSERT INTO oracle_vault.gold VALUES (1, 10), (2, 20)',
        'CREATE ROLE vault_reader', 'CREATE ROLE vault_writer',
        'GRANT SELECT ON oracle_vault.* TO vault_reader', 'GRANT SELECT, UPDATE ON oracle_vault.* TO vault_writer']
    for user in USERS:
        statements += [f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'",
                       *(f"GRANT {role} TO '{user}'@'%'" for role in ('vault_reader', 'vault_writer'))]
    for level in range(10):  # `oracle_0%`: not the vault
        statements.append(f"GRANT {grants} ON `oracle\\_{level}%`.* TO 'oracle'@'%'")
        statements.append(f"GRANT SELECT, INSERT, EXECUTE, CREATE TEMPORARY TABLES ON `oracle\\_{level}%`.* TO 'oracle_two'@'%'")
    if not maria:
        statements.append("GRANT SESSION_VARIABLES_ADMIN, XA_RECOVER_ADMIN ON *.* TO 'oracle'@'%'")
    return statements


ROUTINES = (
    'CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC NO SQL RETURN x * 2',
    'CREATE FUNCTION counted() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM items)',
    "CREATE FUNCTION noted(x INT) RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO notes (note) VALUES (CONCAT('noted ', x)); RETURN x + 1; END",
    "CREATE FUNCTION lies(x INT) RETURNS INT READS SQL DATA BEGIN INSERT INTO notes (note) VALUES ('a lie'); RETURN x; END",
    'CREATE FUNCTION keeps(x INT) RETURNS INT NO SQL BEGIN SET @kept = x; RETURN x; END',
    "CREATE FUNCTION reads_sum(n INT) RETURNS INT NO SQL BEGIN DECLARE s INT DEFAULT 0; WHILE n > 0 DO SET s = s + n; SET n = n - 1; END WHILE; "
    'RETURN s + twice(n); END',
    'CREATE FUNCTION reads_name(n INT) RETURNS VARCHAR(40) READS SQL DATA BEGIN DECLARE r VARCHAR(40); SELECT name INTO r FROM items WHERE id = n; RETURN r; END',
    "CREATE FUNCTION reads_or_fails(n INT) RETURNS INT READS SQL DATA BEGIN IF n > 4 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'too many'; END IF; "
    'RETURN (SELECT COUNT(*) FROM items WHERE id > n); END',
    'CREATE PROCEDURE reads_two(n INT) READS SQL DATA BEGIN SELECT id, reads_name(id) AS r FROM items WHERE id < n ORDER BY id; SELECT counted() AS c; END',
    "CREATE PROCEDURE reads_warns() NO SQL SELECT CAST('12x' AS SIGNED) AS w",
    "CREATE PROCEDURE reads_handled(n INT) READS SQL DATA BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SELECT 'handled' AS h; "
    'CALL reads_two(n); SELECT * FROM no_such_table; END',
    'CREATE PROCEDURE reads_and_fails(n INT) READS SQL DATA BEGIN SELECT n; SELECT reads_or_fails(n); SELECT n + 1; END',
    'CREATE PROCEDURE one_result() SELECT id, name FROM items ORDER BY id LIMIT 3',
    'CREATE PROCEDURE two_results(n INT) BEGIN SELECT id FROM items WHERE id < n ORDER BY id; SELECT COUNT(*) AS c, SUM(price) FROM items; END',
    'CREATE PROCEDURE gives(IN a INT, OUT b INT, INOUT c INT) BEGIN SET b = a + 1; SET c = c * a; END',
    "CREATE PROCEDURE commits(x INT) BEGIN INSERT INTO notes (note) VALUES (CONCAT('c', x)); COMMIT; SELECT LAST_INSERT_ID() > 0, ROW_COUNT(); END",
    "CREATE PROCEDURE fails(x INT) BEGIN INSERT INTO notes (note) VALUES ('before'); COMMIT; "
    "IF x > 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'it fails', MYSQL_ERRNO = 4711; END IF; SELECT x; END",
    'CREATE PROCEDURE variables(x INT) BEGIN SET @from_routine = x; SET @a = CONCAT(@a, x); END',
    # No ANSI_QUOTES: sql_mode is put back at the end, but MariaDB leaves its status flag.
    "CREATE PROCEDURE modes() BEGIN SET SESSION sql_mode = 'PIPES_AS_CONCAT'; SET SESSION time_zone = '+05:30'; END",
    "CREATE PROCEDURE names_inside() SET NAMES latin1",
    'CREATE PROCEDURE makes_temporary() BEGIN CREATE TEMPORARY TABLE IF NOT EXISTS inside (a INT); INSERT INTO inside VALUES (1); END',
    "CREATE PROCEDURE dynamic(x INT) BEGIN SET @q = CONCAT('SELECT id FROM items WHERE id < ', x, ' ORDER BY id'); PREPARE inner_one FROM @q; "
    'EXECUTE inner_one; DEALLOCATE PREPARE inner_one; END',
    'CREATE PROCEDURE leaves_prepared() PREPARE left_over FROM \'SELECT 17 AS left_over\'',
    'CREATE PROCEDURE begins() START TRANSACTION',
    "CREATE PROCEDURE warns() BEGIN SELECT CAST('12x' AS SIGNED) AS w; END",
    "CREATE PROCEDURE handled() BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SELECT 'handled' AS h; SELECT * FROM no_such_table; END",
    'CREATE TRIGGER items_added BEFORE INSERT ON items FOR EACH ROW SET @triggered = NEW.id',
)


def build(flavour, schemas):
    first, second = schemas
    statements = []
    for name in schemas:
        statements += [f'DROP DATABASE IF EXISTS {name}', f'CREATE DATABASE {name} DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci']
    statements += [
        f'USE {first}',
        "CREATE TABLE items (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40), price DECIMAL(8,2), kind ENUM('a','b','c') DEFAULT 'a', "
        'added DATETIME, UNIQUE KEY (name))',
        'CREATE TABLE notes (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, note TEXT)',
        f'CREATE TABLE {second}.pairs (a INT PRIMARY KEY, b VARCHAR(20) CHARACTER SET latin1)',
        'CREATE VIEW cheap AS SELECT id, name FROM items WHERE price < 5',
        *ROUTINES, *filled(schemas)]
    if flavour == 'mariadb':
        statements.append('CREATE SEQUENCE numbers START WITH 5 NOCACHE')
    return statements


def filled(schemas):
    first, second = schemas
    rows = ', '.join(f"({i}, 'item {i}', {i}.25, '{'abc'[i % 3]}', '2024-01-0{i} 10:00:00')" for i in range(1, 9))
    return [f'INSERT INTO {first}.items VALUES {rows}', f"INSERT INTO {first}.notes VALUES (1, 'first'), (2, NULL)",
            f"INSERT INTO {second}.pairs VALUES (1, 'one'), (2, 'two'), (3, 'drei')"]


def put_back(schemas):
    first, second = schemas
    return [f'DROP TABLE IF EXISTS {first}.t1, {first}.t2, {first}.t3, {second}.t1, {second}.t2',
            f'DELETE FROM {first}.items', f'DELETE FROM {first}.notes', f'DELETE FROM {second}.pairs', *filled(schemas)]


def counters(flavour, schemas):
    """AUTO_INCREMENT and the sequence as they were as well: so that one session alone gives what it gave the first time."""
    first, _ = schemas
    return [f'ALTER TABLE {first}.items AUTO_INCREMENT = 1', f'ALTER TABLE {first}.notes AUTO_INCREMENT = 1',
            *([f'ALTER SEQUENCE {first}.numbers RESTART WITH 5'] if flavour == 'mariadb' else [])]
