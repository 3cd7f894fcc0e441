#include "controlplane/io/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace lastmile {
namespace {

/// Room for the burst of a full table while the routing side works on what came before. Asking by
/// force needs CAP_NET_ADMIN; without it the kernel's own tuning does better than what we'd be
/// allowed to ask for.
constexpr int kReceiveBuffer = 4 * 1024 * 1024;
constexpr std::uint8_t kMostHops = 255;
constexpr int kBacklog = 128;
#ifndef IPV6_MINHOPCOUNT
constexpr int IPV6_MINHOPCOUNT = 73;  // linux/in6.h; the C library's headers don't have it
#endif
/// DSCP CS6, "network control" (RFC 4594 section 3.2), in the place of the former TOS octet.
constexpr int kNetworkControl = 48 << 2;

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

SocketResult failure(const std::string& what) {
  const int error = errno;
  return tl::unexpected(what + ": " + describe(error));
}

SocketResult open_stream(int family) {
  FileDescriptor fd{socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (fd.get() < 0) return failure("socket");
  // Before listen or connect, because the window scale is settled in the handshake.
  set_option(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer);
  return fd;
}

SocketAddress name_of(int fd, int (*get)(int, sockaddr*, socklen_t*)) {
  SocketAddress address;
  if (get(fd, address.get(), &address.length) != 0) address = SocketAddress{};
  return address;
}

}  // namespace

SocketResult open_listener(const SocketAddress& local) {
  SocketResult fd = open_stream(local.family());
  if (!fd) return fd;
  set_option(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  // IPv4 has a socket of its own: no ::ffff:192.0.2.1 to take care of.
  if (local.family() == AF_INET6) set_option(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  // The answer to a peer that checks hop limits (GTSM, RFC 5082) leaves before we know who it is; a
  // peer that does not check is content with any. What follows has the limits of the session.
  if (!set_hop_limits(fd->get(), local.family(), {kMostHops, 0})) return failure("hop limit");
  if (bind(fd->get(), local.get(), local.length) != 0) return failure("bind");
  if (listen(fd->get(), kBacklog) != 0) return failure("listen");
  return fd;
}

SocketResult open_dialer(const SocketAddress& remote, const DialOptions& options) {
  SocketResult fd = open_stream(remote.family());
  if (!fd) return fd;
  set_session_options(fd->get(), remote.family(), options.longest_untaken);
  if (!set_hop_limits(fd->get(), remote.family(), options.hops)) return failure("hop limit");
  if (!options.password.empty()) {
    const unsigned whole = remote.family() == AF_INET6 ? 128 : 32;
    if (!set_password(fd->get(), remote, whole, options.password)) return failure("TCP MD5");
  }
  if (options.interface != nullptr &&
      setsockopt(fd->get(), SOL_SOCKET, SO_BINDTODEVICE, options.interface->c_str(),
                 static_cast<socklen_t>(options.interface->size())) != 0) {
    return failure("bind to interface " + *options.interface);
  }
  if (options.source && bind(fd->get(), options.source->get(), options.source->length) != 0) {
    return failure("bind to the source address");
  }
  if (connect(fd->get(), remote.get(), remote.length) != 0 && errno != EINPROGRESS) {
    return tl::unexpected(describe(errno));
  }
  return fd;
}

bool set_hop_limits(int fd, int family, const HopLimits& hops) {
  const bool v6 = family == AF_INET6;
  const int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
  if (!set_option(fd, level, v6 ? IPV6_UNICAST_HOPS : IP_TTL, hops.sent)) return false;
  return hops.least_received == 0 ||
         set_option(fd, level, v6 ? IPV6_MINHOPCOUNT : IP_MINTTL, hops.least_received);
}

bool set_password(int fd, const SocketAddress& remote, unsigned prefix_length,
                  const std::string& password) {
  tcp_md5sig signature{};
  if (password.size() > sizeof signature.tcpm_key) return false;
  std::memcpy(&signature.tcpm_addr, &remote.storage, sizeof remote.storage);
  signature.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
  signature.tcpm_prefixlen = static_cast<std::uint8_t>(prefix_length);
  signature.tcpm_keylen = static_cast<std::uint16_t>(password.size());
  std::memcpy(signature.tcpm_key, password.data(), password.size());
  return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &signature, sizeof signature) == 0;
}

void set_session_options(int fd, int family, std::chrono::milliseconds longest_untaken) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  // RFC 9687 by the kernel, which alone knows of an octet whether it has been taken.
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(longest_untaken.count()));
  if (family == AF_INET6) {
    set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, kNetworkControl);
  } else {
    set_option(fd, IPPROTO_IP, IP_TOS, kNetworkControl);
  }
}

int pending_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

SocketAddress local_address(int fd) {
  return name_of(fd, getsockname);
}
SocketAddress remote_address(int fd) {
  return name_of(fd, getpeername);
}

std::string describe(int error) {
  return std::generic_category().message(error);
}

}  // namespace lastmile
