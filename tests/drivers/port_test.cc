#include "drivers/ports/port.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "drivers/eal/eal.h"
#include "drivers/ports/link_watcher.h"
#include "tests/drivers/isolated.h"
#include "tests/drivers/wire.h"
#include "tests/support/packet_builder.h"

namespace lastmile {
namespace {

using namespace test;

Eal start_eal() {
  auto eal =
      Eal::start({.name = "lmdrv", .memory_bytes = 256U << 20, .hugepages = HugepageUse::kNever});
  if (!eal) throw std::runtime_error(eal.error().message);
  return std::move(*eal);
}

class PortFrames : public testing::TestWithParam<std::uint16_t> {};

TEST_P(PortFrames, PassBothWaysUpToTheMtu) {
  REQUIRE_ROOT();
  const std::uint16_t mtu = GetParam();
  in_own_world([mtu] {
    make_cable("up1", "wire1", mtu);
    const Eal eal = start_eal();
    PacketPools pools;
    auto port =
        Port::open({.name = "up1", .device = "net_af_packet0,iface=up1", .mtu = mtu}, pools);
    ASSERT_TRUE(port) << port.error().message;
    ASSERT_TRUE(port->start());
    EXPECT_EQ(port->facts().driver, "net_af_packet");
    EXPECT_EQ(port->facts().mtu, mtu);
    EXPECT_EQ(port->facts().link_source, LinkSource::kKernelInterface);
    EXPECT_EQ(port->facts().kernel->name, "up1");
    EXPECT_NE(shell("cat /proc/net/dev | grep up1"), "");
    EXPECT_NE(shell("ip link show up1").find(to_string(port->facts().mac)), std::string::npos);

    const Wire wire("wire1");
    std::uint32_t seed = 1;
    for (const std::size_t size :
         {std::size_t{60}, std::size_t{64}, std::size_t{65}, std::size_t{1000},
          mtu + std::size_t{13}, mtu + std::size_t{14}}) {
      const Frame in = opaque_frame(port->facts().mac, size, ++seed);
      wire.send(in);
      EXPECT_TRUE(receive_at(port->facts().ethdev, [&](const Frame& f) { return f == in; }))
          << "to the port, " << size << " bytes";
      const Frame out = opaque_frame(port->facts().mac, size, ++seed);
      send_from(port->facts().ethdev, out);
      EXPECT_TRUE(wire.receive([&](const Frame& f) { return f == out; }))
          << "from the port, " << size << " bytes";
    }
  });
}
INSTANTIATE_TEST_SUITE_P(Mtu, PortFrames, testing::Values(1280, 1500, 9000));

TEST(Port, FragmentsComeInOneByOne) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    const Eal eal = start_eal();
    PacketPools pools;
    auto port = Port::open({.name = "up1", .device = "net_af_packet0,iface=up1"}, pools);
    ASSERT_TRUE(port) << port.error().message;
    ASSERT_TRUE(port->start());
    const Wire wire("wire1");
    const MacAddress mac = port->facts().mac;
    // Complete, so that a kernel that waits for the rest would have it; the last one comes first.
    for (const Frame& fragment :
         {ipv4_fragment(mac, {.identification = 7, .offset = 2960, .more = false}, 40),
          ipv4_fragment(mac, {.identification = 7, .offset = 0, .more = true}, 1480),
          ipv4_fragment(mac, {.identification = 7, .offset = 1480, .more = true}, 1480)}) {
      wire.send(fragment);
      EXPECT_TRUE(receive_at(port->facts().ethdev, [&](const Frame& f) { return f == fragment; }))
          << "a fragment of " << fragment.size() << " bytes";
    }
  });
}

