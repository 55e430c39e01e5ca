import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;

/** What a Java program sees through JDBC (MariaDB Connector/J). Prints one JSON object a line. */
public class Program {
  static final Map<String, String> ENV = System.getenv();

  interface Step { Object run() throws Exception; }

  static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c < 32) out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    return out.append('"').toString();
  }

  static String hex(byte[] bytes) {
    StringBuilder out = new StringBuilder();
    for (byte b : bytes) out.append(String.format("%02x", b));
    return out.toString();
  }

  static String json(Object value) throws Exception {
    if (value == null) return "null";
    if (value instanceof byte[]) {
      byte[] bytes = (byte[]) value;
      return quoted(bytes.length <= 200 ? "hex " + hex(bytes)
          : bytes.length + " bytes, " + hex(MessageDigest.getInstance("SHA-256").digest(bytes)).substring(0, 16));
    }
    if (value instanceof SQLException) {
      SQLException e = (SQLException) value;
      return json(Arrays.asList(e.getClass().getSimpleName(), e.getErrorCode(), e.getSQLState(), e.getMessage().replaceAll("\\(conn=-?\\d+\\)", "(conn)")));
    }
    if (value instanceof int[]) return Arrays.toString((int[]) value);
    if (value instanceof Collection) {
      List<String> all = new ArrayList<>();
      for (Object one : (Collection<?>) value) all.add(json(one));
      return all.toString();
    }
    String text = value.toString();
    if (text.length() > 400) return json(text.getBytes(StandardCharsets.UTF_8));
    return quoted(value instanceof String ? text : value.getClass().getSimpleName() + " " + text);
  }

  static void say(String step, Step what) throws Exception {
    Object value;
    try {
      value = what.run();
    } catch (SQLException e) {
      value = e;
    } catch (ExecutionException e) {
      value = e.getCause() instanceof SQLException ? e.getCause() : e.toString();
    }
    System.out.println("{\"step\": " + quoted(step) + ", \"value\": " + json(value) + "}");
  }

  static Connection connect(String options) throws SQLException {
    return connect(ENV.get("DATABASE"), ENV.get("USER_NAME"), ENV.get("PASSWORD"), options);
  }

  static Connection connect(String database, String user, String password, String options) throws SQLException {
    return DriverManager.getConnection("jdbc:mariadb://" + ENV.get("HOST") + ":" + ENV.get("PORT") + "/" + database
        + "?allowPublicKeyRetrieval=true&allowLocalInfile=true&serverTimezone=UTC&connectTimeout=20000&" + options, user, password);
  }

  static Object rows(ResultSet set) throws SQLException {
    List<Object> all = new ArrayList<>(), columns = new ArrayList<>();
    ResultSetMetaData meta = set.getMetaData();
    for (int i = 1; i <= meta.getColumnCount(); i++) {
      columns.add(Arrays.asList(meta.getColumnLabel(i), meta.getColumnName(i), meta.getTableName(i), meta.getColumnTypeName(i), meta.getPrecision(i),
          meta.getScale(i), meta.isNullable(i), meta.isAutoIncrement(i), meta.isSigned(i)));
    }
    all.add(columns);
    while (set.next()) {
      List<Object> row = new ArrayList<>();
      for (int i = 1; i <= meta.getColumnCount(); i++) {
        try {
          row.add(set.getObject(i) instanceof Blob ? set.getBytes(i) : set.getObject(i));
        } catch (SQLException e) {
          row.add(e);
        }
      }
      all.add(row);
    }
    set.close();
    return all;
  }

  static Object results(Statement s, boolean isRows) throws SQLException {
    List<Object> all = new ArrayList<>();
    while (true) {
      if (isRows) all.add(rows(s.getResultSet()));
      else if (s.getUpdateCount() == -1) break;
      else all.add("updated " + s.getUpdateCount());
      isRows = s.getMoreResults();
    }
    for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) all.add(w);
    return all;
  }

  static Object run(Connection c, String sql) throws SQLException {
    try (Statement s = c.createStatement()) {
      return results(s, s.execute(sql));
    }
  }

  static Object prepared(Connection c, String sql, Object... values) throws SQLException {
    try (PreparedStatement s = c.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
      return results(s, s.execute());
    }
  }

  static void scripts(Connection text, Connection server) throws Exception {
    for (String name : new String[] {"reads", "state", "errors", "routines"}) {
      for (String sql : Files.readAllLines(Path.of(ENV.get("SHARED"), name + ".sql"))) {
        if (sql.isEmpty() || sql.startsWith("--")) continue;
        String head = sql.substring(0, Math.min(60, sql.length()));
        say(name + ": " + head, () -> run(text, sql));
        if (name.equals("reads")) say(name + " prepared: " + head, () -> prepared(server, sql));
      }
    }
  }

  static void values(Connection c, String how) throws Exception {
    run(c, "DROP TABLE IF EXISTS v");
    run(c, "CREATE TABLE v (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT, d DOUBLE, n DECIMAL(30,10), s TEXT, b LONGBLOB, dt DATETIME(6), da DATE, t TIME(3), bo BOOL)");
    try (PreparedStatement s = c.prepareStatement("INSERT INTO v (i, d, n, s, b, dt, da, t, bo) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
      for (int k = 0; k < 100; k++) {
        boolean nulls = k % 10 == 0;
        s.setObject(1, nulls ? null : -k * 1000000007L);
        s.setObject(2, nulls ? null : k / 7.0);
        s.setBigDecimal(3, nulls ? null : new java.math.BigDecimal(k + ".0000000001"));
        s.setString(4, nulls ? null : "ü😀 '" + k + "' \\");
        s.setBytes(5, nulls ? null : new byte[] {(byte) k, 0, -1});
        s.setTimestamp(6, nulls ? null : Timestamp.valueOf("2024-02-29 23:59:" + (k % 50 + 10) + ".123456"));
        s.setDate(7, nulls ? null : java.sql.Date.valueOf("1999-12-31"));
        s.setTime(8, nulls ? null : Time.valueOf("12:34:56"));
        s.setBoolean(9, k % 2 == 0);
        s.addBatch();
      }
      say(how + ": batch", () -> Arrays.asList(s.executeBatch(), rows(s.getGeneratedKeys())));
    }
    try (PreparedStatement s = c.prepareStatement("SELECT * FROM v WHERE id = ? OR s = ? ORDER BY id")) {
      for (int k = 0; k < 30; k++) {
        s.setInt(1, k);
        s.setString(2, "ü😀 '" + k + "' \\");
        say(how + ": read " + k, () -> rows(s.executeQuery()));
      }
    }
    try (Statement s = c.createStatement()) {
      for (int k = 0; k < 5; k++) s.addBatch("UPDATE v SET i = i + 1 WHERE id <= " + k);
      s.addBatch("INSERT INTO v (id) VALUES (1)");
      s.addBatch("UPDATE v SET i = 0 WHERE id = 1");
      try {
        s.executeBatch();
      } catch (BatchUpdateException e) {
        say(how + ": a batch that fails", () -> Arrays.asList(e.getUpdateCounts(), e));
      }
    }
    say(how + ": after the batches", () -> run(c, "SELECT COUNT(*), SUM(i) FROM v"));
  }

  static void fetching(Connection c) throws Exception {
    String sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT a.i, b.i AS j FROM n a JOIN n b ON b.i <= 20 ORDER BY a.i, b.i";
    for (boolean prepare : new boolean[] {false, true}) {
      try (PreparedStatement p = c.prepareStatement(sql); Statement s = c.createStatement()) {
        (prepare ? p : s).setFetchSize(100);
        try (ResultSet set = prepare ? p.executeQuery() : s.executeQuery(sql)) {
          long[] sum = new long[2];
          while (set.next()) {
            sum[0]++;
            sum[1] += set.getLong(1) * set.getLong(2);
          }
          say("fetch size, " + prepare, () -> Arrays.asList(sum[0], sum[1]));
        }
        try (ResultSet set = prepare ? p.executeQuery() : s.executeQuery(sql)) {
          set.next();
          say("fetch size, another statement in between", () -> run(c, "SELECT COUNT(*) FROM v"));
          say("fetch size, goes on", () -> set.next() ? set.getInt(2) : "nothing");
        }
      }
    }
  }

  static void big(Connection text, Connection server) throws Exception {
    run(text, "CREATE TABLE b (id INT PRIMARY KEY AUTO_INCREMENT, data LONGBLOB)");
    for (int size : new int[] {1 << 20, (1 << 24) - 20, (17 << 20) + 3}) {
      byte[] data = new byte[size];
      new Random(size).nextBytes(data);
      for (Connection c : new Connection[] {text, server}) {
        say("big " + size, () -> prepared(c, "INSERT INTO b (data) VALUES (?)", data));
        say("big " + size + " read", () -> prepared(c, "SELECT data FROM b WHERE id = LAST_INSERT_ID()"));
      }
    }
    try (PreparedStatement s = server.prepareStatement("INSERT INTO b (data) VALUES (?)")) {
      s.setBinaryStream(1, new java.io.ByteArrayInputStream(new byte[3 << 20]));
      say("a stream", () -> s.executeUpdate());
    }
    say("a stream read", () -> run(text, "SELECT LENGTH(data) FROM b ORDER BY id"));
  }

  static void transactions(Connection one, Connection other) throws Exception {
    run(one, "CREATE TABLE acc (id INT PRIMARY KEY, amount INT NOT NULL)");
    run(one, "INSERT INTO acc VALUES (1, 100), (2, 100)");
    one.setAutoCommit(false);
    run(one, "UPDATE acc SET amount = amount - 10 WHERE id = 1");
    say("inside", () -> Arrays.asList(run(one, "SELECT * FROM acc ORDER BY id"), run(other, "SELECT * FROM acc ORDER BY id")));
    Savepoint point = one.setSavepoint("one");
    run(one, "DELETE FROM acc");
    one.rollback(point);
    say("back to the savepoint", () -> run(one, "SELECT COUNT(*) FROM acc"));
    one.commit();
    say("committed", () -> run(other, "SELECT * FROM acc ORDER BY id"));
    run(one, "UPDATE acc SET amount = 1 WHERE id = 1");
    run(other, "SET innodb_lock_wait_timeout = 1");
    say("lock wait", () -> run(other, "UPDATE acc SET amount = 2 WHERE id = 1"));
    one.rollback();
    one.setAutoCommit(true);
    one.setReadOnly(true);
    say("read only", () -> Arrays.asList(one.isReadOnly(), run(one, "SELECT COUNT(*) FROM acc")));
    one.setReadOnly(false);
    one.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
    say("isolation", () -> Arrays.asList(one.getTransactionIsolation(), run(one, "SELECT SUM(amount) FROM acc")));
    one.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
  }

  static void routines(Connection c) throws Exception {
    try (CallableStatement s = c.prepareCall("{CALL three(?, ?)}")) {
      s.setInt(1, 5);
      s.registerOutParameter(2, Types.INTEGER);
      say("call", () -> Arrays.asList(results(s, s.execute()), s.getInt(2)));
    }
    try (CallableStatement s = c.prepareCall("{? = CALL twice(?)}")) {
      s.registerOutParameter(1, Types.INTEGER);
      s.setInt(2, 21);
      say("function", () -> Arrays.asList(s.execute(), s.getInt(1)));
    }
    say("call that fails", () -> run(c, "CALL fails()"));
    try (Connection several = connect("allowMultiQueries=true")) {
      say("several", () -> run(several, "SELECT 1 AS a; INSERT INTO journal (n) VALUES (1); SELECT COUNT(*) FROM journal"));
      say("several with an error", () -> run(several, "SELECT 1; SELECT * FROM no_such_table"));
      say("after it", () -> run(several, "SELECT COUNT(*) FROM journal"));
    }
    try (Connection affected = connect("useAffectedRows=true")) {
      say("found rows", () -> Arrays.asList(run(c, "UPDATE journal SET n = 5"), run(c, "UPDATE journal SET n = 5"), run(affected, "UPDATE journal SET n = 5")));
    }
  }

  static void infile(Connection c) throws Exception {
    run(c, "CREATE TABLE lines_in (a INT, b VARCHAR(50))");
    Path file = Files.createTempFile("wye", ".csv");
    StringBuilder text = new StringBuilder();
    for (int i = 0; i <= 20000; i++) text.append(i).append(";zeile ü ").append(i).append('\n');
    Files.writeString(file, text);
    say("infile: load", () -> run(c, "LOAD DATA LOCAL INFILE '" + file + "' INTO TABLE lines_in CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';'"));
    Files.delete(file);
    say("infile: loaded", () -> run(c, "SELECT COUNT(*), SUM(a), MAX(b) FROM lines_in"));
  }

  static void cancel(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      s.setQueryTimeout(1);
      say("kill: query timeout", () -> s.execute("SELECT SLEEP(15)") ? rows(s.getResultSet()) : null);
    }
    try (Statement s = c.createStatement()) {
      Future<?> later = Executors.newSingleThreadExecutor(r -> {
        Thread t = new Thread(r);
        t.setDaemon(true);
        return t;
      }).submit(() -> {
        try (Connection other = connect("")) {
          for (int i = 0; i < 3000; i++) {
            if (run(other, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT ''waits''%'").toString().contains("[1]")) break;
          }
          s.cancel();
        }
        return null;
      });
      say("kill: cancel", () -> s.execute("SELECT 'waits', SLEEP(15), UUID_SHORT() > 0") ? rows(s.getResultSet()) : null);
      say("kill: cancelled", () -> later.get(30, TimeUnit.SECONDS));
    }
    say("kill: the connection lives", () -> run(c, "SELECT 1"));
  }

  static void writtenThenRead() throws Exception {
    Connection[] pool = new Connection[4];
    for (int i = 0; i < pool.length; i++) pool[i] = connect(i % 2 == 0 ? "" : "useServerPrepStmts=true");
    run(pool[0], "CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL)");
    run(pool[0], "INSERT INTO counter VALUES (1, 0)");
    List<Object> stale = new ArrayList<>();
    for (int i = 1; i <= 60; i++) {
      prepared(pool[i % 4], "UPDATE counter SET n = ? WHERE id = 1", i);
      String seen = prepared(pool[(i + 1) % 4], "SELECT n FROM counter WHERE id = 1").toString();
      if (!seen.contains("[" + i + "]")) stale.add(seen);
    }
    say("stale reads of sixty", () -> stale);
    for (Connection c : pool) c.close();
  }

  static void logins(Connection c) throws Exception {
    String tls = "useSsl=true&serverSslCert=" + ENV.get("CA");
    for (String[] one : new String[][] {{"TLS", "app", "sandbox-app", "shop", tls}, {"no TLS", "app", "sandbox-app", "shop", ""}, {"wrong password", "app", "wrong", "shop", tls},
        {"unknown user", "nobody_here", "x", "shop", tls}, {"unknown schema", "app", "sandbox-app", "no_such_schema", tls}, {"no schema", "app", "sandbox-app", "", tls},
        {"session variables", "app", "sandbox-app", "shop", "sessionVariables=time_zone='+01:00',sql_mode='ANSI'"}}) {
      say("login: " + one[0], () -> {
        try (Connection other = connect(one[3], one[1], one[2], one[4])) {
          return run(other, "SELECT CURRENT_USER(), DATABASE(), @@time_zone, @@sql_mode");
        }
      });
    }
    DatabaseMetaData meta = c.getMetaData();
    say("server", () -> Arrays.asList(meta.getDatabaseProductName(), meta.getDatabaseProductVersion(), meta.getDatabaseMajorVersion(), c.isValid(5)));
    say("tables", () -> rows(meta.getTables(ENV.get("DATABASE"), null, "%", new String[] {"TABLE"})));
    say("columns", () -> rows(meta.getColumns(ENV.get("DATABASE"), null, "book", "%")));
    say("keys", () -> Arrays.asList(rows(meta.getPrimaryKeys(ENV.get("DATABASE"), null, "book")), rows(meta.getImportedKeys(ENV.get("DATABASE"), null, "book"))));
    c.setCatalog("information_schema");
    say("catalog", () -> Arrays.asList(c.getCatalog(), run(c, "SELECT DATABASE()")));
    c.setCatalog(ENV.get("DATABASE"));
  }

  public static void main(String[] arguments) throws Exception {
    System.setOut(new java.io.PrintStream(System.out, true, "UTF-8"));
    TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
    Connection text = connect("useSsl=true&trustServerCertificate=true"), server = connect("useServerPrepStmts=true&cachePrepStmts=true");
    scripts(text, server);
    values(text, "text");
    values(server, "server");
    values(connect("rewriteBatchedStatements=true"), "rewritten");
    values(connect("useBulkStmts=true&useServerPrepStmts=true"), "bulk");
    fetching(server);
    big(text, server);
    transactions(text, server);
    routines(text);
    infile(text);
    writtenThenRead();
    logins(text);
    cancel(text);
    System.exit(0);
  }
}
