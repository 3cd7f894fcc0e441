#include "tests/fuzz/frame_router.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>

#include "dataplane/bfd/status.h"
#include "dataplane/capture/capture_board.h"
#include "dataplane/capture/capture_tap.h"
#include "dataplane/forwarding/group_layout.h"
#include "dataplane/forwarding/tables.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/icmp.h"
#include "dataplane/worker/loop.h"
#include "tests/fuzz/require.h"
#include "tests/pipeline/kernel_end.h"
#include "tests/pipeline/test_device.h"

namespace lastmile::fuzz {
namespace {

using test::Bytes;
using test::TestDevice;

constexpr std::uint64_t kCyclesPerSecond = 1'000'000'000;

// --- the network ---------------------------------------------------------------------------------

constexpr PortId kUplink{0}, kLocal{1};
constexpr PortId kVlan2{2}, kQinq{3};  ///< on the device of kUplink
constexpr std::array<unsigned, 4> kMtu{1500, 600, 1500, 1500};
constexpr unsigned kHostMtu = 1500;
constexpr VlanTags kTag2{VlanProtocol::kCustomer, VlanId{2}};
constexpr VlanTags kTags100And20{VlanProtocol::kService, VlanId{100}, VlanId{20}};
constexpr std::uint16_t kTagTakenOff = 2;

constexpr MacAddress kNeighborMac{{2, 0, 0, 0, 1, 1}};
constexpr Ipv4Address kOwnIpv4{10, 0, 1, 1};
/// Routed to the host interface, in Network.
constexpr Ipv4Address kHostIpv4{32, 0, 0, 1};
/// Routed to the second port.
constexpr Ipv4Address kFarIpv4{16, 0, 0, 1};

Ipv6Address own_ipv6() {
  return Ipv6Address::parse("2001:db8:1::1").value();
}

/// The VLAN ports have the address of their device.
MacAddress mac_of(PortId port) {
  return MacAddress{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(port == kLocal ? 2 : 1)}};
}

constexpr ForwardingLimits kLimits{
    .readers = 1,
    .next_hops = 64,
    .groups = 64,
    .ipv4 = {.max_routes = 64, .second_level_groups = 16},
    .ipv6 = {.max_routes = 64, .second_level_groups = 64},
};

/// Devices, and tables that route every destination somehow, by its first bits: so that each way is
/// found soon.
struct Network {
  Network() {
    reader.online();
    for (const PortId port : {kUplink, kLocal, kVlan2, kQinq}) {
      tables.ports.set(port, {.mac = mac_of(port),
                              .mtu = static_cast<std::uint16_t>(kMtu[port.value()]),
                              .zone = port == kUplink ? PortZone::kUplink : PortZone::kLocal});
    }
    hop(NextHopKind::kForward, kUplink);
    hop(NextHopKind::kForward, kLocal);
    hop(NextHopKind::kLocalHost, {});
    hop(NextHopKind::kUnresolved, kUplink);
    hop(NextHopKind::kGlean, kLocal);
    group({NextHopId{1}, NextHopId{2}}, {});
    // Only one kind of router has these ports.
    hop(NextHopKind::kForward, kVlan2);
    hop(NextHopKind::kForward, kQinq);
    hop(NextHopKind::kLocalPort, kLocal);
    hop(NextHopKind::kBlackhole, {});
    hop(NextHopKind::kUnreachable, {});
    hop(NextHopKind::kBroadcast, {});
    // What BFD's session with the neighbor binds.
    hop(NextHopKind::kForward, kUplink);
    group({bound()}, {NextHopId{2}});
    for (std::uint8_t bits = 0; bits < 16; ++bits) {
      const auto to = GroupId{static_cast<std::uint16_t>(1 + bits % groups)};
      const Ipv4Address address{static_cast<std::uint32_t>(bits) << 28};
      require(tables.ipv4.set(Ipv4Prefix{address, 4}, to).has_value());
      Ipv6Address::Bytes bytes{0x20, static_cast<std::uint8_t>(bits << 4)};
      require(tables.ipv6.set(Ipv6Prefix{Ipv6Address{bytes}, 12}, to).has_value());
    }
  }

