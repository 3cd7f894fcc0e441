// The group table: which of several next hops carries a flow.
//
//   NextHopId hop = groups.select(group, flow_hash, next_hops);        // one packet
//   groups.select(group_numbers, flow_hashes, next_hops, chosen);     // a vector of packets
//
// A group is one cache line: a bucket mask, where the buckets are, and, when they fit, the buckets
// themselves with the lists of members and backups. A group of one has mask 0, so the same code
// finds its next hop in the same line whatever the hash is.
//
// Repair is part of selection. A flow whose bucket names a dead next hop takes its next live
// choice: one of a few more buckets by rehashing, then any live member, then the first live backup.
// Nothing is written: when the next hop lives again, its flows are back with the next packet.
//
// Groups are values: what a GroupId stands for never changes while a reader can reach it.
// Publication order, all by the FIB writer:
//
//   new group:    next-hop records ──> buckets, members, backups ──> `shape` (release) ──> routes
//   old group:    last route leaves ──> grace period ──> reclaim() ──> the GroupId may be used
//   again
//
// A reader goes the other way: route, `shape` (acquire), bucket, liveness, record.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/forwarding/next_hop_table.h"
#include "dataplane/forwarding/spec.h"

namespace lastmile {

struct GroupLayout;

/// All groups, indexed by GroupId. Group 0 is "no route" and selects kNoLiveNextHop; so does every
/// identifier that is not in use.
///
/// Threads: `select` and its kin on workers inside a read section (dataplane/rcu); `publish` and
/// `reclaim` on the FIB writer; `view` on both.
class GroupTable {
 public:
  /// A FIB entry has 15 bits for a group.
  static constexpr unsigned kMaxCapacity = 32768;

  /// `capacity`: identifiers 0 (reserved) to capacity - 1; 2 to kMaxCapacity.
  explicit GroupTable(unsigned capacity = kMaxCapacity);
  ~GroupTable();
  GroupTable(const GroupTable&) = delete;
  GroupTable& operator=(const GroupTable&) = delete;

  [[nodiscard]] unsigned capacity() const { return static_cast<unsigned>(groups_.size()); }

  // ---- workers

  /// The next hop for a flow; kNoLiveNextHop when no member and no backup is alive. All bits of
  /// `hash` must be well mixed (flow_hash.h). The record of the next hop may be read until the end
  /// of the read section.
  [[nodiscard]] NextHopId select(GroupId id, std::uint32_t hash,
                                 const NextHopTable& next_hops) const {
    const Group& group = groups_[id.value()];
    const Shape shape = group.shape.load(std::memory_order_acquire);
    const NextHopId choice = group.entries[hash & shape.mask];
    if (next_hops.is_alive(choice)) [[likely]]
      return choice;
    return repair(group, shape, hash, next_hops);
  }

  /// The same for a vector of packets; all spans have the same length. `groups` are the numbers of
  /// groups as Fib::lookup_bulk writes them.
  void select(std::span<const std::uint16_t> groups, std::span<const std::uint32_t> hashes,
              const NextHopTable& next_hops, std::span<NextHopId> chosen) const;

  /// The same where all packets of the vector have one group.
  void select(GroupId id, std::span<const std::uint32_t> hashes, const NextHopTable& next_hops,
              std::span<NextHopId> chosen) const;

  /// False for a group of one: its next hop does not depend on the hash.
  [[nodiscard]] bool needs_hash(GroupId id) const {
    return groups_[id.value()].shape.load(std::memory_order_acquire).mask != 0;
  }

  void prefetch(GroupId id) const { __builtin_prefetch(&groups_[id.value()]); }

  // ---- looking inside

  struct View {
    std::span<const NextHopId> buckets;  ///< a power of two of them; empty for an unused identifier
    std::span<const NextHopId> members;
    std::span<const NextHopId> backups;

    /// Which of the buckets, if there are any, `select` looks into first.
    [[nodiscard]] std::size_t bucket_of(std::uint32_t hash) const {
      return hash & (buckets.size() - 1);
    }
  };
  [[nodiscard]] View view(GroupId id) const;

  // ---- FIB writer

  /// Fills an unused identifier (not 0) that no reader can reach yet.
  void publish(GroupId id, const GroupLayout& layout);
  /// Empties an identifier after the grace period that followed its last route.
  void reclaim(GroupId id);

 private:
  // Aligned to its size, or the compiler may call a library (with a lock) for the atomic load.
  struct alignas(4) Shape {
    std::uint16_t mask = 0;  // buckets - 1
    std::uint8_t members = 0;
    std::uint8_t backups = 0;
  };

  // Buckets, then members, then backups lie one after another at `entries`: here when they fit,
  // else in memory of their own.
  struct alignas(64) Group {
    static constexpr std::size_t kInlineEntries = 26;

    std::atomic<Shape> shape{Shape{}};           // FIB writer: writes; workers: read
    NextHopId inline_entries[kInlineEntries]{};  // the same, before `shape`
    const NextHopId* entries = inline_entries;   // the same, before `shape`
  };
  static_assert(sizeof(Group) == 64, "a group is one cache line");

  [[gnu::noinline]] static NextHopId repair(const Group& group, Shape shape, std::uint32_t hash,
                                            const NextHopTable& next_hops);

  std::vector<Group> groups_;
};

}  // namespace lastmile
