#include "controlplane/rib/export_view.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace lastmile::rib {

// The export policies speak of the RIB's sources.
static_assert(static_cast<int>(SourceKind::kLocal) == static_cast<int>(policy::Source::kLocal) &&
              static_cast<int>(SourceKind::kBgp) == static_cast<int>(policy::Source::kBgp));

namespace {

/// What is in use is held by Adj-RIB-Out; more than this would only keep old attributes alive.
constexpr std::size_t kMostMade = 16384;
/// Of the old ones, that are let go in one round of work at least. Each costs as much as to look at
/// a route.
constexpr std::size_t kLetGo = 512;

/// RFC 6996.
bool is_private(bgp::Asn asn) {
  return (asn.value() >= 64512 && asn.value() <= 65534) ||
         (asn.value() >= 4200000000 && asn.value() <= 4294967294);
}

void remove_private(bgp::AsPath& path) {
  for (bgp::AsPath::Segment& segment : path.segments) std::erase_if(segment.asns, is_private);
  std::erase_if(path.segments, [](const bgp::AsPath::Segment& s) { return s.asns.empty(); });
}

/// Communities are sorted, and each is there once.
void add(std::vector<bgp::Community>& communities, bgp::Community community) {
  const auto at = std::ranges::lower_bound(communities, community);
  if (at == communities.end() || *at != community) communities.insert(at, community);
}

void replace(bgp::AsPath& path, bgp::Asn old, bgp::Asn with) {
  for (bgp::AsPath::Segment& segment : path.segments) {
    std::ranges::replace(segment.asns, old, with);
  }
}

bool asks_for_neighbors(const policy::Policy& policy) {
  return std::ranges::any_of(
      policy.rules().rules, [](const policy::Rule& rule) { return !rule.match.neighbors.empty(); });
}

std::uint64_t memo_key(AttributeId attributes, std::size_t rule) {
  return std::uint64_t{rule} << 32 | attributes.value();
}

AttributeId attributes_of(std::uint64_t key) {
  return AttributeId{static_cast<std::uint32_t>(key)};
}

}  // namespace

ExportKind export_kind(const std::string& name, const bgp::Negotiated& session,
                       const ExportOptions& options, bgp::Asn own) {
  ExportKind kind;
  kind.external = session.external;
  if (options.as_override) kind.peer_asn = session.remote_asn;
  kind.local_as = options.local_as.asn;
  kind.replace_as = options.local_as.replace_as;
  kind.remove_private_as = options.remove_private_as;
  kind.graceful_shutdown = options.graceful_shutdown;
  kind.role = session.role;
  kind.long_lived = session.long_lived.has_value();
  kind.aigp = session.codec.aigp;
  kind.policy = options.policy;
  if (kind.policy && asks_for_neighbors(*kind.policy)) kind.name = name;
  if (kind.role && bgp::facts(*kind.role).unmarked_out == bgp::RoleFacts::Unmarked::kMark) {
    kind.only_to_customer = session.local_asn.value() != 0 ? session.local_asn : own;
  }
  return kind;
}

bool operator==(const ExportKind& a, const ExportKind& b) {
  const auto rest = [](const ExportKind& k) {
    return std::tie(k.external, k.peer_asn, k.local_as, k.replace_as, k.remove_private_as,
                    k.graceful_shutdown, k.role, k.only_to_customer, k.name, k.long_lived, k.aigp,
                    k.paths, k.has_next_hop);
  };
  if (rest(a) != rest(b)) return false;
  return a.policy == b.policy || (a.policy && b.policy && a.policy->rules() == b.policy->rules());
}

ExportView::~ExportView() {
  for (const auto& made : made_) release(made);
  for (const auto& made : retired_) release(made);
}

void ExportView::tidy() {
  // It has no reference to the set, and numbers are used again.
  last_.reset();
  // As many as were made since the last time, or there would be ever more of them.
  const std::size_t grown = made_.size() - std::min(made_.size(), tidied_);
  tidied_ = made_.size();
  const std::size_t most = std::max(kLetGo, grown);
  for (std::size_t n = 0; n < most && !retired_.empty(); ++n) {
    release(*retired_.begin());
    retired_.erase(retired_.begin());
  }
  // The old ones have gone before others become old.
  if (made_.size() > kMostMade && retired_.empty()) retire();
}

void ExportView::change(ExportKind kind) {
  retire();
  kind_ = std::move(kind);
}

void ExportView::release(const Made::value_type& made) {
  core_.attributes.release(attributes_of(made.first));
  core_.attributes.release(made.second);
}

void ExportView::retire() {
  tidied_ = 0;
  if (retired_.empty()) {
    retired_ = std::exchange(made_, {});
    // As many again, and no moment in which all of them are hashed anew.
    made_.reserve(kMostMade);
  } else {
    // Reload right after reload.
    for (const auto& made : made_) release(made);
    made_.clear();
  }
  last_.reset();
}

