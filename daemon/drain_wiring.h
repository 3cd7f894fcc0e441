// What draining needs of a running router: how much still comes in, who is Established, and whether
// this machine has another way to the world.
#pragma once

#include <functional>
#include <string>

#include "controlplane/control_plane.h"
#include "controlplane/drain/drain.h"
#include "daemon/forwarding.h"

namespace lastmile {

/// Control thread only.
class DrainWiring final : public DrainOutside {
 public:
  /// All outlive this.
  struct Parts {
    const Config& config;
    const Forwarding& forwarding;
    const ControlPlane& control;
    Journal& journal;
    /// Takes up the configuration again, with what is drained.
    std::function<void(TimePoint)> apply;
  };
  explicit DrainWiring(Parts parts) : parts_(std::move(parts)) {}

  void drain_changed(TimePoint now) override { parts_.apply(now); }
  [[nodiscard]] std::uint64_t packets_from(const std::string& neighbor) const override;
  [[nodiscard]] bool is_established(const std::string& neighbor) const override;
  [[nodiscard]] bool has_other_way() const override;
  void drain_note(const std::string& neighbor, const std::string& text, TimePoint now) override;

 private:
  [[nodiscard]] std::uint64_t packets_on(PortId port) const;

  const Parts parts_;
};

}  // namespace lastmile
