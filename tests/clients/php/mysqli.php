<?php
// What a PHP program sees through mysqli (mysqlnd): text, prepared, several results, streaming, LOCAL INFILE, asynchronous statements, change_user.
require __DIR__ . '/common.php';
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

function connect(bool $tls = false, array $more = []): mysqli {
    global $host, $port, $user, $password, $database, $ca;
    $one = mysqli_init();
    $one->options(MYSQLI_OPT_LOCAL_INFILE, 1);
    $one->options(MYSQLI_OPT_CONNECT_TIMEOUT, 20);
    if (isset($more['deadline'])) $one->options(MYSQLI_OPT_READ_TIMEOUT, $more['deadline']);
    if (isset($more['native'])) $one->options(MYSQLI_OPT_INT_AND_FLOAT_NATIVE, 1);
    if ($tls) $one->ssl_set(null, null, $ca, null, null);
    $one->real_connect($host, $more['user'] ?? $user, $more['password'] ?? $password, $more['database'] ?? $database, $port, null,
        ($tls ? MYSQLI_CLIENT_SSL : 0) | ($more['flags'] ?? 0));
    $one->set_charset('utf8mb4');
    return $one;
}

function failure(mysqli_sql_exception $e): array {
    return ['error' => $e->getCode(), 'sqlstate' => $e->getSqlState(), 'message' => $e->getMessage()];
}

function result_of(mysqli $one, $result): array {
    if ($result === true || $result === false) {
        return ['affected' => $one->affected_rows, 'id' => $one->insert_id, 'info' => $one->info, 'warnings' => $one->warning_count];
    }
    $fields = array_map(fn($f) => [$f->name, $f->orgname, $f->table, $f->orgtable, $f->length, $f->charsetnr, $f->flags, $f->type, $f->decimals], $result->fetch_fields());
    return ['fields' => $fields, 'rows' => $result->fetch_all(MYSQLI_NUM), 'count' => $result->num_rows, 'warnings' => $one->warning_count];
}

function run(mysqli $one, string $sql): array {
    try {
        return result_of($one, $one->query($sql));
    } catch (mysqli_sql_exception $e) {
        return failure($e);
    }
}

function prepared(mysqli $one, string $sql, array $values = []): array {
    try {
        $statement = $one->prepare($sql);
        $statement->execute($values);
        $result = $statement->get_result();
        $seen = $result ? result_of($one, $result) : ['affected' => $statement->affected_rows, 'id' => $statement->insert_id];
        $statement->close();
        return $seen;
    } catch (mysqli_sql_exception $e) {
        return failure($e);
    }
}

function every_result(mysqli $one, string $sql): array {
    $seen = [];
    try {
        $one->multi_query($sql);
        do {
            $result = $one->store_result();
            $seen[] = result_of($one, $result);
            if ($result) $result->free();
        } while ($one->more_results() && $one->next_result());
    } catch (mysqli_sql_exception $e) {
        $seen[] = failure($e);
    }
    return $seen;
}

function drain(mysqli $one): void {
    while ($one->more_results() && $one->next_result()) if ($r = $one->store_result()) $r->free();
}

function scripts(mysqli $one): void {
    foreach (['reads', 'state', 'errors', 'routines'] as $name) {
        foreach (statements($name) as $sql) {
            say("$name: " . substr($sql, 0, 60), run($one, $sql));
            if ($name === 'reads') say("$name prepared: " . substr($sql, 0, 60), prepared($one, $sql));
        }
    }
}

