#include "dataplane/pipeline/exits.h"

#include <cstring>

#include "dataplane/net/headers.h"

namespace lastmile {

Exits::Exits(std::span<const WorkerPort> ports, const WorkerHost& host,
             std::uint64_t cycles_per_second, WorkerCounters& counters, CaptureTap& tap)
    : counters_(counters),
      tap_(tap),
      policer_(cycles_per_second),
      urgent_patience_(cycles_per_second / 1'000'000 *
                       static_cast<std::uint64_t>(kUrgentPatience.count())),
      host_mtu_(host.mtu),
      nowhere_({}, counters, tap, DropReason::kNoSuchPort, nullptr, nullptr) {
  by_port_.fill(&nowhere_);
  for (const WorkerPort& port : ports) {
    InterfaceCounters& counted = counters.ports[port.id.value()];
    ports_.push_back(std::make_unique<TransmitBuffer>(
        TransmitQueue{.device = port.device,
                      .slot = port.slot.get(),
                      .queue = port.transmit_queue,
                      .through = port.transmit_through.get(),
                      .seen_as = CaptureTap::of(port.id),
                      .vlan = port.vlan},
        counters, tap, DropReason::kTxFull, &counted.sent_packets, &counted.sent_bytes));
    by_port_[port.id.value()] = ports_.back().get();
    if (port.twin == kNoDevice) continue;
    // The twin has the port's own address, so frames between them need no address of a third.
    twins_.push_back(std::make_unique<Exception>(
        Exception{.kernel_mac = port.mac,
                  .router_mac = port.mac,
                  .buffer = {{.device = port.twin,
                              .queue = port.twin_transmit_queue,
                              .through = port.twin_transmit_through.get()},
                             counters,
                             tap,
                             DropReason::kTwinFull,
                             &counted.punted_packets,
                             nullptr}}));
    twin_by_port_[port.id.value()] = twins_.back().get();
  }
  if (host.device != kNoDevice) {
    host_ =
        std::make_unique<Exception>(Exception{.kernel_mac = host.mac,
                                              .router_mac = host.router_mac,
                                              .buffer = {{.device = host.device,
                                                          .queue = host.transmit_queue,
                                                          .through = host.transmit_through.get(),
                                                          .segments = host.segments,
                                                          .seen_as = kHostInterface},
                                                         counters,
                                                         tap,
                                                         DropReason::kHostFull,
                                                         &counters.host.sent_packets,
                                                         &counters.host.sent_bytes}});
  }
}

Exits::~Exits() {
  nowhere_.discard();
  for (const auto& port : ports_) port->discard();
  for (const auto& twin : twins_) twin->buffer.discard();
  if (host_ != nullptr) host_->buffer.discard();
}

bool Exits::admit(rte_mbuf* packet, const Punt& punt) {
  if (!policer_.admit(punt.ingress, punt.punt_class, punt.now)) {
    drop(packet, facts(punt.punt_class).policed);
    return false;
  }
  counters_.punts[static_cast<std::size_t>(punt.punt_class)].add(1);
  return true;
}

void Exits::punt(rte_mbuf* packet, const Punt& punt) {
  Exception* const exception = twin(punt.ingress.port->id);
  if (exception == nullptr) return drop(packet, DropReason::kNoTwin);
  if (admit(packet, punt)) exception->buffer.append(packet);
}

void Exits::deliver_to_host(rte_mbuf* packet, std::uint8_t* header, std::uint16_t ethertype,
                            const Punt& punt) {
  if (host_ == nullptr) return drop(packet, DropReason::kNoHost);
  deliver(*host_, packet, header, ethertype, punt);
}

void Exits::deliver_to_twin(rte_mbuf* packet, std::uint8_t* header, std::uint16_t ethertype,
                            PortId port, const Punt& punt) {
  Exception* const exception = twin(port);
  if (exception == nullptr) return drop(packet, DropReason::kNoTwin);
  deliver(*exception, packet, header, ethertype, punt);
}

void Exits::deliver(Exception& exception, rte_mbuf* packet, std::uint8_t* header,
                    std::uint16_t ethertype, const Punt& punt) {
  if (!admit(packet, punt)) return;
  std::uint8_t* const frame = header - ethernet::kHeaderSize;
  const auto& destination = exception.kernel_mac.bytes();
  const auto& source = exception.router_mac.bytes();
  std::memcpy(frame, destination.data(), destination.size());
  std::memcpy(frame + ethernet::kSourceOffset, source.data(), source.size());
  store_raw(frame + ethernet::kTypeOffset, ethertype);
  exception.buffer.append(packet);
}

void Exits::flush(std::uint64_t now) {
  // What the kernel waits for first: it is little, and sessions live on it.
  for (const auto& twin : twins_) twin->buffer.flush();
  for (const auto& port : ports_) {
    port->flush();
    if (port->has_urgent()) [[unlikely]]
      port->give_up_urgent(now, urgent_patience_);
  }
  if (host_ != nullptr) host_->buffer.flush();
  nowhere_.flush();
}

}  // namespace lastmile
