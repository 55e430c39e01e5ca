#!/usr/bin/env python3
"""Faults, seeded into a copy of wye on purpose: does the oracle find them?

    tests/oracle/faults.py --check          each fault's text is still in the sources (./dev lint)
    tests/oracle/faults.py --build          build/oracle-faults/tree: the copy that has all of them, and the program
    tests/oracle/run --faults [NAME ...]    looks for each of them, for two minutes at most; prints docs/ORACLE.md's table

Each fault is a piece of the sources and what stands in its place; FAULT there is true if $WYE_FAULT names it. So one build has all of them, and
without $WYE_FAULT it is wye.
"""
import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / 'build/oracle-faults/tree'
BINARY = TREE / 'build/release/wye'
BOTH = 'mysql', 'mariadb'
HEADER = 'proxy/base/fault.h'
HEADER_TEXT = '''#pragma once
#include <cstdlib>
#include <string_view>

inline bool wye_fault(std::string_view name) {
  static const char* const chosen = std::getenv("WYE_FAULT");
  return chosen != nullptr && name == chosen;
}
'''
DRIVER, FLOWS = 'proxy/session/driver/', 'proxy/session/flows/'


@dataclass
class Fault:
    name: str
    what: str
    path: str
    old: str
    new: str  # with FAULT
    flavours: tuple = BOTH


