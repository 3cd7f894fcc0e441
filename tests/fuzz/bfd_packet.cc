// IP packets, of any content, to BFD's ports, one behind the other, with time between them.
// Whatever they are, the engine refuses them or takes them; it never reads beyond one, and what it
// sends in answer is well formed. A packet ends where its header says; the next one follows it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/bfd/engine.h"
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

SessionSpec spec(std::uint16_t id, EchoMode mode, AuthType type) {
  SessionSpec spec;
  spec.discriminator = kMaxSessions + id;
  spec.remote_mac = MacAddress{{2, 0, 0, 0, 0, 1}};
  spec.local = Ipv6Address::parse("fe80::2").value();
  spec.remote = Ipv6Address::parse("fe80::1").value();
  spec.echo_address = Ipv4Address{10, 0, 1, 1};
  spec.parameters.echo_mode = mode;
  spec.parameters.control.required_min_echo_rx = Microseconds{1000};
  spec.parameters.control.authentication.type = type;
  spec.parameters.control.authentication.key_length = 3;
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

/// Puts a right checksum into a packet, for nothing is found behind one by chance.
void mend_checksum(std::span<std::uint8_t> packet) {
  const bool v4 = packet[0] >> 4U == 4;
  const std::size_t header = v4 ? ipv4::header_length(packet.data()) : ipv6::kHeaderSize;
  if (packet.size() < header + udp::kHeaderSize) return;
  const auto segment = packet.subspan(header);
  const std::uint16_t size = load_be16(&segment[udp::kLength]);
  if (size > segment.size()) return;
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
  constexpr std::array kSessions{std::pair{EchoMode::kOn, AuthType::kNone},
                                 std::pair{EchoMode::kOff, AuthType::kKeyedSha1},
                                 std::pair{EchoMode::kUnaffiliated, AuthType::kNone},
                                 std::pair{EchoMode::kOff, AuthType::kSimplePassword}};
  Instant now{Interval{1'000'000'000}};
  for (std::uint16_t id = 0; id < kSessions.size(); ++id) {
    const auto [echo, authentication] = kSessions[id];
    engine.apply({.kind = Command::Kind::kAdd,
                  .session = SessionId{id},
                  .spec = spec(id, echo, authentication)},
                 now);
  }
  for (std::span<const std::uint8_t> rest{data, size}; !rest.empty();) {
    const auto next = next_packet(rest);
    if (next.empty()) break;
    rest = rest.subspan(next.size());
    std::vector<std::uint8_t> packet{next.begin(), next.end()};  // its end is an end for ASan
    engine.receive(PortId{0}, MacAddress{}, packet, now);
    mend_checksum(packet);
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
