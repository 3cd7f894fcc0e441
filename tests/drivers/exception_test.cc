#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <regex>
#include <thread>

#include "dataplane/net/format.h"
#include "drivers/exception/host_interface.h"
#include "drivers/exception/interface_guard.h"
#include "drivers/exception/twin.h"
#include "drivers/kernel/namespace_stay.h"
#include "tests/drivers/driver_world.h"
#include "tests/drivers/isolated.h"
#include "tests/drivers/wire.h"

namespace lastmile {
namespace {

using namespace test;

constexpr MacAddress kMac{{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};
constexpr MacAddress kPeerMac{{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee}};
constexpr MacAddress kMulticastMac{{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}};

struct World : DriverWorld {
  World() : DriverWorld("lmdrv") {}

  Twin twin(const TwinOptions& options) { return value(Twin::create(options, far_side, pools)); }
  HostInterface host() { return value(HostInterface::create({}, far_side, pools)); }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool is_gone(const std::string& interface) {
  return contains(shell("ip link show " + interface), "does not exist");
}

// A UDP socket over IPv6 on an interface's link-local address.
class UdpSocket {
 public:
  UdpSocket(const Ipv6Address& local, unsigned interface, std::uint16_t port)
      : socket_(::socket(AF_INET6, SOCK_DGRAM, 0)), interface_(interface), port_(port) {
    const sockaddr_in6 address = to_sockaddr(local);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
    timeval patience{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  void send(const Ipv6Address& to, std::size_t size) {
    const std::string payload(size, 'x');
    const sockaddr_in6 address = to_sockaddr(to);
    EXPECT_EQ(::sendto(socket_.get(), payload.data(), size, 0,
                       reinterpret_cast<const sockaddr*>(&address), sizeof address),
              static_cast<ssize_t>(size))
        << std::strerror(errno);
  }
  ssize_t receive() {
    std::array<char, 65536> buffer;
    return ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  }

 private:
  [[nodiscard]] sockaddr_in6 to_sockaddr(const Ipv6Address& address) const {
    sockaddr_in6 result{};
    result.sin6_family = AF_INET6;
    result.sin6_port = htons(port_);
    result.sin6_scope_id = interface_;
    std::memcpy(&result.sin6_addr, address.bytes().data(), 16);
    return result;
  }
  FileDescriptor socket_;
  unsigned interface_;
  std::uint16_t port_;
};

TEST(Twin, HasThePortsAddressAndGoesWithIt) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    {
      const Twin twin = world.twin({.port = "up1",
                                    .mac = kMac,
                                    .mtu = 9000,
                                    .addresses = {{Ipv4Address(192, 0, 2, 1), 24},
                                                  {*Ipv6Address::parse("2001:db8::1"), 64}}});
      const std::string text = shell("ip address show lm-up1");
      EXPECT_TRUE(contains(text, "mtu 9000")) << text;
      EXPECT_TRUE(contains(text, "02:11:22:33:44:55")) << text;
      EXPECT_TRUE(contains(text, to_string(kMac.link_local()) + "/64")) << text;
      EXPECT_TRUE(contains(text, "192.0.2.1/24")) << text;
      EXPECT_TRUE(contains(text, "2001:db8::1/64")) << text;
      EXPECT_FALSE(contains(text, "tentative")) << text;
      EXPECT_EQ(twin.interface_name(), "lm-up1");
      const std::string offloads = shell(
          "ethtool -k lm-up1 | grep -E '^(tx-checksumming|tcp-seg|"
          "generic-segmentation|generic-receive)'");
      EXPECT_FALSE(contains(offloads, ": on")) << offloads;
    }
    EXPECT_TRUE(is_gone("lm-up1"));
  });
}

TEST(Twin, PassesJumboFramesBothWays) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    Twin twin = world.twin({.port = "up1", .mac = kMac, .mtu = 9000});
    const Ipv6Address peer = kPeerMac.link_local();
    shell(fmt::format("ip -6 neigh replace {} lladdr {} dev lm-up1", peer, kPeerMac));
    UdpSocket socket(kMac.link_local(), twin.interface_index(), 4000);
    const std::uint16_t ethdev = twin.port().facts().ethdev;
    for (const std::size_t size : {std::size_t{1}, std::size_t{1400}, std::size_t{8952}}) {
      socket.send(peer, size);
      EXPECT_TRUE(receive_at(ethdev,
                             [&](const Frame& frame) {
                               return is_sound_udp6(frame, 4000) && frame.size() == size + 62;
                             }))
          << size << " bytes from the kernel";
      send_from(ethdev, udp6_frame(kMac, kPeerMac, peer, kMac.link_local(), 4000, size));
      EXPECT_EQ(socket.receive(), static_cast<ssize_t>(size)) << "to the kernel";
    }
  });
}

