#include "dataplane/pipeline/bfd_stage.h"

#include <algorithm>
#include <cstring>

#include "dataplane/bfd/wire.h"
#include "dataplane/net/headers.h"

namespace lastmile {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
/// After a stall, packets that prove a neighbor alive may stand behind others in a queue. So long
/// the silence is not believed while the queues are full.
constexpr std::chrono::milliseconds kBacklogGrace{1};
/// Most commands of a loop: a change of many sessions must not hold up packets.
constexpr std::size_t kCommandsPerLoop = 64;

std::uint64_t ratio(std::uint64_t to, std::uint64_t from) {
  return static_cast<std::uint64_t>((Wide{to} << 32U) / from);
}

/// The port that UDP goes to, of a packet that is whole and in one segment; 0 of any other.
std::uint16_t udp_port(const rte_mbuf* packet, const std::uint8_t* header) {
  const bool v4 = ipv4::version(header) == 4;
  const std::uint8_t next = header[v4 ? ipv4::kProtocol : ipv6::kNextHeader];
  if (next != protocol::kUdp) return 0;
  constexpr std::uint16_t kFragment = ipv4::kFragmentOffset | ipv4::kMoreFragments;
  if (v4 && (load_be16(header + ipv4::kFragment) & kFragment) != 0) return 0;
  const std::uint8_t* const udp = header + (v4 ? ipv4::header_length(header) : ipv6::kHeaderSize);
  const std::uint8_t* const end = rte_pktmbuf_mtod(packet, const std::uint8_t*) + packet->data_len;
  return packet->nb_segs == 1 && end - udp >= 8 ? load_be16(udp + 2) : std::uint16_t{0};
}

/// A neighbor's echo is addressed to itself; what goes over several hops may be for others.
bool is_bfd(std::uint16_t udp_port, Addressed addressed) {
  if (udp_port == bfd::kMultihopPort) return addressed == Addressed::kToUs;
  return udp_port == bfd::kControlPort || udp_port == bfd::kEchoPort;
}

}  // namespace

CycleClock::CycleClock(std::uint64_t cycles_per_second)
    : nanoseconds_per_cycle_(ratio(kNanosecondsPerSecond, cycles_per_second)),
      cycles_per_nanosecond_(ratio(cycles_per_second, kNanosecondsPerSecond)) {}

bfd::Instant CycleClock::instant(std::uint64_t cycles) const {
  const auto nanoseconds = static_cast<std::int64_t>(Wide{cycles} * nanoseconds_per_cycle_ >> 32U);
  return bfd::Instant{bfd::Interval{nanoseconds}};
}

std::uint64_t CycleClock::cycles(bfd::Instant wanted, std::uint64_t now) const {
  if (wanted == bfd::kNever) return ~std::uint64_t{0};
  const bfd::Instant begin = instant(now);
  if (wanted <= begin) return now;
  const auto nanoseconds = static_cast<std::uint64_t>((wanted - begin).count());
  return now + static_cast<std::uint64_t>(Wide{nanoseconds} * cycles_per_nanosecond_ >> 32U) + 1;
}

BfdStage::BfdStage(const WorkerBfd& wiring, WorkerId self, std::span<const WorkerPort> ports,
                   NextHopTable& next_hops, std::uint64_t cycles_per_second,
                   WorkerCounters& counters, EventRing& events, Exits& exits)
    : wiring_(wiring),
      self_(self),
      next_hops_(next_hops),
      counters_(counters),
      events_(events),
      exits_(exits),
      clock_(cycles_per_second),
      engine_(*this, wiring.channel->status, next_hops.capacity()) {
  owners_.fill(self);
  for (const WorkerPort& port : ports) owners_[port.id.value()] = port.bfd_owner;
}

