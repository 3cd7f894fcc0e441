#include "controlplane/config/checks_by_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "controlplane/config/checker.h"
#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

class NeighborPlace : private Checker {
 public:
  NeighborPlace(Config& config, Reader& reader) : Checker(config, reader) {}

  void neighbor_place(BgpNeighborConfig& neighbor, const std::string& path) {
    if (failed(path + ".listen")) return;
    if (neighbor.listen) return listen_range(neighbor, path);
    if (!neighbor.port && !neighbor.address) {
      complain(path, "neighbor has neither \"port\" nor \"address\"; expected at least one");
      return;
    }
    if (!neighbor.address) {
      neighbor.name = config_.ports[neighbor.port->value()].name;
      return;
    }
    neighbor.name = to_string(*neighbor.address);
    if (neighbor.port) {
      if (is_ipv6_link_local(*neighbor.address)) {
        neighbor.name += '%' + config_.ports[neighbor.port->value()].name;
      }
      on_link(path + ".address", *neighbor.address, *neighbor.port);
    } else if (is_ipv6_link_local(*neighbor.address)) {
      complain(path + ".address",
               fmt::format("{} is link-local and may be on any port; expected \"port\" beside it",
                           *neighbor.address));
    } else if (may_be_remote(neighbor)) {
      if (inside_own(host_prefix(*neighbor.address))) {
        complain(path + ".address", fmt::format("{} is this router's own address; expected the "
                                                "neighbor's",
                                                *neighbor.address));
      } else if (!is_on_a_link(*neighbor.address)) {
        multihop_bfd(neighbor, path);
      }
    } else {
      addressed(path + ".address", *neighbor.address);
    }
  }

 private:
  void listen_range(BgpNeighborConfig& neighbor, const std::string& path) {
    neighbor.name = fmt::format("{}", *neighbor.listen);
    if (neighbor.port) neighbor.name += '%' + config_.ports[neighbor.port->value()].name;
    neighbor.passive = true;
    if (neighbor.address) {
      complain(path, "neighbor has both \"address\" and \"listen\"; expected one of them");
    }
  }

  [[nodiscard]] bool is_on_a_link(const IpAddress& address) const {
    return std::ranges::any_of(config_.ports, [&](const PortConfig& port) {
      return std::ranges::any_of(
          port.addresses, [&](const auto& ours) { return contains(ours.subnet(), address); });
    });
  }

  /// RFC 5883: between two fixed addresses, and without echo, which routers on the way would
  /// return.
  void multihop_bfd(const BgpNeighborConfig& neighbor, const std::string& path) {
    if (!neighbor.bfd || failed(path + ".bfd")) return;
    const BfdProfile& profile = config_.bfd.profiles[*neighbor.bfd];
    if (profile.echo != BfdEcho::kOff) {
      complain(path, fmt::format("BFD profile {} has echo, and {} is behind routers; expected a "
                                 "profile without echo for it",
                                 profile.name, *neighbor.address));
    }
    const bool has_loopback = std::ranges::any_of(config_.loopbacks, [&](const IpPrefix& loopback) {
      return address_of(loopback).index() == neighbor.address->index();
    });
    if (!neighbor.source && !has_loopback && !any_loopback_failed()) {
      complain(path, fmt::format("BFD with {} needs an address of ours; expected \"source\", or a "
                                 "loopback of its family",
                                 *neighbor.address));
    }
  }

  /// Behind routers: internal ones, and external ones of which it is said.
  [[nodiscard]] bool may_be_remote(const BgpNeighborConfig& neighbor) const {
    return neighbor.multihop > 1 || neighbor.ttl_security > 1 ||
           is_internal(config_.router, neighbor);
  }

  /// A neighbor that is given by address alone must be on some port's link.
  void addressed(const std::string& path, const IpAddress& address) {
    if (inside_own(host_prefix(address))) {
      complain(path,
               fmt::format("{} is this router's own address; expected the neighbor's", address));
      return;
    }
    for (const PortConfig& port : config_.ports) {
      if (failed_addresses(port)) return;
      for (const auto& ours : port.addresses) {
        if (contains(ours.subnet(), address)) return;
      }
    }
    complain(path,
             fmt::format("{} is in no port's subnet; expected a neighbor on a link", address));
  }
};

}  // namespace

void check_place(Config& config, Reader& reader, BgpNeighborConfig& neighbor,
                 const std::string& path) {
  NeighborPlace(config, reader).neighbor_place(neighbor, path);
}

}  // namespace lastmile::config