TEST(Twin, CarrierFollowsThePortAndAddressesStay) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    Twin twin = world.twin(
        {.port = "up1", .mac = kMac, .addresses = {{*Ipv6Address::parse("2001:db8::1"), 64}}});
    const auto shows = [](const std::string& part) {
      return eventually([&] { return contains(shell("ip address show lm-up1"), part); });
    };
    EXPECT_TRUE(shows("LOWER_UP"));
    ASSERT_TRUE(twin.set_link(Link::kDown));
    EXPECT_TRUE(shows("NO-CARRIER"));
    EXPECT_TRUE(shows("fe80::11:22ff:fe33:4455/64"));
    EXPECT_TRUE(shows("2001:db8::1/64"));
    ASSERT_TRUE(twin.set_link(Link::kUp));
    EXPECT_TRUE(shows("LOWER_UP"));
  });
}

TEST(Twin, NameInUseAndNameTooLong) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    shell("ip link add lm-up1 type veth peer name lmdrv-x");
    auto twin = Twin::create({.port = "up1", .mac = kMac}, world.far_side, world.pools);
    ASSERT_FALSE(twin);
    EXPECT_EQ(twin.error().message,
              "port up1: interface 'lm-up1' exists already and is not ours; rename or remove it");
    EXPECT_FALSE(is_gone("lm-up1")) << "removed an interface of someone else";
    twin = Twin::create({.port = "a-long-port-name", .mac = kMac}, world.far_side, world.pools);
    ASSERT_FALSE(twin);
    EXPECT_EQ(twin.error().message,
              "port a-long-port-name: the name is too long for its kernel twin "
              "'lm-a-long-port-name'; expected at most 12 characters");
  });
}

TEST(HostInterface, AddressesAndDefaultRoutesFollowEachOther) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    shell(
        "ip link add lmdrv-m type veth peer name lmdrv-n; ip address add 203.0.113.1/24 dev "
        "lmdrv-m; ip link set lmdrv-m up; ip link set lmdrv-n up; ip route add default via "
        "203.0.113.254 metric 100");
    const auto routes = [] { return shell("ip route; ip -6 route"); };
    {
      HostInterface host = world.host();
      ASSERT_TRUE(host.add_address(Ipv4Address(10, 0, 1, 1)));
      ASSERT_TRUE(host.add_address(Ipv4Address(192, 168, 0, 250)));
      ASSERT_TRUE(host.add_address(*Ipv6Address::parse("2001:db8:1::1")));
      const std::string addresses = shell("ip address show lm0");
      EXPECT_TRUE(contains(addresses, "10.0.1.1/32")) << addresses;
      EXPECT_TRUE(contains(addresses, "192.168.0.250/32")) << addresses;
      EXPECT_TRUE(contains(addresses, "2001:db8:1::1/128")) << addresses;
      EXPECT_TRUE(contains(addresses, "NOARP")) << addresses;
      EXPECT_TRUE(contains(routes(), "default dev lm0")) << routes();
      EXPECT_TRUE(contains(shell("ip route get 8.8.8.8"), "dev lm0 src 10.0.1.1"));
      EXPECT_TRUE(contains(shell("ip -6 route get 2001:db8:9::9"), "dev lm0"));
      EXPECT_TRUE(contains(shell("ip -6 route get 2001:db8:9::9"), "src 2001:db8:1::1"));

      ASSERT_TRUE(host.remove_address(Ipv4Address(10, 0, 1, 1)));
      EXPECT_TRUE(contains(shell("ip route get 8.8.8.8"), "dev lm0 src 192.168.0.250"));
      EXPECT_FALSE(contains(shell("ip address show lm0"), "10.0.1.1"));
      ASSERT_TRUE(host.remove_address(Ipv4Address(192, 168, 0, 250)));
      EXPECT_TRUE(contains(shell("ip route get 8.8.8.8"), "via 203.0.113.254")) << routes();

      // What others put there is theirs.
      shell("ip address add 10.9.9.9/32 dev lm0");
      ASSERT_TRUE(host.add_address(Ipv4Address(10, 9, 9, 9)));
      ASSERT_TRUE(host.remove_address(Ipv4Address(10, 9, 9, 9)));
      EXPECT_TRUE(contains(shell("ip address show lm0"), "10.9.9.9/32"));
    }
    EXPECT_TRUE(is_gone("lm0"));
    EXPECT_TRUE(contains(routes(), "default via 203.0.113.254 dev lmdrv-m metric 100")) << routes();
  });
}

