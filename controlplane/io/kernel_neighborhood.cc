#include "controlplane/io/kernel_neighborhood.h"

#include <net/if.h>

#include <algorithm>
#include <utility>

#include "dataplane/net/format.h"
#include "logging/log.h"

namespace lastmile {
namespace {

// RFC 4291 section 2.7.1.
const Ipv6Address kAllNodes{Ipv6Address::Bytes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
const Ipv6Address kAllRouters{
    Ipv6Address::Bytes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

}  // namespace

KernelNeighborhood::KernelNeighborhood(NeighborWatch table, Deliver deliver)
    : table_(std::move(table)), deliver_(std::move(deliver)) {}

tl::expected<KernelNeighborhood, std::string> KernelNeighborhood::open(
    const std::vector<Twin>& twins, Deliver deliver) {
  auto table = NeighborWatch::open();
  if (!table) return tl::unexpected(table.error());
  KernelNeighborhood neighborhood{std::move(*table), std::move(deliver)};
  for (const Twin& twin : twins) {
    auto socket = Icmpv6Socket::open(twin.interface);
    if (!socket) return tl::unexpected(socket.error());
    neighborhood.ports_.push_back(
        {twin, if_nametoindex(twin.interface.c_str()), std::move(*socket)});
  }
  return neighborhood;
}

std::vector<int> KernelNeighborhood::descriptors() const {
  std::vector<int> result{table_.fd()};
  for (const Port& port : ports_) result.push_back(port.socket.fd());
  return result;
}

void KernelNeighborhood::read(int descriptor) {
  if (descriptor == table_.fd()) {
    table_.receive([this](const NeighborWatch::Entry& entry) {
      for (const Port& port : ports_) {
        if (port.ifindex != entry.ifindex) continue;
        remember(port.twin.port, entry);
        deliver_(LinkLayerNeighborChanged{port.twin.port, entry.address, entry.mac,
                                          entry.state == NeighborWatch::State::kStale
                                              ? Freshness::kStale
                                              : Freshness::kConfirmed});
      }
    });
    return;
  }
  const auto port = std::ranges::find_if(
      ports_, [descriptor](const Port& p) { return p.socket.fd() == descriptor; });
  if (port == ports_.end()) return;
  const PortId id = port->twin.port;
  port->socket.receive([&](const RouterDiscoveryMessage& message, const Ipv6Address& source) {
    if (const auto* advertisement = std::get_if<RouterAdvertisement>(&message)) {
      deliver_(RouterAdvertisementHeard{id, source, advertisement->source_link_layer,
                                        advertisement->router_lifetime});
    } else {
      deliver_(RouterSolicitationHeard{id, source});
    }
  });
}

KernelNeighborhood::Port* KernelNeighborhood::find(PortId port) {
  const auto found =
      std::ranges::find_if(ports_, [port](const Port& p) { return p.twin.port == port; });
  return found == ports_.end() ? nullptr : &*found;
}

void KernelNeighborhood::remember(PortId port, const NeighborWatch::Entry& entry) {
  const auto known = std::ranges::find_if(neighbors_, [&](const Neighbor& n) {
    return n.port == port && n.entry.address == entry.address;
  });
  if (entry.state == NeighborWatch::State::kGone) {
    if (known != neighbors_.end()) neighbors_.erase(known);
  } else if (known == neighbors_.end()) {
    neighbors_.push_back({port, entry});
  } else {
    known->entry = entry;
  }
}

void KernelNeighborhood::send_router_advertisement(PortId port, std::optional<Ipv6Address> to) {
  const Port* found = find(port);
  if (found == nullptr) return;
  const RouterAdvertisement ours{std::chrono::seconds{0}, found->twin.mac, std::nullopt};
  if (!found->socket.send(encode(ours), to.value_or(kAllNodes))) {
    log::debug("{}: the kernel did not take a router advertisement", found->twin.interface);
  }
}

void KernelNeighborhood::send_router_solicitation(PortId port) {
  const Port* found = find(port);
  if (found == nullptr) return;
  if (!found->socket.send(encode(RouterSolicitation{found->twin.mac}), kAllRouters)) {
    log::debug("{}: the kernel did not take a router solicitation", found->twin.interface);
  }
}

void KernelNeighborhood::resolve(PortId port, const IpAddress& address) {
  if (const Port* found = find(port)) table_.resolve(found->ifindex, address);
}

}  // namespace lastmile
