// One family of the Adj-RIB-Out, kept once for all peers that are told the same: an update group.
//
//   journal of changed prefixes ─┐
//                                ├─> differs from the ──> batch by ──> UPDATEs: made once,
//   the whole table, at first ───┘    Adj-RIB-Out?     attribute set   a copy for each member
//
// Peers of one kind (export_view.h) are told the same but for two things. The next hop is put into
// each copy. A path is not told to the peer that it came from: who that is stands in the
// Adj-RIB-Out, and a batch that names a member is made for that member separately.
//
// Peers that take several paths to a prefix (RFC 7911) are groups of their own. There each path is
// a route by itself: a record in the Adj-RIB-Out, told and withdrawn by its identifier, which names
// whom the path came from and so stays as long as there is a path from there.
//
// A newcomer hears of changes at once, and of everything else in a lap around the Adj-RIB-Out.
// Members at the same place of a lap (newcomers, route refreshes) go on together, and one who joins
// begins where others are.
//
// Members go in step, as fast as the slowest one reads, so that each message is made once. One that
// keeps others waiting for longer than kPatience is waited for no more. On a lap it stays where it
// is and goes on later; of changes it falls behind: what it misses is written down by prefix, and
// when it reads again it is told how those prefixes stand by then. So it hears outcomes, not
// history, costs the others nothing, and is back in step afterwards.
//
// What is to be said is sent to a few members at a time; nothing else is said by the group before
// all of them have it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/event/effects.h"
#include "controlplane/rib/export_view.h"
#include "controlplane/rib/family_rib.h"
#include "controlplane/rib/path_numbers.h"

namespace lastmile::rib {

/// In place of a peer: a path that did not come from any.
inline constexpr bgp::PeerId kNobody{0xffff};

/// What the members have been told of one prefix, or of one path to it where they hear of several.
template <class Address>
struct Advertised {
  Prefix<Address> prefix;
  AttributeId attributes;      ///< as announced
  bgp::PeerId from = kNobody;  ///< whom the path came from; this one has not been told
  /// Of several paths: which of those of `from`; of those that came from nobody the SourceKind.
  std::uint8_t number = 0;
  bool used = false;  ///< PrefixTable's
};
static_assert(sizeof(Advertised<Ipv4Address>) == 16);

/// The identifier of a path (RFC 7911 section 3): unique among the paths to a prefix, the same for
/// each neighbor, and the same again when the path goes and comes.
constexpr std::uint32_t path_id(bgp::PeerId from, std::uint8_t number) {
  static_assert(kMostPathNumbers <= 256);
  return from == kNobody ? 1U + number : (from.value() + 1U) * 256 + number;
}

template <class Address>
using AdjRibOut = PrefixTable<Advertised<Address>>;

/// Which path a record is about.
struct PathName {
  bgp::PeerId from = kNobody;
  std::uint8_t number = 0;

  [[nodiscard]] std::uint32_t id() const { return path_id(from, number); }
  friend bool operator==(const PathName&, const PathName&) = default;
};
[[nodiscard]] inline PathName name_of(const Path& path, const Source& source) {
  if (source.kind != SourceKind::kBgp) return {kNobody, static_cast<std::uint8_t>(source.kind)};
  return {source.peer, static_cast<std::uint8_t>(path.path_number)};
}

/// What a group does with its surroundings; all of it outlives the group.
struct GroupContext {
  RibCore& core;
  bgp::Asn own_asn;
  bgp::PeerOutput& output;
  Timers& timers;
};

/// Who hears of a change: all members but one, or that one alone.
struct Audience {
  bgp::PeerId peer = kNobody;
  enum class Who : std::uint8_t { kOthers, kAlone };
  Who who = Who::kOthers;

