# What a Ruby program sees through mysql2. Prints one JSON object a line.
require 'bigdecimal'
require 'digest'
require 'json'
require 'mysql2'
require 'tempfile'

SHARED = File.join(__dir__, '..', 'shared')

def plain(value)
  case value
  when String
    return { bytes: value.bytesize, sha256: Digest::SHA256.hexdigest(value)[0, 16] } if value.bytesize > 400
    value.encoding == Encoding::BINARY || !value.valid_encoding? ? { hex: value.unpack1('H*') } : value
  when BigDecimal then { decimal: value.to_s('F') }
  when Float then { float: value.to_s }
  when Time then { time: value.strftime('%F %T.%6N %z') }
  when Date then { date: value.to_s }
  when Array then value.map { |v| plain(v) }
  when Hash then value.to_h { |k, v| [k, plain(v)] }
  when Mysql2::Error then { error: value.error_number, state: value.sql_state, text: value.message }
  else value
  end
end

def say(step, value)
  puts JSON.generate({ step: step, value: plain(value) })
  $stdout.flush
end

def statements(name)
  File.readlines(File.join(SHARED, "#{name}.sql"), chomp: true, encoding: 'UTF-8').reject { |l| l.empty? || l.start_with?('--') }
end

def connect(**more)
  Mysql2::Client.new(host: ENV['HOST'], port: ENV['PORT'].to_i, username: ENV['USER_NAME'], password: ENV['PASSWORD'], database: ENV['DATABASE'],
                     encoding: 'utf8mb4', local_infile: true, connect_timeout: 20, database_timezone: :utc, **more)
end

TLS = { sslca: ENV['CA'], sslverify: false }.freeze

def result_of(client, result)
  return { affected: client.affected_rows, id: client.last_id, info: client.query_info, warnings: client.warning_count } if result.nil?
  { fields: result.fields, types: (result.field_types if result.respond_to?(:field_types)), rows: result.to_a, warnings: client.warning_count }
end

def run(client, sql, **options)
  seen = [result_of(client, client.query(sql, as: :array, **options))]
  seen << result_of(client, client.store_result) while client.next_result
  seen.size == 1 ? seen[0] : seen
rescue Mysql2::Error => e
  seen ? seen << e : e
end

def prepared(client, sql, *values)
  statement = client.prepare(sql)
  result = statement.execute(*values, as: :array)
  seen = result ? { fields: result.fields, rows: result.to_a } : { affected: statement.affected_rows, id: statement.last_id }
  statement.close
  seen
rescue Mysql2::Error => e
  e
rescue ArgumentError => e # a TIME that Ruby's Time has no room for
  { ruby: e.message }
end

def scripts(client)
  %w[reads state errors routines].each do |name|
    statements(name).each do |sql|
      say("#{name}: #{sql[0, 60]}", run(client, sql))
      say("#{name} prepared: #{sql[0, 60]}", prepared(client, sql)) if name == 'reads'
    end
  end
end

