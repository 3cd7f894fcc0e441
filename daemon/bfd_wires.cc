#include "daemon/bfd_wires.h"

namespace lastmile {

BfdWires::BfdWires(const Devices& devices, unsigned workers) {
  for (unsigned i = 0; i < workers; ++i) lines_.push_back(std::make_unique<Line>());
  if (workers > 1) handover_ = std::make_unique<BfdHandover>(workers);
  for (const OpenPort& open : devices.ports()) {
    // Who has the port's first receive queue, and its only one if it has no more.
    owners_.emplace_back(static_cast<std::uint8_t>(open.device->owner.value() % workers));
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
