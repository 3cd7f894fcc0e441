#include "controlplane/record/dump.h"

#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <numeric>

#include "dataplane/net/format.h"

namespace lastmile::record {
namespace {

constexpr std::size_t kAtATime = 1024;

using Out = std::back_insert_iterator<std::string>;

std::uint32_t sum(const rib::PathCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0U);
}

void append(Out out, const bgp::PathAttributes& attributes) {
  fmt::format_to(out, " as-path \"{}\"", to_string(attributes.as_path));
  for (const auto& community : attributes.communities) {
    fmt::format_to(out, " {}", to_string(community));
  }
  // All the others, too.
  fmt::format_to(out, " attributes {:016x}", hash_value(attributes));
}

void append(Out out, const rib::RouteView& route, const Config& config) {
  fmt::format_to(out, "route {} {}", route.prefix, to_string(route.source));
  if (!route.peer_name.empty()) fmt::format_to(out, " {}", route.peer_name);
  const auto flag = [&](bool is, const char* name) {
    if (is) fmt::format_to(out, " {}", name);
  };
  flag(route.best, "best");
  flag(route.multipath, "multipath");
  flag(route.backup, "backup");
  flag(route.stale, "stale");
  flag(route.installed, "installed");
  if (!route.why.empty()) fmt::format_to(out, " ({})", route.why);
  if (!route.refusal.empty()) fmt::format_to(out, " refused: {};", route.refusal);
  if (!route.fib_error.empty()) fmt::format_to(out, " tables: {};", route.fib_error);
  for (const rib::NextHopView& hop : route.next_hops) {
    fmt::format_to(out, " via");
    if (hop.port) fmt::format_to(out, " {}", config.ports[hop.port->value()].name);
    if (hop.address) fmt::format_to(out, " {}", *hop.address);
    if (hop.mac) fmt::format_to(out, " {}", *hop.mac);
    fmt::format_to(out, " kind {} weight {}", static_cast<unsigned>(hop.kind), hop.weight);
  }
  if (route.source == rib::SourceKind::kBgp) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(route.age);
    fmt::format_to(out, " age {} local-preference {}", age.count(), route.local_preference);
    append(out, route.attributes);
  }
  for (const bgp::PeerId peer : route.advertised_to) fmt::format_to(out, " to {}", peer.value());
  fmt::format_to(out, "\n");
}

void append(Out out, const std::string& peer, const rib::AdvertisedView& route) {
  fmt::format_to(out, "advertised {} {} {}", peer, route.prefix, to_string(route.source));
  if (route.next_hop.v4) fmt::format_to(out, " next-hop {}", *route.next_hop.v4);
  if (route.next_hop.global) fmt::format_to(out, " next-hop {}", *route.next_hop.global);
  if (route.next_hop.link_local) fmt::format_to(out, " next-hop {}", *route.next_hop.link_local);
  append(out, route.attributes);
  if (route.path_id) fmt::format_to(out, " path-id {}", *route.path_id);
  fmt::format_to(out, "\n");
}

}  // namespace

std::string dump(const ControlPlane& control, const Config& config, TimePoint now) {
  std::string text;
  const Out out{text};
  const auto peers = control.sessions().status(now);
  for (const bgp::PeerStatus& peer : peers) {
    const rib::PeerCounts counts = control.rib().counts(peer.id);
    fmt::format_to(out, "neighbor {} {} received {} accepted {} stale {} advertised {}\n",
                   peer.name, to_string(peer.state), sum(counts.received), sum(counts.accepted),
                   sum(counts.stale), sum(counts.advertised));
  }
  for (rib::RouteCursor cursor; !cursor.done;) {
    control.rib().walk(cursor, kAtATime, {}, now,
                       [&](const rib::RouteView& route) { append(out, route, config); });
  }
  for (const bgp::PeerStatus& peer : peers) {
    for (rib::RouteCursor cursor; !cursor.done;) {
      control.rib().walk_advertised(
          cursor, kAtATime, peer.id,
          [&](const rib::AdvertisedView& route) { append(out, peer.name, route); });
    }
  }
  return text;
}

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<std::uint8_t>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

}  // namespace lastmile::record
