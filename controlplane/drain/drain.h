// Taking neighbors, or the whole router, out of service without losing a packet, and back.
//
//   leaving: announcements ask for any other way (GRACEFUL_SHUTDOWN, RFC 8326), until hardly a
//            packet comes in any more, or patience is over
//   down:    BFD AdminDown, BGP Cease/Administrative Shutdown with a message (RFC 9003)
//
// What is drained is a layer over the configuration (lay_over), so a reload neither ends nor
// disturbs it, and everything it does is what the same keys in the file would do.
//
// All functions: control thread only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/config/config.h"
#include "controlplane/event/effects.h"
#include "controlplane/event/time.h"

namespace lastmile {

enum class DrainPhase : std::uint8_t { kLeaving, kDown };
[[nodiscard]] const char* to_string(DrainPhase phase);

/// What the daemon does for it.
class DrainOutside {
 public:
  virtual ~DrainOutside() = default;
  /// lay_over() gives something else now: take it up.
  virtual void drain_changed(TimePoint now) = 0;
  /// Packets that have come in by the neighbor's port since the start, without those of routing
  /// itself.
  [[nodiscard]] virtual std::uint64_t packets_from(const std::string& neighbor) const = 0;
  [[nodiscard]] virtual bool is_established(const std::string& neighbor) const = 0;
  /// Whether this machine can be reached without this router.
  [[nodiscard]] virtual bool has_other_way() const = 0;
  /// For people; `neighbor` may be empty.
  virtual void drain_note(const std::string& neighbor, const std::string& text, TimePoint now) = 0;
};

struct DrainRequest {
  enum class Force : std::uint8_t { kNo, kYes };
  std::vector<std::string> neighbors;  ///< empty: the whole router
  Duration patience = std::chrono::seconds{60};
  double quiet = 10;  ///< packets a second below which traffic has left
  std::string message = "drained for maintenance";
  Force force = Force::kNo;  ///< even if the last path is cut
};

class Drain {
 public:
  Drain(const Config& config, DrainOutside& outside, Timers& timers)
      : config_(config), out_(outside), timers_(timers) {}

  /// The error is one line.
  [[nodiscard]] tl::expected<void, std::string> begin(const DrainRequest& request, TimePoint now);
  /// Without names: all. The error is one line.
  [[nodiscard]] tl::expected<void, std::string> end(const std::vector<std::string>& neighbors,
                                                    TimePoint now);
  /// For the timer of TimerKind::kDrain.
  void timer_expired(TimePoint now);
  /// Neighbors of a configuration that was just taken up: those that are new belong to a drained
  /// router, too; those that are gone are forgotten.
  void reloaded(TimePoint now);

  /// The configuration with what is drained over it.
  [[nodiscard]] Config lay_over(Config config) const;

  struct Status {
    std::string neighbor;
    DrainPhase phase = DrainPhase::kLeaving;
    TimePoint since;
    double packets_per_second = 0;  ///< that came in, when it was last looked
    std::string message;
  };
  [[nodiscard]] std::vector<Status> status() const;
  [[nodiscard]] bool whole_router() const { return whole_; }

 private:
  struct Drained {
    DrainPhase phase = DrainPhase::kLeaving;
    TimePoint since;
    DrainRequest request;
    std::uint64_t packets = 0;  ///< at the last look
    TimePoint looked_at;
    double rate = 0;
    unsigned quiet_looks = 0;
  };

  [[nodiscard]] tl::expected<void, std::string> check(const std::vector<std::string>& names) const;
  void look(const std::string& name, Drained& drained, TimePoint now);
  void add(const std::string& name, const DrainRequest& request, TimePoint now);

  const Config& config_;
  DrainOutside& out_;
  Timers& timers_;
  std::map<std::string, Drained> drained_;  ///< by the neighbor's name
  bool whole_ = false;
  DrainRequest whole_request_;
};

}  // namespace lastmile
