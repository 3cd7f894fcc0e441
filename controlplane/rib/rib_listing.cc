#include <vector>

#include "controlplane/rib/rib_state.h"

namespace lastmile::rib {
namespace {

/// Records that a slice looks at: some 2 ms of a 2.5 GHz core, sorting included.
constexpr std::size_t kGatheredAtOnce = 8192;

}  // namespace

template <class Address>
bool Rib::State::gather(PrefixListing& listing, std::size_t& limit) const {
  std::vector<Prefix<Address>> found;
  std::uint32_t& at = listing.cursor().index;
  bool end = false;
  if (const auto* const peer = std::get_if<bgp::PeerId>(&listing.of())) {
    end = exporter.walk_told<Address>(
        *peer, at, limit,
        [&](const Prefix<Address>& prefix, const Exporter::Told&) { found.push_back(prefix); });
  } else {
    const auto& filter = std::get<PathFilter>(listing.of());
    const auto& table = rib<Address>().table();
    for (; limit > 0 && at < table.end(); ++at, --limit) {
      const RouteRecord<Address>& record = table[at];
      if (record.used && passes(record, filter)) found.push_back(record.prefix);
    }
    end = at >= table.end();
  }
  listing.add(std::move(found));
  return end;
}

void Rib::gather(PrefixListing& listing) const {
  RouteCursor& cursor = listing.cursor();
  if (cursor.done) return;
  std::size_t limit = kGatheredAtOnce;
  if (cursor.family == bgp::Family::kIpv4Unicast) {
    if (!state_->gather<Ipv4Address>(listing, limit)) return;
    cursor = {.family = bgp::Family::kIpv6Unicast};
  }
  cursor.done = state_->gather<Ipv6Address>(listing, limit);
}

}  // namespace lastmile::rib
