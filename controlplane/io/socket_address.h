// Endpoints as the kernel writes them, and back.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/event/event.h"

namespace lastmile {

/// The kernel interface that stands for a port.
struct PortTwin {
  PortId port;
  std::string interface;  ///< e.g. "lm-up1"; need not exist yet
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

/// Which twin is which port. Names are looked up in the kernel each time: a twin that was removed
/// and made again has another index.
class TwinTable {
 public:
  explicit TwinTable(std::vector<PortTwin> twins) : twins_(std::move(twins)) {}

  /// nullptr if the port has no twin.
  [[nodiscard]] const std::string* interface_of(PortId port) const;
  [[nodiscard]] std::optional<PortId> port_of(unsigned interface_index) const;

  /// An error if the endpoint is link-local and its twin does not exist.
  [[nodiscard]] tl::expected<SocketAddress, std::string> to_socket(const Endpoint& endpoint) const;
  /// A link-local address on an interface that is nobody's twin has no port.
  [[nodiscard]] Endpoint to_endpoint(const SocketAddress& address) const;

 private:
  std::vector<PortTwin> twins_;
};

}  // namespace lastmile
