#include "daemon/route_listings.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <sstream>

#include "dataplane/net/format.h"

namespace lastmile {
namespace {

/// "NUMBER PAGE PREFIX"; for others it is opaque.
struct Place {
  std::uint64_t number = 0;
  std::uint64_t page = 0;
  std::optional<IpPrefix> last;
};

Place place_of(const std::string& cursor) {
  std::istringstream text{cursor};
  Place place;
  std::string last;
  if (!(text >> place.number >> place.page >> last)) return {};
  place.last = parse_ip_prefix(last);
  return place;
}

}  // namespace

RouteListings::Reading& RouteListings::resume(const std::string& cursor,
                                              const rib::PrefixListing::Of& of, TimePoint now) {
  const Place place = place_of(cursor);
  // Of a page that was given out already, or by another listing, only its last prefix counts.
  const auto known = std::ranges::find_if(readings_, [&](const Reading& reading) {
    return reading.number == place.number && reading.page == place.page &&
           reading.listing.of() == of;
  });
  if (known != readings_.end()) {
    known->used = now;
    return *known;
  }
  make_room(now);
  readings_.push_back({.number = ++begun_,
                       .last = place.last,
                       .listing = rib::PrefixListing{of, place.last},
                       .used = now});
  return readings_.back();
}

std::string RouteListings::cursor_of(const Reading& reading) {
  return fmt::format("{} {} {}", reading.number, reading.page,
                     reading.last ? to_string(*reading.last) : "-");
}

void RouteListings::end(const Reading& reading) {
  readings_.remove_if([&](const Reading& other) { return &other == &reading; });
}

void RouteListings::make_room(TimePoint now) {
  readings_.remove_if([&](const Reading& reading) { return now - reading.used > kPatience; });
  if (readings_.size() < kMost) return;
  const auto idle = std::ranges::min_element(readings_, {}, &Reading::used);
  // Of those that are read in turn the one that waits longest is the one that comes next: if it
  // went nobody would ever come to an end.
  readings_.erase(now - idle->used > kPause ? idle : std::prev(readings_.end()));
}

}  // namespace lastmile
