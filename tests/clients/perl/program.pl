#!/usr/bin/perl
# program.pl mysql | MariaDB: what a Perl program sees through DBD::mysql and DBD::MariaDB. Prints one JSON object a line.
use strict;
use warnings;
use utf8;
use DBI qw(:sql_types);
use Digest::SHA qw(sha256_hex sha512);
use Encode qw(encode is_utf8);
use File::Temp qw(tempfile);
use JSON::PP;

my $driver = shift @ARGV;
my $p = lc $driver;    # of the attributes: mysql_insertid, mariadb_insertid
my $json = JSON::PP->new->canonical->allow_nonref->ascii;
$| = 1;

sub plain {
    my ($value) = @_;
    return undef unless defined $value;
    return [map { plain($_) } @$value] if ref $value eq 'ARRAY';
    return {map { $_ => plain($value->{$_}) } keys %$value} if ref $value eq 'HASH';
    my $bytes = is_utf8($value) ? encode('UTF-8', $value) : $value;
    return length($bytes) . ' bytes, sha256 ' . substr(sha256_hex($bytes), 0, 16) if length $bytes > 400;
    return "$value";
}

sub tell_step { my ($step, $value) = @_; print '{"step":', $json->encode($step), ',"value":', $json->encode(plain($value)), "}\n"; }

sub statements {
    my ($name) = @_;
    open my $file, '<:encoding(UTF-8)', "$ENV{SHARED}/$name.sql" or die $!;
    chomp(my @lines = <$file>);
    return grep { length && !/^--/ } @lines;
}

sub login {
    my (%more) = @_;
    my $database = $more{database} // $ENV{DATABASE};
    my $dsn = "DBI:$driver:host=$ENV{HOST};port=$ENV{PORT}" . ($database ? ";database=$database" : '');
    # Debian builds DBD::mysql with Connector/C, where it can ask for TLS, and not insist.
    $dsn .= ";${p}_ssl=1;${p}_ssl_ca_file=$ENV{CA}" . ($p eq 'mysql' ? ';mysql_ssl_optional=1' : '') if $more{tls};
    $dsn .= ";${p}_local_infile=1;${p}_connect_timeout=20;" . ($more{dsn} // '');
    return DBI->connect($dsn, $more{user} // $ENV{USER_NAME}, $more{password} // $ENV{PASSWORD}, {RaiseError => 0, PrintError => 0, PrintWarn => 0, AutoCommit => 1,
        "${p}_server_prepare" => $more{server} ? 1 : 0, $p eq 'mysql' ? (mysql_enable_utf8mb4 => 1) : ()});
}

sub failure { my ($h) = @_; return {error => $h->err, state => $h->state, text => $h->errstr}; }

# All results of a statement, or the error that ended it.
sub run {
    my ($dbh, $sql, @values) = @_;
    my $sth = $dbh->prepare($sql) or return failure($dbh);
    defined $sth->execute(@values) or return failure($sth);
    my @results;
    do {
        push @results, $sth->{NUM_OF_FIELDS}
            ? {names => $sth->{NAME}, types => $sth->{"${p}_type"}, nullable => $sth->{NULLABLE}, tables => $sth->{"${p}_table"}, rows => $sth->fetchall_arrayref}
            : {affected => $sth->rows, id => $sth->{"${p}_insertid"}, warnings => $sth->{"${p}_warning_count"}};
    } while ($sth->more_results);
    push @results, failure($sth) if $sth->err;
    return @results == 1 ? $results[0] : \@results;
}

sub scripts {
    my ($dbh, $server) = @_;
    for my $name (qw(reads state errors routines)) {
        for my $sql (statements($name)) {
            next if $sql =~ /\?/;
            tell_step("$name: " . substr($sql, 0, 60), run($dbh, $sql));
            tell_step("$name prepared: " . substr($sql, 0, 60), run($server, $sql)) if $name eq 'reads';
        }
    }
}

