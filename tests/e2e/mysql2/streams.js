'use strict';
// Big results and streams, text and prepared; a slow reader; a stream that is given up.
const crypto = require('crypto');
const { run, fields, plain } = require('./show.js');

function read(query, pauseEvery = 0) {
  return new Promise((resolve) => {
    const seen = { rows: 0, fields: null };
    const hash = crypto.createHash('sha256');
    const stream = query.stream({ highWaterMark: 5 });
    query.on('fields', (f) => { seen.fields = fields(f); });
    stream.on('data', (row) => {
      seen.rows += 1;
      hash.update(JSON.stringify(plain(row)));
      if (pauseEvery && seen.rows % pauseEvery === 0) {
        stream.pause();
        setTimeout(() => stream.resume(), 2);
      }
    });
    stream.on('error', (e) => resolve({ ...seen, error: plain(e) }));
    stream.on('end', () => resolve({ ...seen, hash: hash.digest('hex') }));
  });
}

module.exports = async ({ open, close }, step) => {
  const connection = await open();
  await run(connection, 'query', 'CREATE TABLE big (id INT PRIMARY KEY, a VARCHAR(50), b BLOB)');
  const digits = '(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';
  step('fill', await run(connection, 'query', `INSERT INTO big SELECT x.d + 10 * y.d + 100 * z.d + 1000 * w.d AS n, CONCAT('row ', x.d), REPEAT(CHAR(65 + x.d), 100 * (1 + y.d)) FROM ${digits} x, ${digits} y, ${digits} z, ${digits} w ORDER BY n`));
  const all = 'SELECT * FROM big ORDER BY id';
  step('stream text', await read(connection.query(all)));
  step('stream prepared', await read(connection.execute(all)));
  step('stream slowly', await read(connection.query(`${all} LIMIT 2000`), 100));
  step('stream nothing', await read(connection.query('SELECT * FROM big WHERE id < 0')));
  step('stream parameters', await read(connection.execute('SELECT id, a FROM big WHERE id BETWEEN ? AND ? ORDER BY id', [10, 500])));
  step('stream error', await read(connection.query('SELECT * FROM missing')));
  step('stream ends with an error', await read(connection.query('SELECT id, (SELECT id FROM big c WHERE c.id <= IF(b.id < 3000, 0, 1)) FROM big b ORDER BY id')));
  step('the connection works', await run(connection, 'query', 'SELECT COUNT(*) FROM big'));
  const given = await open();
  const stream = given.query(all).stream();
  step('given up after', await new Promise((resolve) => stream.once('data', (row) => { given.destroy(); resolve(row.id); })));
  for (const size of [65535, 65536, 16777210, 16777214, 16777215, 16777216, 20000000, 33554440]) {
    step(`a row of ${size}`, await run(connection, 'query', `SELECT REPEAT('x', ${size}) AS r`));
  }
  step('a big row prepared', await run(connection, 'execute', "SELECT REPEAT('y', ?) AS r, 1", [17000000]));
  for (const size of [16777000, 16777215 - 20, 16777216, 20000000]) {
    step(`a statement of ${size}`, await run(connection, 'query', `SELECT LENGTH('${'z'.repeat(size)}') AS n`));
  }
  for (const size of [16777190, 16777216, 20000000]) step(`a parameter of ${size}`, await run(connection, 'execute', 'SELECT LENGTH(?) AS n', [Buffer.alloc(size, 1)]));
  step('big insert', await run(connection, 'execute', 'REPLACE INTO big VALUES (?, ?, LEFT(?, 60000))', [-1, 'big', 'b'.repeat(17000000)]));
  step('too big', await run(connection, 'query', "SELECT REPEAT('x', 67108865) AS r"));
  const many = Array.from({ length: 500 }, (_, i) => `${i} AS c${i}`).join(', ');
  step('many columns', await run(connection, 'query', `SELECT ${many}`));
  step('queued', await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? run(connection, 'query', `SELECT ${i} AS i, a FROM big WHERE id = ${i}`) : run(connection, 'execute', 'SELECT ? AS i', [i])))));
  await close(connection);
};
