#include "drivers/kernel/address.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <cstring>

namespace lastmile {
namespace {

std::optional<IpAddress> parse_address(const nlattr& attribute) {
  const auto* payload = static_cast<const std::uint8_t*>(mnl_attr_get_payload(&attribute));
  switch (mnl_attr_get_payload_len(&attribute)) {
    case 4:
      return Ipv4Address::from_wire(std::span<const std::uint8_t, 4>(payload, 4));
    case 16:
      return Ipv6Address::from_wire(std::span<const std::uint8_t, 16>(payload, 16));
    default:
      return std::nullopt;
  }
}

void fill(NetlinkMessage& message, const LinkInfo& link, const InterfaceAddress& address) {
  auto& header = message.header<ifaddrmsg>();
  header.ifa_index = link.index;
  header.ifa_prefixlen = address.length;
  if (const auto* v4 = std::get_if<Ipv4Address>(&address.address)) {
    header.ifa_family = AF_INET;
    message.put(IFA_LOCAL, v4->to_wire());
    message.put(IFA_ADDRESS, v4->to_wire());
  } else {
    const auto& v6 = std::get<Ipv6Address>(address.address);
    header.ifa_family = AF_INET6;
    if (v6.is_link_local()) header.ifa_scope = RT_SCOPE_LINK;
    message.put(IFA_LOCAL, v6.bytes());
    message.put(IFA_ADDRESS, v6.bytes());
    message.put(IFA_FLAGS, std::uint32_t{IFA_F_NODAD});
  }
}

}  // namespace

std::optional<PlacedAddress> parse_interface_address(const nlmsghdr& message) {
  const auto* header = family_header<ifaddrmsg>(message);
  if (header == nullptr) return std::nullopt;
  // On a point-to-point interface IFA_ADDRESS is the other side; IFA_LOCAL is ours.
  std::optional<IpAddress> local;
  std::optional<IpAddress> any;
  for_each_attribute(message, sizeof(ifaddrmsg), [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == IFA_LOCAL) local = parse_address(attribute);
    if (mnl_attr_get_type(&attribute) == IFA_ADDRESS) any = parse_address(attribute);
  });
  const auto address = local ? local : any;
  if (!address) return std::nullopt;
  return PlacedAddress{header->ifa_index, {*address, header->ifa_prefixlen}};
}

std::string to_string(const InterfaceAddress& address) {
  return fmt::format("{}/{}", to_string(address.address), address.length);
}

Result<void> visit_addresses(
    Netlink& netlink, const LinkInfo& link, const std::function<void()>& begin,
    const std::function<void(const InterfaceAddress&, const nlmsghdr&)>& visit) {
  return ask_until_settled([&] {
    begin();
    NetlinkMessage message(RTM_GETADDR, NLM_F_DUMP);
    message.header<ifaddrmsg>();
    return netlink.query(message, fmt::format("list the addresses of interface '{}'", link.name),
                         [&](const nlmsghdr& reply) {
                           const auto placed = parse_interface_address(reply);
                           if (placed && placed->index == link.index) visit(placed->address, reply);
                         });
  });
}

Result<std::vector<InterfaceAddress>> list_addresses(Netlink& netlink, const LinkInfo& link) {
  std::vector<InterfaceAddress> found;
  const auto done = visit_addresses(
      netlink, link, [&] { found.clear(); },
      [&](const InterfaceAddress& address, const nlmsghdr&) { found.push_back(address); });
  if (!done) return tl::unexpected(done.error());
  return found;
}

Result<void> add_address(Netlink& netlink, const LinkInfo& link, const InterfaceAddress& address) {
  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  fill(message, link, address);
  return netlink.request(
      message, fmt::format("add address {} to interface '{}'", to_string(address), link.name));
}

Result<void> delete_address(Netlink& netlink, const LinkInfo& link,
                            const InterfaceAddress& address) {
  NetlinkMessage message(RTM_DELADDR, 0);
  fill(message, link, address);
  return netlink.request(
      message, fmt::format("remove address {} from interface '{}'", to_string(address), link.name));
}

}  // namespace lastmile
