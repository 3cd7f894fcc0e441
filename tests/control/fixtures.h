// A daemon that has one of everything, and places for sockets.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "controlplane/control/views.h"

namespace lastmile::test {

/// A directory that goes with its owner.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "lastmile-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

/// Answers with constants: a server with two uplinks of which one is down. `more_routes` are added
/// to its table for tests of paging.
class FixedSource final : public ShowSource {
 public:
  explicit FixedSource(unsigned more_routes = 0);

  [[nodiscard]] VersionView version() const override;
  [[nodiscard]] std::vector<PortView> ports() const override;
  [[nodiscard]] std::vector<OffloadView> offload() const override;
  [[nodiscard]] std::vector<NeighborView> bgp_neighbors() const override;
  [[nodiscard]] RoutePage routes(const RouteQuery& query) const override;
  [[nodiscard]] FibStatusView fib() const override;
  [[nodiscard]] std::vector<LinkLayerView> link_layer_neighbors() const override;
  [[nodiscard]] std::vector<NextHopStatusView> next_hops() const override;
  [[nodiscard]] std::vector<WorkerView> workers(const std::string& reader) const override;
  [[nodiscard]] BfdStatusView bfd() const override;
  [[nodiscard]] std::vector<DropView> drops() const override;
  [[nodiscard]] ControlThreadView control_thread() const override;
  [[nodiscard]] std::vector<ServiceView> services() const override;

 private:
  [[nodiscard]] std::vector<RouteView> part(const RouteQuery& query) const;

  std::vector<RouteView> table_;
};

}  // namespace lastmile::test
