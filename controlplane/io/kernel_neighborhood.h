// The Neighborhood of effects.h over the real kernel: a raw ICMPv6 socket on each port's twin, and
// one netlink socket for the table of neighbors. Control thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/event/effects.h"
#include "controlplane/io/icmpv6_socket.h"
#include "controlplane/io/neighbor_watch.h"

namespace lastmile {

class KernelNeighborhood : public Neighborhood {
 public:
  /// A port's kernel twin.
  struct Twin {
    PortId port;
    std::string interface;
    MacAddress mac;
  };
  /// Takes RouterAdvertisementHeard, RouterSolicitationHeard and LinkLayerNeighborChanged.
  using Deliver = std::function<void(decltype(Event::what))>;

  [[nodiscard]] static tl::expected<KernelNeighborhood, std::string> open(
      const std::vector<Twin>& twins, Deliver deliver);

  /// Descriptors to watch for reading; call `read` with the one that is readable.
  [[nodiscard]] std::vector<int> descriptors() const;
  void read(int descriptor);

  void send_router_advertisement(PortId port, std::optional<Ipv6Address> to) override;
  void send_router_solicitation(PortId port) override;
  void resolve(PortId port, const IpAddress& address) override;
  /// What the kernel last said of a neighbor.
  struct Neighbor {
    PortId port;
    NeighborWatch::Entry entry;
  };
  /// All that it has not given up, in no order.
  [[nodiscard]] const std::vector<Neighbor>& neighbors() const { return neighbors_; }

  /// Asks the kernel for its whole table again, for a consumer that has just begun to listen.
  void refresh() { table_.refresh(); }

 private:
  struct Port {
    Twin twin;
    unsigned ifindex;
    Icmpv6Socket socket;
  };

  KernelNeighborhood(NeighborWatch table, Deliver deliver);
  Port* find(PortId port);
  void remember(PortId port, const NeighborWatch::Entry& entry);

  NeighborWatch table_;
  Deliver deliver_;
  std::vector<Port> ports_;
  std::vector<Neighbor> neighbors_;
};

}  // namespace lastmile
