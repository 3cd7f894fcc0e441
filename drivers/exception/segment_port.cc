#include "drivers/exception/segment_port.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "dataplane/net/headers.h"
#include "drivers/ports/port.h"

namespace lastmile {
namespace {

/// What the kernel puts in front of a frame: its own header, and the virtio header.
constexpr std::uint32_t kInFront =
    TPACKET_ALIGN(TPACKET2_HDRLEN + 16) + sizeof(segments::VirtioHeader);
constexpr std::uint32_t kFrameSize = 16U * 1024;
static_assert(kInFront + kLongestSegment <= kFrameSize);
/// Frames fill blocks, so that all frames lie one behind another.
constexpr std::uint32_t kBlockSize = 1U << 20;
static_assert(kBlockSize % kFrameSize == 0);
constexpr std::uint32_t kBlocks = 16;
constexpr std::size_t kRingBytes = std::size_t{kBlocks} * kBlockSize;

/// Room for what the kernel has not dealt with yet: several bursts of full segments.
constexpr int kSendBuffer = 16 << 20;

tl::unexpected<DriverError> cannot(std::string_view what) {
  const int code = errno;
  return failure(fmt::format("cannot {}: {}", what, std::strerror(code)), code);
}

template <class Value>
bool set_option(const FileDescriptor& socket, int level, int option, const Value& value) {
  return ::setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

}  // namespace

const std::vector<std::string>& segment_offloads() {
  static const std::vector<std::string> offloads{"tx-scatter-gather", "tx-checksum-ip-generic",
                                                 "tx-tcp-segmentation", "tx-tcp-ecn-segmentation",
                                                 "tx-tcp6-segmentation"};
  return offloads;
}

SegmentPort::Socket::~Socket() {
  if (memory != nullptr) ::munmap(memory, kRingBytes);
}

Result<std::unique_ptr<SegmentPort::Socket>> SegmentPort::open_socket(const LinkInfo& link,
                                                                      rte_mempool& pool) {
  auto result = std::make_unique<Socket>();
  // Without a protocol it hears nothing until it is bound.
  result->fd = FileDescriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const FileDescriptor& fd = result->fd;
  if (!fd) return cannot("open a packet socket");
  // The order is the kernel's: what changes the frames' layout comes before the ring.
  const tpacket_req ring{.tp_block_size = kBlockSize,
                         .tp_block_nr = kBlocks,
                         .tp_frame_size = kFrameSize,
                         .tp_frame_nr = kBlocks * (kBlockSize / kFrameSize)};
  if (!set_option(fd, SOL_PACKET, PACKET_VERSION, int{TPACKET_V2}) ||
      !set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1) ||
      !set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) ||
      !set_option(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1) ||
      !set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, kSendBuffer)) {
    return cannot("set up a packet socket for segments");
  }
  if (!set_option(fd, SOL_PACKET, PACKET_RX_RING, ring)) {
    return cannot(fmt::format("get a receive ring of {} MB from the kernel", kRingBytes >> 20));
  }
  void* const memory = ::mmap(nullptr, kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return cannot("map a packet socket's ring");
  result->memory = static_cast<std::uint8_t*>(memory);

  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = raw16(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(link.index);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return cannot("bind a packet socket");
  }
  result->queue = std::make_unique<SegmentQueue>(
      fd.get(),
      SegmentRing{
          .memory = result->memory, .frame_size = kFrameSize, .frame_count = ring.tp_frame_nr},
      pool);
  return result;
}

/// One group of all sockets; its number is the kernel's choice, for the first of them.
Result<void> SegmentPort::share_by_flow() {
  unsigned group = (PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
  for (const auto& socket : sockets_) {
    if (!set_option(socket->fd, SOL_PACKET, PACKET_FANOUT, group)) {
      return cannot("share an interface between packet sockets");
    }
    socklen_t size = sizeof group;
    if (::getsockopt(socket->fd.get(), SOL_PACKET, PACKET_FANOUT, &group, &size) != 0) {
      return cannot("ask for a packet socket's group");
    }
  }
  return {};
}

Result<SegmentPort> SegmentPort::open(const SegmentPortOptions& options, const LinkInfo& link,
                                      PacketPools& pools) {
  const auto refuse = [&](const DriverError& error) {
    return failure(fmt::format("port {}: {}", options.name, error.message), error.code);
  };
  PortOptions sizes;
  sizes.name = options.name;
  sizes.mtu = options.mtu;
  sizes.rx_queues = sizes.tx_queues = options.queues;
  sizes.spare_buffers = options.spare_buffers;
  const auto pool = Port::make_pool(sizes, pools);
  if (!pool) return refuse(pool.error());
  auto netlink = Netlink::open();
  if (!netlink) return refuse(netlink.error());
  // A socket that is bound to an interface that is down keeps that as an error for its first call.
  if (auto up = change_link(*netlink, link, {.set_flags = IFF_UP}); !up) return refuse(up.error());

  SegmentPort port(link.mac, options.mtu);
  for (unsigned i = 0; i < options.queues; ++i) {
    auto socket = open_socket(link, **pool);
    if (!socket) return refuse(socket.error());
    port.sockets_.push_back(std::move(*socket));
  }
  if (options.queues > 1) {
    if (auto shared = port.share_by_flow(); !shared) return refuse(shared.error());
  }
  return port;
}

}  // namespace lastmile
