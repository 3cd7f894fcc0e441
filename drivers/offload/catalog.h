// What the ladder's steps ask of a NIC: the one place where rules are made.
//
//   0  software         nothing; always works
//   1  priority queue   BFD, BGP and neighbor discovery arrive on a queue of their own, polled
//                       first, so that a flood of other packets does not cost them their place
//   2  echo reflection  a neighbor's BFD echo turns round inside the NIC, whatever the CPU does
//   3  drop rules       what is to be discarded is discarded by the NIC; nothing asks for that yet
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "drivers/offload/rule.h"

namespace lastmile::offload {

enum class Step : std::uint8_t { kSoftware, kPriorityQueue, kEchoReflection, kDropRules };
inline constexpr std::size_t kStepCount = 4;

struct StepFacts {
  std::string_view name;
  std::string_view text;
};
inline constexpr std::array<StepFacts, kStepCount> kSteps{{
    {"software", "everything on the worker"},
    {"priority-queue", "BFD, BGP and neighbor discovery on a queue that is polled first"},
    {"echo-reflection", "neighbors' BFD echo turned round in the NIC"},
    {"drop-rules", "discards in the NIC"},
}};
[[nodiscard]] constexpr const StepFacts& facts_of(Step step) {
  return kSteps[static_cast<std::size_t>(step)];
}

/// Step 1: one wish for each protocol and address family.
[[nodiscard]] std::vector<Wish> steering(std::uint16_t queue);

/// Everything else to queue 0: for devices that spread what no rule matches over all queues,
/// the priority queue too. Asked last.
[[nodiscard]] Wish the_rest();

/// A neighbor whose echo is to be reflected.
struct EchoPeer {
  MacAddress ours;   ///< of the port
  MacAddress peers;  ///< of the neighbor
};

/// Step 2. The neighbor's echo packets (UDP 3785, RFC 5881 section 4) go to `hairpin_queue` with
/// their MAC addresses exchanged. Our own echo comes back from the same neighbor to the same UDP
/// port; it is known by its destination, one of `own_addresses`, and goes to `priority_queue`: the
/// CPU must see it, because its absence is what says that the link is dead.
[[nodiscard]] std::vector<Wish> reflection(const std::vector<EchoPeer>& peers,
                                           const std::vector<IpAddress>& own_addresses,
                                           std::uint16_t hairpin_queue,
                                           std::uint16_t priority_queue);

/// Step 3: what a Flowspec rule (RFC 8955) would match, as far as one hardware rule can say it.
/// Absent fields match anything; both prefixes must be of one family.
struct DropMatch {
  std::optional<IpPrefix> source{};
  std::optional<IpPrefix> destination{};
  std::optional<std::uint8_t> protocol{};
  std::optional<std::uint16_t> source_port{};       ///< protocol must be UDP or TCP
  std::optional<std::uint16_t> destination_port{};  ///< likewise
};
[[nodiscard]] Wish drop(const DropMatch& match);

/// A discard that harms nobody (documentation addresses, RFC 5737): does the NIC take such rules?
[[nodiscard]] DropMatch drop_probe();

}  // namespace lastmile::offload