  /// A next hop, and a group of it alone.
  void hop(NextHopKind kind, PortId port) {
    const NextHopId id{++hops};
    tables.next_hops.set(id, {.kind = kind, .port = port, .destination = kNeighborMac},
                         tables.ports.mac(port));
    group({id}, {});
  }
  void group(std::vector<NextHopId> primaries, std::vector<NextHopId> backups) {
    GroupSpec spec;
    for (const NextHopId id : primaries) spec.primaries.push_back({.next_hop = id});
    spec.backups = std::move(backups);
    tables.groups.publish(GroupId{++groups}, lay_out(spec));
  }
  [[nodiscard]] NextHopId bound() const { return NextHopId{hops}; }

  std::array<TestDevice, 2> ports{TestDevice{"port0"}, TestDevice{"port1"}};
  std::array<TestDevice, 3> twins{TestDevice{"twin0"}, TestDevice{"twin1"}, TestDevice{"twin2"}};
  TestDevice host{"lm0"};
  std::array<TestDevice*, 6> devices{&ports[0], &ports[1], &twins[0], &twins[1], &twins[2], &host};
  ForwardingTables tables{kLimits};
  RcuReader reader{tables.rcu};
  std::uint16_t hops = 0, groups = 0;
};

Network& network() {
  test::start_eal();
  static auto* const network = new Network;
  return *network;
}

// --- frames --------------------------------------------------------------------------------------

/// Fills a segment's buffer in front of it and behind its end.
void surround(rte_mbuf& segment, std::span<const std::uint8_t> following, Around around) {
  const std::uint8_t flip = around == Around::kLikely ? 0 : 0xff;
  auto* const data = rte_pktmbuf_mtod(&segment, std::uint8_t*);
  std::memset(segment.buf_addr, flip, rte_pktmbuf_headroom(&segment));
  std::uint8_t* const behind = data + segment.data_len;
  const std::size_t room = rte_pktmbuf_tailroom(&segment);
  // A look behind the end is one at the next header.
  constexpr std::size_t kLook = 128;
  const auto look = following.first(std::min({following.size(), room, kLook}));
  std::ranges::transform(look, behind, [flip](auto octet) { return octet ^ flip; });
  std::memset(behind + look.size(), flip, room - look.size());
}

rte_mbuf* buffers_of(const Arrival& arrival, Around around) {
  rte_mbuf* head = nullptr;
  std::span<const std::uint8_t> rest{arrival.frame};
  std::size_t segments = 0;
  do {
    std::size_t length = rest.size();
    if (!arrival.segments.empty()) {
      const std::size_t last = arrival.segments.size() - 1;
      length = std::min<std::size_t>(length, arrival.segments[std::min(segments, last)]);
    }
    rte_mbuf* const segment = rte_pktmbuf_alloc(test::packet_pool());
    require(segment != nullptr);
    char* const data = rte_pktmbuf_append(segment, static_cast<std::uint16_t>(length));
    require(data != nullptr);
    std::copy_n(rest.begin(), length, data);
    rest = rest.subspan(length);
    surround(*segment, rest, around);
    if (head == nullptr) {
      head = segment;
    } else {
      require(rte_pktmbuf_chain(head, segment) == 0);
    }
    ++segments;
  } while (!rest.empty());
  if (arrival.tag_taken_off) {
    head->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    head->vlan_tci = kTagTakenOff;
  }
  return head;
}

Bytes with_tags(const Bytes& frame, const VlanTags& tags) {
  const auto wire = tags.wire();
  Bytes tagged = frame;
  if (tags.empty()) return tagged;
  tagged.insert(tagged.begin() + ethernet::kTypeOffset, wire.begin(), wire.begin() + tags.size());
  return tagged;
}

Bytes without_tags(const Bytes& frame, const VlanTags& tags) {
  const auto wire = tags.wire();
  const auto at = frame.begin() + ethernet::kTypeOffset;
  if (frame.size() < ethernet::kTypeOffset + tags.size() ||
      !std::equal(wire.begin(), wire.begin() + tags.size(), at)) {
    return frame;
  }
  Bytes untagged = frame;
  untagged.erase(untagged.begin() + ethernet::kTypeOffset,
                 untagged.begin() + ethernet::kTypeOffset + tags.size());
  return untagged;
}

// --- what is sound -------------------------------------------------------------------------------

/// Who made the packets that leave: others, or the router (which tells what was wrong with one).
enum class Author : std::uint8_t { kOthers, kRouter };

void judge_error(std::span<const std::uint8_t> message, std::uint32_t pseudo_sum) {
  require(message.size() > icmp::kHeaderSize);
  require(ones_complement_sum(message, pseudo_sum) == 0xffff);
}

void judge_ipv4(std::span<const std::uint8_t> packet, unsigned mtu, Author author) {
  require(packet.size() >= ipv4::kHeaderSize);
  const std::uint8_t* const ip = packet.data();
  const unsigned header = ipv4::header_length(ip);
  require(ipv4::version(ip) == 4 && header >= ipv4::kHeaderSize && header <= packet.size());
  require(packet.size() == load_be16(ip + ipv4::kTotalLength) && packet.size() <= mtu);
  require(ones_complement_sum(packet.first(header)) == 0xffff);
  if (author == Author::kOthers || ip[ipv4::kProtocol] != protocol::kIcmp) return;
  const Ipv4Address source{load_be32(ip + ipv4::kSource)};
  require(source == kOwnIpv4 || source == icmp::kDummySource);
  require(icmp::is_ipv4_error(packet[header]));
  judge_error(packet.subspan(header), 0);
}

void judge_ipv6(std::span<const std::uint8_t> packet, unsigned mtu, Author author) {
  require(packet.size() >= ipv6::kHeaderSize);
  const std::uint8_t* const ip = packet.data();
  const auto payload = load_be16(ip + ipv6::kPayloadLength);
  require(ipv4::version(ip) == 6);
  require(packet.size() == ipv6::kHeaderSize + payload && packet.size() <= mtu);
  if (author == Author::kOthers || ip[ipv6::kNextHeader] != protocol::kIcmpv6) return;
  require(std::ranges::equal(packet.subspan(ipv6::kSource, 16), own_ipv6().bytes()));
  require(icmp::is_ipv6_error(packet[ipv6::kHeaderSize]));
  judge_error(packet.subspan(ipv6::kHeaderSize),
              std::uint32_t{ones_complement_sum(packet.subspan(ipv6::kSource, 32))} +
                  raw16(payload) + raw16(protocol::kIcmpv6));
}

/// What leaves by a port, or for the machine's own programs, is an IP packet and nothing else.
void judge(const Bytes& frame, unsigned mtu, Author author) {
  require(frame.size() >= ethernet::kHeaderSize);
  const auto packet = std::span{frame}.subspan(ethernet::kHeaderSize);
  switch (load_be16(frame.data() + ethernet::kTypeOffset)) {
    case ethernet::kIpv4:
      return judge_ipv4(packet, mtu, author);
    case ethernet::kIpv6:
      return judge_ipv6(packet, mtu, author);
    default:
      require(false);
  }
}

/// What leaves by a port has our address, and has somewhere to go.
void judge_on_wire(const Bytes& frame, PortId port, Author author) {
  judge(frame, kMtu[port.value()], author);
  require(std::ranges::equal(std::span{frame}.subspan(ethernet::kSourceOffset, 6),
                             mac_of(port).bytes()));
  const std::uint8_t* const ip = frame.data() + ethernet::kHeaderSize;
  require(ip[ipv4::version(ip) == 4 ? ipv4::kTtl : ipv6::kHopLimit] != 0);
}

// --- what a router has ---------------------------------------------------------------------------

WorkerPort port_of(PortId id, const TestDevice& device, const TestDevice& twin,
                   const Admission& admission) {
  return {.id = id,
          .device = device.id(),
          .twin = twin.id(),
          .mac = mac_of(id),
          .zone = id == kUplink ? PortZone::kUplink : PortZone::kLocal,
          .admission = admission};
}

void add_vlans(WorkerConfig& config) {
  WorkerPort vlan2 = port_of(kVlan2, network().ports[0], network().twins[2], {});
  vlan2.vlan = kTag2;
  vlan2.receive_queues = {};
  // Its outer tag may have been of either protocol.
  WorkerPort qinq = vlan2;
  qinq.id = kQinq;
  qinq.vlan = kTags100And20;
  qinq.outer_tag = OuterTag::kAnyVlan;
  qinq.twin = kNoDevice;
  config.ports.insert(config.ports.end(), {vlan2, qinq});
}

bfd::SessionSpec session(std::uint16_t number, PortId port, IpAddress local, IpAddress remote) {
  bfd::SessionSpec spec;
  spec.discriminator = bfd::kMaxSessions + number;
  spec.port = port;
  spec.local_mac = port == bfd::kAnyPort ? MacAddress{} : mac_of(port);
  spec.remote_mac = kNeighborMac;
  spec.local = local;
  spec.remote = remote;
  spec.least_hop_limit = 250;
  spec.echo_address = kHostIpv4;
  spec.source_port = 49152;
  spec.parameters.control.required_min_echo_rx = bfd::Microseconds{1000};
  spec.parameters.echo_mode = port == kLocal ? bfd::EchoMode::kUnaffiliated : bfd::EchoMode::kOff;
  return spec;
}

std::array<bfd::SessionSpec, 3> sessions() {
  return {session(0, kUplink, Ipv6Address::parse("fe80::2").value(),
                  Ipv6Address::parse("fe80::1").value()),
          session(1, kLocal, kHostIpv4, Ipv4Address{32, 0, 0, 2}),
          session(2, bfd::kAnyPort, kHostIpv4, kFarIpv4)};
}

/// IPv4 packets that have a port number where one would be, and all others: so there are jumps, and
/// a look that depends on what the packet says.
PacketFilter capture_filter() {
  constexpr PacketFilter::Instruction kProgram[] = {
      {0x28, 0, 0, 12},     // ldh [12]
      {0x15, 0, 2, 0x800},  // jeq #0x800, next, end
      {0xb1, 0, 0, 14},     // ldxb 4*([14]&0xf)
      {0x48, 0, 0, 16},     // ldh [x+16]
      {0x06, 0, 0, 65535},  // ret #65535
  };
  return PacketFilter::make(kProgram).value();
}

/// Of traffic, cut short, and of drops, whole.
struct Captures {
  Captures() {
    traffic.snap = 60;
    traffic.filter = capture_filter();
    drops.of = Capture::Of::kDrops;
    for (const PortId port : {kUplink, kLocal}) traffic.interfaces.add(CaptureTap::of(port));
    traffic.interfaces.add(kHostInterface);
    for (Capture* capture : {&traffic, &drops}) {
      capture->make_rings(1, 0);
      require(board.add(*capture).has_value());
    }
  }
  void take(std::vector<Outcome::Captured>& to) {
    for (const Capture* capture : {&traffic, &drops}) {
      for (PacketRing& ring = *capture->rings[0]; const auto packet = ring.front(); ring.pop()) {
        const auto& [header, octets] = *packet;
        to.push_back({header.interface,
                      header.point,
                      header.reason,
                      header.length,
                      {octets.begin(), octets.end()}});
      }
    }
  }

