// The inside of Rib, shared by rib.cc (what happens) and rib_show.cc (what is told).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "controlplane/rib/exporter.h"
#include "controlplane/rib/family_rib.h"
#include "controlplane/rib/import.h"
#include "controlplane/rib/own_addresses.h"
#include "controlplane/rib/rib.h"
#include "controlplane/rib/rib_core.h"

namespace lastmile::rib {

struct Rib::State {
  State(const Config& configuration, ForwardingPlane& plane, bgp::PeerOutput& output,
        Neighborhood& neighborhood, Timers& timers);

  /// What the configuration says of a peer and, while a session is up, what the session is.
  struct Peer {
    std::string name;
    std::uint8_t allow_own_as = 0;
    std::optional<SourceId> source;  ///< while the session is up
    ImportContext import;
  };

  // The configuration's routes.
  void add_local_routes(const Config& config);
  void add_route(const IpPrefix& prefix, SourceId source, Announced announced,
                 std::span<const TargetTable::Wish> wishes);

  // Peers.
  Peer& peer(bgp::PeerId id);
  [[nodiscard]] const Source* source_of(bgp::PeerId id) const;
  template <class Address>
  void withdraw(const Peer& from, const std::vector<bgp::Nlri<Address>>& nlri);
  template <class Address>
  void announce(const Peer& from, const std::vector<bgp::Nlri<Address>>& nlri, Path path);
  void reach(const Peer& from, const bgp::Update::Reach& reach, AttributeId attributes,
             Refusal refusal, TimePoint now);

  // Neighbors in connected subnets, as host routes.
  void neighbor_route(PortId port, const IpAddress& address, bool present);

  // Work.
  std::size_t sweep(std::size_t limit);
  void finish_departures();
  void take_answers();

  template <class Visitor>
  void for_family(bgp::Family family, Visitor&& visit) {
    family == bgp::Family::kIpv4Unicast ? visit(ipv4) : visit(ipv6);
  }
  template <class Address>
  [[nodiscard]] FamilyRib<Address>& rib() {
    if constexpr (std::is_same_v<Address, Ipv4Address>) {
      return ipv4;
    } else {
      return ipv6;
    }
  }
  template <class Address>
  [[nodiscard]] const FamilyRib<Address>& rib() const {
    return const_cast<State&>(*this).rib<Address>();
  }
  [[nodiscard]] Exporter::Ribs ribs() { return {ipv4, ipv6}; }

  // For show.
  template <class Address>
  void append_views(const FamilyRib<Address>& rib, const RouteRecord<Address>& record,
                    const std::optional<bgp::PeerId>& only, TimePoint now,
                    std::vector<RouteView>& views) const;
  template <class Address>
  [[nodiscard]] std::optional<std::uint32_t> longest_match(const FamilyRib<Address>& rib,
                                                           const Address& address) const;

  OwnAddresses own;
  bgp::Asn asn;
  bgp::BgpIdentifier identifier;
  RibCore core;
  FamilyRib<Ipv4Address> ipv4;
  FamilyRib<Ipv6Address> ipv6;
  Exporter exporter;

  SourceId local, connected, statics;
  AttributeId no_attributes;  ///< of local paths: ORIGIN IGP, empty AS path
  std::vector<Peer> peers;
  std::uint32_t incarnations = 0;

  /// Sources whose paths are being removed, and where the sweep stands.
  std::vector<SourceId> departing;
  bool sweeping = false;
  bgp::Family sweep_family = bgp::Family::kIpv4Unicast;
  std::uint32_t sweep_cursor = 0;
};

}  // namespace lastmile::rib
