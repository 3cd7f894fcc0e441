// Which sources a port takes packets from, beyond what every port demands of them. Values; no DPDK
// here.
#pragma once

#include <cstdint>

namespace lastmile {

/// Whether the routes must lead back to a packet's source (unicast reverse path forwarding).
enum class ReversePath : std::uint8_t {
  kOff,
  kLoose,   ///< by any port (RFC 3704 section 2.4)
  kStrict,  ///< by the port it came in by, over any member or backup of the best route (2.3)
};

/// Which addresses no packet may bear, as source or destination.
enum class Martians : std::uint8_t {
  kBasic,  ///< RFC 1812 section 5.3.7, RFC 4291 section 2: what every port refuses
  kFull,   ///< also what RFC 6890 says is not forwarded, and addresses of ours as source
};

/// control: writes before the worker starts; worker: reads.
struct Admission {
  ReversePath reverse_path = ReversePath::kOff;
  Martians martians = Martians::kBasic;

  /// Is there anything to be asked that other stages don't ask of every packet?
  [[nodiscard]] bool asks() const {
    return reverse_path != ReversePath::kOff || martians != Martians::kBasic;
  }
  friend bool operator==(const Admission&, const Admission&) = default;
};

}  // namespace lastmile
