#include "tests/drivers/wire.h"

#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>

#include "tests/drivers/isolated.h"

namespace lastmile::test {
namespace {

constexpr std::uint16_t kNobodysType = 0x88b5;  // IEEE 802: local experimental

void append(Frame& frame, std::span<const std::uint8_t> bytes) {
  frame.insert(frame.end(), bytes.begin(), bytes.end());
}
void append16(Frame& frame, std::size_t value) {
  frame.push_back(static_cast<std::uint8_t>(value >> 8));
  frame.push_back(static_cast<std::uint8_t>(value));
}
std::uint16_t read16(const Frame& frame, std::size_t at) {
  return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]);
}
Frame ethernet(const MacAddress& to, const MacAddress& from, std::uint16_t type) {
  Frame frame;
  append(frame, to.bytes());
  append(frame, from.bytes());
  append16(frame, type);
  return frame;
}

// For a loaded machine; what is to come comes in microseconds otherwise.
constexpr std::chrono::seconds kPatience{4};

rte_mempool* own_pool() {
  static rte_mempool* const pool =
      rte_pktmbuf_pool_create("wire", 255, 0, 0, 9600 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
  return pool;
}

}  // namespace

void make_cable(const std::string& port, const std::string& wire, unsigned mtu) {
  const std::string size = std::to_string(mtu);
  EXPECT_EQ(shell("ip link add " + port + " mtu " + size + " type veth peer name " + wire +
                  " mtu " + size),
            "");
  shell("echo 1 > /proc/sys/net/ipv6/conf/" + wire + "/disable_ipv6");
  shell("ethtool -K " + wire + " tx off gso off gro off");
  EXPECT_EQ(shell("ip link set " + port + " up; ip link set " + wire + " up"), "");
}

Wire::Wire(const std::string& interface)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

void Wire::send(const Frame& frame) const {
  EXPECT_TRUE(try_send(frame)) << std::strerror(errno);
}

bool Wire::try_send(const Frame& frame) const {
  return ::send(socket_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
}

std::optional<Frame> Wire::receive(const std::function<bool(const Frame&)>& wanted) const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd readable{socket_.get(), POLLIN, 0};
    if (::poll(&readable, 1, 50) <= 0) continue;
    Frame frame(65536);
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    const ssize_t got = ::recvfrom(socket_.get(), frame.data(), frame.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &length);
    if (got <= 0 || from.sll_pkttype == PACKET_OUTGOING) continue;
    frame.resize(static_cast<std::size_t>(got));
    if (wanted(frame)) return frame;
  }
  return std::nullopt;
}

std::optional<Frame> receive_at(std::uint16_t ethdev,
                                const std::function<bool(const Frame&)>& wanted) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    rte_mbuf* packet = nullptr;
    if (rte_eth_rx_burst(ethdev, 0, &packet, 1) == 0) {
      ::usleep(200);
      continue;
    }
    const auto* data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    Frame frame(data, data + packet->data_len);
    rte_pktmbuf_free(packet);
    if (wanted(frame)) return frame;
  }
  return std::nullopt;
}

unsigned count_frames(std::uint16_t ethdev, std::uint16_t queue,
                      const std::function<bool(const Frame&)>& wanted) {
  std::array<rte_mbuf*, 32> packets{};
  const std::uint16_t count = rte_eth_rx_burst(ethdev, queue, packets.data(), packets.size());
  unsigned found = 0;
  for (unsigned i = 0; i < count; ++i) {
    const auto* data = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
    found += wanted(Frame(data, data + packets[i]->data_len)) ? 1 : 0;
  }
  rte_pktmbuf_free_bulk(packets.data(), count);
  return found;
}

unsigned count_fragments(std::uint16_t ethdev, std::uint16_t queue) {
  return count_frames(ethdev, queue, is_ipv4_fragment);
}

void send_from(std::uint16_t ethdev, const Frame& frame) {
  rte_mbuf* packet = rte_pktmbuf_alloc(own_pool());
  ASSERT_NE(packet, nullptr);
  char* data = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
  ASSERT_NE(data, nullptr);
  std::memcpy(data, frame.data(), frame.size());
  EXPECT_EQ(rte_eth_tx_burst(ethdev, 0, &packet, 1), 1);
}

