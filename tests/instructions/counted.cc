// Does one kind of work a given number of times, for a tool that counts instructions. Nothing here
// needs DPDK to be started: packets are records of our own, and what leaves goes to rings.
//
//   valgrind --tool=cachegrind --cache-sim=no counted forward-one 10
//
// The work of one round is printed: how many addresses, routes or packets.
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dataplane/bfd/engine.h"
#include "dataplane/forwarding/group_layout.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/pipeline/transmit_handover.h"

namespace lastmile {
namespace {

constexpr unsigned kSeed = 1;
constexpr unsigned kRoutes = 4096;
constexpr unsigned kPackets = 64;
constexpr MacAddress kOwnMac{{0x02, 0, 0, 0, 0, 1}};

/// A table like those of the Internet in what matters here: most routes are /24, some are longer.
std::vector<Ipv4Prefix> ipv4_prefixes(std::mt19937& random) {
  std::vector<Ipv4Prefix> prefixes;
  for (unsigned i = 0; i < kRoutes; ++i) {
    const unsigned length = i % 16 == 0 ? 26 : i % 2 == 0 ? 24 : 16 + i % 8;
    const auto address =
        static_cast<std::uint32_t>((1 + random() % 222) << 24 | (random() & 0xffffff));
    prefixes.emplace_back(Ipv4Address{address}, length);
  }
  return prefixes;
}

std::vector<Ipv6Prefix> ipv6_prefixes(std::mt19937& random) {
  std::vector<Ipv6Prefix> prefixes;
  for (unsigned i = 0; i < kRoutes; ++i) {
    Ipv6Address::Bytes bytes{0x20, 0x01};
    for (unsigned at = 2; at < 6; ++at) bytes[at] = static_cast<std::uint8_t>(random());
    prefixes.emplace_back(Ipv6Address{bytes}, i % 2 == 0 ? 48U : 32U);
  }
  return prefixes;
}

class Lookups {
 public:
  Lookups() {
    std::mt19937 random{kSeed};
    for (const Ipv4Prefix& prefix : ipv4_prefixes(random)) {
      if (!tables_.ipv4.set(prefix, GroupId{1})) std::abort();
      ipv4_.push_back(prefix.address().value());
    }
    for (const Ipv6Prefix& prefix : ipv6_prefixes(random)) {
      if (!tables_.ipv6.set(prefix, GroupId{1})) std::abort();
      ipv6_.push_back(prefix.address());
    }
  }
  void ipv4() { tables_.ipv4.lookup_bulk(ipv4_.data(), groups_.data(), kRoutes); }
  void ipv6() { tables_.ipv6.lookup_bulk(ipv6_.data(), groups_.data(), kRoutes); }

 private:
  ForwardingTables tables_;
  std::vector<std::uint32_t> ipv4_;
  std::vector<Ipv6Address> ipv6_;
  std::vector<std::uint16_t> groups_ = std::vector<std::uint16_t>(kRoutes);
};

/// Adds and removes routes in a table that stays as it was.
class Updates {
 public:
  Updates() {
    std::mt19937 random{kSeed};
    prefixes_ = ipv4_prefixes(random);
  }
  void add_and_remove() {
    for (const Ipv4Prefix& prefix : prefixes_) {
      if (!tables_.ipv4.set(prefix, GroupId{1})) std::abort();
    }
    for (const Ipv4Prefix& prefix : prefixes_) tables_.ipv4.remove(prefix);
  }

