// What stands at the far end of the host interface's pair in place of a DPDK device, so that the
// kernel gives and takes TCP segments of tens of kilobytes: packet sockets with PACKET_VNET_HDR, of
// which each worker has one (dataplane/segments/segment_queue.h).
//
// DPDK's af_packet driver gives the kernel a packet of 1500 bytes at a time, and the kernel walks
// through its whole receiving stack for each of them. No driver of DPDK's reads or writes virtio
// headers on a kernel interface (net_tap does not; virtio_user over vhost-net does, where the
// kernel has vhost-net).
//
// Why packet sockets and not a TAP device with IFF_VNET_HDR: the veth pair stays, and with it all
// that kernel_pair.h says of its life and carrier; and a worker learns that there is nothing to
// receive by a look at shared memory, where a TAP would cost a system call for each poll.
//
// The price is memory of the kernel's: its ring has frames of one size, and each must hold the
// longest segment. So segments from the kernel are kept shorter than they could be: with 16 KB a
// stream is as fast as with 32 KB, as far as that can be measured (docs/performance.md), and 1024
// frames, for programs that send many small packets at once, are 16 MB for each worker. Those to
// the kernel have up to 64 KB.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/net/file_descriptor.h"
#include "dataplane/net/mac.h"
#include "dataplane/segments/segment_queue.h"
#include "drivers/driver_error.h"
#include "drivers/kernel/link.h"
#include "drivers/ports/packet_pools.h"
#include "drivers/ports/port.h"

namespace lastmile {

/// The interface's offloads that a SegmentPort can do: by the kernel's names.
[[nodiscard]] const std::vector<std::string>& segment_offloads();
/// Longest frame that the kernel may give it (IFLA_GSO_MAX_SIZE).
inline constexpr std::uint32_t kLongestSegment = 16U * 1024 - 128;

struct SegmentPortOptions {
  std::string name;  ///< of the host interface; stands in every error
  std::uint16_t mtu = 1500;
  std::uint16_t queues = 1;
  std::uint32_t spare_buffers = PortOptions{}.spare_buffers;  ///< as PortOptions has it
};

/// Control thread only; its queues are the workers'.
class SegmentPort {
 public:
  /// Opens `queues` sockets on an interface of the network namespace that the thread is in, which
  /// share what it receives by flow, and sets it up. `pools` outlives the port.
  [[nodiscard]] static Result<SegmentPort> open(const SegmentPortOptions& options,
                                                const LinkInfo& link, PacketPools& pools);

  /// Of the interface: source of what workers send to the kernel.
  [[nodiscard]] const MacAddress& mac() const { return mac_; }
  [[nodiscard]] std::uint16_t mtu() const { return mtu_; }
  [[nodiscard]] SegmentQueue& queue(unsigned worker) const { return *sockets_[worker]->queue; }

 private:
  /// The socket of a queue, and its ring.
  struct Socket {
    Socket() = default;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket();

    FileDescriptor fd;
    std::uint8_t* memory = nullptr;  // of the ring
    std::unique_ptr<SegmentQueue> queue;
  };
  SegmentPort(const MacAddress& mac, std::uint16_t mtu) : mac_(mac), mtu_(mtu) {}
  [[nodiscard]] static Result<std::unique_ptr<Socket>> open_socket(const LinkInfo& link,
                                                                   rte_mempool& pool);
  [[nodiscard]] Result<void> share_by_flow();

  MacAddress mac_;
  std::uint16_t mtu_;
  std::vector<std::unique_ptr<Socket>> sockets_;
};

}  // namespace lastmile
