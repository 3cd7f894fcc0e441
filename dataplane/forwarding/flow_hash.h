// The flow hash: which of a group's members a flow takes.
//
//   const FlowHash hash{seed};                                   // one seed per router
//   std::uint32_t h = hash.ipv4(source, destination, protocol, ports);
//
// Multiply and fold (the high half of a 128-bit product xored into the low half), twice: every
// input bit reaches every output bit, in about ten cycles and no special instruction. A CRC would
// be as fast but is linear: two routers with different seeds would split any set of flows along
// the same lines, and the second router's members would see all flows or none (polarization).
//
// A fragment is hashed without ports (ports = 0), all fragments of a packet alike, so that they
// take one path; the caller knows what is a fragment.
#pragma once

#include <cstdint>
#include <cstring>

namespace lastmile {

/// Hashes 5-tuples. A value; copy one to each worker. Words are taken as they stand in the packet.
class FlowHash {
 public:
  /// Routers in a row should have different seeds.
  explicit constexpr FlowHash(std::uint64_t seed)
      : first_(spread(seed)), second_(spread(seed + kGolden)) {}

  /// `ports`: the 4 bytes of source and destination port, 0 where there are none.
  [[nodiscard]] std::uint32_t ipv4(std::uint32_t source, std::uint32_t destination,
                                   std::uint8_t protocol, std::uint32_t ports) const {
    // In this order both are one load from the header.
    const std::uint64_t addresses = std::uint64_t{destination} << 32 | source;
    return finish(fold(addresses ^ first_, tail(protocol, ports) ^ second_));
  }

  /// `addresses`: the 32 bytes of source and destination as they stand in the IPv6 header.
  [[nodiscard]] std::uint32_t ipv6(const std::uint8_t* addresses, std::uint8_t protocol,
                                   std::uint32_t ports) const {
    std::uint64_t word[4];
    std::memcpy(word, addresses, sizeof word);
    const std::uint64_t source = fold(word[0] ^ first_, word[1] ^ second_);
    const std::uint64_t destination = fold(word[2] ^ second_, word[3] ^ first_ ^ kGolden);
    return finish(fold(source ^ first_, destination ^ second_ ^ tail(protocol, ports)));
  }

  /// From a NIC's own 5-tuple hash: mixes in the seed, for NICs of one model share a key.
  [[nodiscard]] std::uint32_t nic(std::uint32_t rss_hash) const {
    return finish(fold(rss_hash ^ first_, second_));
  }

 private:
  static constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio
  __extension__ using Product = unsigned __int128;

  static constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const Product product = static_cast<Product>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  // Finalizer of splitmix64: seeds that differ in one bit give unrelated keys. Odd, so never zero.
  static constexpr std::uint64_t spread(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return (x ^ (x >> 31)) | 1;
  }
  static constexpr std::uint64_t tail(std::uint8_t protocol, std::uint32_t ports) {
    return std::uint64_t{ports} << 8 | protocol;
  }
  [[nodiscard]] std::uint32_t finish(std::uint64_t x) const {
    return static_cast<std::uint32_t>(fold(x ^ kGolden, first_) >> 16);
  }

  std::uint64_t first_;
  std::uint64_t second_;
};

}  // namespace lastmile
