#include "controlplane/rib/next_hop_tracker.h"

#include <algorithm>
#include <cassert>
#include <chrono>

namespace lastmile::rib {
namespace {

using std::chrono::seconds;

/// The kernel itself asks three times, a second apart (RFC 4861 section 10: MAX_MULTICAST_SOLICIT,
/// RETRANS_TIMER); after as many tries of ours a silent neighbor's last address is given up.
constexpr unsigned kAttemptsBeforeGivingUp = 3;
/// Distinct next hops of one session. Each costs an entry of the workers' table and of the kernel's
/// neighbor table (1024 for the whole machine by default), so no peer may use up what all share.
constexpr std::size_t kMaxHopsOfSession = 256;
constexpr seconds kFirstRetry{1};
constexpr seconds kLastRetry{30};

Duration retry_after(unsigned attempts) {
  const unsigned doublings = std::min(attempts > 2 ? attempts - 2 : 0U, 5U);
  return std::min(kFirstRetry * (1U << doublings), kLastRetry);
}

TimerKey timer_of(NextHopId next_hop) {
  return {TimerKind::kResolve, next_hop.value()};
}

bool lives_on_link(NextHopKind kind) {
  return kind == NextHopKind::kForward || kind == NextHopKind::kGlean;
}

}  // namespace

NextHopSpec NextHopTracker::spec(const Hop& hop) const {
  NextHopSpec spec;
  spec.kind = hop.key.kind;
  spec.port = hop.key.port;
  if (is_neighbor(hop)) {
    if (hop.mac) {
      spec.destination = *hop.mac;
    } else {
      spec.kind = NextHopKind::kUnresolved;
    }
  }
  return spec;
}

tl::expected<HopId, FibError> NextHopTracker::acquire(const HopKey& key) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    add_reference(found->second);
    return found->second;
  }

  if (key.session) {
    const auto count = hops_of_session_.find(*key.session);
    if (count != hops_of_session_.end() && count->second >= kMaxHopsOfSession) {
      return tl::unexpected(FibError::kTooManyNextHops);
    }
  }
  Hop hop;
  hop.key = key;
  hop.references = 1;
  hop.path_down = key.watch == Watch::kBfd && !is_path_up(key.port, key.address);
  bool stale = false;
  if (is_neighbor(hop)) {
    hop.target = key.address;
    if (!hop.target) {
      if (const auto it = discovered_.find(key.port); it != discovered_.end()) {
        hop.target = it->second;
      }
    }
    if (hop.target) {
      if (const auto it = link_layer_.find({key.port, *hop.target}); it != link_layer_.end()) {
        hop.mac = it->second.mac;
        stale = it->second.freshness == Freshness::kStale;
      }
    }
  }
  const auto added = plane_.add_next_hop(spec(hop));
  if (!added) return tl::unexpected(added.error());
  hop.next_hop = *added;

  HopId id;
  if (free_.empty()) {
    id = HopId{static_cast<std::uint16_t>(hops_.size())};
    hops_.push_back(hop);
  } else {
    id = HopId{free_.back()};
    free_.pop_back();
    hops_[id.value()] = hop;
  }
  by_key_.emplace(key, id);
  if (key.session) ++hops_of_session_[*key.session];

  Hop& stored = hops_[id.value()];
  if (lives_on_link(key.kind) && std::ranges::find(ports_down_, key.port) != ports_down_.end()) {
    plane_.set_down(stored.next_hop, DownCause::kLink);
  }
  update_routing(stored);
  if (is_neighbor(stored) && !stored.mac) ask(stored);
  if (stale) neighborhood_.resolve(key.port, *stored.target);
  return id;
}

void NextHopTracker::release(HopId id) {
  Hop& hop = hops_[id.value()];
  assert(hop.references > 0);
  if (--hop.references != 0) return;
  timers_.cancel(timer_of(hop.next_hop));
  plane_.release_next_hop(hop.next_hop);
  by_key_.erase(hop.key);
  if (hop.key.session) {
    const auto count = hops_of_session_.find(*hop.key.session);
    if (--count->second == 0) hops_of_session_.erase(count);
  }
  hop = Hop{};
  free_.push_back(id.value());
}

