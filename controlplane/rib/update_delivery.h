// A batch on its way to members of an update group, one after the other. Its messages are made once
// for all who speak BGP in the same way; each member gets a copy with its own next hop. Only for
// who is named in the batch they are made separately.
#pragma once

#include <cstddef>
#include <vector>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/rib/attribute_pool.h"
#include "controlplane/rib/update_batch.h"
#include "controlplane/rib/update_group_member.h"

namespace lastmile::rib {

template <class Address>
class UpdateDelivery {
 public:
  using Member = UpdateGroupMember<Address>;

  /// `to`: somebody, and with room in their queues. The references outlive the delivery.
  UpdateDelivery(const AttributePool& attributes, bgp::PeerOutput& output,
                 UpdateBatch<Address> batch, std::vector<bgp::PeerId> to);

  /// Behind it a marked refresh ends for that member (RFC 7313).
  void end_refresh(bgp::PeerId id) { refreshed_.push_back(id); }
  /// It is asked for another refresh before that: then the end is that of both. False: none was
  /// due.
  bool forget_end_of_refresh(bgp::PeerId id) { return std::erase(refreshed_, id) != 0; }
  /// Sends to this one now, if its turn is still to come: it leaves.
  void send_ahead(const Member& member);
  /// Sends to whose turn it is, if it is still one of `members`.
  void send_next(const std::vector<Member>& members);
  [[nodiscard]] bool finished() const { return next_ == to_.size(); }

 private:
  struct Shared {
    bgp::CodecContext codec;
    bgp::NextHop next_hop;
    bgp::UpdateStream stream;
  };
  void send_to(const Member& member);
  void end_refreshes_if_finished();
  [[nodiscard]] bgp::UpdateStream encode(const Member& member) const;

  const AttributePool& attributes_;
  bgp::PeerOutput& output_;
  UpdateBatch<Address> batch_;
  std::vector<bgp::PeerId> to_;
  std::size_t next_ = 0;  ///< of `to_`: whose turn it is
  std::vector<Shared> shared_;
  std::vector<bgp::PeerId> refreshed_;
};

extern template class UpdateDelivery<Ipv4Address>;
extern template class UpdateDelivery<Ipv6Address>;

}  // namespace lastmile::rib
