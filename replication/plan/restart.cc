#include "replication/plan/restart.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "replication/plan/dialect.h"
#include "replication/plan/errant.h"
#include "replication/plan/set_up_checks.h"

namespace wye::plan {
namespace {

using topology::Channel;
using topology::Observation;

/// The source could not be reached, or was lost: what passes.
constexpr unsigned of_the_network[] = {1040, 1053, 1158, 1159, 1160, 1161, 2002, 2003, 2005, 2006, 2013};

const Channel* only_channel(const Observation& replica) {
  return replica.channels.size() == 1 && replica.channels.front().name.empty() ? &replica.channels.front() : nullptr;
}

/// "This was attempt 3/10, ...", as MySQL has it since 8.0: somebody stopped it before the last one. Others don't say.
bool tried_enough(const std::string& error) {
  constexpr std::string_view words = "This was attempt ";
  const std::size_t at = error.find(words);
  if (at == std::string::npos) return true;
  const char *from = error.data() + at + words.size(), *end = error.data() + error.size();
  unsigned long tried = 0, all = 0;
  const auto first = std::from_chars(from, end, tried);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '/') return true;
  return std::from_chars(first.ptr + 1, end, all).ec != std::errc{} || tried >= all;
}

bool gave_up(const Channel& channel) {
  const bool network = std::find(std::begin(of_the_network), std::end(of_the_network), channel.receiver_errno) !=
                       std::end(of_the_network);
  return channel.applier_running && network && tried_enough(channel.receiver_error);
}

}  // namespace

bool has_stopped(const Observation& replica) {
  const Channel* channel = only_channel(replica);
  return channel != nullptr && !channel->receiver_started && channel->applier_errno == 0;
}

bool runs(const Observation& replica) {
  const Channel* channel = only_channel(replica);
  return channel != nullptr && channel->receiver_running && channel->applier_running;
}

std::optional<Restart> plan_restart(const Observation& replica, const Observation& primary,
                                    const topology::Address& primary_address, const std::optional<Ran>& ran,
                                    bool rebooted) {
  if (!has_stopped(replica)) return std::nullopt;
  const Channel& channel = *only_channel(replica);
  if (!channel.uses_gtid || !comes_from(channel, primary_address, primary)) return std::nullopt;
  if (!primary.written->includes(*replica.received) || !find_errant(replica, primary).empty()) return std::nullopt;
  const Dialect dialect{replica.version};
  if (gave_up(channel))
    return Restart{dialect.text(Phrase::start_receiver),
                   "the receiver gave up: " + std::to_string(channel.receiver_errno) + ": " + channel.receiver_error};
  if (rebooted && ran && primary.written->includes(*ran->received) && !channel.applier_running &&
      channel.receiver_errno == 0)
    return Restart{dialect.text(Phrase::start_replica), "the server was restarted and has not started them itself"};
  return std::nullopt;
}

}  // namespace wye::plan
