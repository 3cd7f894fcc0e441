// What `show workers` and `show drops` see.
#include <string>
#include <vector>

#include "daemon/show.h"
#include "dataplane/net/format.h"

namespace lastmile {

std::vector<std::string> Show::receives(const WorkerConfig& worker) const {
  std::vector<std::string> queues;
  for (const WorkerPort& port : worker.ports) {
    for (const std::uint16_t queue : port.receive_queues) {
      queues.push_back(fmt::format("{}/{}", port_name(port.id), queue));
    }
  }
  for (const std::uint16_t queue : worker.host.receive_queues) {
    queues.push_back(fmt::format("host/{}", queue));
  }
  return queues;
}

std::vector<WorkerView> Show::workers(const std::string& reader) const {
  const std::vector<WorkerSnapshot> now = snapshots(from_.forwarding);
  const std::vector<WorkerSnapshot> load = intervals_.since_last(reader, now, ControlClock::now());
  std::vector<WorkerView> views;
  for (unsigned id = 0; id < now.size(); ++id) {
    const WorkerSnapshot& worker = now[id];
    const WorkerSnapshot& recent = load[id];
    const WorkerConfig& config = from_.forwarding.workers()[id]->config();
    WorkerView view;
    view.id = id;
    view.cpu = config.cpu;
    view.rx_packets = worker.packets;
    for (const auto& port : worker.ports) view.tx_packets += port.sent_packets;
    view.tx_packets += worker.host.sent_packets;
    for (const std::uint64_t count : worker.punts) view.punted += count;
    for (std::size_t i = 0; i < kPuntClassCount; ++i) {
      const PuntClassFacts& facts = kPuntClasses[i];
      view.punts.push_back(
          {std::string{facts.name}, worker.punts[i], worker.drops_for(facts.policed)});
    }
    view.icmp_errors = worker.icmp_errors;
    view.icmp_errors_limited = worker.icmp_errors_limited;
    view.held = worker.held_packets;
    view.released = worker.released_packets;
    view.resolution_requests = worker.resolution_requests;
    view.lost_events = worker.lost_events;
    view.cycles_per_packet = recent.cycles_per_packet();
    view.packets_per_vector = recent.vectors == 0 ? 0
                                                  : static_cast<double>(recent.packets) /
                                                        static_cast<double>(recent.vectors);
    view.idle_share = recent.idle_share();
    view.stuck = from_.threads.is_stuck(id);
    for (std::size_t i = 0; i < kStageCount; ++i) {
      view.stages.push_back({std::string{kStageNames[i]}, recent.stages[i].cycles_per_packet()});
    }
    view.receives = receives(config);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      if (worker.drops[i] == 0) continue;
      const DropReasonFacts& facts = kDropReasons[i];
      view.drops.push_back({std::string{facts.name}, std::string{facts.text}, worker.drops[i]});
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<DropView> Show::drops() const {
  std::vector<DropView> views;
  const auto workers = snapshots(from_.forwarding);
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    const DropReasonFacts& facts = kDropReasons[i];
    DropView view{std::string{facts.name}, std::string{facts.text}, 0};
    for (const WorkerSnapshot& worker : workers) view.packets += worker.drops[i];
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace lastmile
