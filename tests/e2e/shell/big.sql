-- Packets of 16 MiB and more, both ways of a statement.
CREATE TABLE big (id INT PRIMARY KEY, v LONGBLOB);
INSERT INTO big VALUES (1, REPEAT('x', 20000000)), (2, REPEAT('y', 16777215)), (3, REPEAT('z', 16777214));
SELECT id, LENGTH(v), SHA2(v, 256) FROM big ORDER BY id;
SELECT REPEAT('a', 20000000);
SELECT v FROM big ORDER BY id;
SELECT 'behind the big ones';
