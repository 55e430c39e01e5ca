#include "proxy/session/flows/user_variables.h"

#include <optional>
#include <string>
#include <vector>

#include "proxy/protocol/framing.h"
#include "proxy/sql/facts.h"
#include "tests/unit/catch.h"

using wye::protocol::Bytes;
using wye::session::user_variable_literal;
using wye::session::UserVariables;
namespace protocol = wye::protocol;
namespace sql = wye::sql;

namespace {

constexpr std::uint8_t type_double = 5, longlong = 8, decimal = 0xf6, var_string = 0xfd, blob = 0xfb;

bool name(UserVariables& variables, std::string_view text, const sql::Dialect& dialect = {}) {
  return variables.named(text, dialect, sql::classify(text, dialect));
}

struct Value {
  std::uint8_t type = blob;
  bool is_unsigned = false;
  std::optional<std::string> text, hex;
  std::string collation = "utf8mb4_general_ci";
  std::uint32_t length = 0xffffff;
};

void put_packet(Bytes& frames, const Bytes& payload) { protocol::write_packet(frames, 0, payload); }

/// What a server answers to UserVariables::question().
Bytes answer(const std::vector<Value>& values, std::size_t& definitions) {
  Bytes frames, row;
  const auto column = [&](std::uint8_t type, std::uint32_t length, unsigned flags) {
    Bytes payload;
    for (int i = 0; i < 6; ++i) protocol::put_lenenc_string(payload, "def");
    const std::uint8_t tail[] = {0x0c,
                                 45,
                                 0,
                                 static_cast<std::uint8_t>(length),
                                 static_cast<std::uint8_t>(length >> 8),
                                 static_cast<std::uint8_t>(length >> 16),
                                 static_cast<std::uint8_t>(length >> 24),
                                 type,
                                 static_cast<std::uint8_t>(flags),
                                 0,
                                 0,
                                 0,
                                 0};
    payload.insert(payload.end(), std::begin(tail), std::end(tail));
    put_packet(frames, payload);
  };
  const auto cell = [&](const std::optional<std::string>& text) {
    if (text) {
      protocol::put_lenenc_string(row, *text);
    } else {
      row.push_back(0xfb);
    }
  };
  for (const Value& value : values) {
    column(value.type, value.length, value.is_unsigned ? 0xa0 : 0x80);
    column(var_string, 100, 0);
    column(var_string, 100, 0);
    cell(value.text);
    cell(value.hex);
    cell(value.collation);
  }
  put_packet(frames, row);
  definitions = values.size() * 3;
  return frames;
}

bool tell(UserVariables& variables, const std::vector<Value>& values) {
  std::size_t definitions = 0;
  const Bytes frames = answer(values, definitions);
  return variables.answered(frames, definitions);
}

}  // namespace

// Each was tried on MySQL 9.7.4 and MariaDB 10.11.19: metadata, bytes and collation are those of the original.
TEST_CASE("expressions that give a user variable its type and value") {
  CHECK(user_variable_literal(longlong, false, "-9223372036854775808", "", "binary") ==
        "CAST('-9223372036854775808' AS SIGNED)");
  CHECK(user_variable_literal(longlong, true, "18446744073709551615", "", "binary") ==
        "CAST('18446744073709551615' AS UNSIGNED)");
  CHECK(user_variable_literal(decimal, false, "1.50", "", "binary") == "CAST('1.50' AS DECIMAL(65,2))");
  CHECK(user_variable_literal(decimal, false, "7", "", "binary") == "CAST('7' AS DECIMAL(65,0))");
  CHECK(user_variable_literal(type_double, false, "1", "", "binary") == "1e0");
  CHECK(user_variable_literal(type_double, false, "-0", "", "binary") == "-0e0");
  CHECK(user_variable_literal(type_double, false, "1.5e-300", "", "binary") == "1.5e-300");
  CHECK(user_variable_literal(blob, false, "?", "414243", "utf8mb4_bin") == "_utf8mb4 x'414243' COLLATE utf8mb4_bin");
  CHECK(user_variable_literal(blob, false, "?", "00FF27", "binary") == "x'00FF27'");
  CHECK(user_variable_literal(blob, false, "?", "E4", "latin1_swedish_ci") ==
        "_latin1 x'E4' COLLATE latin1_swedish_ci");
  // UTF-16 results.
  CHECK(user_variable_literal(longlong, false,
                              std::string("\0"
                                          "5",
                                          2),
                              "", "binary") == "CAST('5' AS SIGNED)");
  CHECK(user_variable_literal(blob, false, "?",
                              std::string("\0"
                                          "4\0"
                                          "1",
                                          4),
                              std::string("\0b\0i\0n\0a\0r\0y", 12)) == "x'41'");
}

