<?php
// What a PHP program sees through PDO: emulated and real prepares, fetch modes, transactions, several rowsets, unbuffered reads.
require __DIR__ . '/common.php';

function connect(array $options = [], array $more = []): PDO {
    global $host, $port, $user, $password, $database;
    $dsn = "mysql:host=$host;port=$port;charset=utf8mb4" . (($more['database'] ?? $database) ? ';dbname=' . ($more['database'] ?? $database) : '');
    return new PDO($dsn, $more['user'] ?? $user, $more['password'] ?? $password,
        $options + [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => false, PDO::MYSQL_ATTR_LOCAL_INFILE => true]);
}

function failure(PDOException $e): array {
    return ['error' => $e->errorInfo, 'code' => $e->getCode(), 'message' => $e->getMessage()];
}

function run(PDO $one, string $sql, ?array $values = null): array {
    try {
        $statement = $one->prepare($sql);
        if ($statement === false) return ['not prepared' => $one->errorInfo()];
        $statement->execute($values);
        $sets = [];
        do {
            $meta = [];
            for ($i = 0; $i < $statement->columnCount(); $i++) $meta[] = array_diff_key($statement->getColumnMeta($i) ?: [], ['pdo_type' => 0]);
            $sets[] = $meta ? ['columns' => $meta, 'rows' => $statement->fetchAll(PDO::FETCH_NUM)] : ['affected' => $statement->rowCount(), 'id' => $one->lastInsertId()];
        } while ($statement->nextRowset());
        return count($sets) === 1 ? $sets[0] : $sets;
    } catch (PDOException $e) {
        return failure($e);
    }
}

function scripts(PDO $one, string $how): void {
    foreach ($how === 'real' ? ['reads', 'state', 'errors', 'routines'] : ['reads'] as $name) {
        foreach (statements($name) as $sql) {
            if (strpos($sql, '?') === false) say("$how $name: " . substr($sql, 0, 60), run($one, $sql));
        }
    }
}

function shop(PDO $one, PDO $other, string $how): void {
    $one->exec('DROP TABLE IF EXISTS item');
    $one->exec('DROP TABLE IF EXISTS orders');
    $one->exec('CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer VARCHAR(40), made DATETIME, total DECIMAL(10,2))');
    $one->exec('CREATE TABLE item (order_id INT, sku VARCHAR(20), pieces INT, price DECIMAL(10,2), data BLOB, PRIMARY KEY (order_id, sku), FOREIGN KEY (order_id) REFERENCES orders (id))');
    $order = $one->prepare('INSERT INTO orders (customer, made, total) VALUES (:customer, :made, 0)');
    $item = $one->prepare('INSERT INTO item VALUES (?, ?, ?, ?, ?)');
    $total = $one->prepare('UPDATE orders SET total = (SELECT SUM(pieces * price) FROM item WHERE order_id = orders.id) WHERE id = ?');
    $ids = [];
    for ($k = 0; $k < 20; $k++) {
        $one->beginTransaction();
        $order->execute(['customer' => "Kundin ü$k 😀", 'made' => sprintf('2024-02-%02d 10:00:00', $k + 1)]);
        $id = $one->lastInsertId();
        for ($n = 0; $n < 3; $n++) {
            $item->bindValue(1, $id, PDO::PARAM_INT);
            $item->bindValue(2, "sku-$n");
            $item->bindValue(3, $n + 1, PDO::PARAM_INT);
            $item->bindValue(4, '19.99');
            $item->bindValue(5, $n ? "\0\xff$k" : null, $n ? PDO::PARAM_LOB : PDO::PARAM_NULL);
            $item->execute();
        }
        $total->execute([$id]);
        $k % 5 === 4 ? $one->rollBack() : $one->commit();
        $ids[] = [$id, $one->inTransaction()];
    }
    say("$how ids", $ids);
    say("$how page", $other->query('SELECT id, customer, total FROM orders ORDER BY id LIMIT 5 OFFSET 5')->fetchAll(PDO::FETCH_ASSOC));
    say("$how grouped", $other->query('SELECT order_id, sku, pieces FROM item ORDER BY order_id, sku LIMIT 6')->fetchAll(PDO::FETCH_GROUP));
    say("$how pairs", $other->query('SELECT customer, total FROM orders ORDER BY id')->fetchAll(PDO::FETCH_KEY_PAIR));
    say("$how objects", $other->query('SELECT * FROM item ORDER BY order_id, sku LIMIT 2')->fetchAll(PDO::FETCH_OBJ));
    say("$how column", $other->query('SELECT COUNT(*) FROM item')->fetchColumn());
    say("$how duplicate", run($one, "INSERT INTO item VALUES ({$ids[0][0]}, 'sku-0', 1, 1, NULL)"));
    $in = $other->prepare('SELECT id FROM orders WHERE id IN (?, ?, ?) OR customer LIKE ? ORDER BY id');
    for ($k = 0; $k < 10; $k++) {
        $in->execute([$k, $k + 1, $k + 2, "%ü$k %"]);
        say("$how again $k", $in->fetchAll(PDO::FETCH_COLUMN));
    }
}

