// Devices, as workers know them, and a place in which one can be exchanged while they run.
//
//   // control thread                                   // a worker, in one loop
//   slot.empty();                                       const DeviceId device = slot.device();
//   const RcuToken token = rcu.start();                 if (device != kNoDevice) receive(device);
//   while (!rcu.check(token)) wait();                   ...
//   close(old);                                         reader.quiescent();
//   slot.fill(DeviceId{open_another()});
//
// A worker asks for each burst and holds the answer no longer than until it is quiescent; so after
// a grace period nobody uses what was in an emptied slot. Other ports notice nothing.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/net/strong_id.h"

namespace lastmile {

/// An ethdev identifier; kNoDevice where there is none.
using DeviceId = StrongId<struct DeviceTag, std::uint16_t>;
inline constexpr DeviceId kNoDevice{0xffff};

/// One device, of one port or of several in VLANs of their own.
class DeviceSlot {
 public:
  explicit DeviceSlot(DeviceId device) : device_(device.value()) {}

  /// kNoDevice: there is none at the moment. Any thread.
  [[nodiscard]] DeviceId device() const {
    return DeviceId{device_.load(std::memory_order_acquire)};
  }

  /// From the next burst on workers use none. Control thread.
  void empty() { fill(kNoDevice); }
  /// `device` is started, and has the queues that the one before had. Control thread.
  void fill(DeviceId device) { device_.store(device.value(), std::memory_order_release); }

 private:
  std::atomic<std::uint16_t> device_;  // control: writes; workers: read
};

/// Whoever uses a device has it in `slot`, or has `device` for good if that is nullptr.
[[nodiscard]] inline DeviceId current_device(DeviceId device, const DeviceSlot* slot) {
  return slot != nullptr ? slot->device() : device;
}

}  // namespace lastmile
