// What one capture wants, and the rings in which it gets it. No DPDK here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/capture/capture_point.h"
#include "dataplane/capture/packet_filter.h"
#include "dataplane/capture/packet_ring.h"

namespace lastmile {

struct Capture {
  enum class Of : std::uint8_t {
    kTraffic,  ///< received and sent
    kDrops,    ///< dropped, wherever it came from
  };

  Of of = Of::kTraffic;
  CaptureInterfaces interfaces{};                ///< of traffic
  std::uint32_t snap = PacketRing::kMostOctets;  ///< longest copy of a packet
  PacketFilter filter{};

  /// One for each worker; the worker writes, the capture's thread reads. All else is constant while
  /// workers can see it.
  std::vector<std::unique_ptr<PacketRing>> rings{};

  /// Before workers can see it.
  void make_rings(unsigned workers, std::size_t bytes) {
    while (rings.size() < workers) rings.push_back(std::make_unique<PacketRing>(bytes));
  }
  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t sum = 0;
    for (const auto& ring : rings) sum += ring->lost();
    return sum;
  }
};

}  // namespace lastmile
