// What the engine keeps of one session: the session itself, and what was heard and said last.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/bfd/command.h"
#include "dataplane/bfd/echo.h"
#include "dataplane/bfd/essence.h"
#include "dataplane/bfd/session.h"
#include "dataplane/bfd/status.h"

namespace lastmile::bfd {

/// A frame with a control packet without authentication.
inline constexpr std::size_t kLargestPlain =
    ethernet::kHeaderSize + ipv6::kHeaderSize + udp::kHeaderSize + kControlSize;

/// A packet that says nothing new touches, of all this, what lies in front of `echo`.
struct alignas(64) Slot {
  /// Essence of a packet that changed nothing when `control` was at the revision `heard` (0: of
  /// none).
  std::array<std::uint8_t, Essence::kIpv6> heard_octets;
  std::uint32_t heard = 0;
  std::uint8_t heard_size = 0;
  /// The frame that `control` sent at the revision `said` (0: none), and would send again.
  std::uint8_t said_size = 0;
  PortId port{};  ///< as in `spec`
  std::uint32_t said = 0;
  std::uint32_t published = 0;  ///< the revision of `control` that the board shows whole; 0: none
  SessionId id{};
  bool used = false;
  Admin admin = Admin::kEnabled;

  bool failed = false;  ///< its next hops are dead
  bool spared = false;  ///< Command::Kind::kSpare
  bool untold = false;
  State told_state = State::kDown;
  Instant changed_at{};  ///< when it became `told_state`, or failed
  Instant reflect_at{};  ///< when the next echo of the other side's is in its rate
  std::uint32_t seen_failures = 0;
  std::uint32_t seen_echo_failures = 0;

  alignas(64) std::optional<Session> control;  ///< none with unaffiliated echo
  alignas(64) std::array<std::uint8_t, kLargestPlain> said_octets;
  std::optional<EchoProbe> echo;  ///< while the mode and the other side want it
  SessionSpec spec;

  /// From now on, or for now, more may have to be done than to take and to send the same again.
  void forget_routine() { heard = said = 0; }
  /// Asks the caches for what sending again touches. Inlined by force: GCC drops calls of functions
  /// that do nothing else.
  [[gnu::always_inline]] void prefetch() const {
    constexpr std::size_t kLine = 64;
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(&heard);
    const auto* const end = said_octets.data() + said_octets.size();
    for (const std::uint8_t* line = begin; line < end; line += kLine) __builtin_prefetch(line, 1);
  }
  [[nodiscard]] bool resolved() const { return spec.is_multihop() || !spec.remote_mac.is_zero(); }
  [[nodiscard]] State state() const {
    if (control) return control->state();
    if (admin == Admin::kDown) return State::kAdminDown;
    return echo ? echo->state() : State::kDown;
  }
  [[nodiscard]] std::uint32_t failures() const {
    return control ? control->failures() : (echo ? echo->failures() : 0);
  }
  [[nodiscard]] Diagnostic diagnostic() const {
    if (control) return control->diagnostic();
    if (admin == Admin::kDown) return Diagnostic::kAdministrativelyDown;
    return failures() > 0 && state() == State::kDown ? Diagnostic::kEchoFailed : Diagnostic::kNone;
  }
  /// RFC 5882 section 4.3: a neighbor whose BFD shares fate with its control plane falls silent, or
  /// begins anew, when that restarts. Its echo is its forwarding's, and a dead link is a dead link.
  [[nodiscard]] bool is_ambiguous() const {
    if (!control || control->remote_flags().control_plane_independent) return false;
    return control->last_down_reason() == Diagnostic::kDetectionTimeExpired ||
           control->last_down_reason() == Diagnostic::kNeighborSignaledDown;
  }
  [[nodiscard]] Instant deadline() const {
    Instant at = kNever;
    if (control) at = control->deadline();
    if (echo && admin == Admin::kEnabled) at = std::min(at, echo->deadline());
    return at;
  }
  /// All but what is counted packet by packet.
  void show(SessionStatus& status) const;
};

}  // namespace lastmile::bfd
