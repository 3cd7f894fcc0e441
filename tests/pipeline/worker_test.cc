// The worker as a thread: start, stop, sleep, events, failure to start. No assertion on wall time.

#include "dataplane/worker/worker.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <functional>
#include <thread>

#include "dataplane/pipeline/transmit_handover.h"
#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

using namespace std::chrono_literals;

/// Waits until it is so; gives up, and fails, after half a minute.
void wait_until(const std::function<bool()>& condition) {
  for (unsigned i = 0; i < 30000; ++i) {
    if (condition()) return;
    std::this_thread::sleep_for(1ms);
  }
  FAIL() << "waited in vain";
}

class WorkerThread : public RouterTest {
 protected:
  WorkerConfig config(IdleStrategy idle) {
    WorkerConfig config;
    config.idle = idle;
    config.ports = {
        WorkerPort{.id = kUp1,
                   .device = devices_.up1.id(),
                   .twin = devices_.up1_twin.id(),
                   .mac = kUp1Mac},
        WorkerPort{
            .id = kLan, .device = devices_.lan.id(), .mac = kLanMac, .zone = PortZone::kLocal}};
    return config;
  }
  static Packet packet() {
    return Packet().eth(kLanMac, kServerMac).ipv4("192.168.101.20", "10.0.2.2").udp(1, 2);
  }
};

TEST_F(WorkerThread, ForwardsUntilItIsStoppedAndAgainWhenRestarted) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  Worker worker{config(IdleStrategy::kAdaptive), tables_};
  for (std::uint64_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(worker.start().has_value());
    devices_.lan.receive(packet().bytes());
    wait_until(
        [&] { return snapshot(worker.counters()).ports[kUp1.value()].sent_packets == round; });
    worker.stop();
    sent(devices_.up1);
  }
  EXPECT_EQ(snapshot(worker.counters()).total_drops(), 0U);
}

TEST_F(WorkerThread, SleepsWhenIdleAndSaysSo) {
  Worker worker{config(IdleStrategy::kAdaptive), tables_};
  ASSERT_TRUE(worker.start().has_value());
  wait_until([&] { return snapshot(worker.counters()).sleeps > 20; });
  worker.stop();
  const WorkerSnapshot now = snapshot(worker.counters());
  EXPECT_EQ(now.idle_share(), 1.0);
  EXPECT_GT(now.sleep_cycles, 0U);
  EXPECT_EQ(now.busy_cycles, 0U);
}