 private:
  ForwardingTables tables_;
  std::vector<Ipv4Prefix> prefixes_;
};

/// A vector of packets from one port through all stages to one or two others.
class Forwarding {
 public:
  explicit Forwarding(unsigned next_hops) {
    WorkerPort in{.id = PortId{0}, .mac = kOwnMac, .zone = PortZone::kLocal};
    ports_.push_back(in);
    GroupSpec spec;
    for (std::uint16_t i = 1; i <= next_hops; ++i) {
      out_.push_back(std::make_shared<TransmitHandover>(DeviceId{i}, std::uint16_t{0}));
      WorkerPort port{.id = PortId{i}, .device = DeviceId{i}};
      port.transmit_through = out_.back();
      ports_.push_back(port);
      tables_.ports.set(PortId{i}, {.mac = kOwnMac, .mtu = 1500, .zone = PortZone::kUplink});
      tables_.next_hops.set(NextHopId{i},
                            {.kind = NextHopKind::kForward, .port = PortId{i}, .destination = {}},
                            kOwnMac);
      spec.primaries.push_back({.next_hop = NextHopId{i}});
    }
    tables_.groups.publish(GroupId{1}, lay_out(spec));
    if (!tables_.ipv4.set(Ipv4Prefix{}, GroupId{1})) std::abort();
    pipeline_ = std::make_unique<Pipeline>(tables_, ports_, WorkerHost{},
                                           PipelineOptions{.cycles_per_second = 1'000'000'000},
                                           counters_, events_);
    std::array<std::uint8_t, 8> station{};
    std::memcpy(station.data(), kOwnMac.bytes().data(), kOwnMac.bytes().size());
    ingress_.station = load_raw<std::uint64_t>(station.data());
    ingress_.station_mask = 0x0000ffffffffffff;
    ingress_.port = &ports_.front();
    ingress_.counters = &counters_.ports[0];
    for (unsigned i = 0; i < kPackets; ++i) make_packet(i);
  }

  void one_vector() {
    for (unsigned i = 0; i < kPackets; ++i) {
      std::memcpy(octets_[i].data(), starts_[i].data(), kFrameStart);
      batch_[i] = &packets_[i];
    }
    pipeline_->begin(++now_);
    pipeline_->process(ingress_, batch_);
    pipeline_->finish(kPackets, Backlog::kNo);
    std::size_t sent = 0;
    for (const auto& out : out_) sent += out->take(batch_);
    if (sent != kPackets) std::abort();
  }

 private:
  static constexpr std::size_t kFrameStart = ethernet::kHeaderSize + ipv4::kHeaderSize;
  static constexpr std::uint16_t kFrame = 60;

  void make_packet(unsigned i) {
    std::uint8_t* const frame = octets_[i].data();
    rte_mbuf& packet = packets_[i];
    packet = {};
    packet.buf_addr = frame;
    packet.buf_len = static_cast<std::uint16_t>(octets_[i].size());
    packet.data_len = kFrame;
    packet.pkt_len = kFrame;
    packet.nb_segs = 1;
    packet.refcnt = 1;
    std::memcpy(frame, kOwnMac.bytes().data(), kOwnMac.bytes().size());
    store_be16(frame + ethernet::kTypeOffset, ethernet::kIpv4);
    std::uint8_t* const ip = frame + ethernet::kHeaderSize;
    ip[0] = 0x45;
    store_be16(ip + ipv4::kTotalLength, kFrame - ethernet::kHeaderSize);
    ip[ipv4::kTtl] = 64;
    ip[ipv4::kProtocol] = protocol::kUdp;
    store_be32(ip + ipv4::kSource, 0xc0a86514);
    store_be32(ip + ipv4::kDestination, 0x0a000000 + i);
    store_be16(ip + ipv4::kHeaderSize, static_cast<std::uint16_t>(1024 + i));
    store_raw(ip + ipv4::kChecksum, internet_checksum({ip, ipv4::kHeaderSize}));
    std::memcpy(starts_[i].data(), frame, kFrameStart);
  }

  ForwardingTables tables_;
  WorkerCounters counters_{tables_.next_hops.capacity()};
  EventRing events_;
  std::vector<std::shared_ptr<TransmitHandover>> out_;
  std::vector<WorkerPort> ports_;
  std::unique_ptr<Pipeline> pipeline_;
  Ingress ingress_;
  std::vector<rte_mbuf> packets_ = std::vector<rte_mbuf>(kPackets);
  std::array<std::array<std::uint8_t, 128>, kPackets> octets_{};
  std::array<std::array<std::uint8_t, kFrameStart>, kPackets> starts_{};
  std::array<rte_mbuf*, kPackets> batch_{};
  std::uint64_t now_ = 0;
};

/// 64 sessions that are Up, and neighbors that say the same each time.
class Bfd final : private bfd::EngineOutside {
 public:
  Bfd() {
    for (std::uint16_t i = 0; i < kSessions; ++i) {
      engine_.apply(
          {.kind = bfd::Command::Kind::kAdd, .session = bfd::SessionId{i}, .spec = spec(i)}, now_);
    }
    for (const bfd::State state :
         {bfd::State::kDown, bfd::State::kInit, bfd::State::kUp, bfd::State::kUp}) {
      for (std::uint16_t i = 0; i < kSessions; ++i) packets_[i] = packet(i, state);
      receive();
    }
    // After the final, packets that say nothing.
    for (std::uint16_t i = 0; i < kSessions; ++i) packets_[i] = packet(i, bfd::State::kUp);
    for (int i = 0; i < 3; ++i) receive();
    send();
  }
  /// A packet of each neighbor.
  void receive() {
    for (const Packet& packet : packets_) engine_.receive(PortId{0}, MacAddress{}, packet, now_);
  }
  /// A packet to each neighbor.
  void send() {
    const std::size_t until = sent_ + kSessions;
    while (sent_ < until) {
      now_ = engine_.next_deadline();
      engine_.run(now_, now_);
    }
  }
  static constexpr std::uint16_t kSessions = 64;

