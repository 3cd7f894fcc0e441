#include "dataplane/pipeline/vlan_demux.h"

#include <rte_ether.h>

#include "dataplane/pipeline/contiguous.h"
#include "dataplane/pipeline/vlan_tags.h"

namespace lastmile {
namespace {

constexpr unsigned kPrefetchDistance = 8;

std::uint32_t key_of(VlanProtocol protocol, std::uint16_t outer, std::uint16_t inner) {
  const std::uint32_t service = protocol == VlanProtocol::kService ? 1 : 0;
  return service << 24U | std::uint32_t{outer} << 12U | inner;
}

std::uint16_t vlan_of(const std::uint8_t* tag) {
  return load_be16(tag + 2) & VlanTags::kIdMask;
}

/// Fibonacci hashing; what is taken goes to the next empty slot.
unsigned first_slot(std::uint32_t key, unsigned bits) {
  return key * 0x9e3779b1U >> (32 - bits);
}

}  // namespace

void VlanDemux::add(const VlanTags& tags, const Ingress& ingress, OuterTag outer) {
  lanes_.push_back(std::make_unique<Lane>(Lane{.ingress = &ingress}));
  Lane* const lane = lanes_.back().get();
  if (tags.empty()) {
    untagged_ = lane;
    return;
  }
  for (const VlanProtocol protocol : {VlanProtocol::kCustomer, VlanProtocol::kService}) {
    if (protocol != tags.protocol() && outer == OuterTag::kTold) continue;
    insert(key_of(protocol, tags.outer().value(), tags.inner().value()), lane);
  }
}

void VlanDemux::insert(std::uint32_t key, Lane* lane) {
  unsigned slot = first_slot(key, kSlotBits);
  while (slots_[slot].key != 0) slot = (slot + 1) % kSlots;
  slots_[slot] = {key, lane};
}

VlanDemux::Lane* VlanDemux::find(std::uint32_t key) const {
  unsigned slot = first_slot(key, kSlotBits);
  while (slots_[slot].key != 0 && slots_[slot].key != key) slot = (slot + 1) % kSlots;
  return slots_[slot].lane;
}

unsigned VlanDemux::split(std::span<rte_mbuf* const> packets, Exits& exits) {
  const auto prefetch = [&](std::size_t i) {
    if (i < packets.size()) __builtin_prefetch(rte_pktmbuf_mtod(packets[i], const void*));
  };
  for (std::size_t i = 0; i < kPrefetchDistance; ++i) prefetch(i);
  unsigned dropped = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    prefetch(i + kPrefetchDistance);
    DropReason reason{};
    if (Lane* const lane = sort(packets[i], reason); lane != nullptr) [[likely]] {
      lane->packets[lane->count++] = packets[i];
    } else {
      exits.drop(packets[i], reason);
      ++dropped;
    }
  }
  return dropped;
}

VlanDemux::Lane* VlanDemux::sort(rte_mbuf* packet, DropReason& reason) {
  const auto because = [&](DropReason why) -> Lane* {
    reason = why;
    return nullptr;
  };
  // We ask no device to take tags off; one that does it all the same says so.
  if ((packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) [[unlikely]] {
    if (rte_vlan_insert(&packet) != 0) return because(DropReason::kVlanNoRoom);
  }
  if (packet->data_len < ethernet::kHeaderSize) return because(DropReason::kFrameTooShort);
  const auto* tag = rte_pktmbuf_mtod(packet, const std::uint8_t*) + ethernet::kTypeOffset;
  const auto is_cut = [&] {
    return contiguous_bytes(packet, tag) < VlanTags::kTagSize + sizeof(std::uint16_t);
  };
  std::uint16_t type = load_be16(tag);
  if (is_tag(type) && !is_cut() && vlan_of(tag) == 0) [[unlikely]] {
    // A priority and no VLAN: the frame counts as one without this tag (IEEE 802.1Q section 6.9).
    pop_tags(packet, VlanTags::kTagSize);
    tag += VlanTags::kTagSize;
    type = load_be16(tag);
  }
  if (!is_tag(type)) return untagged_ != nullptr ? untagged_ : because(DropReason::kVlanMissing);
  if (is_cut()) return because(DropReason::kVlanTruncated);

  const std::uint16_t outer = vlan_of(tag);
  std::uint16_t inner = 0;
  unsigned size = VlanTags::kTagSize;
  tag += VlanTags::kTagSize;
  if (const std::uint16_t next = load_be16(tag); is_tag(next)) {
    if (is_cut()) return because(DropReason::kVlanTruncated);
    inner = vlan_of(tag);
    size += VlanTags::kTagSize;
    // A service tag stands outside; and an inner one without a VLAN is not that of a port.
    if (next != ethernet::kVlan || inner == 0) return because(DropReason::kVlanUnknown);
  }
  Lane* const lane = find(key_of(static_cast<VlanProtocol>(type), outer, inner));
  if (lane == nullptr) return because(DropReason::kVlanUnknown);
  pop_tags(packet, size);
  return lane;
}

}  // namespace lastmile
