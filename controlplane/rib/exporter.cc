#include "controlplane/rib/exporter.h"

#include <algorithm>

#include "dataplane/net/format.h"
#include "logging/log.h"

namespace lastmile::rib {

// The export policies speak of the RIB's sources.
static_assert(static_cast<int>(SourceKind::kLocal) == static_cast<int>(policy::Source::kLocal) &&
              static_cast<int>(SourceKind::kBgp) == static_cast<int>(policy::Source::kBgp));

namespace {

/// Prefixes in one round of UPDATEs to one peer.
constexpr std::size_t kBatch = 1024;
/// A journal longer than this does not wait for peers that don't read: they walk the table instead.
constexpr std::size_t kLongJournal = 65536;

constexpr std::size_t kMostOutgoing = 65536;

/// RFC 6996.
bool is_private(bgp::Asn asn) {
  return (asn.value() >= 64512 && asn.value() <= 65534) ||
         (asn.value() >= 4200000000 && asn.value() <= 4294967294);
}

void remove_private(bgp::AsPath& path) {
  for (bgp::AsPath::Segment& segment : path.segments) std::erase_if(segment.asns, is_private);
  std::erase_if(path.segments, [](const bgp::AsPath::Segment& s) { return s.asns.empty(); });
}

void replace(bgp::AsPath& path, bgp::Asn old, bgp::Asn with) {
  for (bgp::AsPath::Segment& segment : path.segments) {
    std::ranges::replace(segment.asns, old, with);
  }
}

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
  forget_outgoing();
}

void Exporter::forget_outgoing() {
  for (const auto& [key, out] : outgoing_) {
    core_.attributes.release(std::get<AttributeId>(key));
    core_.attributes.release(out);
  }
  outgoing_.clear();
  last_.reset();
}

void Exporter::peer_up(bgp::PeerId id, const std::string& name, const bgp::Negotiated& negotiated,
                       const ExportOptions& options, const Ribs& ribs) {
  peer_down(id);
  Peer& peer = peers_[id];
  peer.id = id;
  peer.name = name;
  peer.external = negotiated.external;
  peer.asn = negotiated.remote_asn;
  peer.local_asn = negotiated.local_asn.value() != 0 ? negotiated.local_asn : own_asn_;
  peer.role = negotiated.role;
  peer.enhanced_refresh = negotiated.enhanced_refresh;
  peer.options = options;
  peer.variant = variant_of(peer);
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

void Exporter::reconfigure(bgp::PeerId id, const ExportOptions& options) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  const auto same_rules = [](const auto& a, const auto& b) {
    return a == b || (a && b && a->rules() == b->rules());
  };
  if (same_rules(peer.options.policy, options.policy)) {
    // The compiled policy stays the one that what was told was made by.
    ExportOptions same = options;
    same.policy = peer.options.policy;
    peer.options = same;
  } else {
    peer.options = options;
  }
  const std::uint16_t variant = variant_of(peer);
  if (variant == peer.variant) return;
  peer.variant = variant;
  std::apply(
      [](auto&... out) {
        const auto again = [](auto& family) {
          family.walk = std::remove_reference_t<decltype(family)>::Walk::kTable;
          family.cursor = 0;
        };
        (again(out), ...);
      },
      peer.out);
}

void Exporter::refresh(bgp::PeerId id, bgp::Family family) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const auto restart = [&](auto& out) {
    using Out = std::remove_reference_t<decltype(out)>;
    out.walk = Out::Walk::kTable;
    out.cursor = 0;
    out.repeat = true;
    // Before the End-of-RIB there is no refresh (RFC 7313 section 4). One that is asked for in the
    // middle of another makes that one longer.
    if (found->second.enhanced_refresh && !out.end_of_rib_due && out.mark == Out::Mark::kNone) {
      out.mark = Out::Mark::kBegin;
    }
  };
  if (family == bgp::Family::kIpv4Unicast) {
    restart(std::get<0>(found->second.out));
  } else {
    restart(std::get<1>(found->second.out));
  }
}

