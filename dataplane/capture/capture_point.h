// Where a packet was when it was captured. No DPDK here.
#pragma once

#include <cstdint>

#include "dataplane/net/strong_id.h"
#include "dataplane/pipeline/drop_reason.h"

namespace lastmile {

enum class CapturePoint : std::uint8_t {
  kReceived,  ///< by a port, or from the machine's own programs
  kSent,      ///< given to a device
  kDropped,
};

/// A port (by the value of its PortId), or one of the others below.
using CaptureInterface = StrongId<struct CaptureInterfaceTag, std::uint8_t>;
/// The host interface.
inline constexpr CaptureInterface kHostInterface{62};
/// Nowhere: what the router itself makes, and has dropped.
inline constexpr CaptureInterface kRouterItself{63};

/// A set of interfaces.
class CaptureInterfaces {
 public:
  void add(CaptureInterface interface) { bits_ |= std::uint64_t{1} << interface.value(); }
  [[nodiscard]] bool contains(CaptureInterface interface) const {
    return (bits_ >> interface.value() & 1) != 0;
  }

 private:
  std::uint64_t bits_ = 0;
};

}  // namespace lastmile
