#include "controlplane/io/icmpv6_socket.h"

#include <fmt/format.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lastmile {
namespace {

// RFC 4861 section 4.1: solicitations go to all routers, so a router must listen there.
const in6_addr kAllRoutersGroup = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}}};
constexpr int kOnLinkHopLimit = 255;

template <class T>
bool set(int fd, int level, int option, const T& value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

}  // namespace

Icmpv6Socket::Icmpv6Socket(FileDescriptor descriptor, unsigned ifindex)
    : descriptor_(std::move(descriptor)), ifindex_(ifindex) {}

tl::expected<Icmpv6Socket, std::string> Icmpv6Socket::open(const std::string& interface) {
  const auto failed = [&](const char* what) {
    return tl::unexpected(
        fmt::format("router advertisements on {}: {}: {}", interface, what, std::strerror(errno)));
  };
  const unsigned ifindex = if_nametoindex(interface.c_str());
  if (ifindex == 0) return failed("no such interface");
  FileDescriptor descriptor{
      socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6)};
  const int fd = descriptor.get();
  if (fd < 0) return failed("no raw socket");

  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
  ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
  const ipv6_mreq all_routers{kAllRoutersGroup, ifindex};
  constexpr int kOn = 1;
  constexpr int kOff = 0;
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                 static_cast<socklen_t>(interface.size())) != 0 ||
      !set(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter) ||
      !set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(ifindex)) ||
      !set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, kOnLinkHopLimit) ||
      !set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, kOnLinkHopLimit) ||
      !set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, kOff) ||
      !set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, kOn) ||
      !set(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, all_routers)) {
    return failed("socket options");
  }
  return Icmpv6Socket{std::move(descriptor), ifindex};
}

void Icmpv6Socket::receive(const Receiver& receiver) {
  // Not all there is: under a flood others get their turn, and the descriptor stays readable.
  constexpr int kMostAtOnce = 64;
  for (int i = 0; i < kMostAtOnce; ++i) {
    std::array<std::uint8_t, 2048> buffer;
    alignas(cmsghdr) std::array<std::uint8_t, 256> control;
    sockaddr_in6 from{};
    iovec vector{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t size = recvmsg(descriptor_.get(), &header, 0);
    if (size < 0) return;  // EAGAIN, or the interface is gone: the link watcher tells of that

    int hop_limit = 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
        std::memcpy(&hop_limit, CMSG_DATA(c), sizeof hop_limit);
      }
    }
    const auto source =
        Ipv6Address::from_wire(std::span<const std::uint8_t, 16>{from.sin6_addr.s6_addr});
    const auto message = decode_router_discovery({buffer.data(), static_cast<std::size_t>(size)},
                                                 {source, hop_limit});
    if (!message) {
      ++refused_;
      continue;
    }
    receiver(*message, source);
  }
}

bool Icmpv6Socket::send(std::span<const std::uint8_t> message, const Ipv6Address& to) const {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_scope_id = ifindex_;
  std::memcpy(&address.sin6_addr, to.bytes().data(), to.bytes().size());
  return sendto(descriptor_.get(), message.data(), message.size(), 0,
                reinterpret_cast<const sockaddr*>(&address),
                sizeof address) == static_cast<ssize_t>(message.size());
}

}  // namespace lastmile
