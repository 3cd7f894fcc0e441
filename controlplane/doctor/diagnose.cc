#include "controlplane/doctor/diagnose.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "dataplane/net/format.h"

namespace lastmile::doctor {
namespace {

using bgp::CeaseReason;
using bgp::NotificationCode;
using bgp::OpenError;

/// What a check has to say; nullopt: it finds nothing.
struct Words {
  std::string cause, next;
};
using Verdict = std::optional<Words>;

bool is(const std::optional<bgp::Notification>& said, NotificationCode code, auto subcode) {
  return said && said->code == static_cast<std::uint8_t>(code) &&
         said->subcode == static_cast<std::uint8_t>(subcode);
}

bool is(const std::optional<bgp::Notification>& said, NotificationCode code) {
  return said && said->code == static_cast<std::uint8_t>(code);
}

std::string port_of(const SessionFacts& s) {
  return s.port.empty() ? std::string{"the link"} : s.port;
}

std::string neighbor_of(const SessionFacts& s) {
  return s.address ? to_string(*s.address) : std::string{"the neighbor"};
}

// --- why a session is not up ---------------------------------------------------------------------

Verdict drained(const SessionFacts& s, const Facts&) {
  if (!s.drained) return {};
  return Words{"it is drained", "when the work is done: lastmile undrain " + s.name};
}

Verdict shut_down(const SessionFacts& s, const Facts&) {
  if (!s.shutdown) return {};
  return Words{"the configuration says shutdown", "take `shutdown` away and run: lastmile reload"};
}

Verdict port_down(const SessionFacts& s, const Facts&) {
  if (s.link_up) return {};
  return Words{fmt::format("the link of {} is down", port_of(s)),
               "look at cable and transceiver, and whether the leaf's port is enabled"};
}

Verdict waits_for_bfd(const SessionFacts& s, const Facts&) {
  if (!s.strict_bfd_state || *s.strict_bfd_state == "up") return {};
  return Words{
      fmt::format("BGP waits for BFD (strict), which is {}", *s.strict_bfd_state),
      "turn BFD on for this link on the leaf, or take `strict` away; see: lastmile show bfd"};
}

Verdict no_advertisement(const SessionFacts& s, const Facts&) {
  if (!s.unnumbered || s.address) return {};
  return Words{fmt::format("no router advertisement has been heard on {}, so nobody knows who the "
                           "neighbor is",
                           port_of(s)),
               "let the leaf advertise itself on that port (FRR: `neighbor PORT interface "
               "remote-as external` does; else `no ipv6 nd suppress-ra`), or name its address "
               "in `address`"};
}

Verdict no_answer_to_discovery(const SessionFacts& s, const Facts&) {
  // Who waits has not asked yet.
  if (!s.address || s.resolved || s.passive) return {};
  const bool v6 = std::holds_alternative<Ipv6Address>(*s.address);
  return Words{fmt::format("{} does not answer {} on {}", to_string(*s.address),
                           v6 ? "neighbor discovery" : "ARP", port_of(s)),
               "compare the address with the leaf's own; look whether the leaf's port is in the "
               "same VLAN and takes multicast"};
}

Verdict wrong_as(const SessionFacts& s, const Facts&) {
  if (is(s.last_sent, NotificationCode::kOpenMessage, OpenError::kBadPeerAs)) {
    return Words{fmt::format("the neighbor's AS is not what `remote-asn: {}` allows ({})",
                             s.expected_as, s.last_error),
                 "write the neighbor's number into `remote-asn`, or `external` for any other AS"};
  }
  if (is(s.last_received, NotificationCode::kOpenMessage, OpenError::kBadPeerAs)) {
    return Words{"the neighbor expects another AS number of us",
                 "compare its `remote-as` with our `router.asn`, or set `local-as` for it"};
  }
  return {};
}

Verdict same_identifier(const SessionFacts& s, const Facts&) {
  if (!is(s.last_sent, NotificationCode::kOpenMessage, OpenError::kBadBgpIdentifier) &&
      !is(s.last_received, NotificationCode::kOpenMessage, OpenError::kBadBgpIdentifier)) {
    return {};
  }
  return Words{"both sides have the same BGP identifier, or it is no good one",
               "give every router its own: router.id, which is the first IPv4 loopback"};
}

Verdict role(const SessionFacts& s, const Facts&) {
  if (!is(s.last_sent, NotificationCode::kOpenMessage, OpenError::kRoleMismatch) &&
      !is(s.last_received, NotificationCode::kOpenMessage, OpenError::kRoleMismatch)) {
    return {};
  }
  return Words{"the roles of the two sides do not fit (RFC 9234)",
               "our `role` must be the counterpart of the neighbor's: customer and provider, "
               "peer and peer"};
}

Verdict capability_refused(const SessionFacts& s, const Facts&) {
  if (!is(s.last_sent, NotificationCode::kOpenMessage, OpenError::kUnsupportedCapability) &&
      !is(s.last_received, NotificationCode::kOpenMessage, OpenError::kUnsupportedCapability)) {
    return {};
  }
  return Words{"one side insists on a capability that the other does not have: " + s.last_error,
               "turn the capability on at the other side"};
}

Verdict shut_down_there(const SessionFacts& s, const Facts&) {
  if (!is(s.last_received, NotificationCode::kCease, CeaseReason::kAdministrativeShutdown)) {
    return {};
  }
  const auto message = bgp::shutdown_message(*s.last_received);
  return Words{"the neighbor's operator has shut the session down" +
                   (message && !message->empty() ? fmt::format(": \"{}\"", *message) : ""),
               "ask there; the session comes back by itself"};
}

Verdict too_many_prefixes(const SessionFacts& s, const Facts&) {
  if (!is(s.last_sent, NotificationCode::kCease, CeaseReason::kMaximumPrefixes)) return {};
  return Words{
      "the neighbor has sent more prefixes than max-prefixes allows",
      "find out why; raise `max-prefixes.limit` if that is right, and run: lastmile reload"};
}

Verdict md5(const SessionFacts& s, const Facts& facts) {
  if (s.has_password && facts.system.md5_missing + facts.system.md5_wrong != 0) {
    const bool missing = facts.system.md5_wrong == 0;
    return Words{fmt::format("{} answers, but {} (TCP MD5)", neighbor_of(s),
                             missing ? "its packets are not signed"
                                     : "its packets are signed with another password"),
                 "set the same password on both sides: `password-file` here"};
  }
  if (!s.has_password && facts.system.md5_unexpected != 0) {
    return Words{fmt::format("packets that are signed with TCP MD5 come in, and {} has no "
                             "`password-file` here",
                             s.name),
                 "set the neighbor's password in `password-file`"};
  }
  return {};
}

Verdict ttl_security(const SessionFacts& s, const Facts& facts) {
  if (!s.ttl_security || facts.system.ttl_too_small == 0) return {};
  return Words{
      fmt::format("{} answers, but with a TTL that `ttl-security` does not take (GTSM, RFC "
                  "5082)",
                  neighbor_of(s)),
      "set it on both sides (FRR: `neighbor PORT ttl-security hops 1`), or take "
      "`ttl-security` away"};
}

Verdict hold_time(const SessionFacts& s, const Facts&) {
  if (is(s.last_sent, NotificationCode::kHoldTimerExpired)) {
    return Words{fmt::format("{} fell silent: its session was open, and nothing came for the hold "
                             "time",
                             neighbor_of(s)),
                 "look whether BGP hangs there or is starved of CPU, and whether the link loses "
                 "packets (lastmile show ports); BFD would have found it sooner"};
  }
  if (is(s.last_received, NotificationCode::kHoldTimerExpired)) {
    return Words{"the neighbor has not heard us for its hold time",
                 "look whether the link loses packets on the way there, and for long slices of the "
                 "control thread: lastmile show control"};
  }
  if (is(s.last_sent, NotificationCode::kOpenMessage, OpenError::kUnacceptableHoldTime) ||
      is(s.last_received, NotificationCode::kOpenMessage, OpenError::kUnacceptableHoldTime)) {
    return Words{"one side does not accept the other's hold time: " + s.last_error,
                 "set bgp.timers.hold, or the neighbor's timers, to at least 3 s"};
  }
  return {};
}

Verdict refused(const SessionFacts& s, const Facts&) {
  if (s.passive || s.last_error.find("refused") == std::string::npos) return {};
  return Words{fmt::format("{} is there, but does not take BGP connections", neighbor_of(s)),
               "start BGP there and let it listen on that address; a firewall that rejects "
               "answers like this, too"};
}

Verdict both_passive(const SessionFacts& s, const Facts&) {
  if (!s.passive) return {};
  return Words{fmt::format("we wait for {} to connect (passive), and it does not: it may be "
                           "passive, too",
                           neighbor_of(s)),
               "take `passive` away on one of the two sides"};
}

Verdict never_answers(const SessionFacts& s, const Facts&) {
  if (s.established_count != 0 || s.last_error.find("timed out") == std::string::npos) return {};
  return Words{
      fmt::format("{} does not answer on TCP port 179", neighbor_of(s)),
      "look for a filter on the leaf, and for TCP MD5 or TTL security (GTSM) that only the "
      "leaf has"};
}

Verdict anything_else(const SessionFacts& s, const Facts&) {
  return Words{
      fmt::format("the session is {}{}{}", s.state, s.last_error.empty() ? "" : ": ", s.last_error),
      s.last_error.empty() ? "it has just begun; ask again in a few seconds"
                           : "see: lastmile events"};
}

// --- what is wrong with a session that is up -----------------------------------------------------

Verdict no_ipv4_over_ipv6(const SessionFacts& s, const Facts&) {
  const bool speaks = std::ranges::find(s.families, "ipv4") != s.families.end();
  if (!s.ipv4_next_hop_needs_it || (speaks && s.ipv4_extended_next_hop)) return {};
  return Words{fmt::format("the neighbor lacks the capability {}, so IPv4 routes cannot cross this "
                           "link, which has no IPv4 address",
                           speaks ? "extended next hop (RFC 8950)" : "multiprotocol IPv4"),
               speaks ? "turn it on there (FRR: `neighbor PORT capability extended-nexthop`), or "
                        "give both ends an IPv4 address"
                      : "activate IPv4 unicast for this session there"};
}

Verdict no_policy(const SessionFacts& s, const Facts& facts) {
  if (!facts.system.transit || !s.external || (s.has_import_policy && s.has_export_policy)) {
    return {};
  }
  const char* const what = s.has_import_policy   ? "export"
                           : s.has_export_policy ? "import"
                                                 : "import and no export";
  return Words{fmt::format("there is no {} policy, so nothing is {} (RFC 8212)", what,
                           s.has_import_policy   ? "announced"
                           : s.has_export_policy ? "accepted"
                                                 : "accepted or announced"),
               "name policies in `import` and `export` of the neighbor or its group"};
}

Verdict all_refused(const SessionFacts& s, const Facts&) {
  if (s.received == 0 || s.accepted != 0) return {};
  return Words{
      fmt::format("all {} routes of the neighbor are refused", s.received),
      fmt::format("see why with: lastmile show routes --received {} (servers that share an "
                  "AS number need allow-own-as)",
                  s.name)};
}

/// Options of TCP take from what is sent: timestamps 12 bytes, MD5 another 20.
constexpr std::uint32_t kOptions = 40;

Verdict segment_mismatch(const SessionFacts& s, const Facts&) {
  if (!s.segments || s.segments->theirs + kOptions >= s.segments->ours) return {};
  const std::uint32_t less = s.segments->ours - s.segments->theirs;
  return Words{fmt::format("the neighbor's MTU is about {} bytes smaller than that of {}: long "
                           "packets get lost on the way there",
                           less, port_of(s)),
               "set the same MTU at both ends of the link"};
}

struct SessionCheck {
  CheckInfo info;
  Verdict (*look)(const SessionFacts&, const Facts&);
};

/// Causes before what follows from them.
constexpr std::array kNotUp{
    SessionCheck{{"drained", "neighbors that are drained"}, drained},
    SessionCheck{{"shutdown", "neighbors that the configuration shuts down"}, shut_down},
    SessionCheck{{"port-down", "links that are down"}, port_down},
    SessionCheck{{"strict-bfd", "sessions that wait for BFD"}, waits_for_bfd},
    SessionCheck{{"no-ra", "unnumbered ports without router advertisements"}, no_advertisement},
    SessionCheck{{"no-nd", "neighbors that do not answer ND or ARP"}, no_answer_to_discovery},
    SessionCheck{{"wrong-as", "AS numbers that differ from what is expected"}, wrong_as},
    SessionCheck{{"identifier", "BGP identifiers that are there twice"}, same_identifier},
    SessionCheck{{"role", "roles that do not fit"}, role},
    SessionCheck{{"capability-refused", "capabilities that one side insists on"},
                 capability_refused},
    SessionCheck{{"max-prefixes", "sessions that a limit has ended"}, too_many_prefixes},
    SessionCheck{{"remote-shutdown", "sessions that the other side has shut down"},
                 shut_down_there},
    SessionCheck{{"md5", "passwords of TCP MD5 that differ"}, md5},
    SessionCheck{{"ttl-security", "neighbors that are too far away for GTSM"}, ttl_security},
    SessionCheck{{"refused", "neighbors that do not take connections"}, refused},
    SessionCheck{{"hold-time", "sessions that ended in silence"}, hold_time},
    SessionCheck{{"passive", "two sides that wait for each other"}, both_passive},
    SessionCheck{{"silent", "neighbors that do not answer TCP"}, never_answers},
    SessionCheck{{"not-established", "sessions that are not up for another reason"}, anything_else},
};
constexpr std::array kUp{
    SessionCheck{{"capability", "capabilities that routes need and the neighbor lacks"},
                 no_ipv4_over_ipv6},
    SessionCheck{{"policy", "eBGP sessions without policy in transit mode"}, no_policy},
    SessionCheck{{"all-refused", "neighbors whose routes are all refused"}, all_refused},
    SessionCheck{{"mtu", "MTUs that differ at the two ends of a link"}, segment_mismatch},
};

// --- ports and the machine -----------------------------------------------------------------------

Verdict interface_mtu(const PortFacts& port) {
  if (!port.interface_mtu || *port.interface_mtu >= port.mtu) return {};
  return Words{fmt::format("its MTU is {}, but the kernel interface under it has {}", port.mtu,
                           *port.interface_mtu),
               "set the interface's MTU to that of the port, or the port's to that of the "
               "interface"};
}

Verdict no_hugepages(const SystemFacts& system) {
  if (system.hugepages != 0) return {};
  return Words{"the machine has no hugepages: lookups in the tables miss the TLB more often",
               "reserve some: sysctl vm.nr_hugepages=512, and in /etc/sysctl.d for the next boot"};
}

Verdict cpu_not_isolated(const SystemFacts& system) {
  std::vector<unsigned> shared;
  for (const unsigned cpu : system.worker_cpus) {
    if (std::ranges::find(system.isolated_cpus, cpu) == system.isolated_cpus.end()) {
      shared.push_back(cpu);
    }
  }
  if (shared.empty()) return {};
  return Words{
      fmt::format("workers share CPU {} with other programs, which delay packets and BFD",
                  fmt::join(shared, ", ")),
      fmt::format("isolate it: isolcpus={0} nohz_full={0} on the kernel's command line, or "
                  "dataplane.scheduling: realtime",
                  fmt::join(shared, ","))};
}

Verdict cpus_too_few(const SystemFacts& system) {
  if (system.workers <= system.cpus) return {};
  return Words{fmt::format("{} workers share {} CPUs", system.workers, system.cpus),
               "set dataplane.workers to at most the number of CPUs"};
}

struct PortCheck {
  CheckInfo info;
  Verdict (*look)(const PortFacts&);
};
constexpr std::array kPorts{
    PortCheck{{"interface-mtu", "ports whose kernel interface takes less"}, interface_mtu},
};
struct SystemCheck {
  CheckInfo info;
  Verdict (*look)(const SystemFacts&);
};
constexpr std::array kSystem{
    SystemCheck{{"hugepages", "whether there are hugepages"}, no_hugepages},
    SystemCheck{{"cpu-isolation", "whether workers have their CPUs for themselves"},
                cpu_not_isolated},
    SystemCheck{{"cpu-count", "whether there are enough CPUs"}, cpus_too_few},
};

}  // namespace

std::vector<CheckInfo> checks() {
  std::vector<CheckInfo> list;
  const auto add = [&](const auto& rows) {
    for (const auto& row : rows) list.push_back(row.info);
  };
  add(kNotUp);
  add(kUp);
  add(kPorts);
  add(kSystem);
  return list;
}

std::vector<Finding> diagnose(const Facts& facts) {
  std::vector<Finding> findings;
  const auto note = [&](const CheckInfo& info, Severity severity, const std::string& subject,
                        Words words) {
    findings.push_back(
        {info.name, severity, subject, std::move(words.cause), std::move(words.next)});
  };
  for (const SessionFacts& session : facts.sessions) {
    for (const SessionCheck& check : kNotUp) {
      if (session.established) break;
      if (auto words = check.look(session, facts)) {
        note(check.info, Severity::kProblem, session.name, std::move(*words));
        break;
      }
    }
    for (const SessionCheck& check : kUp) {
      if (!session.established) break;
      if (auto words = check.look(session, facts)) {
        note(check.info, Severity::kProblem, session.name, std::move(*words));
      }
    }
  }
  for (const PortFacts& port : facts.ports) {
    for (const PortCheck& check : kPorts) {
      if (auto words = check.look(port)) {
        note(check.info, Severity::kProblem, port.name, std::move(*words));
      }
    }
  }
  for (const SystemCheck& check : kSystem) {
    if (auto words = check.look(facts.system)) {
      note(check.info, Severity::kAdvice, "", std::move(*words));
    }
  }
  return findings;
}

}  // namespace lastmile::doctor
