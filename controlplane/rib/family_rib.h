// The routes of one address family: Adj-RIB-In of all peers, decision, Loc-RIB and what the
// forwarding tables hold, in one record for each prefix.
//
//   path comes, changes or goes ──> record is marked dirty ──> decide_dirty(): best paths, group,
//                                                              set_route or remove_route, journal
//
// A prefix that changes ten times before its turn is decided once. The change in the forwarding
// tables is always from what is there to what is to be: there is no moment without a route when
// there is another path.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "controlplane/rib/generated.h"
#include "controlplane/rib/journal.h"
#include "controlplane/rib/path_choice.h"
#include "controlplane/rib/prefix_table.h"
#include "controlplane/rib/record_paths.h"
#include "controlplane/rib/rib_core.h"
#include "controlplane/rib/unconfirmed.h"

namespace lastmile::rib {

template <class Address>
struct RouteRecord {
  Prefix<Address> prefix;
  PathList paths;  ///< after a decision the best path is the first
  ForwardingId forwarding = kNotForwarded;
  std::uint8_t flags = 0;
  bool used = false;  ///< PrefixTable's
};

/// RouteRecord::flags.
enum RecordFlag : std::uint8_t {
  kDirty = 1U << 0,        ///< waits for a decision
  kConfirmed = 1U << 1,    ///< workers see the route (kept for exportable routes only)
  kExportable = 1U << 2,   ///< the last decision found a path that may be announced
  kFibFailed = 1U << 3,    ///< the forwarding tables refused it; the reason is in fib_error()
  kUnconfirmed = 1U << 4,  ///< waits to become kConfirmed
};

template <class Address>
class FamilyRib {
 public:
  using Record = RouteRecord<Address>;
  static constexpr bgp::Family kFamily = kFamilyOf<Address>;

  explicit FamilyRib(RibCore& core) : core_(core) {}
  ~FamilyRib();
  FamilyRib(const FamilyRib&) = delete;
  FamilyRib& operator=(const FamilyRib&) = delete;

  // --- paths ---
  /// Adds the path or replaces the one of the same source and number. Takes references of its own
  /// to the attributes and the target. An identical path is left as it is, with its age.
  void set_path(const Prefix<Address>& prefix, const Path& path);
  void remove_path(const Prefix<Address>& prefix, SourceId source, std::uint16_t path_number = 0);
  /// Whether, and with which attributes, the peers hear of a local path. False if the source has no
  /// path to the prefix.
  bool set_announced(const Prefix<Address>& prefix, SourceId source, Announced announced,
                     AttributeId attributes);
  void prefetch(const Prefix<Address>& prefix) const { table_.prefetch(prefix); }

  // --- work ---
  /// All return how many records they looked at, at most `limit`.
  std::size_t decide_dirty(std::size_t limit);
  /// Removes the paths of departing sources from records number `cursor` on, and decides those.
  std::size_t sweep(std::uint32_t& cursor, std::size_t limit);
  /// Makes the paths of a source the last choice (RFC 9494 section 4.2), from record number
  /// `cursor` on; those that must not be kept so long go.
  std::size_t age(std::uint32_t& cursor, SourceId source, std::size_t limit);
  [[nodiscard]] std::size_t undecided() const { return dirty_.size(); }

  // --- routes that are there because of others ---
  /// All of them; what was there by others is asked anew. The changes follow in generated().
  void set_generated(std::vector<typename GeneratedRoutes<Address>::Rule> rules);
  [[nodiscard]] GeneratedRoutes<Address>& generated() { return generated_; }
  /// A summary-only aggregate has come or gone: what it covers is to be told of anew.
  void tell_covered();

  // --- after our own restart (RFC 4724 section 4.1) ---
  /// What BGP brings is forwarded, but not announced before release().
  void defer() { deferral_ = Deferral::kDeferred; }
  void release();
  /// Tells of what was held back; returns how many records it looked at.
  std::size_t tell_deferred(std::size_t limit);
  [[nodiscard]] bool has_deferred() const { return deferral_ == Deferral::kTelling; }