TEST(HostInterface, HearsMoreThanItSends) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    auto host = World::value(
        HostInterface::create({.mtu = 9000, .send_mtu = 1500}, world.far_side, world.pools));
    ASSERT_TRUE(host.add_address(Ipv4Address(10, 0, 1, 1)));
    ASSERT_TRUE(host.add_address(*Ipv6Address::parse("2001:db8:1::1")));
    EXPECT_TRUE(contains(shell("ip link show lm0"), "mtu 9000"));
    EXPECT_TRUE(contains(shell("ip route get 8.8.8.8"), "mtu 1500"));
    EXPECT_TRUE(contains(shell("ip -6 route get 2001:db8:9::9"), "mtu 1500"));
    // A route with an MTU must be found again to be taken away.
    ASSERT_TRUE(host.remove_address(Ipv4Address(10, 0, 1, 1)));
    ASSERT_TRUE(host.remove_address(*Ipv6Address::parse("2001:db8:1::1")));
    EXPECT_FALSE(contains(shell("ip route; ip -6 route"), "default"));
  });
}

TEST(NamespaceStay, TwinsAndTheHostInterfaceAreMadeThere) {
  REQUIRE_ROOT();
  const std::string name = fmt::format("lmdrv-stay{}", ::getpid());
  in_own_world([&name] {
    World world;
    ASSERT_EQ(shell("ip netns add " + name), "");
    const std::string there = "ip netns exec " + name + " ";
    std::optional<Twin> twin;
    std::optional<HostInterface> host;
    {
      auto stay = World::value(NamespaceStay::enter(name));
      twin.emplace(world.twin({.port = "up1", .mac = kMac, .mtu = 9000}));
      host.emplace(world.host());
      EXPECT_FALSE(is_gone("lm-up1"));
    }
    EXPECT_TRUE(is_gone("lm-up1")) << "the thread has returned";
    // What is done later finds the interfaces, wherever the thread is.
    ASSERT_TRUE(host->add_address(Ipv4Address(10, 0, 1, 1)));
    EXPECT_TRUE(contains(shell(there + "ip route get 8.8.8.8"), "dev lm0 src 10.0.1.1"));
    EXPECT_FALSE(contains(shell("ip route"), "default"));
    ASSERT_TRUE(twin->set_link(Link::kDown));
    EXPECT_TRUE(contains(shell(there + "ip link show lm-up1"), "NO-CARRIER"));
    twin.reset();
    host.reset();
    EXPECT_TRUE(contains(shell(there + "ip link show lm-up1"), "does not exist"));
    EXPECT_TRUE(contains(shell(there + "ip link show lm0"), "does not exist"));
  });
  shell("ip netns delete " + name);
}

