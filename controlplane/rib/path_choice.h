// From the paths of one prefix to what it forwards by: which of them count, the decision
// (decision.h), and its outcome as targets (forwarding_groups.h).
//
//   PathChoice choice(core);
//   if (choice.choose(paths)) install(choice.forwarding());   // and the best path is paths[0]
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "controlplane/rib/decision.h"
#include "controlplane/rib/forwarding_groups.h"
#include "controlplane/rib/path.h"
#include "controlplane/rib/rib_core.h"

namespace lastmile::rib {

/// Those of a prefix's paths that count: not refused, and of a source that is there.
struct CandidatePaths {
  std::vector<Candidate> candidates;     ///< as decide() wants them
  std::vector<std::uint16_t> positions;  ///< which of the paths they are, one by one

  CandidatePaths() = default;
  CandidatePaths(const RibCore& core, std::span<const Path> paths) { find(core, paths); }
  void find(const RibCore& core, std::span<const Path> paths);
  [[nodiscard]] bool empty() const { return candidates.empty(); }
};

/// By how much the primaries of a decision share flows, where their links' bandwidths say so; else
/// empty. `among`: what was found in `paths` and decided about.
[[nodiscard]] std::vector<std::uint16_t> bandwidth_shares(const RibCore& core,
                                                          std::span<const Path> paths,
                                                          const CandidatePaths& among,
                                                          const Decision& decision);

/// Whose targets are used when all primaries are dead: the next-best path and its equals, of those
/// that lead elsewhere than the primaries do. `standbys` is overwritten.
void find_standbys(std::span<const Path> paths, const CandidatePaths& among,
                   const Decision& decision, std::vector<std::uint16_t>& standbys);

/// Kept from one prefix to the next, so that its memory is reused.
class PathChoice {
 public:
  explicit PathChoice(const RibCore& core) : core_(core) {}

  /// Puts the best path first. False if none of them counts.
  [[nodiscard]] bool choose(std::span<Path> paths);
  /// By the last choose() that was true.
  [[nodiscard]] const ForwardingChoice& forwarding() const { return forwarding_; }

 private:
  const RibCore& core_;
  CandidatePaths among_;
  Decision decision_;
  std::vector<std::uint16_t> standbys_;
  ForwardingChoice forwarding_;
};

}  // namespace lastmile::rib
