// IP packets, of any content, to BFD's ports, one behind the other, with time between them.
// Whatever they are, the engine refuses them or takes them; it never reads beyond one, and what it
// sends in answer is well formed. A packet ends where its header says; the next one follows it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "dataplane/bfd/authentication.h"
#include "dataplane/bfd/engine.h"
#include "dataplane/bfd/wire.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace {

using namespace lastmile;
using namespace lastmile::bfd;

class Outside final : public EngineOutside {
 public:
  void transmit(PortId port, std::span<const std::uint8_t> frame) override {
    if (!take_apart(port, MacAddress{}, frame.subspan(14))) std::abort();
  }
  void set_alive(NextHopId, Alive) override {}
  bool tell(const StateChanged&) override { return true; }
};

/// What tells the sessions apart. All but the multihop one are with the same neighbor.
struct Kind {
  EchoMode echo = EchoMode::kOff;
  AuthType authentication = AuthType::kNone;
  PortId port{};
};
constexpr std::array kSessions{Kind{.echo = EchoMode::kOn},
                               Kind{.authentication = AuthType::kKeyedSha1},
                               Kind{.echo = EchoMode::kUnaffiliated},
                               Kind{.authentication = AuthType::kSimplePassword},
                               Kind{.port = kAnyPort},
                               Kind{.authentication = AuthType::kMeticulousSha1},
                               Kind{.authentication = AuthType::kKeyedSha1, .port = kAnyPort}};

Authentication authentication(const Kind& kind) {
  return {.type = kind.authentication, .key_length = 3};
}

SessionSpec spec(std::uint16_t id) {
  const Kind& kind = kSessions[id];
  SessionSpec spec;
  spec.discriminator = kMaxSessions + id;
  spec.port = kind.port;
  spec.remote_mac = MacAddress{{2, 0, 0, 0, 0, 1}};
  spec.local = Ipv6Address::parse("fe80::2").value();
  spec.remote = Ipv6Address::parse("fe80::1").value();
  if (spec.is_multihop()) {
    spec.local = Ipv4Address{10, 0, 1, 1};
    spec.remote = Ipv4Address{10, 0, 1, static_cast<std::uint8_t>(id)};
    spec.least_hop_limit = 250;
  }
  spec.echo_address = Ipv4Address{10, 0, 1, 1};
  spec.parameters.echo_mode = kind.echo;
  spec.parameters.control.required_min_echo_rx = Microseconds{1000};
  spec.parameters.control.authentication = authentication(kind);
  return spec;
}

/// The next packet: what the pipeline promises is a complete IP header, and nothing behind its end.
/// Empty if it is none.
std::span<const std::uint8_t> next_packet(std::span<const std::uint8_t> rest) {
  if (rest.size() < 20) return {};
  const bool v4 = rest[0] >> 4U == 4;
  const std::size_t header = v4 ? (rest[0] & 0xfU) * 4U : 40;
  if (header < 20 || rest.size() < header) return {};
  const std::size_t length = v4 ? load_be16(rest.data() + 2) : 40U + load_be16(rest.data() + 4);
  return rest.first(std::clamp(length, header, rest.size()));
}

/// Signs a control packet that says which session it is for, and has room for its signature; its
/// sequence number stays.
void mend_signature(std::span<std::uint8_t> payload) {
  constexpr std::uint8_t kAuthenticated = 0x04;
  constexpr std::size_t kFlags = 1, kLength = 3, kYourDiscriminator = 8, kSequence = 28;
  if (payload.size() < kControlSize || (payload[kFlags] & kAuthenticated) == 0) return;
  const std::uint32_t id = load_be32(&payload[kYourDiscriminator]) - kMaxSessions;
  if (id >= kSessions.size()) return;
  const Authentication with = authentication(kSessions[id]);
  const std::size_t size = kControlSize + section_size(with);
  if (payload[kLength] != size || payload.size() < size) return;
  const bool counts = size == kLargestControl;  // a password does not
  sign(with, counts ? load_be32(&payload[kSequence]) : 0, payload.first(size));
}

/// Puts a right signature and checksum into a packet, for nothing is found behind one by chance.
void mend(std::span<std::uint8_t> packet) {
  const bool v4 = packet[0] >> 4U == 4;
  const std::size_t header = v4 ? ipv4::header_length(packet.data()) : ipv6::kHeaderSize;
  if (packet.size() < header + udp::kHeaderSize) return;
  const auto segment = packet.subspan(header);
  const std::uint16_t size = load_be16(&segment[udp::kLength]);
  if (size > segment.size()) return;
  if (size >= udp::kHeaderSize) mend_signature(segment.first(size).subspan(udp::kHeaderSize));
  const auto addresses = v4 ? packet.subspan(ipv4::kSource, 8) : packet.subspan(ipv6::kSource, 32);
  std::array<std::uint8_t, 4> rest{0, protocol::kUdp};
  store_be16(&rest[2], size);
  store_be16(&segment[udp::kChecksum], 0);
  const std::uint32_t pseudo =
      std::uint32_t{ones_complement_sum(addresses)} + ones_complement_sum(rest);
  store_raw(&segment[udp::kChecksum],
            static_cast<std::uint16_t>(~ones_complement_sum(segment.first(size), pseudo)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Hundreds of slots: made once, for they take longer than a packet. Sessions come and go.
  static Outside outside;
  static StatusBoard board;
  static Engine engine{outside, board, 16};
  Instant now{Interval{1'000'000'000}};
  for (std::uint16_t id = 0; id < kSessions.size(); ++id) {
    engine.apply({.kind = Command::Kind::kAdd, .session = SessionId{id}, .spec = spec(id)}, now);
  }
  for (std::span<const std::uint8_t> rest{data, size}; !rest.empty();) {
    const auto next = next_packet(rest);
    if (next.empty()) break;
    rest = rest.subspan(next.size());
    std::vector<std::uint8_t> packet{next.begin(), next.end()};  // its end is an end for ASan
    engine.receive(PortId{0}, MacAddress{}, packet, now);
    mend(packet);
    // The same again says nothing new, and once more when timers have run out.
    for (const std::int64_t later : {0, 1'000'000, 700'000'000}) {
      now += Interval{later};
      engine.run(now, now);
      engine.receive(PortId{0}, MacAddress{}, packet, now);
    }
  }
  for (std::uint16_t id = 0; id < kSessions.size(); ++id) {
    engine.apply({.kind = Command::Kind::kRemove, .session = SessionId{id}}, now);
  }
  return 0;
}
