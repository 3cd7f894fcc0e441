// Peers of one family that are told the same: an update group, with one Adj-RIB-Out for all of them
// (adj_rib_out.h).
//
//   Loc-RIB ──> differs from the ──> batch by ──────> UPDATEs: made once,
//                Adj-RIB-Out?        attribute set    a copy for each member (update_delivery.h)
//
// Peers of one kind (export_view.h) are told the same but for two things. The next hop is put into
// each copy. A path is not told to the peer that it came from: who that is stands in the
// Adj-RIB-Out, and a batch that names a member is made for that member separately. Peers that take
// several paths to a prefix (RFC 7911) are groups of their own.
//
// A newcomer hears of changes at once, and of everything else in a lap around the Adj-RIB-Out.
// Members at the same place of a lap (newcomers, route refreshes) go on together, and one who joins
// begins where others are.
//
// Members go in step, as fast as the slowest one reads, so that each message is made once. One that
// keeps others waiting for longer than kPatience is waited for no more. On a lap it stays where it
// is and goes on later; of changes it falls behind: what it misses is written down by prefix
// (missed_routes.h), and when it reads again it is told how those prefixes stand by then. So it
// hears outcomes, not history, costs the others nothing, and is back in step afterwards.
//
// What is to be said is sent to a few members at a time; nothing else but that a refresh begins is
// said by the group before all of them have it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/event/effects.h"
#include "controlplane/rib/adj_rib_out.h"
#include "controlplane/rib/family_rib.h"
#include "controlplane/rib/update_delivery.h"
#include "controlplane/rib/update_group_member.h"

namespace lastmile::rib {

/// What a group does with its surroundings; all of it outlives the group.
struct GroupContext {
  RibCore& core;
  bgp::Asn own_asn;
  bgp::PeerOutput& output;
  Timers& timers;
};

template <class Address>
class UpdateGroup {
 public:
  using Member = UpdateGroupMember<Address>;
  static constexpr bgp::Family kFamily = FamilyRib<Address>::kFamily;
  /// How long members wait for one whose send queue is full.
  static constexpr Duration kPatience = std::chrono::milliseconds{200};

  /// `number` is the group's own among all groups of both families; it names its timer.
  UpdateGroup(const GroupContext& context, FamilyRib<Address>& rib, ExportKind kind,
              std::uint32_t number);
  ~UpdateGroup();
  UpdateGroup(const UpdateGroup&) = delete;
  UpdateGroup& operator=(const UpdateGroup&) = delete;

  // --- members ---
  /// A peer that has been told nothing yet.
  void join(Member newcomer);
  /// A peer that has been told what this group's members have been.
  void adopt(Member member);
  std::optional<Member> leave(bgp::PeerId id);
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }
  [[nodiscard]] bool has(bgp::PeerId id) const;
  /// Everything once more for one member (RFC 2918).
  void refresh(bgp::PeerId id);
  /// Its send queue is empty again.
  void on_writable(bgp::PeerId id);

  // --- the kind ---
  [[nodiscard]] const ExportKind& kind() const { return told_.kind(); }
  /// The members are told what differs for peers of that kind.
  void change(ExportKind kind) { told_.change(std::move(kind)); }
  /// AdjRibOut::copy(): that group's members are to be this one's.
  std::size_t copy_told(const UpdateGroup& from, std::uint32_t& cursor, std::size_t limit) {
    return told_.copy(from.told_, cursor, limit);
  }
  /// All members have been told all there is: two such groups of one kind hold the same.
  [[nodiscard]] bool settled() const;
  /// AdjRibOut::take(), of a group that is about to go.
  [[nodiscard]] AdvertisedTable<Address> take_told();

  // --- work ---
  /// Looks at about `limit` prefixes; returns how many. Sending counts, too: about as many as could
  /// be looked at in the time.
  std::size_t work(std::size_t limit, TimePoint now);
  /// Whether work() would do anything. Waiting for a peer is not work; a timer ends it.
  [[nodiscard]] bool has_work(TimePoint now) const;

  /// What the members have been told, or are about to be.
  [[nodiscard]] const AdjRibOut<Address>& told() const { return told_; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  using Batch = UpdateBatch<Address>;
  using Members = std::vector<Member*>;

  std::size_t tell_changes(std::size_t limit, TimePoint now);

  void begin_lap(Member& member);
  std::size_t go_round(std::size_t limit, TimePoint now);
  std::size_t go_on(const Members& together, std::size_t limit);
  void advance(Member& member, std::uint32_t cursor);
  std::size_t catch_up(std::size_t limit);
  std::size_t catch_up(Member& member, std::size_t limit);
  void end_initial_tables();
  [[nodiscard]] bool has_passed_initial(const Member& member) const;
  [[nodiscard]] bool complete(const Member& member) const;

  template <class Which>
  [[nodiscard]] Members members(Which which);
  template <class Which>
  [[nodiscard]] bool may_go(Which which, TimePoint now) const;
  [[nodiscard]] Members ready(const Members& members, TimePoint now);
  void begin_delivery(Batch batch, const Members& to);
  std::size_t deliver(std::size_t limit);

  GroupContext context_;
  FamilyRib<Address>& rib_;
  AdjRibOut<Address> told_;
  TimerKey timer_;
  std::vector<Member> members_;
  unsigned turn_ = 0;  ///< which kind of work is done first
  std::optional<UpdateDelivery<Address>> delivery_;
};

extern template class UpdateGroup<Ipv4Address>;
extern template class UpdateGroup<Ipv6Address>;

}  // namespace lastmile::rib
