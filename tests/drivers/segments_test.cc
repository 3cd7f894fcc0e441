// Segments between the kernel and the workers, with the kernel itself.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <rte_mbuf.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>
#include <random>
#include <thread>

#include "dataplane/segments/split.h"
#include "drivers/exception/host_interface.h"
#include "tests/drivers/driver_world.h"
#include "tests/drivers/isolated.h"
#include "tests/drivers/wire.h"
#include "tests/segments/tcp_frame.h"

namespace lastmile {
namespace {

using namespace test;
using segments::VirtioHeader;

std::vector<Octets> split(const VirtioHeader& virtio, const Octets& frame) {
  segments::Splitter splitter;
  std::vector<Octets> packets;
  EXPECT_TRUE(splitter.begin(virtio, frame));
  while (splitter.left() != 0) {
    packets.emplace_back(splitter.next_length());
    splitter.write_next(packets.back().data());
  }
  return packets;
}

/// Gives the kernel a segment to send by an interface.
void send_segment(const std::string& interface, const VirtioHeader& virtio, const Octets& frame) {
  const FileDescriptor socket(::socket(AF_PACKET, SOCK_RAW, 0));
  const int on = 1;
  ASSERT_EQ(::setsockopt(socket.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(frame[12] == 0x08 ? 0x0800 : 0x86dd);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  Octets message(sizeof virtio);
  std::memcpy(message.data(), &virtio, sizeof virtio);
  message.insert(message.end(), frame.begin(), frame.end());
  ASSERT_EQ(::sendto(socket.get(), message.data(), message.size(), 0,
                     reinterpret_cast<const sockaddr*>(&address), sizeof address),
            static_cast<ssize_t>(message.size()))
      << std::strerror(errno);
}

TEST(Segments, AreCutAsTheKernelCutsThem) {
  REQUIRE_ROOT();
  in_own_world([] {
    make_cable("up1", "wire1", 1500);
    shell("echo 1 > /proc/sys/net/ipv6/conf/up1/disable_ipv6");
    shell("ethtool -K up1 tx off tso off gso off sg off");
    const Wire wire("wire1");
    const std::array<std::uint8_t, 5> flags{tcp::kAck, tcp::kAck | tcp::kPush,
                                            tcp::kAck | tcp::kPush | tcp::kFin,
                                            tcp::kAck | tcp::kCwr, tcp::kAck | 0x40};
    for (const IpVersion version : {IpVersion::k4, IpVersion::k6}) {
      for (const std::uint8_t flag : flags) {
        for (const std::size_t payload : {2801, 20'000, 60'000}) {
          TcpFrame segment{.version = version,
                           .sequence = 0xffffff00,
                           .flags = flag,
                           .traffic_class = 2,
                           .identification = 0xfffe,
                           .options = Octets(12, 1),
                           .payload = payload,
                           .sum = TcpSum::kPartial};
          auto virtio = segment_facts(segment, 1400);
          if ((flag & tcp::kCwr) != 0) virtio.gso_type |= VirtioHeader::kEcn;
          const Octets frame = segment.bytes();
          send_segment("up1", virtio, frame);
          unsigned i = 0;
          for (const Octets& packet : split(virtio, frame)) {
            const auto cut = wire.receive([](const Frame&) { return true; });
            ASSERT_TRUE(cut);
            ASSERT_EQ(*cut, packet)
                << "packet " << i << " of " << payload << " with flags " << unsigned{flag};
            ++i;
          }
        }
      }
    }
  });
}

struct World : DriverWorld {
  World() : DriverWorld("lmseg") {}

  HostInterface host(std::uint16_t queues) {
    auto made = value(
        HostInterface::create({.queues = queues, .far_end = FarEnd::kSegments}, far_side, pools));
    for (const char* address : {"10.0.1.1", "2001:db8:1::1"}) {
      EXPECT_TRUE(made.add_address(*parse_ip_address(address)));
    }
    return made;
  }
};

/// Sends packets back where they came from, as if another host had sent them: addresses change
/// places, which no checksum notices.
class Mirror {
 public:
  explicit Mirror(const HostInterface& host, unsigned queues) : host_(host), queues_(queues) {}

  void run_once() {
    for (unsigned i = 0; i < queues_; ++i) {
      SegmentQueue& queue = host_.segments()->queue(i);
      const unsigned count = queue.receive(packets_);
      for (unsigned j = 0; j < count; ++j) turn(*packets_[j]);
      const unsigned sent = queue.send({packets_.data(), count});
      rte_pktmbuf_free_bulk(packets_.data() + sent, count - sent);
      received += count;
      lost += count - sent;
    }
  }

  std::uint64_t received = 0;
  std::uint64_t lost = 0;
  std::size_t longest = 0;

 private:
  void turn(rte_mbuf& packet) {
    longest = std::max<std::size_t>(longest, packet.pkt_len);
    EXPECT_EQ(packet.port, kHostSegments.value());
    auto* const ip = rte_pktmbuf_mtod_offset(&packet, std::uint8_t*, 14);
    const std::size_t size = ipv4::version(ip) == 4 ? 4 : 16;
    auto* const source = ip + (size == 4 ? ipv4::kSource : ipv6::kSource);
    std::swap_ranges(source, source + size, source + size);
  }

  const HostInterface& host_;
  const unsigned queues_;
  std::array<rte_mbuf*, 64> packets_{};
};

std::uint64_t statistic(const std::string& name) {
  std::uint64_t value = 0;
  std::ifstream{"/sys/class/net/lm0/statistics/" + name} >> value;
  return value;
}

template <class Address>
Address socket_address(const char* host);
template <>
sockaddr_in socket_address(const char* host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(4000);
  EXPECT_EQ(::inet_pton(AF_INET, host, &address.sin_addr), 1);
  return address;
}
template <>
sockaddr_in6 socket_address(const char* host) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(4000);
  EXPECT_EQ(::inet_pton(AF_INET6, host, &address.sin6_addr), 1);
  return address;
}

/// Sends `data` to a server of our own, by way of a host that the mirror stands for; what the
/// server got.
template <class Address>
std::string transfer(const std::string& data, const char* own, const char* other, Mirror& mirror) {
  const auto local = socket_address<Address>(own);
  const auto remote = socket_address<Address>(other);
  const int family = reinterpret_cast<const sockaddr*>(&local)->sa_family;
  const FileDescriptor listener(::socket(family, SOCK_STREAM, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  std::string got;
  std::atomic<bool> done{false};
  std::thread server([&] {
    const FileDescriptor from(::accept(listener.get(), nullptr, nullptr));
    std::array<char, 65536> buffer;
    for (ssize_t count = 0; (count = ::recv(from.get(), buffer.data(), buffer.size(), 0)) > 0;) {
      got.append(buffer.data(), static_cast<std::size_t>(count));
    }
    done = true;
  });
  std::thread client([&] {
    const FileDescriptor to(::socket(family, SOCK_STREAM, 0));
    EXPECT_EQ(::connect(to.get(), reinterpret_cast<const sockaddr*>(&remote), sizeof remote), 0)
        << std::strerror(errno);
    for (std::size_t sent = 0; sent < data.size();) {
      const ssize_t count = ::send(to.get(), data.data() + sent, data.size() - sent, 0);
      ASSERT_GT(count, 0) << std::strerror(errno);
      sent += static_cast<std::size_t>(count);
    }
  });
  while (!done) mirror.run_once();
  client.join();
  server.join();
  for (int i = 0; i < 1000; ++i) mirror.run_once();
  return got;
}

std::string noise(std::size_t size) {
  std::mt19937 random{7};
  std::string data(size, '\0');
  for (char& octet : data) octet = static_cast<char>(random());
  return data;
}

TEST(SegmentPort, CarriesStreamsInSegments) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    const HostInterface host = world.host(1);
    Mirror mirror(host, 1);
    const std::string data = noise(20 << 20);
    EXPECT_TRUE(transfer<sockaddr_in>(data, "10.0.1.1", "10.0.2.2", mirror) == data);
    EXPECT_TRUE(transfer<sockaddr_in6>(data, "2001:db8:1::1", "2001:db8:2::2", mirror) == data);
    EXPECT_EQ(mirror.longest, 1514U);
    EXPECT_GT(mirror.received, 2 * data.size() / 1500);
    EXPECT_LT(statistic("tx_packets") * 2, mirror.received) << "the kernel sent segments";
    EXPECT_LT(statistic("rx_packets") * 2, mirror.received - mirror.lost) << "and got them";
    EXPECT_EQ(host.segments()->queue(0).take_refused(), 0U);
  });
}

TEST(SegmentPort, QueuesShareWhatComesByFlow) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    const HostInterface host = world.host(3);
    std::array<unsigned, 3> received{};
    const auto take = [&] {
      for (unsigned i = 0; i < 3; ++i) {
        std::array<rte_mbuf*, 64> packets{};
        const unsigned count = host.segments()->queue(i).receive(packets);
        rte_pktmbuf_free_bulk(packets.data(), count);
        received[i] += count;
      }
    };
    const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM, 0));
    for (std::uint16_t port = 1000; port < 1300; ++port) {
      auto to = socket_address<sockaddr_in>("10.0.2.2");
      to.sin_port = htons(port);
      ASSERT_EQ(
          ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 1);
      take();
    }
    EXPECT_TRUE(eventually([&] {
      take();
      return std::accumulate(received.begin(), received.end(), 0U) == 300;
    }));
    for (const unsigned count : received) EXPECT_GT(count, 0U);
  });
}

