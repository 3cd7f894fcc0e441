#include "controlplane/rib/exporter.h"

#include <algorithm>

#include "dataplane/net/format.h"
#include "logging/log.h"

namespace lastmile::rib {
namespace {

/// A journal longer than this does not wait for peers that don't read: they walk the table instead.
constexpr std::size_t kLongJournal = 262144;
/// Of a group that is gone, in each slice, however much else there is to do.
constexpr std::size_t kLeastRemains = 128;

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

/// The compiled policy stays the one that what was told was made by, if the rules are the same.
ExportOptions keep_policy(const ExportOptions& wanted, const ExportOptions& before) {
  ExportOptions options = wanted;
  if (options.policy && before.policy && options.policy->rules() == before.policy->rules()) {
    options.policy = before.policy;
  }
  return options;
}

}  // namespace

template <class Address>
UpdateGroup<Address>* Exporter::Family<Address>::group_of(bgp::PeerId peer) const {
  const auto found =
      std::ranges::find_if(groups, [&](const auto& group) { return group->has(peer); });
  return found == groups.end() ? nullptr : found->get();
}

template <class Address>
bool Exporter::Family<Address>::is_split(const Group& group) const {
  return std::ranges::any_of(splits, [&](const Split& split) { return split.from == &group; });
}

template <class Address>
ExportKind Exporter::kind_of(const Peer& peer) const {
  ExportKind kind = export_kind(peer.name, peer.session, peer.options, context_.own_asn);
  constexpr bgp::Family kFamily = FamilyRib<Address>::kFamily;
  kind.has_next_hop = next_hop_self(kFamily, peer.session).has_value();
  const bool ids = peer.session.codec.own_path_ids_of(kFamily) == bgp::PathIds::kPresent;
  kind.paths = ids ? peer.options.add_path_limit : kOnePath;
  return kind;
}

// --- peers ---------------------------------------------------------------------------------------

void Exporter::peer_up(bgp::PeerId id, const std::string& name, const bgp::Negotiated& negotiated,
                       const ExportOptions& options) {
  peer_down(id);
  const Peer& peer = peers_[id] = {name, negotiated, options};
  std::apply([&](auto&... family) { (join(family, id, peer), ...); }, families_);
}

template <class Address>
void Exporter::join(Family<Address>& family, bgp::PeerId id, const Peer& peer) {
  constexpr bgp::Family kFamily = FamilyRib<Address>::kFamily;
  if (std::ranges::find(peer.session.families, kFamily) == peer.session.families.end()) return;
  const auto next_hop = next_hop_self(kFamily, peer.session);
  if (!next_hop) {
    log::warn("bgp: nothing of {} is announced to {}: we have no address that it could use",
              to_string(kFamily), peer.session.remote.address);
  }
  UpdateGroupMember<Address> member;
  member.id = id;
  member.codec = peer.session.codec;
  member.next_hop = next_hop.value_or(bgp::NextHop{});
  member.marks_refreshes = peer.session.enhanced_refresh;

  const ExportKind kind = kind_of<Address>(peer);
  auto found =
      std::ranges::find_if(family.groups, [&](const auto& group) { return group->kind() == kind; });
  if (found == family.groups.end()) {
    family.groups.push_back(
        std::make_unique<UpdateGroup<Address>>(context_, family.rib, kind, ++last_group_));
    found = family.groups.end() - 1;
  }
  (*found)->join(std::move(member));
}

void Exporter::peer_down(bgp::PeerId id) {
  if (peers_.erase(id) == 0) return;
  std::apply([&](auto&... family) { (leave(family, id), ...); }, families_);
}

template <class Address>
void Exporter::leave(Family<Address>& family, bgp::PeerId id) {
  UpdateGroup<Address>* group = family.group_of(id);
  if (group == nullptr) return;
  group->leave(id);
  if (group->members().empty()) bury(family, *group);
}

template <class Address>
void Exporter::bury(Family<Address>& family, UpdateGroup<Address>& group) {
  end_splits(family, &group);
  family.remains->add(group.take_told());
  std::erase_if(family.groups, [&](const auto& g) { return g.get() == &group; });
}

void Exporter::refresh(bgp::PeerId id, bgp::Family which) {
  std::apply(
      [&](auto&... family) {
        const auto ask = [&]<class Address>(Family<Address>& f) {
          if (FamilyRib<Address>::kFamily != which) return;
          if (auto* group = f.group_of(id)) group->refresh(id);
        };
        (ask(family), ...);
      },
      families_);
}

void Exporter::on_writable(bgp::PeerId id) {
  std::apply(
      [&](auto&... family) {
        const auto tell = [&](auto& f) {
          if (auto* group = f.group_of(id)) group->on_writable(id);
        };
        (tell(family), ...);
      },
      families_);
}

// --- other options -------------------------------------------------------------------------------

void Exporter::reconfigure(const NewOptions& wanted) {
  for (const auto& [id, options] : wanted) {
    const auto peer = peers_.find(id);
    if (peer != peers_.end()) peer->second.options = keep_policy(options, peer->second.options);
  }
  std::apply([&](auto&... family) { (regroup(family), ...); }, families_);
}

/// Members whose kind has changed leave for a group of their own kind that starts with what they
/// have been told; if that is all members, the group changes its kind.
template <class Address>
void Exporter::regroup(Family<Address>& family) {
  // Who was about to leave may want something else now.
  end_splits<Address>(family, nullptr);
  for (const auto& g : family.groups) {
    UpdateGroup<Address>& group = *g;
    std::vector<std::pair<ExportKind, std::vector<bgp::PeerId>>> kinds;
    for (const auto& member : group.members()) {
      ExportKind kind = kind_of<Address>(peers_.at(member.id));
      const auto known =
          std::ranges::find_if(kinds, [&](const auto& k) { return k.first == kind; });
      if (known != kinds.end()) {
        known->second.push_back(member.id);
      } else {
        kinds.push_back({std::move(kind), {member.id}});
      }
    }
    // One kind stays, rather the one that the group is of.
    auto stays =
        std::ranges::find_if(kinds, [&](const auto& k) { return k.first == group.kind(); });
    const bool changes = stays == kinds.end();
    if (changes) stays = kinds.begin();
    for (auto kind = kinds.begin(); kind != kinds.end(); ++kind) {
      if (kind == stays) continue;
      family.splits.push_back({&group, std::make_unique<UpdateGroup<Address>>(
                                           context_, family.rib, kind->first, ++last_group_)});
    }
    if (changes) group.change(stays->first);
    may_merge_ = may_merge_ || changes || kinds.size() > 1;
  }
}

/// Gives up what has not come to its end: of one group, or of all.
template <class Address>
void Exporter::end_splits(Family<Address>& family, const UpdateGroup<Address>* of) {
  std::erase_if(family.splits, [&](auto& split) {
    if (of != nullptr && split.from != of) return false;
    family.remains->add(split.to->take_told());
    return true;
  });
}

template <class Address>
std::size_t Exporter::split(Family<Address>& family, std::size_t limit) {
  std::size_t done = 0;
  while (!family.splits.empty() && done < limit) {
    auto& [from, to, cursor] = family.splits.front();
    done += to->copy_told(*from, cursor, limit - done);
    if (cursor < from->told().table().end()) break;
    std::vector<bgp::PeerId> leaving;
    for (const auto& member : from->members()) {
      if (kind_of<Address>(peers_.at(member.id)) == to->kind()) leaving.push_back(member.id);
    }
    for (const bgp::PeerId id : leaving) to->adopt(*from->leave(id));
    UpdateGroup<Address>& left = *from;
    family.groups.push_back(std::move(to));
    family.splits.erase(family.splits.begin());
    if (family.groups.back()->members().empty()) bury(family, *family.groups.back());
    if (left.members().empty()) bury(family, left);
  }
  return done;
}

/// Settled groups of one kind hold the same, so one of them is enough. True if there are some that
/// were not settled.
template <class Address>
bool Exporter::merge(Family<Address>& family) {
  bool left = false;
  for (std::size_t i = 0; i < family.groups.size(); ++i) {
    for (std::size_t j = i + 1; j < family.groups.size();) {
      UpdateGroup<Address>& one = *family.groups[i];
      UpdateGroup<Address>& other = *family.groups[j];
      const bool same = one.kind() == other.kind();
      const bool busy = family.is_split(one) || family.is_split(other);
      if (!same || busy || !one.settled() || !other.settled()) {
        left = left || same;
        ++j;
        continue;
      }
      while (!other.members().empty()) one.adopt(*other.leave(other.members().back().id));
      bury(family, other);
    }
  }
  return left;
}

// --- work ----------------------------------------------------------------------------------------

template <class Address>
std::size_t Exporter::work(Family<Address>& family, std::size_t limit, TimePoint now) {
  std::size_t done = split(family, limit);
  const std::size_t count = family.groups.size();
  for (std::size_t i = 0; i < count && done < limit; ++i) {
    UpdateGroup<Address>& group = *family.groups[(family.turn + i) % count];
    if (!family.is_split(group)) done += group.work(limit - done, now);
  }
  if (count != 0) family.turn = (family.turn + 1) % count;
  done += family.remains->work(done < limit ? limit - done : kLeastRemains);
  trim_journal(family);
  return done;
}

template <class Address>
void Exporter::trim_journal(Family<Address>& family) {
  auto& journal = family.rib.journal();
  std::uint64_t slowest = journal.end();
  for (const auto& group : family.groups) slowest = std::min(slowest, group->told().position());
  if (journal.entries.size() > kLongJournal) slowest = journal.end();
  journal.trim(slowest);
}

void Exporter::work(std::size_t limit, TimePoint now) {
  now_ = now;
  const auto both = [&](auto& first, auto& second) {
    const std::size_t done = work(first, limit, now);
    work(second, limit - std::min(done, limit), now);
  };
  auto& [ipv4, ipv6] = families_;
  ipv6_first_ ? both(ipv6, ipv4) : both(ipv4, ipv6);
  ipv6_first_ = !ipv6_first_;
  if (!may_merge_) return;
  const bool left4 = merge(ipv4);
  const bool left6 = merge(ipv6);
  may_merge_ = left4 || left6;
}

bool Exporter::has_work() const {
  const auto any = [&](const auto& family) {
    return !family.remains->empty() || !family.splits.empty() ||
           std::ranges::any_of(family.groups, [&](const auto& g) { return g->has_work(now_); });
  };
  return any(std::get<0>(families_)) || any(std::get<1>(families_));
}

// --- for show ------------------------------------------------------------------------------------

PathCounts Exporter::advertised(bgp::PeerId id) const {
  const auto count = [&](const auto& family) -> std::uint32_t {
    const auto* group = family.group_of(id);
    return group == nullptr ? 0 : group->told().count_told_to(id);
  };
  return {count(std::get<0>(families_)), count(std::get<1>(families_))};
}

namespace {

template <class Address>
void append_told(const UpdateGroup<Address>& group, const bgp::Nlri<Address>& route,
                 std::vector<bgp::PeerId>& peers) {
  const Advertised<Address>* told = group.told().find(route);
  if (told == nullptr) return;
  for (const auto& member : group.members()) {
    if (told->from != member.id) peers.push_back(member.id);
  }
}

/// As a record of the group's Adj-RIB-Out was announced to its members.
template <class Address>
Exporter::Told as_told(const AdjRibOut<Address>& told_by, const Advertised<Address>& record,
                       const bgp::NextHop& next_hop) {
  Exporter::Told told{record.attributes, next_hop, std::nullopt};
  if (told_by.tells_several()) told.path_id = told_by.route_of(record).path_id;
  return told;
}

}  // namespace

template <class Address>
std::vector<bgp::PeerId> Exporter::told(const Prefix<Address>& prefix) const {
  std::vector<bgp::PeerId> peers;
  for (const auto& group : family<Address>().groups) {
    if (!group->told().tells_several()) append_told(*group, {prefix, 0}, peers);
  }
  std::ranges::sort(peers);
  return peers;
}
template std::vector<bgp::PeerId> Exporter::told(const Ipv4Prefix&) const;
template std::vector<bgp::PeerId> Exporter::told(const Ipv6Prefix&) const;

template <class Address>
std::vector<bgp::PeerId> Exporter::told(const Prefix<Address>& prefix, const PathName& path) const {
  std::vector<bgp::PeerId> peers;
  for (const auto& group : family<Address>().groups) {
    if (group->told().tells_several()) append_told(*group, {prefix, path.id()}, peers);
  }
  std::ranges::sort(peers);
  return peers;
}
template std::vector<bgp::PeerId> Exporter::told(const Ipv4Prefix&, const PathName&) const;
template std::vector<bgp::PeerId> Exporter::told(const Ipv6Prefix&, const PathName&) const;

template <class Address>
std::vector<Exporter::Told> Exporter::told(bgp::PeerId id, const Prefix<Address>& prefix) const {
  std::vector<Told> result;
  const UpdateGroup<Address>* group = family<Address>().group_of(id);
  if (group == nullptr) return result;
  const auto next_hop = next_hop_self(FamilyRib<Address>::kFamily, peers_.at(id).session);
  for (const Advertised<Address>* record : group->told().told_to(id, prefix)) {
    result.push_back(as_told(group->told(), *record, *next_hop));
  }
  return result;
}
template std::vector<Exporter::Told> Exporter::told(bgp::PeerId, const Ipv4Prefix&) const;
template std::vector<Exporter::Told> Exporter::told(bgp::PeerId, const Ipv6Prefix&) const;

template <class Address>
bool Exporter::walk_told(
    bgp::PeerId id, std::uint32_t& cursor, std::size_t& limit,
    const std::function<void(const Prefix<Address>&, const Told&)>& visit) const {
  const UpdateGroup<Address>* group = family<Address>().group_of(id);
  if (group == nullptr) return true;
  const auto next_hop = next_hop_self(FamilyRib<Address>::kFamily, peers_.at(id).session);
  const AdvertisedTable<Address>& table = group->told().table();
  for (; limit > 0 && cursor < table.end(); ++cursor, --limit) {
    const Advertised<Address>& told = table[cursor];
    if (!told.used || told.from == id) continue;
    visit(told.prefix, as_told(group->told(), told, *next_hop));
  }
  return cursor >= table.end();
}
template bool Exporter::walk_told(bgp::PeerId, std::uint32_t&, std::size_t&,
                                  const std::function<void(const Ipv4Prefix&, const Told&)>&) const;
template bool Exporter::walk_told(bgp::PeerId, std::uint32_t&, std::size_t&,
                                  const std::function<void(const Ipv6Prefix&, const Told&)>&) const;

std::size_t Exporter::memory_bytes() const {
  std::size_t bytes = 0;
  const auto add = [&](const auto& family) {
    for (const auto& group : family.groups) bytes += group->memory_bytes();
    for (const auto& split : family.splits) bytes += split.to->memory_bytes();
    bytes += family.remains->memory_bytes();
  };
  add(std::get<0>(families_));
  add(std::get<1>(families_));
  return bytes;
}

}  // namespace lastmile::rib