NextHopView NextHopTracker::view(HopId id, std::uint16_t weight) const {
  const Hop& hop = hops_[id.value()];
  NextHopView view;
  view.kind = spec(hop).kind;
  view.weight = weight;
  view.alive = plane_.is_alive(hop.next_hop);
  if (lives_on_link(hop.key.kind) || hop.key.kind == NextHopKind::kLocalPort) {
    view.port = hop.key.port;
  }
  view.address = hop.target;
  view.mac = hop.mac;
  view.id = hop.next_hop;
  return view;
}

void NextHopTracker::ask(Hop& hop) {
  if (!hop.target) return;  // nobody discovered yet
  ++hop.attempts;
  neighborhood_.resolve(hop.key.port, *hop.target);
  timers_.arm(timer_of(hop.next_hop), retry_after(hop.attempts));
}

void NextHopTracker::follow(Hop& hop) {
  std::optional<MacAddress> mac;
  if (hop.target) {
    if (const auto it = link_layer_.find({hop.key.port, *hop.target}); it != link_layer_.end()) {
      mac = it->second.mac;
    }
  }
  hop.attempts = 0;
  timers_.cancel(timer_of(hop.next_hop));
  if (mac != hop.mac) {
    hop.mac = mac;
    plane_.update_next_hop(hop.next_hop, spec(hop));
  }
  if (!mac) ask(hop);
}

// --- liveness ----------------------------------------------------------------------------------

void NextHopTracker::update_routing(Hop& hop) {
  const bool undiscovered = is_neighbor(hop) && !hop.target;
  const bool down = hop.session_ended || hop.path_down || hop.yields || undiscovered;
  if (down == hop.routing_down) return;
  hop.routing_down = down;
  if (down) {
    plane_.set_down(hop.next_hop, DownCause::kRouting);
  } else {
    plane_.clear_down(hop.next_hop, DownCause::kRouting);
  }
}

void NextHopTracker::update_yields() {
  // Groups are few (a handful for a million routes), and this runs only when some of them or a
  // link-layer address have come or gone.
  groups_changed_ = false;
  std::vector<bool> yields(hops_.size());
  for (const auto& [group, count] : groups_) {
    const bool any_resolved = std::ranges::any_of(group, [&](HopId id) {
      const Hop& hop = hops_[id.value()];
      return hop.mac.has_value() && !hop.session_ended && !hop.path_down &&
             std::ranges::find(ports_down_, hop.key.port) == ports_down_.end();
    });
    if (!any_resolved) continue;
    for (const HopId id : group) {
      if (!hops_[id.value()].mac) yields[id.value()] = true;
    }
  }
  for (std::size_t i = 0; i < hops_.size(); ++i) {
    Hop& hop = hops_[i];
    if (hop.references == 0 || hop.yields == yields[i]) continue;
    hop.yields = yields[i];
    update_routing(hop);
  }
}

void NextHopTracker::group_added(const std::vector<HopId>& members) {
  std::vector<HopId> neighbors;
  for (const HopId id : members) {
    if (is_neighbor(hops_[id.value()])) neighbors.push_back(id);
  }
  if (neighbors.size() < 2) return;
  ++groups_[std::move(neighbors)];
  groups_changed_ = true;
}

void NextHopTracker::group_removed(const std::vector<HopId>& members) {
  std::vector<HopId> neighbors;
  for (const HopId id : members) {
    if (is_neighbor(hops_[id.value()])) neighbors.push_back(id);
  }
  const auto found = groups_.find(neighbors);
  if (found == groups_.end()) return;
  if (--found->second == 0) groups_.erase(found);
  groups_changed_ = true;
}

void NextHopTracker::take_up_groups() {
  if (groups_changed_) update_yields();
}

// --- events ------------------------------------------------------------------------------------