def values(client)
  run(client, 'CREATE TABLE v (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT, d DOUBLE, n DECIMAL(30,10), s TEXT, b LONGBLOB, dt DATETIME(6), da DATE, t TIME)')
  insert = client.prepare('INSERT INTO v (i, d, n, s, b, dt, da, t) VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  60.times do |k|
    row = if (k % 10).zero?
            [nil] * 8
          else
            [k * 1_000_000_007, k / 7.0, BigDecimal("#{k}.0000000001"), "ü😀 '#{k}' \\", "#{k.chr}\0\xff".b, Time.utc(2024, 2, 29, 23, 59, k, 123_456), Date.new(2024, 2, 29), "-01:02:0#{k % 10}"]
          end
    insert.execute(*row)
  end
  say('insert', [insert.last_id, insert.affected_rows, insert.param_count])
  select = client.prepare('SELECT * FROM v WHERE id = ? OR s = ? ORDER BY id')
  30.times { |k| say("select #{k}", select.execute(k, "ü😀 '#{k}' \\", symbolize_keys: true).to_a) }
  say('text', client.query('SELECT * FROM v WHERE id < 5 ORDER BY id', symbolize_keys: true, cast_booleans: true).to_a)
  say('no cast', client.query('SELECT * FROM v WHERE id = 2', cast: false, as: :array).to_a)
  say('escape', client.escape("a'b\"c\\d\ne\0"))
end

def big(client)
  run(client, 'CREATE TABLE b (id INT PRIMARY KEY, data LONGBLOB)')
  [1 << 20, (17 << 20) + 3].each_with_index do |size, id|
    data = (Digest::SHA512.digest(size.to_s) * (size / 64 + 1))[0, size]
    say("big #{size}: prepared", prepared(client, 'INSERT INTO b VALUES (?, ?)', id, data))
    say("big #{size}: text", run(client, "INSERT INTO b VALUES (#{id + 10}, x'#{data[0, 1 << 21].unpack1('H*')}')"))
    say("big #{size}: read", [prepared(client, 'SELECT data FROM b WHERE id = ?', id), run(client, "SELECT data FROM b WHERE id = #{id + 10}")])
  end
end

def transactions(client, other)
  run(client, 'CREATE TABLE acc (id INT PRIMARY KEY, amount INT NOT NULL)')
  run(client, 'INSERT INTO acc VALUES (1, 100), (2, 100)')
  run(client, 'BEGIN')
  run(client, 'UPDATE acc SET amount = amount - 10 WHERE id = 1')
  say('inside', [client, other].map { |c| run(c, 'SELECT amount FROM acc ORDER BY id') })
  say('savepoints', ['SAVEPOINT one', 'DELETE FROM acc', 'ROLLBACK TO one', 'RELEASE SAVEPOINT one', 'ROLLBACK TO one'].map { |s| run(client, s) })
  say('commit', [run(client, 'COMMIT'), run(other, 'SELECT amount FROM acc ORDER BY id')])
  run(other, 'SET innodb_lock_wait_timeout = 1')
  run(client, 'BEGIN')
  run(client, 'UPDATE acc SET amount = 1 WHERE id = 1')
  say('lock wait', run(other, 'UPDATE acc SET amount = 2 WHERE id = 1'))
  say('rollback', [run(client, 'ROLLBACK'), run(other, 'SELECT amount FROM acc ORDER BY id')])
end

def streams(client)
  sql = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT a.i, b.i AS j FROM n a JOIN n b ON b.i <= 20 ORDER BY a.i, b.i'
  sum = 0
  client.query(sql, stream: true, cache_rows: false, as: :array).each { |i, j| sum += i * j }
  say('stream', sum)
  say('after it', run(client, 'SELECT COUNT(*) FROM acc'))
end

def routines(client)
  several = connect(flags: Mysql2::Client::MULTI_STATEMENTS)
  say('call', run(several, 'CALL three(5, @o)'))
  say('out', run(several, 'SELECT @o'))
  say('call that fails', run(several, 'CALL fails()'))
  say('functions', run(client, 'SELECT twice(21), noted(4)'))
  say('several', run(several, 'SELECT 1 AS a; INSERT INTO journal (n) VALUES (1); SELECT COUNT(*) FROM journal'))
  say('several with an error', run(several, 'SELECT 1; SELECT * FROM no_such_table'))
  several.close
  found = connect(flags: Mysql2::Client::FOUND_ROWS)
  exact = connect(flags: ['-FOUND_ROWS'])
  say('found rows', [client, client, found, exact].map { |c| run(c, 'UPDATE journal SET n = 5') })
end

def infile(client)
  run(client, 'CREATE TABLE lines_in (a INT, b VARCHAR(50))')
  Tempfile.create('wye') do |file|
    file.write((0..20_000).map { |i| "#{i};zeile ü #{i}\n" }.join)
    file.flush
    say('infile: load', run(client, "LOAD DATA LOCAL INFILE '#{file.path}' INTO TABLE lines_in CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';'"))
  end
  say('infile: loaded', run(client, 'SELECT COUNT(*), SUM(a), MAX(b) FROM lines_in'))
end

def cancel(client, other)
  say('kill: its id', client.thread_id == run(client, 'SELECT CONNECTION_ID()')[:rows][0][0])
  say('kill: lock', run(other, "SELECT GET_LOCK('ruby.cancel', 10)"))
  client.query("SELECT 'waits', GET_LOCK('ruby.cancel', 10)", async: true)
  3000.times { break if run(other, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT ''waits''%'")[:rows][0][0].positive? }
  say('kill: the statement', run(other, "KILL QUERY #{client.thread_id}"))
  begin
    say('kill: what it says', client.async_result.to_a)
  rescue Mysql2::Error => e
    say('kill: what it says', e)
  end
  say('kill: the connection lives', run(client, 'SELECT 1'))
  run(other, "SELECT RELEASE_LOCK('ruby.cancel')")
end

def written_then_read
  pool = Array.new(4) { connect }
  run(pool[0], 'CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL)')
  run(pool[0], 'INSERT INTO counter VALUES (1, 0)')
  stale = (1..60).reject do |i|
    prepared(pool[i % 4], 'UPDATE counter SET n = ? WHERE id = 1', i)
    run(pool[(i + 1) % 4], 'SELECT n FROM counter WHERE id = 1')[:rows][0][0] == i
  end
  say('stale reads of sixty', stale)
end

def logins(client)
  { 'no TLS' => {}, 'TLS' => TLS, 'no schema' => { database: nil }, 'wrong password' => { password: 'wrong' }, 'unknown user' => { username: 'nobody_here', **TLS },
    'unknown schema' => { database: 'no_such_schema' }, 'init command' => { init_command: "SET time_zone = '+01:00'" } }.each do |what, more|
    say("login: #{what}", run(connect(**more), 'SELECT CURRENT_USER(), DATABASE(), @@time_zone'))
  rescue Mysql2::Error => e
    say("login: #{what}", e)
  end
  say('server', [client.server_info[:version], client.ping])
  say('select_db', [client.select_db('information_schema'), run(client, 'SELECT DATABASE()'), client.select_db(ENV['DATABASE'])])
  client.set_server_option(Mysql2::Client::OPTION_MULTI_STATEMENTS_ON)
  say('multi statements on', run(client, 'SELECT 1; SELECT 2'))
  client.set_server_option(Mysql2::Client::OPTION_MULTI_STATEMENTS_OFF)
  say('multi statements off', run(client, 'SELECT 1; SELECT 2'))
end

client = connect(**TLS)
other = connect
scripts(client)
values(client)
big(client)
transactions(client, other)
streams(client)
routines(client)
infile(client)
written_then_read
cancel(client, other)
logins(client)