function values(mysqli $one): void {
    run($one, 'CREATE TABLE v (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT, d DOUBLE, s TEXT, b LONGBLOB, dt DATETIME(6), n DECIMAL(20,5))');
    $statement = $one->prepare('INSERT INTO v (i, d, s, b, dt, n) VALUES (?, ?, ?, ?, ?, ?)');
    $statement->bind_param('idssss', $i, $d, $s, $b, $dt, $n);
    for ($k = 0; $k < 100; $k++) {
        [$i, $d, $s, $b, $dt, $n] = $k % 10 ? [$k, $k / 7, "ü😀 '$k' \\", chr($k) . "\0\xff", "2024-02-29 12:00:$k.000001", "$k.5"] : [null, null, null, null, null, null];
        if ($k >= 60) $dt = null;
        $statement->execute();
    }
    say('bound parameters, again and again', [$statement->insert_id, $statement->affected_rows, $statement->param_count]);
    $statement->close();
    say('read text', run($one, 'SELECT * FROM v WHERE id < 5 ORDER BY id'));
    say('read prepared', prepared($one, 'SELECT * FROM v WHERE id < ? ORDER BY id', [5]));
    $statement = $one->prepare('SELECT i, s FROM v WHERE id = ?');
    $statement->bind_param('i', $id);
    $statement->bind_result($i, $s);
    $seen = [];
    for ($id = 1; $id <= 50; $id++) {
        $statement->execute();
        $statement->fetch();
        $seen[] = [$i, $s];
        $statement->free_result();
    }
    say('fifty executes', $seen);
    $statement->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
    say('escaped', $one->real_escape_string("a'b\"c\\d\0e\nf"));
    $native = connect(false, ['native' => true]);
    say('native numbers', run($native, 'SELECT i, d, n FROM v WHERE id IN (2, 3) ORDER BY id'));
    $native->close();
}

function cursors(mysqli $one): void {
    $statement = $one->prepare('SELECT id, s FROM v WHERE id > ? ORDER BY id');
    $statement->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
    $statement->execute([90]);
    $statement->bind_result($id, $s);
    $seen = [];
    while ($statement->fetch()) $seen[] = [$id, $s];
    say('a cursor', $seen);
    $statement->execute([95]);
    $statement->fetch();
    say('a cursor, left early', $id);
    $statement->close();
    say('after the cursor', run($one, 'SELECT COUNT(*) FROM v'));
}

function big(mysqli $one): void {
    run($one, 'CREATE TABLE b (id INT PRIMARY KEY, data LONGBLOB)');
    foreach ([1 << 20, (17 << 20) + 3] as $id => $size) {
        say("big text $size", run($one, "INSERT INTO b VALUES ($id, _binary '" . $one->real_escape_string(bytes($size)) . "')"));
        $statement = $one->prepare('INSERT INTO b VALUES (?, ?)');
        $null = null;
        $other = 10 + $id;
        $statement->bind_param('ib', $other, $null);
        foreach (str_split(bytes($size), 1 << 20) as $part) $statement->send_long_data(1, $part);
        $statement->execute();
        say("send_long_data $size", $statement->affected_rows);
        $statement->close();
        say("big read $size", [run($one, "SELECT data FROM b WHERE id = $id")['rows'] ?? null, prepared($one, 'SELECT data FROM b WHERE id = ?', [$other])['rows'] ?? null]);
    }
}

function transactions(mysqli $one, mysqli $other): void {
    run($one, 'CREATE TABLE acc (id INT PRIMARY KEY, amount INT NOT NULL)');
    run($one, 'INSERT INTO acc VALUES (1, 100), (2, 100)');
    $one->begin_transaction();
    run($one, 'UPDATE acc SET amount = amount - 10 WHERE id = 1');
    say('inside', [run($one, 'SELECT amount FROM acc WHERE id = 1'), run($other, 'SELECT amount FROM acc WHERE id = 1')]);
    say('savepoints', [$one->savepoint('one'), run($one, 'DELETE FROM acc'), run($one, 'ROLLBACK TO one'), $one->release_savepoint('one'), run($one, 'ROLLBACK TO one')]);
    $one->commit();
    say('committed', run($other, 'SELECT amount FROM acc ORDER BY id'));
    $one->begin_transaction(MYSQLI_TRANS_START_READ_ONLY);
    say('read only', [run($one, 'SELECT COUNT(*) FROM acc'), run($one, 'DELETE FROM acc')]);
    $one->rollback();
    $one->autocommit(false);
    run($one, 'DELETE FROM acc');
    $one->rollback();
    $one->autocommit(true);
    say('rolled back', run($other, 'SELECT COUNT(*) FROM acc'));
}

