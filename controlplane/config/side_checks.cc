#include "controlplane/config/checks_by_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "controlplane/config/checker.h"
#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

class SideChecks : private Checker {
 public:
  SideChecks(Config& config, Reader& reader) : Checker(config, reader) {}

  /// Host mode promises that the server never becomes a transit node, so only what is plainly local
  /// counts as such: by a port that a neighbor or a route leads through, packets could travel on.
  void sides() {
    for (PortConfig& port : config_.ports) {
      const std::string path = fmt::format("ports.{}.side", port.name);
      if (failed(path)) continue;
      const bool peered = std::ranges::any_of(
          config_.bgp.neighbors, [&](const auto& neighbor) { return is_on(neighbor, port); });
      if (!given(path)) {
        const bool local = !port.addresses.empty() && !peered && !is_routed_through(port);
        port.side = local ? PortSide::kLocal : PortSide::kUplink;
      } else if (port.side == PortSide::kLocal && peered) {
        complain(path, fmt::format("port {} leads to a BGP neighbor, so it is not local; expected "
                                   "\"side: uplink\"",
                                   port.name));
      }
    }
  }

 private:
  [[nodiscard]] static bool is_on(const BgpNeighborConfig& neighbor, const PortConfig& port) {
    if (neighbor.port) return *neighbor.port == port.id;
    if (neighbor.listen) return reaches(*neighbor.listen, port);
    return neighbor.address && std::ranges::any_of(port.addresses, [&](const auto& ours) {
             return contains(ours.subnet(), *neighbor.address);
           });
  }

  /// Some address of the range may be a neighbor's on this port. The range may be wider than what
  /// is there, or a part of it; link-local addresses are everywhere.
  [[nodiscard]] static bool reaches(const IpPrefix& range, const PortConfig& port) {
    static const IpPrefix kLinkLocal = *parse_ip_prefix("fe80::/10");
    const auto overlap = [&](const IpPrefix& other) {
      return covers(range, other) || covers(other, range);
    };
    return overlap(kLinkLocal) || std::ranges::any_of(port.addresses, [&](const auto& ours) {
             return overlap(ours.subnet());
           });
  }

  [[nodiscard]] bool is_routed_through(const PortConfig& port) const {
    return std::ranges::any_of(config_.routes, [&](const StaticRouteConfig& route) {
      return std::ranges::any_of(route.via, [&](const auto& via) { return via.port == port.id; });
    });
  }
};

}  // namespace

void complete_sides(Config& config, Reader& reader) {
  SideChecks(config, reader).sides();
}

}  // namespace lastmile::config
