// Headers as they stand in a packet, and the constants of their fields. All fields in network byte
// order unless said otherwise; loads and stores go through memcpy, so that no alignment is assumed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lastmile {

/// Reads or writes an integer in a packet as it stands there.
template <class Integer>
[[nodiscard]] inline Integer load_raw(const std::uint8_t* at) {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <class Integer>
inline void store_raw(std::uint8_t* at, Integer value) {
  std::memcpy(at, &value, sizeof value);
}

/// Reads a big-endian integer.
[[nodiscard]] inline std::uint16_t load_be16(const std::uint8_t* at) {
  return __builtin_bswap16(load_raw<std::uint16_t>(at));
}
[[nodiscard]] inline std::uint32_t load_be32(const std::uint8_t* at) {
  return __builtin_bswap32(load_raw<std::uint32_t>(at));
}
[[nodiscard]] inline std::uint64_t load_be64(const std::uint8_t* at) {
  return __builtin_bswap64(load_raw<std::uint64_t>(at));
}
/// Writes a big-endian integer.
inline void store_be16(std::uint8_t* at, std::uint16_t value) {
  store_raw(at, __builtin_bswap16(value));
}
inline void store_be32(std::uint8_t* at, std::uint32_t value) {
  store_raw(at, __builtin_bswap32(value));
}
inline void store_be64(std::uint8_t* at, std::uint64_t value) {
  store_raw(at, __builtin_bswap64(value));
}

/// 16-bit constant as it reads by load_raw on this machine.
[[nodiscard]] constexpr std::uint16_t raw16(std::uint16_t value) {
  return static_cast<std::uint16_t>(value >> 8 | value << 8);
}

namespace ethernet {
inline constexpr std::size_t kHeaderSize = 14;
inline constexpr std::size_t kTypeOffset = 12;
inline constexpr std::size_t kSourceOffset = 6;
inline constexpr std::uint16_t kIpv4 = 0x0800;
inline constexpr std::uint16_t kArp = 0x0806;
inline constexpr std::uint16_t kVlan = 0x8100;
inline constexpr std::uint16_t kServiceVlan = 0x88a8;
inline constexpr std::uint16_t kIpv6 = 0x86dd;
}  // namespace ethernet

namespace ipv4 {
inline constexpr std::size_t kHeaderSize = 20;
inline constexpr std::size_t kTrafficClass = 1;
inline constexpr std::size_t kTotalLength = 2;
inline constexpr std::size_t kIdentification = 4;
inline constexpr std::size_t kFragment = 6;
inline constexpr std::size_t kTtl = 8;
inline constexpr std::size_t kProtocol = 9;
inline constexpr std::size_t kChecksum = 10;
inline constexpr std::size_t kSource = 12;
inline constexpr std::size_t kDestination = 16;
inline constexpr std::uint16_t kDontFragment = 0x4000;
inline constexpr std::uint16_t kMoreFragments = 0x2000;
inline constexpr std::uint16_t kFragmentOffset = 0x1fff;

[[nodiscard]] inline unsigned version(const std::uint8_t* header) {
  return header[0] >> 4U;
}
/// In bytes, whatever the packet claims: 0 to 60.
[[nodiscard]] inline unsigned header_length(const std::uint8_t* header) {
  return (header[0] & 0xfU) * 4;
}
}  // namespace ipv4

namespace ipv6 {
inline constexpr std::size_t kHeaderSize = 40;
inline constexpr std::size_t kPayloadLength = 4;
inline constexpr std::size_t kNextHeader = 6;
inline constexpr std::size_t kHopLimit = 7;
inline constexpr std::size_t kSource = 8;
inline constexpr std::size_t kDestination = 24;
}  // namespace ipv6

namespace udp {
inline constexpr std::size_t kHeaderSize = 8;
inline constexpr std::size_t kSourcePort = 0;
inline constexpr std::size_t kDestinationPort = 2;
inline constexpr std::size_t kLength = 4;
inline constexpr std::size_t kChecksum = 6;
}  // namespace udp

namespace tcp {
inline constexpr std::size_t kHeaderSize = 20;
inline constexpr std::size_t kSequence = 4;
inline constexpr std::size_t kAcknowledgment = 8;
inline constexpr std::size_t kDataOffset = 12;
inline constexpr std::size_t kFlags = 13;
inline constexpr std::size_t kWindow = 14;
inline constexpr std::size_t kChecksum = 16;
inline constexpr std::size_t kUrgent = 18;
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kPush = 0x08;
inline constexpr std::uint8_t kAck = 0x10;
inline constexpr std::uint8_t kCwr = 0x80;

/// In bytes, whatever the packet claims: 0 to 60.
[[nodiscard]] inline unsigned header_length(const std::uint8_t* header) {
  return (header[kDataOffset] >> 4U) * 4U;
}
}  // namespace tcp

namespace protocol {
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIpv6Fragment = 44;  ///< an extension header (RFC 8200 section 4.5)
inline constexpr std::uint8_t kIcmpv6 = 58;
inline constexpr std::uint8_t kSctp = 132;
inline constexpr std::uint16_t kBgpPort = 179;
/// Neighbor discovery: router solicitation (133) to redirect (137), RFC 4861 section 4.
inline constexpr std::uint8_t kFirstNeighborDiscovery = 133;
inline constexpr std::uint8_t kLastNeighborDiscovery = 137;
}  // namespace protocol

}  // namespace lastmile
