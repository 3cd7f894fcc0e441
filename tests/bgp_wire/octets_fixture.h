// Messages as bytes: hexadecimal text with blanks where they help, and the frames around it.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/bgp/wire/message.h"

namespace lastmile::bgp::test {

using Bytes = std::vector<std::uint8_t>;

/// "40 01 01 00"; blanks anywhere.
inline Bytes hex(std::string_view text) {
  Bytes bytes;
  unsigned value = 0;
  unsigned digits = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const unsigned digit = c <= '9' ? static_cast<unsigned>(c - '0') : (c | 0x20U) - 'a' + 10;
    value = value << 4 | digit;
    if (++digits % 2 == 0) bytes.push_back(static_cast<std::uint8_t>(value));
  }
  return bytes;
}

inline std::string to_hex(const Bytes& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 0xf];
  }
  return text;
}

inline void append(Bytes& to, const Bytes& more) {
  to.insert(to.end(), more.begin(), more.end());
}

inline Bytes counted(const Bytes& field) {
  Bytes bytes{static_cast<std::uint8_t>(field.size() >> 8),
              static_cast<std::uint8_t>(field.size())};
  append(bytes, field);
  return bytes;
}

/// Marker, right length, type, body.
inline Bytes message(std::uint8_t type, const Bytes& body) {
  Bytes bytes(16, 0xff);
  const std::size_t length = body.size() + kHeaderSize;
  append(bytes, {static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length), type});
  append(bytes, body);
  return bytes;
}

inline Bytes update(const Bytes& withdrawn, const Bytes& attributes, const Bytes& nlri) {
  Bytes body = counted(withdrawn);
  append(body, counted(attributes));
  append(body, nlri);
  return message(2, body);
}

template <class Address = Ipv4Address>
Nlri<Address> nlri(std::string_view text) {
  return {Prefix<Address>::parse(text).value(), 0};
}

/// A message of which every octet that it may be read from is its own allocation, so that a read
/// beyond the end is seen by AddressSanitizer.
inline Bytes exact_copy(const Bytes& bytes, std::size_t size) {
  Bytes copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  copy.shrink_to_fit();
  return copy;
}

}  // namespace lastmile::bgp::test
