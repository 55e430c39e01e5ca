#pragma once
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proxy/session/driver/account_lookup.h"
#include "proxy/session/driver/collector.h"
#include "proxy/session/driver/context.h"
#include "proxy/session/driver/rule_use.h"
#include "proxy/session/driver/states.h"
#include "proxy/session/flows/answer.h"
#include "proxy/session/flows/infile.h"
#include "proxy/session/flows/prepared.h"
#include "proxy/session/flows/previous_values.h"
#include "proxy/session/flows/session_defaults.h"
#include "proxy/session/flows/side_effects.h"
#include "proxy/session/flows/text_statements.h"
#include "proxy/session/flows/upload.h"
#include "proxy/session/flows/user_variables.h"

namespace wye::session {

/// One client connection: performs what the flows decide. Lives on its worker's thread; the worker owns it and reaps it
/// after Context::reap. It holds at most one backend connection per server (the simple policy of now: until it ends or
/// is reset); nothing else assumes that: a connection's queue knows its statements by sink, not by holder.
///
/// States and what moves them:
///   LoggingIn -> Idle              the primary accepted the account
///   Idle -> Acquiring|Holding      a command needs a server | there is no primary now
///   Idle -> Waiting -> Acquiring   a read: for a replica to have what it must see
///   Idle -> Asking -> Acquiring    KILL: what runs the session that is meant, on its worker?
///   Acquiring -> Preparing|Relaying  a connection is there (PREPARE goes ahead of an EXECUTE that this server does not
///   know) Preparing -> Relaying, Relaying -> Idle    the answer is over; or -> Acquiring: it runs again elsewhere any
///   Relaying -> Settling -> Idle   what the statement may have committed is asked before its answer passes
///   -> Closed
class Session final : public net::StreamOwner,
                      public pool::BackendHolder,
                      public pool::ResponseSink,
                      public Waiters::Reader,
                      public Commits::Holder {
 public:
  Session(Context& context, SessionId id, Client client);
  ~Session() override;

  void start();
  void tick();         // deadlines; every 100 ms or so
  void on_topology();  // a new picture: who waits for a primary tries again
  // KILL, from another session; that it may do so is settled.
  KillTarget kill_target();
  void on_kill_target(const KillTarget& target);  // the answer to Context::ask_kill_target
  void interrupt();  // KILL QUERY: the statement, if one runs elsewhere than on the primary
  void close(const char* why);

  struct Row {
    SessionId id;
    std::string user, client, schema, state, server, pinned_by, keeps, transaction, statement;
    double seconds;
  };
  Row row() const;
  /// It has a connection there, or waits for one, or for what would be read there.
  bool uses(topology::ServerId server) const;
  /// Nothing would be lost by closing it now: no statement runs and no transaction is open.
  bool quiet() const {
    return (std::holds_alternative<Idle>(state_) || std::holds_alternative<LoggingIn>(state_)) &&
           !session_.in_transaction();
  }

  // net::StreamOwner: the client
  void on_bytes(std::span<std::uint8_t> bytes) override;
  void on_secure() override {}
  void on_drained() override;
  void on_closed(const char* why) override;
  // pool::BackendHolder
  void on_backend_ready(pool::Backend& backend) override;
  void on_backend_lost(pool::Backend& backend, const base::Error& error, bool server_said_so) override;
  void on_backend_drained(pool::Backend& backend) override;
  bool on_backend_wanted(pool::Backend& backend, bool reluctantly) override;
  // Waiters::Reader
  void on_wait_over(metrics::WaitOutcome outcome) override;
  // Commits::Holder
  void on_commits_known() override;
  // pool::ResponseSink: the answer to the client's statement
  std::uint8_t sequence_shift() const override { return answer_.shift(); }
  bool wants_definitions_end() const override { return answer_.needs_cut() && attempt_.spoiled == Spoiled::no; }
  bool opens_cursor() const override;
  bool takes_local_infile() const override { return (capabilities_ & protocol::cap::local_files) != 0; }
  void on_definitions_end(std::uint8_t next_sequence) override;
  void on_raw(base::ByteView frames) override;
  void on_packet(protocol::Part part, std::uint8_t sequence, base::ByteView payload,
                 const protocol::ResponseTracker& tracker) override;
  void on_end(const protocol::ResponseTracker& tracker) override;
  void on_lost(const base::Error&) override {}  // on_backend_lost() follows

 private:
  /// Answers of statements that wye sent ahead: session state, PREPARE.
  class Ahead final : public pool::ResponseSink {
   public:
    explicit Ahead(Session& session, bool prepare) : session_(session), prepare_(prepare) {}
    void on_raw(base::ByteView) override {}
    void on_packet(protocol::Part part, std::uint8_t, base::ByteView payload,
                   const protocol::ResponseTracker&) override;
    void on_end(const protocol::ResponseTracker& tracker) override;
    void on_lost(const base::Error&) override {}
    base::Error error;

   private:
    Session& session_;
    bool prepare_;
  };
  friend class Ahead;

  // session_login.cc
  void login_bytes();
  bool take_proxy_header(LoggingIn& login);
  void begin_flow(LoggingIn& login);
  void on_first_packet(LoggingIn& login, const protocol::Packet& packet);
  void pass_on(protocol::Attributes attributes);
  void perform(login::Action action);
  void greet();
  void look_up();
  void verify();
  std::optional<topology::ServerId> login_server() const;
  void logged_in(pool::Backend& backend);
  void refuse_login(const base::Error& error, metrics::LoginFailure why);
  void login_failed_at_server(const base::Error& error, bool several_plugins);
  void change_user();
  void go_on_as_before(const base::Error& error);
  // session_commands.cc
  void next_command();
  bool take_command();
  void dispatch();
  void query();
  bool parse_attributes();
  bool replace_text(std::string_view text);
  void put_own_connection_id();
  void reset_connection();
  void forget_state();
  void use_before_reset(pool::Backend& backend);
  void init_db();
  void plain(protocol::Expect expect);
  void explain_route(std::string_view sql);
  bool transaction_is_broken();
  sql::Dialect dialect() const;
  void note_statement();
  void count_pin(Pin before);
  void note_side_effects();
  void know_defaults();
  void begin_defaults();
  // session_prepared.cc
  void prepare();
  void execute();
  void execute_with_long_data();
  void long_data();
  void close_statement();
  void close_there(pool::Backend& backend, std::uint64_t key);
  void close_stand_in();
  void reset_statement();
  void fetch();
  void prepare_on(pool::Backend& backend, PreparedStatement& statement);
  base::Bytes execute_frame(pool::Backend& backend, PreparedStatement& statement, const base::Bytes& command);
  base::Error unknown_statement(std::uint32_t id, const char* command) const;
  // session_kill.cc
  bool is_own_kill();
  bool kills_own(const protocol::ErrInfo& err);
  void become_query();
  void ask_kill_target();
  void kill_through(std::uint32_t thread_id);
  void kill_answered(bool refused);
  base::Bytes with_client_id(const protocol::ErrInfo& err) const;
  base::Bytes with_last_warnings(const protocol::EofInfo& eof) const;
  void end_running_statements();
  // session_upload.cc
  void pump_upload();
  void begin_infile(std::uint8_t sequence);
  void pump_infile();
  void end_lost_infile();
  void pass_to_stream();
  // session_run.cc
  void route_and_run();
  routing::SessionView view() const;
  bool wait_for_replica(const routing::Route& route, const routing::LevelNeed& need);
  void run_on_primary(routing::Reason reason);
  void obtain(topology::ServerId server);
  void begin_attempt();
  void run_on(pool::Backend& backend);
  bool must_reset(pool::Backend& backend) const;
  void send_state(pool::Backend& backend, const std::string& schema, const ReadUnder* under = nullptr);
  void send_statement(pool::Backend& backend);
  void leave_transaction_elsewhere();
  bool begins_on_primary() const;
  void move_transaction();
  void settle_transaction();
  void note_lingering();
  void lose_transaction();
  void note_untouched(bool failed);
  void roll_back(topology::ServerId server);
  void leave_frozen_replica();
  void finish(bool failed);
  void run_again(routing::Reason reason, metrics::Retry kind);
  void leave_server();
  // session_levels.cc
  routing::LevelNeed levels(const sql::Facts& facts);
  bool learn(const routing::LevelNeed& need, bool refused, const routing::Route* route);
  bool ask_primary();
  void note_known();
  bool may_show_data() const;
  bool wait_for_primary(topology::ServerId id);
  void primary_caught_up();
  void count_primary_behind();
  void warn_of_commits();
  void note_seen(base::TimePoint now);
  bool token_query();
  void answer_token();
  static std::string token_statement(const std::string& column, const std::string& token);
  // session_untracked.cc
  bool names_no_schema() const;
  bool shows_own_trackers(const pool::Backend& backend) const;
  void send_own_trackers(pool::Backend& backend);
  Encoding encoding(pool::Backend& backend) const;
  bool ask_trackers(pool::Backend& backend);
  void trackers_are(const RowCollector::Rows* rows);
  void note_unseen();
  bool read_back(topology::ServerId to);
  void values_are(const RowCollector::Rows* rows);
  // session_rules.cc
  const routing::Rule* rule_for(std::string_view text, const ReadAs& as) const;
  bool take_rule(bool runs);
  base::Error timeout_error() const;
  void on_deadline();
  void timed_out();
  void kill_statement();
  bool waits_for_kill(bool failed);
  void kill_is_over();
  void give_up_statement();
  bool tells_timeout(const protocol::ErrInfo& err, base::Bytes& payload) const;
  // session_next.cc
  void send_next_transaction(pool::Backend& backend);
  void send_begin(pool::Backend& backend);
  void note_next(pool::Backend& backend, const protocol::OkInfo& ok, bool ahead);
  void note_user_variables();
  void note_triggers();
  void send_user_variables(pool::Backend& backend);
  // session_routines.cc
  void know_routines(sql::Facts& facts, std::string_view text, const ReadAs& as, std::string_view schema) const;
  void know_routines();
  void note_routine(pool::Backend& backend) const;
  void note_other_schema();
  // session_digest.cc
  sql::Facts classified(std::string_view text, ReadAs& as) const;
  void correct(sql::Facts& facts, std::uint64_t digest) const;
  void remember_writer();
  void count_digest(bool failed, bool on_replica, base::TimePoint now);
  // session_hand_over.cc
  void count_kept();
  bool may_hand_over(const pool::Backend& backend) const;
  void hand_over_what_others_need();
  bool must_recall(topology::ServerId from);
  bool gives_reluctantly(topology::ServerId from) const;
  void recall(topology::ServerId from, Recalling::Then then, bool give_away);
  void numbers_are(const RowCollector::Rows* rows);
  void conditions_are(const RowCollector::Rows* rows);
  void user_values_are(const RowCollector::Rows* rows);
  void recalled(bool good);
  void recall_over();
  void recall_lost(topology::ServerId from);
  void give_up_recall();
  void give_away(topology::ServerId from);
  bool recall_for(topology::ServerId server);
  void note_previous(bool failed);
  void note_previous_use(std::string_view text);
  bool may_keep_found_rows() const;
  void know_text_statements();
  std::shared_ptr<const TextStatements::Statement> go_by_inner_text(sql::Facts& facts,
                                                                    const sql::TextPrepare& about) const;
  void send_text_statement(pool::Backend& backend);
  void send_found_rows(pool::Backend& backend);
  // session_conditions.cc
  void remember_maker();
  bool needs_conditions_there() const;
  bool must_recall_conditions() const;
  bool can_run_maker() const;
  bool must_run_maker(const pool::Backend& backend) const;
  bool prepare_maker(pool::Backend& backend);
  void run_maker(pool::Backend& backend);
  void drop_prepare_warnings(pool::Backend& backend, const PreparedStatement& statement);
  void drop_stale_conditions(pool::Backend& backend);
  void send_conditions(pool::Backend& backend);
  std::string conditions_to_make(topology::ServerId server) const;
  static Conditions conditions_of(const RowCollector& answer, const RowCollector::Rows& rows);
  std::optional<ShowConditions> shows_conditions() const;
  bool answer_stored_conditions();
  // session_answers.cc
  void finish_unread();
  bool may_have_committed(const protocol::ErrInfo& err) const;
  bool settle(bool failed);
  void wait_with_answer(bool failed);
  void note_untracked(bool failed);
  void state_ahead(bool failed);
  void prepared_ahead(const protocol::ResponseTracker& tracker);
  void not_opened(const pool::Backend& backend, const base::Error& error, bool server_said_so);
  void statement_lost(const pool::Backend& backend, const base::Error& error);
  void lost_while_idle(const pool::BackendKey& key);
  bool can_run_again() const { return !attempt_.passed && whole_ && attempts_ < 3; }
  void hold(const char* why);
  // session.cc
  void become(State state);
  void send(base::ByteView payload, std::uint8_t sequence);
  void fail(const base::Error& error);  // ERR as the answer to the command
  void done();                          // OK as the answer to the command
  void close_when_sent();               // after the last words went out, or a little later without
  void protocol_error(metrics::ProtocolError kind, const base::Error& error);
  void release_all(bool clean);
  std::string servers_in_words() const;
  pool::Backend* held(topology::ServerId server);
  void note_ok(const protocol::OkInfo& ok);
  void note_error(const protocol::ErrInfo& err);
  bool is_primary(topology::ServerId server) const { return context_.topology->primary == server; }
  const topology::Server& server(topology::ServerId id) const { return context_.topology->servers[id]; }
  bool query_attributes() const { return (capabilities_ & protocol::cap::query_attributes) != 0; }
  pool::BackendKey backend_key(topology::ServerId id) const {
    return {id, !is_primary(id), account_, client_flags_, session_.collation, mariadb_flags_, passed_on_};
  }
  std::string_view command_text() const { return base::chars_of(base::ByteView(command_).subspan(text_at_)); }
  base::ByteView command_payload() const { return base::ByteView(command_).subspan(4); }

  Context& context_;
  SessionId id_;
  protocol::Nonce nonce_{};  // of the greeting
  std::unique_ptr<net::Stream> client_;
  Client peer_;
  State state_;
  base::TimePoint state_since_;
  base::Buffer in_;
  // the account
  std::uint32_t capabilities_ = 0;
  std::uint32_t client_flags_ = 0;  // those of them that its backend connections share
  std::uint32_t mariadb_flags_ = 0;
  int zstd_level_ = 0;
  std::optional<base::TimePoint> close_at_;  // the last words must be out by then
  AccountPtr account_;
  std::shared_ptr<const pool::Passed> passed_on_;
  std::unique_ptr<AccountLookup> lookup_;
  // what is remembered of the session
  SessionState session_;
  SessionDefaults defaults_;
  PreparedStatements prepared_;
  PreviousValues previous_;
  UserVariables user_variables_;
  std::optional<topology::ServerId> transaction_server_, last_read_;
  std::uint32_t turn_;  // which replica it reads from first
  routing::SessionPosition position_;
  bool broken_transaction_ = false;
  bool transaction_untouched_ = false;  // READ ONLY, on a replica, and nothing has been read in it
  bool savepoint_ = false;              // maybe of a transaction that no flag tells of yet
  bool begun_unseen_ = false;           // maybe one, by a statement that failed under autocommit = 0
  TextStatements text_statements_;
  std::shared_ptr<const TextStatements::Statement> text_execute_;  // what runs, if it may go to a replica
  bool drew_numbers_ = false;        // from a sequence: what LASTVAL() says, only the connection knows
  bool read_only_lingers_ = false;   // SET autocommit has ended one: the next statement runs on the primary
  bool transaction_beside_ = false;  // and another one, as READ ONLY, on the primary (decision 0008)
  bool primary_state_ = false;       // user variables, locks, ... that no other connection has
  bool reads_own_state_ = false;     // the first of those, which statements read along with tables
  bool values_unknown_ = false;      // a routine may have set variables without MariaDB's saying so
  unsigned refused_changes_ = 0;     // of user, in a row
  std::vector<pool::Backend*> held_;
  // the command that runs
  base::Bytes command_;      // its first frame's head and payload; the rest is in upload_
  std::size_t text_at_ = 5;  // where in command_ the SQL text begins
  Upload upload_;
  Infile infile_;
  struct LostInfile {
    base::Error error;
    bool close = false;
  } lost_infile_;             // what the client hears at the end of its file
  std::optional<Kill> kill_;  // the command is a KILL of a client's session
  struct {
    bool globals = false, accounts = false, routines = false;
  } side_effects_;    // it changes more than this session
  sql::Facts facts_;  // views into command_ or a prepared statement's text
  struct {
    ReadAs as;
    std::uint64_t rows = 0, out = 0;
    bool no_syntax = false;  // the server could not read it
  } tally_;                  // of the command, for its digest
  RuleUse rule_;
  PreparedStatement* statement_ = nullptr;
  protocol::Expect expect_ = protocol::Expect::ok_or_err;
  routing::Reason reason_ = routing::Reason::unknown_statement;
  topology::ServerId server_ = 0;
  Answer answer_;
  base::Bytes pending_trackers_;  // of results, for clients that get them with the next OK
  std::uint8_t answer_sequence_ = 1;
  base::TimePoint started_, sent_;
  std::uint8_t previous_use_ = 0;  // sql::PreviousUse: what it reads of the statement before
  bool reads_conditions_ = false;
  bool own_error_ = false;   // its answer is an error of wye's own
  PreviousValues::Ran ran_;  // what its answer has said so far
  bool whole_ = false;       // command_ is all of it: it can run again
  bool to_primary_ = false;  // no routing: the command belongs to the primary
  bool dispatching_ = false;
  std::optional<base::TimePoint> hold_until_, acquire_until_;
  std::optional<routing::Goal> goal_;  // the command has waited, or waits, for a replica to have this
  routing::Consistency level_ = routing::Consistency::global;
  std::optional<topology::GtidSet> token_;   // of its hint
  std::optional<std::string> token_column_;  // it asks for the session's
  base::TimePoint asking_since_{};           // the primary
  bool asked_primary_ = false;               // what there is to see
  bool asked_shown_ = false;                 // whether it shows what replicas have shown
  base::TimePoint replica_read_at_{};        // the session's last read of data on a replica
  metrics::WaitOutcome wait_outcome_ = metrics::WaitOutcome::covered;
  bool settings_went_ahead_ = false;
  Attempt attempt_;
  unsigned attempts_ = 0;
  PreparedStatement* preparing_for_ = nullptr;  // whose PREPARE is on its way
  std::optional<Maker> maker_;
  bool had_conditions_ = false;  // the statement before the one that runs had left some
  // values that are read back
  unsigned recalls_left_ = 0;
  bool recall_failed_ = false;
  base::TimePoint keeps_until_{};  // its connections: a KILL is on its way to one, or what one knows could not be had
  Ahead ahead_{*this, false}, preparer_{*this, true};
  RowCollector values_{[this](const auto* rows) { values_are(rows); }};
  RowCollector trackers_{[this](const auto* rows) { trackers_are(rows); }};
  RowCollector numbers_{[this](const auto* rows) { numbers_are(rows); }};
  RowCollector user_values_{[this](const auto* rows) { user_values_are(rows); }};
  RowCollector conditions_{[this](const auto* rows) { conditions_are(rows); }};
  RowCollector cleared_{[this](const auto* rows) { recalled(rows != nullptr); }};
};

}  // namespace wye::session
