// The top level of the configuration. It reads like the file; the sections are in files by subject
// (schema_by_subject.h). See schema.h for what the rows are made of.
// After a change run `ninja -C build configuration-reference`, which writes docs/configuration.md.

#include "controlplane/config/schema.h"

#include "controlplane/config/address_types.h"
#include "controlplane/config/asn_types.h"
#include "controlplane/config/schema_by_subject.h"

namespace lastmile::config {
namespace {

KeysOf<RouterConfig> router_keys() {
  return {
      key("mode", &RouterConfig::mode,
          one_of<RouterMode>({{"host", RouterMode::kHost},
                              {"transit", RouterMode::kTransit},
                              {"reflector", RouterMode::kReflector, true}}))
          .fallback("host")
          .help("What the router may do. host: a server; it announces only its loopbacks and "
                "services and never forwards between two uplinks. transit: a router; it passes on "
                "what it learns, as the policies say."),
      key("asn", &RouterConfig::asn, as_number())
          .when_absent("required with bgp")
          .help("Our own AS number. Servers may share one, see allow-own-as."),
      key("id", &RouterConfig::id, identifier())
          .when_absent("the first IPv4 loopback")
          .help("BGP identifier; no two routers may have the same."),
  };
}

// Ports, BFD profiles and the user who reads secrets stand before all that refers to them: the
// reader goes through the table in its order.
KeysOf<Config> top_keys() {
  return {
      section("router", &Config::router, router_keys()).help("Who we are."),
      list("loopbacks", &Config::loopbacks, single_address(), 64)
          .when_absent("none; then router needs an id")
          .help("The router's own addresses: announced, and live on the host interface."),
      ports_key(),
      services_key(),
      system_key(),
      bfd_key(),
      routes_key(),
      prefix_lists_key(),
      policies_key(),
      bgp_key(),
      dataplane_key(),
      control_key(),
      host_key(),
      telemetry_key(),
  };
}

}  // namespace

const std::vector<Key>& schema() {
  static const std::vector<Key> keys = erase(top_keys());
  return keys;
}

}  // namespace lastmile::config
