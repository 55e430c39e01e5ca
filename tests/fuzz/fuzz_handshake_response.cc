// Input: 1 byte which message, 4 bytes capabilities of the other side, then the payload.
#include "proxy/protocol/handshake.h"
#include "tests/fuzz/fuzz.h"

using namespace wye;
using namespace wye::protocol;
using fuzz::must;

namespace {

void check_login(ByteView payload, std::uint32_t announced) {
  const auto parsed = parse_login(payload, announced);
  const auto* a = std::get_if<Login>(&parsed);
  if (a == nullptr) return;
  must((a->capabilities & ~announced) == 0, "nothing is agreed on that was not announced");
  Bytes out;
  if (a->ssl_request) {
    write_ssl_request(out, *a);
  } else {
    write_login(out, *a);
  }
  const auto again = parse_login(out, 0xffffffff);
  const auto* b = std::get_if<Login>(&again);
  must(b != nullptr, "a login that was written can be read");
  must(a->capabilities == b->capabilities && a->max_packet == b->max_packet && a->collation == b->collation, "head");
  must(a->user == b->user && a->schema == b->schema && a->plugin == b->plugin, "names");
  must(a->auth == b->auth && a->attributes == b->attributes && a->ssl_request == b->ssl_request, "the rest");
  must(a->zstd_level == b->zstd_level, "level");
}

void check_change_user(ByteView payload, std::uint32_t capabilities) {
  const auto parsed = parse_change_user(payload, capabilities);
  const auto* a = std::get_if<ChangeUser>(&parsed);
  if (a == nullptr) return;
  Bytes out;
  write_change_user(out, *a, capabilities);
  const auto again = parse_change_user(out, capabilities);
  const auto* b = std::get_if<ChangeUser>(&again);
  must(b != nullptr, "a change of user that was written can be read");
  must(a->user == b->user && a->schema == b->schema && a->plugin == b->plugin, "names");
  must(a->auth == b->auth && a->attributes == b->attributes && a->collation == b->collation, "the rest");
}

void check_greeting(ByteView payload) {
  const auto parsed = parse_greeting(payload);
  const auto* a = std::get_if<Greeting>(&parsed);
  if (a == nullptr) return;
  Bytes out;
  write_greeting(out, *a);
  const auto again = parse_greeting(out);
  const auto* b = std::get_if<Greeting>(&again);
  must(b != nullptr, "a greeting that was written can be read");
  must(a->server_version == b->server_version && a->connection_id == b->connection_id, "who");
  must(a->nonce == b->nonce && a->plugin == b->plugin, "authentication");
  must(a->capabilities == b->capabilities && a->mariadb_capabilities == b->mariadb_capabilities, "capabilities");
  must(a->collation == b->collation && a->status == b->status, "the rest");
}

void check_auth_switch(ByteView payload) {
  const auto parsed = parse_auth_switch(payload);
  const auto* a = std::get_if<AuthSwitch>(&parsed);
  if (a == nullptr) return;
  Bytes out;
  write_auth_switch(out, *a);
  must(std::equal(out.begin(), out.end(), payload.begin(), payload.end()), "an authentication switch is one to one");
  if (const auto nonce = nonce_of(a->data)) {
    const auto made = make_auth_switch(a->plugin, *nonce);
    must(nonce_of(made.data) == nonce, "nonce survives");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices{{data, size}};
  const std::uint8_t which = choices.byte();
  const std::uint32_t capabilities = choices.four();
  const Bytes payload = fuzz::exact(choices.rest());
  switch (which % 4) {
    case 0:
      check_login(payload, capabilities);
      break;
    case 1:
      check_change_user(payload, capabilities);
      break;
    case 2:
      check_greeting(payload);
      break;
    default:
      check_auth_switch(payload);
  }
  return 0;
}