function streams(mysqli $one): void {
    $result = $one->query('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT a.i, b.i AS j FROM n a JOIN n b ON b.i <= 20 ORDER BY a.i, b.i', MYSQLI_USE_RESULT);
    $sum = 0;
    $rows = 0;
    foreach ($result as $row) {
        $sum += $row['i'] * $row['j'];
        $rows++;
    }
    say('use_result', [$rows, $sum]);
    try {
        $result = $one->query('SELECT id FROM v ORDER BY id', MYSQLI_USE_RESULT);
        $result->fetch_row();
        $one->query('SELECT 1');
        say('two at once', 'no error');
    } catch (mysqli_sql_exception $e) {
        say('two at once', failure($e));
    }
    $result->free();
    say('after it', run($one, 'SELECT 1'));
}

function routines(mysqli $one): void {
    say('call', every_result($one, 'CALL three(5, @o)'));
    say('out', run($one, 'SELECT @o'));
    $statement = $one->prepare('CALL three(?, @o)');
    $statement->execute([6]);
    $seen = [];
    do {
        if ($result = $statement->get_result()) $seen[] = $result->fetch_all();
    } while ($statement->more_results() && $statement->next_result());
    $statement->close();
    say('call prepared', $seen);
    say('out prepared', run($one, 'SELECT @o'));
    say('call that fails', every_result($one, 'CALL fails()'));
    say('functions', run($one, 'SELECT twice(21), noted(4)'));
    say('several', every_result($one, "SELECT 1 AS a; INSERT INTO journal (n) VALUES (1); SELECT COUNT(*) FROM journal; SET @x = 2; SELECT @x"));
    say('several with an error', every_result($one, 'SELECT 1; SELECT * FROM no_such_table; SELECT 2'));
    drain($one);
    say('after it', run($one, 'SELECT 3'));
    $found = connect(false, ['flags' => MYSQLI_CLIENT_FOUND_ROWS]);
    say('found rows', [run($one, 'UPDATE journal SET n = 0'), run($one, 'UPDATE journal SET n = 0'), run($found, 'UPDATE journal SET n = 0')]);
    $found->close();
}

function infile(mysqli $one): void {
    run($one, 'CREATE TABLE lines_in (a INT, b VARCHAR(50))');
    $file = tempnam(sys_get_temp_dir(), 'wye');
    file_put_contents($file, implode('', array_map(fn($i) => "$i;zeile ü $i\n", range(0, 20000))));
    say('infile: load', str_replace($file, 'FILE', json_encode(run($one, "LOAD DATA LOCAL INFILE '$file' INTO TABLE lines_in CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';'"))));
    unlink($file);
    say('infile: loaded', run($one, 'SELECT COUNT(*), SUM(a), MAX(b) FROM lines_in'));
}

