// What a Go program sees through database/sql and go-sql-driver/mysql. Prints one JSON object a line.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/ioutil"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"
)

func say(step string, value interface{}) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(struct {
		Step  string      `json:"step"`
		Value interface{} `json:"value"`
	}{step, value}); err != nil {
		panic(err)
	}
	fmt.Print(out.String())
}

func plain(value interface{}) interface{} {
	switch v := value.(type) {
	case []byte:
		if len(v) > 400 {
			sum := sha256.Sum256(v)
			return fmt.Sprintf("%d bytes, sha256 %s", len(v), hex.EncodeToString(sum[:8]))
		}
		if !utf8.Valid(v) {
			return "hex " + hex.EncodeToString(v)
		}
		return string(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case error:
		var e *mysql.MySQLError
		if errors.As(v, &e) {
			return map[string]interface{}{"errno": e.Number, "text": e.Message}
		}
		return "error: " + v.Error()
	}
	return value
}

type querier interface {
	QueryContext(context.Context, string, ...interface{}) (*sql.Rows, error)
	ExecContext(context.Context, string, ...interface{}) (sql.Result, error)
}

func results(rows *sql.Rows) interface{} {
	defer rows.Close()
	var sets []interface{}
	for {
		types, err := rows.ColumnTypes()
		if err != nil {
			return plain(err)
		}
		var columns, list []interface{}
		for _, t := range types {
			nullable, _ := t.Nullable()
			precision, scale, _ := t.DecimalSize()
			columns = append(columns, []interface{}{t.Name(), t.DatabaseTypeName(), nullable, precision, scale, fmt.Sprint(t.ScanType())})
		}
		for rows.Next() {
			row := make([]interface{}, len(types))
			targets := make([]interface{}, len(types))
			for i := range row {
				targets[i] = &row[i]
			}
			if err := rows.Scan(targets...); err != nil {
				list = append(list, plain(err))
				continue
			}
			for i := range row {
				row[i] = plain(row[i])
			}
			list = append(list, row)
		}
		sets = append(sets, map[string]interface{}{"columns": columns, "rows": list})
		if !rows.NextResultSet() {
			break
		}
	}
	if err := rows.Err(); err != nil {
		sets = append(sets, plain(err))
	}
	if len(sets) == 1 {
		return sets[0]
	}
	return sets
}

func run(db querier, statement string, arguments ...interface{}) interface{} {
	rows, err := db.QueryContext(context.Background(), statement, arguments...)
	if err != nil {
		return plain(err)
	}
	return results(rows)
}

func exec(db querier, statement string, arguments ...interface{}) interface{} {
	result, err := db.ExecContext(context.Background(), statement, arguments...)
	if err != nil {
		return plain(err)
	}
	id, _ := result.LastInsertId()
	affected, _ := result.RowsAffected()
	return []int64{id, affected}
}

func statements(name string) []string {
	text, err := ioutil.ReadFile(os.Getenv("SHARED") + "/" + name + ".sql")
	if err != nil {
		panic(err)
	}
	var found []string
	for _, line := range strings.Split(string(text), "\n") {
		if line != "" && !strings.HasPrefix(line, "--") {
			found = append(found, line)
		}
	}
	return found
}

func open(more func(*mysql.Config)) *sql.DB {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net = os.Getenv("USER_NAME"), os.Getenv("PASSWORD"), "tcp"
	config.Addr, config.DBName = os.Getenv("HOST")+":"+os.Getenv("PORT"), os.Getenv("DATABASE")
	config.Collation, config.MaxAllowedPacket, config.Timeout = "utf8mb4_general_ci", 0, 20*time.Second
	if more != nil {
		more(config)
	}
	db, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		panic(err)
	}
	return db
}

func short(statement string) string {
	if runes := []rune(statement); len(runes) > 60 {
		return string(runes[:60])
	}
	return statement
}

func scripts(db *sql.DB) {
	one, err := db.Conn(context.Background())
	if err != nil {
		panic(err)
	}
	defer one.Close()
	for _, name := range []string{"reads", "state", "errors", "routines"} {
		for _, statement := range statements(name) {
			say(name+": "+short(statement), run(one, statement))
			if name == "reads" {
				prepared, err := one.PrepareContext(context.Background(), statement)
				if err != nil {
					say(name+" prepared: "+short(statement), plain(err))
					continue
				}
				rows, err := prepared.Query()
				if err != nil {
					say(name+" prepared: "+short(statement), plain(err))
				} else {
					say(name+" prepared: "+short(statement), results(rows))
				}
				prepared.Close()
			}
		}
	}
}

