"""The rows of the contract (routing.md, sections 1 to 4) that sessions can hit, by the names that operations are tagged with."""

ROWS = {
    # 1: what a statement does
    '1.lexer': 'comments, executable comments, quotes of all kinds, escapes, charsets with 0x5c, BOM, NUL',
    '1.read': 'SELECT, TABLE, VALUES, parentheses, UNION, WITH',
    '1.show': 'SHOW, DESCRIBE, EXPLAIN, HELP, CHECKSUM TABLE',
    '1.server_variable': '@@global.x, variables of one server, @@session.x',
    '1.locking': 'FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE anywhere',
    '1.into': 'INTO @v, INTO OUTFILE',
    '1.write': 'INSERT, UPDATE, DELETE, REPLACE, DDL, CALL, DO, HANDLER, maintenance',
    '1.server_function': 'GET_LOCK, LAST_INSERT_ID(expr), sequences',
    '1.routine': 'stored functions and procedures',
    '1.no_effect': 'SLEEP, BENCHMARK, RAND, NOW, UUID',
    '1.system_schema': 'information_schema, performance_schema, mysql, sys',
    '1.temporary': 'a temporary table named anywhere',
    '1.text_prepare': 'PREPARE, EXECUTE, DEALLOCATE as text',
    '1.several': 'several statements in one packet',
    '1.previous': 'values of the previous statement',
    '1.self_correction': 'a read that was a write after all',
    # 2: the route
    '2.pinned': 'a pinned session',
    '2.write_transaction': 'transactions that may write, autocommit=0',
    '2.read_only': 'READ ONLY transactions, also by variables; writes in them',
    '2.primary_transaction': 'SERIALIZABLE, WITH CONSISTENT SNAPSHOT',
    '2.hint': 'hints',
    '2.replica_read': 'a read for an eligible replica',
    # 3: what the client can see
    '3.results': 'rows, metadata, warning counts, info, insert ids, affected rows',
    '3.errors': 'errors: number, SQLSTATE, text',
    '3.trackers': 'a client that asks for session tracking',
    '3.capabilities': 'clients with other capabilities: FOUND_ROWS, DEPRECATE_EOF, IGNORE_SPACE, no multi-statements',
    '3.connection_id': 'CONNECTION_ID()',
    # 4: session state
    '4.schema': 'USE, COM_INIT_DB, no schema',
    '4.charset': 'SET NAMES, character sets, collations',
    '4.sql_mode': 'sql_mode',
    '4.time_zone': 'time_zone',
    '4.variable': 'every other session variable',
    '4.sticky': 'timestamp, insert_id, rand_seed, SET STATEMENT',
    '4.role': 'roles',
    '4.user_variable': '@variables by every means',
    '4.pin': 'temporary tables, LOCK TABLES, GET_LOCK, XA, HANDLER, text PREPARE, cursors, SET TRANSACTION',
    '4.prepared': 'binary prepared statements',
    '4.long_data': 'SEND_LONG_DATA, cursors, parameter types left out',
    '4.reset': 'COM_RESET_CONNECTION',
    '4.change_user': 'COM_CHANGE_USER',
    '4.transaction': 'transactions: flags, savepoints, implicit commits',
    '4.leak': "a new session sees nothing of an earlier one's",
}

# Not for sessions: what the servers do meanwhile. Other tests hold these.
ELSEWHERE = {
    '1.routine catalog': 'the monitor does not read information_schema.ROUTINES yet: every routine runs on the primary',
    '2.4 rules': 'configuration; not built yet',
    '2.5 to 2.8': 'eligibility, lag, no replica, no primary: failures_test.py, unit tests of routing',
    '3 KILL': 'kill_test.py',
    '4 pool key': 'accounts_test.py; here: capabilities differ between sessions',
}
