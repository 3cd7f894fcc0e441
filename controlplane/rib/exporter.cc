#include "controlplane/rib/exporter.h"

#include <algorithm>

#include "dataplane/net/format.h"
#include "logging/log.h"

namespace lastmile::rib {
namespace {

/// Prefixes in one round of UPDATEs to one peer.
constexpr std::size_t kBatch = 1024;
/// A journal longer than this does not wait for peers that don't read: they walk the table instead.
constexpr std::size_t kLongJournal = 65536;

/// Next hop self, in the form that the family and the session allow (RFC 8950 section 4).
std::optional<bgp::NextHop> next_hop_self(bgp::Family family, const bgp::Negotiated& session) {
  const bgp::NextHop& own = session.local_next_hop;
  const bool v6_session = std::holds_alternative<Ipv6Address>(session.remote.address);
  bgp::NextHop v6;
  v6.global = own.global;
  v6.link_local = own.link_local;
  const bool has_v6 = v6.global || v6.link_local;

  if (family == bgp::Family::kIpv6Unicast) {
    if (!has_v6) return std::nullopt;
    return v6;
  }
  const auto& extended = session.codec.extended_next_hop;
  const bool v6_allowed = has_v6 && std::ranges::find(extended, family) != extended.end();
  if (v6_allowed && (v6_session || !own.v4)) return v6;
  if (!own.v4) return std::nullopt;
  bgp::NextHop v4;
  v4.v4 = own.v4;
  return v4;
}

template <class Address>
bgp::NlriList nlri_list(std::vector<bgp::Nlri<Address>> nlri) {
  return bgp::NlriList{std::move(nlri)};
}

}  // namespace

Exporter::~Exporter() {
  while (!peers_.empty()) peer_down(peers_.begin()->first);
  for (const auto& [key, out] : outgoing_) {
    core_.attributes.release(key.first);
    core_.attributes.release(out);
  }
}

void Exporter::peer_up(bgp::PeerId id, const bgp::Negotiated& negotiated, const Ribs& ribs) {
  peer_down(id);
  Peer& peer = peers_[id];
  peer.external = negotiated.external;
  peer.codec = negotiated.codec;
  const auto begin = [&]<class Address>(AdjRibOut<Address>& out, FamilyRib<Address>& rib) {
    constexpr bgp::Family kFamily = FamilyRib<Address>::kFamily;
    out.negotiated = std::ranges::find(negotiated.families, kFamily) != negotiated.families.end();
    out.next_hop = next_hop_self(kFamily, negotiated);
    if (out.negotiated && !out.next_hop) {
      log::warn("bgp: nothing of {} is announced to {}: we have no address that it could use",
                to_string(kFamily), negotiated.remote.address);
    }
    out.position = rib.journal().end();
  };
  begin(std::get<0>(peer.out), std::get<0>(ribs));
  begin(std::get<1>(peer.out), std::get<1>(ribs));
}

void Exporter::peer_down(bgp::PeerId id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  std::apply(
      [&](auto&... out) {
        const auto forget = [&](auto& told) {
          for (std::uint32_t i = 0; i < told.end(); ++i) {
            if (told[i].used) core_.attributes.release(told[i].attributes);
          }
        };
        (forget(out.told), ...);
      },
      found->second.out);
  peers_.erase(found);
}

void Exporter::refresh(bgp::PeerId id, bgp::Family family) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const auto restart = [](auto& out) {
    using Out = std::remove_reference_t<decltype(out)>;
    out.walk = Out::Walk::kTable;
    out.cursor = 0;
    out.repeat = true;
  };
  if (family == bgp::Family::kIpv4Unicast) {
    restart(std::get<0>(found->second.out));
  } else {
    restart(std::get<1>(found->second.out));
  }
}