  [[nodiscard]] bool includes(bgp::PeerId id) const { return (id == peer) == (who == Who::kAlone); }
};

template <class Address>
struct RouteHash {
  std::size_t operator()(const bgp::Nlri<Address>& route) const {
    return hash_value(route.prefix) + route.path_id * std::size_t{0x9e3779b97f4a7c15};
  }
};

/// One family of one peer, as its group sees it.
template <class Address>
struct UpdateGroupMember {
  bgp::PeerId id;
  bgp::CodecContext codec;
  bgp::NextHop next_hop;
  bool marks_refreshes = false;  ///< their begin and end (RFC 7313)
  bool end_of_rib_due = true;    ///< the initial table is not complete (RFC 4724 section 2)
  /// What the initial table consists of: what was known when the member came.
  Milestone initial;
  bool mark_due = false;  ///< the end of a refresh that was begun

  /// A lap: from where the member joined to what was the end then (what has come since is a change,
  /// and was told as one), then from the beginning to where it joined.
  struct Lap {
    std::uint32_t cursor = 0;
    std::uint32_t start = 0;
    std::uint32_t end = 0;
    bool turned = false;  ///< has come by the end
  };
  std::optional<Lap> lap;

  /// Not waited for any more. What it has missed, and whether it had been told of the route. What
  /// it misses while it is told of `missed` comes afterwards, so that nothing waits for ever.
  bool behind = false;
  using Missed = std::unordered_map<bgp::Nlri<Address>, bool, RouteHash<Address>>;
  Missed missed, missed_since;
  [[nodiscard]] bool misses_anything() const { return !missed.empty() || !missed_since.empty(); }
  /// Set when the group has come by the initial table: how often `missed` has to be told to its end
  /// until the member has, too.
  std::optional<unsigned> rounds_to_end;
  /// Since when its full send queue has kept others waiting.
  std::optional<TimePoint> full_since;
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
  [[nodiscard]] const ExportKind& kind() const { return view_.kind(); }
  /// The members are told what differs for peers of that kind.
  void change(ExportKind kind);
  /// Takes over what another group's members have been told, which are to be this one's: at most
  /// `limit` records from number `cursor` on, which moves. The other group must not work meanwhile,
  /// and this one not before it is at the end. Returns how many were looked at.
  std::size_t copy_told(const UpdateGroup& from, std::uint32_t& cursor, std::size_t limit);
  /// All members have been told all there is: two such groups of one kind hold the same.
  [[nodiscard]] bool settled() const;
  /// Takes the Adj-RIB-Out of a group that is about to go; whoever has it releases the attributes.
  [[nodiscard]] AdjRibOut<Address> take_told();

  // --- work ---
  /// Looks at about `limit` prefixes; returns how many. Sending counts, too: about as many as could
  /// be looked at in the time.
  std::size_t work(std::size_t limit, TimePoint now);
  /// Whether work() would do anything. Waiting for a peer is not work; a timer ends it.
  [[nodiscard]] bool has_work(TimePoint now) const;
  /// Of the journal: what is before it is no longer needed.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  // --- for show ---
  [[nodiscard]] const AdjRibOut<Address>& told() const { return told_; }
  /// What the member has been told of a prefix, or is about to be.
  [[nodiscard]] std::vector<const Advertised<Address>*> told(bgp::PeerId id,
                                                             const Prefix<Address>& prefix) const;
  /// Whether members hear of several paths to a prefix.
  [[nodiscard]] bool tells_several() const { return kind().paths != kOnePath; }
  /// The record of what is announced as that; or null.
  [[nodiscard]] const Advertised<Address>* find(const bgp::Nlri<Address>& route) const;
  /// As it is announced.
  [[nodiscard]] bgp::Nlri<Address> route_of(const Advertised<Address>& told) const;
  [[nodiscard]] std::uint32_t advertised(bgp::PeerId id) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  using Route = bgp::Nlri<Address>;
  struct Announce {
    AttributeId attributes;
    Route route;
    Audience to;
    bool fresh = false;  ///< nobody had been told of the route
  };
  struct Withdraw {
    Route route;
    Audience to;
  };
  /// A path that is to be told of; the number of the attributes is good for this round of work.
  struct Wanted {
    AttributeId attributes;
    PathName name;
  };
  /// What is to be said at one time.
  struct Batch {
    std::vector<Withdraw> withdraw;
    std::vector<Announce> announce;
    std::vector<bgp::PeerId> named;  ///< who hears something else than the others
  };
  enum class Walk : std::uint8_t {
    kTable,     ///< around all routes: what is to be told
    kTold,      ///< over Adj-RIB-Out: what is no longer true
    kFinished,  ///< from here on the journal is enough
  };
  using Members = std::vector<Member*>;
  /// A batch on its way to the members.
  struct Delivery {
    Batch batch;
    std::vector<bgp::PeerId> to;
    std::size_t next = 0;  ///< of `to`: whose turn it is
    /// The same messages serve all who speak BGP in the same way.
    struct Shared {
      bgp::CodecContext codec;
      bgp::NextHop next_hop;
      bgp::UpdateStream stream;
    };
    std::vector<Shared> shared;
    std::vector<bgp::PeerId> refreshed;  ///< for whom it is the end of a marked refresh
  };

