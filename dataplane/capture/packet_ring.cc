#include "dataplane/capture/packet_ring.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace lastmile {
namespace {

/// Stands where a header would, and says: go on at the beginning.
constexpr std::uint64_t kGap = ~std::uint64_t{0};
constexpr std::size_t kAlignment = sizeof kGap;

constexpr std::size_t record_size(std::uint32_t kept) {
  return (sizeof(CapturedHeader) + kept + kAlignment - 1) & ~(kAlignment - 1);
}

constexpr std::size_t kLongestRecord = record_size(PacketRing::kMostOctets);

}  // namespace

PacketRing::PacketRing(std::size_t bytes)
    : mask_(std::bit_ceil(std::max(bytes, 2 * kLongestRecord)) - 1),
      storage_(std::make_unique<std::uint8_t[]>(mask_ + 1)) {}

std::uint8_t* PacketRing::reserve(const CapturedHeader& header) {
  assert(header.kept <= kMostOctets && header.cycles != kGap);
  const std::size_t size = record_size(header.kept);
  std::uint64_t begin = tail_.value.load(std::memory_order_relaxed);
  const std::size_t left = left_in_lap(begin);
  const std::size_t gap = left < size ? left : 0;
  const std::uint64_t head = head_.value.load(std::memory_order_acquire);
  if (begin + gap + size - head > mask_ + 1) {
    lost_.add(1);
    return nullptr;
  }
  if (gap != 0) {
    std::memcpy(&storage_[begin & mask_], &kGap, sizeof kGap);
    begin += gap;
  }
  reserved_ = begin + size;
  std::uint8_t* const at = &storage_[begin & mask_];
  std::memcpy(at, &header, sizeof header);
  return at + sizeof header;
}

std::optional<CapturedPacket> PacketRing::front() {
  std::uint64_t head = head_.value.load(std::memory_order_relaxed);
  const std::uint64_t tail = tail_.value.load(std::memory_order_acquire);
  if (head == tail) return std::nullopt;
  std::uint64_t mark = 0;
  std::memcpy(&mark, &storage_[head & mask_], sizeof mark);
  // A gap is shown together with the record behind it.
  if (mark == kGap) head += left_in_lap(head);
  const std::uint8_t* const at = &storage_[head & mask_];
  CapturedPacket packet;
  std::memcpy(&packet.header, at, sizeof packet.header);
  packet.octets = {at + sizeof packet.header, packet.header.kept};
  next_ = head + record_size(packet.header.kept);
  return packet;
}

void PacketRing::pop() {
  assert(next_ > head_.value.load(std::memory_order_relaxed) && "nothing was at the front");
  head_.value.store(next_, std::memory_order_release);
}

}  // namespace lastmile