AttributeId Exporter::outgoing(AttributeId attributes, bool external) {
  const auto [slot, fresh] = outgoing_.try_emplace({attributes, external});
  if (!fresh) return slot->second;
  core_.attributes.add_reference(attributes);
  bgp::PathAttributes out = core_.attributes.attributes(attributes);
  if (external) {
    out.as_path.prepend(own_asn_);
    out.local_preference.reset();  // RFC 4271 section 5.1.5
    out.med.reset();               // RFC 4271 section 5.1.4: not to be passed on
    out.originator_id.reset();     // RFC 4456 section 8
    out.cluster_list.clear();
  } else if (!out.local_preference) {
    out.local_preference = kDefaultLocalPreference;
  }
  slot->second = core_.attributes.intern(out);
  return slot->second;
}

template <class Address>
void Exporter::tell(Peer& peer, const Prefix<Address>& prefix, const Path* path,
                    Batch<Address>& batch) {
  auto& out = std::get<AdjRibOut<Address>>(peer.out);
  if (path == nullptr || !out.next_hop) {
    const std::uint32_t known = out.told.find(prefix);
    if (known == HashIndex::kNotFound) return;
    core_.attributes.release(out.told[known].attributes);
    out.told.erase(known);
    batch.withdraw.push_back({prefix, 0});
    return;
  }
  const AttributeId attributes = outgoing(path->attributes, peer.external);
  const auto [number, fresh] = out.told.find_or_insert(prefix);
  Advertised<Address>& told = out.told[number];
  if (!fresh && told.attributes == attributes && !out.repeat) return;
  core_.attributes.add_reference(attributes);
  if (!fresh) core_.attributes.release(told.attributes);
  told.attributes = attributes;
  batch.announce.push_back({attributes, prefix});
}

/// Looks at up to `limit` prefixes; puts what is to be said into `batch`.
template <class Address>
std::size_t Exporter::gather(Peer& peer, FamilyRib<Address>& rib, std::size_t limit,
                             Batch<Address>& batch) {
  auto& out = std::get<AdjRibOut<Address>>(peer.out);
  using Walk = typename AdjRibOut<Address>::Walk;
  auto& journal = rib.journal();
  if (out.position < journal.start) {  // fell behind
    out.position = journal.end();
    out.walk = Walk::kTable;
    out.cursor = 0;
  }

  std::size_t done = 0;
  for (; done < limit && out.walk == Walk::kTable; ++done) {
    if (out.cursor >= rib.table().end()) {
      out.walk = Walk::kTold;
      out.cursor = 0;
      out.repeat = false;
      break;
    }
    const auto& record = rib.table()[out.cursor++];
    if (const Path* path = rib.announcement(record)) tell(peer, record.prefix, path, batch);
  }
  for (; done < limit && out.walk == Walk::kTold; ++done) {
    if (out.cursor >= out.told.end()) {
      out.walk = Walk::kFinished;
      break;
    }
    const std::uint32_t number = out.cursor++;
    if (!out.told[number].used) continue;
    const Prefix<Address> prefix = out.told[number].prefix;
    if (rib.announcement(prefix) == nullptr) tell(peer, prefix, nullptr, batch);
  }
  for (; done < limit && out.position < journal.end(); ++done) {
    const Prefix<Address> prefix = journal.entries[out.position++ - journal.start];
    tell(peer, prefix, rib.announcement(prefix), batch);
  }
  return done;
}

template <class Address>
void Exporter::send(bgp::PeerId id, const Peer& peer, Batch<Address>& batch) {
  constexpr bgp::Family kFamily = FamilyRib<Address>::kFamily;
  if (!batch.withdraw.empty()) {
    bgp::Update update;
    update.unreach.push_back({kFamily, nlri_list(std::move(batch.withdraw))});
    output_.send_updates(id, encode(update, peer.codec));
  }
  std::ranges::stable_sort(batch.announce, {}, [](const auto& entry) { return entry.first; });
  for (auto at = batch.announce.begin(); at != batch.announce.end();) {
    const AttributeId attributes = at->first;
    std::vector<bgp::Nlri<Address>> nlri;
    for (; at != batch.announce.end() && at->first == attributes; ++at) {
      nlri.push_back({at->second, 0});
    }
    bgp::Update update;
    update.attributes = core_.attributes.attributes(attributes);
    update.reach.push_back(
        {kFamily, *std::get<AdjRibOut<Address>>(peer.out).next_hop, nlri_list(std::move(nlri))});
    output_.send_updates(id, encode(update, peer.codec));
  }
}

