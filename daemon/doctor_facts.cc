#include "daemon/doctor_facts.h"

#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string_view>

#include "controlplane/io/tcp_segments.h"
#include "drivers/kernel/folder.h"
#include "drivers/ports/device_string.h"

namespace lastmile {
namespace {

/// What was said longer ago does not explain the present.
constexpr Duration kRecently = std::chrono::minutes{2};

template <class Number>
std::optional<Number> read_number(const std::filesystem::path& path) {
  std::ifstream file{path};
  Number value{};
  if (!(file >> value)) return std::nullopt;
  return value;
}

/// "1-3,8" as the kernel writes lists of CPUs.
std::vector<unsigned> read_cpus(const std::filesystem::path& path) {
  std::vector<unsigned> cpus;
  std::ifstream file{path};
  for (std::string range; std::getline(file, range, ',');) {
    std::istringstream text{range};
    unsigned first = 0;
    if (!(text >> first)) continue;
    unsigned last = first;
    char dash = 0;
    if (text >> dash && !(text >> last)) last = first;
    for (unsigned cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

std::uint64_t count_hugepages() {
  std::uint64_t pages = 0;
  const std::string sizes = "/sys/kernel/mm/hugepages/";
  for (const std::string& size : names_in(sizes)) {
    pages += read_number<std::uint64_t>(sizes + size + "/nr_hugepages").value_or(0);
  }
  return pages;
}

/// A counter of the table TcpExt in /proc/net/netstat: one line of names, one of values.
std::uint64_t tcp_counter(std::string_view wanted) {
  std::ifstream file{"/proc/self/net/netstat"};
  std::string names, values;
  while (std::getline(file, names) && std::getline(file, values)) {
    if (!names.starts_with("TcpExt:")) continue;
    std::istringstream name_list{names};
    std::istringstream value_list{values};
    std::string name, value;
    while (name_list >> name && value_list >> value) {
      if (name == wanted) return std::stoull(value);
    }
  }
  return 0;
}

std::string expected_as(const RemoteAsn& remote) {
  switch (remote.kind) {
    case RemoteAsn::Kind::kExternal:
      return "external";
    case RemoteAsn::Kind::kInternal:
      return "internal";
    case RemoteAsn::Kind::kNumber:
      return std::to_string(remote.number.value());
  }
  return "";
}

class Gatherer {
 public:
  explicit Gatherer(const DoctorSources& from) : from_(from), now_(ControlClock::now()) {
    if (auto segments = bgp_segments()) segments_ = std::move(*segments);
  }

  doctor::Facts facts() const {
    doctor::Facts facts;
    for (const bgp::PeerStatus& peer : from_.control.sessions().status(now_)) {
      const auto& neighbors = from_.config.bgp.neighbors;
      const auto configured = std::ranges::find(neighbors, peer.name, &BgpNeighborConfig::name);
      if (configured == neighbors.end() || configured->listen) continue;
      facts.sessions.push_back(session(peer, *configured));
    }
    for (const PortConfig& port : from_.config.ports) facts.ports.push_back(port_facts(port));
    facts.system = system();
    return facts;
  }

 private:
  doctor::SessionFacts session(const bgp::PeerStatus& peer,
                               const BgpNeighborConfig& neighbor) const {
    doctor::SessionFacts facts;
    facts.name = peer.name;
    facts.established = peer.state == bgp::SessionState::kEstablished;
    facts.state = to_string(peer.state);
    facts.last_error = peer.history.last_error;
    facts.established_count = peer.history.established;
    facts.unnumbered = neighbor.port && !neighbor.address;
    facts.passive = peer.passive;
    facts.shutdown = neighbor.shutdown;
    facts.has_password = !neighbor.password.empty();
    facts.ttl_security = neighbor.ttl_security != 0;
    facts.has_import_policy = !neighbor.import_policy.empty();
    facts.has_export_policy = !neighbor.export_policy.empty();
    facts.expected_as = expected_as(peer.expected_asn);
    facts.external = peer.expected_asn.kind == RemoteAsn::Kind::kExternal ||
                     (peer.expected_asn.kind == RemoteAsn::Kind::kNumber &&
                      peer.expected_asn.number != from_.config.router.asn);
    for (const Drain::Status& drained : from_.drain.status()) {
      if (drained.neighbor == peer.name && drained.phase == DrainPhase::kDown) {
        facts.drained = true;
      }
    }
    facts.address = peer.address;
    if (peer.port) link_facts(peer, *peer.port, facts);
    if (neighbor.bfd && from_.config.bfd.profiles[*neighbor.bfd].strict) {
      facts.strict_bfd_state = from_.control.bfd().must_wait(peer.id) ? "down" : "up";
    }
    facts.last_sent = telling(peer, peer.history.last_sent);
    facts.last_received = telling(peer, peer.history.last_received);
    if (peer.negotiated) negotiated_facts(peer, facts);
    const rib::PeerCounts counts = from_.control.rib().counts(peer.id);
    const auto sum = [](const rib::PathCounts& families) {
      return std::accumulate(families.begin(), families.end(), std::uint64_t{0});
    };
    facts.received = sum(counts.received);
    facts.accepted = sum(counts.accepted);
    return facts;
  }

  void link_facts(const bgp::PeerStatus& peer, PortId port, doctor::SessionFacts& facts) const {
    const PortConfig& config = from_.config.ports[port.value()];
    facts.port = config.name;
    facts.link_up = from_.links.link(port) == Link::kUp;
    for (const auto& status : from_.control.discovery().status()) {
      if (status.port == port) facts.advertisements_heard = status.advertisements_heard;
    }
    for (const auto& known : from_.neighborhood.neighbors()) {
      if (known.port == port && known.entry.address == peer.address && known.entry.mac) {
        facts.resolved = true;
      }
    }
    const auto is_v4 = [](const auto& own) {
      return std::holds_alternative<Ipv4Address>(own.address);
    };
    const bool v6_session = peer.address && std::holds_alternative<Ipv6Address>(*peer.address);
    facts.ipv4_next_hop_needs_it = v6_session && std::ranges::none_of(config.addresses, is_v4);
    const unsigned twin =
        if_nametoindex(from_.devices.ports()[port.value()].twin->interface_name().c_str());
    for (const TcpSegments& segments : segments_) {
      if (segments.remote != peer.address) continue;
      if (segments.interface != 0 && segments.interface != twin) continue;
      facts.segments = doctor::Segments{segments.ours, segments.theirs};
    }
  }

  static void negotiated_facts(const bgp::PeerStatus& peer, doctor::SessionFacts& facts) {
    for (const bgp::Family family : peer.negotiated->families) {
      facts.families.emplace_back(family == bgp::Family::kIpv4Unicast ? "ipv4" : "ipv6");
    }
    const auto& extended = peer.negotiated->codec.extended_next_hop;
    facts.ipv4_extended_next_hop =
        std::ranges::find(extended, bgp::Family::kIpv4Unicast) != extended.end();
  }

  /// A notification, if it explains the present: of late, or the last word to somebody who is not
  /// talked to since.
  std::optional<bgp::Notification> telling(
      const bgp::PeerStatus& peer, const std::optional<bgp::PeerHistory::Seen>& seen) const {
    if (!seen || (now_ - seen->at > kRecently && !peer.suspended)) return std::nullopt;
    return seen->notification;
  }

  static doctor::PortFacts port_facts(const PortConfig& port) {
    doctor::PortFacts facts;
    facts.name = port.name;
    facts.mtu = port.mtu;
    const auto device = DeviceString::parse(port.device);
    if (!device || !(device->is("net_af_packet") || device->is("net_af_xdp"))) return facts;
    if (const auto interface = device->argument("iface")) {
      facts.interface_mtu = read_number<unsigned>("/sys/class/net/" + *interface + "/mtu");
    }
    return facts;
  }

  doctor::SystemFacts system() const {
    doctor::SystemFacts facts;
    facts.hugepages = count_hugepages();
    const bool has_cpu_by_rank = from_.config.dataplane.scheduling == SchedulingMode::kRealtime;
    if (!has_cpu_by_rank) facts.worker_cpus = from_.config.dataplane.cpus;
    facts.isolated_cpus = read_cpus("/sys/devices/system/cpu/isolated");
    facts.workers = from_.config.dataplane.workers;
    facts.cpus = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    facts.md5_missing = tcp_counter("TCPMD5NotFound");
    facts.md5_unexpected = tcp_counter("TCPMD5Unexpected");
    facts.md5_wrong = tcp_counter("TCPMD5Failure");
    facts.ttl_too_small = tcp_counter("TCPMinTTLDrop");
    facts.transit = from_.config.router.mode == RouterMode::kTransit;
    return facts;
  }

  const DoctorSources& from_;
  const TimePoint now_;
  std::vector<TcpSegments> segments_;
};

}  // namespace

doctor::Facts doctor_facts(const DoctorSources& from) {
  return Gatherer{from}.facts();
}

}  // namespace lastmile
