#include "dataplane/forwarding/next_hop_table.h"

#include <stdexcept>

namespace lastmile {
namespace {

// A MAC address in wire order and two bytes that follow it, as they lie in memory.
std::uint64_t pack(const MacAddress& mac, std::uint16_t tail) {
  std::array<std::uint8_t, 8> word;
  std::memcpy(word.data(), mac.bytes().data(), 6);
  std::memcpy(word.data() + 6, &tail, 2);
  return std::bit_cast<std::uint64_t>(word);
}

std::uint64_t pack(const MacAddress& mac, NextHopKind kind) {
  const std::array<std::uint8_t, 2> tail{static_cast<std::uint8_t>(kind), 0};
  return pack(mac, std::bit_cast<std::uint16_t>(tail));
}

}  // namespace

NextHopTable::NextHopTable(unsigned capacity) {
  if (capacity < 2 || capacity > kMaxCapacity) {
    throw std::invalid_argument("next-hop table: capacity must be 2 to 65536");
  }
  records_ = std::vector<Record>(capacity);
  down_ = std::vector<std::atomic<std::uint8_t>>(capacity);
  set(kNoLiveNextHop, {.kind = NextHopKind::kUnreachable, .port = {}, .destination = {}}, {});
}

void NextHopTable::set(NextHopId id, const NextHopSpec& spec, const MacAddress& source) {
  Record& record = records_[id.value()];
  record.word1.store(pack(source, spec.port.value()), std::memory_order_relaxed);
  record.word0.store(pack(spec.destination, spec.kind), std::memory_order_release);
}

void NextHopTable::change(NextHopId id, NextHopKind kind, const MacAddress& destination) {
  records_[id.value()].word0.store(pack(destination, kind), std::memory_order_release);
}

}  // namespace lastmile
