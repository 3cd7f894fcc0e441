// Any frame, in one segment or several, through a worker's whole loop. The first octet of the input
// chooses where it comes in, the second how it is cut; the rest is the frame.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/forwarding/group_layout.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/rcu/rcu.h"
#include "dataplane/worker/loop.h"
#include "tests/fuzz/require.h"
#include "tests/pipeline/test_device.h"

using namespace lastmile;
using lastmile::fuzz::require;
using lastmile::test::TestDevice;

namespace {

constexpr std::size_t kLongest = 9216;
constexpr std::uint64_t kCyclesPerSecond = 1'000'000'000;
constexpr std::array<std::uint16_t, 2> kMtu{1500, 600};
constexpr std::array<Admission, 2> kAdmission{
    {{}, {.reverse_path = ReversePath::kLoose, .martians = Martians::kFull}}};

/// Two ports with twins and a host, all destinations routed somehow.
class Router {
 public:
  Router() {
    reader_.online();
    const MacAddress neighbor{{2, 0, 0, 0, 1, 1}};
    WorkerConfig config;
    for (std::uint16_t i = 0; i < 2; ++i) {
      const MacAddress mac{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(i + 1)}};
      tables_.ports.set(PortId{i}, {.mac = mac, .mtu = kMtu[i], .zone = PortZone::kLocal});
      config.ports.push_back({.id = PortId{i},
                              .device = ports_[i].id(),
                              .twin = twins_[i].id(),
                              .mac = mac,
                              .zone = PortZone::kLocal,
                              .admission = kAdmission[i]});
      hop(NextHopKind::kForward, PortId{i}, neighbor);
    }
    hop(NextHopKind::kLocalHost, {}, {});
    hop(NextHopKind::kUnresolved, PortId{0}, {});
    hop(NextHopKind::kGlean, PortId{1}, {});
    GroupSpec both;
    both.primaries = {{.next_hop = NextHopId{1}}, {.next_hop = NextHopId{2}}};
    tables_.groups.publish(GroupId{++groups_}, lay_out(both));
    // By the first bits of the destination, so that every way is found soon.
    for (std::uint8_t bits = 0; bits < 16; ++bits) {
      const auto group = GroupId{static_cast<std::uint16_t>(1 + bits % groups_)};
      const Ipv4Address address{static_cast<std::uint32_t>(bits) << 28};
      require(tables_.ipv4.set(Ipv4Prefix{address, 4}, group).has_value());
      Ipv6Address::Bytes bytes{0x20, static_cast<std::uint8_t>(bits << 4)};
      require(tables_.ipv6.set(Ipv6Prefix{Ipv6Address{bytes}, 12}, group).has_value());
    }
    config.transit = TransitPolicy::kAllow;
    config.host = {.device = host_.id(), .mac = neighbor, .router_mac = neighbor, .mtu = 1500};
    config.host.own_ipv4 = Ipv4Address{10, 0, 1, 1};
    config.host.own_ipv6 = Ipv6Address::parse("2001:db8:1::1");
    config.bfd = {.channel = &bfd_, .pool = test::packet_pool()};
    loop_ = std::make_unique<WorkerLoop>(config, tables_, kCyclesPerSecond, counters_, events_);
  }

  void receive(std::uint8_t where, const test::Bytes& frame, std::size_t segment) {
    TestDevice* const ways[] = {&ports_[0], &ports_[1], &host_, &twins_[0]};
    const unsigned before = test::buffers_in_use();
    ways[where % 4]->receive(test::make_mbuf(frame, segment));
    now_ += 1000;
    loop_->run_once(now_);
    // Long enough for what waits for a neighbor to be given up, for its sender to be told, and for
    // that to be given up.
    for (int i = 0; i < 2; ++i) {
      now_ += 2 * kCyclesPerSecond;
      loop_->run_once(now_);
    }
    for (unsigned i = 0; i < 2; ++i) check(ports_[i].take_sent(), kMtu[i], where % 4 == 3);
    for (TestDevice* device : {&twins_[0], &twins_[1], &host_}) device->clear();
    events_.drain([](const WorkerEvent&) {});
    require(test::buffers_in_use() == before);
  }

 private:
  void hop(NextHopKind kind, PortId port, const MacAddress& neighbor) {
    const NextHopId id{++hops_};
    tables_.next_hops.set(id, {.kind = kind, .port = port, .destination = neighbor},
                          tables_.ports.mac(port));
    GroupSpec one;
    one.primaries = {{.next_hop = id}};
    tables_.groups.publish(GroupId{++groups_}, lay_out(one));
  }
  /// What leaves by a port is sound. (What the kernel sends on a twin leaves as it is.)
  static void check(const std::vector<test::Bytes>& sent, unsigned mtu, bool injected) {
    for (const test::Bytes& frame : sent) {
      if (injected || frame.size() < 34 || load_be16(frame.data() + 12) != ethernet::kIpv4)
        continue;
      const std::uint8_t* const ip = frame.data() + ethernet::kHeaderSize;
      const unsigned header = ipv4::header_length(ip);
      require(header >= 20 && header + ethernet::kHeaderSize <= frame.size());
      require(load_be16(ip + ipv4::kTotalLength) <= mtu);
      require(frame.size() == load_be16(ip + ipv4::kTotalLength) + ethernet::kHeaderSize);
      require(ip[ipv4::kTtl] != 0);
      require(ones_complement_sum({ip, header}) == 0xffff);
    }
  }

  std::array<TestDevice, 2> ports_{TestDevice{"port0"}, TestDevice{"port1"}};
  std::array<TestDevice, 2> twins_{TestDevice{"twin0"}, TestDevice{"twin1"}};
  TestDevice host_{"lm0"};
  ForwardingTables tables_;
  WorkerCounters counters_{tables_.next_hops.capacity()};
  EventRing events_;
  bfd::Channel bfd_;
  RcuReader reader_{tables_.rcu};
  std::unique_ptr<WorkerLoop> loop_;
  std::uint16_t hops_ = 0, groups_ = 0;
  std::uint64_t now_ = 1'000'000;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Router* const router = [] {
    test::start_eal();
    return new Router;  // lives as long as its devices: to the end of the program
  }();
  if (size < 3) return 0;
  const std::size_t length = std::min(size - 2, kLongest);
  const std::size_t segment = data[1] == 0 ? 0 : std::size_t{data[1]} * 8;
  // A frame of one segment fits into one buffer.
  const bool whole = segment == 0 && length <= 2048;
  router->receive(data[0], {data + 2, data + 2 + length},
                  whole ? 0 : std::clamp<std::size_t>(segment, 64, 2048));
  return 0;
}
