// A policy as the operator wrote it: values, in the order of the configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/bgp/wire/types.h"
#include "controlplane/policy/as_path_pattern.h"
#include "controlplane/policy/prefix_set.h"

namespace lastmile::policy {

enum class Action : std::uint8_t { kAccept, kReject };

/// Where a route comes from.
enum class Source : std::uint8_t { kLocal, kConnected, kStatic, kAggregate, kBgp, kDefault };

/// All that are set have to match; of a list any one item is enough.
struct Match {
  std::vector<PrefixRange> prefixes;  ///< with those of the prefix lists
  bool any_prefix = true;             ///< neither prefixes nor lists were given
  std::vector<AsPathPattern> as_paths;
  std::vector<bgp::Community> communities;
  std::vector<bgp::LargeCommunity> large_communities;
  std::vector<bgp::ExtendedCommunity> extended_communities;
  std::vector<std::string> neighbors;  ///< by name
  std::vector<IpPrefix> next_hops;
  std::optional<bgp::Origin> origin;
  std::optional<Source> source;

  friend bool operator==(const Match&, const Match&) = default;
};

/// What an accepted route is changed to.
struct Set {
  std::optional<std::uint32_t> local_preference;
  std::optional<std::uint32_t> med;
  std::optional<std::uint64_t> aigp;  ///< sent where the session takes it (RFC 7311)
  std::optional<bgp::Origin> origin;
  std::uint8_t prepend = 0;  ///< how often our own AS number is put in front
  /// Taken away first, then added; `communities` in place of all that are there.
  std::optional<std::vector<bgp::Community>> communities;
  std::vector<bgp::Community> add_communities, remove_communities;
  std::vector<bgp::LargeCommunity> add_large, remove_large;
  std::vector<bgp::ExtendedCommunity> add_extended, remove_extended;
  std::optional<IpAddress> next_hop;    ///< import only
  std::optional<std::uint16_t> weight;  ///< import only: share of the flows beside equal paths

  friend bool operator==(const Set&, const Set&) = default;
};

struct Rule {
  std::string name;  ///< may be empty
  Match match;
  Set set;
  Action action = Action::kAccept;

  friend bool operator==(const Rule&, const Rule&) = default;
};

struct Rules {
  std::string name;
  std::vector<Rule> rules;
  Action otherwise = Action::kReject;  ///< for what no rule matches

  friend bool operator==(const Rules&, const Rules&) = default;
};

}  // namespace lastmile::policy
