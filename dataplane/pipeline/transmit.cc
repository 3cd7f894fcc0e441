#include "dataplane/pipeline/transmit.h"

#include "dataplane/pipeline/send_burst.h"
#include "dataplane/pipeline/transmit_handover.h"
#include "dataplane/pipeline/vlan_tags.h"
#include "dataplane/segments/segment_queue.h"

namespace lastmile {

unsigned TransmitBuffer::send(std::span<rte_mbuf*> packets) {
  if (to_.through != nullptr) [[unlikely]]
    return static_cast<unsigned>(to_.through->give(packets));
  if (to_.segments != nullptr) return to_.segments->send(packets);
  return send_burst(current_device(to_.device, to_.slot), to_.queue, packets);
}

void TransmitBuffer::count_sent(std::uint64_t packets, std::uint64_t bytes) {
  if (packets_sent_ != nullptr) packets_sent_->add(packets);
  if (bytes_sent_ != nullptr) bytes_sent_->add(bytes);
}

void TransmitBuffer::drop(std::span<rte_mbuf*> packets, DropReason reason) {
  tap_->dropped(packets, reason);
  counters_->drops[static_cast<std::size_t>(reason)].add(packets.size());
  rte_pktmbuf_free_bulk(packets.data(), static_cast<unsigned>(packets.size()));
}

void TransmitBuffer::drop_from(unsigned first, DropReason reason) {
  for (unsigned i = first; i < count_; ++i) bytes_ -= packets_[i]->pkt_len;
  drop({packets_.data() + first, count_ - first}, reason);
  count_ = first;
}

void TransmitBuffer::flush() {
  if (urgent_count_ != 0) [[unlikely]]
    flush_urgent();
  if (count_ == 0) return;
  if (to_.seen_as) tap_->sent(*to_.seen_as, {packets_.data(), count_});
  if (!to_.vlan.empty()) add_tags();
  const unsigned sent = send({packets_.data(), count_});
  if (sent < count_) [[unlikely]]
    drop_from(sent, full_);
  count_sent(sent, bytes_);
  count_ = 0;
  bytes_ = 0;
}

void TransmitBuffer::add_tags() {
  const unsigned tagged = push_tags({packets_.data(), count_}, to_.vlan);
  bytes_ += std::uint64_t{tagged} * to_.vlan.size();
  if (tagged < count_) [[unlikely]]
    drop_from(tagged, DropReason::kVlanNoRoom);
}

void TransmitBuffer::append_urgent(rte_mbuf* packet, std::uint64_t now) {
  if (to_.seen_as) tap_->sent(*to_.seen_as, {&packet, 1});
  // Tags go on now: what the device does not take is offered again as it is.
  if (!to_.vlan.empty() && push_tags({&packet, 1}, to_.vlan) == 0) {
    return drop({&packet, 1}, DropReason::kVlanNoRoom);
  }
  if (urgent_count_ == kUrgent) flush_urgent();
  if (urgent_count_ == kUrgent) return drop({&packet, 1}, full_);
  if (urgent_count_ == 0) urgent_since_ = now;
  urgent_[urgent_count_++] = packet;
}

void TransmitBuffer::flush_urgent() {
  const std::span<rte_mbuf*> packets{urgent_.data(), urgent_count_};
  // Theirs is counted before they go: a packet that is sent is not ours any more.
  std::array<std::uint16_t, kUrgent> lengths;
  for (unsigned i = 0; i < urgent_count_; ++i) {
    lengths[i] = static_cast<std::uint16_t>(packets[i]->pkt_len);
  }
  const unsigned sent = send(packets);
  if (sent == 0) return;
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < sent; ++i) bytes += lengths[i];
  count_sent(sent, bytes);
  std::copy(packets.begin() + sent, packets.end(), packets.begin());
  urgent_count_ -= sent;
  urgent_since_ = 0;
}

void TransmitBuffer::give_up_urgent(std::uint64_t now, std::uint64_t patience) {
  if (urgent_since_ == 0) urgent_since_ = now;  // some were taken since the last look
  if (now - urgent_since_ <= patience) return;
  drop({urgent_.data(), urgent_count_}, full_);
  urgent_count_ = 0;
}

void TransmitBuffer::discard() {
  rte_pktmbuf_free_bulk(packets_.data(), count_);
  rte_pktmbuf_free_bulk(urgent_.data(), urgent_count_);
  count_ = 0;
  urgent_count_ = 0;
  bytes_ = 0;
}

}  // namespace lastmile
