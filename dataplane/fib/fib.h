// The forwarding information base: longest-prefix match from a destination address to a group.
//
// The structure is DIR-24-8. A first level of 2^24 entries is indexed by the first 24 address bits;
// an entry either holds the answer or leads to a group of 256 entries for the next 8 bits, and so
// on. IPv4 has one such level, IPv6 up to 13, and the code is the same. An address without a more
// specific prefix than /24 costs one memory access.
//
//   RcuDomain domain{workers};
//   Ipv4Fib fib{domain, {.max_routes = 1'000'000, .second_level_groups = 32'768}};
//   fib.set(prefix, group);                          // the writer thread
//   fib.lookup_bulk(destinations, groups, count);    // any worker that is online in `domain`
//
// What readers may rely on
//   - A lookup sees every route either before or after a change, never between: a replaced route is
//     replaced entry by entry, so no address is for a moment without its route or falls back to a
//     less specific one. (A change of a /8 is 65,536 entries: *different* addresses may see it at
//     different times, the same address never goes back.)
//   - New second-level groups are filled before the one store that links them (bottom up); unlinked
//     ones are reused only after a grace period.
//   - The default route is not in the tables. An entry of 0 means "nothing but the default", and
//   the
//     default itself is one word: it is changed at once for all addresses, and a router with little
//     more than a default route touches no table memory at all. A lookup still answers as of one
//     moment (see DefaultRoute).
//
// How the writer does it (fib_writer.h)
//   The tables alone can't tell which prefix an entry came from. The writer keeps a shadow: a tree
//   of 8-bit strides (prefix_node.h) in which a prefix is one bit. From it come, with a few bit
//   operations in one or two cache lines, the value of a prefix, its nearest covering prefix (for a
//   removal), and the slots that belong to more specifics (which a change must skip). The tables
//   are only written, hardly ever read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

#include <tl/expected.hpp>

#include "dataplane/fib/bulk_lookup.h"
#include "dataplane/fib/fib_error.h"
#include "dataplane/fib/fib_view.h"
#include "dataplane/fib/mapped_memory.h"
#include "dataplane/fib/prefix_node.h"
#include "dataplane/fib/second_level.h"
#include "dataplane/fib/value_arena.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/strong_id.h"
#include "dataplane/rcu/rcu.h"

namespace lastmile {

/// Fixed when the FIB is made. Memory is reserved for all of it, but used only as far as routes
/// need.
struct FibLimits {
  std::size_t max_routes;
  /// Second-level groups (IPv4: 512 bytes, IPv6: 1 KiB, and 144 bytes of shadow each). IPv4 needs
  /// one for each /24 with longer prefixes in it, at most 32,768; IPv6 about one for each route.
  std::uint32_t second_level_groups;
};

/// How many operations ahead `Fib::prefetch` pays best.
inline constexpr unsigned kFibLookAhead = 16;

/// What a FIB holds; each number by itself is exact, together they may be a change apart.
struct FibStats {
  std::uint64_t routes;
  std::uint64_t second_level_used;
  std::uint64_t second_level_waiting;  ///< unlinked, not yet free for reuse
  std::uint64_t second_level_total;
};

template <class Address, FibEntry Entry, class GracePeriods = RcuDomain>
class Fib {
 public:
  using Prefix = lastmile::Prefix<Address>;
  using Raw = typename RawAddress<Address>::Type;

  /// `grace_periods` must outlive the FIB; every reader is a reader of it. Throws std::system_error
  /// when there is no address space, std::invalid_argument when an entry can't number that many
  /// second-level groups.
  Fib(GracePeriods& grace_periods, const FibLimits& limits,
      LookupKernel kernel = usable_kernels().front());
  Fib(const Fib&) = delete;
  Fib& operator=(const Fib&) = delete;

  // Readers: any thread that is online in the RCU domain (or the writer).