function rest(PDO $one): void {
    say('call', run($one, 'CALL three(5, @o)'));
    say('out', run($one, 'SELECT @o'));
    say('call that fails', run($one, 'CALL fails()'));
    $emulated = connect([PDO::ATTR_EMULATE_PREPARES => true]);
    say('several', run($emulated, "SELECT 1 AS a; INSERT INTO journal (n) VALUES (1); SELECT COUNT(*) FROM journal"));
    say('several with an error', run($emulated, 'SELECT 1; SELECT * FROM no_such_table'));
    say('call emulated', run($emulated, 'CALL three(7, @o)'));
    $found = connect([PDO::MYSQL_ATTR_FOUND_ROWS => true]);
    say('found rows', [$one->exec('UPDATE journal SET n = 1'), $one->exec('UPDATE journal SET n = 1'), $found->exec('UPDATE journal SET n = 1')]);
    $slow = connect([PDO::MYSQL_ATTR_USE_BUFFERED_QUERY => false]);
    $sum = 0;
    foreach ($slow->query('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT a.i FROM n a JOIN n b ON b.i <= 20') as $row) $sum += $row[0];
    say('unbuffered', $sum);
    $statement = $slow->query('SELECT id FROM book ORDER BY id');
    $statement->fetch();
    try {
        say('two at once', $slow->query('SELECT 1')->fetchAll());
    } catch (PDOException $e) {
        say('two at once', failure($e));
    }
    $statement->closeCursor();
    say('after it', $slow->query('SELECT 2')->fetchColumn());
    $one->exec('CREATE TABLE b (id INT PRIMARY KEY, data LONGBLOB)');
    foreach ([1 << 20, (17 << 20) + 3] as $id => $size) {
        $big = $one->prepare('INSERT INTO b VALUES (?, ?)');
        $big->bindValue(1, $id);
        $big->bindValue(2, bytes($size), PDO::PARAM_LOB);
        say("big $size", [$big->execute(), run($one, "SELECT data FROM b WHERE id = $id")['rows'] ?? null]);
    }
    $one->exec('CREATE TABLE lines_in (a INT, b VARCHAR(50))');
    $file = tempnam(sys_get_temp_dir(), 'wye');
    file_put_contents($file, implode('', array_map(fn($i) => "$i;zeile ü $i\n", range(0, 5000))));
    try {
        say('infile: load', $one->exec("LOAD DATA LOCAL INFILE '$file' INTO TABLE lines_in CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';'"));
    } catch (PDOException $e) {
        say('infile: load', failure($e));
    }
    unlink($file);
    say('infile: loaded', run($one, 'SELECT COUNT(*), SUM(a), MAX(b) FROM lines_in'));
}

function logins(): void {
    global $ca;
    $tls = [PDO::MYSQL_ATTR_SSL_CA => $ca];
    foreach (['no TLS' => [[], []], 'TLS' => [$tls, []], 'wrong password' => [[], ['password' => 'wrong']], 'unknown schema' => [$tls, ['database' => 'no_such_schema']],
        'persistent' => [[PDO::ATTR_PERSISTENT => true], []], 'persistent again' => [[PDO::ATTR_PERSISTENT => true], []],
        'init command' => [[PDO::MYSQL_ATTR_INIT_COMMAND => "SET SESSION sql_mode = 'ANSI', time_zone = '+01:00'"], []]] as $what => [$options, $more]) {
        try {
            $one = connect($options, $more);
            say("login: $what", run($one, 'SELECT CURRENT_USER(), DATABASE(), @@sql_mode, @@time_zone'));
            say("attributes: $what", [$one->getAttribute(PDO::ATTR_SERVER_VERSION), $one->getAttribute(PDO::ATTR_CLIENT_VERSION), $one->getAttribute(PDO::ATTR_CONNECTION_STATUS)]);
        } catch (PDOException $e) {
            say("login: $what", failure($e));
        }
    }
}

function written_then_read(): void {
    $pool = array_map(fn() => connect(), range(1, 4));
    $pool[0]->exec('CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL)');
    $pool[0]->exec('INSERT INTO counter VALUES (1, 0)');
    $stale = 0;
    for ($i = 1; $i <= 60; $i++) {
        run($pool[$i % 4], 'UPDATE counter SET n = ? WHERE id = 1', [$i]);
        $stale += (int)(run($pool[($i + 1) % 4], 'SELECT n FROM counter WHERE id = 1')['rows'][0][0] !== $i);
    }
    say('stale reads of sixty', $stale);
}

[$one, $emulated] = [connect([PDO::MYSQL_ATTR_SSL_CA => $ca]), connect([PDO::ATTR_EMULATE_PREPARES => true, PDO::ATTR_STRINGIFY_FETCHES => true])];
scripts($emulated, 'emulated');
scripts($one, 'real');
shop($one, $emulated, 'real');
shop($emulated, $one, 'emulated');
rest($one);
written_then_read();
logins();
