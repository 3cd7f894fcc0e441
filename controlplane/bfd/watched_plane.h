// The RIB's door to the forwarding tables, with BFD looking on: it hears of every next hop before
// packets can use it, and of its end before its identifier can become another's.
#pragma once

#include "controlplane/bfd/bfd_manager.h"
#include "controlplane/rib/plane_decorator.h"

namespace lastmile {

class WatchedPlane final : public rib::PlaneDecorator {
 public:
  using PlaneDecorator::PlaneDecorator;
  /// Nobody looks on before this.
  void set_watcher(BfdManager* watcher) { watcher_ = watcher; }

  tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec& spec) override {
    auto id = PlaneDecorator::add_next_hop(spec);
    if (id && watcher_ != nullptr) watcher_->next_hop_changed(*id, spec);
    return id;
  }
  void update_next_hop(NextHopId id, const NextHopSpec& spec) override {
    PlaneDecorator::update_next_hop(id, spec);
    if (watcher_ != nullptr) watcher_->next_hop_changed(id, spec);
  }
  void release_next_hop(NextHopId id) override {
    if (watcher_ != nullptr) watcher_->next_hop_released(id);
    PlaneDecorator::release_next_hop(id);
  }

 private:
  BfdManager* watcher_ = nullptr;
};

}  // namespace lastmile
