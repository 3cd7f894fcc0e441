#include "tests/pipeline/test_router.h"

#include <algorithm>
#include <variant>

namespace lastmile::test {
namespace {

constexpr ForwardingLimits kLimits{
    .readers = 4,
    .next_hops = 256,
    .groups = 256,
    .ipv4 = {.max_routes = 1024, .second_level_groups = 64},
    .ipv6 = {.max_routes = 1024, .second_level_groups = 1024},
};

std::vector<TestDevice*> all(Devices& devices) {
  return {&devices.up1,      &devices.up2,      &devices.lan, &devices.up1_twin,
          &devices.up2_twin, &devices.lan_twin, &devices.host};
}

}  // namespace

Devices& devices() {
  static Devices devices;
  return devices;
}

RouterTest::RouterTest()
    : devices_(devices()),
      tables_(kLimits),
      counters_(tables_.next_hops.capacity()),
      reader_(tables_.rcu),
      buffers_before_(buffers_in_use()) {
  tables_.ports.set(kUp1, {.mac = kUp1Mac, .mtu = 1500, .zone = PortZone::kUplink});
  tables_.ports.set(kUp2, {.mac = kUp2Mac, .mtu = 1500, .zone = PortZone::kUplink});
  tables_.ports.set(kLan, {.mac = kLanMac, .mtu = 1500, .zone = PortZone::kLocal});
  reader_.online();
  restart(TransitPolicy::kAllow);
}

RouterTest::~RouterTest() {
  loop_.reset();
  for (TestDevice* device : all(devices_)) device->clear();
  EXPECT_EQ(buffers_in_use(), buffers_before_) << "packet buffers were lost";
}

void RouterTest::restart(TransitPolicy transit, const OwnAddresses& own) {
  const auto port = [this](PortId id, const TestDevice& device, const TestDevice& twin,
                           const MacAddress& mac, PortZone zone) {
    return WorkerPort{.id = id,
                      .device = device.id(),
                      .twin = twin.id(),
                      .mac = mac,
                      .zone = zone,
                      .admission = admissions_[id]};
  };
  WorkerConfig config;
  config.transit = transit;
  config.ports = {
      port(kUp1, devices_.up1, devices_.up1_twin, kUp1Mac, PortZone::kUplink),
      port(kUp2, devices_.up2, devices_.up2_twin, kUp2Mac, PortZone::kUplink),
      port(kLan, devices_.lan, devices_.lan_twin, kLanMac, PortZone::kLocal),
  };
  config.host = {.device = devices_.host.id(),
                 .mac = kHostMac,
                 .router_mac = kHostRouterMac,
                 .own_ipv4 = own.ipv4,
                 .own_ipv6 = own.ipv6};
  config.captures = captures_;
  config.bfd = {.channel = &bfd_, .pool = bfd_pool_};
  loop_.reset();
  config_ = config;
  loop_ = std::make_unique<WorkerLoop>(config_, tables_, kCyclesPerSecond, counters_, events_);
}

NextHopId RouterTest::next_hop(NextHopKind kind, PortId port, const MacAddress& neighbor) {
  const NextHopId id{++next_hops_used_};
  tables_.next_hops.set(id, {.kind = kind, .port = port, .destination = neighbor},
                        tables_.ports.mac(port));
  return id;
}

GroupId RouterTest::group(std::vector<NextHopId> members, std::vector<NextHopId> backups) {
  GroupSpec spec;
  std::sort(members.begin(), members.end());
  for (const NextHopId member : members) spec.primaries.push_back({.next_hop = member});
  spec.backups = std::move(backups);
  const GroupId id{++groups_used_};
  tables_.groups.publish(id, lay_out(spec));
  return id;
}

void RouterTest::route(std::string_view prefix, GroupId to) {
  const auto parsed = parse_ip_prefix(prefix);
  ASSERT_TRUE(parsed.has_value()) << prefix;
  if (const auto* ipv4 = std::get_if<Ipv4Prefix>(&*parsed)) {
    ASSERT_TRUE(tables_.ipv4.set(*ipv4, to).has_value());
  } else {
    ASSERT_TRUE(tables_.ipv6.set(std::get<Ipv6Prefix>(*parsed), to).has_value());
  }
}

Bytes RouterTest::sent(TestDevice& device) {
  std::vector<Bytes> frames = device.take_sent();
  EXPECT_EQ(frames.size(), 1U);
  return frames.size() == 1 ? frames.front() : Bytes(64);
}

std::vector<WorkerEvent> RouterTest::take_events() {
  std::vector<WorkerEvent> taken;
  events_.drain([&](const WorkerEvent& event) { taken.push_back(event); });
  return taken;
}

void RouterTest::expect_only_drops(DropReason reason, std::uint64_t count) const {
  const WorkerSnapshot now = counted();
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    const auto other = static_cast<DropReason>(i);
    EXPECT_EQ(now.drops[i], other == reason ? count : 0) << to_string(other);
  }
}

void RouterTest::expect_no_drops() const {
  EXPECT_EQ(counted().total_drops(), 0U);
}

void RouterTest::expect_silence() {
  for (TestDevice* device : all(devices_)) EXPECT_TRUE(device->take_sent().empty());
}

MacAddress destination_mac(const Bytes& frame) {
  MacAddress::Bytes bytes;
  std::copy_n(frame.begin(), bytes.size(), bytes.begin());
  return MacAddress{bytes};
}

MacAddress source_mac(const Bytes& frame) {
  MacAddress::Bytes bytes;
  std::copy_n(frame.begin() + 6, bytes.size(), bytes.begin());
  return MacAddress{bytes};
}

std::uint16_t ethertype_of(const Bytes& frame) {
  return static_cast<std::uint16_t>(frame[12] << 8 | frame[13]);
}

std::uint8_t ttl_of(const Bytes& frame) {
  return frame[22];
}

bool has_right_checksum(const Bytes& frame) {
  const std::size_t size = (frame[14] & 0xfU) * 4;
  return ones_complement_sum({frame.data() + 14, size}) == 0xffff;
}

}  // namespace lastmile::test
