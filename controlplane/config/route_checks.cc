#include "controlplane/config/checks_by_subject.h"

#include <fmt/format.h>

#include <string>
#include <variant>

#include "controlplane/config/checker.h"
#include "dataplane/net/format.h"
#include "dataplane/net/martian.h"

namespace lastmile::config {
namespace {

class RouteChecks : private Checker {
 public:
  RouteChecks(Config& config, Reader& reader) : Checker(config, reader) {}

  void routes() {
    Once<IpPrefix> prefixes{*this};
    for (std::size_t i = 0; i < config_.routes.size(); ++i) {
      const StaticRouteConfig& route = config_.routes[i];
      const std::string path = item("routes", i);
      if (given(path + ".prefix")) {
        prefixes.add(route.prefix, path + ".prefix", fmt::format("route {}", route.prefix));
        own_destination(route.prefix, path + ".prefix");
        if (!route.blackhole && is_martian(route.prefix)) {
          complain(path + ".prefix",
                   fmt::format("{} is never anybody's destination (RFC 6890); expected another "
                               "prefix, or \"blackhole: true\" to drop its packets",
                               route.prefix));
        }
      }
      if (failed(path) || failed(path + ".via") || failed(path + ".blackhole")) continue;
      if (route.blackhole && !route.via.empty()) {
        complain(path + ".via", "route has both \"via\" and \"blackhole\"; expected one of them");
      } else if (!route.blackhole && route.via.empty()) {
        complain(path,
                 "route has no next hop; expected \"via: [{port: NAME}]\", or \"blackhole: "
                 "true\" to drop its packets");
      }
      for (std::size_t v = 0; v < route.via.size(); ++v) via(route, i, v);
    }
  }

 private:
  /// What is inside an address of our own is ours already: such a route would have no effect.
  void own_destination(const IpPrefix& prefix, const std::string& path) {
    if (const auto own = inside_own(prefix)) {
      complain(path, fmt::format("{} is this router's own address {}; expected a destination "
                                 "somewhere else",
                                 prefix, *own));
    }
  }

  void via(const StaticRouteConfig& route, std::size_t route_index, std::size_t index) {
    const StaticRouteConfig::Via& via = route.via[index];
    const std::string path = item(item("routes", route_index) + ".via", index);
    if (!given(path + ".port") || failed(path + ".address")) return;
    if (via.address) {
      // IPv4 over an IPv6 next hop is fine (RFC 8950); the other way round there is no such thing.
      if (given(item("routes", route_index, "prefix")) &&
          std::holds_alternative<Ipv6Prefix>(route.prefix) &&
          std::holds_alternative<Ipv4Address>(*via.address)) {
        complain(path + ".address", fmt::format("an IPv6 route can't go by the IPv4 next hop {}; "
                                                "expected an IPv6 address",
                                                *via.address));
        return;
      }
      // A host that is itself on the link needs no subnet there.
      const bool is_destination =
          given(item("routes", route_index, "prefix")) && host_prefix(*via.address) == route.prefix;
      if (!is_destination) on_link(path + ".address", *via.address, via.port);
    }
    for (std::size_t other = 0; other < index; ++other) {
      if (route.via[other].port == via.port && route.via[other].address == via.address &&
          given(item(item("routes", route_index) + ".via", other) + ".port")) {
        complain(path, "next hop is there twice; expected once, with a weight");
        return;
      }
    }
  }
};

}  // namespace

void check_routes(Config& config, Reader& reader) {
  RouteChecks(config, reader).routes();
}

}  // namespace lastmile::config
