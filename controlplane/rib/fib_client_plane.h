// The RIB's door to the real forwarding tables. In a header of its own, which only the daemon
// includes: who includes it links the FIB.
#pragma once

#include "controlplane/rib/forwarding_plane.h"
#include "dataplane/update/fib_client.h"

namespace lastmile::rib {

/// `client` must outlive it.
class FibClientPlane : public ForwardingPlane {
 public:
  explicit FibClientPlane(FibClient& client) : client_(client) {}

  tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec& spec) override {
    return client_.add_next_hop(spec);
  }
  void update_next_hop(NextHopId id, const NextHopSpec& spec) override {
    client_.update_next_hop(id, spec);
  }
  void release_next_hop(NextHopId id) override { client_.release_next_hop(id); }
  void set_down(NextHopId id, DownCause cause) override { client_.set_down(id, cause); }
  void clear_down(NextHopId id, DownCause cause) override { client_.clear_down(id, cause); }
  bool is_alive(NextHopId id) const override { return client_.is_alive(id); }
  tl::expected<GroupId, FibError> acquire_group(const GroupSpec& spec,
                                                std::optional<GroupId> resemble) override {
    return client_.acquire_group(spec, resemble);
  }
  void release_group(GroupId id) override { client_.release_group(id); }
  FibSequence set_route(const IpPrefix& prefix, GroupId group) override {
    return client_.set_route(prefix, group);
  }
  FibSequence remove_route(const IpPrefix& prefix) override { return client_.remove_route(prefix); }
  void poll() override { client_.poll(); }
  void flush() override { client_.flush(); }
  FibSequence applied() const override { return client_.applied(); }
  std::vector<FibFailure> take_failures() override { return client_.take_failures(); }

 private:
  FibClient& client_;
};

}  // namespace lastmile::rib
