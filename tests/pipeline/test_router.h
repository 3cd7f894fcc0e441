// A router in a box: one worker's loop over devices whose wires the test holds, real forwarding
// tables, and a clock that stands still until the test moves it.
//
//                     ┌───────────────┐
//   up1 (uplink) ─────┤               ├───── lan (local)
//                     │  WorkerLoop   │
//   up2 (uplink) ─────┤               ├───── lm0 (the machine's own programs)
//                     └─┬─────┬─────┬─┘
//                 twins up1   up2   lan
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "dataplane/bfd/status.h"
#include "dataplane/forwarding/group_layout.h"
#include "dataplane/forwarding/tables.h"
#include "dataplane/rcu/rcu.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/event_ring.h"
#include "dataplane/worker/loop.h"
#include "tests/pipeline/test_device.h"

namespace lastmile::test {

inline constexpr MacAddress kUp1Mac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr MacAddress kUp2Mac{{0x02, 0, 0, 0, 0, 0x02}};
inline constexpr MacAddress kLanMac{{0x02, 0, 0, 0, 0, 0x03}};
inline constexpr MacAddress kHostMac{{0x02, 0, 0, 0, 0, 0x10}};
inline constexpr MacAddress kHostRouterMac{{0x02, 0, 0, 0, 0, 0x11}};
inline constexpr MacAddress kLeaf1Mac{{0x02, 0, 0, 0, 1, 0x01}};
inline constexpr MacAddress kLeaf2Mac{{0x02, 0, 0, 0, 1, 0x02}};
inline constexpr MacAddress kServerMac{{0x02, 0, 0, 0, 1, 0x03}};

inline constexpr PortId kUp1{0};
inline constexpr PortId kUp2{1};
inline constexpr PortId kLan{2};

/// The devices, made once for the program.
struct Devices {
  TestDevice up1{"up1"}, up2{"up2"}, lan{"lan"};
  TestDevice up1_twin{"up1_twin"}, up2_twin{"up2_twin"}, lan_twin{"lan_twin"};
  TestDevice host{"lm0"};
};
Devices& devices();

/// Of a router; those that it lacks are not set.
struct OwnAddresses {
  std::optional<Ipv4Address> ipv4;
  std::optional<Ipv6Address> ipv6;
};

class RouterTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kCyclesPerSecond = 1'000'000'000;

  RouterTest();
  ~RouterTest() override;

  /// Makes the worker anew, with another policy; state that it had is gone. `own`: whom ICMP errors
  /// come from; without addresses there are none.
  void restart(TransitPolicy transit, const OwnAddresses& own = {});
  /// Of the worker that the next restart makes.
  void set_admission(PortId port, const Admission& admission) { admissions_[port] = admission; }

  // ---- tables
  NextHopId next_hop(NextHopKind kind, PortId port = {}, const MacAddress& neighbor = {});
  GroupId group(std::vector<NextHopId> members, std::vector<NextHopId> backups = {});
  void route(std::string_view prefix, GroupId to);
  void route(std::string_view prefix, NextHopId to) { route(prefix, group({to})); }

  // ---- time and packets
  void advance(std::chrono::microseconds time) {
    now_ += static_cast<std::uint64_t>(time.count()) * (kCyclesPerSecond / 1'000'000);
  }
  /// One loop of the worker. Returns what it received.
  unsigned run() { return loop_->run_once(now_); }
  /// A packet from a wire, and a loop.
  void receive(TestDevice& device, const Packet& packet) { receive(device, packet.bytes()); }
  void receive(TestDevice& device, const Bytes& frame) {
    device.receive(frame);
    run();
  }
  /// The one packet that a device has sent; an empty one, and a failure, if there isn't exactly
  /// one.
  Bytes sent(TestDevice& device);
  std::vector<WorkerEvent> take_events();

  // ---- counters
  [[nodiscard]] WorkerSnapshot counted() const { return snapshot(counters_); }
  [[nodiscard]] std::uint64_t drops(DropReason reason) const { return counted().drops_for(reason); }
  /// Nothing was dropped, or exactly `count` for this reason and none for another.
  void expect_only_drops(DropReason reason, std::uint64_t count = 1) const;
  void expect_no_drops() const;
  /// No device but these has sent anything.
  void expect_silence();

  Devices& devices_;
  ForwardingTables tables_;
  WorkerCounters counters_;
  EventRing events_;
  bfd::Channel bfd_;
  rte_mempool* bfd_pool_ = packet_pool();   ///< from the next restart on
  const CaptureBoard* captures_ = nullptr;  ///< from the next restart on
  RcuReader reader_;
  WorkerConfig config_;  ///< of the worker that runs
  std::unique_ptr<WorkerLoop> loop_;
  std::uint64_t now_ = 1'000'000;

 private:
  unsigned buffers_before_;
  std::uint16_t next_hops_used_ = 0;
  std::uint16_t groups_used_ = 0;
  std::map<PortId, Admission> admissions_;
};

/// The Ethernet header of a frame, and the fields of its IPv4 header that tests ask for.
MacAddress destination_mac(const Bytes& frame);
MacAddress source_mac(const Bytes& frame);
std::uint16_t ethertype_of(const Bytes& frame);
std::uint8_t ttl_of(const Bytes& frame);
bool has_right_checksum(const Bytes& frame);

}  // namespace lastmile::test
