#include "drivers/kernel/link.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace lastmile {

bool LinkInfo::is_admin_up() const {
  return (flags & IFF_UP) != 0;
}

bool LinkInfo::is_running() const {
  return is_admin_up() && (flags & IFF_RUNNING) != 0;
}

LinkInfo parse_link(const nlmsghdr& message) {
  LinkInfo link;
  const auto* info = family_header<ifinfomsg>(message);
  if (info == nullptr) return link;
  link.index = static_cast<unsigned>(info->ifi_index);
  link.flags = info->ifi_flags;
  for_each_attribute(message, sizeof(ifinfomsg), [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case IFLA_IFNAME:
        link.name = text_of(attribute);
        break;
      case IFLA_IFALIAS:
        link.alias = text_of(attribute);
        break;
      case IFLA_MTU:
        link.mtu = number_of(attribute);
        break;
      case IFLA_ADDRESS: {
        MacAddress::Bytes bytes{};
        if (mnl_attr_get_payload_len(&attribute) != bytes.size()) break;
        std::memcpy(bytes.data(), mnl_attr_get_payload(&attribute), bytes.size());
        link.mac = MacAddress{bytes};
        break;
      }
      case IFLA_LINKINFO:
        for_each_nested(attribute, [&](const nlattr& nested) {
          if (mnl_attr_get_type(&nested) == IFLA_INFO_KIND) link.kind = text_of(nested);
        });
        break;
      default:
        break;
    }
  });
  return link;
}

Result<std::optional<LinkInfo>> find_link(Netlink& netlink, const std::string& name) {
  if (name.empty() || name.size() > kMaxInterfaceName) return std::nullopt;
  NetlinkMessage message(RTM_GETLINK, 0);
  message.header<ifinfomsg>();
  message.put(IFLA_IFNAME, name);
  std::optional<LinkInfo> found;
  const auto done = netlink.query(message, fmt::format("look up interface '{}'", name),
                                  [&](const nlmsghdr& reply) { found = parse_link(reply); });
  if (!done && done.error().code != ENODEV) return tl::unexpected(done.error());
  return found;
}

Result<std::optional<LinkInfo>> find_link(Netlink& netlink, unsigned index) {
  NetlinkMessage message(RTM_GETLINK, 0);
  message.header<ifinfomsg>().ifi_index = static_cast<int>(index);
  std::optional<LinkInfo> found;
  const auto done = netlink.query(message, fmt::format("look up interface number {}", index),
                                  [&](const nlmsghdr& reply) { found = parse_link(reply); });
  if (!done && done.error().code != ENODEV) return tl::unexpected(done.error());
  return found;
}

Result<bool> has_link(Netlink& netlink, unsigned index) {
  const auto found = find_link(netlink, index);
  if (!found) return tl::unexpected(found.error());
  return found->has_value();
}

Result<void> change_link(Netlink& netlink, const LinkInfo& link, const LinkChange& change) {
  NetlinkMessage message(RTM_NEWLINK, 0);
  auto& header = message.header<ifinfomsg>();
  header.ifi_index = static_cast<int>(link.index);
  header.ifi_flags = change.set_flags;
  header.ifi_change = change.set_flags | change.clear_flags;
  if (change.mac) message.put(IFLA_ADDRESS, change.mac->bytes());
  if (change.mtu) message.put(IFLA_MTU, *change.mtu);
  if (change.alias) message.put(IFLA_IFALIAS, *change.alias);
  if (change.longest_segment) message.put(IFLA_GSO_MAX_SIZE, *change.longest_segment);
  std::string what = fmt::format("change interface '{}'", link.name);
  if (change.mac) {
    what = fmt::format("set MAC address {} on interface '{}'", to_string(*change.mac), link.name);
  }
  if (change.mtu) what = fmt::format("set MTU {} on interface '{}'", *change.mtu, link.name);
  return netlink.request(message, what);
}

Result<void> create_veth(Netlink& netlink, const VethSpec& spec) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header<ifinfomsg>();
  message.put(IFLA_IFNAME, spec.name);
  message.put(IFLA_ADDRESS, spec.mac.bytes());
  message.put(IFLA_MTU, spec.mtu);
  nlattr* info = message.begin_nest(IFLA_LINKINFO);
  message.put(IFLA_INFO_KIND, std::string("veth"));
  nlattr* data = message.begin_nest(IFLA_INFO_DATA);
  nlattr* peer = message.begin_nest(VETH_INFO_PEER);
  message.header<ifinfomsg>();
  message.put(IFLA_IFNAME, spec.name);
  message.put(IFLA_MTU, spec.mtu);
  message.put(IFLA_NET_NS_FD, static_cast<std::uint32_t>(spec.peer_namespace));
  message.end_nest(peer);
  message.end_nest(data);
  message.end_nest(info);
  return netlink.request(message, fmt::format("create interface '{}'", spec.name));
}

Result<void> delete_link(Netlink& netlink, const LinkInfo& link) {
  NetlinkMessage message(RTM_DELLINK, 0);
  message.header<ifinfomsg>().ifi_index = static_cast<int>(link.index);
  return netlink.request(message, fmt::format("delete interface '{}'", link.name));
}

}  // namespace lastmile
