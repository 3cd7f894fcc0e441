#include "dataplane/capture/capture_tap.h"

#include <rte_cycles.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace lastmile {
namespace {

/// Calls `visit(capture)` for each of `running`.
template <class Visitor>
void for_each(const CaptureBoard& board, std::uint32_t running, Visitor&& visit) {
  for (; running != 0; running &= running - 1) {
    visit(board.capture(static_cast<unsigned>(std::countr_zero(running))));
  }
}

void copy_segments(const rte_mbuf* packet, std::uint32_t octets, std::uint8_t* to) {
  for (; octets != 0; packet = packet->next) {
    const std::uint32_t part = std::min<std::uint32_t>(octets, packet->data_len);
    std::memcpy(to, rte_pktmbuf_mtod(packet, const std::uint8_t*), part);
    to += part;
    octets -= part;
  }
}

}  // namespace

CaptureTap::CaptureTap(const CaptureBoard* board, WorkerId self, std::span<const WorkerPort> ports,
                       const WorkerHost& host)
    : board_(board), self_(self) {
  by_device_.fill(kRouterItself);
  const auto name = [this](DeviceId device, CaptureInterface interface) {
    if (device.value() < by_device_.size()) by_device_[device.value()] = interface;
  };
  for (const WorkerPort& port : ports) {
    if (port.slot != nullptr) {
      exchanged_.push_back({port.slot, of(port.id)});
    } else {
      name(port.device, of(port.id));
    }
    name(port.twin, of(port.id));
  }
  name(host.device, kHostInterface);
}

CaptureInterface CaptureTap::origin(std::uint16_t device) const {
  // The last one of those that share a device, as in the table.
  for (auto port = exchanged_.rbegin(); port != exchanged_.rend(); ++port) {
    if (port->slot->device() == DeviceId{device}) return port->interface;
  }
  if (device == kHostSegments.value()) return kHostInterface;
  return device < by_device_.size() ? by_device_[device] : kRouterItself;
}

[[gnu::cold]] void CaptureTap::take(CapturePoint point, CaptureInterface at,
                                    std::span<rte_mbuf* const> packets) {
  const std::uint64_t now = rte_rdtsc();
  for_each(*board_, board_->running(), [&](Capture& capture) {
    if (capture.of != Capture::Of::kTraffic || !capture.interfaces.contains(at)) return;
    for (const rte_mbuf* packet : packets) {
      copy(capture, packet, {.cycles = now, .interface = at, .point = point});
    }
  });
}

[[gnu::cold]] void CaptureTap::take_dropped(const rte_mbuf* packet, DropReason reason) {
  const std::uint64_t now = rte_rdtsc();
  const CaptureInterface from = origin(packet->port);
  for_each(*board_, board_->running(), [&](Capture& capture) {
    if (capture.of != Capture::Of::kDrops) return;
    copy(capture, packet,
         {.cycles = now, .interface = from, .point = CapturePoint::kDropped, .reason = reason});
  });
}

void CaptureTap::copy(Capture& capture, const rte_mbuf* packet, CapturedHeader header) const {
  const auto* const frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  if (!capture.filter.matches(frame, packet->pkt_len, packet->data_len)) return;
  header.length = packet->pkt_len;
  header.kept = std::min(packet->pkt_len, capture.snap);
  PacketRing& ring = *capture.rings[self_.value()];
  std::uint8_t* const to = ring.reserve(header);
  if (to == nullptr) return;
  copy_segments(packet, header.kept, to);
  ring.commit();
}

}  // namespace lastmile