TEST(Port, FragmentsComeInOneByOneWithSeveralQueues) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    const Eal eal = start_eal();
    PacketPools pools;
    auto port = Port::open(
        {.name = "up1", .device = "net_af_packet0,iface=up1", .rx_queues = 2, .tx_queues = 2},
        pools);
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_EQ(port->facts().rx_queues, 2);
    EXPECT_EQ(port->facts().tx_queues, 2);
    ASSERT_TRUE(port->start());
    const Wire wire("wire1");
    const MacAddress mac = port->facts().mac;
    const Frame first = ipv4_fragment(mac, {.identification = 7, .offset = 0, .more = true}, 1480);
    const Frame last = ipv4_fragment(mac, {.identification = 7, .offset = 1480, .more = false}, 40);
    // All fragments of a datagram must reach the same worker, or they leave in another order.
    for (int i = 0; i < 8; ++i) {
      wire.send(first);
      wire.send(last);
    }
    std::array<unsigned, 2> arrived{};
    EXPECT_TRUE(eventually([&] {
      for (std::uint16_t queue = 0; queue < 2; ++queue) {
        arrived[queue] += count_fragments(port->facts().ethdev, queue);
      }
      return arrived[0] + arrived[1] == 16;
    })) << arrived[0]
        << " and " << arrived[1];
    EXPECT_TRUE(arrived[0] == 0 || arrived[1] == 0) << arrived[0] << " and " << arrived[1];
  });
}

/// What the kernel's filter in front of a port looks at.
struct SteeredFrame {
  const char* name;
  Packet packet;
  bool priority;
};

std::vector<SteeredFrame> steered_frames() {
  const auto v4 = [] { return Packet().ipv4("192.0.2.1", "192.0.2.2"); };
  const auto v6 = [] { return Packet().ipv6("fe80::1", "fe80::2"); };
  constexpr std::uint8_t kSyn = 0x02, kSynAck = 0x12, kAck = 0x10;
  return {
      {"BFD", v4().udp(50000, 3784), true},
      {"BFD echo", v4().udp(50000, 3785), true},
      {"BFD over several hops", v4().udp(50000, 4784), true},
      {"BFD, IPv6", v6().udp(50000, 3784), true},
      {"BFD's port as source", v4().udp(3784, 50000), false},
      {"BGP from a client", v4().tcp(40000, 179).tcp_flags(kAck), true},
      {"BGP from a server", v4().tcp(179, 40000).tcp_flags(kAck), true},
      {"BGP, IPv6", v6().tcp(40000, 179).tcp_flags(kAck), true},
      {"BGP answered", v4().tcp(179, 40000).tcp_flags(kSynAck), true},
      {"BGP asked for", v4().tcp(40000, 179).tcp_flags(kSyn), false},
      {"BGP asked for, IPv6", v6().tcp(40000, 179).tcp_flags(kSyn), false},
      {"other TCP", v4().tcp(40000, 443).tcp_flags(kAck), false},
      {"UDP 179", v4().udp(40000, 179), false},
      {"fragment of what may be BFD", v4().udp(50000, 3784).more_fragments(), false},
      {"BFD behind options", v4().options({1, 1, 1, 1}).udp(50000, 3784), false},
      {"ping", v4().icmp(8), false},
      {"neighbor solicitation", v6().icmp(135), false},
      {"ARP", Packet().ethertype(0x0806), false},
      {"cut off", v4().udp(50000, 3784).cut_to(35), false},
  };
}

class SteeredPort : public testing::TestWithParam<std::uint16_t> {};

TEST_P(SteeredPort, KeepsAQueueForBfdAndBgp) {
  REQUIRE_ROOT();
  const std::uint16_t workers = GetParam();
  in_own_world([workers] {
    make_cable("up1", "wire1", 1500);
    const Eal eal = start_eal();
    PacketPools pools;
    auto port = Port::open({.name = "up1",
                            .device = "net_af_packet0,iface=up1",
                            .rx_queues = workers,
                            .tx_queues = workers,
                            .priority_queue = PriorityQueue::kIfSteerable},
                           pools);
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_EQ(port->facts().rx_queues, workers);
    EXPECT_EQ(port->facts().priority_queue, workers);
    EXPECT_EQ(port->facts().steering, Steering::kKernelFilter);
    ASSERT_TRUE(port->start());
    const Wire wire("wire1");
    const auto expect_at = [&](const SteeredFrame& sent, const char* when) {
      const Frame frame = Packet{sent.packet}
                              .eth(port->facts().mac, MacAddress{{2, 0, 0, 0, 0, 9}})
                              .padded_to(60)
                              .bytes();
      wire.send(frame);
      std::optional<std::uint16_t> arrived;
      EXPECT_TRUE(eventually([&] {
        for (std::uint16_t queue = 0; queue <= workers; ++queue) {
          const auto ours = [&](const Frame& f) { return f == frame; };
          if (count_frames(port->facts().ethdev, queue, ours) > 0) arrived = queue;
        }
        return arrived.has_value();
      })) << sent.name;
      EXPECT_EQ(arrived == workers, sent.priority) << sent.name << when;
    };
    for (const SteeredFrame& sent : steered_frames()) expect_at(sent, "");
    // The kernel takes the sockets out of their group with the link, and puts them in again.
    shell("ip link set up1 down; ip link set up1 up");
    EXPECT_TRUE(eventually([&] { return wire.try_send(opaque_frame({}, 60, 1)); }));
    for (const SteeredFrame& sent : steered_frames()) expect_at(sent, ", after the link was down");
  });
}
INSTANTIATE_TEST_SUITE_P(Workers, SteeredPort, testing::Values(1, 3));

