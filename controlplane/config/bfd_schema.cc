#include "controlplane/config/schema_by_subject.h"

#include "controlplane/config/time_types.h"

namespace lastmile::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

BfdProfile& add_bfd_profile(BfdConfig& bfd, std::string_view name, Scope& scope) {
  BfdProfile& profile = bfd.profiles.emplace_back();
  profile.name = name;
  scope.bfd_profiles.emplace_back(name);
  return profile;
}

KeysOf<BfdProfile> bfd_profile_keys() {
  const auto interval = [] { return duration(milliseconds{1}, seconds{60}); };
  return {
      key("interval", &BfdProfile::interval, interval())
          .fallback("300ms")
          .help("Between two packets, in both directions; the slower side counts. Leaves often "
                "allow no less than 10ms to 300ms."),
      key("transmit", &BfdProfile::transmit, interval())
          .when_absent("as interval")
          .help("Between the packets that we send, if not as interval."),
      key("receive", &BfdProfile::receive, interval())
          .when_absent("as interval")
          .help("Between the packets that we want to receive, if not as interval."),
      key("multiplier", &BfdProfile::multiplier, number<std::uint8_t>(1, 255))
          .fallback("3")
          .help("A neighbor is down after so many intervals without a packet."),
      key("echo", &BfdProfile::echo,
          one_of<BfdEcho>({{"off", BfdEcho::kOff},
                           {"on", BfdEcho::kOn},
                           {"unaffiliated", BfdEcho::kUnaffiliated}}))
          .fallback("off")
          .help("on: reflect the neighbor's echo, and send echo too if it allows. unaffiliated: "
                "echo alone (RFC 9747); the neighbor needs no BFD, only a route to our loopback."),
      key("echo-interval", &BfdProfile::echo_interval, interval())
          .when_absent("as interval")
          .help("Between two echo packets."),
      key("minimum-ttl", &BfdProfile::minimum_ttl, number<std::uint8_t>(1, 255))
          .when_absent("256 less the hops of the neighbor's multihop or ttl-security; 1 without "
                       "either")
          .help(
              "For neighbors behind routers (RFC 5883): packets that arrive with a smaller TTL are "
              "dropped. They start with 255."),
      key("passive", &BfdProfile::passive, toggle())
          .fallback("false")
          .help("Speak only when spoken to."),
      key("strict", &BfdProfile::strict, toggle())
          .fallback("false")
          .help("BGP waits until BFD is up. Not with unaffiliated echo, which needs BGP first."),
      key("auth", &BfdProfile::auth,
          one_of<BfdAuth>({{"none", BfdAuth::kNone},
                           {"simple", BfdAuth::kSimple},
                           {"sha1", BfdAuth::kSha1},
                           {"meticulous-sha1", BfdAuth::kMeticulousSha1}}))
          .fallback("none")
          .help("Authentication of control packets (RFC 5880 section 6.7)."),
      key("auth-key-id", &BfdProfile::auth_key_id, number<std::uint8_t>(0, 255))
          .fallback("1")
          .help("Number of the key; the same on both sides."),
      key("auth-key-file", &BfdProfile::auth_key_file, text("the path of a file", 255))
          .when_absent("required with auth")
          .help("The file that holds the key in its first line: 1 to 16 characters for simple, 1 "
                "to 20 for SHA1."),
  };
}

KeysOf<BfdConfig> bfd_keys() {
  return {
      named_sections<BfdConfig, BfdProfile>("profiles", "NAME", add_bfd_profile, 64,
                                            text("a name", 64), bfd_profile_keys())
          .help(
              "Ways to watch a neighbor, each under a name of your choice. Neighbors and next hops "
              "of routes name one."),
  };
}

}  // namespace

KeyOf<Config> bfd_key() {
  return section("bfd", &Config::bfd, bfd_keys())
      .help("Fast detection of dead neighbors (RFC 5880).");
}

}  // namespace lastmile::config
