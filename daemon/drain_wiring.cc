#include "daemon/drain_wiring.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "logging/told.h"

namespace lastmile {
namespace {

/// An address by which somebody beyond the link could reach this machine.
bool reaches_far(const sockaddr* address) {
  if (address == nullptr) return false;
  if (address->sa_family == AF_INET) return true;
  if (address->sa_family != AF_INET6) return false;
  const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(address);
  return IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) == 0;
}

}  // namespace

/// What workers received, without what they gave to the kernel's twin (BGP, ND) and to BFD, be it
/// the port's own or that of a neighbor behind routers.
std::uint64_t DrainWiring::packets_on(PortId port) const {
  std::uint64_t count = 0;
  for (const auto& worker : parts_.forwarding.workers()) {
    const InterfaceCounters& counters = worker->counters().ports[port.value()];
    // What is taken away is read first: it was received before, so the rest is never negative.
    const std::uint64_t routing = counters.punted_packets.read() + counters.bfd_packets.read();
    const std::uint64_t received = counters.received_packets.read();
    count += received - std::min(received, routing);
  }
  return count;
}

std::uint64_t DrainWiring::packets_from(const std::string& neighbor) const {
  const bgp::SessionManager& sessions = parts_.control.sessions();
  if (const auto peer = sessions.configured(neighbor)) {
    if (const auto& port = sessions.settings(*peer).port) return packets_on(*port);
  }
  // A neighbor behind routers, or a range of them: whatever comes in may be by it.
  std::uint64_t count = 0;
  for (const PortConfig& port : parts_.config.ports) count += packets_on(port.id);
  return count;
}

bool DrainWiring::is_established(const std::string& neighbor) const {
  const bgp::SessionManager& sessions = parts_.control.sessions();
  const auto peer = sessions.configured(neighbor);
  return peer && sessions.state(*peer) == bgp::SessionState::kEstablished;
}

bool DrainWiring::has_other_way() const {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return true;  // nothing is known: don't stand in the way
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner{list, &freeifaddrs};
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    const std::string_view name{one->ifa_name};
    const bool up = (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
    const bool ours = name.starts_with(kTwinPrefix) || name == parts_.config.host.interface;
    if (up && !ours && reaches_far(one->ifa_addr)) return true;
  }
  return false;
}

void DrainWiring::drain_note(const std::string& neighbor, const std::string& text, TimePoint now) {
  log::told("drain {}: {}", neighbor, text);
  parts_.journal.record(now, JournalKind::kDrain, neighbor, text);
}

}  // namespace lastmile
