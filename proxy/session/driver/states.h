#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/protocol/networks.h"
#include "proxy/session/flows/login.h"
#include "proxy/session/flows/read_under.h"
#include "replication/topology/topology.h"

namespace wye::session {

// What a Session is doing. Each state owns what only it needs; Session::become() is the one transition.

/// Who connected, as the listener saw it.
struct Client {
  int fd = -1;  // taken over
  std::string name;
  std::optional<protocol::Endpoint> source, destination;  // absent on a Unix socket
  config::Tls tls = config::Tls::preferred;
  bool trusted_proxy = false;  // a PROXY header from there is believed
};

struct LoggingIn {
  std::optional<LoginFlow> flow;  // absent until the client's first packet
  protocol::Nonce nonce{};
  std::uint8_t sequence = 1;  // of the next packet from the client
  base::TimePoint deadline{};
  bool change_user = false;
  bool verifying = false;
  bool greeted = false;
  std::uint32_t offered = 0;  // capabilities in the greeting
  bool proxy_header = false;  // may still come, ahead of the client's first packet
  /// What waits for a server that can check the login; a wye that has just started knows none for a moment.
  std::string last_error;
  enum class Pending : std::uint8_t { nothing, rows, verdict } pending = Pending::nothing;
  /// A change of user: what the session goes on with if MariaDB refuses it.
  struct Before {
    std::shared_ptr<const protocol::Account> account;
    std::shared_ptr<const pool::Passed> passed_on;
    std::string schema;
    std::uint8_t collation = 0;
  };
  std::optional<Before> before;
};
struct Idle {};
struct Holding {
  base::TimePoint deadline;
};
struct Acquiring {
  base::TimePoint deadline;
};
struct Preparing {};
struct Relaying {};
struct Waiting {};  // for a replica to have what the read needs
struct Asking {};   // another worker what it knows of the session that a KILL means
/// The answer is there, and waits until readers need what it may have committed.
struct Settling {
  bool failed = false;
};
/// What a routine may have set without MariaDB's saying so, before a replica serves the session.
struct ReadingBack {
  topology::ServerId to = 0;
};
/// What only one connection knows is read back from it.
struct Recalling {
  enum class Then : std::uint8_t { idle, run };  // afterwards: wait for the client, or run its statement
  topology::ServerId from = 0;
  Then then = Then::idle;
  bool give_away = false;  // the connection goes to another session
  base::TimePoint idle_since{};
};
/// From the primary what there is to see.
struct Learning {
  bool shown = false;  // until it shows itself what replicas have shown
};
struct Closed {};
using State = std::variant<LoggingIn, Idle, Holding, Acquiring, Preparing, Relaying, Asking, Waiting, Settling,
                           ReadingBack, Recalling, Learning, Closed>;

/// A KILL of a session of wye's, while it runs.
struct Kill {
  std::uint32_t session = 0;  // the client's id
  bool query = false;
  std::uint32_t thread = 0;  // what stands for it on the primary
};
/// What KILL must know of its victim.
struct KillTarget {
  bool found = false;
  std::string user;
  std::optional<std::uint32_t> primary_thread;
};
/// The statement that left the conditions which the next one may ask for, on a replica.
struct Maker {
  topology::ServerId server = 0;
  std::uint32_t statement = 0;  // of an EXECUTE; 0: a query
  std::uint16_t error = 0;      // it said; 0: none
  bool beside = false;          // there were conditions before it
  base::Bytes command;
  std::string schema;  // where it ran,
  ReadUnder under;     // and under what
};
/// Why the answer that is coming must not reach the client: the statement runs again.
enum class Spoiled : std::uint8_t {
  no,
  read_only_replica,
  leaving_replica,
  replay_failed,
  expired_on_replica,
  kill_of_own,
  timed_out  // but for this one: the client gets an error
};

/// One try of the command on a server, from before anything is sent: what an earlier one has left must not decide what
/// is done if the server is lost.
struct Attempt {
  Spoiled spoiled = Spoiled::no;
  unsigned ahead_left = 0;    // answers of the session's state still to come
  bool ahead_failed = false;  // one of them was an error
  bool preparing = false;     // wye's own PREPARE is on its way
  bool first = true;          // nothing of the answer has come
  bool passed = false;        // something of it has gone to the client
  bool failed = false;        // it is an error
  bool unreported = false;    // the statement may have committed what its answer does not name
  bool was_in_transaction = false;
};

}  // namespace wye::session