Frame opaque_frame(const MacAddress& to, std::size_t size, std::uint32_t seed) {
  Frame frame = ethernet(to, MacAddress{{2, 0, 0, 0, 0, 1}}, kNobodysType);
  while (frame.size() < size) {
    seed = seed * 1664525 + 1013904223;
    frame.push_back(static_cast<std::uint8_t>(seed >> 24));
  }
  return frame;
}

Frame udp6_frame(const MacAddress& to, const MacAddress& from, const Ipv6Address& source,
                 const Ipv6Address& destination, std::uint16_t port, std::size_t payload) {
  Frame frame = ethernet(to, from, 0x86dd);
  const std::array<std::uint8_t, 4> version{0x60, 0, 0, 0};
  append(frame, version);
  append16(frame, payload + 8);
  frame.push_back(17);
  frame.push_back(255);
  append(frame, source.bytes());
  append(frame, destination.bytes());
  append16(frame, port);
  append16(frame, port);
  append16(frame, payload + 8);
  append16(frame, 0);
  frame.insert(frame.end(), payload, 0x5a);
  const std::uint16_t sum = rte_ipv6_udptcp_cksum(
      reinterpret_cast<const rte_ipv6_hdr*>(frame.data() + 14), frame.data() + 54);
  std::memcpy(frame.data() + 60, &sum, 2);
  return frame;
}

bool is_sound_udp6(const Frame& frame, std::uint16_t port) {
  if (frame.size() < 62 || read16(frame, 12) != 0x86dd || frame[20] != 17) return false;
  if (read16(frame, 56) != port) return false;
  Frame unsummed = frame;
  unsummed[60] = unsummed[61] = 0;
  const std::uint16_t sum = rte_ipv6_udptcp_cksum(
      reinterpret_cast<const rte_ipv6_hdr*>(unsummed.data() + 14), unsummed.data() + 54);
  return std::memcmp(&sum, frame.data() + 60, sizeof sum) == 0;
}

Frame echo_request(const MacAddress& to, const MacAddress& from, Ipv4Address source,
                   Ipv4Address destination) {
  Frame frame = ethernet(to, from, 0x0800);
  const std::array<std::uint8_t, 12> head{0x45, 0, 0, 36, 0, 1, 0, 0, 64, 1, 0, 0};
  append(frame, head);
  append(frame, source.to_wire());
  append(frame, destination.to_wire());
  const std::uint16_t ip_sum =
      rte_ipv4_cksum(reinterpret_cast<const rte_ipv4_hdr*>(frame.data() + 14));
  std::memcpy(frame.data() + 24, &ip_sum, 2);
  const std::array<std::uint8_t, 16> echo{8, 0, 0, 0, 0, 7, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8};
  append(frame, echo);
  const auto sum = static_cast<std::uint16_t>(~rte_raw_cksum(frame.data() + 34, echo.size()));
  std::memcpy(frame.data() + 36, &sum, 2);
  return frame;
}

Frame ipv4_fragment(const MacAddress& to, const FragmentPlace& place, std::size_t payload) {
  Frame frame = ethernet(to, MacAddress{{2, 0, 0, 0, 0, 1}}, 0x0800);
  frame.insert(frame.end(), {0x45, 0});
  append16(frame, 20 + payload);
  append16(frame, place.identification);
  append16(frame, place.offset / 8U | (place.more ? 0x2000U : 0U));
  frame.insert(frame.end(), {64, 17, 0, 0});
  append(frame, Ipv4Address(192, 0, 2, 9).to_wire());
  append(frame, Ipv4Address(10, 0, 1, 1).to_wire());
  const std::uint16_t sum =
      rte_ipv4_cksum(reinterpret_cast<const rte_ipv4_hdr*>(frame.data() + 14));
  std::memcpy(frame.data() + 24, &sum, 2);
  frame.insert(frame.end(), payload, 0x5a);
  return frame;
}

bool is_ipv4_fragment(const Frame& frame) {
  return frame.size() >= 34 && read16(frame, 12) == 0x0800 && (read16(frame, 20) & 0x3fff) != 0;
}

bool is_echo_reply(const Frame& frame) {
  return frame.size() >= 42 && read16(frame, 12) == 0x0800 && frame[23] == 1 && frame[34] == 0;
}

bool is_echo_request(const Frame& frame) {
  return frame.size() >= 42 && read16(frame, 12) == 0x0800 && frame[23] == 1 && frame[34] == 8;
}

}  // namespace lastmile::test