  Capture traffic, drops;
  CaptureBoard board{network().tables.rcu};
};

}  // namespace

std::size_t Arrival::first_segment() const {
  return segments.empty() ? frame.size() : std::min<std::size_t>(frame.size(), segments.front());
}

// --- the router ----------------------------------------------------------------------------------

struct Router::State {
  explicit State(RouterKind kind_) : kind(kind_) {
    loop = std::make_unique<WorkerLoop>(config(), network().tables, kCyclesPerSecond, counters,
                                        events);
  }

  WorkerConfig config() {
    Network& with = network();
    WorkerConfig config;
    const bool strict = kind == RouterKind::kHostMode;
    const Admission first{.reverse_path = strict ? ReversePath::kStrict : ReversePath::kOff};
    const Admission second{.reverse_path = strict ? ReversePath::kStrict : ReversePath::kLoose,
                           .martians = Martians::kFull};
    config.ports = {port_of(kUplink, with.ports[0], with.twins[0], first),
                    port_of(kLocal, with.ports[1], with.twins[1], second)};
    config.transit = strict ? TransitPolicy::kRefuse : TransitPolicy::kAllow;
    config.host = {.device = with.host.id(),
                   .mac = kNeighborMac,
                   .router_mac = kNeighborMac,
                   .mtu = kHostMtu,
                   .own_ipv4 = kOwnIpv4,
                   .own_ipv6 = own_ipv6()};
    config.bfd = {.channel = &bfd, .pool = test::packet_pool()};
    if (kind == RouterKind::kVlans) add_vlans(config);
    if (kind == RouterKind::kCaptured) {
      captures = std::make_unique<Captures>();
      config.captures = &captures->board;
    }
    if (kind == RouterKind::kSegments) {
      kernel = std::make_unique<test::KernelEnd>();
      kernel->set_send_buffer(1 << 20);
      config.host.device = kHostSegments;
      config.host.segments = kernel->queue.get();
    }
    return config;
  }