TEST(Port, SpreadsFlowsOverOrdinaryQueuesBesideThePriorityQueue) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    const Eal eal = start_eal();
    PacketPools pools;
    auto port = Port::open({.name = "up1",
                            .device = "net_af_packet0,iface=up1",
                            .rx_queues = 2,
                            .tx_queues = 2,
                            .priority_queue = PriorityQueue::kIfSteerable},
                           pools);
    ASSERT_TRUE(port) << port.error().message;
    ASSERT_TRUE(port->start());
    const Wire wire("wire1");
    constexpr unsigned kFlows = 64;
    for (const bool v6 : {false, true}) {
      std::array<unsigned, 3> arrived{};
      for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
        Packet packet = v6 ? Packet().ipv6("2001:db8::1", "2001:db8::2")
                           : Packet().ipv4("192.0.2.1", "192.0.2.2");
        packet.udp(static_cast<std::uint16_t>(1000 + flow), 53);
        wire.send(packet.eth(port->facts().mac, {}).padded_to(62).bytes());
      }
      EXPECT_TRUE(eventually([&] {
        for (std::uint16_t queue = 0; queue < 3; ++queue) {
          arrived[queue] += count_frames(port->facts().ethdev, queue, [](const Frame& f) {
            return std::all_of(f.begin() + 6, f.begin() + 12, [](auto byte) { return byte == 0; });
          });
        }
        return arrived[0] + arrived[1] + arrived[2] >= kFlows;
      }));
      EXPECT_GT(arrived[0], kFlows / 5) << (v6 ? "IPv6" : "IPv4");
      EXPECT_GT(arrived[1], kFlows / 5) << (v6 ? "IPv6" : "IPv4");
      EXPECT_EQ(arrived[2], 0U) << (v6 ? "IPv6" : "IPv4");
    }
  });
}

TEST(Port, SetsTheInterfacesMtu) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 9000);
    const Eal eal = start_eal();
    PacketPools pools;
    const auto port =
        Port::open({.name = "up1", .device = "net_af_packet0,iface=up1", .mtu = 4000}, pools);
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_NE(shell("ip link show up1").find("mtu 4000"), std::string::npos);
  });
}

TEST(Port, NullDeviceHasAKnownLinkAndNoKernelInterface) {
  REQUIRE_ROOT();
  in_own_world([] {
    const Eal eal = start_eal();
    PacketPools pools;
    auto port = Port::open({.name = "sink", .device = "net_null0,no-rx=1"}, pools);
    ASSERT_TRUE(port) << port.error().message;
    ASSERT_TRUE(port->start());
    EXPECT_EQ(port->link(), Link::kUp);
    EXPECT_EQ(port->facts().link_source, LinkSource::kDriver);
    EXPECT_FALSE(port->facts().kernel);
  });
}

