#include "daemon/bfd_wires.h"

namespace lastmile {

BfdWires::BfdWires(const Devices& devices, unsigned workers) {
  for (unsigned i = 0; i < workers; ++i) lines_.push_back(std::make_unique<Line>());
  if (workers > 1) handover_ = std::make_unique<BfdHandover>(workers);
  for (const OpenPort& open : devices.ports()) {
    // Ports with a queue for each worker share the sessions out; a port with fewer is best served
    // where its packets arrive.
    const bool everywhere = open.port->facts().rx_queues >= workers;
    owners_.emplace_back(static_cast<std::uint8_t>(everywhere ? open.id.value() % workers : 0));
  }
}

WorkerBfd BfdWires::worker(unsigned worker, rte_mempool* pool) {
  return {.channel = &lines_[worker]->channel, .pool = pool, .handover = handover_.get()};
}

void BfdWires::submit(PortId port, const bfd::Command& command) {
  Line& line = *lines_[owner(port).value()];
  if (!line.waiting.empty() || !line.channel.commands.push(command)) {
    line.waiting.push_back(command);
  }
}

void BfdWires::flush() {
  for (const auto& line : lines_) {
    while (!line->waiting.empty() && line->channel.commands.push(line->waiting.front())) {
      line->waiting.pop_front();
    }
  }
}

const bfd::SessionStatus& BfdWires::status(PortId port, bfd::SessionId id) const {
  return board(owner(port).value())[id];
}

}  // namespace lastmile
