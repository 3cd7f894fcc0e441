// Flow rules in a real driver: net_tap turns them into filters of the kernel's tc (cls_flower), so
// where the kernel has those, frames are sent and the queue that each arrives on is looked at;
// where it has not, the port must do without, and lose nothing.
//
// tools/vmlab runs this under a kernel with cls_flower, and with a PCI NIC as well:
//   LASTMILE_STEER_DEVICE=0000:00:05.0 LASTMILE_STEER_WIRE=eth1 drivers_offload_test
#include "drivers/offload/port_offload.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

#include "drivers/eal/eal.h"
#include "drivers/ports/link_interrupts.h"
#include "tests/drivers/isolated.h"
#include "tests/drivers/wire.h"

namespace lastmile {
namespace {

using namespace test;
using offload::PortOffload;
using offload::RuleState;
using offload::Step;
using offload::StepReport;
using offload::StepState;

/// The device under test and the kernel interface at the other end of its cable.
struct Bench {
  std::string device = "net_tap0,iface=lmtap";
  std::string wire = "lmtap";
  bool tap = true;
};

Bench bench() {
  const char* device = std::getenv("LASTMILE_STEER_DEVICE");
  const char* wire = std::getenv("LASTMILE_STEER_WIRE");
  if (device == nullptr || wire == nullptr) return {};
  return {device, wire, false};
}

Eal start_eal(const Bench& with) {
  EalOptions options;
  options.name = "lmoff";
  options.memory_bytes = 128U << 20;
  if (with.tap) {
    options.hugepages = HugepageUse::kNever;
  } else {
    options.pci_devices = {with.device};
  }
  auto eal = Eal::start(options);
  if (!eal) throw std::runtime_error(eal.error().message);
  return std::move(*eal);
}

Result<Port> open_port(const Bench& with, PacketPools& pools) {
  PortOptions options;
  options.name = "up1";
  options.device = with.device;
  options.spare_buffers = 1024;
  options.priority_queue = PriorityQueue::kIfSteerable;
  auto port = Port::open(options, pools);
  if (!port) return port;
  if (auto started = port->start(); !started) return tl::unexpected(started.error());
  return port;
}

/// Fields of a packet that rules look at. What is 0 is not written.
struct Packet {
  std::uint16_t ether_type = 0;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t icmpv6_type = 0;
};

constexpr std::uint16_t kMark = 0x6c6d;

/// A frame of 90 bytes; checksums are left out. `number` varies the source address, and with it any
/// hash. kMark stands at the end, so that the kernel's own frames are told apart.
Frame frame_of(const Packet& packet, const MacAddress& to, std::uint8_t number) {
  Frame frame(90);
  const auto put16 = [&frame](std::size_t at, std::uint16_t value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
  };
  std::copy(to.bytes().begin(), to.bytes().end(), frame.begin());
  const std::array<std::uint8_t, 6> from{2, 0, 0, 0, 9, number};
  std::copy(from.begin(), from.end(), frame.begin() + 6);
  put16(12, packet.ether_type);
  std::size_t transport = 0;
  if (packet.ether_type == 0x0800) {
    frame[14] = 0x45;
    put16(16, 76);
    frame[22] = 255;
    frame[23] = packet.protocol;
    put16(26, 0x0a09);
    frame[29] = number;
    put16(30, 0x0a00);
    frame[33] = 1;
    std::uint32_t sum = 0;
    for (std::size_t at = 14; at < 34; at += 2) sum += frame[at] * 256U + frame[at + 1];
    put16(24, static_cast<std::uint16_t>(~(sum % 0xffff)));
    transport = 34;
  } else if (packet.ether_type == 0x86dd) {
    frame[14] = 0x60;
    put16(18, 36);
    frame[20] = packet.protocol;
    frame[21] = 255;
    put16(22, 0xfe80);
    frame[37] = number;
    put16(38, 0xfe80);
    frame[53] = 1;
    transport = 54;
  }
  if (packet.icmpv6_type != 0) frame[transport] = packet.icmpv6_type;
  if (packet.destination_port != 0) {
    put16(transport, packet.source_port);
    put16(transport + 2, packet.destination_port);
    if (packet.protocol == 17) put16(transport + 4, 36);
    if (packet.protocol == 6) frame[transport + 12] = 0x50;
  }
  put16(88, kMark);
  return frame;
}

/// How many of our frames arrive on each queue, until nothing comes for 200 ms.
std::map<std::uint16_t, unsigned> arrivals(const DeviceFacts& port) {
  std::map<std::uint16_t, unsigned> counts;
  const auto queues = static_cast<std::uint16_t>(port.rx_queues + (port.priority_queue ? 1 : 0));
  auto quiet_until = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  while (std::chrono::steady_clock::now() < quiet_until) {
    for (std::uint16_t queue = 0; queue < queues; ++queue) {
      std::array<rte_mbuf*, 32> burst;
      const std::uint16_t got = rte_eth_rx_burst(port.ethdev, queue, burst.data(), burst.size());
      for (std::uint16_t i = 0; i < got; ++i) {
        const auto* data = rte_pktmbuf_mtod(burst[i], const std::uint8_t*);
        const bool ours = burst[i]->data_len >= 90 && data[88] * 256 + data[89] == kMark;
        if (ours) ++counts[queue];
        rte_pktmbuf_free(burst[i]);
      }
      if (got > 0) {
        quiet_until = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return counts;
}

constexpr unsigned kFrames = 20;

std::map<std::uint16_t, unsigned> send_and_count(const Wire& wire, const DeviceFacts& port,
                                                 const Packet& packet) {
  for (unsigned i = 0; i < kFrames; ++i) {
    wire.send(frame_of(packet, port.mac, static_cast<std::uint8_t>(i + 1)));
  }
  return arrivals(port);
}

/// Until frames come through: a link takes its time to come up, an emulated one seconds.
void await_link(const Wire& wire, const DeviceFacts& port) {
  const Frame probe = frame_of({0x0800, 17, 49152, 53}, port.mac, 1);
  for (int attempt = 0; attempt < 60; ++attempt) {
    if (wire.try_send(probe) && !arrivals(port).empty()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ADD_FAILURE() << "nothing comes over the wire";
}

/// Packets that each rule is for, and some that no rule is for.
const std::map<std::string, Packet> kPackets{
    {"bfd ipv4", {0x0800, 17, 49152, 3784}},
    {"bfd ipv6", {0x86dd, 17, 49152, 3784}},
    {"bfd-echo ipv4", {0x0800, 17, 3785, 3785}},
    {"bfd-echo ipv6", {0x86dd, 17, 3785, 3785}},
    {"bfd-multihop ipv4", {0x0800, 17, 49152, 4784}},
    {"bfd-multihop ipv6", {0x86dd, 17, 49152, 4784}},
    {"bgp ipv4", {0x0800, 6, 40000, 179}},
    {"bgp ipv6", {0x86dd, 6, 40000, 179}},
    {"bgp-reply ipv4", {0x0800, 6, 179, 40000}},
    {"bgp-reply ipv6", {0x86dd, 6, 179, 40000}},
    {"router-solicitation", {0x86dd, 58, 0, 0, 133}},
    {"router-advertisement", {0x86dd, 58, 0, 0, 134}},
    {"neighbor-solicitation", {0x86dd, 58, 0, 0, 135}},
    {"neighbor-advertisement", {0x86dd, 58, 0, 0, 136}},
    {"arp", {0x0806}},
};
const std::map<std::string, Packet> kOthers{
    {"dns ipv4", {0x0800, 17, 49152, 53}},
    {"http ipv4", {0x0800, 6, 49152, 80}},
    {"http ipv6", {0x86dd, 6, 49152, 80}},
};

const StepReport& steering(const PortOffload& offload) {
  return offload.report().steps[static_cast<std::size_t>(Step::kPriorityQueue)];
}

/// Prints what became of each rule, for people and for tools/vmlab.
void print_row(const std::string& rule, std::string_view state, unsigned on_priority,
               unsigned arrived) {
  fmt::print("STEER {:<24}{:<10}{:>3} of {} on the priority queue\n", rule, state, on_priority,
             arrived);
}

TEST(Offload, SteeredPacketsArriveOnThePriorityQueue) {
  REQUIRE_ROOT();
  const Bench with = bench();
  const auto body = [&with] {
    const Eal eal = start_eal(with);
    PacketPools pools;
    auto port = open_port(with, pools);
    ASSERT_TRUE(port) << port.error().message;
    auto offload = PortOffload::start(*port);
    ASSERT_TRUE(offload) << offload.error().message;
    if (!port->facts().priority_queue) {
      fmt::print("STEER nothing: {}\n", steering(**offload).reason);
      EXPECT_EQ((*offload)->report().reached(), Step::kSoftware);
      return;
    }
    const std::uint16_t priority = *port->facts().priority_queue;
    shell("ip link set " + with.wire + " up");
    const Wire wire(with.wire);
    const auto check = [&](const StepReport& report) {
      for (const auto& rule : report.rules) {
        const auto packet = kPackets.find(rule.name);
        if (packet == kPackets.end()) continue;
        const bool installed = rule.state == RuleState::kInstalled;
        auto counts = send_and_count(wire, port->facts(), packet->second);
        const unsigned arrived = counts[0] + counts[priority];
        print_row(rule.name, installed ? "installed" : "refused", counts[priority], arrived);
        EXPECT_EQ(arrived, kFrames) << rule.name;
        if (installed && with.tap) {
          EXPECT_EQ(counts[priority], kFrames) << rule.name;
        }
      }
    };
    await_link(wire, port->facts());
    check(steering(**offload));
    for (const auto& [name, packet] : kOthers) {
      auto counts = send_and_count(wire, port->facts(), packet);
      print_row(name, "no rule", counts[priority], counts[0] + counts[priority]);
      EXPECT_EQ(counts[priority], 0U) << name;
      EXPECT_EQ(counts[0], kFrames) << name;
    }

    const std::size_t before = steering(**offload).rules.size();
    ASSERT_TRUE((*offload)->restart(*port));
    EXPECT_EQ(steering(**offload).rules.size(), before);
    fmt::print("STEER after a restart of the port:\n");
    await_link(wire, port->facts());
    check(steering(**offload));

    // Taken out at exit, so that the next instance finds the table empty.
    offload->reset();
    auto again = PortOffload::start(*port);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(steering(**again).rules.size(), before);
    EXPECT_NE(steering(**again).state, StepState::kRefused);
  };
  if (with.tap) {
    in_own_world(body);
  } else {
    body();  // the cable's other end is in the namespace that we are in
  }
}

TEST(Offload, WithoutSteeringThePortKeepsEveryFrame) {
  REQUIRE_ROOT();
  in_own_world([] {
    const Bench with;
    const Eal eal = start_eal(with);
    PacketPools pools;
    auto port = open_port(with, pools);
    ASSERT_TRUE(port) << port.error().message;
    ASSERT_TRUE(port->facts().priority_queue) << port->facts().why_no_priority_queue;
    ASSERT_TRUE(port->give_up_priority_queue("the test says so"));
    EXPECT_FALSE(port->facts().priority_queue);
    EXPECT_EQ(port->facts().why_no_priority_queue, "the test says so");
    auto offload = PortOffload::start(*port);
    ASSERT_TRUE(offload) << offload.error().message;
    EXPECT_EQ((*offload)->report().reached(), Step::kSoftware);
    EXPECT_EQ(steering(**offload).reason, "the test says so");
    shell("ip link set lmtap up");
    const Wire wire("lmtap");
    await_link(wire, port->facts());
    for (const auto& [name, packet] : kPackets) {
      auto counts = send_and_count(wire, port->facts(), packet);
      EXPECT_EQ(counts[0], kFrames) << name;
    }
  });
}

TEST(Offload, DriversWithoutFlowRulesSaySo) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    const Bench with{.device = "net_null0,no-rx=1", .wire = "wire1"};
    const Eal eal = start_eal(with);
    PacketPools pools;
    auto port = open_port(with, pools);
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_FALSE(port->facts().priority_queue);
    auto offload = PortOffload::start(*port);
    ASSERT_TRUE(offload) << offload.error().message;
    EXPECT_EQ((*offload)->report().reached(), Step::kSoftware);
    for (const auto& step : (*offload)->report().steps) {
      if (step.step == Step::kSoftware) continue;
      EXPECT_EQ(step.state, StepState::kRefused);
      EXPECT_FALSE(step.reason.empty());
    }
    EXPECT_EQ(steering(**offload).reason, "the driver takes no flow rules");
  });
}

TEST(Offload, TheKernelSteersForAfPacket) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    const Bench with{.device = "net_af_packet0,iface=up1", .wire = "wire1"};
    const Eal eal = start_eal(with);
    PacketPools pools;
    auto port = open_port(with, pools);
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_TRUE(port->facts().priority_queue);
    auto offload = PortOffload::start(*port);
    ASSERT_TRUE(offload) << offload.error().message;
    EXPECT_EQ((*offload)->report().reached(), Step::kPriorityQueue);
  });
}

// Somebody outside pulls the cable and puts it back when this says so: tools/vmlab.
TEST(LinkInterrupts, TellThatTheLinkWent) {
  REQUIRE_ROOT();
  const Bench with = bench();
  if (with.tap) GTEST_SKIP() << "no device here raises link interrupts; see tools/vmlab";
  const Eal eal = start_eal(with);
  PacketPools pools;
  auto port = open_port(with, pools);
  ASSERT_TRUE(port) << port.error().message;
  ASSERT_TRUE(port->facts().link_interrupt);
  auto interrupts = LinkInterrupts::open();
  ASSERT_TRUE(interrupts);
  ASSERT_TRUE(interrupts->watch(port->facts()));
  EXPECT_TRUE(eventually([&] { return port->link() == Link::kUp; }));
  interrupts->acknowledge();
  for (const Link link : {Link::kDown, Link::kUp}) {
    const char* name = link == Link::kDown ? "down" : "up";
    fmt::print("VMLAB-LINK igb {} wanted\n", name);
    std::fflush(stdout);
    // The port is asked only after the descriptor said so: a missing event is seen.
    pollfd waiting{.fd = interrupts->fd(), .events = POLLIN, .revents = 0};
    bool seen = false;
    while (!seen && ::poll(&waiting, 1, 20'000) == 1) {
      interrupts->acknowledge();
      seen = port->link() == link;
    }
    fmt::print("VMLAB-LINK igb {} {}\n", name, seen ? "seen" : "not seen");
    EXPECT_TRUE(seen) << name;
  }
}

}  // namespace
}  // namespace lastmile
