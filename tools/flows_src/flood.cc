// lastmile-flood: what strangers on a link may send to a router, as fast as the kernel takes it.
//
//   lastmile-flood --interface eth1 --kind arp --to-mac 02:…:01 --to 10.0.1.1
//       --to6 fe80::ff:fe00:1 --subnet 192.168.101.0 --seconds 5
//
// Frames are made once, all different, and sent over and over by sendmmsg() on a raw socket. It
// ends by itself after so many seconds or frames, whichever comes first, and says as JSON how many
// it has sent.
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/net/checksum.h"
#include "dataplane/net/file_descriptor.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

namespace lastmile::flood {
namespace {

using Frame = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

/// Who is flooded.
struct Victim {
  MacAddress mac;
  Ipv4Address address;
  Ipv6Address link_local;
  Ipv4Address subnet;  ///< a /24 behind the router, of whose hosts none answers
};

// --- frames --------------------------------------------------------------------------------------

void append(Frame& frame, std::span<const std::uint8_t> bytes) {
  // One by one: GCC 12 sees insert() of a range write past the end of the vector that it has just
  // grown.
  for (const std::uint8_t octet : bytes) frame.push_back(octet);
}
void append(Frame& frame, Ipv4Address address) {
  append(frame, address.to_wire());
}
void append16(Frame& frame, std::uint32_t value) {
  frame.push_back(static_cast<std::uint8_t>(value >> 8));
  frame.push_back(static_cast<std::uint8_t>(value));
}

/// A stranger for each number, from the range for benchmarks (RFC 2544).
Ipv4Address stranger(std::uint32_t number) {
  return Ipv4Address{0xc6120001 + number};
}
std::array<std::uint8_t, 6> stranger_mac(std::uint32_t number) {
  return {2, 0, 0, 0x66, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
}

Frame ethernet(std::span<const std::uint8_t> to, std::uint32_t number, std::uint16_t type) {
  Frame frame;
  append(frame, to);
  append(frame, stranger_mac(number));
  append16(frame, type);
  return frame;
}

/// The Internet checksum of what begins at `from`, into its place at `at`.
void sum_up(Frame& frame, std::size_t from, std::size_t at, std::uint32_t pseudo_header = 0) {
  const auto sum = static_cast<std::uint16_t>(
      ~ones_complement_sum(std::span{frame}.subspan(from), pseudo_header));
  std::memcpy(frame.data() + at, &sum, sizeof sum);
}

struct Ipv4Fields {
  Ipv4Address to;
  std::uint8_t protocol = 17;
  std::uint8_t ttl = 64;
  std::uint16_t fragment = 0;  ///< flags and offset
};

/// Ethernet and IPv4, in front of `payload`.
Frame ipv4(const Victim& victim, std::uint32_t number, const Ipv4Fields& fields,
           std::span<const std::uint8_t> payload) {
  Frame frame = ethernet(victim.mac.bytes(), number, 0x0800);
  append16(frame, 0x4500);
  append16(frame, static_cast<std::uint32_t>(20 + payload.size()));
  append16(frame, number);
  append16(frame, fields.fragment);
  frame.push_back(fields.ttl);
  frame.push_back(fields.protocol);
  append16(frame, 0);
  append(frame, stranger(number));
  append(frame, fields.to);
  sum_up(frame, 14, 24);
  append(frame, payload);
  return frame;
}

Frame udp(const Victim& victim, std::uint32_t number, Ipv4Address to, std::uint8_t ttl) {
  // Without a checksum (RFC 768): nobody looks at it.
  const std::array<std::uint8_t, 26> datagram{
      0x80, static_cast<std::uint8_t>(number), 0x82, 0x35, 0, 26};
  return ipv4(victim, number, {.to = to, .ttl = ttl}, datagram);
}

Frame arp(const Victim& victim, std::uint32_t number) {
  constexpr std::array<std::uint8_t, 6> kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  Frame frame = ethernet(kBroadcast, number, 0x0806);
  constexpr std::array<std::uint8_t, 8> kRequest{0, 1, 8, 0, 6, 4, 0, 1};
  append(frame, kRequest);
  append(frame, stranger_mac(number));
  append(frame, stranger(number));
  frame.resize(frame.size() + 6);
  append(frame, victim.address);
  return frame;
}

Frame neighbor_solicitation(const Victim& victim, std::uint32_t number) {
  const auto target = victim.link_local.bytes();
  const std::array<std::uint8_t, 6> group{0x33, 0x33, 0xff, target[13], target[14], target[15]};
  Frame frame = ethernet(group, number, 0x86dd);
  constexpr std::array<std::uint8_t, 8> kHeader{0x60, 0, 0, 0, 0, 32, 58, 255};
  append(frame, kHeader);
  Ipv6Address::Bytes source{0xfe, 0x80};
  source[13] = 0x66;
  source[14] = static_cast<std::uint8_t>(number >> 8);
  source[15] = static_cast<std::uint8_t>(number);
  append(frame, source);
  Ipv6Address::Bytes solicited{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::copy(target.begin() + 13, target.end(), solicited.begin() + 13);
  append(frame, solicited);
  const std::size_t icmp = frame.size();
  frame.push_back(135);
  frame.resize(icmp + 8);
  append(frame, target);
  append16(frame, 0x0101);  // option: source link-layer address
  append(frame, stranger_mac(number));
  // RFC 8200 section 8.1: addresses, length and protocol count, too.
  const std::array<std::uint8_t, 4> rest{0, 32, 0, 58};
  sum_up(frame, icmp, icmp + 2,
         ones_complement_sum(std::span{frame}.subspan(22, 32)) + ones_complement_sum(rest));
  return frame;
}

Frame echo_request(const Victim& victim, std::uint32_t number) {
  std::array<std::uint8_t, 26> message{8};
  message[5] = static_cast<std::uint8_t>(number);
  const std::uint16_t sum = internet_checksum(message);
  std::memcpy(message.data() + 2, &sum, sizeof sum);
  return ipv4(victim, number, {.to = victim.address, .protocol = 1}, message);
}

Frame syn_to_bgp(const Victim& victim, std::uint32_t number) {
  std::array<std::uint8_t, 20> segment{0x80, static_cast<std::uint8_t>(number), 0, 179};
  segment[12] = 0x50;
  segment[13] = 0x02;
  segment[14] = 0xff;
  Frame frame = ipv4(victim, number, {.to = victim.address, .protocol = 6}, segment);
  const std::array<std::uint8_t, 4> rest{0, 6, 0, 20};
  sum_up(frame, 34, 50,
         ones_complement_sum(std::span{frame}.subspan(26, 8)) + ones_complement_sum(rest));
  return frame;
}

Frame unresolvable(const Victim& victim, std::uint32_t number) {
  return udp(victim, number, Ipv4Address{victim.subnet.value() + 50 + number % 200}, 64);
}

Frame expiring(const Victim& victim, std::uint32_t number) {
  return udp(victim, number, Ipv4Address{victim.subnet.value() + 1}, 1);
}

/// First fragments, whose rest never comes.
Frame fragment(const Victim& victim, std::uint32_t number) {
  constexpr std::uint16_t kMoreFragments = 0x2000;
  const std::array<std::uint8_t, 64> payload{0x80, 0, 0x82, 0x35};
  return ipv4(victim, number, {.to = victim.address, .fragment = kMoreFragments}, payload);
}

/// Datagrams to a port where nobody listens.
Frame host(const Victim& victim, std::uint32_t number) {
  return udp(victim, number, victim.address, 64);
}

struct Kind {
  std::string_view name;
  Frame (*make)(const Victim&, std::uint32_t number);
};
constexpr std::array kKinds{
    Kind{"arp", arp},
    Kind{"nd", neighbor_solicitation},
    Kind{"icmp", echo_request},
    Kind{"syn", syn_to_bgp},
    Kind{"glean", unresolvable},
    Kind{"ttl", expiring},
    Kind{"fragment", fragment},
    Kind{"host", host},
};

// --- sending -------------------------------------------------------------------------------------

[[noreturn]] void fail(std::string_view what, int status = 1) {
  fmt::print(stderr, "lastmile-flood: {}\n", what);
  std::exit(status);
}

FileDescriptor open_interface(const std::string& name) {
  FileDescriptor fd{socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
  if (fd.get() < 0) fail(fmt::format("raw socket: {}", std::strerror(errno)));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(name.c_str()));
  if (address.sll_ifindex == 0) fail(fmt::format("no network interface named '{}'", name), 2);
  const int on = 1;
  setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail(fmt::format("{}: {}", name, std::strerror(errno)));
  }
  return fd;
}

struct Limits {
  double seconds = 5;
  std::uint64_t frames = 50'000'000;
  double rate = 0;  ///< frames a second; 0: as many as go
};

/// Returns how many were sent.
std::uint64_t send(const FileDescriptor& fd, std::vector<Frame>& frames, const Limits& limits) {
  constexpr std::size_t kBurst = 64;
  std::vector<iovec> parts;
  std::vector<mmsghdr> messages(frames.size());
  parts.reserve(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    parts.push_back({frames[i].data(), frames[i].size()});
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const auto began = Clock::now();
  const auto passed = [began] {
    return std::chrono::duration<double>(Clock::now() - began).count();
  };
  std::uint64_t sent = 0;
  std::size_t next = 0;
  for (double now = 0; sent < limits.frames && now < limits.seconds; now = passed()) {
    if (limits.rate > 0 && static_cast<double>(sent) > now * limits.rate) {
      const timespec nap{0, 100'000};
      nanosleep(&nap, nullptr);
      continue;
    }
    const auto count = static_cast<unsigned>(
        std::min<std::uint64_t>(std::min(kBurst, frames.size() - next), limits.frames - sent));
    const int taken = sendmmsg(fd.get(), messages.data() + next, count, MSG_DONTWAIT);
    if (taken < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR) {
      fail(fmt::format("send: {}", std::strerror(errno)));
    }
    if (taken <= 0) continue;
    sent += static_cast<std::uint64_t>(taken);
    next = (next + static_cast<std::size_t>(taken)) % frames.size();
  }
  return sent;
}

template <class Value>
Value parsed(const std::optional<Value>& value, const std::string& text, std::string_view what) {
  if (!value) fail(fmt::format("'{}' is not {}", text, what), 2);
  return *value;
}

int run(int argc, char** argv) {
  constexpr std::uint32_t kFrames = 1024;
  std::string interface, kind, mac, to = "10.0.1.1", to6 = "fe80::1", subnet = "192.168.101.0";
  Limits limits;
  CLI::App app{"A flood of packets that strangers may send to a router."};
  app.add_option("--interface", interface, "where to send")->required();
  std::vector<std::string> names;
  for (const Kind& known : kKinds) names.emplace_back(known.name);
  app.add_option("--kind", kind, "of what")->required()->check(CLI::IsMember(names));
  app.add_option("--to-mac", mac, "the router's address on the link")->required();
  app.add_option("--to", to, "an IPv4 address of the router")->capture_default_str();
  app.add_option("--to6", to6, "its link-local address")->capture_default_str();
  app.add_option("--subnet", subnet, "a /24 behind it")->capture_default_str();
  app.add_option("--seconds", limits.seconds, "how long at most")->capture_default_str();
  app.add_option("--frames", limits.frames, "how many at most")->capture_default_str();
  app.add_option("--rate", limits.rate, "frames a second; 0: as many as go")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const Victim victim{.mac = parsed(MacAddress::parse(mac), mac, "a MAC address"),
                      .address = parsed(Ipv4Address::parse(to), to, "an IPv4 address"),
                      .link_local = parsed(Ipv6Address::parse(to6), to6, "an IPv6 address"),
                      .subnet = parsed(Ipv4Address::parse(subnet), subnet, "an IPv4 address")};
  const auto* const chosen = std::ranges::find(kKinds, kind, &Kind::name);
  std::vector<Frame> frames;
  for (std::uint32_t number = 0; number < kFrames; ++number) {
    frames.push_back(chosen->make(victim, number));
  }
  const FileDescriptor fd = open_interface(interface);
  const auto began = Clock::now();
  const std::uint64_t sent = send(fd, frames, limits);
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  fmt::print("{}\n", nlohmann::json{{"kind", kind}, {"sent", sent}, {"seconds", seconds}}.dump());
  return 0;
}

}  // namespace
}  // namespace lastmile::flood

int main(int argc, char** argv) {
  return lastmile::flood::run(argc, argv);
}
