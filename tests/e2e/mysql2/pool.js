'use strict';
// A pool: many statements at once, promises, what a connection keeps when it goes back.
const promised = require('mysql2/promise');
const { run, plain, fields } = require('./show.js');

module.exports = async ({ mysql, base, open, close }, step) => {
  const setup = await open();
  await run(setup, 'query', 'CREATE TABLE counters (id INT PRIMARY KEY, n INT NOT NULL)');
  await run(setup, 'query', 'INSERT INTO counters VALUES (1, 0), (2, 0)');
  const pool = mysql.createPool({ ...base, connectionLimit: 8, multipleStatements: true });
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => run(pool, i % 2 ? 'execute' : 'query', 'SELECT ? AS i, id FROM counters WHERE id = ?', [i, 1 + (i % 2)])));
  step('many reads', answers);
  step('many writes', await Promise.all(Array.from({ length: 100 }, (_, i) => run(pool, i % 2 ? 'execute' : 'query', 'UPDATE counters SET n = n + 1 WHERE id = ?', [1]).then((r) => r.result.affectedRows))));
  step('their sum', await run(pool, 'query', 'SELECT n FROM counters ORDER BY id'));
  for (let i = 0; i < 60; i += 1) {
    await run(pool, 'execute', 'UPDATE counters SET n = ? WHERE id = 2', [i]);
    const seen = await Promise.all([run(pool, 'query', 'SELECT n FROM counters WHERE id = 2'), run(pool, 'execute', 'SELECT n FROM counters WHERE id = ?', [2])]);
    step(`read your write ${i}`, seen.map((s) => s.result));
  }
  await new Promise((resolve) => pool.end(resolve));
  const second = promised.createPool({ ...base, connectionLimit: 2, namedPlaceholders: true, dateStrings: true });
  const [rows, columns] = await second.query('SELECT n, CAST(20240229 AS DATE) AS d FROM counters WHERE id = :id', { id: 2 });
  step('promise query', { rows, fields: fields(columns) });
  const connection = await second.getConnection();
  await connection.query('SET @kept = 7');
  await connection.beginTransaction();
  await connection.execute('UPDATE counters SET n = 1000 WHERE id = 2');
  step('inside', (await connection.execute('SELECT n, @kept AS kept FROM counters WHERE id = 2'))[0]);
  step('outside', (await second.query('SELECT n FROM counters WHERE id = 2'))[0]);
  await connection.commit();
  step('outside after the commit', (await second.query('SELECT n FROM counters WHERE id = 2'))[0]);
  connection.release();
  step('an error', await second.query('SELECT broken').catch(plain));
  await second.end();
  step('after the end', await second.query('SELECT 1').catch((e) => e.message));
  await close(setup);
};
