#include "controlplane/config/listener_types.h"

#include <fmt/format.h>
#include <sys/un.h>

namespace lastmile::config {

Type<std::string> socket_path() {
  static constexpr std::size_t kMax = sizeof(sockaddr_un::sun_path) - 1;
  return {"an absolute path",
          [](std::string_view text, const Scope&) -> tl::expected<std::string, Fault> {
            if (text.empty() || text.front() != '/' || text.back() == '/') {
              return fault("is not an absolute path",
                           "expected one such as /run/lastmile/lastmile.sock");
            }
            if (text.size() > kMax) {
              return fault(fmt::format("is {} bytes long", text.size()),
                           fmt::format("expected at most {}, the limit of a Unix socket", kMax));
            }
            return std::string{text};
          },
          ValueShape::of_text("^/.*[^/]$")};
}

Type<MetricsListener> metrics_listener() {
  Type<MetricsListener> type;
  type.expected = "an address with a port such as 127.0.0.1:9464, or the path of a Unix socket";
  type.shape.pattern = "^(/.+|.+:[0-9]+)$";
  type.read = [path = socket_path().read](
                  std::string_view text,
                  const Scope& scope) -> tl::expected<MetricsListener, Fault> {
    MetricsListener listener;
    if (text.starts_with('/')) {
      return path(text, scope).map([&](std::string socket) {
        listener.socket = std::move(socket);
        return listener;
      });
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return fault("has no port");
    const auto port = parse_decimal(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) {
      return fault("has a bad port", "expected a port from 1 to 65535");
    }
    listener.port = static_cast<std::uint16_t>(*port);
    std::string_view host = text.substr(0, colon);
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets) host = host.substr(1, host.size() - 2);
    if (host == "*") host = "::";  // takes IPv4 too
    const auto address = parse_ip_address(host);
    if (!address) return fault("has no address");
    if (std::holds_alternative<Ipv6Address>(*address) && !brackets && text.front() != '*') {
      return fault("is ambiguous", "expected an IPv6 address in brackets: [::1]:9464");
    }
    listener.address = *address;
    return listener;
  };
  return type;
}

}  // namespace lastmile::config
