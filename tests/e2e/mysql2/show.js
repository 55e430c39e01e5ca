'use strict';
// Everything that a program can see, as plain values that compare byte for byte.
const crypto = require('crypto');

const long = 200;

function digest(bytes) {
  return `${bytes.length} bytes, sha256 ${crypto.createHash('sha256').update(bytes).digest('hex')}`;
}

function plain(value) {
  if (value === null || value === undefined) return value === null ? null : 'undefined';
  if (Buffer.isBuffer(value)) return { buffer: value.length > long ? digest(value) : value.toString('hex') };
  if (value instanceof Date) return { date: Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString() };
  if (value instanceof Error) return error(value);
  if (typeof value === 'bigint') return { bigint: value.toString() };
  if (typeof value === 'number' && !Number.isFinite(value)) return { number: String(value) };
  if (typeof value === 'string') return value.length > long ? { string: digest(Buffer.from(value)) } : value;
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value)) return { array: Array.from(value) };
  // The order in which a server lists what changed means nothing: a set.
  if (typeof value === 'object' && value.systemVariables) value.systemVariables = Object.fromEntries(Object.entries(value.systemVariables).sort());
  if (typeof value === 'object') return { type: value.constructor.name, ...Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)])) };
  return value;
}

function error(e) {
  return { error: e.message, code: e.code, errno: e.errno, sqlState: e.sqlState, sqlMessage: e.sqlMessage, fatal: e.fatal };
}

// A column's definition as it came: every value of the packet that mysql2 keeps.
function field(f) {
  if (!f) return f;
  const names = ['catalog', 'schema', 'db', 'table', 'orgTable', 'name', 'orgName', 'characterSet', 'encoding', 'columnLength',
    'columnType', 'type', 'flags', 'decimals', 'typeName'];
  return Object.fromEntries(names.filter((n) => f[n] !== undefined).map((n) => [n, plain(f[n])]));
}

const fields = (list) => (Array.isArray(list) ? list.map((f) => (Array.isArray(f) ? f.map(field) : field(f))) : list);

// run(connection, 'query' | 'execute', ...): resolves with what the callback got, errors included.
function run(connection, method, ...args) {
  return new Promise((resolve) => {
    connection[method](...args, (e, result, columns) => {
      resolve(e ? error(e) : { result: plain(result), fields: fields(columns) });
    });
  });
}

function say(section, step, value) {
  process.stdout.write(`${JSON.stringify({ section, step, value: plain(value) })}\n`);
}

module.exports = { plain, error, field, fields, run, say, digest };
