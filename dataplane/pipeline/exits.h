// The ways out of the pipeline that one worker has: ports, their kernel twins, the host interface,
// and the floor. Rare packets go through here one at a time; the rewrite stage appends to the
// ports' buffers itself.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/forwarding/port_table.h"
#include "dataplane/pipeline/punt_class.h"
#include "dataplane/pipeline/punt_policer.h"
#include "dataplane/pipeline/transmit.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/port.h"

namespace lastmile {

/// How long urgent packets wait for a device that takes none. BFD that is older says nothing any
/// more, and TCP repeats what it is missing.
inline constexpr std::chrono::microseconds kUrgentPatience{5000};

/// Who uses it: one worker. Owns the packets that wait in its buffers.
class Exits {
 public:
  Exits(std::span<const WorkerPort> ports, const WorkerHost& host, std::uint64_t cycles_per_second,
        WorkerCounters& counters, CaptureTap& tap);
  ~Exits();
  Exits(const Exits&) = delete;
  Exits& operator=(const Exits&) = delete;

  /// Drops the packet.
  void drop(rte_mbuf* packet, DropReason reason) {
    count(packet, reason);
    rte_pktmbuf_free(packet);
  }
  /// A packet is dropped, whose buffer goes on to be something else.
  void count(const rte_mbuf* packet, DropReason reason) {
    tap_.dropped(packet, reason);
    counters_.drops[static_cast<std::size_t>(reason)].add(1);
  }

  /// A packet for the kernel: where it came in, its class, and the cycle counter.
  struct Punt {
    const Ingress& ingress;
    PuntClass punt_class;
    std::uint64_t now;
  };

  /// Gives a frame, as it is, to the kernel twin of the port that it came in by (which is not the
  /// host interface), within the rate of its class there.
  void punt(rte_mbuf* packet, const Punt& punt);

  /// Gives an IP packet to the machine's own programs, within the rate of its class, through the
  /// host interface or through the kernel twin of a port. The packet may have come in anywhere: it
  /// gets the Ethernet header that the kernel expects there. `header`: the packet's IP header;
  /// `ethertype` in network byte order.
  void deliver_to_host(rte_mbuf* packet, std::uint8_t* header, std::uint16_t ethertype,
                       const Punt& punt);
  void deliver_to_twin(rte_mbuf* packet, std::uint8_t* header, std::uint16_t ethertype, PortId port,
                       const Punt& punt);

  /// The buffer of a port; of nowhere (drops as no-such-port) for a port the worker doesn't have.
  [[nodiscard]] TransmitBuffer& port(PortId id) { return *by_port_[id.value()]; }
  [[nodiscard]] bool has_port(PortId id) const {
    return id.value() < by_port_.size() && by_port_[id.value()] != &nowhere_;
  }

  /// Longest packet that the host interface takes.
  [[nodiscard]] unsigned host_mtu() const { return host_mtu_; }

  /// Sends everything that waits. `now`: cycle counter.
  void flush(std::uint64_t now);

 private:
  /// A kernel interface: the MAC addresses of a frame to it, and what waits to go there.
  struct Exception {
    MacAddress kernel_mac;
    MacAddress router_mac;
    TransmitBuffer buffer;
  };
  bool admit(rte_mbuf* packet, const Punt& punt);
  void deliver(Exception& exception, rte_mbuf* packet, std::uint8_t* header,
               std::uint16_t ethertype, const Punt& punt);
  [[nodiscard]] Exception* twin(PortId port) const {
    return port.value() < twin_by_port_.size() ? twin_by_port_[port.value()] : nullptr;
  }

  WorkerCounters& counters_;
  CaptureTap& tap_;
  PuntPolicer policer_;
  const std::uint64_t urgent_patience_;  // cycles
  const unsigned host_mtu_;
  TransmitBuffer nowhere_;
  std::vector<std::unique_ptr<TransmitBuffer>> ports_;
  std::vector<std::unique_ptr<Exception>> twins_;
  std::array<TransmitBuffer*, PortTable::kCapacity> by_port_{};
  std::array<Exception*, PortTable::kCapacity> twin_by_port_{};  // nullptr: no twin
  std::unique_ptr<Exception> host_;                              // nullptr: no host interface
};

}  // namespace lastmile
