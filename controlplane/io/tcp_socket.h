// The system calls under AsioTransport: sockets set up as BGP wants them. Errors are text with the
// system's reason.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "controlplane/event/effects.h"
#include "controlplane/io/socket_address.h"
#include "dataplane/net/file_descriptor.h"

namespace lastmile {

using SocketResult = tl::expected<FileDescriptor, std::string>;

/// A listening, non-blocking socket for one address family.
[[nodiscard]] SocketResult open_listener(const SocketAddress& local);

struct DialOptions {
  std::optional<SocketAddress> source;
  const std::string* interface = nullptr;  ///< bind to this device
  HopLimits hops;
  std::string password;  ///< TCP MD5; empty: none
  std::chrono::milliseconds longest_untaken;
};
/// A socket on its way to `remote`: writable when it has arrived, or failed.
[[nodiscard]] SocketResult open_dialer(const SocketAddress& remote, const DialOptions& options);

/// Packets with fewer hops left than the limit are dropped by the kernel (GTSM, RFC 5082).
bool set_hop_limits(int fd, int family, const HopLimits& hops);
/// Connections between `fd` and addresses in `remote` are signed (TCP MD5, RFC 2385); an empty
/// password takes the key away again. For a listener before they come, for a dialer before connect.
bool set_password(int fd, const SocketAddress& remote, unsigned prefix_length,
                  const std::string& password);

/// What a session's socket needs beyond what it inherits: no Nagle, network control's DSCP, and how
/// long the other side may take nothing; then the socket's error is ETIMEDOUT.
void set_session_options(int fd, int family, std::chrono::milliseconds longest_untaken);

/// The outcome of a connect that was under way: 0 or an errno.
[[nodiscard]] int pending_error(int fd);
[[nodiscard]] SocketAddress local_address(int fd);
[[nodiscard]] SocketAddress remote_address(int fd);

/// "Connection refused".
[[nodiscard]] std::string describe(int error);

}  // namespace lastmile
