'use strict';
// node program.js [SECTION...]   HOST, PORT, USER_NAME, PASSWORD, DATABASE, FLAVOUR from the environment.
// Prints one JSON object a line: {section, step, value}. Nothing random and no clock in it: two runs on equal servers print the same.
const mysql = require('mysql2');
const { say, error } = require('./show.js');

process.env.TZ = 'UTC';
const base = {
  host: process.env.HOST,
  port: Number(process.env.PORT),
  user: process.env.USER_NAME,
  password: process.env.PASSWORD,
  database: process.env.DATABASE,
  connectTimeout: 20000,
};

const open = (options = {}) =>
  new Promise((resolve, reject) => {
    const connection = mysql.createConnection({ ...base, ...options });
    connection.on('error', () => {}); // told by the callback
    connection.connect((e) => (e ? reject(e) : resolve(connection)));
  });

// A connection that is already broken calls back no more.
const close = (connection) => new Promise((resolve) => {
  if (connection._closing || connection._fatalError) {
    connection.destroy();
    resolve();
  } else {
    connection.end(() => resolve());
  }
});

const context = { mysql, base, open, close, flavour: process.env.FLAVOUR };

const sections = ['types', 'statements', 'streams', 'connection', 'options', 'orders', 'pool'];

async function main() {
  const wanted = process.argv.slice(2);
  for (const name of sections.filter((s) => !wanted.length || wanted.includes(s))) {
    const step = (what, value) => say(name, what, value);
    try {
      await require(`./${name}.js`)(context, step);
    } catch (e) {
      step('the section failed', { ...error(e), stack: e.stack });
      process.exitCode = 1;
    }
  }
}

const watchdog = setTimeout(() => {
  say('program', 'stuck', 'a statement was not answered');
  process.exit(3);
}, Number(process.env.DEADLINE || 50) * 1000);

main().then(() => clearTimeout(watchdog));
