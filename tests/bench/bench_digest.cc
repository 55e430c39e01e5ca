// What classification and digests cost: CPU time of this thread a call, the best of many runs, so that other work on
// the machine matters little.
#include <array>
#include <cstdio>
#include <ctime>
#include <string>

#include "proxy/metrics/digests.h"
#include "proxy/sql/digest.h"
#include "proxy/sql/facts.h"

using namespace wye;

namespace {

constexpr int runs = 300, calls = 1000;

struct Statement {
  const char* name;
  const char* text;
};
constexpr std::array statements{
    Statement{"point select", "SELECT c FROM sbtest1 WHERE id=4711"},
    Statement{"join",
              "SELECT p.name, p.price, o.created_at FROM product p JOIN orders o ON o.product_id = p.id WHERE "
              "o.customer_id = 4711 AND "
              "o.state IN ('open', 'paid', 'sent') ORDER BY o.created_at DESC LIMIT 20"},
    Statement{"insert",
              "INSERT INTO orders (customer_id, product_id, amount, state, note) VALUES (4711, 17, 3, 'open', 'leave "
              "it at the door')"},
};

double now_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

template <class F>
void measure(const char* statement, const char* what, F f) {
  double best = 1e18;
  for (int run = 0; run < runs; ++run) {
    const double before = now_ns();
    for (int i = 0; i < calls; ++i) f();
    best = std::min(best, (now_ns() - before) / calls);
  }
  std::printf("%-14s %-30s %6.0f ns\n", statement, what, best);
}

}  // namespace

int main() {
  const sql::Dialect dialect;
  std::array<char, metrics::DigestStore::longest_text> buffer{};
  volatile std::uint64_t sink = 0;
  for (const auto& [name, text] : statements) {
    const std::string_view sql = text;
    measure(name, "classify", [&] { sink = sink + sql::classify(sql, dialect).effects; });
    measure(name, "classify with digest", [&] {
      sql::Digester digester{dialect};
      sink = sink + sql::classify(sql, dialect, &digester).effects;
      sink = sink + digester.finish(true).hash;
    });
    measure(name, "classify with digest and text", [&] { sink = sink + sql::digest(sql, dialect, buffer).hash; });
  }
  metrics::DigestStore store;
  for (std::uint64_t i = 0; i < 1000; ++i) store.entry(i * 7919, "shop", "app");
  std::uint64_t n = 0;
  measure("store", "add, of 1000 digests in turn", [&] {
    metrics::DigestStore::add(store.entry((n++ % 1000) * 7919, "shop", "app"),
                              {false, true, 1, 40, 120, std::chrono::microseconds{300}, {}});
  });
  measure("store", "add, the same digest", [&] {
    metrics::DigestStore::add(store.entry(7919, "shop", "app"),
                              {false, true, 1, 40, 120, std::chrono::microseconds{300}, {}});
  });
  store.note_writer(1, "shop", {});
  measure("store", "is_writer", [&] { sink = sink + (store.is_writer(n++, "shop", {}) ? 1u : 0u); });
}