void NextHopTracker::link_changed(PortId port, LinkState state) {
  const auto known = std::ranges::find(ports_down_, port);
  if ((known != ports_down_.end()) == (state == LinkState::kDown)) return;
  if (state == LinkState::kDown) {
    ports_down_.push_back(port);
  } else {
    ports_down_.erase(known);
  }
  for (const auto& [key, id] : by_key_) {
    if (!lives_on_link(key.kind) || key.port != port) continue;
    Hop& hop = hops_[id.value()];
    if (state == LinkState::kDown) {
      plane_.set_down(hop.next_hop, DownCause::kLink);
    } else {
      plane_.clear_down(hop.next_hop, DownCause::kLink);
      if (is_neighbor(hop) && !hop.mac) ask(hop);
    }
  }
  update_yields();
}

void NextHopTracker::link_layer_changed(const LinkLayerNeighborChanged& event) {
  const auto& [port, address, mac, freshness] = event;
  if (mac) {
    link_layer_[{port, address}] = {*mac, freshness};
  } else {
    link_layer_.erase({port, address});
  }
  bool used = false;
  for (const auto& [key, id] : by_key_) {
    Hop& hop = hops_[id.value()];
    if (!is_neighbor(hop) || key.port != port || hop.target != address) continue;
    used = true;
    if (mac) {
      follow(hop);
    } else if (hop.attempts == 0) {
      ask(hop);  // go on with the address we have until it is clear that nobody answers
    }
  }
  if (used && mac && freshness == Freshness::kStale) neighborhood_.resolve(port, address);
  update_yields();
}

void NextHopTracker::neighbor_discovered(PortId port, const std::optional<IpAddress>& address) {
  if (address) {
    discovered_[port] = *address;
  } else {
    discovered_.erase(port);
  }
  for (const auto& [key, id] : by_key_) {
    Hop& hop = hops_[id.value()];
    if (!is_neighbor(hop) || key.port != port || key.address || hop.target == address) continue;
    hop.target = address;
    follow(hop);
    update_routing(hop);
  }
  update_yields();
}

void NextHopTracker::session_ended(Incarnation session) {
  for (const auto& [key, id] : by_key_) {
    if (key.session != session) continue;
    Hop& hop = hops_[id.value()];
    hop.session_ended = true;
    timers_.cancel(timer_of(hop.next_hop));
    update_routing(hop);
  }
  update_yields();
}

void NextHopTracker::path_changed(PortId port, const std::optional<IpAddress>& address,
                                  PathState state) {
  const std::pair path{port, address};
  if (state == PathState::kUp) {
    paths_up_.insert(path);
  } else {
    paths_up_.erase(path);
  }
  for (const auto& [key, id] : by_key_) {
    if (key.watch != Watch::kBfd || key.port != port || key.address != address) continue;
    Hop& hop = hops_[id.value()];
    hop.path_down = state == PathState::kDown;
    update_routing(hop);
  }
  update_yields();
}

NextHopTracker::Hop* NextHopTracker::find(NextHopId next_hop) {
  const auto found = std::ranges::find_if(
      hops_, [&](const Hop& hop) { return hop.references != 0 && hop.next_hop == next_hop; });
  return found == hops_.end() ? nullptr : &*found;
}

void NextHopTracker::resolution_wanted(const ResolutionWanted& event) {
  const Hop* hop = find(event.next_hop);
  if (hop == nullptr) return;
  if (hop->key.kind == NextHopKind::kGlean) {
    neighborhood_.resolve(hop->key.port, event.destination);
  } else if (is_neighbor(*hop) && !hop->mac && hop->target) {
    neighborhood_.resolve(hop->key.port, *hop->target);
  }
}

std::optional<NextHopTracker::Silent> NextHopTracker::resolve_again(NextHopId next_hop) {
  Hop* hop = find(next_hop);
  if (hop == nullptr || !is_neighbor(*hop) || !hop->target || hop->session_ended) return {};
  if (link_layer_.contains({hop->key.port, *hop->target})) return {};
  std::optional<Silent> silent;
  if (hop->mac && hop->attempts >= kAttemptsBeforeGivingUp) {
    silent = Silent{hop->key.port, *hop->target};
    hop->mac.reset();
    plane_.update_next_hop(hop->next_hop, spec(*hop));
    update_yields();
  }
  ask(*hop);
  return silent;
}

}  // namespace lastmile::rib