TEST(Port, FitsIntoTheMemoryThatItAsksFor) {
  REQUIRE_ROOT();
  in_own_world([] {
    constexpr int kPorts = 8;
    const auto options = [](int number) {
      return PortOptions{.name = fmt::format("p{}", number),
                         .device = fmt::format("net_null{}", number)};
    };
    const auto eal = Eal::start(
        {.name = "lmdrv",
         .ordinary_memory_bytes = kPorts * Port::memory_bytes(options(0), MemoryPages::kOrdinary),
         .hugepages = HugepageUse::kNever});
    ASSERT_TRUE(eal) << eal.error().message;
    PacketPools pools;
    std::vector<Port> ports;
    for (int number = 0; number < kPorts; ++number) {
      auto port = Port::open(options(number), pools);
      ASSERT_TRUE(port) << port.error().message;
      ports.push_back(std::move(*port));
    }
  });
}

TEST(Port, DeviceIsFreeAgainAfterClosing) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    const Eal eal = start_eal();
    PacketPools pools;
    for (int i = 0; i < 3; ++i) {
      auto port = Port::open({.name = "up1", .device = "net_af_packet0,iface=up1"}, pools);
      ASSERT_TRUE(port) << port.error().message;
      ASSERT_TRUE(port->start());
    }
  });
}

TEST(Port, TakesTheBuffersOfAnotherWhoseInterfaceIsGone) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    make_cable("up2", "wire2", 1500);
    const Eal eal = start_eal();
    PacketPools pools;
    PortOptions options{.name = "up1", .device = "net_af_packet0,iface=up1"};
    rte_mempool* buffers = nullptr;
    std::uint16_t ethdev = 0;
    {
      auto port = Port::open(options, pools);
      ASSERT_TRUE(port) << port.error().message;
      ASSERT_TRUE(port->start());
      options.pool = buffers = port->pool();
      ethdev = port->facts().ethdev;
      shell("ip link del up1");
      // Polling it harms nobody, which is what workers do until they have let go.
      const auto any = [](const Frame&) { return true; };
      static_cast<void>(count_frames(ethdev, 0, any));
      EXPECT_EQ(count_frames(ethdev, 0, any), 0U);
    }
    EXPECT_EQ(shell("tail -n +2 /proc/net/packet"), "") << "its sockets are closed";
    EXPECT_EQ(rte_mempool_in_use_count(buffers), 0U);
    // Meanwhile its number may have become another's.
    const auto other = Port::open({.name = "up2", .device = "net_af_packet1,iface=up2"}, pools);
    ASSERT_TRUE(other) << other.error().message;
    make_cable("up1", "wire1", 1500);
    auto port = Port::open(options, pools);
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_EQ(port->pool(), buffers);
    EXPECT_NE(port->facts().ethdev, ethdev);
    ASSERT_TRUE(port->start());
    const Frame frame = opaque_frame(port->facts().mac, 200, 7);
    const auto is_it = [&](const Frame& seen) { return seen == frame; };
    const Wire wire("wire1");
    wire.send(frame);
    EXPECT_TRUE(receive_at(port->facts().ethdev, is_it));
    send_from(port->facts().ethdev, frame);
    EXPECT_TRUE(wire.receive(is_it));
  });
}

// EAL probes PCI devices at its start; here another bus plays their part.
TEST(Port, TakesADeviceThatIsProbedAlready) {
  REQUIRE_ROOT();
  in_own_world([] {
    const Eal eal = start_eal();
    PacketPools pools;
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(rte_dev_probe("net_null5,size=128"), 0);
      auto port = Port::open({.name = "up1", .device = "net_null5,size=128"}, pools);
      ASSERT_TRUE(port) << port.error().message;
      ASSERT_TRUE(port->start());
      EXPECT_EQ(port->facts().driver, "net_null");
      const auto second = Port::open({.name = "up2", .device = "net_null5"}, pools);
      ASSERT_FALSE(second);
      EXPECT_EQ(second.error().message,
                "port up2: device 'net_null5' is used by another port already");
    }
    std::uint16_t id = 0;
    EXPECT_NE(rte_eth_dev_get_port_by_name("net_null5", &id), 0) << "it was not closed";
  });
}