template <class Address>
bool Exporter::due(const Peer& peer, const FamilyRib<Address>& rib) const {
  const auto& out = std::get<AdjRibOut<Address>>(peer.out);
  if (!out.negotiated) return false;
  if (out.walk != AdjRibOut<Address>::Walk::kFinished) return true;
  if (out.position < rib.journal().end()) return true;
  return out.end_of_rib_due && !rib.awaits_confirmation();
}

template <class Address>
std::size_t Exporter::work_family(bgp::PeerId id, Peer& peer, FamilyRib<Address>& rib,
                                  std::size_t limit) {
  auto& out = std::get<AdjRibOut<Address>>(peer.out);
  std::size_t done = 0;
  while (done < limit && due(peer, rib) && output_.writable(id)) {
    Batch<Address> batch;
    const std::size_t looked_at = gather(peer, rib, std::min(kBatch, limit - done), batch);
    send(id, peer, batch);
    done += std::max<std::size_t>(looked_at, 1);
    if (out.end_of_rib_due && out.walk == AdjRibOut<Address>::Walk::kFinished &&
        out.position == rib.journal().end() && !rib.awaits_confirmation()) {
      out.end_of_rib_due = false;
      output_.send_updates(id, bgp::encode_end_of_rib(FamilyRib<Address>::kFamily));
    }
  }
  return done;
}

template <class Address>
void Exporter::trim_journal(FamilyRib<Address>& rib) {
  auto& journal = rib.journal();
  std::uint64_t slowest = journal.end();
  for (const auto& [id, peer] : peers_) {
    const auto& out = std::get<AdjRibOut<Address>>(peer.out);
    if (out.negotiated) slowest = std::min(slowest, out.position);
  }
  if (journal.entries.size() > kLongJournal) slowest = journal.end();
  journal.trim(slowest);
}

std::size_t Exporter::work(const Ribs& ribs, std::size_t limit) {
  std::size_t done = 0;
  for (auto& [id, peer] : peers_) {
    if (done >= limit) break;
    done += work_family(id, peer, std::get<0>(ribs), limit - done);
    if (done < limit) done += work_family(id, peer, std::get<1>(ribs), limit - done);
  }
  trim_journal(std::get<0>(ribs));
  trim_journal(std::get<1>(ribs));
  return done;
}

bool Exporter::has_work(const Ribs& ribs) const {
  return std::ranges::any_of(peers_, [&](const auto& entry) {
    const auto& [id, peer] = entry;
    return (due(peer, std::get<0>(ribs)) || due(peer, std::get<1>(ribs))) && output_.writable(id);
  });
}

PathCounts Exporter::advertised(bgp::PeerId id) const {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return {};
  return {static_cast<std::uint32_t>(std::get<0>(found->second.out).told.size()),
          static_cast<std::uint32_t>(std::get<1>(found->second.out).told.size())};
}

template <class Address>
std::vector<bgp::PeerId> Exporter::told(const Prefix<Address>& prefix) const {
  std::vector<bgp::PeerId> peers;
  for (const auto& [id, peer] : peers_) {
    if (std::get<AdjRibOut<Address>>(peer.out).told.find(prefix) != HashIndex::kNotFound) {
      peers.push_back(id);
    }
  }
  return peers;
}
template std::vector<bgp::PeerId> Exporter::told(const Ipv4Prefix&) const;
template std::vector<bgp::PeerId> Exporter::told(const Ipv6Prefix&) const;

std::size_t Exporter::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [id, peer] : peers_) {
    bytes += std::get<0>(peer.out).told.memory_bytes() + std::get<1>(peer.out).told.memory_bytes();
  }
  return bytes;
}

}  // namespace lastmile::rib
