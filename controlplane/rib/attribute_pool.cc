#include "controlplane/rib/attribute_pool.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "controlplane/rib/attribute_codec.h"

namespace lastmile::rib {
namespace {

AttributeFacts facts_of(const bgp::PathAttributes& a) {
  const auto clamp16 = [](std::size_t n) {
    return static_cast<std::uint16_t>(std::min<std::size_t>(n, UINT16_MAX));
  };
  AttributeFacts facts;
  facts.local_preference = a.local_preference.value_or(kDefaultLocalPreference);
  facts.med = a.med.value_or(0);
  facts.neighbor = a.as_path.first().value_or(bgp::Asn{});
  facts.originator = a.originator_id ? a.originator_id->value() : 0;
  facts.path_length = clamp16(a.as_path.length());
  facts.cluster_length = clamp16(a.cluster_list.size());
  facts.origin = a.origin;
  if (a.aigp) facts.aigp = a.aigp->metric;
  facts.long_lived_stale =
      std::ranges::binary_search(a.communities, bgp::Community{bgp::kLongLivedStale});
  for (const bgp::ExtendedCommunity community : a.extended_communities) {
    // Of several the lowest; the draft leaves it open.
    const float bandwidth = bgp::link_bandwidth(community).value_or(0);
    if (facts.bandwidth == 0 || (bandwidth != 0 && bandwidth < facts.bandwidth)) {
      facts.bandwidth = bandwidth;
    }
  }
  return facts;
}

}  // namespace

AttributePool::~AttributePool() {
  for (Entry* entry : entries_) ::operator delete(entry);
}

AttributeId AttributePool::intern(const bgp::PathAttributes& attributes) {
  const std::size_t as_path_bytes = pack(attributes, scratch_);
  const std::uint64_t hash = hash_bytes(scratch_);
  const std::uint32_t found = index_.find(hash, [&](std::uint32_t number) {
    return std::ranges::equal(entries_[number]->packed(), scratch_);
  });
  if (found != HashIndex::kNotFound) {
    ++entries_[found]->references;
    return AttributeId{found};
  }

  void* block = ::operator new(sizeof(Entry) + scratch_.size());
  auto* fresh =
      new (block) Entry{facts_of(attributes), 1, static_cast<std::uint32_t>(scratch_.size()),
                        static_cast<std::uint32_t>(as_path_bytes)};
  std::memcpy(fresh + 1, scratch_.data(), scratch_.size());
  packed_bytes_ += scratch_.size();

  std::uint32_t number;
  if (free_.empty()) {
    number = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back(fresh);
  } else {
    number = free_.back();
    free_.pop_back();
    entries_[number] = fresh;
  }
  index_.insert(hash, number);
  return AttributeId{number};
}

void AttributePool::release(AttributeId id) {
  Entry& e = entry(id);
  assert(e.references > 0);
  if (--e.references != 0) return;
  // Made again: kept, it would take eight bytes of each set for something that happens once.
  index_.erase(hash_bytes(e.packed()), id.value());
  packed_bytes_ -= e.size;
  ::operator delete(&e);
  entries_[id.value()] = nullptr;
  free_.push_back(id.value());
}

bool AttributePool::same_as_path(AttributeId a, AttributeId b) const {
  if (a == b) return true;
  const Entry& x = entry(a);
  const Entry& y = entry(b);
  return x.as_path_bytes == y.as_path_bytes &&
         std::ranges::equal(x.packed().first(x.as_path_bytes), y.packed().first(y.as_path_bytes));
}

bgp::PathAttributes AttributePool::attributes(AttributeId id) const {
  return unpack(entry(id).packed());
}

std::size_t AttributePool::memory_bytes() const {
  constexpr std::size_t kAllocatorOverhead = 16;  // header and rounding of a malloc block
  return index_.memory_bytes() + entries_.size() * sizeof(Entry*) +
         free_.capacity() * sizeof(std::uint32_t) + packed_bytes_ +
         size() * (sizeof(Entry) + kAllocatorOverhead);
}

}  // namespace lastmile::rib
