#pragma once
#include <cstdint>

namespace wye::session {

// The first byte of a command's payload.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
enum Command : std::uint8_t {
  com_quit = 0x01,
  com_init_db = 0x02,
  com_query = 0x03,
  com_field_list = 0x04,
  com_refresh = 0x07,
  com_shutdown = 0x08,
  com_statistics = 0x09,
  com_process_info = 0x0a,
  com_process_kill = 0x0c,
  com_debug = 0x0d,
  com_ping = 0x0e,
  com_change_user = 0x11,
  com_binlog_dump = 0x12,
  com_register_slave = 0x15,
  com_stmt_prepare = 0x16,
  com_stmt_execute = 0x17,
  com_stmt_send_long_data = 0x18,
  com_stmt_close = 0x19,
  com_stmt_reset = 0x1a,
  com_set_option = 0x1b,
  com_stmt_fetch = 0x1c,
  com_binlog_dump_gtid = 0x1e,
  com_reset_connection = 0x1f,
  com_stmt_bulk_execute = 0xfa,  // MariaDB
};

}  // namespace wye::session
