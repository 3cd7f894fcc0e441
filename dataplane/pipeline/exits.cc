#include "dataplane/pipeline/exits.h"

#include <cstring>

#include "dataplane/net/headers.h"

namespace lastmile {
namespace {

std::array<TokenBucket, kPuntClassCount> make_buckets(std::uint64_t cycles_per_second) {
  std::array<TokenBucket, kPuntClassCount> buckets;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    buckets[i] =
        TokenBucket{cycles_per_second, kPuntClasses[i].packets_per_second, kPuntClasses[i].burst};
  }
  return buckets;
}

}  // namespace

Exits::Exits(std::span<const WorkerPort> ports, const WorkerHost& host,
             std::uint64_t cycles_per_second, WorkerCounters& counters)
    : counters_(counters),
      host_mtu_(host.mtu),
      nowhere_(kNoDevice, 0, counters, DropReason::kNoSuchPort, nullptr, nullptr) {
  by_port_.fill(&nowhere_);
  const auto buckets = make_buckets(cycles_per_second);
  for (const WorkerPort& port : ports) {
    InterfaceCounters& counted = counters.ports[port.id.value()];
    ports_.push_back(std::make_unique<TransmitBuffer>(
        port.device, port.transmit_queue, counters, DropReason::kTxFull, &counted.sent_packets,
        &counted.sent_bytes, port.transmit_through.get(), port.vlan));
    by_port_[port.id.value()] = ports_.back().get();
    if (port.twin == kNoDevice) continue;
    // The twin has the port's own address, so frames between them need no address of a third.
    twins_.push_back(std::make_unique<Exception>(
        Exception{.kernel_mac = port.mac,
                  .router_mac = port.mac,
                  .buffer = {port.twin, port.twin_transmit_queue, counters, DropReason::kTwinFull,
                             &counted.punted_packets, nullptr, port.twin_transmit_through.get()},
                  .buckets = buckets}));
    twin_by_port_[port.id.value()] = twins_.back().get();
  }
  if (host.device != kNoDevice) {
    host_ = std::make_unique<Exception>(
        Exception{.kernel_mac = host.mac,
                  .router_mac = host.router_mac,
                  .buffer = {host.device, host.transmit_queue, counters, DropReason::kHostFull,
                             &counters.host.sent_packets, &counters.host.sent_bytes,
                             host.transmit_through.get()},
                  .buckets = buckets});
  }
}

Exits::~Exits() {
  nowhere_.discard();
  for (const auto& port : ports_) port->discard();
  for (const auto& twin : twins_) twin->buffer.discard();
  if (host_ != nullptr) host_->buffer.discard();
}

bool Exits::admit(Exception& exception, rte_mbuf* packet, PuntClass punt_class, std::uint64_t now) {
  const auto index = static_cast<std::size_t>(punt_class);
  if (!exception.buckets[index].take(now)) {
    drop(packet, facts(punt_class).policed);
    return false;
  }
  counters_.punts[index].add(1);
  return true;
}

void Exits::punt(rte_mbuf* packet, PortId port, PuntClass punt_class, std::uint64_t now) {
  Exception* const exception = twin(port);
  if (exception == nullptr) return drop(packet, DropReason::kNoTwin);
  if (admit(*exception, packet, punt_class, now)) exception->buffer.append(packet);
}

void Exits::deliver_to_host(rte_mbuf* packet, std::uint8_t* header, std::uint16_t ethertype,
                            PuntClass punt_class, std::uint64_t now) {
  if (host_ == nullptr) return drop(packet, DropReason::kNoHost);
  deliver(*host_, packet, header, ethertype, punt_class, now);
}

void Exits::deliver_to_twin(rte_mbuf* packet, std::uint8_t* header, std::uint16_t ethertype,
                            PortId port, PuntClass punt_class, std::uint64_t now) {
  Exception* const exception = twin(port);
  if (exception == nullptr) return drop(packet, DropReason::kNoTwin);
  deliver(*exception, packet, header, ethertype, punt_class, now);
}

void Exits::deliver(Exception& exception, rte_mbuf* packet, std::uint8_t* header,
                    std::uint16_t ethertype, PuntClass punt_class, std::uint64_t now) {
  if (!admit(exception, packet, punt_class, now)) return;
  std::uint8_t* const frame = header - ethernet::kHeaderSize;
  const auto& destination = exception.kernel_mac.bytes();
  const auto& source = exception.router_mac.bytes();
  std::memcpy(frame, destination.data(), destination.size());
  std::memcpy(frame + ethernet::kSourceOffset, source.data(), source.size());
  store_raw(frame + ethernet::kTypeOffset, ethertype);
  exception.buffer.append(packet);
}

void Exits::flush() {
  // What the kernel waits for first: it is little, and sessions live on it.
  for (const auto& twin : twins_) twin->buffer.flush();
  for (const auto& port : ports_) port->flush();
  if (host_ != nullptr) host_->buffer.flush();
  nowhere_.flush();
}

}  // namespace lastmile
