// Ethernet devices whose wire is in the test's hands: DPDK's ring driver, with the far end of both
// rings open.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/worker/port.h"
#include "tests/support/packet_builder.h"

struct rte_ring;

namespace lastmile::test {

/// Starts DPDK once for the test program, on ordinary memory and without devices. Aborts the
/// program if that fails.
void start_eal();

/// Buffers for all tests of the program.
rte_mempool* packet_pool();
/// Buffers in use: what a test hasn't given back, it or the code under test has lost.
unsigned buffers_in_use();

/// A buffer with this frame; `segment_size`: split it into a chain of segments of that size.
rte_mbuf* make_mbuf(const Bytes& frame, std::size_t segment_size = 0);
Bytes to_bytes(const rte_mbuf* packet);

/// Lives as long as the program (ring devices can't be made and removed at will).
class TestDevice {
 public:
  static constexpr unsigned kRingSize = 1024;  ///< holds one less

  explicit TestDevice(const std::string& name);

  [[nodiscard]] DeviceId id() const { return DeviceId{port_}; }

  /// Something arrives from the wire.
  void receive(const Bytes& frame) { receive(make_mbuf(frame)); }
  void receive(rte_mbuf* packet);
  /// Takes what has been transmitted.
  std::vector<Bytes> take_sent();
  /// Fills the transmit ring until only `room` packets fit.
  void leave_room(unsigned room);
  /// Frees what is in both rings.
  void clear();

 private:
  rte_ring* from_wire_;
  rte_ring* to_wire_;
  std::uint16_t port_;
};

}  // namespace lastmile::test
