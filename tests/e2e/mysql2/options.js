'use strict';
// Options of a connection: charsets, TLS, flags, named placeholders, compression.
const { run, error } = require('./show.js');

module.exports = async ({ open, close }, step) => {
  const setup = await open();
  await run(setup, 'query', "CREATE TABLE o (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(50) CHARACTER SET utf8mb4, l VARCHAR(50) CHARACTER SET latin1)");
  await run(setup, 'query', "INSERT INTO o (s, l) VALUES ('Grüße 🚀', 'müßig'), ('zwei', '')");
  await close(setup);
  for (const charset of ['utf8mb4', 'UTF8MB4_BIN', 'UTF8MB4_UNICODE_CI', 'utf8', 'latin1', 'LATIN1_GERMAN1_CI', 'cp1250', 'koi8r', 'sjis', 'gbk', 'BINARY', 'UTF8MB4_0900_AI_CI', 'ASCII_GENERAL_CI']) {
    let connection;
    try {
      connection = await open({ charset });
    } catch (e) {
      step(`charset ${charset}: login`, error(e));
      continue;
    }
    step(`charset ${charset}`, await run(connection, 'query', 'SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection'));
    step(`charset ${charset}: text`, await run(connection, 'query', "SELECT s, l, 'ä' AS literal, HEX('ä') AS h FROM o WHERE id = 1"));
    step(`charset ${charset}: prepared`, await run(connection, 'execute', "SELECT s, l, ? AS literal, HEX(?) AS h FROM o WHERE id = 1", ['ä', 'ä']));
    step(`charset ${charset}: write`, await run(connection, 'execute', 'INSERT INTO o (s, l) VALUES (?, ?)', ['ä', 'ö']));
    step(`charset ${charset}: written`, await run(connection, 'query', 'SELECT HEX(s), HEX(l) FROM o ORDER BY id DESC LIMIT 1'));
    step(`charset ${charset}: error`, await run(connection, 'query', "SELECT 'ä' FROM `fehlt_ä`"));
    await close(connection);
  }
  const update = "UPDATE o SET l = l WHERE id = 1";
  for (const [what, options] of Object.entries({
    tls: { ssl: { rejectUnauthorized: false } }, 'not found rows': { flags: ['-FOUND_ROWS'] }, 'no session track': { flags: ['-SESSION_TRACK'] },
    'no deprecate eof': { flags: ['-DEPRECATE_EOF'] }, 'no ignore space': { flags: ['-IGNORE_SPACE'] }, named: { namedPlaceholders: true },
    'no attributes': { connectAttributes: {} }, attributes: { connectAttributes: { program_name: 'e2e', x: 'ü'.repeat(100) } },
    'no multi results': { flags: ['-PS_MULTI_RESULTS'] }, compressed: { compress: true },
    'stringified': { stringifyObjects: true }, 'row arrays': { rowsAsArray: true }, 'no cleartext': { enableCleartextPlugin: true },
  })) {
    let connection;
    try {
      connection = await open(options);
    } catch (e) {
      step(`${what}: login`, error(e));
      continue;
    }
    step(`${what}: text`, await run(connection, 'query', 'SELECT s FROM o ORDER BY id LIMIT 2'));
    step(`${what}: prepared`, await run(connection, 'execute', 'SELECT s FROM o WHERE id <= ? ORDER BY id', [2]));
    step(`${what}: header`, await run(connection, 'query', update));
    step(`${what}: header prepared`, await run(connection, 'execute', update));
    step(`${what}: changed`, await run(connection, 'query', "UPDATE o SET l = CONCAT(l, 'x') WHERE id = 2"));
    step(`${what}: state`, await run(connection, 'query', "SET time_zone = '+02:00', NAMES utf8mb4"));
    step(`${what}: untracked state`, await run(connection, 'query', 'SET SESSION group_concat_max_len = 100'));
    step(`${what}: space`, await run(connection, 'query', 'SELECT COUNT (*) FROM o WHERE id = 1'));
    step(`${what}: procedure`, await run(connection, 'query', 'SELECT 1; SELECT 2'));
    if (what === 'named') {
      step('named: execute', await run(connection, 'execute', 'SELECT :a AS a, :b AS b, :a AS again', { a: 1, b: 'zwei' }));
      step('named: query', await run(connection, 'query', 'SELECT :a AS a, :b AS b', { a: 1, b: null }));
      step('named: missing', await run(connection, 'query', 'SELECT :a AS a, :missing AS b', { a: 1 }));
    }
    await close(connection);
  }
};
