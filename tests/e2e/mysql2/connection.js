'use strict';
// What one connection can do besides statements: ping, change of user and schema, reset, prepare and unprepare.
const { run, error, plain, fields } = require('./show.js');

const call = (connection, method, ...args) => new Promise((resolve) => connection[method](...args, (e, value) => resolve(e ? error(e) : plain(value))));

function prepare(connection, sql) {
  return new Promise((resolve) => connection.prepare(sql, (e, statement) => resolve(e ? { error: error(e) } : { statement })));
}

const execute = (statement, values) => new Promise((resolve) => statement.execute(values, (e, r, f) => resolve(e ? error(e) : { result: plain(r), fields: fields(f) })));

async function prepared(connection, step) {
  await run(connection, 'query', 'CREATE TABLE IF NOT EXISTS c (id INT PRIMARY KEY, v VARCHAR(20))');
  const { statement } = await prepare(connection, 'SELECT v FROM c WHERE v <> ? AND id >= ? ORDER BY id');
  step('prepare: parameters and columns', { parameters: statement.parameters.length, columns: fields(statement.columns) });
  const { statement: insert } = await prepare(connection, 'INSERT INTO c VALUES (?, ?) ON DUPLICATE KEY UPDATE v = VALUES(v)');
  for (let i = 0; i < 5; i += 1) {
    step(`insert ${i}`, await execute(insert, [i, `v${i}`]));
    // Always of one type: MySQL compares with that of the first EXECUTE on a server (docs/COMPATIBILITY.md).
    step(`select ${i}`, await execute(statement, [i % 2 ? 'text' : `v${i}`, i - 1]));
  }
  statement.close();
  step('other one still works', await execute(insert, [1, null]));
  insert.close();
  step('prepare an error', (await prepare(connection, 'SELECT FROM')).error);
  step('prepare a missing table', (await prepare(connection, 'SELECT * FROM missing')).error);
  const { statement: ddl } = await prepare(connection, 'CREATE TABLE IF NOT EXISTS c2 (a INT)');
  step('prepared DDL', await execute(ddl, []));
  step('prepared DDL again', await execute(ddl, []));
  const { statement: changing } = await prepare(connection, 'SELECT * FROM c2');
  step('before the table changes', await execute(changing, []));
  step('the table changes', await run(connection, 'query', 'ALTER TABLE c2 ADD b INT DEFAULT 5'));
  await run(connection, 'query', 'INSERT INTO c2 (a) VALUES (1)');
  step('after the table changed', await run(connection, 'execute', 'SELECT * FROM c2'));
  for (let i = 0; i < 3; i += 1) step('execute caches', await run(connection, 'execute', 'SELECT id FROM c WHERE id = ?', [i]));
  connection.unprepare('SELECT id FROM c WHERE id = ?');
  step('after unprepare', await run(connection, 'execute', 'SELECT id FROM c WHERE id = ?', [1]));
  for (let i = 0; i < 30; i += 1) step('many statements', await run(connection, 'execute', `SELECT ${i} AS n, ? AS p`, [i]));
}

async function users({ open, close, base }, step) {
  const connection = await open();
  await run(connection, 'query', 'SET @a = 5');
  await run(connection, 'query', 'CREATE TEMPORARY TABLE own (a INT)');
  await run(connection, 'execute', 'SELECT ? + 1', [1]);
  step('change user to the same', await call(connection, 'changeUser', { user: base.user, password: base.password, database: base.database }));
  step('the session is new', await run(connection, 'query', 'SELECT @a, DATABASE(), CURRENT_USER()'));
  step('its temporary table is gone', await run(connection, 'query', 'SELECT * FROM own'));
  step('execute afterwards', await run(connection, 'execute', 'SELECT ? + 2', [1]));
  step('a table afterwards', await run(connection, 'execute', 'SELECT * FROM c WHERE id > ? ORDER BY id', [1]));
  step('change user without schema', await call(connection, 'changeUser', { database: 'information_schema' }));
  step('the schema', await run(connection, 'query', 'SELECT DATABASE()'));
  await close(connection);
  const wrong = await open();
  step('change user, wrong password', await call(wrong, 'changeUser', { user: base.user, password: 'wrong', database: base.database }));
  wrong.destroy();
  const unknown = await open();
  step('change user, unknown', await call(unknown, 'changeUser', { user: 'nobody_here', password: 'x', database: base.database }));
  unknown.destroy();
  const schema = await open();
  step('change user, unknown schema', await call(schema, 'changeUser', { user: base.user, password: base.password, database: 'nowhere' }));
  schema.destroy();
}

async function resets({ open, close }, step) {
  const connection = await open();
  await run(connection, 'query', "SET @a = 5, time_zone = '+01:00', sql_mode = ''");
  await run(connection, 'query', 'CREATE TEMPORARY TABLE own (a INT)');
  await run(connection, 'query', 'START TRANSACTION');
  await run(connection, 'query', "INSERT INTO c VALUES (1000, 'rolled back')");
  step('reset', await call(connection, 'reset'));
  step('after reset', await run(connection, 'query', "SELECT @a, @@time_zone, @@sql_mode = @@global.sql_mode, DATABASE()"));
  step('rolled back', await run(connection, 'query', 'SELECT * FROM c WHERE id = 1000'));
  step('temporary table', await run(connection, 'query', 'SELECT * FROM own'));
  step('execute after reset', await run(connection, 'execute', 'SELECT id FROM c WHERE id = ?', [1]));
  step('reset again', await call(connection, 'reset'));
  step('execute after the second reset', await run(connection, 'execute', 'SELECT id FROM c WHERE id = ?', [1]));
  step('ping', await call(connection, 'ping'));
  await close(connection);
  const latin = await open({ charset: 'latin1' });
  const charsets = 'SELECT @@character_set_client, @@character_set_results, @@collation_connection, name FROM (SELECT v AS name FROM c WHERE id = 1) x';
  step('charsets before a reset', await run(latin, 'query', charsets));
  step('reset of latin1', await call(latin, 'reset'));
  step('charsets after a reset', await run(latin, 'query', charsets));
  await close(latin);
}

module.exports = async (context, step) => {
  const { open, close, base } = context;
  const connection = await open();
  for (let i = 0; i < 3; i += 1) step('ping', await call(connection, 'ping'));
  await prepared(connection, step);
  await close(connection);
  await users(context, step);
  await resets(context, step);
  const without = await open({ database: undefined });
  step('no schema', await run(without, 'query', 'SELECT DATABASE()'));
  step('a table without schema', await run(without, 'query', 'SELECT * FROM c'));
  step('a prepared table without schema', await run(without, 'execute', 'SELECT * FROM c'));
  step('use', await run(without, 'query', `USE \`${base.database}\``));
  step('a table now', await run(without, 'query', 'SELECT * FROM c ORDER BY id'));
  step('with the schema named', await run(without, 'execute', `SELECT * FROM \`${base.database}\`.c ORDER BY id`));
  step('use what is not there', await run(without, 'query', 'USE nowhere'));
  step('schema still', await run(without, 'query', 'SELECT DATABASE()'));
  await close(without);
  for (const [what, options] of [['wrong password', { password: 'wrong' }], ['unknown user', { user: 'nobody_here' }], ['unknown schema', { database: 'nowhere' }]]) {
    step(`login: ${what}`, await open(options).then(() => 'logged in', error));
  }
};
