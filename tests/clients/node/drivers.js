'use strict';
// drivers.js mariadb | mysql: what a Node program sees through these drivers. Prints one JSON object a line.
const fs = require('fs');
const os = require('os');
const path = require('path');
const crypto = require('crypto');

const name = process.argv[2];
const shared = process.env.SHARED;
const base = { host: process.env.HOST, port: Number(process.env.PORT), user: process.env.USER_NAME, password: process.env.PASSWORD, database: process.env.DATABASE };
const ca = fs.readFileSync(process.env.CA);

function plain(value) {
  if (value === undefined) return 'undefined';
  if (Buffer.isBuffer(value)) return value.length > 200 ? `${value.length} bytes, ${crypto.createHash('sha256').update(value).digest('hex').slice(0, 16)}` : `hex ${value.toString('hex')}`;
  if (typeof value === 'string' && value.length > 400) return plain(Buffer.from(value));
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (value instanceof Error) return { errno: value.errno, code: value.code, state: value.sqlState, text: (value.sqlMessage || value.message).replace(/\(conn:-?\d+[^)]*\)/, '(conn)') };
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).filter(([, v]) => typeof v !== 'function').map(([k, v]) => [k, plain(v)]));
  return value;
}

const say = (step, value) => process.stdout.write(`${JSON.stringify({ step, value: plain(value) })}\n`);
const statements = (file) => fs.readFileSync(path.join(shared, `${file}.sql`), 'utf8').split('\n').filter((l) => l && !l.startsWith('--'));

// The same few verbs over both drivers.
const drivers = {
  mysql() {
    const mysql = require('mysql');
    const settle = (start) => new Promise((resolve, reject) => start((e, value) => (e ? reject(e) : resolve(value))));
    const wrap = (c) => ({
      query: (sql, values) => settle((done) => c.query({ sql, values, nestTables: false }, (e, r, fields) => done(e, r && { result: r, fields: fields && [].concat(fields).map((f) => f && f.name) }))),
      begin: () => settle((d) => c.beginTransaction(d)), commit: () => settle((d) => c.commit(d)), rollback: () => settle((d) => c.rollback(d)),
      ping: () => settle((d) => c.ping(d)), change: (o) => settle((d) => c.changeUser(o, d)), id: () => c.threadId,
      stream: (sql) => c.query(sql).stream().pipe(new (require('stream').PassThrough)({ objectMode: true })), end: () => settle((d) => c.end(d)), raw: c,
    });
    const open = (more = {}) => settle((done) => {
      const c = mysql.createConnection({ ...base, supportBigNumbers: true, bigNumberStrings: true, timezone: 'Z', charset: 'utf8mb4', ...more });
      c.on('error', () => {});
      c.connect((e) => done(e, wrap(c)));
    });
    const pool = (size) => {
      const p = mysql.createPool({ ...base, connectionLimit: size });
      return { query: (sql, values) => settle((d) => p.query(sql, values, (e, r) => d(e, r))), end: () => settle((d) => p.end(d)) };
    };
    return { open, pool, several: { multipleStatements: true }, infile: {} };
  },
  mariadb() {
    const mariadb = require('mariadb');
    const wrap = (c) => ({
      query: async (sql, values) => ({ result: await c.query({ sql, metaAsArray: false, infileStreamFactory: (f) => fs.createReadStream(f) }, values) }),
      execute: async (sql, values) => ({ result: await c.execute(sql, values) }), batch: (sql, values) => c.batch(sql, values),
      begin: () => c.beginTransaction(), commit: () => c.commit(), rollback: () => c.rollback(), ping: () => c.ping(), reset: () => c.reset(),
      change: (o) => c.changeUser(o), id: () => c.threadId, stream: (sql) => c.queryStream(sql), end: () => c.end(), raw: c,
    });
    const open = async (more = {}) => wrap(await mariadb.createConnection({ ...base, timezone: 'Z', allowPublicKeyRetrieval: true, bigIntAsNumber: false, connectTimeout: 20000, ...more }));
    const pool = (size) => mariadb.createPool({ ...base, connectionLimit: size, allowPublicKeyRetrieval: true });
    return { open, pool, several: { multipleStatements: true }, infile: { permitLocalInfile: true } };
  },
};

