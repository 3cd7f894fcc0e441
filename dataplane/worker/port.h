// What a worker knows of its ports: values that drivers/ fills in when it has opened the devices.
// No DPDK types here; `device` numbers are DPDK's ethdev identifiers.
//
//         wire                            kernel
//          │                                │
//   ┌──────┴──────┐   punt ───────>   ┌─────┴──────┐
//   │ port device │                   │ twin (TAP) │    one pair for each port
//   └─────────────┘   <─────── inject └────────────┘
//                                     ┌────────────┐
//       FIB pipeline <───────────────>│ lm0  (TAP) │    the machine's own programs
//                                     └────────────┘
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/forwarding/port_table.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"

namespace lastmile {

/// DPDK (as built by distributions) has 32 ethdevs, and each port may take two of them.
inline constexpr unsigned kMaxPorts = 32;

/// An ethdev identifier; kNoDevice where there is none.
using DeviceId = StrongId<struct DeviceTag, std::uint16_t>;
inline constexpr DeviceId kNoDevice{0xffff};

/// The part of a port that one worker owns: the queues named here are used by this worker alone.
/// What all workers ask about the way out (MTU, zone) is in PortTable (dataplane/forwarding).
struct WorkerPort {
  PortId id{};
  DeviceId device = kNoDevice;
  DeviceId twin = kNoDevice;  ///< the kernel TAP with the same MAC; kNoDevice: nothing is punted
  MacAddress mac{};
  PortZone zone = PortZone::kUplink;

  std::vector<std::uint16_t> receive_queues{0};
  /// Where the NIC puts what must not wait behind a flood: BFD, BGP, neighbor discovery. Polled
  /// before the ordinary queues of any port.
  std::vector<std::uint16_t> priority_queues{};
  std::uint16_t transmit_queue = 0;
  /// What the kernel sends on the twin is received by one worker: empty for all others.
  std::vector<std::uint16_t> twin_receive_queues{0};
  std::uint16_t twin_transmit_queue = 0;
};

/// The host interface (lm0). Frames from it are packets of the machine's own programs and enter the
/// FIB pipeline, whatever their destination MAC; packets for local addresses go to it.
struct WorkerHost {
  DeviceId device = kNoDevice;
  MacAddress mac{};         ///< of the kernel interface: destination of what the worker sends there
  MacAddress router_mac{};  ///< of our end: source of what the worker sends there

  std::vector<std::uint16_t> receive_queues{0};
  std::uint16_t transmit_queue = 0;
};

}  // namespace lastmile
