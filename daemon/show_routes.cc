// What `show routes` sees.
#include <algorithm>
#include <charconv>
#include <string_view>
#include <tuple>

#include "daemon/route_view.h"
#include "daemon/show.h"

namespace lastmile {
namespace {

// A page's cursor is "FAMILY:INDEX" of the RIB's walk; opaque to everybody else.
std::string cursor_text(const rib::RouteCursor& cursor) {
  if (cursor.done) return "";
  return fmt::format("{}:{}", static_cast<unsigned>(cursor.family), cursor.index);
}

rib::RouteCursor cursor_of(std::string_view text) {
  rib::RouteCursor cursor;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return cursor;
  unsigned family = 0;
  std::from_chars(text.data(), text.data() + colon, family);
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), cursor.index);
  cursor.family = family == 0 ? bgp::Family::kIpv4Unicast : bgp::Family::kIpv6Unicast;
  return cursor;
}

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
  rib::RouteCursor cursor = cursor_of(query.cursor);
  rib.walk_advertised(cursor, query.limit, peer, [&](const rib::AdvertisedView& route) {
    page.routes.push_back(route_view(route));
  });
  page.next = cursor_text(cursor);
  if (query.cursor.empty() && page.next.empty()) {
    std::ranges::sort(page.routes, [](const RouteView& a, const RouteView& b) {
      return std::tie(a.prefix, a.path_id) < std::tie(b.prefix, b.path_id);
    });
  }
  return page;
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
  // A table that fits on a page comes sorted; a larger one in its own order, page by page.
  if (!all || (query.cursor.empty() && prefixes_known(rib.summary()) <= query.limit)) {
    for (const rib::RouteView& route : rib.routes(asked, now)) add(route);
    return page;
  }
  rib::RouteCursor cursor = cursor_of(query.cursor);
  rib.walk(cursor, query.limit, filter, now, add);
  page.next = cursor_text(cursor);
  return page;
}

}  // namespace lastmile