const { open, pool: makePool, several, infile } = drivers[name]();
const run = (c, sql, values) => c.query(sql, values).catch((e) => e);

async function scripts(c) {
  for (const file of ['reads', 'state', 'errors', 'routines']) {
    for (const sql of statements(file)) {
      say(`${file}: ${sql.slice(0, 60)}`, await run(c, sql));
      if (file === 'reads' && c.execute) say(`${file} prepared: ${sql.slice(0, 60)}`, await c.execute(sql).catch((e) => e));
    }
  }
}

async function values(c) {
  await run(c, 'CREATE TABLE v (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT, d DOUBLE, s TEXT, b LONGBLOB, dt DATETIME(3), j JSON)');
  const row = (k) => (k % 10 ? [String(-k * 1000000007), k / 7, `ü😀 '${k}' \\ \0`, Buffer.from([k, 0, 255]), new Date(Date.UTC(2024, 1, 29, 23, 59, k, 123)), JSON.stringify({ k })] : [null, null, null, null, null, null]);
  for (let k = 0; k < 40; k += 1) {
    const answer = await (k % 2 && c.execute ? c.execute('INSERT INTO v (i, d, s, b, dt, j) VALUES (?, ?, ?, ?, ?, ?)', row(k)) : run(c, 'INSERT INTO v (i, d, s, b, dt, j) VALUES (?, ?, ?, ?, ?, ?)', row(k)));
    if (k < 4) say(`insert ${k}`, answer);
  }
  for (let k = 0; k < 20; k += 1) say(`read ${k}`, await (k % 2 && c.execute ? c.execute('SELECT * FROM v WHERE id = ? OR s = ?', [k, row(k)[2]]) : run(c, 'SELECT * FROM v WHERE id = ? OR s = ?', [k, row(k)[2]])));
  if (c.batch) {
    say('batch', await c.batch('INSERT INTO v (i, d, s, b, dt, j) VALUES (?, ?, ?, ?, ?, ?)', Array.from({ length: 500 }, (_, k) => row(k))).catch((e) => e));
    say('batch that fails', await c.batch('INSERT INTO v (id) VALUES (?)', [[100000], [1]]).catch((e) => e));
  }
  say('count', await run(c, 'SELECT COUNT(*), SUM(i), MAX(d) FROM v'));
  await run(c, 'CREATE TABLE b (id INT PRIMARY KEY, data LONGBLOB)');
  for (const size of [1 << 20, (1 << 24) - 30, (17 << 20) + 3]) {
    say(`big ${size}`, [await run(c, 'INSERT INTO b VALUES (?, ?)', [size, Buffer.alloc(size, `${size}`)]), await run(c, 'SELECT data FROM b WHERE id = ?', [size])]);
  }
}

async function transactions(c, other) {
  await run(c, 'CREATE TABLE acc (id INT PRIMARY KEY, amount INT NOT NULL)');
  await run(c, 'INSERT INTO acc VALUES (1, 100), (2, 100)');
  await c.begin();
  await run(c, 'UPDATE acc SET amount = 90 WHERE id = 1');
  say('inside', [await run(c, 'SELECT * FROM acc'), await run(other, 'SELECT * FROM acc')]);
  for (const sql of ['SAVEPOINT one', 'DELETE FROM acc', 'ROLLBACK TO one', 'RELEASE SAVEPOINT one', 'ROLLBACK TO one']) say(sql, await run(c, sql));
  await c.commit();
  say('committed', await run(other, 'SELECT * FROM acc'));
  await run(other, 'SET innodb_lock_wait_timeout = 1');
  await c.begin();
  await run(c, 'UPDATE acc SET amount = 1 WHERE id = 1');
  say('lock wait', await run(other, 'UPDATE acc SET amount = 2 WHERE id = 1'));
  await c.rollback();
}

