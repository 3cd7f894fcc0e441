// What is ours and what leads where: our loopbacks and services, our guests' addresses, our ports'
// addresses and the subnets behind them. The guards and the next-hop checks ask here.
#pragma once

#include <optional>
#include <vector>

#include "controlplane/config/config.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/strong_id.h"

namespace lastmile::rib {

class OwnAddresses {
 public:
  explicit OwnAddresses(const Config& config);

  /// One of our own addresses: of a port, or inside a loopback's or service's prefix.
  [[nodiscard]] bool is_ours(const IpAddress& address) const;
  /// `prefix` equals, or is more specific than, a loopback, a service, an announced route or a
  /// port's own address. Whoever else announces it would take traffic that is for us.
  [[nodiscard]] bool takes_ours(const Ipv4Prefix& prefix) const;
  [[nodiscard]] bool takes_ours(const Ipv6Prefix& prefix) const;
  /// The port with the longest subnet that `address` is in.
  [[nodiscard]] std::optional<PortId> connected_port(const IpAddress& address) const;

  friend bool operator==(const OwnAddresses&, const OwnAddresses&) = default;

 private:
  struct Subnet {
    IpPrefix prefix;
    PortId port;

    friend bool operator==(const Subnet&, const Subnet&) = default;
  };
  std::vector<Ipv4Prefix> ours_v4_;
  std::vector<Ipv6Prefix> ours_v6_;
  std::vector<Ipv4Prefix> guests_v4_;
  std::vector<Ipv6Prefix> guests_v6_;
  std::vector<Subnet> subnets_;  ///< longest first
};

}  // namespace lastmile::rib
