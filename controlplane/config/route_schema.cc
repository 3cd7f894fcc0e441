#include "controlplane/config/schema_by_subject.h"

#include "controlplane/config/address_types.h"
#include "controlplane/config/capacity.h"
#include "controlplane/config/name_types.h"

namespace lastmile::config {
namespace {

KeysOf<StaticRouteConfig::Via> via_keys() {
  using Via = StaticRouteConfig::Via;
  return {
      key("port", &Via::port, port_reference()).required().help("Where packets leave."),
      key("address", &Via::address, address())
          .when_absent("the neighbor that the port discovered")
          .help("The next hop: link-local, in a subnet of the port, or the destination itself if "
                "that is a single address, which then is on the port's link."),
      key("weight", &Via::weight, number<std::uint16_t>(1, 65535))
          .fallback("1")
          .help("Share of the flows, relative to the other next hops."),
      key("bfd", &Via::bfd, bfd_profile_reference())
          .when_absent("no BFD")
          .help(
              "Profile in bfd.profiles by which BFD watches the next hop. It counts only while BFD "
              "has it up; a route without any such next hop is withdrawn."),
  };
}

KeysOf<StaticRouteConfig> route_keys() {
  return {
      key("prefix", &StaticRouteConfig::prefix, prefix()).required().help("The destination."),
      sections("via", &StaticRouteConfig::via, kMaxMembers, via_keys())
          .when_absent("required without blackhole")
          .help("Next hops; flows are spread over them by weight."),
      key("blackhole", &StaticRouteConfig::blackhole, toggle())
          .fallback("false")
          .help("Drop what goes there; instead of via."),
      key("announce", &StaticRouteConfig::announce, toggle())
          .fallback("false")
          .help(
              "Tell neighbors of it while the link of a port in via is up, in host mode, too: the "
              "address of a guest (docs/guests.md). There all its ports must be side: local, and "
              "what neighbors announce inside it is refused."),
  };
}

}  // namespace

KeyOf<Config> routes_key() {
  return sections("routes", &Config::routes, 65536, route_keys()).help("Static routes.");
}

}  // namespace lastmile::config