async function routines() {
  const c = await open(several);
  say('call', await run(c, 'CALL three(5, @o)'));
  say('call that fails', await run(c, 'CALL fails()'));
  say('functions', await run(c, 'SELECT twice(21), noted(4)'));
  say('several', await run(c, 'SELECT 1 AS a; INSERT INTO journal (n) VALUES (1); SELECT COUNT(*) AS n FROM journal'));
  say('several with an error', await run(c, 'SELECT 1; SELECT * FROM no_such_table'));
  await c.end();
}

async function streams(c) {
  let sum = 0;
  for await (const row of c.stream('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT a.i, b.i AS j FROM n a JOIN n b ON b.i <= 20 ORDER BY a.i, b.i')) sum += Number(row.i) * Number(row.j);
  say('stream', sum);
}

async function files() {
  const c = await open(infile);
  const file = path.join(os.tmpdir(), `wye-${process.pid}.csv`);
  fs.writeFileSync(file, Array.from({ length: 20001 }, (_, i) => `${i};zeile ü ${i}\n`).join(''));
  await run(c, 'CREATE TABLE lines_in (a INT, b VARCHAR(50))');
  say('infile: load', await run(c, `LOAD DATA LOCAL INFILE '${file}' INTO TABLE lines_in CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';'`));
  fs.unlinkSync(file);
  say('infile: loaded', await run(c, 'SELECT COUNT(*), SUM(a), MAX(b) FROM lines_in'));
  await c.end().catch(() => {});
}

async function pools() {
  const pool = makePool(6);
  await pool.query('CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL)');
  await pool.query('INSERT INTO counter VALUES (1, 0)');
  let stale = 0;
  for (let i = 1; i <= 60; i += 1) {
    await pool.query('UPDATE counter SET n = ? WHERE id = 1', [i]);
    const seen = await Promise.all([1, 2, 3].map(() => pool.query('SELECT n FROM counter WHERE id = 1')));
    stale += seen.filter((rows) => rows[0].n !== i).length;
  }
  say('stale reads of 180', stale);
  say('many at once', await Promise.all(Array.from({ length: 100 }, (_, i) => pool.query('SELECT ? AS i, title FROM book WHERE id = ?', [i, 1 + (i % 5)]))));
  await pool.end();
}

async function logins(c) {
  for (const [what, more] of Object.entries({ 'no TLS': {}, TLS: { ssl: { ca } }, 'wrong password': { password: 'wrong' }, 'unknown user': { user: 'nobody_here' }, 'unknown schema': { database: 'no_such_schema' } })) {
    say(`login: ${what}`, await open(more).then(async (one) => {
      const answer = await run(one, 'SELECT CURRENT_USER(), DATABASE()');
      await one.end();
      return answer;
    }).catch((e) => e));
  }
  say('ping', await c.ping().then(() => 'pong'));
  await run(c, 'SET @kept = 1');
  if (c.reset) say('reset', [await c.reset().then(() => 'done', (e) => e), await run(c, 'SELECT @kept')]);
  await run(c, 'SET @kept = 1');
  say('change user', [await c.change({ ...base, database: 'information_schema' }).then(() => 'done', (e) => e), await run(c, 'SELECT @kept, DATABASE()')]);
  await c.change(base).catch(() => {});
}

async function cancel(c, other) {
  say('kill: its id', Number(c.id()) === Number(Object.values((await run(c, 'SELECT CONNECTION_ID() AS id')).result[0])[0]));
  const waits = run(c, "SELECT 'waits', SLEEP(10), UUID_SHORT() > 0");
  for (let i = 0; i < 3000; i += 1) if (Number((await run(other, "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT ''waits''%'")).result[0].n)) break;
  say('kill: the statement', await run(other, `KILL QUERY ${c.id()}`));
  say('kill: what it says', await waits);
}

async function main() {
  let c;
  try {
    c = await open({ ssl: { ca } });
  } catch (e) {
    say('login', e); // what this client says where it can't log in
    return;
  }
  const other = await open();
  await scripts(c);
  await values(c);
  await transactions(c, other);
  await routines();
  await streams(c);
  await files();
  await pools();
  await logins(c);
  await cancel(c, other);
  await c.end();
  await other.end();
}

main().then(() => process.exit(0), (e) => {
  say('failed', { ...plain(e), stack: e.stack });
  process.exit(1);
});
