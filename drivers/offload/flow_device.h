// Who takes rules: a NIC's driver, or a test's stand-in for one.
#pragma once

#include <cstdint>

#include "drivers/driver_error.h"
#include "drivers/offload/rule.h"

namespace lastmile::offload {

/// A rule that is in force. Opaque; given back to the device that made it.
using RuleHandle = void*;

/// Control thread only. Errors carry the driver's own words.
class FlowDevice {
 public:
  virtual ~FlowDevice() = default;
  /// Would the device take this rule now?
  [[nodiscard]] virtual Result<void> validate(const Rule& rule) = 0;
  [[nodiscard]] virtual Result<RuleHandle> create(const Rule& rule) = 0;
  [[nodiscard]] virtual Result<void> destroy(RuleHandle handle) = 0;
};

/// An open ethdev, by rte_flow.
class RteFlowDevice final : public FlowDevice {
 public:
  explicit RteFlowDevice(std::uint16_t ethdev) : ethdev_(ethdev) {}

  [[nodiscard]] Result<void> validate(const Rule& rule) override;
  [[nodiscard]] Result<RuleHandle> create(const Rule& rule) override;
  [[nodiscard]] Result<void> destroy(RuleHandle handle) override;

 private:
  std::uint16_t ethdev_;
};

}  // namespace lastmile::offload
