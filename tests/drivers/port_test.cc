#include "drivers/ports/port.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include <array>
#include <map>

#include "drivers/eal/eal.h"
#include "drivers/ports/link_watcher.h"
#include "tests/drivers/isolated.h"
#include "tests/drivers/wire.h"

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

}  // namespace
}  // namespace lastmile