TEST(NamespaceStay, AGuardRestoresAtHomeWhatTheThreadHasLeft) {
  REQUIRE_ROOT();
  const std::string name = fmt::format("lmdrv-away{}", ::getpid());
  in_own_world([&name] {
    shell("ip link add up1 type veth peer name far; ip address add 192.0.2.1/24 dev up1");
    const std::string before = shell("ip address show up1 | grep inet; ethtool -k up1");
    ASSERT_EQ(shell("ip netns add " + name), "");
    auto guard = InterfaceGuard::create("up1", "up1");
    ASSERT_TRUE(guard) << guard.error().message;
    EXPECT_NE(shell("ip address show up1 | grep inet; ethtool -k up1"), before);
    auto stay = World::value(NamespaceStay::enter(name));
    const FileDescriptor home = std::move(stay).remain();
    EXPECT_TRUE(is_gone("up1")) << "the thread is away";
    std::optional<InterfaceGuard> last(std::move(*guard));
    last.reset();
    const auto back = World::value(NamespaceStay::enter(home));
    EXPECT_EQ(shell("ip address show up1 | grep inet; ethtool -k up1"), before);
    EXPECT_TRUE(contains(shell("cat /proc/sys/net/ipv6/conf/up1/disable_ipv6"), "0"));
    EXPECT_EQ(shell("nft list tables"), "");
  });
  shell("ip netns delete " + name);
}

TEST(NamespaceStay, WhatIsNoNamespaceIsNamed) {
  REQUIRE_ROOT();
  const auto error = [](const std::string& name) {
    const auto stay = NamespaceStay::enter(name);
    return stay ? std::string{} : stay.error().message;
  };
  EXPECT_EQ(error("lmdrv-nowhere"),
            "there is no network namespace 'lmdrv-nowhere'; expected one of those that `ip netns` "
            "lists (ip netns add lmdrv-nowhere)");
  EXPECT_EQ(error("../../proc/self/ns/net"),
            "'../../proc/self/ns/net' is not a name for a network namespace");
  EXPECT_EQ(error(".."), "'..' is not a name for a network namespace");
}

TEST(HostInterface, MetricInUseIsSaid) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    shell(
        "ip link add lmdrv-m type veth peer name lmdrv-n; ip address add 203.0.113.1/24 dev "
        "lmdrv-m; ip link set lmdrv-m up; ip link set lmdrv-n up; ip route add default via "
        "203.0.113.254 metric 20");
    HostInterface host = world.host();
    const auto added = host.add_address(Ipv4Address(10, 0, 1, 1));
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().message,
              "host interface lm0: there is a default IPv4 route with metric 20 already; expected "
              "another default-route-metric");
  });
}

TEST(HostInterface, CarriesTheMachinesTraffic) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    HostInterface host = world.host();
    ASSERT_TRUE(host.add_address(Ipv4Address(10, 0, 1, 1)));
    const std::uint16_t ethdev = host.port().facts().ethdev;
    shell("ping -c 1 -W 1 10.0.2.2 & sleep 0.2");
    EXPECT_TRUE(receive_at(ethdev, is_echo_request)) << "a ping that left the machine";
    send_from(ethdev, echo_request(host.mac(), kPeerMac, Ipv4Address(10, 0, 2, 2),
                                   Ipv4Address(10, 0, 1, 1)));
    EXPECT_TRUE(receive_at(ethdev, is_echo_reply)) << "the kernel's answer to one that came in";
  });
}

TEST(HostInterface, LargeDatagramsLeaveInFragments) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    HostInterface host = world.host();
    ASSERT_TRUE(host.add_address(Ipv4Address(10, 0, 1, 1)));
    shell("ping -c 1 -W 1 -M dont -s 3000 10.0.2.2 & sleep 0.2");
    std::size_t bytes = 0;
    for (int i = 0; i < 3; ++i) {
      const auto fragment = receive_at(host.port().facts().ethdev, is_ipv4_fragment);
      ASSERT_TRUE(fragment) << "fragment " << i;
      EXPECT_LE(fragment->size(), 1514U);
      bytes += fragment->size() - 34;
    }
    EXPECT_EQ(bytes, 3008U);
  });
}

