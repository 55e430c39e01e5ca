#include "proxy/cli/admin_client.h"

#include <algorithm>
#include <istream>
#include <ostream>

#include "proxy/cli/answer_text.h"
#include "proxy/cli/console_connection.h"

namespace wye::cli {
namespace {

constexpr base::milliseconds connect_timeout{5000};
constexpr base::milliseconds statement_timeout{24 * 3'600'000};  // PROVISION takes as long as it takes

std::string trimmed(std::string s) {
  static constexpr const char* space = " \t\r\n;";
  const std::size_t first = s.find_first_not_of(" \t\r\n");
  const std::size_t last = s.find_last_not_of(space);
  return first == s.npos || last == s.npos || last < first ? std::string{} : s.substr(first, last - first + 1);
}

bool is_word(const std::string& s, std::string_view word) {
  return std::equal(s.begin(), s.end(), word.begin(), word.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; });
}

class Console {
 public:
  Console(const AdminOptions& options, std::ostream& out, std::ostream& err)
      : options_{options}, out_{out}, err_{err} {}

  bool connect() {
    const auto connected = connection_.connect(options_.socket, connect_timeout);
    if (!connected) complain(connected.error());
    return static_cast<bool>(connected);
  }

  bool run(const std::string& statement) {
    const auto start = base::Clock::now();
    const auto answers = connection_.run(statement, statement_timeout);
    if (!answers) {
      complain(answers.error());
      return false;
    }
    const auto took = std::chrono::duration_cast<base::milliseconds>(base::Clock::now() - start);
    for (const Answer& a : *answers) out_ << (options_.json ? as_json(a) : as_table(a, took));
    out_.flush();
    return true;
  }

  /// A console outlives a restart of wye: it connects again for the next statement.
  int interactive(std::istream& in) {
    std::string line;
    for (;;) {
      if (options_.prompt) out_ << "wye> " << std::flush;
      if (!std::getline(in, line)) break;
      const std::string statement = trimmed(line);
      if (statement.empty()) continue;
      if (is_word(statement, "quit") || is_word(statement, "exit")) return 0;
      const bool done = (connection_.connected() || connect()) && run(statement);
      if (!done && !options_.prompt) return 1;
    }
    if (options_.prompt) out_ << "\n";
    return 0;
  }

 private:
  void complain(const base::Error& e) {
    err_ << "ERROR";
    if (e.code != 2006) err_ << " " << e.code << " (" << printable(e.state) << ")";
    err_ << ": " << printable(e.message) << std::endl;
  }
  const AdminOptions& options_;
  std::ostream &out_, &err_;
  ConsoleConnection connection_;
};

}  // namespace

int run_admin(const AdminOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  Console console{options, out, err};
  if (!console.connect()) return 1;
  if (options.statements.empty()) return console.interactive(in);
  for (const std::string& s : options.statements) {
    const std::string statement = trimmed(s);
    if (!statement.empty() && !console.run(statement)) return 1;
  }
  return 0;
}

}  // namespace wye::cli
