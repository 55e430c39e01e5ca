<?php
// wordpress.php REQUESTS SEED: what WordPress sends to its database, a connection for each request: wpdb's connecting (charset, sql_mode, then the schema), the options, a page
// with its posts, terms and meta; now and then a comment, a login, a post that is saved, a transient, cron. HOST, PORT, USER_NAME, PASSWORD, DATABASE from the environment.
mysqli_report(MYSQLI_REPORT_OFF);
mt_srand((int)$argv[2]);
const NOT_WANTED = ['NO_ZERO_DATE', 'ONLY_FULL_GROUP_BY', 'STRICT_TRANS_TABLES', 'STRICT_ALL_TABLES', 'TRADITIONAL', 'ANSI'];

function q(mysqli $db, string $sql) {
    $result = $db->query($sql);
    if ($result === false) {
        fwrite(STDERR, "$db->errno $db->error: $sql\n");
        exit(1);
    }
    return $result instanceof mysqli_result ? $result->fetch_all(MYSQLI_ASSOC) : $db->insert_id;
}

function connect(): mysqli {
    $db = mysqli_init();
    if (!$db->real_connect(getenv('HOST'), getenv('USER_NAME'), getenv('PASSWORD'), null, (int)getenv('PORT'), null, 0)) {
        fwrite(STDERR, "$db->connect_errno $db->connect_error\n");
        exit(1);
    }
    $db->set_charset('utf8mb4');
    q($db, "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_520_ci'");
    $modes = explode(',', q($db, 'SELECT @@SESSION.sql_mode')[0]['@@SESSION.sql_mode']);
    q($db, "SET SESSION sql_mode='" . implode(',', array_diff($modes, NOT_WANTED)) . "'");
    $db->select_db(getenv('DATABASE'));
    return $db;
}

function options(mysqli $db): void {
    q($db, "SELECT option_name, option_value FROM wp_options WHERE autoload IN ( 'yes', 'on', 'auto-on', 'auto' )");
    foreach (['WPLANG', 'theme_switched', 'widget_search'] as $name) {
        q($db, "SELECT option_value FROM wp_options WHERE option_name = '$name' LIMIT 1");
    }
}

function meta(mysqli $db, array $ids): void {
    $in = implode(',', $ids);
    q($db, "SELECT DISTINCT t.term_id, tr.object_id FROM wp_terms AS t INNER JOIN wp_term_relationships AS tr ON tr.term_id = t.term_id WHERE tr.object_id IN ($in) ORDER BY t.name ASC");
    q($db, "SELECT post_id, meta_key, meta_value FROM wp_postmeta WHERE post_id IN ($in) ORDER BY meta_id ASC");
}

function front(mysqli $db): void {
    $page = 10 * mt_rand(0, 3);
    $rows = q($db, "SELECT SQL_CALC_FOUND_ROWS wp_posts.ID FROM wp_posts WHERE 1=1 AND post_type = 'post' AND post_status = 'publish' ORDER BY post_date DESC, ID DESC LIMIT $page, 10");
    q($db, 'SELECT FOUND_ROWS()');
    $ids = array_column($rows, 'ID');
    q($db, 'SELECT wp_posts.* FROM wp_posts WHERE ID IN (' . implode(',', $ids) . ')');
    meta($db, $ids);
    q($db, 'SELECT * FROM wp_users WHERE ID IN (1,2)');
    q($db, 'SELECT user_id, meta_key, meta_value FROM wp_usermeta WHERE user_id IN (1,2) ORDER BY umeta_id ASC');
}

function single(mysqli $db): int {
    $id = mt_rand(1, 60);
    q($db, "SELECT wp_posts.* FROM wp_posts WHERE 1=1 AND wp_posts.ID = $id AND post_type = 'post' ORDER BY post_date DESC");
    meta($db, [$id]);
    q($db, "SELECT wp_comments.comment_ID FROM wp_comments WHERE comment_approved = '1' AND comment_post_ID = $id ORDER BY comment_ID ASC LIMIT 50");
    q($db, "SELECT p.ID FROM wp_posts AS p WHERE p.post_date < NOW() AND p.post_type = 'post' AND p.post_status = 'publish' ORDER BY p.post_date DESC LIMIT 1");
    return $id;
}

function comment(mysqli $db, int $post): void {
    q($db, "SELECT comment_ID FROM wp_comments WHERE comment_post_ID = $post AND comment_author = 'somebody' AND comment_content = 'the same' LIMIT 1");
    $id = q($db, "INSERT INTO wp_comments (comment_post_ID, comment_author, comment_content, comment_approved) VALUES ($post, 'somebody', 'comment " . mt_rand() . "', '1')");
    q($db, "SELECT * FROM wp_comments WHERE comment_ID = $id LIMIT 1");
    $count = q($db, "SELECT COUNT(*) AS n FROM wp_comments WHERE comment_post_ID = $post AND comment_approved = '1'")[0]['n'];
    q($db, "UPDATE wp_posts SET comment_count = $count WHERE ID = $post");
}

function login(mysqli $db): void {
    q($db, "SELECT * FROM wp_users WHERE user_login = 'admin' LIMIT 1");
    q($db, "SELECT umeta_id FROM wp_usermeta WHERE meta_key = 'session_tokens' AND user_id = 1");
    q($db, "UPDATE wp_usermeta SET meta_value = '" . mt_rand() . "' WHERE user_id = 1 AND meta_key = 'session_tokens'");
    q($db, 'SHOW FULL COLUMNS FROM wp_options');
    q($db, "SELECT post_status, COUNT(*) AS num_posts FROM wp_posts WHERE post_type = 'post' GROUP BY post_status");
}

function save(mysqli $db): void {
    q($db, 'SHOW FULL COLUMNS FROM wp_posts');
    $id = q($db, "INSERT INTO wp_posts (post_author, post_date, post_content, post_title, post_status, post_type) VALUES (1, NOW(), 'content', 'title', 'draft', 'post')");
    q($db, "UPDATE wp_posts SET post_status = 'publish' WHERE ID = $id");
    q($db, "INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES ($id, '_edit_lock', '" . mt_rand() . ":1')");
    q($db, "INSERT INTO wp_term_relationships (object_id, term_id) VALUES ($id, 1)");
    q($db, "SELECT * FROM wp_posts WHERE ID = $id LIMIT 1");
}

function transient(mysqli $db): void {
    q($db, "INSERT INTO wp_options (option_name, option_value, autoload) VALUES ('_transient_doing_cron', '" . microtime(true) . "', 'on') " .
        'ON DUPLICATE KEY UPDATE option_name = VALUES(option_name), option_value = VALUES(option_value), autoload = VALUES(autoload)');
    q($db, "SELECT option_value FROM wp_options WHERE option_name = '_transient_doing_cron' LIMIT 1");
}

for ($request = 0; $request < (int)$argv[1]; $request += 1) {
    $db = connect();
    options($db);
    $kind = mt_rand(0, 99);
    if ($kind < 45) {
        front($db);
    } elseif ($kind < 85) {
        single($db);
    } elseif ($kind < 92) {
        comment($db, single($db));
    } elseif ($kind < 95) {
        login($db);
    } elseif ($kind < 97) {
        save($db);
    } else {
        transient($db);
    }
    $db->close();
}