constexpr Ipv4Address kPortAddress{192, 0, 2, 1};
constexpr Ipv4Address kPeerAddress{192, 0, 2, 2};

MacAddress mac_of(const std::string& interface) {
  auto netlink = World::value(Netlink::open());
  return (*World::value(find_link(netlink, interface))).mac;
}

void make_addressed_cable() {
  make_cable("up1", "wire1", 1500);
  shell("ip address add 192.0.2.1/24 dev up1; ip address add 2001:db8::1/64 dev up1 nodad");
  shell(fmt::format("ip neigh replace 192.0.2.2 lladdr {} dev up1", kPeerMac));
}

void expect_as_before() {
  const std::string text = shell("ip address show up1");
  EXPECT_TRUE(contains(text, "192.0.2.1/24")) << text;
  EXPECT_TRUE(contains(text, "2001:db8::1/64")) << text;
  EXPECT_FALSE(contains(text, "ALLMULTI")) << text;
  EXPECT_EQ(shell("nft list tables"), "");
  EXPECT_TRUE(contains(shell("ethtool -k up1"), "tcp-segmentation-offload: on"));
  EXPECT_TRUE(contains(shell("cat /proc/sys/net/ipv6/conf/up1/disable_ipv6"), "0"));
}

TEST(InterfaceGuard, KernelHearsNothingWhileThePortHearsAll) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_addressed_cable();
    const Wire wire("wire1");
    const MacAddress mac = mac_of("up1");
    const Frame request = echo_request(mac, kPeerMac, kPeerAddress, kPortAddress);
    wire.send(request);
    ASSERT_TRUE(wire.receive(is_echo_reply)) << "the kernel answers without a guard";
    World world;
    {
      const auto guard = InterfaceGuard::create("up1", "up1");
      ASSERT_TRUE(guard) << guard.error().message;
      auto port = World::value(
          Port::open({.name = "up1", .device = "net_af_packet0,iface=up1"}, world.pools));
      ASSERT_TRUE(port.start());
      // Even if someone puts the address back, the filter holds.
      shell(
          "ip address add 192.0.2.1/24 dev up1; ip neigh replace 192.0.2.2 lladdr 02:aa:bb:cc:dd:ee"
          " dev up1");
      wire.send(request);
      EXPECT_TRUE(receive_at(port.facts().ethdev, is_echo_request));
      EXPECT_FALSE(wire.receive(is_echo_reply)) << "the kernel answered beside the router";
      const std::string offloads = shell("ethtool -k up1");
      EXPECT_TRUE(contains(offloads, "\ntcp-segmentation-offload: off")) << offloads;
      EXPECT_TRUE(contains(offloads, "generic-receive-offload: off")) << offloads;
      EXPECT_FALSE(contains(shell("ip -6 address show up1"), "inet6"));

      const auto second = InterfaceGuard::create("up1", "up1");
      ASSERT_FALSE(second);
      EXPECT_EQ(second.error().message,
                "port up1: interface 'up1' is a port of another instance that is running");
    }
    expect_as_before();
    shell("ip neigh replace 192.0.2.2 lladdr 02:aa:bb:cc:dd:ee dev up1");
    wire.send(request);
    EXPECT_TRUE(wire.receive(is_echo_reply)) << "the kernel answers again";
  });
}

TEST(InterfaceGuard, MissingInterfaceAndInterfaceThatGoesAway) {
  REQUIRE_ROOT();
  in_own_world([] {
    const auto none = InterfaceGuard::create("up1", "nosuch");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().message, "port up1: no network interface named 'nosuch'");
    make_addressed_cable();
    {
      const auto guard = InterfaceGuard::create("up1", "up1");
      ASSERT_TRUE(guard);
      shell("ip link del up1");
    }
    EXPECT_EQ(shell("nft list tables"), "");
  });
}

