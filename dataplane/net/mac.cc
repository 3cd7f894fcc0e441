#include "dataplane/net/mac.h"

#include <fmt/format.h>

#include <charconv>

namespace lastmile {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  Bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char* digits = text.data() + 3 * i;
    const auto [stop, error] = std::from_chars(digits, digits + 2, bytes[i], 16);
    if (error != std::errc{} || stop != digits + 2) return std::nullopt;
    if (i + 1 < bytes.size() && digits[2] != ':') return std::nullopt;
  }
  return MacAddress{bytes};
}

Ipv6Address MacAddress::link_local() const {
  return Ipv6Address{Ipv6Address::Bytes{0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                                        static_cast<std::uint8_t>(bytes_[0] ^ 0x02), bytes_[1],
                                        bytes_[2], 0xff, 0xfe, bytes_[3], bytes_[4], bytes_[5]}};
}

std::string to_string(const MacAddress& mac) {
  return fmt::format("{:02x}", fmt::join(mac.bytes(), ":"));
}

}  // namespace lastmile
