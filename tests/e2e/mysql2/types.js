'use strict';
// Every column type, with values, extremes and NULLs: as text, prepared, and as parameters.
const { run } = require('./show.js');

const columns = [
  ['tiny', 'TINYINT'], ['tiny_u', 'TINYINT UNSIGNED'], ['small', 'SMALLINT'], ['small_u', 'SMALLINT UNSIGNED ZEROFILL'],
  ['medium', 'MEDIUMINT'], ['medium_u', 'MEDIUMINT UNSIGNED'], ['int_s', 'INT'], ['int_u', 'INT UNSIGNED'],
  ['big', 'BIGINT'], ['big_u', 'BIGINT UNSIGNED'], ['deci', 'DECIMAL(30,10)'], ['deci_u', 'DECIMAL(10,2) UNSIGNED'],
  ['flo', 'FLOAT'], ['dou', 'DOUBLE'], ['bits', 'BIT(13)'], ['bools', 'BOOLEAN'], ['years', 'YEAR'],
  ['day', 'DATE'], ['clock', 'TIME'], ['clock_6', 'TIME(6)'], ['moment', 'DATETIME'], ['moment_3', 'DATETIME(3)'],
  ['moment_6', 'DATETIME(6)'], ['stamp', 'TIMESTAMP NULL'], ['stamp_6', 'TIMESTAMP(6) NULL'],
  ['ch', 'CHAR(10)'], ['vc', 'VARCHAR(100)'], ['vc_latin', 'VARCHAR(20) CHARACTER SET latin1'], ['bin', 'BINARY(8)'],
  ['vbin', 'VARBINARY(300)'], ['t_tiny', 'TINYTEXT'], ['t', 'TEXT'], ['t_medium', 'MEDIUMTEXT'], ['t_long', 'LONGTEXT'],
  ['b_tiny', 'TINYBLOB'], ['b', 'BLOB'], ['b_medium', 'MEDIUMBLOB'], ['b_long', 'LONGBLOB'],
  ['en', "ENUM('a','b','zwölf')"], ['se', "SET('x','y','z')"], ['js', 'JSON'], ['geo', 'GEOMETRY'], ['pt', 'POINT'],
];
const own = { mysql: [['vec', 'VECTOR(3)']], mariadb: [['ip', 'INET6'], ['uid', 'UUID']] };

const rows = (flavour) => {
  const bytes = Buffer.from([0, 1, 255, 0x27, 0x5c, 0x22, 10, 13]);
  const point = "ST_GeomFromText('POINT(1.5 -2.25)')";
  const line = "ST_GeomFromText('LINESTRING(0 0, 1 1, 2 -3)')";
  const extra = { mysql: [["STRING_TO_VECTOR('[1,-2.5,3]')"], ['NULL']], mariadb: [["'2001:db8::1'", "'123e4567-e89b-12d3-a456-426655440000'"], ['NULL', 'NULL']] }[flavour];
  const x = (b) => `x'${b.toString('hex')}'`;
  return [
    ['-128', '255', '-32768', '42', '-8388608', '16777215', '-2147483648', '4294967295', '-9223372036854775808', '18446744073709551615',
      '-12345678901234567890.0123456789', '99999999.99', '1.5', '-2.2250738585072014e-308', "b'1010101010101'", 'TRUE', '2155',
      "'9999-12-31'", "'-838:59:59'", "'12:34:56.789012'", "'2024-02-29 23:59:59'", "'2024-02-29 23:59:59.123'", "'1000-01-01 00:00:00.000001'",
      "'2038-01-19 03:14:07'", "'1970-01-02 00:00:01.000001'", "'pad  '", "'Grüße 🚀 \\\\ \\' \\\"'", "'müßig'", x(bytes), x(bytes), "'t'",
      "'text'", "REPEAT('m', 70000)", "REPEAT('ü', 300000)", x(bytes), "''", "REPEAT(x'00ff', 40000)", "REPEAT('L', 1000000)", "'zwölf'", "'x,z'",
      "'{\"a\": [1, 2.5, null, \"ü\"]}'", line, point, ...extra[0]],
    ['127', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', "b'0'", 'FALSE', '1901', "'1000-01-01'", "'00:00:00'", "'-00:00:00.000001'",
      "'1000-01-01 00:00:00'", "'2024-01-01'", "'2024-01-01 00:00:00'", "'2000-01-01 00:00:00'", "'2000-01-01 00:00:00'", "''", "''", "''", "''", "''", "''", "''", "''", "''",
      "''", "''", "''", "''", "'a'", "''", "'[]'", line, point, ...extra[1]],
    [...columns.map(() => 'NULL'), ...own[flavour].map(() => 'NULL')],
  ];
};

