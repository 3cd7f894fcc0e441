// The other end of an unnumbered link: whoever sends router advertisements there. We send ours, so
// that it finds us, too.
#pragma once

#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "controlplane/io/icmpv6_socket.h"
#include "tools/feed_src/address.h"

namespace lastmile::feed {

class Discovery {
 public:
  [[nodiscard]] static tl::expected<Discovery, std::string> open(const std::string& interface);

  [[nodiscard]] int fd() const { return socket_.fd(); }
  /// Takes in what has arrived; the router that was heard, with its scope.
  [[nodiscard]] std::optional<End> receive(std::uint16_t bgp_port);
  /// Advertises and solicits, once a second; call often.
  void tick(double now);

 private:
  Discovery(Icmpv6Socket socket, unsigned scope) : socket_(std::move(socket)), scope_(scope) {}

  Icmpv6Socket socket_;
  unsigned scope_;
  double next_ = 0;
};

}  // namespace lastmile::feed