std::uint16_t Exporter::variant_of(const Peer& peer) {
  Variant variant;
  variant.external = peer.external;
  if (peer.options.as_override) variant.peer_asn = peer.asn;
  variant.local_as = peer.options.local_as.asn;
  variant.replace_as = peer.options.local_as.replace_as;
  variant.remove_private_as = peer.options.remove_private_as;
  variant.policy = peer.options.policy.get();
  if (peer.role && bgp::facts(*peer.role).unmarked_out == bgp::RoleFacts::Unmarked::kMark) {
    variant.only_to_customer = peer.local_asn;
  }
  const auto known = std::ranges::find(variants_, variant);
  if (known == variants_.end()) {
    variants_.push_back(variant);
    policies_.push_back(peer.options.policy);
    return static_cast<std::uint16_t>(variants_.size() - 1);
  }
  return static_cast<std::uint16_t>(known - variants_.begin());
}

const bgp::PathAttributes& Exporter::unpacked(AttributeId attributes) {
  if (!last_ || last_->first != attributes) {
    last_.emplace(attributes, core_.attributes.attributes(attributes));
  }
  return last_->second;
}

/// What no policy decides.
bool Exporter::may_tell(const Peer& peer, const Path& path,
                        const bgp::PathAttributes& attributes) const {
  const Source& source = core_.sources[path.source];
  const bool learned = source.kind == SourceKind::kBgp;
  if (learned && source.peer == peer.id) return false;
  // Not from one internal peer to another (RFC 4271 section 9.2.1): we are no reflector.
  if (learned && !source.external && !peer.external) return false;
  // RFC 9234 section 5, egress 2.
  if (peer.role && attributes.only_to_customer &&
      bgp::facts(*peer.role).marked_out == bgp::RoleFacts::MarkedOut::kHoldBack) {
    return false;
  }
  // RFC 8212.
  if (core_.mode != RouterMode::kHost && peer.external && !peer.options.policy) return false;
  const auto marked = [&](std::uint32_t community) {
    return std::ranges::binary_search(attributes.communities, bgp::Community{community});
  };
  // RFC 1997; marks that our own policy sets are for those who hear them.
  if (!learned) return true;
  if (marked(bgp::kNoAdvertise)) return false;
  return !peer.external || !(marked(bgp::kNoExport) || marked(bgp::kNoExportSubconfed));
}

template <class Address>
std::optional<AttributeId> Exporter::outgoing(const Peer& peer, const Prefix<Address>& prefix,
                                              const Path& path) {
  const bgp::PathAttributes& attributes = unpacked(path.attributes);
  if (!may_tell(peer, path, attributes)) return std::nullopt;
  std::size_t rule = 0;
  if (const policy::Policy* policy = peer.options.policy.get()) {
    const auto kind = static_cast<policy::Source>(core_.sources[path.source].kind);
    rule = policy->decide(prefix, {attributes, kind, peer.name, std::nullopt});
    if (!policy->accepts(rule)) return std::nullopt;
  }
  const auto [slot, fresh] = outgoing_.try_emplace({path.attributes, peer.variant, rule});
  if (fresh) {
    core_.attributes.add_reference(path.attributes);
    slot->second = make_outgoing(path.attributes, variants_[peer.variant], rule);
  }
  return slot->second;
}

AttributeId Exporter::make_outgoing(AttributeId attributes, const Variant& variant,
                                    std::size_t rule) {
  bgp::PathAttributes out = unpacked(attributes);
  if (variant.external) {
    out.local_preference.reset();  // RFC 4271 section 5.1.5
    out.med.reset();               // RFC 4271 section 5.1.4: not to be passed on
    out.originator_id.reset();     // RFC 4456 section 8
    out.cluster_list.clear();
    // RFC 4360 section 6.
    std::erase_if(out.extended_communities,
                  [](bgp::ExtendedCommunity c) { return !bgp::is_transitive(c); });
    if (variant.remove_private_as) remove_private(out.as_path);
    if (variant.peer_asn.value() != 0) replace(out.as_path, variant.peer_asn, own_asn_);
  }
  // Of a link that is not ours: the next hop is us.
  std::erase_if(out.extended_communities,
                [](bgp::ExtendedCommunity c) { return bgp::link_bandwidth(c).has_value(); });
  if (variant.policy != nullptr) variant.policy->apply(rule, own_asn_, out);
  if (!out.only_to_customer) out.only_to_customer = variant.only_to_customer;  // egress 1
  if (variant.external) {
    out.local_preference.reset();
    if (!variant.local_as || !variant.replace_as) out.as_path.prepend(own_asn_);
    if (variant.local_as) out.as_path.prepend(*variant.local_as);
  } else if (!out.local_preference) {
    out.local_preference = kDefaultLocalPreference;
  }
  return core_.attributes.intern(out);
}

