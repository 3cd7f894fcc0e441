// A kernel interface whose other side is a DPDK device: what twins and the host interface are made
// of. (The host interface may have a SegmentPort there instead.)
//
//     kernel: lm-up1 ──────── veth pair ──────── far end, in a private namespace
//     (addresses, TCP, ARP, ND)                  read and written by net_af_packet
//
// Why a veth pair and not DPDK's net_tap: net_tap takes no MTU above 1504 through ethdev and drops
// longer frames (fabric links carry 9000); it costs a system call for each packet each way, and
// asks the kernel for a signal to the process on each packet. Over a pair, frames come through a
// shared ring (polling it touches memory only, an idle pair costs nothing) and go with one system
// call for a burst. The kernel sees a carrier that we control.
//
// Nothing survives the process: the far end lives in a namespace that only we hold, so the kernel
// takes the pair apart even after a kill -9. It does so a little later, in the background; a start
// in between finds the interface, knows it by its alias, and removes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "drivers/exception/segment_port.h"
#include "drivers/kernel/link.h"
#include "drivers/kernel/private_namespace.h"
#include "drivers/ports/packet_pools.h"
#include "drivers/ports/port.h"

namespace lastmile {

/// What the kernel gives and takes at the far end.
enum class FarEnd : std::uint8_t {
  kPackets,   ///< a DPDK device (net_af_packet): packets as they go over a wire
  kSegments,  ///< a SegmentPort: packets, and TCP segments of many packets
};

struct KernelPairOptions {
  std::string interface;  ///< name of the kernel's end, at most kMaxInterfaceName long
  MacAddress mac;         ///< of the kernel's end
  std::uint16_t mtu = 1500;
  std::uint16_t queues = 1;  ///< receive and transmit queues of the far end
  FarEnd far_end = FarEnd::kPackets;
  std::uint32_t spare_buffers = PortOptions{}.spare_buffers;  ///< as PortOptions has it
};

/// Owns both ends. Control thread only; the far end may be polled by workers once started.
class KernelPair {
 public:
  /// The kernel's end is down and has no address; the far end is started. What the kernel sends is
  /// left to the far end (checksums, cutting) as far as that can do it.
  [[nodiscard]] static Result<KernelPair> create(const KernelPairOptions& options,
                                                 const PrivateNamespace& far_side,
                                                 PacketPools& pools);

  KernelPair(KernelPair&& other) noexcept = default;
  KernelPair& operator=(KernelPair&& other) noexcept = default;
  KernelPair(const KernelPair&) = delete;
  KernelPair& operator=(const KernelPair&) = delete;
  ~KernelPair() = default;

  /// The kernel's end.
  [[nodiscard]] const LinkInfo& interface() const { return kernel_->link; }
  /// The DPDK side: what is received here the kernel sent, what is sent here the kernel receives.
  /// FarEnd::kPackets only.
  [[nodiscard]] const Port& port() const { return *port_; }
  /// nullptr with FarEnd::kPackets.
  [[nodiscard]] const SegmentPort* segments() const { return segments_.get(); }
  /// Netlink socket of the kernel's side.
  [[nodiscard]] Netlink& netlink() { return kernel_->netlink; }

  /// Gives the kernel's end carrier, or takes it: routes and neighbors on it follow at once.
  [[nodiscard]] Result<void> set_carrier(Link link);

 private:
  // Deletes the interface, and with it the far end.
  struct KernelEnd {
    KernelEnd(Netlink socket, LinkInfo info) : netlink(std::move(socket)), link(std::move(info)) {}
    KernelEnd(const KernelEnd&) = delete;
    KernelEnd& operator=(const KernelEnd&) = delete;
    ~KernelEnd();
    Netlink netlink;
    LinkInfo link;
  };

  KernelPair(std::unique_ptr<KernelEnd> kernel, Netlink far_netlink, LinkInfo far_link)
      : kernel_(std::move(kernel)),
        far_netlink_(std::move(far_netlink)),
        far_link_(std::move(far_link)) {}

  std::unique_ptr<KernelEnd> kernel_;
  Netlink far_netlink_;  // of the private namespace
  LinkInfo far_link_;
  // One of them; closed before the interface goes.
  std::unique_ptr<Port> port_;
  std::unique_ptr<SegmentPort> segments_;
};

}  // namespace lastmile
