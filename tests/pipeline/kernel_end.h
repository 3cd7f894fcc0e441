// The host interface by segments, with a test in the place of the kernel: a ring in ordinary
// memory, and a socket of which the other end is open.
#pragma once

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "dataplane/segments/segment_queue.h"
#include "tests/pipeline/test_device.h"

namespace lastmile::test {

/// One worker's queue, and what the kernel does with it.
class KernelEnd {
 public:
  static constexpr std::uint32_t kFrames = 4;

  KernelEnd() : ring_(std::size_t{kFrames} * kFrameSize / sizeof(std::uint64_t)) {
    if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets_) != 0) throw std::bad_alloc{};
    // One message fits, and then no other.
    const int least = 1;
    ::setsockopt(sockets_[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    const timeval patience{.tv_sec = 0, .tv_usec = 1};
    ::setsockopt(sockets_[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    queue = std::make_unique<SegmentQueue>(
        sockets_[0],
        SegmentRing{.memory = reinterpret_cast<std::uint8_t*>(ring_.data()),
                    .frame_size = kFrameSize,
                    .frame_count = kFrames},
        *packet_pool());
  }
  ~KernelEnd() {
    for (const int socket : sockets_) ::close(socket);
  }
  KernelEnd(const KernelEnd&) = delete;
  KernelEnd& operator=(const KernelEnd&) = delete;

  void set_send_buffer(int bytes) {
    ::setsockopt(sockets_[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }

  /// What lies where the next frame will be, which has `size` octets at most, and behind it.
  void fill_next(std::uint8_t octet, std::size_t size) {
    constexpr std::size_t kBehind = 256;
    std::memset(reinterpret_cast<std::uint8_t*>(&slot(next_)) + kMac, octet, size + kBehind);
  }
  /// The kernel sends a frame. False: the ring is full.
  bool send(const segments::VirtioHeader& virtio, const Bytes& frame,
            std::uint32_t status = TP_STATUS_USER) {
    tpacket2_hdr& header = slot(next_);
    if (header.tp_status != TP_STATUS_KERNEL) return false;
    auto* const data = reinterpret_cast<std::uint8_t*>(&header) + kMac;
    std::memcpy(data - sizeof virtio, &virtio, sizeof virtio);
    std::memcpy(data, frame.data(), frame.size());
    header.tp_mac = kMac;
    header.tp_len = header.tp_snaplen = static_cast<std::uint32_t>(frame.size());
    header.tp_status = status;
    next_ = (next_ + 1) % kFrames;
    return true;
  }
  [[nodiscard]] unsigned waiting() {
    unsigned count = 0;
    for (std::uint32_t i = 0; i < kFrames; ++i) count += slot(i).tp_status != TP_STATUS_KERNEL;
    return count;
  }
  tpacket2_hdr& slot(std::uint32_t frame) {
    return *reinterpret_cast<tpacket2_hdr*>(reinterpret_cast<std::uint8_t*>(ring_.data()) +
                                            std::size_t{frame} * kFrameSize);
  }

  struct Taken {
    segments::VirtioHeader virtio;
    Bytes frame;
  };
  /// What the kernel was sent.
  std::vector<Taken> take() {
    std::vector<Taken> taken;
    for (ssize_t size = 0;
         (size = ::recv(sockets_[1], message_.data(), message_.size(), MSG_DONTWAIT)) > 0;) {
      Taken& next = taken.emplace_back();
      std::memcpy(&next.virtio, message_.data(), sizeof next.virtio);
      next.frame.assign(message_.begin() + sizeof next.virtio, message_.begin() + size);
    }
    return taken;
  }

  std::unique_ptr<SegmentQueue> queue;

 private:
  static constexpr std::uint32_t kFrameSize = 72 * 1024;
  static constexpr std::uint16_t kMac = 90;  // where in it the frame begins

  int sockets_[2]{-1, -1};
  std::vector<std::uint64_t> ring_;
  std::uint32_t next_ = 0;
  Bytes message_ = Bytes(70'000);
};

}  // namespace lastmile::test