TEST_CASE("what can't be said in an expression, or could mean something else") {
  CHECK(user_variable_literal(longlong, false, "5); DROP TABLE t", "", "binary").empty());
  CHECK(user_variable_literal(blob, false, "?", "4", "binary").empty());
  CHECK(user_variable_literal(blob, false, "?", "4G", "binary").empty());
  CHECK(user_variable_literal(blob, false, "?", "41", "utf8mb4_bin' OR").empty());
  CHECK(user_variable_literal(blob, false, "?", "41", "").empty());
  CHECK(user_variable_literal(blob, false, "?", "6162", "ucs2_general_ci").empty());
  CHECK(user_variable_literal(blob, false, "?", "FF", "utf8mb4_bin").empty());  // the servers refuse it: error 1300
  CHECK(user_variable_literal(blob, false, "?", "C3A9", "utf8mb4_bin") == "_utf8mb4 x'C3A9' COLLATE utf8mb4_bin");
  CHECK(user_variable_literal(blob, false, "?", "D5FD", "gbk_chinese_ci").empty());
  CHECK(user_variable_literal(blob, false, "?", "61", "gbk_chinese_ci") == "_gbk x'61' COLLATE gbk_chinese_ci");
}

TEST_CASE("names are found in every spelling, and asked once") {
  UserVariables variables;
  CHECK_FALSE(variables.any());
  CHECK(name(variables, "SET @a = 1, @`b``c` = 2, @'d e' = 3, @\"f\"\"\" = 4"));
  CHECK(variables.question() ==
        "SELECT @`a`,HEX(@`a`),COLLATION(@`a`),@`b``c`,HEX(@`b``c`),COLLATION(@`b``c`),"
        "@`d e`,HEX(@`d e`),COLLATION(@`d e`),@`f\"`,HEX(@`f\"`),COLLATION(@`f\"`)");
  CHECK(tell(variables, {{longlong, false, "1", "1", "binary"},
                         {longlong, true, "2", "2", "binary"},
                         {blob, false, "x", "78", "utf8mb4_bin"},
                         {decimal, false, "4.0", "4", "binary"}}));
  CHECK_FALSE(variables.unknown());
  CHECK(variables.restore() ==
        "SET @`a`=CAST('1' AS SIGNED),@`b``c`=CAST('2' AS UNSIGNED),@`d e`=_utf8mb4 x'78' COLLATE utf8mb4_bin,"
        "@`f\"`=CAST('4.0' AS DECIMAL(65,1))");
  // Reading changes nothing; everything else may have.
  CHECK(name(variables, "SELECT @a FROM t WHERE b = @`b``c`"));
  CHECK_FALSE(variables.unknown());
  for (const char* text : {"SELECT @a := 5", "SELECT 1 INTO @a", "SET @a = 5", "SELECT f(@a)", "CALL p(@a)",
                           "SELECT @a; SET @a = 1", "UPDATE t SET a = (@a := 1)"}) {
    INFO(text);
    UserVariables other = variables;
    CHECK(name(other, text));
    CHECK(other.unknown());
    CHECK(other.restore() == variables.restore());  // the value before it is the last one known
  }
  variables.reset();
  CHECK_FALSE(variables.any());
}

TEST_CASE("names that other character sets would read differently keep the connection") {
  for (const char* text : {"SET @\xc3\xa9 = 1", "SET @`a\\` = 1", "SET @'a\\'b' = 1", "SET @`\n` = 1"}) {
    INFO(text);
    UserVariables variables;
    CHECK_FALSE(name(variables, text));
  }
  UserVariables variables;
  for (std::size_t i = 0; i < UserVariables::most_names; ++i)
    CHECK(name(variables, "SET @a" + std::to_string(i) + "=1"));
  CHECK_FALSE(name(variables, "SET @one_more = 1"));
}

TEST_CASE("NULL keeps the type; what was never set stays so; long values are not carried about") {
  UserVariables variables;
  CHECK(name(variables, "SELECT @a, @b, @c, @d"));
  CHECK(tell(variables, {{longlong, false, {}, {}, "binary"},
                         {var_string, false, {}, {}, "binary", 0xfffc},
                         {blob, false, {}, {}, "binary", 0x1000000},
                         {blob, false, {}, {}, "latin1_bin"}}));
  CHECK(variables.restore() == "SET @`a`=CAST('0' AS SIGNED),@`a`=NULL,@`d`=_latin1 x'' COLLATE latin1_bin,@`d`=NULL");

  UserVariables empty;
  CHECK(name(empty, "SELECT @b"));
  CHECK(tell(empty, {{var_string, false, {}, {}, "binary", 0xfffc}}));
  CHECK(empty.restore().empty());

  const auto long_one = [](std::size_t bytes) {
    UserVariables one;
    name(one, "SET @a = 1");
    return tell(one, {{blob, false, "?", std::string(bytes * 2, '4'), "binary"}});
  };
  CHECK(long_one(UserVariables::longest_value));
  CHECK_FALSE(long_one(UserVariables::longest_value + 1));
}

TEST_CASE("an answer that is cut short or another's is refused") {
  std::size_t definitions = 0;
  const Bytes whole = answer({{longlong, false, "1", "1", "binary"}}, definitions);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    UserVariables variables;
    name(variables, "SET @a = 1");
    CHECK_FALSE(variables.answered(protocol::ByteView(whole).first(size), definitions));
  }
  UserVariables two;
  name(two, "SET @a = 1, @b = 2");
  CHECK_FALSE(two.answered(whole, definitions));
  CHECK_FALSE(two.answered(whole, 0));
}