  // ---- what happens

  void run() { loop->run_once(now); }
  void command(const bfd::Command& command) { require(bfd.commands.push(command)); }
  void begin_sessions() {
    std::uint16_t id = 0;
    for (const bfd::SessionSpec& spec : sessions()) {
      command({.kind = bfd::Command::Kind::kAdd, .session = bfd::SessionId{id++}, .spec = spec});
    }
    command({.kind = bfd::Command::Kind::kBind,
             .session = bfd::SessionId{0},
             .next_hop = network().bound()});
  }
  void end_sessions() {
    for (std::uint16_t id = 0; id < sessions().size(); ++id) {
      command({.kind = bfd::Command::Kind::kRemove, .session = bfd::SessionId{id}});
    }
    run();
  }

  /// The kernel's header in front of it is what the input begins with.
  void send_as_kernel(const Bytes& input, Around around) {
    segments::VirtioHeader virtio;
    if (input.size() < sizeof virtio + ethernet::kHeaderSize) return;
    std::memcpy(&virtio, input.data(), sizeof virtio);
    // Thousands of packets say no more than some.
    if (virtio.segment_size != 0)
      virtio.segment_size = std::max<std::uint16_t>(virtio.segment_size, 64);
    kernel->fill_next(around == Around::kLikely ? 0 : 0xff, input.size());
    require(kernel->send(virtio, {input.begin() + sizeof virtio, input.end()}));
  }
  [[nodiscard]] TestDevice& device(Way way) const {
    Network& with = network();
    switch (way) {
      case Way::kPort0:
        return with.ports[0];
      case Way::kPort1:
        return with.ports[1];
      case Way::kHost:
        return with.host;
      case Way::kTwin:
        break;
    }
    return with.twins[kind == RouterKind::kVlans ? 2 : 0];
  }
  void arrive(const Arrival& arrival, Around around) {
    if (arrival.way == Way::kHost && kernel != nullptr) {
      return send_as_kernel(arrival.frame, around);
    }
    device(arrival.way).receive(buffers_of(arrival, around));
  }