const bgp::PathAttributes& ExportView::unpacked(AttributeId attributes) {
  if (!last_ || last_->first != attributes) {
    last_.emplace(attributes, core_.attributes.attributes(attributes));
  }
  return last_->second;
}

/// What no policy decides.
bool ExportView::may_tell(const Path& path, const bgp::PathAttributes& attributes) const {
  const Source& source = core_.sources[path.source];
  const bool learned = source.kind == SourceKind::kBgp;
  // Not from one internal peer to another (RFC 4271 section 9.2.1): we are no reflector.
  if (learned && !source.external && !kind_.external) return false;
  // RFC 9234 section 5, egress 2.
  if (kind_.role && attributes.only_to_customer &&
      bgp::facts(*kind_.role).marked_out == bgp::RoleFacts::MarkedOut::kHoldBack) {
    return false;
  }
  // RFC 8212.
  if (core_.mode != RouterMode::kHost && kind_.external && !kind_.policy) return false;
  const auto marked = [&](std::uint32_t community) {
    return std::ranges::binary_search(attributes.communities, bgp::Community{community});
  };
  // RFC 1997; marks that our own policy sets are for those who hear them.
  if (!learned) return true;
  if (marked(bgp::kNoAdvertise)) return false;
  // RFC 9494 section 4.3: not to who takes it for a route like others.
  if (marked(bgp::kLongLivedStale) && !kind_.long_lived) return false;
  return !kind_.external || !(marked(bgp::kNoExport) || marked(bgp::kNoExportSubconfed));
}

template <class Address>
std::optional<AttributeId> ExportView::outgoing(const Prefix<Address>& prefix, const Path& path) {
  if (!kind_.has_next_hop) return std::nullopt;
  const bgp::PathAttributes& attributes = unpacked(path.attributes);
  if (!may_tell(path, attributes)) return std::nullopt;
  std::size_t rule = 0;
  if (const policy::Policy* policy = kind_.policy.get()) {
    const auto source = static_cast<policy::Source>(core_.sources[path.source].kind);
    rule = policy->decide(prefix, {attributes, source, kind_.name, std::nullopt});
    if (!policy->accepts(rule)) return std::nullopt;
  }
  const auto [slot, fresh] = made_.try_emplace(memo_key(path.attributes, rule));
  if (fresh) {
    core_.attributes.add_reference(path.attributes);
    slot->second = make_outgoing(path.attributes, rule);
  }
  return slot->second;
}
template std::optional<AttributeId> ExportView::outgoing(const Ipv4Prefix&, const Path&);
template std::optional<AttributeId> ExportView::outgoing(const Ipv6Prefix&, const Path&);

/// With replace-as nothing tells of router.asn (RFC 7705 section 3.2).
bgp::Asn ExportView::shown_asn() const {
  return kind_.local_as && kind_.replace_as ? *kind_.local_as : own_asn_;
}

AttributeId ExportView::make_outgoing(AttributeId attributes, std::size_t rule) {
  bgp::PathAttributes out = unpacked(attributes);
  if (kind_.external) {
    out.local_preference.reset();  // RFC 4271 section 5.1.5
    // RFC 5065 section 4.1: an internal neighbor may be in one, of which nobody hears outside.
    std::erase_if(out.as_path.segments, [](const auto& s) { return s.is_confederation(); });
    // RFC 4271 section 5.1.4: what another AS sent is not to be passed on; our own may be told.
    if (!out.as_path.segments.empty()) out.med.reset();
    out.originator_id.reset();  // RFC 4456 section 8
    out.cluster_list.clear();
    // RFC 4360 section 6.
    std::erase_if(out.extended_communities,
                  [](bgp::ExtendedCommunity c) { return !bgp::is_transitive(c); });
    if (kind_.remove_private_as) remove_private(out.as_path);
    if (kind_.peer_asn.value() != 0) replace(out.as_path, kind_.peer_asn, shown_asn());
  }
  // Of a link that is not ours: the next hop is us.
  std::erase_if(out.extended_communities,
                [](bgp::ExtendedCommunity c) { return bgp::link_bandwidth(c).has_value(); });
  // RFC 7311 section 3.4.3: the next hop becomes us, which costs more than nothing.
  if (out.aigp && ++out.aigp->metric == bgp::Aigp::kUnusable) out.aigp.reset();
  if (kind_.policy) kind_.policy->apply(rule, kind_.external ? shown_asn() : own_asn_, out);
  if (!kind_.aigp) out.aigp.reset();
  if (!out.only_to_customer) out.only_to_customer = kind_.only_to_customer;  // egress 1
  if (kind_.graceful_shutdown) add(out.communities, bgp::Community{bgp::kGracefulShutdown});
  if (kind_.external) {
    out.local_preference.reset();
    if (kind_.local_as && !kind_.replace_as) out.as_path.prepend(own_asn_);
    out.as_path.prepend(kind_.local_as.value_or(own_asn_));
  } else if (!out.local_preference) {
    out.local_preference = kDefaultLocalPreference;
  }
  return core_.attributes.intern(out);
}

}  // namespace lastmile::rib
