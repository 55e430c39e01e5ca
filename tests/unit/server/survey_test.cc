#include "replication/server/survey.h"

#include "replication/server/native_hash.h"
#include "tests/unit/catch.h"

using namespace wye;

TEST_CASE("Only an account that may read everything knows that there is nothing") {
  CHECK(server::reads_everything({"GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION"}));
  CHECK(server::reads_everything(
      {"GRANT SELECT, RELOAD ON *.* TO `wye`@`%`", "GRANT INSERT ON `mysql`.`plugin` TO `wye`@`%`"}));
  CHECK(server::reads_everything({"GRANT RELOAD, SELECT ON *.* TO `wye`@`%` IDENTIFIED BY PASSWORD '*A'"}));
  CHECK_FALSE(server::reads_everything({}));
  CHECK_FALSE(server::reads_everything({"GRANT SELECT ON `shop`.* TO `wye`@`%`"}));
  CHECK_FALSE(
      server::reads_everything({"GRANT RELOAD ON *.* TO `wye`@`%`", "GRANT SELECT ON `a ON *.* TO b`.* TO `wye`@`%`"}));
  CHECK_FALSE(
      server::reads_everything({"GRANT SELECT ON *.* TO `wye`@`%`", "REVOKE SELECT ON `shop`.* FROM `wye`@`%`"}));
  CHECK_FALSE(
      server::reads_everything({"GRANT `reader`@`%` TO `wye`@`%`", "GRANT SHOW DATABASES ON *.* TO `wye`@`%`"}));
}

TEST_CASE("What belongs to the server is not a user's") {
  for (const char* name : {"mysql", "SYS", "information_schema", "performance_schema"})
    CHECK(server::is_system_schema(name));
  for (const char* name : {"mysql2", "shop", "", "test"}) CHECK_FALSE(server::is_system_schema(name));
  CHECK(server::is_system_account("mysql.session"));
  CHECK(server::is_system_account("mariadb.sys"));
  CHECK_FALSE(server::is_system_account("root"));
}

TEST_CASE("The hash is the server's own") {  // SELECT PASSWORD('...') on MariaDB 10.11
  CHECK(server::native_hash("123456") == "*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9");
  CHECK(server::native_hash("sandbox-root") == "*0A2267EE638508E20E395B10D444B352BEF6DBF1");
}