// Of DHCP and of router advertisements; a label and the other side of a link stay as well.
TEST(InterfaceGuard, GivesAddressesBackWithWhatIsLeftOfTheirLives) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    shell(
        "ip address add 192.0.2.1/24 brd + dev up1 label up1:lan valid_lft 1000 preferred_lft 500"
        " noprefixroute;"
        "ip address add 192.0.2.2/24 dev up1 valid_lft 1 preferred_lft 1;"
        "ip address add 192.0.2.3 peer 198.51.100.1/32 dev up1;"
        "ip address add 2001:db8::1/64 dev up1 nodad valid_lft 2000 preferred_lft 0 mngtmpaddr");
    for (const bool killed : {false, true}) {
      wait_for(start_child([killed] {
        const auto guard = World::value(InterfaceGuard::create("up1", "up1"));
        std::this_thread::sleep_for(std::chrono::milliseconds{2100});
        if (killed) ::raise(SIGKILL);
      }));
      if (killed) {
        EXPECT_FALSE(contains(shell("ip address show up1"), "192.0.2.1"));
        wait_for(start_child([] { (void)World::value(InterfaceGuard::create("up1", "up1")); }));
      }
      const std::string text = shell("ip -d address show up1");
      EXPECT_TRUE(
          contains(text, "192.0.2.1/24 brd 192.0.2.255 scope global dynamic noprefixroute up1:lan"))
          << text;
      EXPECT_TRUE(
          std::regex_search(text, std::regex("valid_lft 9[0-9]{2}sec preferred_lft 4[0-9]{2}sec")))
          << text;
      EXPECT_FALSE(contains(text, "192.0.2.2/24")) << text;
      EXPECT_TRUE(contains(text, "192.0.2.3 peer 198.51.100.1/32")) << text;
      EXPECT_TRUE(std::regex_search(text, std::regex("valid_lft 1[0-9]{3}sec preferred_lft 0sec")))
          << text;
      EXPECT_TRUE(contains(text, "mngtmpaddr")) << text;
    }
  });
}

// It is kept in a file that the router's user may write, and root reads it.
TEST(InterfaceGuard, OfWhatIsSaidOfAnAddressNoMoreIsToldToTheKernelThanItSays) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_addressed_cable();
    auto netlink = World::value(Netlink::open());
    const LinkInfo link = *World::value(find_link(netlink, "up1"));
    for (SavedAddress saved : World::value(save_addresses(netlink, link))) {
      if (is_ipv6_link_local(saved.address.address)) continue;
      for (const std::uint16_t size : {std::uint16_t{8}, std::uint16_t{60000}}) {
        ASSERT_TRUE(delete_address(netlink, link, saved.address));
        SavedAddress wrong = saved;
        const nlattr attribute{size, IFA_TARGET_NETNSID};
        const auto* bytes = reinterpret_cast<const char*>(&attribute);
        wrong.told.insert(wrong.told.end(), bytes, bytes + sizeof attribute);
        wrong.told.resize(wrong.told.size() + size - sizeof attribute);
        const auto length = static_cast<std::uint32_t>(wrong.told.size());
        std::memcpy(wrong.told.data(), &length, sizeof length);  // nlmsg_len
        const auto done = restore_address(netlink, link, wrong, std::chrono::seconds{0});
        EXPECT_TRUE(done) << done.error().message;
      }
    }
    expect_as_before();
  });
}