  // ---- what came of it

  void count(Outcome& outcome) const {
    auto& to = outcome.counted;
    to.reserve(192);
    const auto add = [&](const auto&... counter) { (to.push_back(counter.read()), ...); };
    const auto add_interface = [&](const InterfaceCounters& c) {
      add(c.received_packets, c.received_bytes, c.sent_packets, c.sent_bytes, c.punted_packets,
          c.injected_packets, c.ethertype_repairs, c.bfd_packets);
    };
    for (std::size_t port = 0; port < kMtu.size(); ++port) add_interface(counters.ports[port]);
    add_interface(counters.host);
    for (const Counter& drop : counters.drops) add(drop);
    for (const Counter& punt : counters.punts) add(punt);
    for (std::size_t hop = 0; hop <= network().hops; ++hop) {
      add(counters.next_hops[hop].packets, counters.next_hops[hop].bytes);
    }
    for (const Counter& refusal : bfd.status.refusals) add(refusal);
    add(counters.vectors, counters.packets, counters.held_packets, counters.released_packets,
        counters.resolution_requests, counters.icmp_errors, counters.icmp_errors_limited,
        counters.lost_events);
  }
  Outcome take() {
    Outcome outcome;
    for (std::uint8_t i = 0; i < network().devices.size(); ++i) {
      for (Bytes& frame : network().devices[i]->take_sent()) {
        outcome.sent.push_back({i, std::move(frame)});
      }
    }
    if (kernel != nullptr) {
      for (auto& [virtio, frame] : kernel->take()) {
        const auto* const octets = reinterpret_cast<const std::uint8_t*>(&virtio);
        frame.insert(frame.begin(), octets, octets + sizeof virtio);
        outcome.sent.push_back({kKernel, std::move(frame)});
      }
    }
    if (captures != nullptr) captures->take(outcome.captured);
    events.drain([&](const WorkerEvent& event) { outcome.events.push_back(event); });
    count(outcome);
    return outcome;
  }

