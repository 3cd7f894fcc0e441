#include "dataplane/worker/counters.h"

#include <algorithm>
#include <numeric>

namespace lastmile {
namespace {

WorkerSnapshot::Interface read(const InterfaceCounters& counters) {
  return {.received_packets = counters.received_packets.read(),
          .received_bytes = counters.received_bytes.read(),
          .sent_packets = counters.sent_packets.read(),
          .sent_bytes = counters.sent_bytes.read(),
          .punted_packets = counters.punted_packets.read(),
          .injected_packets = counters.injected_packets.read(),
          .ethertype_repairs = counters.ethertype_repairs.read(),
          .bfd_packets = counters.bfd_packets.read()};
}

double ratio(std::uint64_t numerator, std::uint64_t denominator) {
  return denominator == 0 ? 0 : static_cast<double>(numerator) / static_cast<double>(denominator);
}

}  // namespace

std::uint64_t WorkerSnapshot::total_drops() const {
  return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0});
}

double WorkerSnapshot::idle_share() const {
  const std::uint64_t unused = idle_cycles + sleep_cycles;
  return ratio(unused, unused + busy_cycles);
}

double WorkerSnapshot::cycles_per_packet() const {
  return ratio(busy_cycles, packets);
}

WorkerSnapshot snapshot(const WorkerCounters& counters, std::size_t next_hops) {
  WorkerSnapshot result;
  for (std::size_t i = 0; i < counters.ports.size(); ++i) result.ports[i] = read(counters.ports[i]);
  result.host = read(counters.host);
  for (std::size_t i = 0; i < counters.drops.size(); ++i)
    result.drops[i] = counters.drops[i].read();
  for (std::size_t i = 0; i < counters.punts.size(); ++i)
    result.punts[i] = counters.punts[i].read();
  for (std::size_t i = 0; i < counters.stages.size(); ++i) {
    result.stages[i] = {.cycles = counters.stages[i].cycles.read(),
                        .packets = counters.stages[i].packets.read()};
  }
  result.next_hops.resize(std::min(next_hops, counters.next_hops.size()));
  for (std::size_t i = 0; i < result.next_hops.size(); ++i) {
    result.next_hops[i] = {.packets = counters.next_hops[i].packets.read(),
                           .bytes = counters.next_hops[i].bytes.read()};
  }
  result.loops = counters.loops.read();
  result.vectors = counters.vectors.read();
  result.packets = counters.packets.read();
  result.busy_cycles = counters.busy_cycles.read();
  result.idle_cycles = counters.idle_cycles.read();
  result.sleep_cycles = counters.sleep_cycles.read();
  result.sleeps = counters.sleeps.read();
  result.icmp_errors = counters.icmp_errors.read();
  result.icmp_errors_limited = counters.icmp_errors_limited.read();
  result.held_packets = counters.held_packets.read();
  result.released_packets = counters.released_packets.read();
  result.resolution_requests = counters.resolution_requests.read();
  result.lost_events = counters.lost_events.read();
  return result;
}

}  // namespace lastmile
