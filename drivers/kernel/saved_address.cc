#include "drivers/kernel/saved_address.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string>

#include "logging/log.h"

namespace lastmile {
namespace {

constexpr std::uint32_t kLongestTold = 1024;    // several times what a kernel says
constexpr std::uint32_t kForever = 0xffffffff;  // as the kernel writes a lifetime without an end

std::uint32_t left_of(std::uint32_t lifetime, std::chrono::seconds age) {
  if (lifetime == kForever) return kForever;
  const auto left = std::chrono::seconds{lifetime} - age;
  return static_cast<std::uint32_t>(std::max(left, std::chrono::seconds{0}).count());
}

std::uint32_t flags_of(const nlmsghdr& told) {
  std::uint32_t flags = family_header<ifaddrmsg>(told)->ifa_flags;
  for_each_attribute(told, sizeof(ifaddrmsg), [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == IFA_FLAGS) flags = number_of(attribute);
  });
  return flags;
}

ifa_cacheinfo lifetimes_of(const nlmsghdr& told, std::chrono::seconds age) {
  ifa_cacheinfo lifetimes{
      .ifa_prefered = kForever, .ifa_valid = kForever, .cstamp = 0, .tstamp = 0};
  for_each_attribute(told, sizeof(ifaddrmsg), [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) != IFA_CACHEINFO) return;
    if (mnl_attr_get_payload_len(&attribute) < sizeof lifetimes) return;
    std::memcpy(&lifetimes, mnl_attr_get_payload(&attribute), sizeof lifetimes);
  });
  return {.ifa_prefered = left_of(lifetimes.ifa_prefered, age),
          .ifa_valid = left_of(lifetimes.ifa_valid, age),
          .cstamp = 0,
          .tstamp = 0};
}

/// A label begins with the interface's name, which may be another one since.
bool is_label_of(const LinkInfo& link, const std::string& label) {
  return label == link.name || label.rfind(link.name + ":", 0) == 0;
}

/// What is told back to the kernel as it was. It may come from a file that another user could
/// write, and nothing else of it is.
bool is_kept(const nlattr& attribute, const LinkInfo& link) {
  switch (mnl_attr_get_type(&attribute)) {
    case IFA_ADDRESS:
    case IFA_LOCAL:
    case IFA_BROADCAST:
    case IFA_RT_PRIORITY:
    case IFA_PROTO:
      return true;
    case IFA_LABEL:
      return is_label_of(link, text_of(attribute));
    default:
      return false;
  }
}

Result<void> restore(Netlink& netlink, const LinkInfo& link, const InterfaceAddress& address,
                     const nlmsghdr& told, std::chrono::seconds age) {
  const ifaddrmsg& was = *family_header<ifaddrmsg>(told);
  const std::uint32_t flags = flags_of(told);
  if (was.ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY) != 0) return {};
  const ifa_cacheinfo lifetimes = lifetimes_of(told, age);
  if (lifetimes.ifa_valid == 0) {
    log::info("address {} is not given back to interface '{}': its lifetime is over",
              to_string(address), link.name);
    return {};
  }

  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  auto& header = message.header<ifaddrmsg>();
  header.ifa_family = was.ifa_family;
  header.ifa_prefixlen = was.ifa_prefixlen;
  header.ifa_scope = was.ifa_scope;
  header.ifa_index = link.index;
  for_each_attribute(told, sizeof(ifaddrmsg), [&](const nlattr& attribute) {
    if (is_kept(attribute, link)) message.put(attribute);
  });
  message.put(IFA_FLAGS, flags | IFA_F_NODAD);
  message.put(IFA_CACHEINFO, std::bit_cast<std::array<std::uint8_t, sizeof lifetimes>>(lifetimes));
  return netlink.request(message, fmt::format("give address {} back to interface '{}'",
                                              to_string(address), link.name));
}

}  // namespace

Result<std::vector<SavedAddress>> save_addresses(Netlink& netlink, const LinkInfo& link) {
  std::vector<SavedAddress> found;
  const auto done = visit_addresses(
      netlink, link, [&] { found.clear(); },
      [&](const InterfaceAddress& address, const nlmsghdr& told) {
        const auto* bytes = reinterpret_cast<const char*>(&told);
        found.push_back({address, {bytes, bytes + told.nlmsg_len}});
      });
  if (!done) return tl::unexpected(done.error());
  return found;
}

Result<void> restore_address(Netlink& netlink, const LinkInfo& link, const SavedAddress& saved,
                             std::chrono::seconds age) {
  std::optional<Result<void>> done;
  for_each_message(saved.told, [&](const nlmsghdr& told) {
    if (done || told.nlmsg_type != RTM_NEWADDR) return;
    // It comes from a file, so it need not be what its other half says.
    const auto placed = parse_interface_address(told);
    const bool fits = told.nlmsg_len <= kLongestTold;
    if (fits && placed && placed->address == saved.address) {
      done = restore(netlink, link, saved.address, told, age);
    }
  });
  return done ? *done : add_address(netlink, link, saved.address);
}

}  // namespace lastmile
