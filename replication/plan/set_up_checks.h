#pragma once
#include "replication/plan/set_up.h"

namespace wye::plan {

/// What forbids to set replication up, server by server: not seen, another flavour, no binary log, filters, ...
/// Pure; part of plan_set_up().
std::vector<Trouble> check_servers(const SetUpWish& wish, const std::vector<Known>& known);
/// What keeps `replica` from following `primary`: newer versions, data of its own, accounts that differ.
std::vector<Trouble> check_pair(const SetUpWish& wish, const std::vector<Known>& known, std::size_t primary,
                                std::size_t replica);

/// "shop (3 tables), blog (1 table, 2 routines)"
std::string data_text(const topology::Survey& survey);
bool may_overwrite(const SetUpWish& wish, const std::string& server);
/// A channel's source is this server.
bool comes_from(const topology::Channel& channel, const topology::Address& address,
                const topology::Observation& source);
/// By its GTIDs it has a part of what the primary has, and the primary's binary logs hold the rest.
bool is_copy(const SetUpWish& wish, const std::vector<Known>& known, std::size_t primary, std::size_t replica);
/// Its history counts for nothing: it has no data, or its data may go.
bool starts_anew(const SetUpWish& wish, const std::vector<Known>& known, std::size_t server);

}  // namespace wye::plan