TEST(Port, ErrorsNameThePortAndTheReason) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    const Eal eal = start_eal();
    PacketPools pools;
    const auto error = [&](const std::string& device, std::uint16_t mtu = 1500) -> std::string {
      const auto port = Port::open({.name = "p", .device = device, .mtu = mtu}, pools);
      return port ? "opened" : port.error().message;
    };
    EXPECT_EQ(error("net_af_packet0,iface=nosuch"), "port p: no network interface named 'nosuch'");
    EXPECT_EQ(error("net_af_packet0"),
              "port p: device 'net_af_packet0' names no network interface; expected "
              "net_af_packet0,iface=NAME");
    EXPECT_EQ(error("bad device").rfind("port p: 'bad device' is not a DPDK device; expected", 0),
              0U);
    EXPECT_EQ(error("net_nosuch0").rfind("port p: cannot open device 'net_nosuch0': ", 0), 0U)
        << error("net_nosuch0");
    EXPECT_EQ(error("0000:ff:1f.7").rfind("port p: cannot open device '0000:ff:1f.7': ", 0), 0U)
        << error("0000:ff:1f.7");
    // What it can is 1504 with DPDK 22.11, and more with 24.11.
    EXPECT_EQ(error("net_tap7,iface=lmdrvtap", 65535)
                  .rfind("port p: MTU 65535 is more than the device can (at most ", 0),
              0U)
        << error("net_tap7,iface=lmdrvtap", 65535);
    EXPECT_NE(error("net_pcap0,rx_pcap=/nosuch.pcap").find("nosuch.pcap"), std::string::npos)
        << error("net_pcap0,rx_pcap=/nosuch.pcap");

    const auto first = Port::open({.name = "a", .device = "net_null3"}, pools);
    ASSERT_TRUE(first);
    EXPECT_EQ(error("net_null3"), "port p: device 'net_null3' is used by another port already");
  });
}

TEST(LinkWatcher, SeesDownUpAndDeletion) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    auto watcher = LinkWatcher::open();
    ASSERT_TRUE(watcher);
    std::map<std::string, LinkEvent> now;
    const auto note = [&](const LinkEvent& event) { now[event.name] = event; };
    const auto becomes = [&](Link link) {
      return eventually([&] {
        EXPECT_TRUE(watcher->read(note));
        return now["up1"].link == link;
      });
    };
    ASSERT_TRUE(watcher->refresh(note));
    EXPECT_TRUE(becomes(Link::kUp));
    shell("ip link set wire1 down");  // carrier lost
    EXPECT_TRUE(becomes(Link::kDown));
    shell("ip link set wire1 up");
    EXPECT_TRUE(becomes(Link::kUp));
    shell("ip link set up1 down");  // administratively
    EXPECT_TRUE(becomes(Link::kDown));
    shell("ip link set up1 up");
    EXPECT_TRUE(becomes(Link::kUp));
    shell("ip link del wire1");
    EXPECT_TRUE(becomes(Link::kDown));
    EXPECT_TRUE(now["up1"].deleted);
  });
}

TEST(LinkWatcher, OverrunEndsInThePresentState) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    auto watcher = LinkWatcher::open();
    ASSERT_TRUE(watcher);
    // Far more than a socket buffer of events, unread; the last one leaves the link down.
    shell(
        "(for i in $(seq 1000); do echo link set up1 alias $i; done; echo link set wire1 down) | "
        "ip -batch -");
    Link link = Link::kUp;
    EXPECT_TRUE(eventually([&] {
      EXPECT_TRUE(watcher->read([&](const LinkEvent& event) {
        if (event.name == "up1") link = event.link;
      }));
      return link == Link::kDown;
    }));
  });
}

TEST(LinkWatcher, ADeletionIsToldEvenIfItsEventIsLost) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    make_cable("up2", "wire2", 1500);
    auto watcher = LinkWatcher::open();
    ASSERT_TRUE(watcher);
    std::map<std::string, LinkEvent> now;
    const auto note = [&](const LinkEvent& event) { now[event.name] = event; };
    ASSERT_TRUE(watcher->refresh(note));
    shell(
        "(for i in $(seq 1000); do echo link set up1 alias $i; done; echo link del wire2) | "
        "ip -batch -");
    ASSERT_TRUE(watcher->read(note));
    EXPECT_TRUE(eventually([&] {
      EXPECT_TRUE(watcher->read(note));
      return now["up2"].deleted;
    }));
    EXPECT_FALSE(now["up1"].deleted);
  });
}

}  // namespace
}  // namespace lastmile
