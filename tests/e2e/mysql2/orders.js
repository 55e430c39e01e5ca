'use strict';
// A small shop: orders placed in transactions, with roll-backs, deadlocks and retries.
const { run, error, plain } = require('./show.js');

const tables = [
  'CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL, balance DECIMAL(10,2) NOT NULL DEFAULT 100)',
  'CREATE TABLE products (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL UNIQUE, price DECIMAL(8,2) NOT NULL)',
  'CREATE TABLE stock (product_id INT PRIMARY KEY, quantity INT NOT NULL, CHECK (quantity >= 0), FOREIGN KEY (product_id) REFERENCES products (id))',
  "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer_id INT NOT NULL, total DECIMAL(10,2), state ENUM('new','paid') NOT NULL DEFAULT 'new', FOREIGN KEY (customer_id) REFERENCES customers (id))",
  'CREATE TABLE order_lines (order_id INT, line INT, product_id INT NOT NULL, quantity INT NOT NULL, price DECIMAL(8,2) NOT NULL, PRIMARY KEY (order_id, line), FOREIGN KEY (order_id) REFERENCES orders (id))',
];

const value = (connection, sql, values) => new Promise((resolve, reject) => connection.execute(sql, values, (e, rows) => (e ? reject(e) : resolve(rows))));
const transaction = (connection, method) => new Promise((resolve, reject) => connection[method]((e, r) => (e ? reject(e) : resolve(plain(r)))));

async function place(connection, customer, lines, step) {
  step('begin', await transaction(connection, 'beginTransaction'));
  try {
    const order = await value(connection, 'INSERT INTO orders (customer_id) VALUES (?)', [customer]);
    step('order', order);
    let total = 0;
    for (const [i, [product, quantity]] of lines.entries()) {
      const [found] = await value(connection, 'SELECT p.price, s.quantity FROM products p JOIN stock s ON s.product_id = p.id WHERE p.id = ? FOR UPDATE', [product]);
      step('stock', found);
      step('taken', await value(connection, 'UPDATE stock SET quantity = quantity - ? WHERE product_id = ?', [quantity, product]));
      step('line', await value(connection, 'INSERT INTO order_lines VALUES (?, ?, ?, ?, ?)', [order.insertId, i + 1, product, quantity, found.price]));
      step('seen inside', await value(connection, 'SELECT COUNT(*) AS lines_so_far FROM order_lines WHERE order_id = ?', [order.insertId]));
      total += quantity * Number(found.price);
    }
    step('total', await value(connection, 'UPDATE orders SET total = ? WHERE id = ?', [total.toFixed(2), order.insertId]));
    step('paid', await value(connection, 'UPDATE customers SET balance = balance - ? WHERE id = ?', [total.toFixed(2), customer]));
    step('commit', await transaction(connection, 'commit'));
    return order.insertId;
  } catch (e) {
    step('failed', error(e));
    step('rollback', await transaction(connection, 'rollback'));
    return null;
  }
}

const report = "SELECT c.name, c.balance, COUNT(DISTINCT o.id) AS orders_placed, COALESCE(SUM(l.quantity * l.price), 0) AS spent FROM customers c LEFT JOIN orders o ON o.customer_id = c.id LEFT JOIN order_lines l ON l.order_id = o.id GROUP BY c.id ORDER BY c.id";

// Two transactions lock two rows in opposite order. The lighter one (it has changed least) is the victim; it tries again.
async function deadlock({ open, close }, step) {
  const heavy = await open();
  const light = await open();
  await transaction(heavy, 'beginTransaction');
  await transaction(light, 'beginTransaction');
  step('heavy changes much', await run(heavy, 'query', 'UPDATE customers SET balance = balance + 1 WHERE id BETWEEN 10 AND 60'));
  step('heavy', await run(heavy, 'query', 'UPDATE stock SET quantity = quantity - 1 WHERE product_id = 1'));
  step('light', await run(light, 'query', 'UPDATE stock SET quantity = quantity - 1 WHERE product_id = 2'));
  const waiting = run(heavy, 'query', 'UPDATE stock SET quantity = quantity - 1 WHERE product_id = 2');
  step('the victim', await run(light, 'query', 'UPDATE stock SET quantity = quantity - 1 WHERE product_id = 1'));
  step('the winner', await waiting);
  step('the winner commits', await transaction(heavy, 'commit'));
  step('the victim has no transaction', await run(light, 'query', 'SELECT quantity FROM stock ORDER BY product_id'));
  await transaction(light, 'beginTransaction');
  step('retry', await run(light, 'query', 'UPDATE stock SET quantity = quantity - 1 WHERE product_id IN (1, 2)'));
  step('retry commits', await transaction(light, 'commit'));
  await run(light, 'query', 'SET innodb_lock_wait_timeout = 1');
  await transaction(heavy, 'beginTransaction');
  await run(heavy, 'query', 'UPDATE stock SET quantity = quantity WHERE product_id = 1');
  step('lock wait timeout', await run(light, 'query', 'UPDATE stock SET quantity = quantity + 1 WHERE product_id = 1'));
  step('nowait', await run(light, 'query', 'SELECT * FROM stock WHERE product_id = 1 FOR UPDATE NOWAIT'));
  step('skip locked', await run(light, 'query', 'SELECT * FROM stock ORDER BY product_id FOR UPDATE SKIP LOCKED'));
  await transaction(heavy, 'rollback');
  await close(heavy);
  await close(light);
}