  // ---- what is sound

  /// What the kernel sends on a twin leaves as it is, in the VLAN of the port: its place among what
  /// was sent, or one behind it if there is none.
  [[nodiscard]] std::size_t find_injected(const Arrival& arrival, const Outcome& outcome) const {
    const VlanTags tags = kind == RouterKind::kVlans ? kTag2 : VlanTags{};
    if (!tags.empty() && arrival.first_segment() < ethernet::kTypeOffset) {
      return outcome.sent.size();
    }
    const Outcome::Sent expected{0, with_tags(arrival.frame, tags)};
    const auto found = std::ranges::find(outcome.sent, expected);
    require(found != outcome.sent.end());
    return static_cast<std::size_t>(found - outcome.sent.begin());
  }
  void judge_sent(const Outcome::Sent& sent, Author author) const {
    if (sent.device == kHostDevice) return judge(sent.frame, kHostMtu, author);
    if (sent.device == 1) return judge_on_wire(sent.frame, kLocal, author);
    if (sent.device != 0) return;  // to the kernel, as it came
    if (kind != RouterKind::kVlans) return judge_on_wire(sent.frame, kUplink, author);
    const Bytes untagged = without_tags(without_tags(sent.frame, kTags100And20), kTag2);
    judge_on_wire(untagged, kUplink, author);
  }

  static constexpr std::uint8_t kHostDevice = 5;
  static constexpr std::uint8_t kKernel = 6;

  const RouterKind kind;
  WorkerCounters counters{network().tables.next_hops.capacity()};
  EventRing events;
  bfd::Channel bfd;
  std::unique_ptr<Captures> captures;
  std::unique_ptr<test::KernelEnd> kernel;
  std::unique_ptr<WorkerLoop> loop;
  std::uint64_t now = 1'000'000;
};

Router::Router(RouterKind kind) : state_(std::make_unique<State>(kind)) {}
Router::~Router() = default;

Outcome Router::receive(const Arrival& arrival, Around around) {
  State& state = *state_;
  const unsigned buffers = test::buffers_in_use();
  const std::uint64_t errors = state.counters.icmp_errors.read();
  if (state.kind == RouterKind::kBfd) state.begin_sessions();
  state.arrive(arrival, around);
  state.now += 1000;
  state.run();
  // A long segment takes several loops.
  while (state.kernel != nullptr && state.kernel->waiting() != 0) state.run();
  // Long enough for what waits for a neighbor to be given up, for its sender to be told, and for
  // that to be given up.
  for (int i = 0; i < 2; ++i) {
    state.now += 2 * kCyclesPerSecond;
    state.run();
  }
  if (state.kind == RouterKind::kBfd) state.end_sessions();
  Outcome outcome = state.take();
  require(test::buffers_in_use() == buffers);
  const bool told = state.counters.icmp_errors.read() != errors;
  const std::size_t injected =
      arrival.way == Way::kTwin ? state.find_injected(arrival, outcome) : outcome.sent.size();
  for (std::size_t i = 0; i < outcome.sent.size(); ++i) {
    if (i != injected) {
      state.judge_sent(outcome.sent[i], told ? Author::kRouter : Author::kOthers);
    }
  }
  return outcome;
}

}  // namespace lastmile::fuzz
