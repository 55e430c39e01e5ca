#include "proxy/net/loop.h"

#include <atomic>
#include <thread>
#include <vector>

#include "proxy/net/mailbox.h"
#include "tests/unit/catch.h"
#include "tests/unit/net/pair.h"
#include "tests/unit/net/turn.h"

namespace wye::net {
namespace {

using test::Pair;
using test::run_until;

base::ByteView view(std::string_view text) { return base::bytes_of(text); }

TEST_CASE("what one turn gathers for a connection leaves in one write") {
  Loop loop;
  Pair pair(loop, SOCK_SEQPACKET);  // keeps the borders between writes
  Timer once(loop, [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    pair.left->write(view("one "));
    pair.left->write(view("two "));
    pair.left->out().append(view("three"));
    pair.left->schedule();
  });
  once.every(base::milliseconds(1));
  REQUIRE(run_until(loop, [&] { return !pair.right_owner.got.empty(); }));
  CHECK(pair.right_owner.got == "one two three");
  CHECK(pair.right_owner.reads == 1);
}

TEST_CASE("what is written and deferred before the loop runs is not left lying") {
  Loop loop;
  Pair pair(loop);
  bool ran = false;
  pair.left->write(view("early"));
  loop.defer([&] { ran = true; });
  pair.right_owner.bytes_came = [&] { loop.stop(); };
  loop.run();  // nothing else would wake it
  CHECK(ran);
  CHECK(pair.right_owner.got == "early");
}

TEST_CASE("deferred tasks run after the turn's writes, in order, and may defer and write more") {
  Loop loop;
  Pair pair(loop);
  std::string order;
  loop.defer([&] {
    order += "a";
    loop.defer([&] {
      order += "c";
      pair.left->write(view("from a deferred task"));
    });
  });
  loop.defer([&] { order += "b"; });
  pair.right_owner.bytes_came = [&] { loop.stop(); };
  loop.run();
  CHECK(order == "abc");
  CHECK(pair.right_owner.got == "from a deferred task");
}

TEST_CASE("run_deferred runs what is there, once") {
  Loop loop;
  int runs = 0;
  loop.defer([&] { ++runs; });
  loop.run_deferred();
  loop.run_deferred();
  CHECK(runs == 1);
}

TEST_CASE("a stream that dies with bytes unsent is forgotten by the turn") {
  Loop loop;
  auto pair = std::make_unique<Pair>(loop);
  pair->left->write(view("nobody sees this flush"));
  pair.reset();
  test::settle(loop);
  SUCCEED();
}

TEST_CASE("a timer repeats until it is destroyed") {
  Loop loop;
  int fired = 0;
  {
    Timer timer(loop, [&] { ++fired; });
    timer.every(base::milliseconds(1));
    REQUIRE(run_until(loop, [&] { return fired >= 3; }));
  }
  const int then = fired;
  test::settle(loop);
  CHECK(fired == then);
}

TEST_CASE("now() moves on") {
  Loop loop;
  const auto begin = loop.now();
  REQUIRE(run_until(loop, [&] { return loop.now() > begin; }));
  const auto seen = loop.now();
  CHECK(seen <= base::Clock::now());
}

TEST_CASE("stop from another thread ends a loop that waits, and one that was about to run") {
  Loop loop;
  std::atomic<bool> over{false};
  SECTION("before run") {
    loop.stop();
    loop.run();
  }
  SECTION("while it runs") {
    std::thread other([&] {
      loop.stop();
      over = true;
    });
    loop.run();
    other.join();
    CHECK(over);
  }
}

TEST_CASE("a mailbox runs the tasks of several threads on the loop's thread, each sender's in order") {
  Loop loop;
  Mailbox mailbox(loop);
  constexpr int senders = 4, each = 500;
  std::vector<std::vector<int>> got(senders);
  int left = senders * each;
  bool elsewhere = false;
  const auto here = std::this_thread::get_id();
  std::vector<std::thread> threads;
  for (int s = 0; s < senders; ++s) {
    threads.emplace_back([&, s] {
      for (int i = 0; i < each; ++i) {
        mailbox.post([&, s, i] {
          got[static_cast<std::size_t>(s)].push_back(i);
          elsewhere = elsewhere || std::this_thread::get_id() != here;
          if (--left == 0) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& t : threads) t.join();
  CHECK(left == 0);
  CHECK_FALSE(elsewhere);
  std::vector<int> expected(each);
  for (int i = 0; i < each; ++i) expected[static_cast<std::size_t>(i)] = i;
  for (const auto& g : got) CHECK((g == expected));
}

TEST_CASE("a task may post to its own mailbox") {
  Loop loop;
  Mailbox mailbox(loop);
  std::string order;
  mailbox.post([&] {
    order += "a";
    mailbox.post([&] {
      order += "c";
      loop.stop();
    });
    order += "b";
  });
  loop.run();
  CHECK(order == "abc");
}

}  // namespace
}  // namespace wye::net
