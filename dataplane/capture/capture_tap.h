// The places of one worker at which captures look at packets: where they come in, where they go
// out, and where they are dropped.
//
// What the kernel's twin of a port sends goes out by the port, and what it gets came in there; so a
// capture of the port has both, and the twin's device is none of its own.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/capture/capture_board.h"
#include "dataplane/capture/capture_point.h"
#include "dataplane/worker/port.h"

namespace lastmile {

/// One worker.
class CaptureTap {
 public:
  /// `board` (nullptr: there are never captures) outlives this.
  CaptureTap(const CaptureBoard* board, WorkerId self, std::span<const WorkerPort> ports,
             const WorkerHost& host);

  /// The interface of a port.
  [[nodiscard]] static CaptureInterface of(PortId port) {
    return CaptureInterface{static_cast<std::uint8_t>(port.value())};
  }

  /// As they came, before anything is done to them.
  void received(CaptureInterface at, std::span<rte_mbuf* const> packets) {
    if (is_on()) [[unlikely]]
      take(CapturePoint::kReceived, at, packets);
  }
  /// As they go. Afterwards they are the device's; what it does not take is dropped, too.
  void sent(CaptureInterface at, std::span<rte_mbuf* const> packets) {
    if (is_on()) [[unlikely]]
      take(CapturePoint::kSent, at, packets);
  }
  /// Before its buffer is freed, or made something else.
  void dropped(const rte_mbuf* packet, DropReason reason) {
    if (is_on()) [[unlikely]]
      take_dropped(packet, reason);
  }
  void dropped(std::span<rte_mbuf* const> packets, DropReason reason) {
    for (const rte_mbuf* packet : packets) dropped(packet, reason);
  }

 private:
  [[nodiscard]] bool is_on() const { return board_ != nullptr && board_->running() != 0; }
  void take(CapturePoint point, CaptureInterface at, std::span<rte_mbuf* const> packets);
  void take_dropped(const rte_mbuf* packet, DropReason reason);
  void copy(Capture& capture, const rte_mbuf* packet, CapturedHeader header) const;

  const CaptureBoard* const board_;
  const WorkerId self_;
  /// Where a packet came from, by the ethdev that its buffer names.
  [[nodiscard]] CaptureInterface origin(std::uint16_t device) const;

  /// By ethdev; but for those that may be exchanged.
  std::array<CaptureInterface, RTE_MAX_ETHPORTS> by_device_{};
  struct Exchanged {
    std::shared_ptr<const DeviceSlot> slot;
    CaptureInterface interface;
  };
  std::vector<Exchanged> exchanged_;
};

}  // namespace lastmile