function asynchronous(): void {
    [$one, $other] = [connect(), connect()];
    $one->query("SELECT 'first', SLEEP(0.01)", MYSQLI_ASYNC);
    $other->query("SELECT 'second'", MYSQLI_ASYNC);
    $seen = [];
    for ($tries = 0; count($seen) < 2 && $tries < 50; $tries++) {
        $read = $errors = $rejected = array_values(array_filter([$one, $other], fn($c) => !isset($seen[spl_object_id($c)])));
        if (!mysqli_poll($read, $errors, $rejected, 5)) continue;
        foreach ($read as $ready) $seen[spl_object_id($ready)] = $ready->reap_async_query()->fetch_all();
    }
    say('asynchronous', [$seen[spl_object_id($one)] ?? null, $seen[spl_object_id($other)] ?? null]);
    say('kill: its id', $one->thread_id === (int)run($one, 'SELECT CONNECTION_ID()')['rows'][0][0]);
    say('kill: lock', run($other, "SELECT GET_LOCK('php.cancel', 10)")['rows'] ?? null);
    $one->query("SELECT 'waits', GET_LOCK('php.cancel', 10)", MYSQLI_ASYNC);
    for ($tries = 0; $tries < 3000; $tries++) {
        if (run($other, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT ''waits''%'")['rows'][0][0] > 0) break;
    }
    say('kill: the statement', run($other, "KILL QUERY {$one->thread_id}"));
    try {
        say('kill: what it says', $one->reap_async_query()->fetch_all());
    } catch (mysqli_sql_exception $e) {
        say('kill: what it says', failure($e));
    }
    say('kill: the connection lives', run($one, 'SELECT 1'));
    run($other, "SELECT RELEASE_LOCK('php.cancel')");
}

function logins(mysqli $one): void {
    global $user, $password, $database;
    foreach (['no TLS' => [false, []], 'TLS' => [true, []], 'wrong password' => [false, ['password' => 'wrong']], 'unknown user' => [true, ['user' => 'nobody_here']],
        'unknown schema' => [false, ['database' => 'no_such_schema']]] as $what => [$tls, $more]) {
        try {
            say("login: $what", run(connect($tls, $more), 'SELECT CURRENT_USER(), DATABASE()'));
        } catch (mysqli_sql_exception $e) {
            say("login: $what", failure($e));
        }
    }
    say('server', [$one->server_info, $one->server_version, $one->protocol_version, @$one->ping()]);
    run($one, 'SET @kept = 1');
    run($one, 'CREATE TEMPORARY TABLE mine (a INT)');
    say('change_user', $one->change_user($user, $password, 'information_schema'));
    say('a new session', [run($one, 'SELECT @kept, DATABASE()'), run($one, 'SELECT * FROM mine')]);
    say('select_db', [$one->select_db($database), run($one, 'SELECT DATABASE(), COUNT(*) FROM v')]);
    say('charset', [$one->set_charset('latin1'), run($one, "SELECT HEX('" . "\xfc" . "'), @@character_set_client"), $one->character_set_name(), $one->set_charset('utf8mb4')]);
    try {
        say('change_user, wrong', $one->change_user($user, 'wrong', $database));
    } catch (mysqli_sql_exception $e) {
        say('change_user, wrong', failure($e));
    }
}

function written_then_read(): void {
    $pool = array_map(fn() => connect(), range(1, 5));
    run($pool[0], 'CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL)');
    run($pool[0], 'INSERT INTO counter VALUES (1, 0)');
    $stale = [];
    for ($i = 1; $i <= 100; $i++) {
        prepared($pool[$i % 5], 'UPDATE counter SET n = ? WHERE id = 1', [$i]);
        $seen = $i % 2 ? run($pool[($i + 2) % 5], 'SELECT n FROM counter WHERE id = 1') : prepared($pool[($i + 3) % 5], 'SELECT n FROM counter WHERE id = 1');
        if ((int)$seen['rows'][0][0] !== $i) $stale[] = [$i, $seen];
    }
    say('stale reads of a hundred', $stale);
}

function compressed(): void {
    try {
        $one = connect(false, ['flags' => MYSQLI_CLIENT_COMPRESS, 'deadline' => 10]);
        say('compressed: short', run($one, 'SELECT CURRENT_USER(), DATABASE()'));
        say('compressed: long', run($one, "SELECT REPEAT('ü', 1000000), id FROM book ORDER BY id"));
        say('compressed: long statement', run($one, "SELECT LENGTH('" . str_repeat('x', 3000000) . "')")['rows'] ?? null);
    } catch (mysqli_sql_exception $e) {
        say('compressed: login', failure($e));
    }
}

[$one, $other] = [connect(true), connect()];
scripts($one);
values($one);
cursors($one);
big($one);
transactions($one, $other);
streams($one);
routines($one);
infile($one);
written_then_read();
asynchronous();
logins($one);
compressed();
