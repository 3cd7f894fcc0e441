// Adj-RIB-Out: what each peer has been told, and telling it what is new.
//
// Peers that are told the same are members of one update group for each family (update_group.h),
// which does the telling. Here peers come, go, are given other options, and are put into groups.
//
// End-of-RIB (RFC 4724 section 2) follows the initial table, once the routes that waited for the
// forwarding tables are in it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/rib/export_view.h"
#include "controlplane/rib/family_rib.h"
#include "controlplane/rib/remains.h"
#include "controlplane/rib/update_group.h"

namespace lastmile::rib {

class Exporter {
 public:
  /// All of it outlives the exporter.
  Exporter(const GroupContext& context, FamilyRib<Ipv4Address>& ipv4, FamilyRib<Ipv6Address>& ipv6)
      : context_(context),
        families_(Family<Ipv4Address>(context, ipv4), Family<Ipv6Address>(context, ipv6)) {}

  void peer_up(bgp::PeerId peer, const std::string& name, const bgp::Negotiated& negotiated,
               const ExportOptions& options);
  void peer_down(bgp::PeerId peer);
  /// Other options for peers: each is told what differs for it. Peers without a session are passed
  /// over.
  using NewOptions = std::map<bgp::PeerId, ExportOptions>;
  void reconfigure(const NewOptions& options);
  void refresh(bgp::PeerId peer, bgp::Family family);
  /// A peer's send queue is empty again.
  void on_writable(bgp::PeerId peer);

  /// Sends to all peers that read, looking at about `limit` prefixes.
  void work(std::size_t limit, TimePoint now);
  /// As of the last work(). Waiting for a peer is not work.
  [[nodiscard]] bool has_work() const;

  [[nodiscard]] PathCounts advertised(bgp::PeerId peer) const;
  /// What a peer has been told of a prefix, or of one path to it.
  struct Told {
    AttributeId attributes;
    bgp::NextHop next_hop;
    std::optional<std::uint32_t> path_id;  ///< where it hears of several (RFC 7911)
  };
  template <class Address>
  [[nodiscard]] std::vector<Told> told(bgp::PeerId peer, const Prefix<Address>& prefix) const;
  /// Looks at no more than `limit` records from number `cursor` on, visits those that this peer was
  /// told, counts `limit` down, and moves `cursor`; true at the end.
  template <class Address>
  bool walk_told(bgp::PeerId peer, std::uint32_t& cursor, std::size_t& limit,
                 const std::function<void(const Prefix<Address>&, const Told&)>& visit) const;
  /// Of those who hear of one path: who has been told of the prefix.
  template <class Address>
  [[nodiscard]] std::vector<bgp::PeerId> told(const Prefix<Address>& prefix) const;
  /// Of those who hear of several: who has been told of that one.
  template <class Address>
  [[nodiscard]] std::vector<bgp::PeerId> told(const Prefix<Address>& prefix,
                                              const PathName& path) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  template <class Address>
  struct Family {
    using Group = UpdateGroup<Address>;
    Family(const GroupContext& context, FamilyRib<Address>& family_rib)
        : rib(family_rib), remains(std::make_unique<Remains<Address>>(context.core)) {}

    /// Members of a group that get another kind. They stay, and hear nothing, until the group that
    /// they leave for has been told what they have.
    struct Split {
      Group* from;
      std::unique_ptr<Group> to;
      std::uint32_t cursor = 0;
    };

    FamilyRib<Address>& rib;
    std::vector<std::unique_ptr<Group>> groups;
    std::vector<Split> splits;  ///< the first is under way
    std::size_t turn = 0;       ///< whose it is to go first
    std::unique_ptr<Remains<Address>> remains;

    [[nodiscard]] Group* group_of(bgp::PeerId peer) const;
    [[nodiscard]] bool is_split(const Group& group) const;
  };
  struct Peer {
    std::string name;
    bgp::Negotiated session;
    ExportOptions options;
  };

  template <class Address>
  [[nodiscard]] ExportKind kind_of(const Peer& peer) const;
  template <class Address>
  void join(Family<Address>& family, bgp::PeerId id, const Peer& peer);
  template <class Address>
  void leave(Family<Address>& family, bgp::PeerId id);
  template <class Address>
  void regroup(Family<Address>& family);
  template <class Address>
  std::size_t split(Family<Address>& family, std::size_t limit);
  template <class Address>
  void end_splits(Family<Address>& family, const UpdateGroup<Address>* of);
  template <class Address>
  bool merge(Family<Address>& family);
  template <class Address>
  void bury(Family<Address>& family, UpdateGroup<Address>& group);
  template <class Address>
  std::size_t work(Family<Address>& family, std::size_t limit, TimePoint now);
  template <class Address>
  void trim_journal(Family<Address>& family);
  template <class Address>
  [[nodiscard]] const Family<Address>& family() const {
    return std::get<Family<Address>>(families_);
  }

  GroupContext context_;
  std::map<bgp::PeerId, Peer> peers_;
  std::tuple<Family<Ipv4Address>, Family<Ipv6Address>> families_;
  std::uint32_t last_group_ = 0;
  TimePoint now_{};
  bool ipv6_first_ = false;  ///< the families take turns
  bool may_merge_ = false;   ///< there may be several groups of a kind
};

}  // namespace lastmile::rib
