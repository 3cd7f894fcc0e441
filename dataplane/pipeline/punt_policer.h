// The token buckets of the exception path: each class of packets for the machine's kernel has a
// rate of its own for each port that they come in by, whatever address they are for. So a flood
// starves neither another class nor another port, nor the same class of a port whose address it is
// sent to by a detour.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/pipeline/policer.h"
#include "dataplane/pipeline/punt_class.h"
#include "dataplane/pipeline/vector.h"
#include "dataplane/worker/port.h"

namespace lastmile {

/// Who uses it: one worker.
class PuntPolicer {
 public:
  explicit PuntPolicer(std::uint64_t cycles_per_second) {
    Buckets fresh;
    for (std::size_t i = 0; i < kPuntClassCount; ++i) {
      const PuntClassFacts& facts = kPuntClasses[i];
      fresh[i] = TokenBucket{cycles_per_second, facts.packets_per_second, facts.burst};
    }
    of_ports_.fill(fresh);
    of_host_ = fresh;
  }

  /// May one more packet of the class go to the kernel, of those that came in there? `now`: cycle
  /// counter, never decreasing.
  [[nodiscard]] bool admit(const Ingress& ingress, PuntClass punt_class, std::uint64_t now) {
    Buckets& buckets = ingress.is_host() ? of_host_ : of_ports_[ingress.port->id.value()];
    return buckets[static_cast<std::size_t>(punt_class)].take(now);
  }

 private:
  using Buckets = std::array<TokenBucket, kPuntClassCount>;

  std::array<Buckets, kMaxPorts> of_ports_;
  Buckets of_host_;
};

}  // namespace lastmile