  /// The group of the longest prefix that covers `address`, kNoGroup if there is none.
  [[nodiscard]] GroupId lookup(const Address& address) const {
    return GroupId{lookup_one(view_, address)};
  }
  /// The same for `count` addresses (IPv4: host order). Any count, any alignment; vectors of 64
  /// and more hide memory latency best.
  void lookup_bulk(const Raw* addresses, std::uint16_t* groups, unsigned count) const {
    with_stable_default(view_, [&](std::uint16_t default_group) {
      bulk_(view_, addresses, groups, count, default_group);
      return 0;
    });
  }
  /// The tables, for readers that keep their own copy of the pointers.
  [[nodiscard]] const FibView<Entry>& view() const { return view_; }

  // The writer: one thread.

  /// Adds a route, or replaces it atomically. Returns the group that it had before. `group` is 1 to
  /// kMaxFibGroup, else kBadGroup. On an error nothing has changed.
  [[nodiscard]] tl::expected<std::optional<GroupId>, FibError> set(const Prefix& prefix,
                                                                   GroupId group);
  /// Removes a route; its addresses fall to the next less specific one. Returns its group, nullopt
  /// if there was no such route.
  std::optional<GroupId> remove(const Prefix& prefix);
  /// The group of exactly this prefix.
  [[nodiscard]] std::optional<GroupId> find(const Prefix& prefix) const;

  /// Starts fetching what `set` or `remove` of this prefix will touch. A writer with a batch in
  /// hand hides most of its memory latency with it, about halving the time for a route:
  ///
  ///   fib.prefetch(batch[i + kFibLookAhead].prefix);
  ///   fib.set(batch[i].prefix, batch[i].group);
  void prefetch(const Prefix& prefix) const;

  /// Frees second-level groups whose grace period is over. `set` does it when it needs to; call it
  /// when idle so that the statistics don't show old groups as waiting.
  void reclaim() { second_.reclaim(); }

  /// Any thread.
  [[nodiscard]] FibStats stats() const;

 private:
  using Bits = AddressBits<Address>;
  using Code = EntryCode<Entry>;
  static constexpr unsigned kLevels = Bits::kBytes;
  /// Of IPv6's first level too much is extended for a narrow copy to answer.
  static constexpr bool kHasNarrow = std::is_same_v<Address, Ipv4Address>;

  struct Place;
  struct Path;

  [[nodiscard]] static Place place_of(const Prefix& prefix);
  [[nodiscard]] PrefixNode& upper_node(unsigned level, const Address& address) const;
  [[nodiscard]] Path descend(const Place& place, const Address& address) const;

  void extend(Path& path, const Place& place, const Address& address, GroupId group);
  [[nodiscard]] Entry covering_value(const Path& path, const Place& place,
                                     const Address& address) const;
  void collapse(Path& path, unsigned level, Entry inherited);
  void paint(const Path& path, const Place& place, const Address& address, Entry value);
  void paint_upper(unsigned level, std::size_t index, PrefixNode::Position position, Entry value);
  void paint_slots(Entry* entries, PrefixNode& node, PrefixNode::Position position, Entry value);
  void paint_run(Entry* entries, const PrefixNode& node, unsigned first, unsigned count,
                 Entry value);
  void write(Entry* entries, unsigned count, Entry value);

  // Read by workers, constant after construction.
  FibView<Entry> view_;
  BulkLookup<Raw, Entry> bulk_;

  // writer: writes (rarely); workers: read. Alone on its line.
  alignas(64) DefaultRoute default_;

  // writer only, except the entries (writer: writes; workers: read) and the counters.
  alignas(64) MappedArray<Entry> first_;
  MappedArray<std::uint8_t> narrow_;
  MappedArray<PrefixNode> upper_;
  SecondLevel<Entry, GracePeriods> second_;
  ValueArena arena_;
  const std::size_t max_routes_;
  SingleWriterCounter routes_;
};

/// 16-bit entries: 32 MB of first level (and 16 MB of narrow copies), up to 32,768 second-level
/// groups.
using Ipv4Fib = Fib<Ipv4Address, std::uint16_t>;
/// 32-bit entries: IPv6 tables need more than 32,768 second-level groups.
using Ipv6Fib = Fib<Ipv6Address, std::uint32_t>;

extern template class Fib<Ipv4Address, std::uint16_t>;
extern template class Fib<Ipv4Address, std::uint32_t>;
extern template class Fib<Ipv6Address, std::uint16_t>;
extern template class Fib<Ipv6Address, std::uint32_t>;

}  // namespace lastmile
