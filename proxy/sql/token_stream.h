#pragma once
#include <array>
#include <cstddef>

#include "proxy/sql/digest.h"
#include "proxy/sql/lexer.h"

namespace wye::sql {

/// The lexer with the token before and the two after the current one. Never allocates.
class TokenStream {
 public:
  /// `digester`: sees each token once, as it is read.
  TokenStream(std::string_view text, const Dialect& dialect, Digester* digester = nullptr)
      : lexer_{text, dialect}, digester_{digester} {
    for (std::size_t i = 1; i < window_.size(); ++i) read(window_[i]);
  }
  const Token& before() const { return window_[0]; }
  const Token& now() const { return window_[1]; }
  const Token& ahead(std::size_t n = 1) const { return window_[1 + n]; }  // REQUIRES: n is 1 or 2
  void advance() {
    for (std::size_t i = 0; i + 1 < window_.size(); ++i) window_[i] = window_[i + 1];
    read(window_.back());
  }
  /// Forgets the token before, at the start of a statement.
  void begin_statement() { window_[0] = Token{}; }
  bool at_text_end() const {
    const TokenKind k = now().kind;
    return k == TokenKind::end || k == TokenKind::unterminated || k == TokenKind::uncertain;
  }
  bool at_statement_end() const { return at_text_end() || now().is(';'); }

 private:
  void read(Token& token) {
    token = lexer_.next();
    if (digester_ != nullptr) digester_->take(token, lexer_.hint());
  }

  Lexer lexer_;
  Digester* digester_;
  std::array<Token, 4> window_;
};

}  // namespace wye::sql
