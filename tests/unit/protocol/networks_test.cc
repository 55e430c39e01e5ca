#include "proxy/protocol/networks.h"

#include "tests/unit/catch.h"

namespace wye::protocol {
namespace {

TEST_CASE("an address is read, and written in its shortest form") {
  struct Row {
    std::string_view in, out;  // out empty: no address
  };
  const Row rows[] = {{"10.0.0.9", "10.0.0.9"},
                      {"::ffff:10.0.0.9", "10.0.0.9"},
                      {"::1", "::1"},
                      {"FD00:0:0::0001", "fd00::1"},
                      {"", ""},
                      {"10.0.0", ""},
                      {"010.0.0.1", ""},
                      {"256.0.0.1", ""},
                      {"[::1]", ""},
                      {"fe80::1%eth0", ""},
                      {"db1", ""},
                      {std::string_view{"10.0.0.9\0x", 10}, ""},
                      {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", ""}};
  for (const Row& row : rows) {
    INFO(row.in);
    const auto a = IpAddress::parse(row.in);
    CHECK(a.has_value() == !row.out.empty());
    if (a) CHECK(a->text() == row.out);
  }
  CHECK(Endpoint{*IpAddress::parse("10.0.0.9"), 51234}.text() == "10.0.0.9:51234");
  CHECK(Endpoint{*IpAddress::parse("::1"), 0}.text() == "[::1]:0");
}

TEST_CASE("what a network holds") {
  struct Row {
    std::string_view network, address;
    bool holds;
  };
  const Row rows[] = {
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.0/8", "::ffff:10.1.2.3", true},
      {"10.1.2.3/8", "10.9.9.9", true},
      {"10.0.0.0/9", "10.127.0.1", true},
      {"10.0.0.0/9", "10.128.0.1", false},
      {"192.0.2.7", "192.0.2.7", true},
      {"192.0.2.7", "192.0.2.6", false},
      {"192.0.2.6/31", "192.0.2.7", true},
      {"0.0.0.0/0", "203.0.113.1", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "::1", true},
      {"::/0", "10.0.0.1", true},
      {"::1/128", "::1", true},
      {"::1/128", "::2", false},
      {"fd00::/8", "fdff::1", true},
      {"fd00::/8", "fe00::1", false},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"::ffff:10.0.0.0/104", "10.3.3.3", true},
      {"::ffff:10.0.0.0/104", "11.3.3.3", false},
  };
  for (const Row& row : rows) {
    INFO(row.network << " " << row.address);
    Networks networks;
    CHECK(networks.empty());
    REQUIRE(networks.add(row.network));
    CHECK(networks.contains(*IpAddress::parse(row.address)) == row.holds);
  }
}

TEST_CASE("several networks hold what one of them holds, none holds nothing") {
  Networks networks;
  CHECK_FALSE(networks.contains(*IpAddress::parse("10.0.0.1")));
  REQUIRE(networks.add("192.168.0.0/16"));
  REQUIRE(networks.add("10.0.0.0/8"));
  CHECK(networks.contains(*IpAddress::parse("10.0.0.1")));
  CHECK_FALSE(networks.contains(*IpAddress::parse("172.16.0.1")));
}

TEST_CASE("what is no network adds nothing") {
  Networks networks;
  for (const std::string_view bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8x",
                                     "10.0.0.0/ 8", "localhost", "*"}) {
    INFO(bad);
    CHECK_FALSE(networks.add(bad));
  }
  CHECK(networks.empty());
}

}  // namespace
}  // namespace wye::protocol