TEST(SegmentPort, WhatIsNoTcpPassesAsItIs) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    const HostInterface host = world.host(1);
    Mirror mirror(host, 1);
    std::atomic<bool> done{false};
    std::string said;
    std::thread ping([&] {
      said = shell(
          "ping -c 1 -W 2 10.0.2.2 && ping -c 1 -W 2 -M dont -s 3000 10.0.2.2 && ping -c 1 -W 2 "
          "2001:db8:2::2");
      done = true;
    });
    // A request comes back as one of the other host's to us, whose answer comes back as its answer.
    while (!done) mirror.run_once();
    ping.join();
    EXPECT_EQ(said.find("exit"), std::string::npos) << said;
    EXPECT_EQ(mirror.received, 2U + 6U + 2U) << said;
  });
}

TEST(SegmentPort, DatagramsAreSummed) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    const HostInterface host = world.host(1);
    Mirror mirror(host, 1);
    const FileDescriptor socket(::socket(AF_INET6, SOCK_DGRAM, 0));
    const auto own = socket_address<sockaddr_in6>("2001:db8:1::1");
    const auto other = socket_address<sockaddr_in6>("2001:db8:2::2");
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
    // The kernel takes none with a wrong checksum. (Nor does it take any for an address that it is
    // still making ready: so they are more than one.)
    std::array<char, 100> buffer;
    EXPECT_TRUE(eventually([&] {
      static_cast<void>(::sendto(socket.get(), "hello", 5, 0,
                                 reinterpret_cast<const sockaddr*>(&other), sizeof other));
      mirror.run_once();
      return ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) == 5;
    }));
  });
}

TEST(SegmentPort, OffloadsOfTheInterfaceAreThoseThatItCanDo) {
  REQUIRE_ROOT();
  in_own_world([] {
    World world;
    const HostInterface host = world.host(1);
    const std::string on = shell("ethtool -k lm0 | grep ': on$' | sort");
    for (const std::string& offload : segment_offloads()) {
      EXPECT_NE(on.find(offload + ": on"), std::string::npos) << offload << "\n" << on;
    }
    for (const char* other : {"udp", "generic-receive", "sctp", "rx-", "esp"}) {
      EXPECT_EQ(on.find(other), std::string::npos) << on;
    }
    EXPECT_NE(shell("ip -d link show lm0").find(fmt::format("gso_max_size {} ", kLongestSegment)),
              std::string::npos);
  });
}

}  // namespace
}  // namespace lastmile