FAULTS = [
    # what goes ahead of a statement on another connection
    Fault('skipped_variable', 'one variable is not set on the connection that takes over', FLOWS + 'session_settings.cc',
          'if (moves_by_itself(variable) || (by_names && is_set_by_names(variable))) continue;',
          'if (moves_by_itself(variable) || (by_names && is_set_by_names(variable))) continue;\n'
          '    if (FAULT && variable == "div_precision_increment") continue;'),
    Fault('variable_not_put_back', 'the time zone that another session has set on a connection stays', FLOWS + 'session_settings.cc',
          'if (variables_.contains(variable) || there == nullptr || *there == value) continue;',
          'if (variables_.contains(variable) || there == nullptr || *there == value || (FAULT && variable == "time_zone")) continue;'),
    Fault('default_not_put_back', 'nor are the variables that results do not depend on', FLOWS + 'session_settings.cc',
          'if (of_schema(variable) || of_login(variable)) return true;',
          'if (of_schema(variable) || of_login(variable) || FAULT) return true;'),
    Fault('charset_not_restored', 'SET NAMES is not repeated', FLOWS + 'session_settings.cc',
          'if (!names.empty() && others) set.names', 'if (!names.empty() && others && !FAULT) set.names'),
    Fault('foreign_collation', "another session's SET NAMES leaves the collation of results", FLOWS + 'session_settings.cc',
          'const bool foreign = connection.version != 0', 'const bool foreign = !FAULT && connection.version != 0'),
    Fault('pair_left_out', 'a charset is set without the collation that goes with it', FLOWS + 'variables.cc',
          'return !same_in(wanted, there, pair.charset) || !same_in(wanted, there, pair.collation);',
          'return !FAULT && (!same_in(wanted, there, pair.charset) || !same_in(wanted, there, pair.collation));'),
    Fault('schema_not_restored', 'no USE on a connection that has another schema', DRIVER + 'session_run.cc',
          'if (session_.must_use(there, schema)) {', 'if (session_.must_use(there, schema) && !(FAULT && !there.schema.empty())) {'),
    Fault('stale_insert_id', 'LAST_INSERT_ID() is not restored', DRIVER + 'session_run.cc',
          'id && there.insert_id != id) {', 'id && there.insert_id != id && !FAULT) {'),
    Fault('insert_id_of_the_packet', 'LAST_INSERT_ID() is not read back after a statement', FLOWS + 'previous_values.cc',
          'if (may_set_insert_id(ran, facts)) insert_id_.reset();',
          'if (may_set_insert_id(ran, facts) && !(FAULT && ran.insert_id == 0)) insert_id_.reset();'),
    Fault('prepared_in_wrong_schema', 'a statement is prepared again in the schema of today', DRIVER + 'session_run.cc',
          'send_state(backend, statement_->schema, ', 'send_state(backend, FAULT ? session_.schema : statement_->schema, '),
    Fault('prepared_under_settings_of_today', 'a statement is prepared again under the settings of today', DRIVER + 'session_run.cc',
          'const bool as_then = ', 'const bool as_then = !FAULT && '),
    Fault('types_not_repeated', "parameters' types do not reach the other servers", FLOWS + 'prepared.cc',
          'const bool seen = there.types_version == statement.types_version;',
          'const bool seen = FAULT || there.types_version == statement.types_version;'),
    # values of the previous statement
    Fault('found_rows_foreign', 'FOUND_ROWS() of whoever had the connection', FLOWS + 'previous_values.cc',
          'if ((use & sql::previous_found_rows) != 0 && !found_rows_at_)', 'if ((use & sql::previous_found_rows) != 0 && !found_rows_at_ && !FAULT)'),
    Fault('row_count_after_read', 'ROW_COUNT() after a read is not -1', FLOWS + 'previous_values.cc',
          'ran.failed || ran.result_set ?', 'ran.failed || (ran.result_set && !FAULT) ?'),
    Fault('warnings_lost', 'warnings that were fetched are forgotten', FLOWS + 'previous_values.cc',
          'stored_ = std::move(told);', 'if (!FAULT) stored_ = std::move(told);'),
    Fault('warnings_foreign', 'warnings stay on a connection that is handed over', DRIVER + 'session_hand_over.cc',
          'const bool clear = give_away &&', 'const bool clear = !FAULT && give_away &&'),
    Fault('asked_in_wrong_order', 'FOUND_ROWS() is asked before the warnings, which it takes away', DRIVER + 'session_hand_over.cc',
          'if (conditions && mysql) ask(PreviousValues::conditions, conditions_);\n  ask(previous_.numbers(from), numbers_);\n'
          '  if (conditions && !mysql) ask',
          'if (conditions && mysql != FAULT) ask(PreviousValues::conditions, conditions_);\n  ask(previous_.numbers(from), numbers_);\n'
          '  if (conditions && mysql == FAULT) ask'),
    Fault('previous_on_the_primary', "FOUND_ROWS() and its kind do not follow the session's last read", 'proxy/routing/route.cc',
          'const bool only_previous =', 'const bool only_previous = !FAULT &&'),
    # what keeps a connection, or a server
    Fault('role_reused', 'a connection with a role goes to other sessions', 'proxy/sql/set_statement.cc',
          'if (now.is(Word::ROLE) && !assigned) {\n    scanner_.in_accounts();\n    scanner_.add(fx_sticky_setting);',
          'if (now.is(Word::ROLE) && !assigned) {\n    scanner_.in_accounts();\n    if (!FAULT) scanner_.add(fx_sticky_setting);'),
    Fault('user_variable_lost', 'user variables are not set again', DRIVER + 'session_next.cc',
          'const std::string sql = user_variables_.restore();', 'const std::string sql = FAULT ? std::string{} : user_variables_.restore();'),
    Fault('user_lock_lost', 'GET_LOCK does not keep the connection', FLOWS + 'session_state.cc',
          'if (facts.has(Effect::fx_user_lock)) keep', 'if (facts.has(Effect::fx_user_lock) && !FAULT) keep'),
    Fault('temporary_on_replica', 'temporary tables pin nothing', FLOWS + 'session_state.cc',
          'if (facts.has(Effect::fx_temporary_table)) pin', 'if (facts.has(Effect::fx_temporary_table) && !FAULT) pin'),
    Fault('next_transaction_lost', 'what SET TRANSACTION said does not go along', DRIVER + 'session_next.cc',
          'if (!wanted.empty()) ahead("SET TRANSACTION "', 'if (!wanted.empty() && !FAULT) ahead("SET TRANSACTION "'),
    # routing
    Fault('locking_read_on_replica', 'FOR UPDATE and LOCK IN SHARE MODE are reads like others', 'proxy/sql/scanner.cc',
          'return raise(Why::locking_read);\n    case Word::FOR:\n      if (next.is(Word::UPDATE) || next.is(Word::SHARE)) raise',
          'if (!FAULT) raise(Why::locking_read);\n      return;\n    case Word::FOR:\n'
          '      if ((next.is(Word::UPDATE) || next.is(Word::SHARE)) && !FAULT) raise'),
    Fault('autocommit_off_on_replica', 'reads under autocommit=0 go to replicas', 'proxy/routing/route.cc',
          'if (!session_.autocommit) return to_primary', 'if (!session_.autocommit && !FAULT) return to_primary'),
    Fault('transaction_split', 'reads inside a transaction go to replicas', 'proxy/routing/route.cc',
          'if (session_.in_transaction && !begins_anew()) return', 'if (session_.in_transaction && !begins_anew() && !FAULT) return'),
    Fault('write_in_read_only', 'a write in a READ ONLY transaction is accepted', DRIVER + 'session_run.cc',
          'if (begins_on_primary()) send_begin', 'if (begins_on_primary() && !FAULT) send_begin'),
    Fault('no_self_correction', "a replica's refusal of a write reaches the client", DRIVER + 'session_answers.cc',
          'if (read_only && !is_primary(server_) && !attempt_.was_in_transaction && can_run_again()) {',
          'if (read_only && !is_primary(server_) && !attempt_.was_in_transaction && can_run_again() && !FAULT) {'),
    Fault('sql_mode_unseen', "the classifier does not know the session's sql_mode", FLOWS + 'session_state.cc',
          'if (const auto mode = variables_.find("sql_mode"); mode != variables_.end()) {',
          'if (const auto mode = variables_.find("sql_mode"); mode != variables_.end() && !FAULT) {'),
    Fault('charset_unseen', 'the classifier does not know that 0x5c may be half a character', FLOWS + 'session_state.cc',
          'if (const auto cs = variables_.find("character_set_client"); cs != variables_.end()) {',
          'if (const auto cs = variables_.find("character_set_client"); cs != variables_.end() && !FAULT) {'),
    # what the client sees
    Fault('connection_id_leak', "CONNECTION_ID() is the server's number", DRIVER + 'session_commands.cc',
          'if (facts_.why == sql::Why::ddl) return;\n  if (const auto changed = sql::with_connection_id',
          'if (facts_.why == sql::Why::ddl || FAULT) return;\n  if (const auto changed = sql::with_connection_id'),
    Fault('trackers_leaked', 'tracker blocks reach clients that did not ask for them', FLOWS + 'answer.cc',
          'if (as_it_came && x_.client_session_track) return put', 'if ((as_it_came && x_.client_session_track) || FAULT) return put'),
    Fault('flag_not_masked', 'the flag 0x4000 reaches clients that did not ask for trackers', FLOWS + 'answer.cc',
          'protocol::status::session_state_changed)});\n    return put(out, sequence, scratch_);\n  }\n  // The servers',
          '(FAULT ? 0 : protocol::status::session_state_changed))});\n    return put(out, sequence, scratch_);\n  }\n  // The servers'),
    Fault('status_flag_lost', 'the EOF of rows does not say that a transaction is open', FLOWS + 'answer.cc',
          'scratch_, {ok->warnings, static_cast<std::uint16_t>(ok->status & ~', 'scratch_, {ok->warnings, static_cast<std::uint16_t>(ok->status & (FAULT ? ~1 : ~0) & ~'),
    Fault('kill_of_another', 'KILL goes to another number than its victim\'s', DRIVER + 'session_kill.cc',
          'return kill_through(*target.primary_thread);', 'return kill_through(*target.primary_thread + (FAULT ? 100000 : 0));'),
    Fault('kill_misses_replica', 'KILL QUERY does not end what runs on a replica', DRIVER + 'session_kill.cc',
          'if (!refused && !self) context_.kill', 'if (!refused && !self && !FAULT) context_.kill'),
    # between sessions
    Fault('reset_skipped', 'connections are lent again without a reset', 'proxy/pool/backend.cc',
          'needs_reset_ = true;\n  state_.forget_session();', 'needs_reset_ = !FAULT;\n  state_.forget_session();'),
    Fault('foreign_flags', 'connections of clients with other flags are lent', 'proxy/pool/pool.cc',
          '!(backend.key() == wanted.key)) continue;',
          '!(backend.key() == wanted.key) &&\n        !(FAULT && backend.key().server == wanted.key.server && backend.key().account == wanted.key.account)) continue;'),
    Fault('reset_forgets_nothing', 'COM_RESET_CONNECTION leaves the variables that wye remembers', DRIVER + 'session_commands.cc',
          'session_.reset(true);', 'if (!FAULT) session_.reset(true);'),
    Fault('reset_keeps_values', 'COM_RESET_CONNECTION leaves the values of the previous statement', DRIVER + 'session_commands.cc',
          'transaction_server_ = last_read_ = std::nullopt;\n  previous_.reset();', 'transaction_server_ = last_read_ = std::nullopt;\n  if (!FAULT) previous_.reset();'),
]