// A veth that was deleted and made again has another address; the port keeps the one that its
// neighbors know.
TEST(InterfaceGuard, GivesAnInterfaceThePortsAddressAndTakesItBack) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_addressed_cable();
    const MacAddress own = mac_of("up1");
    {
      const auto guard = InterfaceGuard::create("up1", "up1", kMac);
      ASSERT_TRUE(guard) << guard.error().message;
      EXPECT_EQ(mac_of("up1"), kMac);
      EXPECT_TRUE(contains(shell("ip link show up1"), "state UP"));
    }
    EXPECT_EQ(mac_of("up1"), own);
    expect_as_before();
    {
      const auto guard = InterfaceGuard::create("up1", "up1", own);
      ASSERT_TRUE(guard) << guard.error().message;
      EXPECT_EQ(mac_of("up1"), own);
    }
    EXPECT_EQ(mac_of("up1"), own);
    const auto refused = InterfaceGuard::create("up1", "up1", kMulticastMac);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(
        contains(refused.error().message, "set MAC address 01:00:5e:00:00:01 on interface 'up1'"))
        << refused.error().message;
    EXPECT_EQ(mac_of("up1"), own);
    expect_as_before();
  });
}

// Everything that an instance has; signals the parent when all is in place.
void run_instance(int ready) {
  const auto guard = World::value(InterfaceGuard::create("up1", "up1"));
  World world;
  auto port =
      World::value(Port::open({.name = "up1", .device = "net_af_packet0,iface=up1"}, world.pools));
  ASSERT_TRUE(port.start());
  const Twin twin = world.twin({.port = "up1", .mac = port.facts().mac});
  HostInterface host = world.host();
  ASSERT_TRUE(host.add_address(Ipv4Address(10, 0, 1, 1)));
  if (ready >= 0) {
    ASSERT_EQ(::write(ready, "x", 1), 1);
    ::pause();
  }
}

TEST(KilledInstance, LeavesTheNextOneACleanStart) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_addressed_cable();
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t first = start_child([&] { run_instance(ready[1]); });
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_FALSE(is_gone("lm0"));

    const pid_t beside = start_child([] {
      World world;
      const auto host = HostInterface::create({}, world.far_side, world.pools);
      ASSERT_FALSE(host);
      EXPECT_EQ(host.error().message,
                "host interface lm0: interface 'lm0' belongs to another instance that is running");
    });
    EXPECT_EQ(wait_for(beside), 0);

    ::kill(first, SIGKILL);
    wait_for(first);
    const pid_t next = start_child([] { run_instance(-1); });  // at once, then leaves properly
    EXPECT_EQ(wait_for(next), 0);
    EXPECT_TRUE(is_gone("lm0"));
    EXPECT_TRUE(is_gone("lm-up1"));
    expect_as_before();
  });
}

// A namespace that follows a deleted one often has its inode number, and the same interface
// numbers.
TEST(KilledInstance, IsNotTakenForTheOneOfAnotherNamespace) {
  REQUIRE_ROOT();
  for (const std::string address : {"192.0.2.1/24", "198.51.100.1/24"}) {
    in_own_world([&address] {
      make_cable("up1", "wire1", 1500);
      shell("ip address add " + address + " dev up1");
      const pid_t first = start_child([] {
        const auto guard = World::value(InterfaceGuard::create("up1", "up1"));
        ::raise(SIGKILL);
      });
      wait_for(first);
      EXPECT_FALSE(contains(shell("ip address show up1"), address));
      { const auto next = World::value(InterfaceGuard::create("up1", "up1")); }
      const std::string text = shell("ip address show up1");
      EXPECT_TRUE(contains(text, address)) << text;
      // The last one dies as well: what it leaves is not the next namespace's business.
      wait_for(start_child([] {
        const auto guard = World::value(InterfaceGuard::create("up1", "up1"));
        ::raise(SIGKILL);
      }));
    });
  }
  std::filesystem::remove_all("/run/lastmile/guard");
}

TEST(KilledInstance, TakesItsInterfacesAndRoutesWithIt) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_addressed_cable();
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = start_child([&] { run_instance(ready[1]); });
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::kill(child, SIGKILL);
    wait_for(child);
    EXPECT_TRUE(eventually([] { return is_gone("lm0") && is_gone("lm-up1"); }));
    EXPECT_FALSE(contains(shell("ip route"), "default"));
    std::filesystem::remove_all("/run/lastmile/guard");
  });
}

}  // namespace
}  // namespace lastmile
