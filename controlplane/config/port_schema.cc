#include "controlplane/config/schema_by_subject.h"

#include "controlplane/config/address_types.h"
#include "controlplane/config/capacity.h"
#include "controlplane/config/name_types.h"

namespace lastmile::config {
namespace {

PortConfig& add_port(Config& config, std::string_view name, Scope& scope) {
  PortConfig& port = config.ports.emplace_back();
  port.id = PortId{static_cast<std::uint16_t>(scope.ports.size())};
  port.name = name;
  scope.ports.emplace_back(name);
  return port;
}

KeysOf<Admission> admission_keys() {
  return {
      key("reverse-path", &Admission::reverse_path,
          one_of<ReversePath>({{"off", ReversePath::kOff},
                               {"loose", ReversePath::kLoose},
                               {"strict", ReversePath::kStrict}}))
          .fallback("off")
          .help("Unicast reverse path forwarding (uRPF, RFC 3704). loose: there must be a route to "
                "the source, the default route included, that does not discard. strict: the best "
                "route to it, or one that stands by for it, must lead through this port."),
      key("martians", &Admission::martians,
          one_of<Martians>({{"basic", Martians::kBasic}, {"full", Martians::kFull}}))
          .fallback("basic")
          .help("Addresses that no packet may bear. basic: what no router forwards (RFC 1812 "
                "section 5.3.7). full: also what RFC 6890 says is not forwarded (documentation, "
                "169.254.0.0/16), and addresses of ours as source. Not for a lab that lives on "
                "documentation prefixes."),
  };
}

KeysOf<PortConfig> port_keys() {
  return {
      key("device", &PortConfig::device,
          text("a DPDK device such as 0000:03:00.1 or \"net_af_packet0,iface=eth1\"", 255))
          .required_unless("parent")
          .help("The NIC: a PCI address, or any DPDK device string."),
      key("parent", &PortConfig::parent, word())
          .when_absent("the port has a device of its own")
          .help("Another port, on whose device this one is, too, in a VLAN of its own."),
      list("vlan", &PortConfig::vlan, number<std::uint16_t>(1, 4094), 2)
          .or_one()
          .when_absent("frames without a tag")
          .help("VLAN of the port: its frames have this 802.1Q tag, which nothing behind the port "
                "sees. Two are an outer and an inner tag (QinQ). On one device every port has "
                "other VLANs, and one may have none."),
      key("vlan-protocol", &PortConfig::vlan_protocol,
          optional_of(one_of<VlanProtocol>(
              {{"802.1q", VlanProtocol::kCustomer}, {"802.1ad", VlanProtocol::kService}})))
          .when_absent("802.1q for one tag, 802.1ad for the outer one of two")
          .help("What the tag is, or the outer one of two: EtherType 0x8100 (802.1q) or 0x88a8 "
                "(802.1ad)."),
      key("mtu", &PortConfig::mtu, number<std::uint16_t>(kSmallestMtu, kLargestMtu))
          .fallback("1500")
          .help("Largest IP packet in bytes, VLAN tags not counted; the neighbor's must be the "
                "same. With a parent the default is the parent's, and more is not possible."),
      list("addresses", &PortConfig::addresses, interface_address(), 64)
          .help("Addresses of the port's kernel twin. None on an unnumbered port, which needs only "
                "its IPv6 link-local address."),
      key("side", &PortConfig::side,
          one_of<PortSide>({{"uplink", PortSide::kUplink}, {"local", PortSide::kLocal}}))
          .when_absent("local if the port has addresses, and neither a BGP neighbor nor a "
                       "configured route; else uplink")
          .help(
              "uplink: toward the fabric; in host mode nothing passes from one uplink to another. "
              "local: toward what this router serves."),
      section("admission", &PortConfig::admission, admission_keys())
          .help("Which packets the port takes in, by their addresses (docs/forwarding.md)."),
  };
}

}  // namespace

KeyOf<Config> ports_key() {
  return named_sections<Config, PortConfig>("ports", "NAME", add_port, kMaxPorts, port_name(),
                                            port_keys())
      .required()
      .help("The NICs, each under a name of your choice.");
}

}  // namespace lastmile::config
