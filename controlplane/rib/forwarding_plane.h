// The narrow door through which the RIB reaches the forwarding tables: what it needs of
// FibClient (dataplane/update/fib_client.h) and nothing more, so that tests put a recorder there.
// The real one is in fib_client_plane.h.
//
// The meanings are FibClient's. All functions: control thread only, none blocks.
#pragma once

#include <optional>
#include <vector>

#include <tl/expected.hpp>

#include "dataplane/forwarding/spec.h"
#include "dataplane/net/ip.h"
#include "dataplane/update/fib_client.h"

namespace lastmile::rib {

class ForwardingPlane {
 public:
  virtual ~ForwardingPlane() = default;

  [[nodiscard]] virtual tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec& spec) = 0;
  virtual void update_next_hop(NextHopId id, const NextHopSpec& spec) = 0;
  virtual void release_next_hop(NextHopId id) = 0;
  virtual void set_down(NextHopId id, DownCause cause) = 0;
  virtual void clear_down(NextHopId id, DownCause cause) = 0;
  [[nodiscard]] virtual bool is_alive(NextHopId id) const = 0;

  [[nodiscard]] virtual tl::expected<GroupId, FibError> acquire_group(
      const GroupSpec& spec, std::optional<GroupId> resemble) = 0;
  virtual void release_group(GroupId id) = 0;

  virtual FibSequence set_route(const IpPrefix& prefix, GroupId group) = 0;
  virtual FibSequence remove_route(const IpPrefix& prefix) = 0;

  virtual void poll() = 0;
  /// Hands over what has been asked for, which poll() does, too; nothing else.
  virtual void flush() = 0;
  [[nodiscard]] virtual FibSequence applied() const = 0;
  [[nodiscard]] virtual std::vector<FibFailure> take_failures() = 0;
};

}  // namespace lastmile::rib
