// A forwarding plane that hands everything on to another one; who derives from it looks at some of
// it on the way.
#pragma once

#include "controlplane/rib/forwarding_plane.h"

namespace lastmile::rib {

/// `inner` must outlive it.
class PlaneDecorator : public ForwardingPlane {
 public:
  explicit PlaneDecorator(ForwardingPlane& inner) : inner_(inner) {}

  tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec& spec) override {
    return inner_.add_next_hop(spec);
  }
  void update_next_hop(NextHopId id, const NextHopSpec& spec) override {
    inner_.update_next_hop(id, spec);
  }
  void release_next_hop(NextHopId id) override { inner_.release_next_hop(id); }
  void set_down(NextHopId id, DownCause cause) override { inner_.set_down(id, cause); }
  void clear_down(NextHopId id, DownCause cause) override { inner_.clear_down(id, cause); }
  bool is_alive(NextHopId id) const override { return inner_.is_alive(id); }
  tl::expected<GroupId, FibError> acquire_group(const GroupSpec& spec,
                                                std::optional<GroupId> resemble) override {
    return inner_.acquire_group(spec, resemble);
  }
  void release_group(GroupId id) override { inner_.release_group(id); }
  FibSequence set_route(const IpPrefix& prefix, GroupId group) override {
    return inner_.set_route(prefix, group);
  }
  FibSequence remove_route(const IpPrefix& prefix) override { return inner_.remove_route(prefix); }
  void poll() override { inner_.poll(); }
  void flush() override { inner_.flush(); }
  FibSequence applied() const override { return inner_.applied(); }
  std::vector<FibFailure> take_failures() override { return inner_.take_failures(); }

 private:
  ForwardingPlane& inner_;
};

}  // namespace lastmile::rib
