// The next-hop table: where a packet leaves, with which Ethernet header, and whether that way
// lives.
//
//   const NextHop hop = next_hops.load(id);
//   if (hop.kind() == NextHopKind::kForward) hop.write_ethernet(frame, ethertype);
//
// A next hop is two 64-bit words, laid out so that a change of link-layer address or kind is one
// store and a reader can never see half of it:
//
//   byte    0      5  6     7          8       13  14    15
//          ┌────────┬──────┬───────┐  ┌──────────┬─────────┐
//          │ dst MAC│ kind │ spare │  │ src MAC  │ port    │
//          └────────┴──────┴───────┘  └──────────┴─────────┘
//           word 0: changes            word 1: fixed while the identifier lives
//
// Liveness is kept apart, one dense byte each, because its writers and its rhythm are different: a
// detection on a worker flips it in the same loop, and the next packet of every worker sees it.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/forwarding/port_table.h"
#include "dataplane/forwarding/spec.h"

namespace lastmile {

/// Reserved: what a group without a live next hop selects, and what group 0 ("no route") holds. Its
/// kind is kUnreachable and it always counts as alive.
inline constexpr NextHopId kNoLiveNextHop{0};

/// A next hop as a worker reads it: a consistent copy of one record.
class NextHop {
 public:
  constexpr NextHop(std::uint64_t word0, std::uint64_t word1) : words_{word0, word1} {}

  [[nodiscard]] NextHopKind kind() const { return static_cast<NextHopKind>(byte(0, 6)); }
  [[nodiscard]] PortId port() const {
    std::uint16_t port = 0;
    std::memcpy(&port, bytes(1) + 6, sizeof port);
    return PortId{port};
  }
  [[nodiscard]] MacAddress destination() const { return mac(0); }
  [[nodiscard]] MacAddress source() const { return mac(1); }

  /// Writes the 14 bytes of an Ethernet header at `frame`. `ethertype` is in network byte order.
  /// Each store covers the surplus bytes of the one before.
  void write_ethernet(std::uint8_t* frame, std::uint16_t ethertype) const {
    std::memcpy(frame, &words_[0], 8);
    std::memcpy(frame + 6, &words_[1], 8);
    std::memcpy(frame + 12, &ethertype, 2);
  }

 private:
  [[nodiscard]] const std::uint8_t* bytes(unsigned word) const {
    return reinterpret_cast<const std::uint8_t*>(&words_[word]);
  }
  [[nodiscard]] std::uint8_t byte(unsigned word, unsigned index) const {
    return bytes(word)[index];
  }
  [[nodiscard]] MacAddress mac(unsigned word) const {
    MacAddress::Bytes address;
    std::memcpy(address.data(), bytes(word), address.size());
    return MacAddress{address};
  }

  std::array<std::uint64_t, 2> words_;
};

/// All next hops, indexed by NextHopId.
///
/// Who writes: the FIB writer the records (`set`, `change`); the causes' own writers the liveness
/// bytes (`set_down`, `clear_down`; see DownCause); the control thread forgets old causes when it
/// gives an identifier out again (`reset_liveness`). Who reads: workers, everything, with plain
/// loads and never a read-modify-write.
///
/// Publication: `set` fills word 1, then word 0 with release, before any group that holds the
/// identifier is published. An identifier is used again only after a grace period (dataplane/rcu).
class NextHopTable {
 public:
  static constexpr unsigned kMaxCapacity = 65536;

  /// `capacity`: identifiers 0 (reserved) to capacity - 1; 2 to kMaxCapacity.
  explicit NextHopTable(unsigned capacity = kMaxCapacity);

  [[nodiscard]] unsigned capacity() const { return static_cast<unsigned>(records_.size()); }

  // ---- workers

  [[nodiscard]] NextHop load(NextHopId id) const {
    const Record& record = records_[id.value()];
    const std::uint64_t word0 = record.word0.load(std::memory_order_acquire);
    return {word0, record.word1.load(std::memory_order_relaxed)};
  }

  [[nodiscard]] bool is_alive(NextHopId id) const {
    return down_[id.value()].load(std::memory_order_relaxed) == 0;
  }

  void prefetch(NextHopId id) const { __builtin_prefetch(&records_[id.value()]); }

  // ---- liveness: the cause's writer, any thread, off the packet path

  /// True if the next hop was alive until now.
  bool set_down(NextHopId id, DownCause cause) {
    return down_[id.value()].fetch_or(static_cast<std::uint8_t>(cause),
                                      std::memory_order_acq_rel) == 0;
  }
  /// True if this was the last cause: the next hop is alive from now on.
  bool clear_down(NextHopId id, DownCause cause) {
    const auto bit = static_cast<std::uint8_t>(cause);
    const std::uint8_t before =
        down_[id.value()].fetch_and(static_cast<std::uint8_t>(~bit), std::memory_order_acq_rel);
    return before == bit;
  }
  /// DownCause bits that hold now.
  [[nodiscard]] std::uint8_t down_causes(NextHopId id) const {
    return down_[id.value()].load(std::memory_order_acquire);
  }
  /// Control thread, for an identifier that nobody else holds.
  void reset_liveness(NextHopId id) { down_[id.value()].store(0, std::memory_order_release); }

  // ---- FIB writer

  /// Fills a record that no reader can reach yet. `source`: the MAC address of `spec.port`.
  void set(NextHopId id, const NextHopSpec& spec, const MacAddress& source);
  /// Changes kind and link-layer address of a record in use, in one store. The port stays.
  void change(NextHopId id, NextHopKind kind, const MacAddress& destination);

 private:
  struct alignas(16) Record {
    std::atomic<std::uint64_t> word0{0};  // FIB writer: writes; workers: read
    std::atomic<std::uint64_t> word1{0};  // FIB writer: writes before publication; workers: read
  };

  std::vector<Record> records_;
  // Bits of DownCause; 0 is alive. Each cause's writer: atomic or/and; workers: load.
  std::vector<std::atomic<std::uint8_t>> down_;
};

}  // namespace lastmile
