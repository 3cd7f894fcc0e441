#include "controlplane/config/checks_by_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "controlplane/config/checker.h"
#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

class AnnouncementChecks : private Checker {
 public:
  AnnouncementChecks(Config& config, Reader& reader) : Checker(config, reader) {}

  /// Explicit, and nothing that could make a host a transit node: what is announced lies behind
  /// ports that nobody else is behind.
  void announced_routes() {
    for (std::size_t i = 0; i < config_.routes.size(); ++i) {
      const StaticRouteConfig& route = config_.routes[i];
      const std::string path = item("routes", i);
      if (!route.announce || failed(path) || failed(path + ".via")) continue;
      if (route.blackhole) {
        complain(path + ".announce",
                 "a blackhole can't be announced; expected \"via\" with the port of a guest");
      }
      if (given(path + ".prefix") && length_of(route.prefix) == 0) {
        complain(path + ".prefix",
                 fmt::format("{} can't be announced as a guest's; expected guests' addresses, or "
                             "bgp.default-originate",
                             route.prefix));
      }
      if (const PortConfig* port = port_with_subnet(route.prefix)) {
        complain(path + ".prefix",
                 fmt::format("{} is the subnet of port {}; expected the addresses of guests in it",
                             route.prefix, port->name));
      }
      if (config_.router.mode != RouterMode::kHost) continue;
      for (std::size_t v = 0; v < route.via.size(); ++v) {
        const std::string place = item(path + ".via", v) + ".port";
        if (!given(place)) continue;
        const PortConfig& port = config_.ports[route.via[v].port.value()];
        if (port.side == PortSide::kLocal || failed(fmt::format("ports.{}.side", port.name))) {
          continue;
        }
        complain(place, fmt::format("port {} is an uplink, and in host mode nothing behind one is "
                                    "announced; expected \"side: local\" in ports.{}",
                                    port.name, port.name));
      }
    }
  }

 private:
  [[nodiscard]] const PortConfig* port_with_subnet(const IpPrefix& prefix) const {
    const auto found = std::ranges::find_if(config_.ports, [&](const PortConfig& port) {
      return std::ranges::any_of(port.addresses,
                                 [&](const auto& own) { return own.subnet() == prefix; });
    });
    return found == config_.ports.end() ? nullptr : &*found;
  }
};

}  // namespace

void check_announcements(Config& config, Reader& reader) {
  AnnouncementChecks(config, reader).announced_routes();
}

}  // namespace lastmile::config
