#include "controlplane/rib/path_choice.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace lastmile::rib {
namespace {

/// Sets: the same members in another order are the same group.
void sort_primaries(ForwardingChoice& choice) {
  if (choice.weights.empty()) {
    std::ranges::sort(choice.primaries);
    return;
  }
  std::vector<std::pair<TargetId, std::uint16_t>> members;
  for (std::size_t i = 0; i < choice.primaries.size(); ++i) {
    members.emplace_back(choice.primaries[i], choice.weights[i]);
  }
  std::ranges::sort(members);
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::tie(choice.primaries[i], choice.weights[i]) = members[i];
  }
}

}  // namespace

void CandidatePaths::find(const RibCore& core, std::span<const Path> paths) {
  candidates.clear();
  positions.clear();
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (paths[i].refusal != Refusal::kNone) continue;
    const Source& source = core.sources[paths[i].source];
    if (!source.counts()) continue;
    Candidate candidate;
    candidate.kind = source.kind;
    candidate.external = source.external;
    candidate.facts = core.attributes.facts(paths[i].attributes);
    candidate.router_id =
        candidate.facts.originator != 0 ? candidate.facts.originator : source.identifier.value();
    candidate.peer_address = source.address;
    candidate.attributes = paths[i].attributes;
    candidates.push_back(candidate);
    positions.push_back(static_cast<std::uint16_t>(i));
  }
}

std::vector<std::uint16_t> bandwidth_shares(const RibCore& core, std::span<const Path> paths,
                                            const CandidatePaths& among, const Decision& decision) {
  if (core.options.link_bandwidth == LinkBandwidth::kIgnore) return {};
  std::vector<float> bandwidths;
  for (const std::uint16_t i : decision.primaries) {
    // What a policy has set stands above what a neighbor says.
    const auto& members = core.targets.members(paths[among.positions[i]].target);
    if (among.candidates[i].facts.bandwidth == 0 || members.size() != 1 || members[0].weight != 1) {
      return {};
    }
    bandwidths.push_back(among.candidates[i].facts.bandwidth);
  }
  return bandwidth_weights(bandwidths);
}

void find_standbys(std::span<const Path> paths, const CandidatePaths& among,
                   const Decision& decision, std::vector<std::uint16_t>& standbys) {
  standbys.clear();
  const std::vector<Candidate>& candidates = among.candidates;
  const auto target_of = [&](std::uint16_t i) { return paths[among.positions[i]].target; };
  const auto helps = [&](std::uint16_t i) {
    if (is_generated(candidates[i].kind)) return false;  // it leads nowhere
    return std::ranges::find(decision.primaries, target_of(i), target_of) ==
           decision.primaries.end();
  };
  // What is ours, or on our own wire, is reached no other way.
  const SourceKind kind = candidates[decision.primaries.front()].kind;
  if (kind == SourceKind::kLocal || kind == SourceKind::kConnected) return;
  std::ranges::copy_if(decision.backups, std::back_inserter(standbys), helps);
  if (!standbys.empty() || decision.backups.empty()) return;
  for (std::uint16_t i = 0; i < candidates.size(); ++i) {
    if (helps(i)) standbys.push_back(i);  // no primary: those lead where they lead
  }
  keep_best(candidates, standbys);
}

bool PathChoice::choose(std::span<Path> paths) {
  among_.find(core_, paths);
  if (among_.empty()) return false;
  decide(among_.candidates, core_.options, core_.attributes, decision_);

  const auto path_of = [&](std::uint16_t candidate) -> Path& {
    return paths[among_.positions[candidate]];
  };
  forwarding_.primaries.clear();
  forwarding_.weights.clear();
  forwarding_.backups.clear();
  for (const std::uint16_t i : decision_.primaries) {
    forwarding_.primaries.push_back(path_of(i).target);
  }
  find_standbys(paths, among_, decision_, standbys_);
  for (const std::uint16_t i : standbys_) forwarding_.backups.push_back(path_of(i).target);
  if (forwarding_.primaries.size() > 1) {
    forwarding_.weights = bandwidth_shares(core_, paths, among_, decision_);
    sort_primaries(forwarding_);
  }
  if (forwarding_.backups.size() > 1) std::ranges::sort(forwarding_.backups);
  std::swap(paths.front(), path_of(decision_.primaries.front()));
  return true;
}

}  // namespace lastmile::rib