TEST_F(WorkerThread, NeverSleepsWhenToldToPoll) {
  Worker worker{config(IdleStrategy::kPoll), tables_};
  ASSERT_TRUE(worker.start().has_value());
  wait_until([&] { return snapshot(worker.counters()).loops > 100'000; });
  worker.stop();
  EXPECT_EQ(snapshot(worker.counters()).sleeps, 0U);
}

TEST_F(WorkerThread, ASleepingWorkerHoldsUpNoGracePeriod) {
  Worker worker{config(IdleStrategy::kAdaptive), tables_};
  ASSERT_TRUE(worker.start().has_value());
  reader_.offline();
  for (int i = 0; i < 100; ++i) tables_.rcu.synchronize();
  reader_.online();
  worker.stop();
}

TEST_F(WorkerThread, EventsMakeTheDescriptorReadable) {
  route("0.0.0.0/0", next_hop(NextHopKind::kUnresolved, kUp1));
  Worker worker{config(IdleStrategy::kAdaptive), tables_};
  ASSERT_TRUE(worker.start().has_value());
  pollfd descriptor{.fd = worker.event_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&descriptor, 1, 0), 0);

  devices_.lan.receive(packet().bytes());
  ASSERT_EQ(poll(&descriptor, 1, 30000), 1);
  std::size_t requests = 0;
  EXPECT_EQ(worker.drain_events([&](const WorkerEvent& event) {
    requests += std::holds_alternative<ResolutionRequest>(event);
  }),
            1U);
  EXPECT_EQ(requests, 1U);
  EXPECT_EQ(poll(&descriptor, 1, 0), 0);
  worker.stop();
}

// A device with fewer transmit queues than workers.
TEST_F(WorkerThread, WithoutATransmitQueueAnotherWorkerSends) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  const auto handover = std::make_shared<TransmitHandover>(devices_.up1.id(), 0);
  WorkerConfig without = config(IdleStrategy::kPoll);
  without.ports[0].transmit_through = handover;
  WorkerConfig owner = config(IdleStrategy::kPoll);
  owner.sends_for = {handover};
  for (WorkerPort& port : owner.ports) {
    port.receive_queues.clear();
    port.twin_receive_queues.clear();
  }
  WorkerCounters giver_counters{tables_.next_hops.capacity()};
  WorkerCounters owner_counters{tables_.next_hops.capacity()};
  WorkerLoop giver{without, tables_, kCyclesPerSecond, giver_counters, events_};
  WorkerLoop sender{owner, tables_, kCyclesPerSecond, owner_counters, events_};

  devices_.lan.receive(packet().bytes());
  EXPECT_EQ(giver.run_once(now_), 1U);
  EXPECT_TRUE(devices_.up1.take_sent().empty()) << "the queue is not this worker's";
  EXPECT_EQ(sender.run_once(now_), 1U);
  EXPECT_EQ(destination_mac(sent(devices_.up1)), kLeaf1Mac);
  EXPECT_EQ(snapshot(giver_counters).ports[kUp1.value()].sent_packets, 1U);

  // What the kernel sends goes the same way.
  devices_.up1_twin.receive(packet().bytes());
  giver.run_once(now_);
  EXPECT_TRUE(devices_.up1.take_sent().empty());
  sender.run_once(now_);
  sent(devices_.up1);

  // A device that takes nothing costs the packet, counted by the worker that had to send it.
  devices_.up1.leave_room(0);
  devices_.lan.receive(packet().bytes());
  giver.run_once(now_);
  sender.run_once(now_);
  EXPECT_EQ(snapshot(owner_counters).drops_for(DropReason::kTxFull), 1U);
  devices_.up1.clear();

  // A sender that has stopped: the ring fills, the rest is dropped, nothing is lost uncounted.
  const std::uint64_t sent_before = snapshot(giver_counters).ports[kUp1.value()].sent_packets;
  constexpr unsigned kMore = TransmitHandover::kCapacity + 76;
  for (unsigned i = 0; i < kMore; ++i) {
    devices_.lan.receive(packet().bytes());
    giver.run_once(now_);
  }
  const WorkerSnapshot after = snapshot(giver_counters);
  EXPECT_EQ(after.ports[kUp1.value()].sent_packets - sent_before, TransmitHandover::kCapacity);
  EXPECT_EQ(after.drops_for(DropReason::kTxFull), 76U);
}

