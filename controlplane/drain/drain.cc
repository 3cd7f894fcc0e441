#include "controlplane/drain/drain.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "controlplane/config/suggest.h"

namespace lastmile {
namespace {

constexpr TimerKey kTimer{TimerKind::kDrain, 0};
constexpr Duration kLookEvery = std::chrono::milliseconds{250};
/// So many quiet looks in a row: traffic that pauses has not left.
constexpr unsigned kQuietLooks = 4;
/// Neighbors need a moment before they choose another way, and their neighbors, too.
constexpr Duration kLeastLeaving = std::chrono::seconds{2};

}  // namespace

const char* to_string(DrainPhase phase) {
  return phase == DrainPhase::kLeaving ? "leaving" : "down";
}

tl::expected<void, std::string> Drain::check(const std::vector<std::string>& names) const {
  std::vector<std::string> known;
  for (const BgpNeighborConfig& neighbor : config_.bgp.neighbors) known.push_back(neighbor.name);
  for (const std::string& name : names) {
    if (std::ranges::find(known, name) != known.end()) continue;
    return tl::unexpected(
        fmt::format("no BGP neighbor \"{}\"; {}", name.substr(0, 100),
                    hint(name, known, known.empty() ? "there are none" : "see \"show bgp\"")));
  }
  return {};
}

tl::expected<void, std::string> Drain::begin(const DrainRequest& request, TimePoint now) {
  if (auto known = check(request.neighbors); !known) return known;
  const bool whole = request.neighbors.empty();
  if (request.force == DrainRequest::Force::kNo) {
    const bool path_left =
        std::ranges::any_of(config_.bgp.neighbors, [&](const BgpNeighborConfig& neighbor) {
          return !drained_.contains(neighbor.name) &&
                 std::ranges::find(request.neighbors, neighbor.name) == request.neighbors.end() &&
                 out_.is_established(neighbor.name);
        });
    if (!whole && !path_left) {
      return tl::unexpected<std::string>(
          "that would cut the last path: no other session is Established; --force does it all the "
          "same");
    }
    if (whole && !out_.has_other_way()) {
      return tl::unexpected<std::string>(
          "that would cut this machine off: it has no address on any interface but the router's; "
          "--force does it all the same");
    }
  }
  if (whole) {
    whole_ = true;
    whole_request_ = request;
    out_.drain_note("", "the whole router is drained", now);
  }
  for (const BgpNeighborConfig& neighbor : config_.bgp.neighbors) {
    const bool wanted =
        whole || std::ranges::find(request.neighbors, neighbor.name) != request.neighbors.end();
    if (wanted && !drained_.contains(neighbor.name)) add(neighbor.name, request, now);
  }
  out_.drain_changed(now);
  timers_.arm(kTimer, kLookEvery);
  return {};
}

void Drain::add(const std::string& name, const DrainRequest& request, TimePoint now) {
  Drained& drained = drained_[name];
  drained.since = drained.looked_at = now;
  drained.request = request;
  drained.packets = out_.packets_from(name);
  out_.drain_note(name, "traffic is asked to leave (GRACEFUL_SHUTDOWN)", now);
}

tl::expected<void, std::string> Drain::end(const std::vector<std::string>& neighbors,
                                           TimePoint now) {
  for (const std::string& name : neighbors) {
    if (drained_.contains(name)) continue;
    if (auto known = check({name}); !known) return known;
    return tl::unexpected(fmt::format("{} is not drained", name));
  }
  if (neighbors.empty() && drained_.empty() && !whole_) {
    return tl::unexpected<std::string>("nothing is drained");
  }
  // One that is taken back makes it a router that is drained in parts.
  whole_ = false;
  std::erase_if(drained_, [&](const auto& entry) {
    const bool back =
        neighbors.empty() || std::ranges::find(neighbors, entry.first) != neighbors.end();
    if (back) out_.drain_note(entry.first, "taken back into service", now);
    return back;
  });
  out_.drain_changed(now);
  return {};
}

void Drain::timer_expired(TimePoint now) {
  std::size_t leaving = 0;
  bool changed = false;
  for (auto& [name, drained] : drained_) {
    if (drained.phase != DrainPhase::kLeaving) continue;
    look(name, drained, now);
    if (drained.phase == DrainPhase::kLeaving) {
      ++leaving;
    } else {
      changed = true;
    }
  }
  if (changed) out_.drain_changed(now);
  if (leaving != 0) timers_.arm(kTimer, kLookEvery);
}

void Drain::look(const std::string& name, Drained& drained, TimePoint now) {
  const double seconds = std::chrono::duration<double>(now - drained.looked_at).count();
  if (seconds <= 0) return;
  const std::uint64_t packets = out_.packets_from(name);
  // Counters of several threads are not read at one moment: the sum may step back a little.
  const std::uint64_t grown = packets - std::min(packets, drained.packets);
  drained.rate = static_cast<double>(grown) / seconds;
  drained.packets = packets;
  drained.looked_at = now;
  drained.quiet_looks = drained.rate <= drained.request.quiet ? drained.quiet_looks + 1 : 0;
  const bool impatient = now - drained.since >= drained.request.patience;
  // Without a session there is nobody whose traffic could leave.
  const bool left = !out_.is_established(name) ||
                    (drained.quiet_looks >= kQuietLooks && now - drained.since >= kLeastLeaving);
  if (!left && !impatient) return;
  drained.phase = DrainPhase::kDown;
  drained.since = now;
  out_.drain_note(name,
                  fmt::format("{} ({:.0f} packets/s came in); the session ends",
                              left ? "traffic has left" : "patience is over", drained.rate),
                  now);
}

void Drain::reloaded(TimePoint now) {
  std::erase_if(drained_, [&](const auto& entry) {
    return std::ranges::find(config_.bgp.neighbors, entry.first, &BgpNeighborConfig::name) ==
           config_.bgp.neighbors.end();
  });
  if (!whole_) return;
  bool added = false;
  for (const BgpNeighborConfig& neighbor : config_.bgp.neighbors) {
    if (drained_.contains(neighbor.name)) continue;
    add(neighbor.name, whole_request_, now);
    added = true;
  }
  if (!added) return;
  out_.drain_changed(now);
  timers_.arm(kTimer, kLookEvery);
}

Config Drain::lay_over(Config config) const {
  for (BgpNeighborConfig& neighbor : config.bgp.neighbors) {
    const auto found = drained_.find(neighbor.name);
    if (found == drained_.end()) continue;
    neighbor.graceful_shutdown = true;
    if (found->second.phase != DrainPhase::kDown || neighbor.shutdown) continue;
    neighbor.shutdown = true;
    neighbor.shutdown_message = found->second.request.message;
  }
  return config;
}

std::vector<Drain::Status> Drain::status() const {
  std::vector<Status> list;
  for (const auto& [name, drained] : drained_) {
    list.push_back({name, drained.phase, drained.since, drained.rate, drained.request.message});
  }
  return list;
}

}  // namespace lastmile
