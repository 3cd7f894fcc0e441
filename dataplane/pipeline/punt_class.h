// Classes of packets that leave for the machine's kernel, each with a rate of its own, so that a
// flood in one class never starves another. No DPDK here: the control plane reads this too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/pipeline/drop_reason.h"

namespace lastmile {

enum class PuntClass : std::uint8_t {
  kBgp,
  kBgpOpen,
  kNeighborDiscovery,
  kArp,
  kIcmp,
  kFragment,
  kHost,
  kUnknown,
};

/// A class of punted packets: its name and its share, of each port and worker.
struct PuntClassFacts {
  std::string_view name;
  std::uint32_t packets_per_second;
  std::uint32_t burst;  ///< packets that may come at once
  DropReason policed;   ///< counts what is above the rate
};

/// The rates leave room for what a server's fabric sends at its worst (a full table over several
/// sessions; a /22 of neighbors asking at once) and stay far below what a kernel interface can
/// carry.
///
/// kBgpOpen is who wants to connect: strangers can ask for that at no cost, and each asks the
/// kernel for an answer; sessions that are up live in kBgp, out of its way. kFragment is what the
/// kernel has to keep until the rest comes, and it keeps little (ipfrag_high_thresh). kHost is
/// traffic of the machine's own programs, which is bounded by lm0 itself.
inline constexpr std::array kPuntClasses{
    PuntClassFacts{"bgp", 100'000, 4096, DropReason::kPolicedBgp},
    PuntClassFacts{"bgp-open", 1'000, 256, DropReason::kPolicedBgpOpen},
    PuntClassFacts{"neighbor-discovery", 2'000, 512, DropReason::kPolicedNeighbor},
    PuntClassFacts{"arp", 2'000, 512, DropReason::kPolicedArp},
    PuntClassFacts{"icmp", 1'000, 256, DropReason::kPolicedIcmp},
    PuntClassFacts{"fragment", 50'000, 4096, DropReason::kPolicedFragment},
    PuntClassFacts{"host", 1'000'000, 8192, DropReason::kPolicedHost},
    PuntClassFacts{"unknown", 500, 64, DropReason::kPolicedUnknown},
};
inline constexpr std::size_t kPuntClassCount = kPuntClasses.size();

[[nodiscard]] constexpr const PuntClassFacts& facts(PuntClass punt_class) {
  return kPuntClasses[static_cast<std::size_t>(punt_class)];
}
[[nodiscard]] constexpr std::string_view to_string(PuntClass punt_class) {
  return facts(punt_class).name;
}

}  // namespace lastmile
