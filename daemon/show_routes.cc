// What `show routes` sees.
#include <functional>
#include <string>

#include "daemon/route_view.h"
#include "daemon/show.h"

namespace lastmile {
namespace {

/// Prefixes of a listing that a page may look at, and not show, before it ends: their paths have
/// gone, or are others.
constexpr unsigned kMostLookedAt = 1024;
/// So many prefixes are found and listed in one go.
constexpr std::size_t kFew = 1024;

std::uint32_t prefixes_known(const rib::RibSummary& summary) {
  std::uint32_t sum = 0;
  for (const std::uint32_t count : summary.prefixes) sum += count;
  return sum;
}

}  // namespace

std::optional<bgp::PeerId> Show::peer_named(const std::string& name) const {
  for (const bgp::PeerStatus& status : from_.control.sessions().status(ControlClock::now())) {
    if (status.name == name) return status.id;
  }
  return std::nullopt;
}

RoutePage Show::advertised(const RouteQuery& query, bgp::PeerId peer) const {
  const rib::Rib& rib = from_.control.rib();
  RoutePage page;
  rib::RouteQuery asked;
  if (const auto* prefix = std::get_if<IpPrefix>(&query.what)) asked.prefix = *prefix;
  if (const auto* address = std::get_if<IpAddress>(&query.what)) asked.address = *address;
  if (asked.prefix || asked.address) {
    for (const auto& route : rib.advertised(peer, asked)) page.routes.push_back(route_view(route));
    return page;
  }
  turn_page(page, query, peer, [&](const IpPrefix& prefix) {
    for (const auto& route : rib.advertised(peer, {.prefix = prefix, .address = {}, .peer = {}})) {
      page.routes.push_back(route_view(route));
    }
  });
  return page;
}

/// The tables have no order, so first it is made (rib/prefix_listing.h): the pages that come
/// meanwhile are empty.
void Show::turn_page(RoutePage& page, const RouteQuery& query, const rib::PrefixListing::Of& of,
                     const std::function<void(const IpPrefix&)>& add) const {
  RouteListings::Reading& reading = listings_.resume(query.cursor, of, ControlClock::now());
  rib::PrefixListing& listing = reading.listing;
  const bool was_whole = listing.whole();
  if (!was_whole) from_.control.rib().gather(listing);
  if (was_whole || (listing.whole() && listing.size() <= kFew)) {
    unsigned shown = 0;
    for (unsigned looked_at = 0; shown < query.limit && looked_at < kMostLookedAt; ++looked_at) {
      const auto prefix = listing.next();
      if (!prefix) return listings_.end(reading);
      const std::size_t before = page.routes.size();
      add(*prefix);
      if (page.routes.size() != before) ++shown;
      reading.last = prefix;
    }
  }
  ++reading.page;
  page.next = RouteListings::cursor_of(reading);
}

RoutePage Show::routes(const RouteQuery& query) const {
  const rib::Rib& rib = from_.control.rib();
  const TimePoint now = ControlClock::now();
  RoutePage page;
  rib::PathFilter filter;
  if (query.side != RouteQuery::Side::kAll) {
    filter.peer = peer_named(query.neighbor);
    if (!filter.peer) return page;
    if (query.side == RouteQuery::Side::kAdvertised) return advertised(query, *filter.peer);
    if (query.side == RouteQuery::Side::kAccepted) filter.paths = rib::PathFilter::Paths::kAccepted;
  }
  // The best path shows the whole set that packets are spread over: its own next hops and those of
  // the paths used beside it, which come right behind it. One neighbor's paths stand for
  // themselves.
  std::size_t best = 0;
  const auto add = [&](const rib::RouteView& route) {
    page.routes.push_back(route_view(route, from_.config, from_.control.sessions()));
    const RouteView& added = page.routes.back();
    if (added.best) best = page.routes.size() - 1;
    if (filter.peer || added.best || !added.multipath) return;
    if (page.routes[best].prefix != added.prefix) return;
    auto& hops = page.routes[best].next_hops;
    hops.insert(hops.end(), added.next_hops.begin(), added.next_hops.end());
  };

  rib::RouteQuery asked;
  asked.peer = filter.peer;
  asked.paths = filter.paths;
  if (const auto* prefix = std::get_if<IpPrefix>(&query.what)) asked.prefix = *prefix;
  if (const auto* address = std::get_if<IpAddress>(&query.what)) asked.address = *address;
  const bool all = std::holds_alternative<std::monostate>(query.what);
  const auto add_asked = [&] {
    for (const rib::RouteView& route : rib.routes(asked, now)) add(route);
  };
  if (!all || (query.cursor.empty() && prefixes_known(rib.summary()) <= query.limit)) {
    add_asked();
    return page;
  }
  turn_page(page, query, filter, [&](const IpPrefix& prefix) {
    asked.prefix = prefix;
    add_asked();
  });
  return page;
}

}  // namespace lastmile
