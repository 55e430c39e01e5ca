'use strict';
// orms.js knex | sequelize | typeorm | drizzle: a small shop through an ORM over mysql2: schema, relations, transactions, pages, sums. JSON lines.
const fs = require('fs');

const which = process.argv[2];
const base = { host: process.env.HOST, port: Number(process.env.PORT), user: process.env.USER_NAME, password: process.env.PASSWORD, database: process.env.DATABASE };
const ssl = { ca: fs.readFileSync(process.env.CA) };

function plain(value) {
  if (value instanceof Error) {
    const e = value.parent || value.driverError || value.cause || value.original || value;
    return { name: value.name, errno: e.errno, code: e.code, state: e.sqlState, text: e.sqlMessage || e.message };
  }
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return `${value}n`;
  if (Buffer.isBuffer(value)) return `hex ${value.toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value.toJSON === 'function') return plain(value.toJSON());
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return value;
}

const say = (step, value) => process.stdout.write(`${JSON.stringify({ step, value: plain(value) })}\n`);
const caught = (promise) => promise.catch((e) => e);
const customers = Array.from({ length: 12 }, (_, i) => ({ email: `kundin${i}@example.org`, name: `Kündin ${i} 😀`, born: i % 3 ? `19${60 + i}-02-2${i % 10}` : null }));
const items = (order) => Array.from({ length: 1 + (order % 4) }, (_, i) => ({ sku: `sku-${i}`, pieces: i + 1, price: `${9 + order}.99` }));

async function withKnex() {
  const knex = require('knex')({ client: 'mysql2', connection: { ...base, ssl }, pool: { min: 1, max: 6 } });
  say('the books', await knex('book').join('author', 'author.id', 'book.author_id').select('title', 'name').orderBy('book.id'));
  for (let i = 0; i < 30; i += 1) say(`a book ${i}`, await knex('book').where('id', 1 + (i % 5)).first());
  const migrations = {
    getMigrations: async () => ['one', 'two'],
    getMigrationName: (m) => m,
    getMigration: async (m) => (m === 'one' ? {
      up: async (k) => {
        await k.schema.createTable('customers', (t) => { t.increments('id'); t.string('email').unique(); t.string('name'); t.date('born'); t.json('extra'); t.timestamp('made', { precision: 3 }).nullable(); });
        await k.schema.createTable('orders', (t) => { t.bigIncrements('id'); t.integer('customer_id').unsigned().references('customers.id').onDelete('CASCADE'); t.decimal('total', 10, 2).defaultTo(0); t.enu('state', ['new', 'paid']); });
      },
      down: async (k) => { await k.schema.dropTable('orders'); await k.schema.dropTable('customers'); },
    } : {
      up: (k) => k.schema.createTable('items', (t) => { t.increments('id'); t.bigInteger('order_id').unsigned().references('orders.id'); t.string('sku'); t.integer('pieces'); t.decimal('price', 10, 2); t.index(['order_id', 'sku'], 'by_sku'); }),
      down: (k) => k.schema.dropTable('items'),
    }),
  };
  say('migrate', await knex.migrate.latest({ migrationSource: migrations }));
  say('again', await knex.migrate.latest({ migrationSource: migrations }));
  say('back', await knex.migrate.rollback({ migrationSource: migrations }));
  say('forth', await knex.migrate.latest({ migrationSource: migrations }));
  say('customers', await knex('customers').insert(customers.map((c, i) => ({ ...c, extra: JSON.stringify({ i }) }))));
  for (let i = 0; i < 20; i += 1) {
    say(`order ${i}`, await caught(knex.transaction(async (t) => {
      const [id] = await t('orders').insert({ customer_id: 1 + (i % 12), state: i % 2 ? 'paid' : 'new' });
      await t('items').insert(items(i).map((one) => ({ ...one, order_id: id })));
      await caught(t.transaction(async (inner) => { await inner('items').where({ order_id: id }).del(); throw new Error('inner rolls back'); }));
      await t('orders').where({ id }).update({ total: t('items').where({ order_id: id }).sum(t.raw('pieces * price')) });
      if (i % 5 === 4) throw new Error('rolled back');
      return id;
    })));
  }
  for (let page = 0; page < 4; page += 1) say(`page ${page}`, await knex('orders').orderBy('id').limit(5).offset(page * 5));
  say('sums', await knex('customers').leftJoin('orders', 'orders.customer_id', 'customers.id').groupBy('customers.id').select('customers.name').count('orders.id as n').sum('total as total').orderBy('customers.id'));
  say('duplicate', await caught(knex('customers').insert({ email: customers[0].email })));
  say('upsert', await knex('customers').insert({ email: customers[0].email, name: 'neu' }).onConflict('email').merge());
  say('for update', await knex.transaction((t) => t('customers').where('id', 1).forUpdate().first('name')));
  let streamed = 0;
  await knex('items').stream((s) => s.on('data', () => { streamed += 1; }));
  say('streamed', streamed);
  say('columns', Object.fromEntries(Object.entries(await knex("items").columnInfo()).sort()));
  await knex.destroy();
}

async function withSequelize() {
  const { Sequelize, DataTypes, Op } = require('sequelize');
  const s = new Sequelize(base.database, base.user, base.password, { host: base.host, port: base.port, dialect: 'mysql', logging: false, dialectOptions: { ssl }, pool: { max: 6 }, define: { timestamps: false } });
  await s.authenticate();
  const Book = s.define('book', { title: DataTypes.STRING, price: DataTypes.DECIMAL(8, 2) }, { tableName: 'book' });
  for (let i = 0; i < 30; i += 1) say(`a book ${i}`, await Book.findByPk(1 + (i % 5)));
  const Customer = s.define('customer', { email: { type: DataTypes.STRING, unique: 'email' }, name: DataTypes.STRING, born: DataTypes.DATEONLY, extra: DataTypes.JSON });
  const Order = s.define('order', { total: DataTypes.DECIMAL(10, 2), state: DataTypes.ENUM('new', 'paid') });
  const Item = s.define('item', { sku: DataTypes.STRING, pieces: DataTypes.INTEGER, price: DataTypes.DECIMAL(10, 2) });
  Customer.hasMany(Order); Order.belongsTo(Customer); Order.hasMany(Item); Item.belongsTo(Order);
  await s.sync({ force: true });
  await s.sync({ alter: true });
  say('tables', await s.getQueryInterface().describeTable('items'));
  say('customers', await Customer.bulkCreate(customers.map((c, i) => ({ ...c, extra: { i } }))));
  for (let i = 0; i < 20; i += 1) {
    say(`order ${i}`, await caught(s.transaction({ isolationLevel: i % 2 ? 'READ COMMITTED' : undefined }, async (transaction) => {
      const order = await Order.create({ customerId: 1 + (i % 12), state: i % 2 ? 'paid' : 'new', items: items(i) }, { include: Item, transaction });
      await caught(s.transaction({ transaction }, async (inner) => { await Item.destroy({ where: { orderId: order.id }, transaction: inner }); throw new Error('inner rolls back'); }));
      order.total = items(i).reduce((sum, one) => sum + one.pieces * Number(one.price), 0).toFixed(2);
      await order.save({ transaction });
      if (i % 5 === 4) throw new Error('rolled back');
      return order;
    })));
    say(`order ${i} seen`, await Order.count());
  }
  for (let page = 0; page < 4; page += 1) say(`page ${page}`, await Order.findAndCountAll({ include: [Customer], order: ['id'], limit: 5, offset: page * 5 }));
  say('sums', await Order.findAll({ attributes: ['customerId', [s.fn('SUM', s.col('total')), 'sum'], [s.fn('COUNT', s.col('id')), 'n']], group: ['customerId'], order: ['customerId'], raw: true }));
  say('with items', await Customer.findAll({ include: { model: Order, include: { model: Item, where: { pieces: { [Op.gt]: 1 } } } }, order: ['id', [Order, 'id'], [Order, Item, 'id']] }));
  say('find or create', await Customer.findOrCreate({ where: { email: 'new@example.org' }, defaults: { name: 'neu' } }));
  say('increment', await Item.increment({ pieces: 2 }, { where: { sku: 'sku-0' } }).then(() => Item.sum('pieces')));
  say('duplicate', await caught(Customer.create({ email: customers[0].email })));
  say('upsert', (await Customer.upsert({ email: customers[0].email, name: 'neu' }))[1]);
  say('lock', await s.transaction((transaction) => Customer.findByPk(1, { transaction, lock: true })));
  say('raw', await s.query('SELECT :a AS a, COUNT(*) AS n FROM items', { replacements: { a: "ü'" }, type: 'SELECT' }));
  say('bound', await s.query('SELECT $1 AS a, COUNT(*) AS n FROM items WHERE pieces > $2', { bind: ['x', 1], type: 'SELECT' }));
  await s.close();
}

async function withTypeorm() {
  const { DataSource, EntitySchema, MoreThan } = require('typeorm');
  const id = { type: 'int', primary: true, generated: true };
  const Customer = new EntitySchema({ name: 'Customer', tableName: 'customers', columns: { id, email: { type: 'varchar', unique: true }, name: { type: 'varchar', nullable: true }, born: { type: 'date', nullable: true } }, relations: { orders: { type: 'one-to-many', target: 'Order', inverseSide: 'customer' } } });
  const Order = new EntitySchema({ name: 'Order', tableName: 'orders', columns: { id, total: { type: 'decimal', precision: 10, scale: 2, default: 0 }, state: { type: 'enum', enum: ['new', 'paid'] } }, relations: { customer: { type: 'many-to-one', target: 'Customer', inverseSide: 'orders' }, items: { type: 'one-to-many', target: 'Item', inverseSide: 'order', cascade: true } } });
  const Item = new EntitySchema({ name: 'Item', tableName: 'items', columns: { id, sku: { type: 'varchar' }, pieces: { type: 'int' }, price: { type: 'decimal', precision: 10, scale: 2 } }, relations: { order: { type: 'many-to-one', target: 'Order', inverseSide: 'items', onDelete: 'CASCADE' } } });
  class First1700000000000 {
    name = 'First1700000000000';

    async up(q) { await q.query('CREATE TABLE migrated (a INT)'); }

    async down(q) { await q.query('DROP TABLE migrated'); }
  }
  const source = new DataSource({ type: 'mysql', connectorPackage: 'mysql2', host: base.host, port: base.port, username: base.user, password: base.password, database: base.database, ssl, entities: [Customer, Order, Item], migrations: [First1700000000000], poolSize: 6 });
  await source.initialize();
  for (let i = 0; i < 30; i += 1) say(`a book ${i}`, await source.query('SELECT * FROM book WHERE id = ?', [1 + (i % 5)]));
  await source.synchronize();
  say('migrations', [await source.runMigrations(), await source.runMigrations(), await source.undoLastMigration()]);
  const [c, o, t] = ['Customer', 'Order', 'Item'].map((name) => source.getRepository(name));
  say('customers', await c.save(customers));
  for (let i = 0; i < 20; i += 1) {
    say(`order ${i}`, await caught(source.transaction(async (m) => {
      const order = await m.getRepository('Order').save({ customer: { id: 1 + (i % 12) }, state: i % 2 ? 'paid' : 'new', items: items(i) });
      await caught(m.transaction(async (inner) => { await inner.getRepository('Item').delete({ sku: 'sku-0' }); throw new Error('inner rolls back'); }));
      await m.getRepository('Order').update(order.id, { total: 10 + i });
      if (i % 5 === 4) throw new Error('rolled back');
      return order;
    })));
    say(`order ${i} seen`, await o.count());
  }
  for (let page = 0; page < 4; page += 1) say(`page ${page}`, await o.findAndCount({ relations: { customer: true, items: true }, order: { id: 'ASC', items: { id: 'ASC' } }, take: 5, skip: page * 5 }));
  say('sums', await o.createQueryBuilder('o').leftJoin('o.customer', 'c').select('c.name', 'name').addSelect('SUM(o.total)', 'total').groupBy('c.id').orderBy('c.id').getRawMany());
  say('some items', await t.find({ where: { pieces: MoreThan(2) }, order: { id: 'ASC' } }));
  say('duplicate', await caught(c.insert({ email: customers[0].email })));
  say('upsert', [await c.upsert({ email: customers[0].email, name: 'neu' }, ['email']), await c.findOneBy({ email: customers[0].email })]);
  say('lock', await source.transaction((m) => m.getRepository('Customer').findOne({ where: { id: 1 }, lock: { mode: 'pessimistic_write' } })));
  say('increment', [await t.increment({ sku: 'sku-0' }, 'pieces', 5), await t.sum('pieces')]);
  await source.destroy();
}

async function withDrizzle() {
  const mysql = require('mysql2/promise');
  const { drizzle } = require('drizzle-orm/mysql2');
  const { mysqlTable, int, varchar, decimal, mysqlEnum, date } = require('drizzle-orm/mysql-core');
  const { relations, eq, sql, desc, gt } = require('drizzle-orm');
  const book = mysqlTable('book', { id: int('id').primaryKey().autoincrement(), title: varchar('title', { length: 100 }), price: decimal('price', { precision: 8, scale: 2 }) });
  const customer = mysqlTable('customers', { id: int('id').primaryKey().autoincrement(), email: varchar('email', { length: 100 }), name: varchar('name', { length: 100 }), born: date('born', { mode: 'string' }) });
  const order = mysqlTable('orders', { id: int('id').primaryKey().autoincrement(), customerId: int('customer_id'), total: decimal('total', { precision: 10, scale: 2 }), state: mysqlEnum('state', ['new', 'paid']) });
  const item = mysqlTable('items', { id: int('id').primaryKey().autoincrement(), orderId: int('order_id'), sku: varchar('sku', { length: 20 }), pieces: int('pieces'), price: decimal('price', { precision: 10, scale: 2 }) });
  const schema = { book, customer, order, item,
    customerOrders: relations(customer, ({ many }) => ({ orders: many(order) })),
    orderItems: relations(order, ({ one, many }) => ({ customer: one(customer, { fields: [order.customerId], references: [customer.id] }), items: many(item) })),
    itemOrder: relations(item, ({ one }) => ({ order: one(order, { fields: [item.orderId], references: [order.id] }) })) };
  const pool = mysql.createPool({ ...base, ssl, connectionLimit: 6 });
  const db = drizzle(pool, { schema, mode: process.env.FLAVOUR === 'mariadb' ? 'planetscale' : 'default' });
  for (let i = 0; i < 30; i += 1) say(`a book ${i}`, await db.select().from(book).where(eq(book.id, 1 + (i % 5))));
  for (const ddl of ['CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, email VARCHAR(100) UNIQUE, name VARCHAR(100), born DATE)',
    "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer_id INT REFERENCES customers (id), total DECIMAL(10,2), state ENUM('new', 'paid'))",
    'CREATE TABLE items (id INT PRIMARY KEY AUTO_INCREMENT, order_id INT, sku VARCHAR(20), pieces INT, price DECIMAL(10,2))']) await db.execute(sql.raw(ddl));
  say('customers', await db.insert(customer).values(customers).$returningId());
  for (let i = 0; i < 20; i += 1) {
    say(`order ${i}`, await caught(db.transaction(async (tx) => {
      const [{ id }] = await tx.insert(order).values({ customerId: 1 + (i % 12), state: i % 2 ? 'paid' : 'new', total: '0' }).$returningId();
      await tx.insert(item).values(items(i).map((one) => ({ ...one, orderId: id })));
      await caught(tx.transaction(async (inner) => { await inner.delete(item).where(eq(item.orderId, id)); inner.rollback(); }));
      await tx.update(order).set({ total: sql`(SELECT SUM(pieces * price) FROM items WHERE order_id = ${id})` }).where(eq(order.id, id));
      if (i % 5 === 4) tx.rollback();
      return id;
    }, { isolationLevel: i % 2 ? 'read committed' : 'repeatable read', accessMode: 'read write' })));
    say(`order ${i} seen`, await db.$count(order));
  }
  for (let page = 0; page < 4; page += 1) say(`page ${page}`, await db.select().from(order).leftJoin(customer, eq(order.customerId, customer.id)).orderBy(order.id).limit(5).offset(page * 5));
  if (process.env.FLAVOUR === 'mysql') say('relations', await db.query.order.findMany({ with: { customer: true, items: { orderBy: item.id } }, orderBy: order.id, limit: 6 }));
  say('sums', await db.select({ name: customer.name, total: sql`SUM(${order.total})`, n: sql`COUNT(*)` }).from(customer).innerJoin(order, eq(order.customerId, customer.id)).groupBy(customer.id).orderBy(desc(customer.id)));
  const prepared = db.select().from(item).where(gt(item.pieces, sql.placeholder('p'))).orderBy(item.id).prepare();
  for (let p = 0; p < 4; p += 1) say(`prepared ${p}`, await prepared.execute({ p }));
  say('duplicate', await caught(db.insert(customer).values({ email: customers[0].email })));
  say('upsert', await db.insert(customer).values({ email: customers[0].email }).onDuplicateKeyUpdate({ set: { name: 'neu' } }));
  await pool.end();
}

({ knex: withKnex, sequelize: withSequelize, typeorm: withTypeorm, drizzle: withDrizzle })[which]().then(() => process.exit(0), (e) => {
  say('failed', { ...plain(e), stack: String(e.stack).split('\n').slice(0, 4) });
  process.exit(1);
});