async function parameters(connection, step) {
  const values = [0, -1, 255, 65536, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 1.5, -0.1, 'text', 'Grüße 🚀', '', null, true, false, new Date(Date.UTC(2024, 1, 29, 12, 34, 56, 789)),
    Buffer.from([0, 255, 39, 92]), Buffer.alloc(70000, 7), 'L'.repeat(300000), { a: [1, 'ü'] }, 123456789012345678901234567890n];
  for (const [i, value] of values.entries()) {
    step(`parameter ${i} prepared`, await run(connection, 'execute', 'SELECT ? AS v', [value]));
    step(`parameter ${i} text`, await run(connection, 'query', 'SELECT ? AS v', [value]));
  }
  await run(connection, 'query', 'CREATE TABLE params (id INT PRIMARY KEY AUTO_INCREMENT, n BIGINT, d DOUBLE, s TEXT, b BLOB, at DATETIME(3))');
  const insert = 'INSERT INTO params (n, d, s, b, at) VALUES (?, ?, ?, ?, ?)';
  step('insert prepared', await run(connection, 'execute', insert, [1, 2.5, 'three', Buffer.from('four'), new Date(Date.UTC(2024, 0, 1))]));
  step('insert NULLs', await run(connection, 'execute', insert, [null, null, null, null, null]));
  step('insert other types', await run(connection, 'execute', insert, ['17', '2.25', 99, 'bytes', '2024-05-06 07:08:09.123']));
  step('insert text', await run(connection, 'query', insert, [4, 4.5, "it's", Buffer.from([0, 39]), '2024-05-06']));
  step('bulk', await run(connection, 'query', 'INSERT INTO params (n, s) VALUES ?', [[[10, 'a'], [11, 'b'], [12, null]]]));
  step('params', await run(connection, 'execute', 'SELECT * FROM params WHERE n > ? OR n IS NULL ORDER BY id', [0]));
  step('set syntax', await run(connection, 'query', 'UPDATE params SET ? WHERE id = ?', [{ s: 'set', d: 1 }, 1]));
  step('too few parameters', await run(connection, 'execute', 'SELECT ?, ?', [1]));
}

module.exports = async ({ open, close, flavour }, step) => {
  const connection = await open();
  const all = [...columns, ...own[flavour]];
  step('create', await run(connection, 'query', `CREATE TABLE every_type (id INT PRIMARY KEY AUTO_INCREMENT, ${all.map((c) => c.join(' ')).join(', ')})`));
  for (const row of rows(flavour)) {
    step('insert', await run(connection, 'query', `INSERT INTO every_type (${all.map((c) => c[0]).join(', ')}) VALUES (${row.join(', ')})`));
  }
  const select = 'SELECT * FROM every_type ORDER BY id';
  step('text', await run(connection, 'query', select));
  step('prepared', await run(connection, 'execute', select));
  step('prepared again', await run(connection, 'execute', select));
  for (const [name] of all) step(`column ${name}`, await run(connection, 'execute', `SELECT ${name}, id FROM every_type WHERE id <> ? ORDER BY id`, [0]));
  step('expressions', await run(connection, 'query', "SELECT 1, 1.5, 'a' AS b, NULL, 1 = 1, CAST(1 AS UNSIGNED), CONCAT('a', id) c, COUNT(*) OVER () n FROM every_type AS e ORDER BY id"));
  step('describe', await run(connection, 'query', 'DESCRIBE every_type'));
  step('show create', await run(connection, 'query', 'SHOW CREATE TABLE every_type'));
  for (const [what, options] of Object.entries({
    dateStrings: { dateStrings: true }, 'dateStrings DATE': { dateStrings: ['DATE'] }, timezone: { timezone: '+05:30' },
    bigNumbers: { supportBigNumbers: true }, bigNumberStrings: { supportBigNumbers: true, bigNumberStrings: true },
    decimalNumbers: { decimalNumbers: true }, rowsAsArray: { rowsAsArray: true }, noTypeCast: { typeCast: false }, nestTables: { nestTables: '_' },
  })) {
    const other = await open(options);
    step(`${what}: text`, await run(other, 'query', select));
    step(`${what}: prepared`, await run(other, 'execute', select));
    step(`${what}: header`, await run(other, 'query', 'UPDATE every_type SET tiny = tiny WHERE id = 1'));
    await close(other);
  }
  await parameters(connection, step);
  await close(connection);
};
