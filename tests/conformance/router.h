// The router of router.yaml in a box: one worker's loop, tables as the configuration and the
// table's neighbors make them, and a device at the test's hands for every port, twin and lm0.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/config/config.h"
#include "dataplane/forwarding/tables.h"
#include "dataplane/rcu/rcu.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/event_ring.h"
#include "dataplane/worker/loop.h"
#include "tests/conformance/table.h"
#include "tests/pipeline/test_device.h"

namespace lastmile::test {

/// Made once for each configuration: DPDK's devices last as long as the program.
struct Wires {
  explicit Wires(const Config& config);

  std::map<std::string, std::unique_ptr<TestDevice>> ports, twins;
  TestDevice host{"lm0"};
};

class Router {
 public:
  static constexpr std::uint64_t kCyclesPerSecond = 1'000'000'000;

  Router(const Config& config, const Table& table, Wires& wires);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  [[nodiscard]] static MacAddress mac(PortId port);
  /// The one station on a port's link.
  [[nodiscard]] static MacAddress station(PortId port);
  static constexpr MacAddress kHostMac{{0x02, 0, 0, 0, 0, 0x10}};

  /// A loop of the worker. Returns what it received.
  unsigned run() { return loop_->run_once(now_); }
  void advance(std::chrono::microseconds time);
  [[nodiscard]] std::uint64_t drops(const std::string& reason) const;
  [[nodiscard]] std::uint64_t total_drops() const { return snapshot(counters_).total_drops(); }
  [[nodiscard]] std::uint64_t icmp_errors() const { return snapshot(counters_).icmp_errors; }

 private:
  NextHopId next_hop(NextHopKind kind, PortId port = {});
  void route(const IpPrefix& prefix, NextHopId to);
  void add_addresses(const PortConfig& port);
  void add_routes(const Config& config);
  WorkerConfig worker_config(const Config& config, Wires& wires) const;

  ForwardingTables tables_;
  WorkerCounters counters_;
  EventRing events_;
  RcuReader reader_;
  std::unique_ptr<WorkerLoop> loop_;
  std::uint64_t now_ = 1'000'000;
  std::uint16_t used_ = 0;
  std::map<PortId, NextHopId> stations_;
};

}  // namespace lastmile::test