def seeded(texts):
    """Puts all faults into {path: text}. What is wrong with them: a line for each that must be written anew."""
    lines = []
    for fault in FAULTS:
        count = texts.get(fault.path, '').count(fault.old)
        if count == 1:
            texts[fault.path] = texts[fault.path].replace(fault.old, fault.new.replace('FAULT', f'wye_fault("{fault.name}")'))
        else:
            lines.append(f'tests/oracle/faults.py: {fault.name}: its text is {count} times in {fault.path}, not once')
        if 'FAULT' not in fault.new:
            lines.append(f'tests/oracle/faults.py: {fault.name} does not say FAULT')
    names = [fault.name for fault in FAULTS]
    return lines + [f'tests/oracle/faults.py: two faults are {name}' for name in sorted(set(names)) if names.count(name) > 1]


def troubles():
    return seeded({path: (ROOT / path).read_text() for path in {fault.path for fault in FAULTS} if (ROOT / path).is_file()})


def seed():
    """The copy, with all faults. What does not change keeps its time, so that little is compiled again."""
    rooms = 'proxy', 'replication'
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '-z', 'CMakeLists.txt', 'CMakePresets.json', *rooms], cwd=ROOT,
                            capture_output=True, check=True).stdout.decode()
    texts = {path: (ROOT / path).read_text() for path in listed.split('\0') if path and (ROOT / path).is_file()}
    if lines := seeded(texts):
        sys.exit('\n'.join(lines))
    for path in {fault.path for fault in FAULTS}:
        texts[path] = f'#include "{HEADER}"\n' + texts[path]
    texts[HEADER] = HEADER_TEXT
    known = {path.relative_to(TREE).as_posix() for room in rooms for path in (TREE / room).rglob('*') if path.is_file()}
    for path in known - set(texts):
        (TREE / path).unlink()
    for path, text in texts.items():
        to = TREE / path
        if not to.exists() or to.read_text() != text:
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(text)


@contextmanager
def alone():
    """Both flavours may be looked at by two runs at the same time."""
    TREE.parent.mkdir(parents=True, exist_ok=True)
    with open(TREE.parent / 'lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@alone()
def build():
    """The program with all faults. Whatever a build of these sources has left in ccache is used."""
    seed()
    environment = {'CCACHE_BASEDIR': str(ROOT), 'CCACHE_NOHASHDIR': '1', **os.environ}
    for command in (['cmake', '--preset', 'release', '-DWYE_TESTS=OFF'], ['nice', '-n', '15', 'ninja', '-j1', '-C', 'build/release', 'wye']):
        done = subprocess.run(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f'{" ".join(command)}:\n{done.stdout[-4000:]}')
    return BINARY


def main():
    if '--build' in sys.argv:
        print(build().relative_to(ROOT))
        return 0
    if '--clean' in sys.argv:
        shutil.rmtree(TREE.parent, ignore_errors=True)
        return 0
    lines = troubles()
    print('\n'.join(lines or [f'{len(FAULTS)} faults, each in its place']))
    return 1 if lines else 0


if __name__ == '__main__':
    sys.exit(main())