// The kernel interface under a port has gone, and another is there.
TEST_F(WorkerThread, ADeviceIsExchangedAndOtherPortsGoOn) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  route("192.168.101.0/24", next_hop(NextHopKind::kForward, kLan, kServerMac));
  const auto slot = std::make_shared<DeviceSlot>(devices_.up1.id());
  WorkerConfig mine = config(IdleStrategy::kPoll);
  mine.ports[0].slot = slot;
  mine.ports.push_back(WorkerPort{.id = kUp2, .device = devices_.host.id(), .mac = kUp2Mac});
  WorkerCounters counters{tables_.next_hops.capacity()};
  WorkerLoop worker{mine, tables_, kCyclesPerSecond, counters, events_};
  const Packet in = Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("10.0.2.2", "192.168.101.20").udp(1, 2);

  const auto both_ways = [&](TestDevice& up1) {
    devices_.lan.receive(packet().bytes());
    EXPECT_EQ(worker.run_once(now_), 1U);
    EXPECT_EQ(destination_mac(sent(up1)), kLeaf1Mac);
    devices_.up1_twin.receive(packet().bytes());
    worker.run_once(now_);
    sent(up1);
    up1.receive(in.bytes());
    EXPECT_EQ(worker.run_once(now_), 1U);
    EXPECT_EQ(destination_mac(sent(devices_.lan)), kServerMac);
  };
  both_ways(devices_.up1);

  slot->empty();
  devices_.up1.receive(in.bytes());
  devices_.lan.receive(packet().bytes());
  EXPECT_EQ(worker.run_once(now_), 1U) << "the LAN's packet alone is received";
  EXPECT_TRUE(devices_.up1.take_sent().empty());
  EXPECT_EQ(snapshot(counters).drops_for(DropReason::kTxFull), 1U);
  devices_.host.receive(
      Packet().eth(kUp2Mac, kLeaf2Mac).ipv4("10.0.2.2", "192.168.101.20").udp(1, 2).bytes());
  worker.run_once(now_);
  EXPECT_EQ(destination_mac(sent(devices_.lan)), kServerMac) << "from the other uplink";
  devices_.up1.clear();

  slot->fill(devices_.up2.id());
  both_ways(devices_.up2);
  const WorkerSnapshot now = snapshot(counters);
  EXPECT_EQ(now.ports[kUp1.value()].sent_packets, 4U) << "the port's counters go on";
  EXPECT_EQ(now.ports[kUp1.value()].received_packets, 2U);
  EXPECT_EQ(now.total_drops(), 1U);
}

TEST_F(WorkerThread, AfterAGracePeriodNobodyUsesADeviceThatWasTaken) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  const auto slot = std::make_shared<DeviceSlot>(devices_.up1.id());
  WorkerConfig running = config(IdleStrategy::kPoll);
  running.ports[0].slot = slot;
  Worker worker{running, tables_};
  ASSERT_TRUE(worker.start().has_value());
  reader_.offline();
  TestDevice* now = &devices_.up1;
  TestDevice* next = &devices_.up2;
  const auto sent_packets = [&] {
    return snapshot(worker.counters()).ports[kUp1.value()].sent_packets;
  };
  for (std::uint64_t round = 1; round <= 100; ++round) {
    for (int i = 0; i < 8; ++i) devices_.lan.receive(packet().bytes());
    slot->empty();
    tables_.rcu.synchronize();
    now->clear();
    std::swap(now, next);
    for (int i = 0; i < 8; ++i) devices_.lan.receive(packet().bytes());
    wait_until([&] { return snapshot(worker.counters()).packets == round * 16; });
    EXPECT_TRUE(next->take_sent().empty()) << "of this device the worker has let go";
    EXPECT_TRUE(now->take_sent().empty()) << "and of this one it knows nothing yet";
    slot->fill(now->id());
  }
  const std::uint64_t before = sent_packets();
  devices_.lan.receive(packet().bytes());
  wait_until([&] { return snapshot(worker.counters()).packets == 1601; });
  worker.stop();
  EXPECT_EQ(sent_packets(), before + 1);
  sent(*now);
  reader_.online();
}

TEST_F(WorkerThread, SaysWhyItCannotStart) {
  WorkerConfig impossible = config(IdleStrategy::kAdaptive);
  impossible.cpu = 100000;
  Worker worker{impossible, tables_};
  const auto started = worker.start();
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error(), "no CPU 100000");

  WorkerConfig far = config(IdleStrategy::kAdaptive);
  far.ports[0].id = PortId{kMaxPorts};
  Worker other{far, tables_};
  EXPECT_FALSE(other.start().has_value());
}

TEST_F(WorkerThread, NoRcuSlotIsAnErrorNotACrash) {
  std::vector<std::unique_ptr<RcuReader>> readers;
  while (readers.size() < 3) readers.push_back(std::make_unique<RcuReader>(tables_.rcu));
  Worker worker{config(IdleStrategy::kAdaptive), tables_};
  EXPECT_FALSE(worker.start().has_value());
  readers.clear();
  EXPECT_TRUE(worker.start().has_value());
}

}  // namespace
}  // namespace lastmile::test
