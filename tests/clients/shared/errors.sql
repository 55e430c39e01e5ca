-- What a server refuses: number, SQLSTATE and text. One statement a line.
CREATE TABLE parent (id INT PRIMARY KEY, code VARCHAR(5) NOT NULL UNIQUE, n TINYINT UNSIGNED)
CREATE TABLE child (id INT PRIMARY KEY, parent_id INT NOT NULL, FOREIGN KEY (parent_id) REFERENCES parent (id))
INSERT INTO parent VALUES (1, 'one', 1)
INSERT INTO child VALUES (1, 1)
SELEC 1
SELECT * FROM no_such_table
SELECT no_such_column FROM parent
SELECT no_such_function(1)
SELECT * FROM no_such_schema.t
USE no_such_schema
INSERT INTO parent VALUES (1, 'uno', 1)
INSERT INTO parent VALUES (2, 'one', 1)
INSERT INTO parent VALUES (3, NULL, 1)
INSERT INTO parent VALUES (4, 'longer', 1)
INSERT INTO parent VALUES (5, 'five', 256)
INSERT INTO parent VALUES (6, 'six')
INSERT INTO child VALUES (2, 99)
DELETE FROM parent WHERE id = 1
CREATE TABLE parent (a INT)
DROP TABLE no_such_table
ALTER TABLE parent ADD COLUMN code INT
SELECT (SELECT 1 UNION SELECT 2)
SELECT * FROM parent JOIN child
SELECT id FROM parent JOIN child ON parent.id = child.parent_id
SELECT code, COUNT(*) FROM child
SELECT 18446744073709551615 + 1
INSERT INTO parent VALUES (7, 'é', 1), (7, 'è', 1)
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'own words: ü', MYSQL_ERRNO = 5001
CALL no_such_procedure()
LOCK TABLES no_such_table READ
SET SESSION no_such_variable = 1
SET GLOBAL max_connections = 100
SELECT * FROM mysql.user
CREATE DATABASE not_allowed_here
GRANT ALL ON *.* TO nobody_here
KILL 99999999
RELEASE SAVEPOINT no_such_savepoint
EXECUTE no_such_statement
SELECT COUNT(*) FROM parent