sub data {
    my ($dbh, $server) = @_;
    run($dbh, 'CREATE TABLE v (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT, d DOUBLE, s TEXT, b LONGBLOB, dt DATETIME(6))');
    run($dbh, 'CREATE TABLE b (id INT PRIMARY KEY AUTO_INCREMENT, data LONGBLOB)');
    for my $one ($dbh, $server) {
        my $how = $one == $dbh ? 'emulated' : 'prepared';
        my $sth = $one->prepare('INSERT INTO v (i, d, s, b, dt) VALUES (?, ?, ?, ?, ?)');
        for my $k (1 .. 60) {
            my @row = $k % 10 ? ($k * 1_000_000_007, $k / 8, "ü😀 '$k' \\", chr($k) . "\0\xff", "2024-02-29 12:00:0" . ($k % 10) . '.5') : (undef) x 5;
            $sth->bind_param($_ + 1, $row[$_], $_ == 3 ? SQL_BLOB : SQL_VARCHAR) for 0 .. 4;
            $sth->execute or tell_step("$how $k", failure($sth));
        }
        tell_step("$how: ids", [$sth->{"${p}_insertid"}, $one->last_insert_id(undef, undef, 'v', 'id'), $sth->rows]);
        my $read = $one->prepare('SELECT * FROM v WHERE id = ? OR s = ? ORDER BY id');
        tell_step("$how: read $_", [$read->execute($_, "ü😀 '$_' \\"), $read->fetchall_arrayref({})]) for 1 .. 30;
        my @status;
        tell_step("$how: execute_array", [$one->prepare('INSERT INTO v (i, s) VALUES (?, ?)')->execute_array({ArrayTupleStatus => \@status}, [1 .. 5], ['a' .. 'e']), \@status]);
        for my $size (1 << 20, (17 << 20) + 3) {
            my $data = substr(sha512("$size") x ($size / 64 + 1), 0, $size);
            my $insert = $one->prepare('INSERT INTO b (data) VALUES (?)');
            $insert->bind_param(1, $data, SQL_BLOB);
            my $done = $insert->execute;
            my ($back) = $one->selectrow_array('SELECT data FROM b ORDER BY id DESC LIMIT 1');
            tell_step("$how: big $size", [$done // failure($insert), length $back, $back eq $data ? 'the same' : 'another']);
        }
    }
}

sub transactions {
    my ($dbh, $other) = @_;
    run($dbh, 'CREATE TABLE acc (id INT PRIMARY KEY, amount INT NOT NULL)');
    run($dbh, 'INSERT INTO acc VALUES (1, 100), (2, 100)');
    $dbh->begin_work;
    run($dbh, 'UPDATE acc SET amount = 90 WHERE id = 1');
    tell_step('inside', [map { run($_, 'SELECT * FROM acc ORDER BY id') } $dbh, $other]);
    tell_step($_, run($dbh, $_)) for 'SAVEPOINT one', 'DELETE FROM acc', 'ROLLBACK TO one', 'RELEASE SAVEPOINT one', 'ROLLBACK TO one';
    tell_step('commit', [$dbh->commit, run($other, 'SELECT * FROM acc ORDER BY id')]);
    $dbh->{AutoCommit} = 0;
    run($dbh, 'DELETE FROM acc');
    tell_step('rollback', [$dbh->rollback, run($other, 'SELECT COUNT(*) FROM acc')]);
    run($other, 'SET innodb_lock_wait_timeout = 1');
    run($dbh, 'UPDATE acc SET amount = 1 WHERE id = 1');
    tell_step('lock wait', run($other, 'UPDATE acc SET amount = 2 WHERE id = 1'));
    $dbh->rollback;
    $dbh->{AutoCommit} = 1;
}

sub streams {
    my ($dbh) = @_;
    my $sth = $dbh->prepare('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT a.i, b.i FROM n a JOIN n b ON b.i <= 20', {"${p}_use_result" => 1});
    $sth->execute;
    my ($rows, $sum) = (0, 0);
    while (my $row = $sth->fetchrow_arrayref) { $rows++; $sum += $row->[0] * $row->[1]; }
    tell_step('use_result', [$rows, $sum]);
}

sub routines {
    my ($dbh) = @_;
    tell_step($_, run($dbh, $_)) for 'CALL three(5, @o)', 'SELECT @o', 'CALL fails()', 'SELECT twice(21), noted(4)';
    my $several = login(dsn => "${p}_multi_statements=1");
    tell_step('several', run($several, 'SELECT 1 AS a; INSERT INTO journal (n) VALUES (1); SELECT COUNT(*) FROM journal'));
    tell_step('several with an error', run($several, 'SELECT 1; SELECT * FROM no_such_table'));
    my $exact = login(dsn => "${p}_client_found_rows=0");
    tell_step('found rows', [map { run($_, 'UPDATE journal SET n = 5') } $dbh, $dbh, $exact]);
}

sub infile {
    my ($dbh) = @_;
    run($dbh, 'CREATE TABLE lines_in (a INT, b VARCHAR(50))');
    my ($file, $name) = tempfile(UNLINK => 1);
    binmode $file, ':encoding(UTF-8)';
    print $file "$_;zeile ü $_\n" for 0 .. 20000;
    close $file;
    tell_step('infile: load', run($dbh, "LOAD DATA LOCAL INFILE '$name' INTO TABLE lines_in CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';'"));
    tell_step('infile: loaded', run($dbh, 'SELECT COUNT(*), SUM(a), MAX(b) FROM lines_in'));
}

sub written_then_read {
    my @pool = map { login() } 1 .. 4;
    run($pool[0], 'CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL)');
    run($pool[0], 'INSERT INTO counter VALUES (1, 0)');
    my @stale;
    for my $i (1 .. 60) {
        run($pool[$i % 4], 'UPDATE counter SET n = ? WHERE id = 1', $i);
        my $seen = run($pool[($i + 1) % 4], 'SELECT n FROM counter WHERE id = 1')->{rows}[0][0];
        push @stale, [$i, $seen] if $seen != $i;
    }
    tell_step('stale reads of sixty', \@stale);
}

sub logins {
    my ($dbh) = @_;
    my %cases = ('no TLS' => {}, TLS => {tls => 1}, 'wrong password' => {password => 'wrong'}, 'unknown user' => {user => 'nobody_here', tls => 1},
        'unknown schema' => {database => 'no_such_schema', tls => 1});
    for my $what (sort keys %cases) {
        my $one = login(%{$cases{$what}});
        tell_step("login: $what", $one ? run($one, 'SELECT CURRENT_USER(), DATABASE()') : {error => $DBI::err, state => $DBI::state, text => $DBI::errstr});
    }
    tell_step('server', [$dbh->get_info(18), $dbh->{"${p}_serverinfo"}, $dbh->ping]);
    tell_step('tables', [sort $dbh->tables(undef, $ENV{DATABASE}, '%', 'TABLE')]);
    tell_step('columns', $dbh->column_info(undef, $ENV{DATABASE}, 'v', '%')->fetchall_arrayref);
}

my $dbh = login(tls => 1) or die $DBI::errstr;
my ($server, $other) = (login(server => 1), login());
scripts($dbh, $server);
data($dbh, $server);
transactions($dbh, $other);
streams($dbh);
routines($dbh);
infile($dbh);
written_then_read();
logins($dbh);
