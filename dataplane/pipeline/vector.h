// A vector of packets on its way through the pipeline, as arrays: each stage reads and writes only
// the columns it needs, and the packets that go on stay at the front.
//
//   packets       headers        destinations   groups    hashes    next_hops
//   classify ──────────────────> validate ────> lookup ─> select ─────────────> rewrite
//
// A column is valid up to `count` once its stage has run. One worker; lives as long as it does.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/net/headers.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"
#include "dataplane/worker/admission.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/port.h"

namespace lastmile {

/// Most packets in a vector.
inline constexpr unsigned kVectorSize = 256;

template <class Destination>
struct PacketVector {
  unsigned count = 0;
  alignas(64) std::array<rte_mbuf*, kVectorSize> packets;
  alignas(64) std::array<std::uint8_t*, kVectorSize> headers;  ///< IP headers; Ethernet lies before
  alignas(64) std::array<Destination, kVectorSize> destinations;
  alignas(64) std::array<std::uint16_t, kVectorSize> groups;  ///< GroupId values, as the FIB gives
  alignas(64) std::array<std::uint32_t, kVectorSize> hashes;
  alignas(64) std::array<NextHopId, kVectorSize> next_hops;

  void append(rte_mbuf* packet, std::uint8_t* header) {
    packets[count] = packet;
    headers[count] = header;
    ++count;
  }
};

/// Destinations in host byte order.
using Ipv4Vector = PacketVector<std::uint32_t>;
using Ipv6Vector = PacketVector<Ipv6Address>;

/// Where a vector came in, and what follows from it for all its packets.
struct Ingress {
  /// First 8 bytes of a frame, masked, that is for us.
  std::uint64_t station = 0;
  std::uint64_t station_mask = 0;    ///< 0: whatever its destination MAC
  const WorkerPort* port = nullptr;  ///< nullptr: the host interface
  InterfaceCounters* counters = nullptr;
  /// Taken off the TTL or hop limit. The machine's own programs are not a hop away (RFC 1812
  /// 5.3.1: what a router sends itself isn't forwarded).
  std::uint8_t hop_cost = 1;
  /// The zone that packets from here must not leave to, as a number; kNoZone: they may go anywhere.
  std::uint8_t refused_zone = kNoZone;
  /// What the port asks of sources; asks nothing for the host interface.
  Admission admission{};

  static constexpr std::uint8_t kNoZone = 0xff;

  [[nodiscard]] bool is_host() const { return port == nullptr; }
  /// An uplink in host mode.
  [[nodiscard]] bool is_guarded() const { return refused_zone != kNoZone; }
  [[nodiscard]] bool is_for_us(const std::uint8_t* frame) const {
    return ((load_raw<std::uint64_t>(frame) ^ station) & station_mask) == 0;
  }
};

}  // namespace lastmile
