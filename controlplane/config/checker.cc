#include "controlplane/config/checker.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "dataplane/net/format.h"

namespace lastmile::config {

std::string item(const std::string& list, std::size_t index, const char* key) {
  return key == nullptr ? fmt::format("{}[{}]", list, index)
                        : fmt::format("{}[{}].{}", list, index, key);
}

void Checker::complain(const std::string& path, std::string message) {
  reader_.complain(reader_.places().of(path), std::move(message));
}

bool Checker::given(const std::string& path) const {
  return reader_.places().has(path) && !reader_.failed(path);
}

bool Checker::any_loopback_failed() const {
  for (std::size_t i = 0; reader_.places().has(item("loopbacks", i)); ++i) {
    if (failed(item("loopbacks", i))) return true;
  }
  return false;
}

std::optional<IpPrefix> Checker::inside_own(const IpPrefix& prefix) const {
  for (const IpPrefix& loopback : config_.loopbacks) {
    if (covers(loopback, prefix)) return loopback;
  }
  for (const ServiceConfig& service : config_.services) {
    if (covers(service.address, prefix)) return service.address;
  }
  for (const PortConfig& port : config_.ports) {
    for (const auto& own : port.addresses) {
      const IpPrefix host = host_prefix(own.address);
      if (covers(host, prefix)) return host;
    }
  }
  return std::nullopt;
}

void Checker::on_link(const std::string& path, const IpAddress& address, PortId id) {
  const PortConfig& port = config_.ports[id.value()];
  if (failed_addresses(port)) return;
  if (inside_own(host_prefix(address))) {
    complain(path,
             fmt::format("{} is this router's own address; expected the neighbor's", address));
    return;
  }
  if (is_ipv6_link_local(address)) return;
  const bool reachable =
      std::any_of(port.addresses.begin(), port.addresses.end(),
                  [&](const auto& ours) { return contains(ours.subnet(), address); });
  if (!reachable) {
    complain(path, fmt::format("{} is in no subnet of port {}; expected a link-local address, or "
                               "an address in ports.{}.addresses whose subnet it is in",
                               address, port.name, port.name));
  }
}

bool Checker::failed_addresses(const PortConfig& port) const {
  const std::string list = fmt::format("ports.{}.addresses", port.name);
  for (std::size_t i = 0; reader_.places().has(item(list, i)); ++i) {
    if (failed(item(list, i))) return true;
  }
  return failed(list);
}

}  // namespace lastmile::config
