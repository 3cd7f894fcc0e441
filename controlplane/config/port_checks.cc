#include "controlplane/config/checks_by_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "controlplane/config/checker.h"
#include "controlplane/config/suggest.h"
#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

class PortChecks : private Checker {
 public:
  PortChecks(Config& config, Reader& reader) : Checker(config, reader) {}

  void ports() {
    subnets();
    parents();
    vlans();
    ethernet_devices();
    Once<std::string> devices{*this};
    for (const PortConfig& port : config_.ports) {
      const std::string path = "ports." + port.name;
      if (given(path + ".device")) {
        devices.add(port.device, path + ".device", fmt::format("device \"{}\"", port.device));
      }
      if (std::string{kTwinPrefix} + port.name == config_.host.interface) {
        complain(path, fmt::format("port \"{}\" would have the host interface's name \"{}\"; "
                                   "expected another name for one of them",
                                   port.name, config_.host.interface));
      }
    }
  }

 private:
  /// Whose device each port is on.
  void parents() {
    for (PortConfig& port : config_.ports) {
      port.device_port = port.id;
      const std::string path = fmt::format("ports.{}.parent", port.name);
      if (!given(path)) continue;
      const PortConfig* const parent = parent_of(port, path);
      if (parent == nullptr) continue;
      port.device_port = parent->id;
      const std::string own = "ports." + port.name;
      if (given(own + ".device")) {
        complain(path,
                 fmt::format("port {} has both \"device\" and \"parent\"; expected one of them",
                             port.name));
      }
      if (!reader_.places().has(own + ".vlan")) {
        complain(path, fmt::format("port {} has a parent and no \"vlan\"; expected the VLAN that "
                                   "tells its frames from those of {}",
                                   port.name, parent->name));
      }
      // Its own default is the table's until here.
      if (!given(own + ".mtu")) port.mtu = parent->mtu;
      if (port.mtu > parent->mtu && !failed("ports." + parent->name + ".mtu")) {
        complain(own + ".mtu", fmt::format("mtu {} is more than the {} of parent {}; expected at "
                                           "most that",
                                           port.mtu, parent->mtu, parent->name));
      }
    }
  }

  const PortConfig* parent_of(const PortConfig& port, const std::string& path) {
    const auto parent = std::ranges::find(config_.ports, port.parent, &PortConfig::name);
    if (parent == config_.ports.end()) {
      std::vector<std::string> others;
      for (const PortConfig& other : config_.ports) {
        if (other.parent.empty()) others.push_back(other.name);
      }
      complain(path,
               fmt::format("parent: \"{}\" is not a port; {}", port.parent,
                           hint(port.parent, others, "expected the name of a port with a device")));
      return nullptr;
    }
    if (parent->id == port.id) {
      complain(path, fmt::format("parent: \"{}\" is the port itself; expected the name of a port "
                                 "with a device",
                                 port.parent));
      return nullptr;
    }
    if (!parent->parent.empty()) {
      complain(path, fmt::format("port {} has no device of its own; expected its parent \"{}\"",
                                 parent->name, parent->parent));
      return nullptr;
    }
    return &*parent;
  }

  void vlans() {
    // By numbers alone: not every device tells what protocol an outer tag was of.
    Once<std::tuple<PortId, std::vector<std::uint16_t>>> once{*this};
    for (const PortConfig& port : config_.ports) {
      const std::string path = fmt::format("ports.{}.vlan", port.name);
      if (port.vlan.empty() && given(path) && !failed(path + "[0]")) {
        complain(path,
                 "vlan: found an empty list; expected one VLAN, or an outer and an inner one");
      }
      if (given(path + "-protocol") && !reader_.places().has(path)) {
        complain(path + "-protocol",
                 "\"vlan-protocol\" without a VLAN; expected \"vlan\" beside it");
      }
      if (port.vlan.empty() || failed(path) || failed(path + "[0]") || failed(path + "[1]"))
        continue;
      once.add({port.device_port, port.vlan}, path,
               fmt::format("VLAN {} of port {}", fmt::join(port.vlan, " "),
                           config_.ports[port.device_port.value()].name));
    }
  }

  /// Every device is one to DPDK, and so is the twin of every port, and the host interface.
  void ethernet_devices() {
    constexpr std::size_t kMost = 32;
    std::size_t used = 1;
    for (const PortConfig& port : config_.ports) {
      used += port.parent.empty() ? 2 : 1;
      if (used <= kMost) continue;
      complain("ports",
               fmt::format("ports: {} are too many for DPDK, from \"{}\" on; expected at most 15 "
                           "devices, or {} less the devices for ports that share some",
                           config_.ports.size(), port.name, kMost - 1));
      return;
    }
  }

  /// Two ports with the same subnet, or one inside the other: nobody could tell where a neighbor
  /// is.
  void subnets() {
    struct Subnet {
      IpPrefix prefix;
      const PortConfig* port;
    };
    std::vector<Subnet> all;
    for (const PortConfig& port : config_.ports) {
      if (failed_addresses(port)) continue;
      for (std::size_t i = 0; i < port.addresses.size(); ++i) {
        const auto& own = port.addresses[i];
        if (is_ipv6_link_local(own.address)) continue;
        const IpPrefix prefix = own.subnet();
        for (const Subnet& other : all) {
          if (other.port == &port ||
              !(covers(other.prefix, prefix) || covers(prefix, other.prefix)))
            continue;
          complain(
              item(fmt::format("ports.{}.addresses", port.name), i),
              fmt::format("subnet {} overlaps {} of port {}; expected every subnet on one port",
                          prefix, other.prefix, other.port->name));
          break;
        }
        all.push_back({prefix, &port});
      }
    }
  }
};

}  // namespace

void check_ports(Config& config, Reader& reader) {
  PortChecks(config, reader).ports();
}

}  // namespace lastmile::config
