// The doctor: each row plants one fault in a router where all is well, and names what must be
// found.

#include "controlplane/doctor/diagnose.h"

#include <gtest/gtest.h>

#include <set>

namespace lastmile::doctor {
namespace {

SessionFacts good_session() {
  SessionFacts session;
  session.name = session.port = "up1";
  session.state = "Established";
  session.established = true;
  session.established_count = 1;
  session.unnumbered = true;
  session.expected_as = "external";
  session.address = parse_ip_address("fe80::1");
  session.advertisements_heard = 3;
  session.resolved = true;
  session.families = {"ipv4", "ipv6"};
  session.ipv4_next_hop_needs_it = true;
  session.received = session.accepted = 2;
  session.segments = Segments{8940, 8928};
  return session;
}

Facts good_router() {
  Facts facts;
  facts.sessions = {good_session()};
  facts.ports = {{"up1", 9000, 9000}};
  facts.system.hugepages = 512;
  facts.system.worker_cpus = facts.system.isolated_cpus = {1};
  facts.system.cpus = 2;
  return facts;
}

/// A session that never was up, and why is to be found out.
SessionFacts& ill(Facts& facts) {
  SessionFacts& session = facts.sessions[0];
  session.established = false;
  session.established_count = 0;
  session.state = "Active";
  session.families.clear();
  session.segments.reset();
  session.received = session.accepted = 0;
  return session;
}

struct Fault {
  const char* name;
  void (*plant)(Facts& facts);
  const char* check;
  const char* cause;  ///< must stand in it
};

const Fault kFaults[] = {
    {"NoRouterAdvertisement", [](Facts& f) { ill(f).address.reset(); }, "no-ra",
     "no router advertisement has been heard on up1"},
    {"NoAnswerToNeighborDiscovery", [](Facts& f) { ill(f).resolved = false; }, "no-nd",
     "fe80::1 does not answer neighbor discovery on up1"},
    {"NoAnswerToArp",
     [](Facts& f) {
       ill(f).resolved = false;
       ill(f).address = parse_ip_address("192.0.2.1");
     },
     "no-nd", "192.0.2.1 does not answer ARP"},
    {"PortDown", [](Facts& f) { ill(f).link_up = false; }, "port-down", "link of up1 is down"},
    {"WrongAs",
     [](Facts& f) {
       ill(f).expected_as = "65009";
       ill(f).last_sent = bgp::notification(bgp::OpenError::kBadPeerAs);
       ill(f).last_error = "the peer's AS is 65001";
     },
     "wrong-as", "`remote-asn: 65009`"},
    {"WrongAsThere",
     [](Facts& f) { ill(f).last_received = bgp::notification(bgp::OpenError::kBadPeerAs); },
     "wrong-as", "expects another AS number of us"},
    {"SameIdentifier",
     [](Facts& f) { ill(f).last_sent = bgp::notification(bgp::OpenError::kBadBgpIdentifier); },
     "identifier", "same BGP identifier"},
    {"Md5OnlyHere",
     [](Facts& f) {
       ill(f).has_password = true;
       f.system.md5_missing = 4;
     },
     "md5", "not signed"},
    {"Md5OtherPassword",
     [](Facts& f) {
       ill(f).has_password = true;
       f.system.md5_wrong = 4;
     },
     "md5", "another password"},
    {"Md5OnlyThere",
     [](Facts& f) {
       ill(f);
       f.system.md5_unexpected = 4;
     },
     "md5", "up1 has no `password-file` here"},
    {"TtlSecurityOnlyHere",
     [](Facts& f) {
       ill(f).ttl_security = true;
       f.system.ttl_too_small = 4;
     },
     "ttl-security", "with a TTL that `ttl-security` does not take"},
    {"FellSilent",
     [](Facts& f) {
       ill(f).last_sent = bgp::notification(bgp::NotificationCode::kHoldTimerExpired);
       ill(f).passive = true;
     },
     "hold-time", "nothing came for the hold time"},
    {"SilentForThem",
     [](Facts& f) {
       ill(f).last_received = bgp::notification(bgp::NotificationCode::kHoldTimerExpired);
     },
     "hold-time", "has not heard us"},
    {"HoldTimeTooShort",
     [](Facts& f) { ill(f).last_sent = bgp::notification(bgp::OpenError::kUnacceptableHoldTime); },
     "hold-time", "does not accept the other's hold time"},
    {"PeerPassiveToo",
     [](Facts& f) {
       ill(f).passive = true;
       ill(f).resolved = false;  // nobody has asked
     },
     "passive", "we wait for fe80::1"},
    {"NobodyListens", [](Facts& f) { ill(f).last_error = "connect: Connection refused"; },
     "refused", "does not take BGP connections"},
    {"Silent", [](Facts& f) { ill(f).last_error = "connection timed out"; }, "silent",
     "does not answer on TCP port 179"},
    {"WaitsForBfd", [](Facts& f) { ill(f).strict_bfd_state = "down"; }, "strict-bfd",
     "waits for BFD"},
    {"ShutDownHere", [](Facts& f) { ill(f).shutdown = true; }, "shutdown", "shutdown"},
    {"Drained", [](Facts& f) { ill(f).drained = ill(f).shutdown = true; }, "drained", "drained"},
    {"ShutDownThere",
     [](Facts& f) { ill(f).last_received = bgp::administrative_shutdown("back at noon"); },
     "remote-shutdown", "\"back at noon\""},
    {"TooManyPrefixes",
     [](Facts& f) { ill(f).last_sent = bgp::notification(bgp::CeaseReason::kMaximumPrefixes); },
     "max-prefixes", "more prefixes"},
    {"Role", [](Facts& f) { ill(f).last_sent = bgp::notification(bgp::OpenError::kRoleMismatch); },
     "role", "roles"},
    {"CapabilityInsistedOn",
     [](Facts& f) {
       ill(f).last_received = bgp::notification(bgp::OpenError::kUnsupportedCapability);
     },
     "capability-refused", "insists on a capability"},
    {"AnythingElse", [](Facts& f) { ill(f).last_error = "the moon is full"; }, "not-established",
     "Active: the moon is full"},
    {"NoExtendedNextHop", [](Facts& f) { f.sessions[0].ipv4_extended_next_hop = false; },
     "capability", "extended next hop (RFC 8950)"},
    {"NoIpv4", [](Facts& f) { f.sessions[0].families = {"ipv6"}; }, "capability",
     "multiprotocol IPv4"},
    {"NoPolicy", [](Facts& f) { f.system.transit = true; }, "policy", "RFC 8212"},
    {"AllRefused", [](Facts& f) { f.sessions[0].accepted = 0; }, "all-refused",
     "all 2 routes of the neighbor are refused"},
    {"NeighborsMtuIsSmaller",
     [](Facts& f) {
       f.sessions[0].segments = Segments{8940, 1428};
     },
     "mtu", "about 7512 bytes smaller"},
    {"InterfaceMtuIsSmaller", [](Facts& f) { f.ports[0].interface_mtu = 1500; }, "interface-mtu",
     "its MTU is 9000, but the kernel interface under it has 1500"},
    {"NoHugepages", [](Facts& f) { f.system.hugepages = 0; }, "hugepages", "no hugepages"},
    {"CpuNotIsolated", [](Facts& f) { f.system.isolated_cpus = {}; }, "cpu-isolation", "CPU 1"},
    {"TooFewCpus", [](Facts& f) { f.system.workers = 4; }, "cpu-count", "4 workers share 2 CPUs"},
};

class Doctor : public ::testing::TestWithParam<Fault> {};

TEST_P(Doctor, NamesTheFaultAndNothingElse) {
  Facts facts = good_router();
  GetParam().plant(facts);
  const auto findings = diagnose(facts);
  ASSERT_EQ(findings.size(), 1U) << (findings.size() > 1 ? findings[1].cause : "");
  EXPECT_EQ(findings[0].check, GetParam().check);
  EXPECT_NE(findings[0].cause.find(GetParam().cause), std::string::npos) << findings[0].cause;
  EXPECT_FALSE(findings[0].next.empty());
}

INSTANTIATE_TEST_SUITE_P(All, Doctor, ::testing::ValuesIn(kFaults),
                         [](const auto& fault) { return fault.param.name; });

TEST(Doctors, FindsNothingWhereAllIsWell) {
  EXPECT_TRUE(diagnose(good_router()).empty());
}

TEST(Doctors, EveryCheckIsTried) {
  std::set<std::string> tried;
  for (const Fault& fault : kFaults) tried.insert(fault.check);
  for (const CheckInfo& check : checks()) EXPECT_TRUE(tried.contains(check.name)) << check.name;
}

}  // namespace
}  // namespace lastmile::doctor
