// The decision process, phase 2: which of the paths to one prefix is best, which are as good, which
// come next (RFC 4271 section 9.1.2, RFC 4456 section 9).
//
// compare() says of two paths not only which is better but by which rule. Paths that no rule before
// the tie-breaks tells apart are *equal in cost*: that is multipath, for free. The next-best set
// becomes the backups.
//
// Pure functions of values: no tables, no state.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "controlplane/rib/attribute_pool.h"
#include "controlplane/rib/link_bandwidth.h"
#include "controlplane/rib/show.h"
#include "dataplane/net/ip.h"

namespace lastmile::rib {

/// The rules in the order in which they are applied.
enum class Rule : std::uint8_t {
  kSource,           ///< ours: local, connected, static, BGP
  kLongLivedStale,   ///< RFC 9494 section 4.3: the last choice
  kLocalPreference,  ///< RFC 4271 section 9.1.1: highest degree of preference
  kAigp,             ///< RFC 7311 section 4.1
  kAsPathLength,     ///< 9.1.2.2 a
  kOrigin,           ///< 9.1.2.2 b
  kMed,              ///< 9.1.2.2 c
  kExternal,         ///< 9.1.2.2 d
  kIgpCost,          ///< 9.1.2.2 e
  kRouterId,         ///< 9.1.2.2 f, RFC 4456 section 9
  kClusterLength,    ///< RFC 4456 section 9
  kPeerAddress,      ///< 9.1.2.2 g
  kSame,             ///< nothing tells them apart
};
/// Those from here on only break ties.
inline constexpr Rule kFirstTieBreak = Rule::kRouterId;

/// "lower MED", as in "best by lower MED".
[[nodiscard]] const char* to_string(Rule rule);

/// What the rules look at, of one path.
struct Candidate {
  SourceKind kind = SourceKind::kBgp;
  bool external = true;
  std::uint32_t igp_cost = 0;
  std::uint32_t router_id = 0;  ///< ORIGINATOR_ID if there is one, else the peer's identifier
  IpAddress peer_address;
  AttributeFacts facts;
  AttributeId attributes;
};

struct Verdict {
  int sign = 0;  ///< negative: the first is better; positive: the second
  Rule rule = Rule::kSame;

  [[nodiscard]] bool equal_cost() const { return rule >= kFirstTieBreak; }
};
/// MED is compared only between paths from the same neighbor AS, so this is not a total order over
/// three paths and more; decide() takes care of that.
[[nodiscard]] Verdict compare(const Candidate& a, const Candidate& b);

struct DecisionOptions {
  unsigned max_paths = 64;  ///< at least 1
  /// Equal cost is enough for multipath; else the AS paths must be the same, too.
  bool multipath_relax = true;
  LinkBandwidth link_bandwidth = LinkBandwidth::kWeight;
};

/// Positions in the candidates given to decide().
struct Decision {
  /// Best path first, then those equal in cost, in the order of the tie-breaks.
  std::vector<std::uint16_t> primaries;
  /// The next-best path and its equals; used when all primaries are dead.
  std::vector<std::uint16_t> backups;
};

/// `result` is overwritten (given by the caller so that its memory is reused). `pool` is asked only
/// when AS paths must be the same. With no candidate the result is empty.
void decide(std::span<const Candidate> candidates, const DecisionOptions& options,
            const AttributePool& pool, Decision& result);

/// Keeps of some candidates' positions, in ascending order, the best one and its equals.
void keep_best(std::span<const Candidate> candidates, std::vector<std::uint16_t>& positions);

/// Positions of the `count` best candidates, best first: the best one and its equals, then the same
/// of the rest, and so on. The first is decide()'s.
[[nodiscard]] std::vector<std::uint16_t> best_of(std::span<const Candidate> candidates,
                                                 std::size_t count);

/// The rule by which `loser` lost against `best`, where `best` came out of decide(). When they
/// can't be compared by MED and a third path removed the loser, that is kMed.
[[nodiscard]] Rule lost_by(const Candidate& best, const Candidate& loser);

}  // namespace lastmile::rib