void BfdStage::begin(std::uint64_t now) {
  now_ = now;
  const auto commands = wiring_.channel->commands.front(kCommandsPerLoop);
  if (!commands.empty()) [[unlikely]] {
    for (const bfd::Command& command : commands) engine_.apply(command, clock_.instant(now));
    wiring_.channel->commands.consume(commands.size());
    if (wiring_.handover != nullptr) {
      wiring_.handover->set_has_sessions(self_, engine_.has_sessions());
    }
    note_deadline(now);
  }
  if (wiring_.handover == nullptr) return;
  wiring_.handover->drain(self_, [&](const bfd::Datagram& datagram) {
    engine_.receive(datagram, clock_.instant(now));
    note_deadline(now);
  });
}

bool BfdStage::is_wanted(PortId port) const {
  if (owner(port) == self_) {
    return port == bfd::kAnyPort ? engine_.has_multihop_sessions() : engine_.has_sessions();
  }
  return wiring_.handover != nullptr && wiring_.handover->has_sessions(owner(port));
}

BfdStage::~BfdStage() {
  for (rte_mbuf* packet : take_routed()) rte_pktmbuf_free(packet);
}

bool BfdStage::take(const Ingress& ingress, rte_mbuf* packet, const std::uint8_t* header,
                    Addressed addressed, std::uint64_t now) {
  if (ingress.is_host()) return false;
  const std::uint16_t to = udp_port(packet, header);
  if (!is_bfd(to, addressed)) return false;
  const PortId port = ingress.port->id;
  const PortId sessions_port = to == bfd::kMultihopPort ? bfd::kAnyPort : port;
  // Without sessions of ours the kernel may run BFD of its own on the twin.
  if (!is_wanted(sessions_port)) return false;
  const auto* const frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  MacAddress::Bytes source;
  std::memcpy(source.data(), frame + ethernet::kSourceOffset, source.size());
  const std::span<const std::uint8_t> octets{header, frame + packet->data_len};
  counters_.ports[port.value()].bfd_packets.add(1);
  const WorkerId owner = this->owner(sessions_port);
  if (owner == self_) [[likely]] {
    engine_.receive(port, MacAddress{source}, octets, clock_.instant(now));
    note_deadline(now);
  } else if (const auto datagram = bfd::take_apart(port, MacAddress{source}, octets); !datagram) {
    engine_.refuse(datagram.error());
  } else if (!wiring_.handover->push(self_, owner, *datagram)) {
    exits_.drop(packet, DropReason::kBfdHandoverFull);
    return true;
  }
  rte_pktmbuf_free(packet);
  return true;
}

void BfdStage::run(std::uint64_t now, Backlog backlog) {
  const bfd::Instant instant = clock_.instant(now);
  engine_.run(instant, backlog == Backlog::kMaybe ? instant - kBacklogGrace : instant);
  note_deadline(now);
}

void BfdStage::transmit(PortId port, std::span<const std::uint8_t> frame) {
  rte_mbuf* const packet = rte_pktmbuf_alloc(wiring_.pool);
  if (packet == nullptr) {
    return counters_.drops[static_cast<std::size_t>(DropReason::kBfdNoBuffer)].add(1);
  }
  std::memcpy(rte_pktmbuf_mtod(packet, std::uint8_t*), frame.data(), frame.size());
  packet->data_len = static_cast<std::uint16_t>(frame.size());
  packet->pkt_len = packet->data_len;
  if (port == bfd::kAnyPort) {
    if (routed_count_ == routed_.size()) return exits_.drop(packet, DropReason::kBfdNoBuffer);
    routed_[routed_count_++] = packet;
    return;
  }
  if (!exits_.has_port(port)) return exits_.drop(packet, DropReason::kNoSuchPort);
  exits_.port(port).append_urgent(packet, now_);
}

void BfdStage::set_alive(NextHopId next_hop, bfd::Alive alive) {
  if (alive == bfd::Alive::kYes) {
    next_hops_.clear_down(next_hop, DownCause::kBfd);
  } else {
    next_hops_.set_down(next_hop, DownCause::kBfd);
  }
}

bool BfdStage::tell(const bfd::StateChanged& change) {
  return events_.push(change);
}

}  // namespace lastmile
