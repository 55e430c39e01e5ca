-- Reads that a replica may answer, of the tables of setup.sql. One statement a line.
SELECT * FROM types ORDER BY id
SELECT id, bi, bu, de FROM types WHERE bu = 18446744073709551615
SELECT CAST(1 AS SIGNED), CAST(18446744073709551615 AS UNSIGNED), 1.50, 1e3, 'x', x'4142', NULL, TRUE, DATE '2024-02-29', TIME '-01:02:03.5', TIMESTAMP '2024-02-29 23:59:59.123456', CAST('[1]' AS CHAR), _latin1 x'fc', _binary 'b'
SELECT COUNT(*), SUM(ti), AVG(si), MIN(da), MAX(dt6), GROUP_CONCAT(id ORDER BY id DESC SEPARATOR '/') FROM types
SELECT id, name FROM author ORDER BY id
SELECT b.title, a.name, b.price FROM book b JOIN author a ON a.id = b.author_id WHERE b.price > 10 ORDER BY b.price DESC, b.id
SELECT a.name, COUNT(b.id) AS books, SUM(b.price * b.stock) AS worth FROM author a LEFT JOIN book b ON b.author_id = a.id GROUP BY a.id, a.name WITH ROLLUP
SELECT title FROM book WHERE author_id IN (SELECT id FROM author WHERE born < '1905-01-01') ORDER BY title
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, i * i AS square FROM n ORDER BY i
SELECT id, price, RANK() OVER (PARTITION BY author_id ORDER BY price DESC) AS place FROM book ORDER BY author_id, place
(SELECT 'a' AS kind, name AS what FROM author) UNION ALL (SELECT 'b', title FROM book) ORDER BY kind, what LIMIT 3 OFFSET 2
SELECT title FROM book WHERE MATCH (title) AGAINST ('Ficciones Ronja' IN NATURAL LANGUAGE MODE) ORDER BY id
SELECT JSON_EXTRACT('{"a": [1, 2, {"b": 3}]}', '$.a[2].b'), JSON_OBJECT('k', 1)
SELECT /* a comment */ id FROM author ORDER BY id # at the end
SELECT EXISTS (SELECT 1 FROM book WHERE stock = 0) AS sold_out, (SELECT MAX(price) FROM book) AS dearest
SELECT CASE WHEN stock > 2 THEN 'many' WHEN stock > 0 THEN 'few' ELSE 'none' END AS state, COUNT(*) FROM book GROUP BY state ORDER BY state
SELECT CONCAT(UPPER(name), '-', LENGTH(name), '-', CHAR_LENGTH(name)), HEX(name) FROM author ORDER BY id
SELECT DATABASE(), USER(), CURRENT_USER(), @@autocommit, @@session.time_zone
SELECT * FROM book WHERE 1 = 0
SHOW TABLES
SHOW FULL COLUMNS FROM book
SHOW CREATE TABLE author
DESCRIBE author
