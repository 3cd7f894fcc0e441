#include "dataplane/pipeline/transmit.h"

#include <rte_ethdev.h>

#include "dataplane/pipeline/transmit_handover.h"
#include "dataplane/pipeline/vlan_tags.h"

namespace lastmile {

void TransmitBuffer::flush() {
  if (count_ == 0) return;
  if (!vlan_.empty()) add_tags();
  unsigned sent = 0;
  if (through_ != nullptr) [[unlikely]] {
    sent = static_cast<unsigned>(through_->give({packets_.data(), count_}));
  } else if (has_device()) [[likely]] {
    // Drivers may take part of a burst (a ring that wraps, a limit of their own): offer the rest
    // until they take none.
    while (sent < count_) {
      const std::uint16_t taken = rte_eth_tx_burst(device_.value(), queue_, packets_.data() + sent,
                                                   static_cast<std::uint16_t>(count_ - sent));
      if (taken == 0) break;
      sent += taken;
    }
  }
  if (sent < count_) [[unlikely]]
    drop(sent, full_);
  if (packets_sent_ != nullptr) packets_sent_->add(sent);
  if (bytes_sent_ != nullptr) bytes_sent_->add(bytes_);
  count_ = 0;
  bytes_ = 0;
}

void TransmitBuffer::add_tags() {
  const unsigned tagged = push_tags({packets_.data(), count_}, vlan_);
  bytes_ += std::uint64_t{tagged} * vlan_.size();
  if (tagged < count_) [[unlikely]]
    drop(tagged, DropReason::kVlanNoRoom);
}

/// The packets from `first` on; they are not waiting any more.
void TransmitBuffer::drop(unsigned first, DropReason reason) {
  for (unsigned i = first; i < count_; ++i) bytes_ -= packets_[i]->pkt_len;
  rte_pktmbuf_free_bulk(packets_.data() + first, count_ - first);
  counters_->drops[static_cast<std::size_t>(reason)].add(count_ - first);
  count_ = first;
}

void TransmitBuffer::discard() {
  rte_pktmbuf_free_bulk(packets_.data(), count_);
  count_ = 0;
  bytes_ = 0;
}

}  // namespace lastmile
