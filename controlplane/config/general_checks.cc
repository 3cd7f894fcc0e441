#include "controlplane/config/checks_by_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <variant>

#include "controlplane/config/checker.h"
#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

class GeneralChecks : private Checker {
 public:
  GeneralChecks(Config& config, Reader& reader) : Checker(config, reader) {}

  /// Every address that is ours may be so by one reason only.
  void addresses() {
    Once<IpAddress> ours{*this};
    const auto add = [&](const IpAddress& address, const std::string& path) {
      ours.add(address, path, fmt::format("address {}", address));
    };
    // Items that were refused left no value behind, so values and paths part ways after them.
    std::size_t value = 0;
    for (std::size_t i = 0; reader_.places().has(item("loopbacks", i)); ++i) {
      if (failed(item("loopbacks", i))) continue;
      add(address_of(config_.loopbacks[value++]), item("loopbacks", i));
    }
    Once<std::string> names{*this};
    for (std::size_t i = 0; i < config_.services.size(); ++i) {
      const ServiceConfig& service = config_.services[i];
      if (const std::string path = item("services", i, "name"); given(path)) {
        names.add(service.name, path, fmt::format("service \"{}\"", service.name));
      }
      if (const std::string path = item("services", i, "address"); given(path)) {
        add(address_of(service.address), path);
      }
    }
    for (const PortConfig& port : config_.ports) {
      const std::string list = fmt::format("ports.{}.addresses", port.name);
      value = 0;
      for (std::size_t i = 0; reader_.places().has(item(list, i)); ++i) {
        const std::string path = item(list, i);
        if (failed(path)) continue;
        const IpAddress& address = port.addresses[value++].address;
        // The same link-local address on several ports is nothing unusual.
        if (!is_ipv6_link_local(address)) add(address, path);
      }
    }
  }

  void router() {
    if (!given("router.id") && !failed("router.id") && !failed("loopbacks")) {
      const auto first =
          std::find_if(config_.loopbacks.begin(), config_.loopbacks.end(),
                       [](const IpPrefix& p) { return std::holds_alternative<Ipv4Prefix>(p); });
      if (first != config_.loopbacks.end()) {
        config_.router.id = std::get<Ipv4Prefix>(*first).address();
      } else if (!any_loopback_failed()) {
        complain("router",
                 "router has no id and there is no IPv4 loopback to take it from; expected an IPv4 "
                 "address in \"loopbacks\", or \"id\" in \"router\"");
      }
    }
    const bool has_asn = given("router.asn") || failed("router.asn");
    if (reader_.places().has("bgp") && !has_asn && !failed("router")) {
      complain(reader_.places().has("router") ? "router" : "bgp",
               "router has no \"asn\", which bgp needs; expected our own AS number");
    }
  }

  /// The machine hears whatever a link may carry, and sends what every link can.
  void host() {
    HostConfig& host = config_.host;
    if (given("host.mtu")) {
      host.send_mtu = host.mtu;
      return;
    }
    if (config_.ports.empty()) return;
    const auto [smallest, largest] =
        std::ranges::minmax_element(config_.ports, {}, &PortConfig::mtu);
    host.mtu = largest->mtu;
    host.send_mtu = smallest->mtu;
  }

  void dataplane() {
    const DataplaneConfig& dataplane = config_.dataplane;
    if (!given("dataplane.cpus") || failed("dataplane.workers")) return;
    Once<unsigned> cpus{*this};
    std::size_t value = 0;
    for (std::size_t i = 0; reader_.places().has(item("dataplane.cpus", i)); ++i) {
      const std::string path = item("dataplane.cpus", i);
      if (failed(path)) return;
      cpus.add(dataplane.cpus[value], path, fmt::format("cpu {}", dataplane.cpus[value]));
      ++value;
    }
    if (!dataplane.cpus.empty() && dataplane.cpus.size() != dataplane.workers) {
      complain("dataplane.cpus", fmt::format("cpus: {} for {} {}; expected one for each worker",
                                             dataplane.cpus.size(), dataplane.workers,
                                             dataplane.workers == 1 ? "worker" : "workers"));
    }
  }
};

}  // namespace

void check_addresses(Config& config, Reader& reader) {
  GeneralChecks(config, reader).addresses();
}
void check_router(Config& config, Reader& reader) {
  GeneralChecks(config, reader).router();
}
void check_dataplane(Config& config, Reader& reader) {
  GeneralChecks(config, reader).dataplane();
}
void complete_host(Config& config, Reader& reader) {
  GeneralChecks(config, reader).host();
}

}  // namespace lastmile::config
