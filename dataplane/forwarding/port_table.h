// What forwarding knows of a port: its MAC address, its MTU and which side of the router it is on.
//
//   PortTable ports;
//   ports.set(PortId{0}, {.mac = mac, .mtu = 9000, .zone = PortZone::kUplink});
//   if (length > ports.egress(port).mtu) ...                      // a worker
//
// A port is one line here and not a copy in each of its next hops: a change of MTU is one store.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"

namespace lastmile {

/// Which side of the router a port is on. In host mode nothing is forwarded from one uplink to
/// another.
enum class PortZone : std::uint8_t {
  kLocal,   ///< toward what this router serves: the host itself, guests, a LAN
  kUplink,  ///< toward the fabric
};

/// A port as the control plane describes it.
struct PortFacts {
  MacAddress mac;            ///< source address of what leaves the port
  std::uint16_t mtu = 1500;  ///< longest IP packet, in bytes, without the Ethernet header
  PortZone zone = PortZone::kLocal;

  friend bool operator==(const PortFacts&, const PortFacts&) = default;
};

/// The facts of every port, indexed by PortId. A port that was never set has MTU 0.
///
/// Threads: `set` from one thread, the control thread; everything else from any thread. The MAC
/// address must be set before the first next hop of the port and stays for the port's life.
class PortTable {
 public:
  static constexpr unsigned kCapacity = 256;

  /// What a worker asks about the way out, in one load.
  /// Aligned to its size, or the compiler may call a library (with a lock) for the atomic load.
  struct alignas(4) Egress {
    std::uint16_t mtu = 0;
    PortZone zone = PortZone::kLocal;
    std::uint8_t reserved = 0;  // spelled out: an atomic compares every byte
  };

  void set(PortId port, const PortFacts& facts) {
    std::array<std::uint8_t, 8> word{};
    std::memcpy(word.data(), facts.mac.bytes().data(), facts.mac.bytes().size());
    macs_[port.value()].store(std::bit_cast<std::uint64_t>(word), std::memory_order_relaxed);
    egress_[port.value()].store({facts.mtu, facts.zone}, std::memory_order_release);
  }

  [[nodiscard]] Egress egress(PortId port) const {
    return egress_[port.value()].load(std::memory_order_relaxed);
  }

  [[nodiscard]] MacAddress mac(PortId port) const {
    const auto word = std::bit_cast<std::array<std::uint8_t, 8>>(
        macs_[port.value()].load(std::memory_order_relaxed));
    MacAddress::Bytes bytes;
    std::memcpy(bytes.data(), word.data(), bytes.size());
    return MacAddress{bytes};
  }

 private:
  // control: writes; workers: read. Dense, so that the few ports of a server share a cache line.
  alignas(64) std::array<std::atomic<Egress>, kCapacity> egress_{};
  // control: writes; FIB writer: reads when it fills a next hop. Address in wire order, then zeros.
  alignas(64) std::array<std::atomic<std::uint64_t>, kCapacity> macs_{};
};

}  // namespace lastmile