  // --- the forwarding tables' answers ---
  void on_failure(const Prefix<Address>& prefix, FibError error);
  /// Announces what the tables have taken, at most `limit` prefixes; returns how many it looked at.
  std::size_t on_applied(FibSequence applied, std::size_t limit);
  /// Whether on_applied() has more to do.
  [[nodiscard]] bool is_confirmed(FibSequence applied) const {
    return unconfirmed_.is_due(applied);
  }
  /// Room has become free: tries refused routes again, at most core.retry_credit and `limit`.
  void retry_failed(std::size_t limit);

  // --- for export and show ---
  [[nodiscard]] const PrefixTable<Record>& table() const { return table_; }
  /// Null: nothing is known of the prefix.
  [[nodiscard]] const Record* find(const Prefix<Address>& prefix) const;
  /// The path to announce, or null: exportable, and confirmed by the forwarding tables.
  [[nodiscard]] const Path* announcement(const Prefix<Address>& prefix) const;
  [[nodiscard]] const Path* announcement(const Record& record) const;
  /// Whether announcement() is to be asked later: a decision is due, and will be in the journal.
  /// Until then the path in front may be any, one that is refused too.
  [[nodiscard]] bool is_undecided(const Record& record) const {
    constexpr unsigned kBoth = kDirty | kExportable;
    return (record.flags & kBoth) == kBoth;
  }
  /// All paths that may be announced where announcement() is one of them, in no order (RFC 7911).
  struct Offer {
    const Path* path;
    Candidate candidate;
  };
  void offers(const Prefix<Address>& prefix, std::vector<Offer>& offers) const;
  [[nodiscard]] const FibError* fib_error(const Prefix<Address>& prefix) const;
  [[nodiscard]] std::size_t failures() const { return failed_.size(); }
  [[nodiscard]] std::uint32_t installed() const { return installed_; }
  [[nodiscard]] std::size_t memory_bytes() const;

  [[nodiscard]] Journal<Address>& journal() { return journal_; }
  [[nodiscard]] const Journal<Address>& journal() const { return journal_; }
  /// All that is known now.
  [[nodiscard]] Milestone milestone() const {
    return {Milestone::Stage::kDeciding, decided_ + undecided()};
  }
  /// Where it is now; at kJournaled it stays.
  [[nodiscard]] Milestone advanced(Milestone milestone) const;

 private:
  [[nodiscard]] RecordPaths<Address> paths_of(Record& record) {
    return {core_, record.prefix, record.paths};
  }
  void mark_dirty(std::uint32_t number);
  void erase_if_idle(std::uint32_t number);
  void decide_record(std::uint32_t number);
  void install(Record& record);
  void uninstall(Record& record);
  [[nodiscard]] bool may_announce(const Path& path) const;
  void note_export(Record& record);
  void note_cover(const Record& record);
  void note_generated(const Record& record);
  void fail(Record& record, FibError error);

  enum class Deferral : std::uint8_t { kNone, kDeferred, kTelling };

  RibCore& core_;
  Deferral deferral_ = Deferral::kNone;
  std::uint32_t tell_cursor_ = 0;
  GeneratedRoutes<Address> generated_;
  PrefixTable<Record> table_;
  std::deque<std::uint32_t> dirty_;
  std::uint64_t decided_ = 0;  ///< records that were dirty, ever
  PathChoice choice_{core_};
  Unconfirmed<Address> unconfirmed_;
  std::unordered_map<Prefix<Address>, FibError> failed_;
  std::uint32_t installed_ = 0;
  Journal<Address> journal_;
};

extern template class FamilyRib<Ipv4Address>;
extern template class FamilyRib<Ipv6Address>;

}  // namespace lastmile::rib
