#!/usr/bin/env python3
"""What the flavour's own shell and tools print: scripts, \\G, LOCAL INFILE, Ctrl-C, dump and load back, the binary log from afar.

CLIENT, DUMP and BINLOG (JSON lists: their command lines) and the rest from the environment. Lines of the tools, each as one JSON object."""
import json
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

ENV = os.environ
CLIENT, DUMP, BINLOG = (json.loads(ENV[name]) for name in ('CLIENT', 'DUMP', 'BINLOG'))
MARIADB = ENV['FLAVOUR'] == 'mariadb'
LOGIN = ['--no-defaults', '--protocol=TCP', '-h', ENV['HOST'], '-P', ENV['PORT'], f"--user={ENV['USER_NAME']}", f"--password={ENV['PASSWORD']}"]
TLS = ['--ssl', f"--ssl-ca={ENV['CA']}"] if MARIADB else ['--ssl-mode=VERIFY_CA', f"--ssl-ca={ENV['CA']}"]
NOISE = re.compile(r'^-- Dump completed on .*|.*Using a password on the command line.*|.*-- Server version.*|^-- Host: .*')


def say(step, text):
    text = re.sub(r'\(?\b\d+(\.\d+)? (min )?(\d+(\.\d+)? )?sec\)?', '(time)', text)
    text = re.sub(r'\b(Create_time|Update_time|Created|Rows|Avg_row_length|Data_length|Index_length|Data_free|Cardinality)="[^"]*"', r'\1', text)
    for line in text.splitlines():
        if not NOISE.match(line):
            print(json.dumps({'step': step, 'value': line if len(line) < 1000 else f'{len(line)} characters: {line[:500]}'}, ensure_ascii=False), flush=True)


def run(argv, stdin='', seconds=60):
    done = subprocess.run(argv, input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
    return done.stdout.decode('utf-8', 'replace')


def shell(script, *options, tls=True):
    return run([*CLIENT, *LOGIN, *(TLS if tls else []), '--default-character-set=utf8mb4', *options, ENV['DATABASE']], script)


def statements(name):
    lines = (Path(ENV['SHARED']) / f'{name}.sql').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('--')]


def scripts():
    for name, options in {'reads': ['-t', '-vvv', '--show-warnings', '--column-type-info'], 'state': ['-t', '-vv', '--show-warnings'], 'errors': ['-t', '-vvv'],
                          'routines': ['-vvv']}.items():
        say(name, shell('delimiter //\n' + '\n//\n'.join(line.split(' # ')[0] for line in statements(name)) + '\n//\n', '--force', *options))
    say('vertical', shell('SELECT * FROM book\\G\nSELECT 1 / 0\\G\nSHOW WARNINGS\\G\nSTATUS_IS_NOT_PRINTED\\g\n', '--force', '-E', '--show-warnings'))
    say('several results', shell('CALL three(5, @o); SELECT @o; CALL fails(); SELECT 1 AS after_it; SHOW TABLES;\n', '--force', '-t', '-vv'))
    say('no TLS', shell('SELECT CURRENT_USER(), DATABASE();', '--skip-ssl' if MARIADB else '--ssl-mode=DISABLED', *([] if MARIADB else ['--get-server-public-key']), tls=False))


def infile():
    with tempfile.NamedTemporaryFile('w', suffix='.csv') as file:
        file.write(''.join(f'{i};zeile ü {i}\n' for i in range(5000)) + 'x;bad\n')
        file.flush()
        if os.path.lexists('lines.csv'):
            os.unlink('lines.csv')
        os.symlink(file.name, 'lines.csv')
        say('infile', shell("CREATE TABLE lines_in (a INT, b VARCHAR(50)); LOAD DATA LOCAL INFILE 'lines.csv' INTO TABLE lines_in CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';';\n"
                            'SELECT COUNT(*), SUM(a), MAX(b) FROM lines_in; DROP TABLE lines_in;\n', '--force', '--local-infile=1', '-vv', '--show-warnings'))
        os.unlink('lines.csv')


def interrupted():
    """Ctrl-C as soon as the statement runs: on the primary (UUID_SHORT), where the list of processes shows it."""
    waits = subprocess.Popen([*CLIENT, *LOGIN, *TLS, '--force', '-e', "SELECT 'waits', SLEEP(10), UUID_SHORT() > 0; SELECT 'goes on'", ENV['DATABASE']], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    for _ in range(300):
        if '1' in shell("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT ''waits''%'", '-N', '-B').split():
            break
    waits.send_signal(signal.SIGINT)
    say('kill', waits.communicate(timeout=60)[0].decode('utf-8', 'replace') + f'exit code {waits.returncode}')


def dumps():
    plain = ['--no-tablespaces'] + ([] if MARIADB else ['--set-gtid-purged=OFF'])
    whole = [*DUMP, *LOGIN, *TLS, *plain, '--single-transaction', '--routines', '--triggers', '--events', '--hex-blob', '--default-character-set=utf8mb4', ENV['DATABASE']]
    first = run(whole)
    say('dump', first)
    for options in (['--xml'], ['--skip-extended-insert', '--complete-insert'], ['--skip-opt', '--quick'], ['--no-data', '--compact'], ['--lock-tables', '--where=id < 3', ENV['DATABASE'], 'book']):
        names = options if 'book' in options else [*options, ENV['DATABASE']]
        say(f'dump {options[0]}', run([*DUMP, *LOGIN, *TLS, *plain, *names]))
    tables = re.findall(r'^CREATE TABLE `(\w+)`', first, re.M)
    say('drop', shell(f"SET FOREIGN_KEY_CHECKS = 0; DROP TABLE {', '.join(tables)}; SHOW TABLES;", '-t'))
    say('load', shell(first, '--binary-mode'))
    second = run(whole)
    clean = lambda text: [line for line in text.splitlines() if not NOISE.match(line)]
    say('loaded back', 'the same' if clean(first) == clean(second) else 'another:\n' + second)


def binary_log():
    login = ['--no-defaults', '--protocol=TCP', '-h', ENV['HOST'], '-P', ENV['PORT'], '--user=repl', '--password=sandbox-repl', *TLS]
    # Its beginning: the log has grown when the next one reads it. What comes later is not waited for.
    reader = subprocess.Popen([*BINLOG, *login, '--read-from-remote-server', '-v', 'binlog.000001'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = [line.decode('utf-8', 'replace') for _, line in zip(range(400), reader.stdout)]
    reader.kill()
    reader.wait()
    say('binlog', re.sub(r'Start: binlog v 4.*', 'Start: binlog v 4', ''.join(lines)))


scripts()
infile()
dumps()
binary_log()
interrupted()