func values(db, times *sql.DB) {
	exec(db, "CREATE TABLE v (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT, u BIGINT UNSIGNED, d DOUBLE, f FLOAT, s TEXT, b LONGBLOB, dt DATETIME(6), bo BOOL)")
	insert, err := times.Prepare("INSERT INTO v (i, u, d, f, s, b, dt, bo) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		panic(err)
	}
	for k := 0; k < 60; k++ {
		if k%10 == 0 {
			_, err = insert.Exec(nil, nil, nil, nil, nil, nil, nil, nil)
		} else {
			_, err = insert.Exec(-k*1000000007, ^uint64(0)-uint64(k), float64(k)/7, float32(k)/3, fmt.Sprintf("ü😀 '%d' \\", k), []byte{byte(k), 0, 255},
				time.Date(2024, 2, 29, 23, 59, k, 123456000, time.UTC), k%2 == 0)
		}
		if err != nil {
			say("insert", plain(err))
		}
	}
	read, err := times.Prepare("SELECT * FROM v WHERE id = ? OR s = ? ORDER BY id")
	if err != nil {
		panic(err)
	}
	for k := 0; k < 30; k++ {
		rows, err := read.Query(k, fmt.Sprintf("ü😀 '%d' \\", k))
		if err != nil {
			say("read", plain(err))
			continue
		}
		say(fmt.Sprintf("read %d", k), results(rows))
	}
	say("text", run(times, "SELECT * FROM v WHERE id < 5 ORDER BY id"))
	interpolated := open(func(c *mysql.Config) { c.InterpolateParams = true })
	say("interpolated", run(interpolated, "SELECT id, s FROM v WHERE s = ? OR i = ? ORDER BY id", "ü😀 '3' \\", -7*1000000007))
	interpolated.Close()
	var count int
	var null sql.NullString
	err = db.QueryRow("SELECT COUNT(*), MAX(NULL) FROM v WHERE id > ?", 10).Scan(&count, &null)
	say("a row", []interface{}{count, null.Valid, plain(err)})
}

func big(db *sql.DB) {
	exec(db, "CREATE TABLE b (id INT PRIMARY KEY, data LONGBLOB)")
	for id, size := range []int{1 << 20, 1<<24 - 30, 17<<20 + 3} {
		sum := sha256.Sum256([]byte(fmt.Sprint(size)))
		data := bytes.Repeat(sum[:], size/32+1)[:size]
		say(fmt.Sprintf("big %d", size), []interface{}{exec(db, "INSERT INTO b VALUES (?, ?)", id, data), run(db, "SELECT data FROM b WHERE id = ?", id),
			run(db, fmt.Sprintf("SELECT data FROM b WHERE id = %d", id))})
	}
}

func transactions(db *sql.DB) {
	exec(db, "CREATE TABLE acc (id INT PRIMARY KEY, amount INT NOT NULL)")
	exec(db, "INSERT INTO acc VALUES (1, 100), (2, 100)")
	tx, err := db.Begin()
	if err != nil {
		panic(err)
	}
	exec(tx, "UPDATE acc SET amount = amount - ? WHERE id = 1", 10)
	say("inside", []interface{}{run(tx, "SELECT * FROM acc ORDER BY id"), run(db, "SELECT * FROM acc ORDER BY id")})
	for _, s := range []string{"SAVEPOINT one", "DELETE FROM acc", "ROLLBACK TO one", "RELEASE SAVEPOINT one", "ROLLBACK TO one"} {
		say("savepoints", exec(tx, s))
	}
	say("commit", []interface{}{plain(tx.Commit()), run(db, "SELECT * FROM acc ORDER BY id"), fmt.Sprint(tx.Commit())})
	read, err := db.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		panic(err)
	}
	say("read only", []interface{}{run(read, "SELECT COUNT(*) FROM acc"), exec(read, "DELETE FROM acc"), plain(read.Rollback())})
	serializable, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		panic(err)
	}
	say("serializable", []interface{}{run(serializable, "SELECT COUNT(*) FROM acc"), plain(serializable.Rollback())})
	one, _ := db.Begin()
	other, _ := db.Begin()
	exec(other, "SET SESSION innodb_lock_wait_timeout = 1")
	exec(one, "UPDATE acc SET amount = 1 WHERE id = 1")
	say("lock wait", exec(other, "UPDATE acc SET amount = 2 WHERE id = 1"))
	one.Rollback()
	other.Rollback()
}

