// What a worker knows of its ports: values that drivers/ fills in when it has opened the devices.
// No DPDK types here; `device` numbers are DPDK's ethdev identifiers.
//
//         wire                            kernel
//          │                                │
//   ┌──────┴──────┐   punt ───────>   ┌─────┴──────┐
//   │ port device │                   │    twin    │    one pair for each port
//   └─────────────┘   <─────── inject └────────────┘
//                                     ┌────────────┐
//       FIB pipeline <───────────────>│    lm0     │    the machine's own programs
//                                     └────────────┘
//
// Twins and lm0 are kernel interfaces, each with an ethdev of its own as its other end (lm0 may
// have SegmentQueues instead).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/forwarding/port_table.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"
#include "dataplane/net/vlan.h"
#include "dataplane/worker/admission.h"
#include "dataplane/worker/device_slot.h"

namespace lastmile {

class SegmentQueue;      // dataplane/segments
class TransmitHandover;  // dataplane/pipeline

/// Port numbers are below this. DPDK (as built by distributions) has 32 ethdevs; each device, each
/// port's twin and the host interface take one of them.
inline constexpr unsigned kMaxPorts = 32;

/// The host interface, where no ethdev is its other end but a SegmentQueue for each worker; packets
/// from there bear it as theirs.
inline constexpr DeviceId kHostSegments{0xfffe};

/// What a device tells of an outer VLAN tag.
enum class OuterTag : std::uint8_t {
  kTold,     ///< the tag as it was sent
  kAnyVlan,  ///< the VLAN's number; the tag may have been 802.1Q or 802.1ad (net_af_packet)
};

/// The part of a port that one worker owns: the queues named here are used by this worker alone.
/// What all workers ask about the way out (MTU, zone) is in PortTable (dataplane/forwarding).
struct WorkerPort {
  PortId id{};
  DeviceId device = kNoDevice;
  /// Set where the device may be exchanged while the worker runs: then what is in it counts, and
  /// `device` is what it began with. One for all workers and for all ports of the device.
  std::shared_ptr<const DeviceSlot> slot{};
  DeviceId twin = kNoDevice;  ///< kernel interface with the same MAC; kNoDevice: nothing is punted
  MacAddress mac{};
  PortZone zone = PortZone::kUplink;
  /// Ports of several VLANs share a device: one of them names its receive queues, the others none.
  VlanTags vlan{};
  OuterTag outer_tag = OuterTag::kTold;
  Admission admission{};

  std::vector<std::uint16_t> receive_queues{0};
  /// Where the NIC puts what must not wait behind a flood: BFD, BGP, neighbor discovery. Polled
  /// before the ordinary queues of any port.
  std::vector<std::uint16_t> priority_queues{};
  std::uint16_t transmit_queue = 0;
  /// What the kernel sends on the twin is received by one worker: empty for all others.
  std::vector<std::uint16_t> twin_receive_queues{0};
  std::uint16_t twin_transmit_queue = 0;
  /// Set where the device has no transmit queue for this worker: another worker sends for it.
  std::shared_ptr<TransmitHandover> transmit_through{};
  std::shared_ptr<TransmitHandover> twin_transmit_through{};
  /// The worker that runs the BFD sessions of the port; the same for all workers.
  WorkerId bfd_owner{};
};

/// The host interface (lm0). Frames from it are packets of the machine's own programs and enter the
/// FIB pipeline, whatever their destination MAC; packets for local addresses go to it.
struct WorkerHost {
  DeviceId device = kNoDevice;
  /// With kHostSegments: this worker's, which outlives it.
  SegmentQueue* segments = nullptr;
  MacAddress mac{};         ///< of the kernel interface: destination of what the worker sends there
  MacAddress router_mac{};  ///< of our end: source of what the worker sends there
  std::uint16_t mtu = 1500;  ///< longest packet that the kernel takes there
  /// Whom ICMP errors come from. Without one of a family, none of it are sent.
  std::optional<Ipv4Address> own_ipv4{};
  std::optional<Ipv6Address> own_ipv6{};

  std::vector<std::uint16_t> receive_queues{0};
  std::uint16_t transmit_queue = 0;
  std::shared_ptr<TransmitHandover> transmit_through{};  ///< as of a port
};

}  // namespace lastmile