template <class Address>
void Exporter::tell(Peer& peer, const Prefix<Address>& prefix, const Path* path,
                    Batch<Address>& batch) {
  auto& out = std::get<AdjRibOut<Address>>(peer.out);
  std::optional<AttributeId> announced;
  if (path != nullptr && out.next_hop) announced = outgoing(peer, prefix, *path);
  if (!announced) {
    const std::uint32_t known = out.told.find(prefix);
    if (known == HashIndex::kNotFound) return;
    core_.attributes.release(out.told[known].attributes);
    out.told.erase(known);
    batch.withdraw.push_back({prefix, 0});
    return;
  }
  const AttributeId attributes = *announced;
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
  using Mark = typename AdjRibOut<Address>::Mark;
  constexpr bgp::Family kFamily = FamilyRib<Address>::kFamily;
  std::size_t done = 0;
  while (done < limit && due(peer, rib) && output_.writable(id)) {
    if (out.mark == Mark::kBegin) {
      output_.send_route_refresh(id, {kFamily, bgp::RouteRefresh::kBegin});
      out.mark = Mark::kEnd;
    }
    Batch<Address> batch;
    const std::size_t looked_at = gather(peer, rib, std::min(kBatch, limit - done), batch);
    send(id, peer, batch);
    done += std::max<std::size_t>(looked_at, 1);
    if (out.mark == Mark::kEnd && out.walk == AdjRibOut<Address>::Walk::kFinished) {
      output_.send_route_refresh(id, {kFamily, bgp::RouteRefresh::kEnd});
      out.mark = Mark::kNone;
    }
    if (out.end_of_rib_due && out.walk == AdjRibOut<Address>::Walk::kFinished &&
        out.position == rib.journal().end() && !rib.awaits_confirmation()) {
      out.end_of_rib_due = false;
      output_.send_updates(id, bgp::encode_end_of_rib(kFamily));
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
  // What is in use is held by Adj-RIB-Out; the rest would only keep old attributes alive.
  if (outgoing_.size() > kMostOutgoing) forget_outgoing();
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

template <class Address>
std::optional<Exporter::Told> Exporter::told(bgp::PeerId id, const Prefix<Address>& prefix) const {
  const auto peer = peers_.find(id);
  if (peer == peers_.end()) return std::nullopt;
  const auto& out = std::get<AdjRibOut<Address>>(peer->second.out);
  const std::uint32_t number = out.told.find(prefix);
  if (number == HashIndex::kNotFound) return std::nullopt;
  return Told{out.told[number].attributes, *out.next_hop};
}
template std::optional<Exporter::Told> Exporter::told(bgp::PeerId, const Ipv4Prefix&) const;
template std::optional<Exporter::Told> Exporter::told(bgp::PeerId, const Ipv6Prefix&) const;

template <class Address>
bool Exporter::walk_told(
    bgp::PeerId id, std::uint32_t& cursor, std::size_t& limit,
    const std::function<void(const Prefix<Address>&, const Told&)>& visit) const {
  const auto peer = peers_.find(id);
  if (peer == peers_.end()) return true;
  const auto& out = std::get<AdjRibOut<Address>>(peer->second.out);
  for (; limit > 0 && cursor < out.told.end(); ++cursor) {
    const Advertised<Address>& told = out.told[cursor];
    if (!told.used) continue;
    --limit;
    visit(told.prefix, {told.attributes, *out.next_hop});
  }
  return cursor >= out.told.end();
}
template bool Exporter::walk_told(bgp::PeerId, std::uint32_t&, std::size_t&,
                                  const std::function<void(const Ipv4Prefix&, const Told&)>&) const;
template bool Exporter::walk_told(bgp::PeerId, std::uint32_t&, std::size_t&,
                                  const std::function<void(const Ipv6Prefix&, const Told&)>&) const;

std::size_t Exporter::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [id, peer] : peers_) {
    bytes += std::get<0>(peer.out).told.memory_bytes() + std::get<1>(peer.out).told.memory_bytes();
  }
  return bytes;
}

}  // namespace lastmile::rib
