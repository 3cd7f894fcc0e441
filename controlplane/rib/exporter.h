// Adj-RIB-Out: what each peer has been told, and telling it what is new.
//
//   journal of changed prefixes ──> peer's position ──> differs from Adj-RIB-Out? ──> batch by
//                                                        attribute set ──> UPDATE messages
//
// Each peer reads the families' journals at its own pace, so a slow one costs the others nothing.
// A new peer (and one that asks for a refresh, or has fallen too far behind) walks the whole table
// once. What was told is compared with what is to be told, so nothing is said twice, and a peer
// that missed ten changes of a prefix hears of the last one only.
//
// Nothing is sent while the peer is not writable(); End-of-RIB (RFC 4724 section 2) follows the
// initial table, once the routes that waited for the forwarding tables are in it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/config/config.h"
#include "controlplane/policy/policy.h"
#include "controlplane/rib/family_rib.h"

namespace lastmile::rib {

/// What a peer has been told of one prefix.
template <class Address>
struct Advertised {
  Prefix<Address> prefix;
  AttributeId attributes;
  bool used = false;  ///< PrefixTable's
};

/// One family of one peer.
template <class Address>
struct AdjRibOut {
  enum class Walk : std::uint8_t {
    kTable,     ///< over all routes: what is to be told
    kTold,      ///< over Adj-RIB-Out: what is no longer true
    kFinished,  ///< from here on the journal is enough
  };
  bool negotiated = false;
  std::optional<bgp::NextHop> next_hop;  ///< none: we have no address that the peer could use
  PrefixTable<Advertised<Address>> told;
  Walk walk = Walk::kTable;
  std::uint32_t cursor = 0;
  bool repeat = false;  ///< say again what is unchanged: a route refresh (RFC 2918)
  /// The mark that is due (RFC 7313): before the next routes, behind the last ones.
  enum class Mark : std::uint8_t { kNone, kBegin, kEnd };
  Mark mark = Mark::kNone;
  bool end_of_rib_due = true;
  std::uint64_t position = 0;  ///< in the journal
};

/// What the configuration says of the routes that a peer is told.
struct ExportOptions {
  LocalAs local_as;
  bool as_override = false;
  bool remove_private_as = false;
  std::shared_ptr<const policy::Policy> policy;
};

class Exporter {
 public:
  Exporter(RibCore& core, bgp::Asn own_asn, bgp::PeerOutput& output)
      : core_(core), own_asn_(own_asn), output_(output) {}
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  using Ribs = std::tuple<FamilyRib<Ipv4Address>&, FamilyRib<Ipv6Address>&>;

  void peer_up(bgp::PeerId peer, const std::string& name, const bgp::Negotiated& negotiated,
               const ExportOptions& options, const Ribs& ribs);
  void peer_down(bgp::PeerId peer);
  /// Other options for a peer: it is told what differs for it.
  void reconfigure(bgp::PeerId peer, const ExportOptions& options);
  void refresh(bgp::PeerId peer, bgp::Family family);

  /// Sends to all writable peers, looking at no more than `limit` prefixes; returns how many.
  std::size_t work(const Ribs& ribs, std::size_t limit);
  [[nodiscard]] bool has_work(const Ribs& ribs) const;

  [[nodiscard]] PathCounts advertised(bgp::PeerId peer) const;
  /// What a peer has been told of a prefix.
  struct Told {
    AttributeId attributes;
    bgp::NextHop next_hop;
  };
  template <class Address>
  [[nodiscard]] std::optional<Told> told(bgp::PeerId peer, const Prefix<Address>& prefix) const;
  /// Visits at most `limit` prefixes from record number `cursor` on, counts `limit` down, and moves
  /// `cursor`; true at the end.
  template <class Address>
  bool walk_told(bgp::PeerId peer, std::uint32_t& cursor, std::size_t& limit,
                 const std::function<void(const Prefix<Address>&, const Told&)>& visit) const;
  template <class Address>
  [[nodiscard]] std::vector<bgp::PeerId> told(const Prefix<Address>& prefix) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Peer {
    bgp::PeerId id;
    std::string name;
    bool external = true;
    bgp::Asn asn;
    bgp::Asn local_asn;  ///< the one that the peer sees
    std::optional<bgp::Role> role;
    bool enhanced_refresh = false;  ///< begin and end are marked (RFC 7313)
    ExportOptions options;
    std::uint16_t variant = 0;  ///< in variants_
    bgp::CodecContext codec;
    std::tuple<AdjRibOut<Ipv4Address>, AdjRibOut<Ipv6Address>> out;
  };
  template <class Address>
  struct Batch {
    std::vector<bgp::Nlri<Address>> withdraw;
    std::vector<std::pair<AttributeId, Prefix<Address>>> announce;
  };

  template <class Address>
  std::size_t work_family(bgp::PeerId id, Peer& peer, FamilyRib<Address>& rib, std::size_t limit);
  template <class Address>
  std::size_t gather(Peer& peer, FamilyRib<Address>& rib, std::size_t limit, Batch<Address>& batch);
  template <class Address>
  void tell(Peer& peer, const Prefix<Address>& prefix, const Path* path, Batch<Address>& batch);
  template <class Address>
  void send(bgp::PeerId id, const Peer& peer, Batch<Address>& batch);
  template <class Address>
  [[nodiscard]] bool due(const Peer& peer, const FamilyRib<Address>& rib) const;
  template <class Address>
  void trim_journal(FamilyRib<Address>& rib);
  /// How the attributes look to a kind of peer.
  struct Variant {
    bool external = true;
    bgp::Asn peer_asn;  ///< 0 unless it matters (as-override)
    std::optional<bgp::Asn> local_as;
    bool replace_as = false;
    bool remove_private_as = false;
    std::optional<bgp::Asn> only_to_customer;  ///< for routes without the mark (RFC 9234)
    const policy::Policy* policy = nullptr;

    friend bool operator==(const Variant&, const Variant&) = default;
  };
  [[nodiscard]] std::uint16_t variant_of(const Peer& peer);
  [[nodiscard]] bool may_tell(const Peer& peer, const Path& path,
                              const bgp::PathAttributes& attributes) const;
  /// What the peer is told of a path; nullopt: nothing.
  template <class Address>
  [[nodiscard]] std::optional<AttributeId> outgoing(const Peer& peer, const Prefix<Address>& prefix,
                                                    const Path& path);
  [[nodiscard]] AttributeId make_outgoing(AttributeId attributes, const Variant& variant,
                                          std::size_t rule);
  void forget_outgoing();
  const bgp::PathAttributes& unpacked(AttributeId attributes);

  RibCore& core_;
  bgp::Asn own_asn_;
  bgp::PeerOutput& output_;
  std::map<bgp::PeerId, Peer> peers_;
  std::vector<Variant> variants_;
  std::vector<std::shared_ptr<const policy::Policy>> policies_;  ///< that variants point at
  /// Attributes as in Loc-RIB, variant and rule → as announced. Holds references to both.
  std::map<std::tuple<AttributeId, std::uint16_t, std::size_t>, AttributeId> outgoing_;
  /// The set that was looked at last: routes that share one come together.
  std::optional<std::pair<AttributeId, bgp::PathAttributes>> last_;
};

}  // namespace lastmile::rib
