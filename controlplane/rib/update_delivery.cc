#include "controlplane/rib/update_delivery.h"

#include <algorithm>
#include <utility>

namespace lastmile::rib {

template <class Address>
UpdateDelivery<Address>::UpdateDelivery(const AttributePool& attributes, bgp::PeerOutput& output,
                                        UpdateBatch<Address> batch, std::vector<bgp::PeerId> to)
    : attributes_(attributes), output_(output), batch_(std::move(batch)), to_(std::move(to)) {
  std::ranges::stable_sort(batch_.announce, {}, &UpdateBatch<Address>::Announce::attributes);
  std::ranges::sort(batch_.named);
}

template <class Address>
void UpdateDelivery<Address>::send_next(const std::vector<Member>& members) {
  const auto member = std::ranges::find(members, to_[next_], &Member::id);
  if (member != members.end()) send_to(*member);
  ++next_;
  end_refreshes_if_finished();
}

template <class Address>
void UpdateDelivery<Address>::send_ahead(const Member& member) {
  const auto turn =
      std::find(to_.begin() + static_cast<std::ptrdiff_t>(next_), to_.end(), member.id);
  if (turn != to_.end()) {
    send_to(member);
    to_.erase(turn);
  }
  if (forget_end_of_refresh(member.id)) {
    output_.send_route_refresh(member.id, {kFamilyOf<Address>, bgp::RouteRefresh::kEnd});
  }
  end_refreshes_if_finished();
}

template <class Address>
void UpdateDelivery<Address>::end_refreshes_if_finished() {
  if (!finished()) return;
  for (const bgp::PeerId id : refreshed_) {
    output_.send_route_refresh(id, {kFamilyOf<Address>, bgp::RouteRefresh::kEnd});
  }
}

template <class Address>
void UpdateDelivery<Address>::send_to(const Member& member) {
  if (std::ranges::binary_search(batch_.named, member.id)) {
    bgp::UpdateStream own = encode(member);
    if (!own.octets.empty()) output_.send_updates(member.id, std::move(own.octets));
    return;
  }
  auto found = std::ranges::find_if(shared_, [&](const Shared& shared) {
    return shared.codec == member.codec &&
           same_form(kFamilyOf<Address>, shared.next_hop, member.next_hop);
  });
  if (found == shared_.end()) {
    shared_.push_back({member.codec, member.next_hop, encode(member)});
    found = shared_.end() - 1;
  }
  if (found->stream.octets.empty()) return;
  output_.send_updates(member.id,
                       with_next_hop(found->stream, kFamilyOf<Address>, member.next_hop));
}

/// The messages for one member, next hop included.
template <class Address>
bgp::UpdateStream UpdateDelivery<Address>::encode(const Member& member) const {
  bgp::UpdateStream stream;
  std::vector<bgp::Nlri<Address>> nlri;
  for (const auto& entry : batch_.withdraw) {
    if (entry.to.includes(member.id)) nlri.push_back(entry.route);
  }
  if (!nlri.empty()) {
    bgp::Update update;
    update.unreach.push_back({kFamilyOf<Address>, bgp::NlriList{std::move(nlri)}});
    append(update, member.codec, stream);
  }
  for (auto at = batch_.announce.begin(); at != batch_.announce.end();) {
    const AttributeId attributes = at->attributes;
    nlri = {};
    for (; at != batch_.announce.end() && at->attributes == attributes; ++at) {
      if (at->to.includes(member.id)) nlri.push_back(at->route);
    }
    if (nlri.empty()) continue;
    bgp::Update update;
    update.attributes = attributes_.attributes(attributes);
    update.reach.push_back({kFamilyOf<Address>, member.next_hop, bgp::NlriList{std::move(nlri)}});
    append(update, member.codec, stream);
  }
  return stream;
}

template class UpdateDelivery<Ipv4Address>;
template class UpdateDelivery<Ipv6Address>;

}  // namespace lastmile::rib