  void walk_again();
  [[nodiscard]] bool changes_due() const;
  std::size_t tell_changes(std::size_t limit, TimePoint now);
  std::size_t gather(std::size_t limit, Batch& batch);
  std::size_t tell(const Prefix<Address>& prefix, const Path* path, Batch& batch);
  void tell_best(const Prefix<Address>& prefix, const Path* path, Batch& batch);
  [[nodiscard]] std::size_t choose_paths(const Prefix<Address>& prefix);
  std::size_t tell_paths(const Prefix<Address>& prefix, Batch& batch);
  void tell_path(const Prefix<Address>& prefix, const Wanted& path, Batch& batch);
  void untell(std::uint32_t number, Batch& batch);
  [[nodiscard]] std::uint32_t number_of(const Route& route) const;
  void count(bgp::PeerId from, int sign);

  void begin_lap(Member& member);
  std::size_t go_round(std::size_t limit, TimePoint now);
  std::size_t go_on(const Members& together, std::size_t limit);
  void advance(Member& member, std::uint32_t cursor);
  std::size_t catch_up(std::size_t limit);
  std::size_t catch_up(Member& member, std::size_t limit);
  void begin_round(Member& member);
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
  void send_to(const Member& member);
  [[nodiscard]] bgp::UpdateStream encode(const Batch& batch, const Member& member) const;
  static void note_missed(const Batch& batch, Member& member);

  GroupContext context_;
  FamilyRib<Address>& rib_;
  ExportView view_;
  TimerKey timer_;
  std::vector<Member> members_;
  AdjRibOut<Address> told_;
  std::vector<std::uint32_t> told_from_;  ///< how many of them came from a peer, by PeerId
  // Of several paths; reused from one prefix to the next.
  std::vector<typename FamilyRib<Address>::Offer> offers_;
  std::vector<Candidate> candidates_;
  std::vector<Wanted> wanted_;

  Walk walk_ = Walk::kTable;
  std::uint32_t cursor_ = 0;
  std::uint32_t walk_start_ = 0;
  bool walk_turned_ = false;
  std::uint64_t position_;  ///< in the journal
  unsigned turn_ = 0;       ///< which kind of work is done first
  std::optional<Delivery> delivery_;
};

extern template class UpdateGroup<Ipv4Address>;
extern template class UpdateGroup<Ipv6Address>;

/// The Adj-RIB-Outs of groups that are gone, whose attributes are released bit by bit.
template <class Address>
class Remains {
 public:
  explicit Remains(RibCore& core) : core_(core) {}
  ~Remains() { work(SIZE_MAX); }
  Remains(const Remains&) = delete;
  Remains& operator=(const Remains&) = delete;

  void add(AdjRibOut<Address> told) { told_.push_back(std::move(told)); }
  /// Looks at no more than `limit` prefixes; returns how many.
  std::size_t work(std::size_t limit);
  [[nodiscard]] bool empty() const { return told_.empty(); }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  RibCore& core_;
  std::deque<AdjRibOut<Address>> told_;
  std::uint32_t cursor_ = 0;
};

extern template class Remains<Ipv4Address>;
extern template class Remains<Ipv6Address>;

}  // namespace lastmile::rib
