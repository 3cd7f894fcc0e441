#include "drivers/kernel/route.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

namespace lastmile {
namespace {

void fill(NetlinkMessage& message, const LinkInfo& link, const KernelDefaultRoute& route) {
  auto& header = message.header<rtmsg>();
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_type = RTN_UNICAST;
  if (const auto* v4 = std::get_if<Ipv4Address>(&route.source)) {
    header.rtm_family = AF_INET;
    header.rtm_scope = RT_SCOPE_LINK;
    message.put(RTA_PREFSRC, v4->to_wire());
  } else {
    header.rtm_family = AF_INET6;
    header.rtm_scope = RT_SCOPE_UNIVERSE;
    message.put(RTA_PREFSRC, std::get<Ipv6Address>(route.source).bytes());
  }
  message.put(RTA_OIF, link.index);
  message.put(RTA_PRIORITY, route.metric);
  if (route.mtu != 0) {
    nlattr* metrics = message.begin_nest(RTA_METRICS);
    message.put(RTAX_MTU, route.mtu);
    message.end_nest(metrics);
  }
}

std::string describe(const LinkInfo& link, const KernelDefaultRoute& route) {
  return fmt::format("default {} route through '{}' with metric {}",
                     std::holds_alternative<Ipv4Address>(route.source) ? "IPv4" : "IPv6", link.name,
                     route.metric);
}

}  // namespace

Result<void> add_default_route(Netlink& netlink, const LinkInfo& link,
                               const KernelDefaultRoute& route) {
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  fill(message, link, route);
  return netlink.request(message, "add the " + describe(link, route));
}

Result<void> delete_default_route(Netlink& netlink, const LinkInfo& link,
                                  const KernelDefaultRoute& route) {
  NetlinkMessage message(RTM_DELROUTE, 0);
  fill(message, link, route);
  return netlink.request(message, "remove the " + describe(link, route));
}

}  // namespace lastmile
