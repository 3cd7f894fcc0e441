#include "dataplane/segments/segment_queue.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "dataplane/net/headers.h"
#include "dataplane/worker/port.h"

namespace lastmile {
namespace {

using segments::Frame;
using segments::MergePlan;
using segments::Run;
using segments::VirtioHeader;

/// The kernel looks at nothing and does nothing for such a frame.
constexpr VirtioHeader kAsItIs{};

iovec piece(const void* data, std::size_t length) {
  // sendmmsg() only reads.
  return {const_cast<void*>(data), length};
}

}  // namespace

SegmentQueue::SegmentQueue(int socket, const SegmentRing& ring, rte_mempool& pool)
    : socket_(socket), ring_(ring), pool_(pool) {
  messages_.fill({});
}

tpacket2_hdr& SegmentQueue::frame() const {
  return *reinterpret_cast<tpacket2_hdr*>(ring_.memory +
                                          std::size_t{next_frame_} * ring_.frame_size);
}

bool SegmentQueue::begin_frame() {
  for (;;) {
    tpacket2_hdr& header = frame();
    const std::uint32_t status = std::atomic_ref{header.tp_status}.load(std::memory_order_acquire);
    if ((status & TP_STATUS_USER) == 0) return false;
    const std::uint8_t* const data = reinterpret_cast<const std::uint8_t*>(&header) + header.tp_mac;
    VirtioHeader virtio;
    std::memcpy(&virtio, data - sizeof virtio, sizeof virtio);
    const bool is_whole = header.tp_snaplen == header.tp_len;
    const bool is_tagged = (status & TP_STATUS_VLAN_VALID) != 0;
    const std::size_t room = std::size_t{rte_pktmbuf_data_room_size(&pool_)} - RTE_PKTMBUF_HEADROOM;
    if (is_whole && !is_tagged && splitter_.begin(virtio, {data, header.tp_snaplen}) &&
        splitter_.longest() <= room) {
      return true;
    }
    ++refused_;
    splitter_ = {};  // it may have begun, with packets that are longer than a buffer
    end_frame();
  }
}

void SegmentQueue::end_frame() {
  std::atomic_ref{frame().tp_status}.store(TP_STATUS_KERNEL, std::memory_order_release);
  if (++next_frame_ == ring_.frame_count) next_frame_ = 0;
}

unsigned SegmentQueue::receive(std::span<rte_mbuf*> room) {
  unsigned count = 0;
  while (count < room.size()) {
    if (splitter_.left() == 0 && !begin_frame()) break;
    const auto packets = static_cast<unsigned>(std::min(room.size() - count, splitter_.left()));
    if (rte_pktmbuf_alloc_bulk(&pool_, room.data() + count, packets) != 0) break;
    for (unsigned i = 0; i < packets; ++i) {
      rte_mbuf& packet = *room[count++];
      packet.pkt_len = static_cast<std::uint32_t>(splitter_.next_length());
      packet.data_len = static_cast<std::uint16_t>(packet.pkt_len);
      packet.port = kHostSegments.value();
      splitter_.write_next(rte_pktmbuf_mtod(&packet, std::uint8_t*));
    }
    if (splitter_.left() == 0) end_frame();
  }
  return count;
}

unsigned SegmentQueue::send(std::span<rte_mbuf*> packets) {
  unsigned sent = 0;
  while (sent < packets.size()) {
    const std::size_t burst = std::min<std::size_t>(packets.size() - sent, MergePlan::kCapacity);
    const unsigned taken = send_burst(packets.subspan(sent, burst));
    sent += taken;
    if (taken < burst) break;
  }
  return sent;
}

unsigned SegmentQueue::send_burst(std::span<rte_mbuf*> packets) {
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const rte_mbuf& packet = *packets[i];
    frames_[i] = packet.nb_segs == 1
                     ? Frame{rte_pktmbuf_mtod(&packet, const std::uint8_t*), packet.data_len}
                     : Frame{};
  }
  const std::span<const Run> runs = plan_.make({frames_.data(), packets.size()});
  if (runs.size() < packets.size()) sort(packets);

  unsigned sent = 0;
  for (std::size_t next = 0; next < runs.size();) {
    const std::size_t first = next;
    message_count_ = piece_count_ = 0;
    while (next < runs.size() &&
           add_message(packets.subspan(runs[next].first, runs[next].count), runs[next])) {
      ++next;
    }
    const unsigned taken = send_messages();
    for (unsigned i = 0; i < taken; ++i) sent += runs[first + i].count;
    if (taken == 0 || taken < next - first) break;
  }
  rte_pktmbuf_free_bulk(packets.data(), sent);
  return sent;
}

/// Puts the packets in the plan's order.
void SegmentQueue::sort(std::span<rte_mbuf*> packets) const {
  std::array<rte_mbuf*, MergePlan::kCapacity> sorted;
  const auto order = plan_.order();
  for (std::size_t i = 0; i < order.size(); ++i) sorted[i] = packets[order[i]];
  std::copy_n(sorted.begin(), order.size(), packets.begin());
}

/// False if there is no room for it before others have gone.
bool SegmentQueue::add_message(std::span<rte_mbuf* const> packets, const Run& run) {
  const std::size_t needed = 1 + (run.count == 1 ? packets[0]->nb_segs : run.count);
  if (piece_count_ + needed > kPieces) return false;
  iovec* const pieces = pieces_.data() + piece_count_;
  if (run.count == 1) {
    pieces[0] = piece(&kAsItIs, sizeof kAsItIs);
    std::size_t i = 1;
    for (const rte_mbuf* part = packets[0]; part != nullptr; part = part->next) {
      pieces[i++] = piece(rte_pktmbuf_mtod(part, const void*), part->data_len);
    }
  } else {
    segments::SegmentHeader& header = headers_[message_count_];
    segments::write_header(plan_.head(run), run, header);
    pieces[0] = piece(&header, header.bytes());
    // All have the same headers, and behind a packet may be padding.
    std::size_t left = run.payload;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const std::size_t length = std::min<std::size_t>(left, run.segment_size);
      pieces[1 + i] =
          piece(rte_pktmbuf_mtod(packets[i], const std::uint8_t*) + header.length, length);
      left -= length;
    }
  }
  msghdr& message = messages_[message_count_++].msg_hdr;
  message.msg_iov = pieces;
  message.msg_iovlen = needed;
  piece_count_ += static_cast<unsigned>(needed);
  return true;
}

/// How many messages the kernel took.
unsigned SegmentQueue::send_messages() {
  unsigned sent = 0;
  while (sent < message_count_) {
    const int taken =
        ::sendmmsg(socket_, messages_.data() + sent, message_count_ - sent, MSG_DONTWAIT);
    if (taken <= 0) break;
    sent += static_cast<unsigned>(taken);
  }
  return sent;
}

}  // namespace lastmile
