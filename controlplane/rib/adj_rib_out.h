// What the members of an update group have been told, kept up with the Loc-RIB.
//
//   journal of changed prefixes ─┐
//                                ├─> differs from what was told? ──> batch of what is to be said
//   the whole table, at first ───┘
//
//   AdjRibOut<Address> told(core, rib, own_asn, kind);
//   told.gather(limit, batch);       // the records are as if the batch had been sent
//
// Where peers take several paths to a prefix (RFC 7911) each path is a route by itself: a record,
// told and withdrawn by its identifier, which names whom the path came from and so stays as long as
// there is a path from there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "controlplane/rib/advertised.h"
#include "controlplane/rib/export_view.h"
#include "controlplane/rib/family_rib.h"
#include "controlplane/rib/update_batch.h"

namespace lastmile::rib {

template <class Address>
class AdjRibOut {
 public:
  using Route = bgp::Nlri<Address>;
  using Batch = UpdateBatch<Address>;

  /// The references outlive it.
  AdjRibOut(RibCore& core, const FamilyRib<Address>& rib, bgp::Asn own_asn, ExportKind kind);
  ~AdjRibOut();
  AdjRibOut(const AdjRibOut&) = delete;
  AdjRibOut& operator=(const AdjRibOut&) = delete;

  [[nodiscard]] const ExportKind& kind() const { return view_.kind(); }
  /// From here on as for peers of another kind: goes around the whole table again.
  void change(ExportKind kind);

  // --- keeping up ---
  /// To be called before each round of work, when no batch holds a number of gather().
  void tidy() { view_.tidy(); }
  /// Looks at up to `limit` paths; puts what is to be said into `batch`. Returns how many it was.
  std::size_t gather(std::size_t limit, Batch& batch);
  [[nodiscard]] bool changes_due() const;
  /// Has been around the table: from here on the journal is enough.
  [[nodiscard]] bool has_walked() const { return walk_ == Walk::kFinished; }
  /// In the journal: what is before it is no longer needed.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  // --- records ---
  [[nodiscard]] const AdvertisedTable<Address>& table() const { return told_; }
  /// Whether there may be several to a prefix.
  [[nodiscard]] bool tells_several() const { return kind().paths != kOnePath; }
  /// As it is announced.
  [[nodiscard]] Route route_of(const Advertised<Address>& told) const {
    return {told.prefix, tells_several() ? path_id(told.from, told.number) : 0};
  }
  /// The record of what is announced as that; or null.
  [[nodiscard]] const Advertised<Address>* find(const Route& route) const;
  /// Of a prefix, for a member: what came from itself it has not been told.
  [[nodiscard]] std::vector<const Advertised<Address>*> told_to(
      bgp::PeerId id, const Prefix<Address>& prefix) const;
  [[nodiscard]] std::uint32_t count_told_to(bgp::PeerId id) const;

  // --- groups that split and end ---
  /// Takes over at most `limit` records of another one, from number `cursor` on, which moves. The
  /// other one must not change meanwhile, and this one not before it is at the end. Returns how
  /// many were looked at.
  std::size_t copy(const AdjRibOut& from, std::uint32_t& cursor, std::size_t limit);
  /// Whoever has the table releases the attributes.
  [[nodiscard]] AdvertisedTable<Address> take();

 private:
  /// A path that is to be told of; the number of the attributes is good for this round of work.
  struct Wanted {
    AttributeId attributes;
    PathName name;
  };
  enum class Walk : std::uint8_t {
    kTable,     ///< around all routes: what is to be told
    kTold,      ///< over the records: what is no longer true
    kFinished,  ///< from here on the journal is enough
  };

  void walk_again();
  std::size_t tell(const Prefix<Address>& prefix, const Path* path, Batch& batch);
  void tell_best(const Prefix<Address>& prefix, const Path* path, Batch& batch);
  [[nodiscard]] std::size_t choose_paths(const Prefix<Address>& prefix);
  std::size_t tell_paths(const Prefix<Address>& prefix, Batch& batch);
  void tell_path(const Prefix<Address>& prefix, const Wanted& path, Batch& batch);
  void untell(std::uint32_t number, Batch& batch);
  [[nodiscard]] std::uint32_t number_of(const Route& route) const;
  void count(bgp::PeerId from, int sign);

  RibCore& core_;
  const FamilyRib<Address>& rib_;
  ExportView view_;
  AdvertisedTable<Address> told_;
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
};

extern template class AdjRibOut<Ipv4Address>;
extern template class AdjRibOut<Ipv6Address>;

}  // namespace lastmile::rib