async function kinds(connection, step, xid) {
  const each = async (...statements) => {
    for (const sql of statements) step(sql, await run(connection, 'query', sql));
  };
  await each('START TRANSACTION READ ONLY', 'SELECT COUNT(*) FROM orders', 'UPDATE orders SET total = 0', 'COMMIT');
  await each('START TRANSACTION WITH CONSISTENT SNAPSHOT', 'SELECT COUNT(*) FROM orders', 'COMMIT');
  await each('SET autocommit = 0', "INSERT INTO customers (name) VALUES ('implicit')", 'SELECT COUNT(*) FROM customers', 'ROLLBACK', 'SELECT COUNT(*) FROM customers', 'COMMIT', 'SET autocommit = 1');
  await each('BEGIN', "INSERT INTO customers (name) VALUES ('a')", 'SAVEPOINT one', "INSERT INTO customers (name) VALUES ('b')", 'ROLLBACK TO one', 'ROLLBACK TO missing', 'COMMIT', "SELECT name FROM customers WHERE name IN ('a', 'b')");
  await each('BEGIN', "INSERT INTO customers (name) VALUES ('c')", 'CREATE TABLE implicit_commit (a INT)', 'ROLLBACK', "SELECT name FROM customers WHERE name = 'c'");
  await each('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'BEGIN', 'SELECT COUNT(*) FROM orders', 'COMMIT AND CHAIN', "INSERT INTO customers (name) VALUES ('chained')", 'ROLLBACK', "SELECT COUNT(*) FROM customers WHERE name = 'chained'");
  await each('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', 'BEGIN', 'SELECT COUNT(*) FROM orders', 'COMMIT', 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await each('SET TRANSACTION READ ONLY', "INSERT INTO customers (name) VALUES ('refused')", 'SELECT COUNT(*) FROM customers', "INSERT INTO customers (name) VALUES ('taken')", "DELETE FROM customers WHERE name = 'taken'");
  await each('SELECT name FROM customers WHERE id = 1 FOR SHARE', 'SELECT name FROM customers WHERE id = 1 LOCK IN SHARE MODE', 'SELECT name FROM customers WHERE id = 1 FOR UPDATE');
  await each(`XA START '${xid}'`, "INSERT INTO customers (name) VALUES ('xa')", `XA END '${xid}'`, `XA PREPARE '${xid}'`, `XA ROLLBACK '${xid}'`, "SELECT COUNT(*) FROM customers WHERE name = 'xa'");
}

module.exports = async (context, step) => {
  const { open, close, mysql, base } = context;
  const connection = await open();
  for (const sql of tables) step('table', await run(connection, 'query', sql));
  step('customers', await run(connection, 'query', 'INSERT INTO customers (name) VALUES ?', [Array.from({ length: 60 }, (_, i) => [`customer ${i + 1}`])]));
  step('products', await run(connection, 'query', "INSERT INTO products (name, price) VALUES ('lamp', 9.95), ('chair', 49.5), ('table', 120)"));
  step('stock', await run(connection, 'query', 'INSERT INTO stock SELECT id, 20 FROM products'));
  for (let i = 0; i < 4; i += 1) {
    const at = (what, v) => step(`order ${i}: ${what}`, v);
    const id = await place(connection, (i % 3) + 1, [[1, 1 + i], [2, 1]], at);
    step('read at once', await run(connection, 'execute', 'SELECT o.*, l.line, l.quantity FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE o.id = ? ORDER BY line', [id]));
  }
  await place(connection, 1, [[3, 500]], (what, v) => step(`too many: ${what}`, v)); // the CHECK refuses it
  await place(connection, 999, [[1, 1]], (what, v) => step(`nobody: ${what}`, v)); // the foreign key refuses it
  step('report', await run(connection, 'query', report));
  await deadlock(context, step);
  await kinds(connection, step, base.database); // a name of its own: they are global
  // Orders of several connections of a pool, one behind the other: each must see the one before.
  const pool = mysql.createPool({ ...base, connectionLimit: 4 });
  const lease = () => new Promise((resolve, reject) => pool.getConnection((e, c) => (e ? reject(e) : resolve(c))));
  for (let i = 0; i < 8; i += 1) {
    const [a, b] = [await lease(), await lease()];
    const id = await place(a, 5, [[1, 1]], () => {});
    step(`pool order ${i}`, { id, seen: await run(b, 'query', 'SELECT COUNT(*) AS n, MAX(id) AS newest FROM orders') });
    b.release();
    a.release();
  }
  // All at once: the sum is what counts.
  await Promise.all(Array.from({ length: 12 }, async () => {
    const c = await lease();
    // Two orders of one customer may deadlock (the lock of the foreign key, then that of the balance): the victim tries again.
    for (let tries = 0; tries < 100 && (await place(c, 6, [[2, 1]], () => {})) === null; tries += 1);
    c.release();
  }));
  step('report', await run(connection, 'query', report));
  step('stock at the end', await run(connection, 'query', 'SELECT * FROM stock ORDER BY product_id'));
  await new Promise((resolve) => pool.end(resolve));
  await close(connection);
};