func routines(db *sql.DB) {
	several := open(func(c *mysql.Config) { c.MultiStatements = true })
	defer several.Close()
	say("call", run(db, "CALL three(5, @o)"))
	say("call prepared", run(db, "CALL three(?, @o)", 6))
	// Rows of version 1.5 hang where a later result fails; Exec does not.
	say("call that fails", exec(db, "CALL fails()"))
	say("functions", run(db, "SELECT twice(21), noted(4)"))
	say("several", run(several, "SELECT 1 AS a; INSERT INTO journal (n) VALUES (1); SELECT COUNT(*) FROM journal"))
	say("several with an error", exec(several, "SELECT 1; SELECT * FROM no_such_table"))
	found := open(func(c *mysql.Config) { c.ClientFoundRows = true })
	defer found.Close()
	say("found rows", []interface{}{exec(db, "UPDATE journal SET n = 5"), exec(db, "UPDATE journal SET n = 5"), exec(found, "UPDATE journal SET n = 5")})
}

func infile(db *sql.DB) {
	exec(db, "CREATE TABLE lines_in (a INT, b VARCHAR(50))")
	mysql.RegisterReaderHandler("lines", func() io.Reader {
		var text strings.Builder
		for i := 0; i <= 20000; i++ {
			fmt.Fprintf(&text, "%d;zeile ü %d\n", i, i)
		}
		return strings.NewReader(text.String())
	})
	say("infile: load", exec(db, "LOAD DATA LOCAL INFILE 'Reader::lines' INTO TABLE lines_in CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';'"))
	say("infile: loaded", run(db, "SELECT COUNT(*), SUM(a), MAX(b) FROM lines_in"))
	say("infile: not registered", exec(db, "LOAD DATA LOCAL INFILE 'Reader::nothing' INTO TABLE lines_in"))
}

// A context that ends closes the connection: its lock must be free soon.
func cancel(db *sql.DB) {
	ctx, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer stop()
	one, err := db.Conn(context.Background())
	if err != nil {
		panic(err)
	}
	_, err = one.ExecContext(ctx, "DO GET_LOCK('go.cancel', 10), SLEEP(20)")
	say("cancelled", plain(err))
	one.Close()
	say("kill: its lock is free", run(db, "SELECT GET_LOCK('go.cancel', 15)"))
}

func writtenThenRead(db *sql.DB) {
	db.SetMaxOpenConns(8)
	exec(db, "CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL)")
	stale, mutex := 0, sync.Mutex{}
	var all sync.WaitGroup
	for worker := 0; worker < 8; worker++ {
		all.Add(1)
		go func(id int) {
			defer all.Done()
			exec(db, "INSERT INTO counter VALUES (?, 0)", id)
			for i := 1; i <= 30; i++ {
				exec(db, "UPDATE counter SET n = ? WHERE id = ?", i, id)
				var n int
				if err := db.QueryRow("SELECT n FROM counter WHERE id = ?", id).Scan(&n); err != nil || n != i {
					mutex.Lock()
					stale++
					mutex.Unlock()
				}
			}
		}(worker)
	}
	all.Wait()
	say("stale reads of 240", stale)
	say("their sum", run(db, "SELECT SUM(n), COUNT(*) FROM counter"))
}

func logins() {
	pool := x509.NewCertPool()
	pem, _ := ioutil.ReadFile(os.Getenv("CA"))
	pool.AppendCertsFromPEM(pem)
	mysql.RegisterTLSConfig("ours", &tls.Config{RootCAs: pool, ServerName: "localhost"})
	for _, one := range []struct {
		what string
		more func(*mysql.Config)
	}{{"no TLS", nil}, {"TLS, verified", func(c *mysql.Config) { c.TLSConfig = "ours" }}, {"TLS, unverified", func(c *mysql.Config) { c.TLSConfig = "skip-verify" }},
		{"wrong password", func(c *mysql.Config) { c.Passwd = "wrong" }}, {"unknown user", func(c *mysql.Config) { c.User = "nobody_here" }},
		{"unknown schema", func(c *mysql.Config) { c.DBName = "no_such_schema" }}, {"no schema", func(c *mysql.Config) { c.DBName = "" }},
		{"parameters", func(c *mysql.Config) { c.Params = map[string]string{"time_zone": "'+01:00'", "sql_mode": "'ANSI'"} }}} {
		db := open(one.more)
		say("login: "+one.what, run(db, "SELECT CURRENT_USER(), DATABASE(), @@time_zone, @@sql_mode"))
		say("ping: "+one.what, plain(db.Ping()))
		db.Close()
	}
}

func main() {
	db := open(nil)
	times := open(func(c *mysql.Config) { c.ParseTime = true })
	logins()
	scripts(db)
	values(db, times)
	big(db)
	transactions(db)
	routines(db)
	infile(db)
	writtenThenRead(db)
	cancel(db)
}
