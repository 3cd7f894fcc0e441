// The BFD control packet (RFC 5880 section 4.1), as values and as octets.
//
//   const auto packet = decode(payload);
//   if (!packet) count(packet.error());
//   const std::size_t size = encode(reply, buffer);      // without authentication
//
// Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <tl/expected.hpp>

#include "dataplane/bfd/clock.h"
#include "dataplane/bfd/refusal.h"

namespace lastmile::bfd {

inline constexpr std::uint16_t kControlPort = 3784;   ///< RFC 5881 section 4
inline constexpr std::uint16_t kEchoPort = 3785;      ///< RFC 5881 section 4
inline constexpr std::uint16_t kMultihopPort = 4784;  ///< RFC 5883 section 5
/// RFC 5881 section 4: the source port of a session is in 49152 to 65535.
inline constexpr std::uint16_t kFirstSourcePort = 49152;
inline constexpr std::uint8_t kHopLimit = 255;  ///< RFC 5881 section 5 (GTSM)

inline constexpr std::size_t kControlSize = 24;     ///< the mandatory section
inline constexpr std::size_t kLargestControl = 52;  ///< with a SHA1 authentication section
inline constexpr std::uint8_t kVersion = 1;

/// The numbers are those of the packet.
enum class State : std::uint8_t { kAdminDown, kDown, kInit, kUp };
inline constexpr std::array<std::string_view, 4> kStateNames{"admin-down", "down", "init", "up"};
[[nodiscard]] constexpr std::string_view to_string(State state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

/// Why the session last changed its state. The numbers are those of the packet.
enum class Diagnostic : std::uint8_t {
  kNone,
  kDetectionTimeExpired,
  kEchoFailed,
  kNeighborSignaledDown,
  kForwardingPlaneReset,
  kPathDown,
  kConcatenatedPathDown,
  kAdministrativelyDown,
  kReverseConcatenatedPathDown,
};
inline constexpr std::array<std::string_view, 9> kDiagnosticNames{"none",
                                                                  "control detection time expired",
                                                                  "echo function failed",
                                                                  "neighbor signaled session down",
                                                                  "forwarding plane reset",
                                                                  "path down",
                                                                  "concatenated path down",
                                                                  "administratively down",
                                                                  "reverse concatenated path down"};
/// Values that RFC 5880 reserves are named "reserved".
[[nodiscard]] constexpr std::string_view to_string(Diagnostic diagnostic) {
  const auto index = static_cast<std::size_t>(diagnostic);
  return index < kDiagnosticNames.size() ? kDiagnosticNames[index] : "reserved";
}

/// The flags, in the order of their bits: from the one next to the state to the last.
struct Flags {
  bool poll = false;
  bool final = false;
  bool control_plane_independent = false;
  bool authenticated = false;
  bool demand = false;

  friend bool operator==(const Flags&, const Flags&) = default;
};

/// A control packet without its authentication section.
struct ControlPacket {
  Diagnostic diagnostic = Diagnostic::kNone;
  State state = State::kDown;
  Flags flags;
  std::uint8_t multiplier = 0;
  std::uint8_t length = kControlSize;  ///< of the packet, authentication included
  std::uint32_t my_discriminator = 0;
  std::uint32_t your_discriminator = 0;
  Microseconds desired_min_tx{0};
  Microseconds required_min_rx{0};
  Microseconds required_min_echo_rx{0};

  friend bool operator==(const ControlPacket&, const ControlPacket&) = default;
};

/// The checks of section 6.8.6 that need no session. `payload`: of UDP; octets behind the packet's
/// own length are ignored.
[[nodiscard]] tl::expected<ControlPacket, Refusal> decode(std::span<const std::uint8_t> payload);

/// Writes the mandatory section; `out` holds kControlSize octets. The length is the packet's.
void encode(const ControlPacket& packet, std::span<std::uint8_t> out);

}  // namespace lastmile::bfd
