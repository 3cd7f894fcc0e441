// The RIB's door to the forwarding tables, with BFD looking on: it hears of every next hop before
// packets can use it, and of its end before its identifier can become another's.
#pragma once

#include "controlplane/bfd/bfd_manager.h"
#include "controlplane/rib/fib_client_plane.h"

namespace lastmile {

class WatchedPlane final : public rib::ForwardingPlane {
 public:
  /// `client` outlives it. Nobody looks on before `set_watcher`.
  explicit WatchedPlane(FibClient& client) : plane_(client) {}
  void set_watcher(BfdManager* watcher) { watcher_ = watcher; }

  tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec& spec) override {
    auto id = plane_.add_next_hop(spec);
    if (id && watcher_ != nullptr) watcher_->next_hop_changed(*id, spec);
    return id;
  }
  void update_next_hop(NextHopId id, const NextHopSpec& spec) override {
    plane_.update_next_hop(id, spec);
    if (watcher_ != nullptr) watcher_->next_hop_changed(id, spec);
  }
  void release_next_hop(NextHopId id) override {
    if (watcher_ != nullptr) watcher_->next_hop_released(id);
    plane_.release_next_hop(id);
  }
  void set_down(NextHopId id, DownCause cause) override { plane_.set_down(id, cause); }
  void clear_down(NextHopId id, DownCause cause) override { plane_.clear_down(id, cause); }
  bool is_alive(NextHopId id) const override { return plane_.is_alive(id); }
  tl::expected<GroupId, FibError> acquire_group(const GroupSpec& spec,
                                                std::optional<GroupId> resemble) override {
    return plane_.acquire_group(spec, resemble);
  }
  void release_group(GroupId id) override { plane_.release_group(id); }
  FibSequence set_route(const IpPrefix& prefix, GroupId group) override {
    return plane_.set_route(prefix, group);
  }
  FibSequence remove_route(const IpPrefix& prefix) override { return plane_.remove_route(prefix); }
  void poll() override { plane_.poll(); }
  FibSequence applied() const override { return plane_.applied(); }
  std::vector<FibFailure> take_failures() override { return plane_.take_failures(); }

 private:
  rib::FibClientPlane plane_;
  BfdManager* watcher_ = nullptr;
};

}  // namespace lastmile