 private:
  static constexpr std::size_t kSize = ipv6::kHeaderSize + udp::kHeaderSize + bfd::kControlSize;
  using Packet = std::array<std::uint8_t, kSize>;

  void transmit(PortId, std::span<const std::uint8_t>) override { ++sent_; }
  void set_alive(NextHopId, bfd::Alive) override {}
  bool tell(const bfd::StateChanged&) override { return true; }

  static IpAddress address(std::uint16_t session, std::uint8_t side) {
    Ipv6Address::Bytes bytes{0xfe, 0x80};
    bytes[13] = side;
    bytes[15] = static_cast<std::uint8_t>(session);
    return Ipv6Address{bytes};
  }
  static bfd::SessionSpec spec(std::uint16_t session) {
    bfd::SessionSpec spec;
    spec.discriminator = bfd::kMaxSessions + session;
    spec.remote_mac = kOwnMac;
    spec.local = address(session, 1);
    spec.remote = address(session, 2);
    spec.source_port = bfd::kFirstSourcePort;
    spec.parameters.control.desired_min_tx = spec.parameters.control.required_min_rx =
        bfd::Microseconds{10'000};
    spec.seed = kSeed + session;
    return spec;
  }
  Packet packet(std::uint16_t session, bfd::State state) {
    bfd::ControlPacket says;
    says.state = state;
    says.my_discriminator = 1U + session;
    says.your_discriminator = bfd::kMaxSessions + session;
    says.required_min_rx = bfd::Microseconds{10'000};
    // Four minutes of patience: who only sends is not to lose his neighbors.
    says.desired_min_tx = bfd::Microseconds{1'000'000};
    says.multiplier = 255;
    says.flags.final = state == bfd::State::kUp && !up_.at(session);
    up_.at(session) = state == bfd::State::kUp;
    std::array<std::uint8_t, ethernet::kHeaderSize + kSize> frame{};
    encode(says, std::span{frame}.last<bfd::kControlSize>());
    bfd::write_headers({.source_mac = {},
                        .destination_mac = {},
                        .source = address(session, 2),
                        .destination = address(session, 1),
                        .source_port = 50000,
                        .destination_port = bfd::kControlPort,
                        .hop_limit = bfd::kHopLimit},
                       frame);
    Packet packet;
    std::copy(frame.begin() + ethernet::kHeaderSize, frame.end(), packet.begin());
    return packet;
  }

  bfd::StatusBoard board_;
  bfd::Engine engine_{*this, board_, 1};
  std::array<Packet, kSessions> packets_{};
  std::array<bool, kSessions> up_{};
  bfd::Instant now_{bfd::Interval{1'000'000'000}};
  std::size_t sent_ = 0;
};

/// Prints how much one round is, and returns what does a round.
std::function<void()> work(const std::string& name) {
  if (name == "ipv4-lookup" || name == "ipv6-lookup") {
    std::printf("%u\n", kRoutes);
    auto lookups = std::make_shared<Lookups>();
    if (name == "ipv4-lookup") return [lookups] { lookups->ipv4(); };
    return [lookups] { lookups->ipv6(); };
  }
  if (name == "ipv4-update") {
    std::printf("%u\n", 2 * kRoutes);
    auto updates = std::make_shared<Updates>();
    return [updates] { updates->add_and_remove(); };
  }
  if (name == "forward-one" || name == "forward-two") {
    std::printf("%u\n", kPackets);
    auto forwarding = std::make_shared<Forwarding>(name == "forward-one" ? 1U : 2U);
    return [forwarding] { forwarding->one_vector(); };
  }
  if (name == "bfd-receive" || name == "bfd-send") {
    std::printf("%u\n", unsigned{Bfd::kSessions});
    auto bfd = std::make_shared<Bfd>();
    if (name == "bfd-receive") return [bfd] { bfd->receive(); };
    return [bfd] { bfd->send(); };
  }
  return nullptr;
}

}  // namespace
}  // namespace lastmile

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr,
                 "usage: counted ipv4-lookup|ipv6-lookup|ipv4-update|forward-one|forward-two|"
                 "bfd-receive|bfd-send ROUNDS\n");
    return 2;
  }
  const std::function<void()> round = lastmile::work(argv[1]);
  if (!round) {
    std::fprintf(stderr, "counted: no work named '%s'\n", argv[1]);
    return 2;
  }
  const unsigned long rounds = std::strtoul(argv[2], nullptr, 10);
  for (unsigned long i = 0; i < rounds; ++i) round();
  return 0;
}
