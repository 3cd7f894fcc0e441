// Fuzz target: an IP packet, of any content, to BFD's ports. Whatever it is, the engine refuses it
// or takes it; it never reads beyond it, and what it sends in answer is well formed.
//
//   clang++ -fsanitize=fuzzer,address,undefined … tests/fuzz/bfd_packet.cc dataplane/bfd/*.cc …
//   tests/bfd runs it over the corpus without a fuzzing compiler.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "dataplane/bfd/engine.h"

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What the pipeline promises: a complete IP header, and UDP behind it.
  if (size < 20) return 0;
  const bool v4 = data[0] >> 4U == 4;
  const std::size_t header = v4 ? (data[0] & 0xfU) * 4U : 40;
  if (header < 20 || size < header) return 0;

  Outside outside;
  StatusBoard board;
  Engine engine{outside, board, 16};
  Instant now{Interval{1'000'000'000}};
  engine.apply({.kind = Command::Kind::kAdd,
                .session = SessionId{0},
                .spec = spec(0, EchoMode::kOn, AuthType::kNone)},
               now);
  engine.apply({.kind = Command::Kind::kAdd,
                .session = SessionId{1},
                .spec = spec(1, EchoMode::kOff, AuthType::kKeyedSha1)},
               now);
  engine.apply({.kind = Command::Kind::kAdd,
                .session = SessionId{2},
                .spec = spec(2, EchoMode::kUnaffiliated, AuthType::kNone)},
               now);
  const std::vector<std::uint8_t> packet{data, data + size};  // its end is an end for ASan
  for (int i = 0; i < 3; ++i) {
    const auto datagram = take_apart(PortId{0}, MacAddress{}, packet);
    if (!datagram) return 0;
    engine.receive(*datagram, now);
    now += Interval{700'000'000};
    engine.run(now, now);
  }
  return 0;
}
