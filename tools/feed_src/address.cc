#include "tools/feed_src/address.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace lastmile::feed {
namespace {

/// The host and, if there is one, the port behind it.
struct Parts {
  std::string host, port;
};

Parts cut(const std::string& text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string::npos) return {text, ""};
    const std::string rest = text.substr(end + 1);
    return {text.substr(1, end - 1), rest.starts_with(':') ? rest.substr(1) : rest};
  }
  if (std::ranges::count(text, ':') != 1) return {text, ""};
  const std::size_t colon = text.find(':');
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

End End::after(std::uint32_t n) const {
  End next = *this;
  if (auto* const v4 = std::get_if<Ipv4Address>(&next.address)) {
    *v4 = Ipv4Address{v4->value() + n};
  } else {
    Ipv6Address::Bytes bytes = std::get<Ipv6Address>(next.address).bytes();
    for (std::size_t i = bytes.size(); i-- > 0 && n > 0;) {
      n += bytes[i];
      bytes[i] = static_cast<std::uint8_t>(n);
      n >>= 8;
    }
    next.address = Ipv6Address{bytes};
  }
  return next;
}

tl::expected<End, std::string> parse_end(const std::string& text, std::uint16_t default_port) {
  const auto wrong = [&](const char* expected) {
    return tl::unexpected(fmt::format("{}: not an address; expected {}", text, expected));
  };
  Parts parts = cut(text);
  End end;
  end.port = default_port;
  if (!parts.port.empty()) {
    const char* const last = parts.port.data() + parts.port.size();
    if (std::from_chars(parts.port.data(), last, end.port).ptr != last) return wrong("a TCP port");
  }
  if (const std::size_t percent = parts.host.find('%'); percent != std::string::npos) {
    end.scope = if_nametoindex(parts.host.substr(percent + 1).c_str());
    if (end.scope == 0) return wrong("the name of an interface behind %");
    parts.host.resize(percent);
  }
  const auto address = parse_ip_address(parts.host);
  if (!address) return wrong("192.0.2.1, 192.0.2.1:1790, fe80::1%eth0 or [fe80::1%eth0]:1790");
  end.address = *address;
  return end;
}

std::string to_string(const End& end) {
  std::string text = lastmile::to_string(end.address);
  std::array<char, IF_NAMESIZE> name{};
  if (end.scope != 0 && if_indextoname(end.scope, name.data()) != nullptr) {
    text += std::string{"%"} + name.data();
  }
  return text;
}

RawAddress to_raw(const End& end) {
  RawAddress raw;
  if (const auto* const v4 = std::get_if<Ipv4Address>(&end.address)) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(end.port);
    in.sin_addr.s_addr = v4->network_order();
    std::memcpy(&raw.storage, &in, sizeof in);
    raw.length = sizeof in;
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(end.port);
    in.sin6_scope_id = end.scope;
    const auto& bytes = std::get<Ipv6Address>(end.address).bytes();
    std::memcpy(&in.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&raw.storage, &in, sizeof in);
    raw.length = sizeof in;
  }
  return raw;
}

End from_raw(const RawAddress& raw) {
  End end;
  if (raw.storage.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &raw.storage, sizeof in);
    end.address = Ipv4Address{ntohl(in.sin_addr.s_addr)};
    end.port = ntohs(in.sin_port);
    return end;
  }
  sockaddr_in6 in;
  std::memcpy(&in, &raw.storage, sizeof in);
  Ipv6Address::Bytes bytes;
  std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
  end.address = Ipv6Address{bytes};
  end.scope = in.sin6_scope_id;
  end.port = ntohs(in.sin6_port);
  return end;
}

}  // namespace lastmile::feed
