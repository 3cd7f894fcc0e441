// Makes every value type with a `to_string` printable by fmt and spdlog: fmt::format("{}", prefix).
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"

namespace lastmile {

template <class T>
concept Printable = std::same_as<T, Ipv4Address> || std::same_as<T, Ipv6Address> ||
    std::same_as<T, IpAddress> || std::same_as<T, Ipv4Prefix> || std::same_as<T, Ipv6Prefix> ||
    std::same_as<T, IpPrefix> || std::same_as<T, MacAddress>;

}  // namespace lastmile

template <lastmile::Printable T>
struct fmt::formatter<T> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const T& value, Context& context) const {
    return fmt::formatter<std::string>::format(lastmile::to_string(value), context);
  }
};
template <class Tag, class Rep>
struct fmt::formatter<lastmile::StrongId<Tag, Rep>> : fmt::formatter<unsigned> {
  template <class Context>
  auto format(lastmile::StrongId<Tag, Rep> id, Context& context) const {
    return fmt::formatter<unsigned>::format(id.value(), context);
  }
};
