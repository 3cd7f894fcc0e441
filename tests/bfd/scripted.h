// An engine in a box: the test is the wire, the clock, the tables and the control thread.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/bfd/engine.h"

namespace lastmile::bfd::test {

using namespace std::chrono_literals;

inline constexpr PortId kUp1{0};
inline constexpr PortId kUp2{1};
inline constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 0, 1}};
inline constexpr MacAddress kPeerMac{{0x02, 0, 0, 0, 1, 1}};

inline IpAddress ip(std::string_view text) {
  return parse_ip_address(text).value();
}

/// A packet from its IP header on.
inline std::vector<std::uint8_t> on_the_wire(const Datagram& datagram) {
  const auto headers = static_cast<std::ptrdiff_t>(headers_size(datagram.source));
  std::vector<std::uint8_t> frame(static_cast<std::size_t>(headers) + datagram.size);
  std::ranges::copy(datagram.payload(), frame.begin() + headers);
  write_headers({.source_mac = datagram.source_mac,
                 .destination_mac = kOurMac,
                 .source = datagram.source,
                 .destination = datagram.destination,
                 .source_port = datagram.source_port,
                 .destination_port = datagram.destination_port,
                 .hop_limit = datagram.hop_limit},
                frame);
  frame.erase(frame.begin(), frame.begin() + 14);
  return frame;
}

/// What the engine did.
class Recorder final : public EngineOutside {
 public:
  struct Frame {
    PortId port;
    Datagram datagram;
    MacAddress destination;
  };

  void transmit(PortId port, std::span<const std::uint8_t> frame) override {
    MacAddress::Bytes destination, source;
    std::copy_n(frame.begin(), 6, destination.begin());
    std::copy_n(frame.begin() + 6, 6, source.begin());
    auto datagram = take_apart(port, MacAddress{source}, frame.subspan(14));
    ASSERT_TRUE(datagram.has_value()) << "we send what we would refuse ourselves";
    frames.push_back({port, *datagram, MacAddress{destination}});
  }
  void set_alive(NextHopId next_hop, Alive alive) override { alive_[next_hop] = alive; }
  bool tell(const StateChanged& change) override {
    if (deaf) return ++unheard, false;
    told.push_back(change);
    return true;
  }

  [[nodiscard]] bool is_alive(NextHopId next_hop) const {
    const auto found = alive_.find(next_hop);
    return found == alive_.end() || found->second == Alive::kYes;
  }

  std::vector<Frame> frames;
  std::vector<StateChanged> told;
  bool deaf = false;
  unsigned unheard = 0;  ///< what was offered to the deaf

 private:
  std::map<NextHopId, Alive> alive_;
};

class EngineTest : public ::testing::Test {
 protected:
  static constexpr SessionId kSession{5};
  static constexpr std::uint32_t kOurs = 3 * kMaxSessions + 5;
  static constexpr std::uint32_t kTheirs = 0xabcdef;
  static constexpr NextHopId kHop{7};

  /// 10 ms × 3 with fe80::1 on up1.
  static SessionSpec spec() {
    SessionSpec spec;
    spec.discriminator = kOurs;
    spec.port = kUp1;
    spec.local_mac = kOurMac;
    spec.remote_mac = kPeerMac;
    spec.local = ip("fe80::2");
    spec.remote = ip("fe80::1");
    spec.echo_address = ip("10.0.1.1");
    spec.source_port = 49157;
    spec.parameters.control.desired_min_tx = Microseconds{10'000};
    spec.parameters.control.required_min_rx = Microseconds{10'000};
    spec.echo_key = {1, 2};
    spec.seed = 42;
    return spec;
  }
  void add(const SessionSpec& s, SessionId id = kSession) {
    apply({.kind = Command::Kind::kAdd, .session = id, .spec = s});
  }
  void apply(const Command& command) {
    engine_.apply(command, now_);
    engine_.run(now_, now_);
  }
  void apply(Command::Kind kind, NextHopId next_hop = {}) {
    apply({.kind = kind, .session = kSession, .next_hop = next_hop, .spec = spec()});
  }

  /// Time passes; every timer fires when it is due.
  void advance(Interval time) {
    const Instant end = now_ + time;
    while (engine_.next_deadline() <= end) {
      now_ = std::max(now_, engine_.next_deadline());
      engine_.run(now_, now_);
    }
    now_ = end;
  }

  /// What the peer says, unless a test wants otherwise.
  static ControlPacket packet(State state) {
    ControlPacket packet;
    packet.state = state;
    packet.multiplier = 3;
    packet.my_discriminator = kTheirs;
    packet.your_discriminator = kOurs;
    packet.desired_min_tx = Microseconds{10'000};
    packet.required_min_rx = Microseconds{10'000};
    return packet;
  }
  static Datagram datagram(const ControlPacket& packet) {
    Datagram datagram;
    datagram.port = kUp1;
    datagram.source_mac = kPeerMac;
    datagram.source = ip("fe80::1");
    datagram.destination = ip("fe80::2");
    datagram.source_port = 50000;
    datagram.destination_port = kControlPort;
    datagram.hop_limit = 255;
    datagram.size = kControlSize;
    encode(packet, datagram.octets);
    return datagram;
  }
  void receive(const Datagram& datagram) {
    engine_.receive(datagram.port, datagram.source_mac, on_the_wire(datagram), now_);
    engine_.run(now_, now_);
  }
  void receive(const ControlPacket& p) { receive(datagram(p)); }
  void receive(State state) { receive(packet(state)); }

  void bring_up() {
    receive(State::kDown);
    receive(State::kInit);
    ASSERT_EQ(state(), State::kUp);
    ControlPacket final = packet(State::kUp);
    final.flags.final = true;
    receive(final);
    sent();
    recorder_.told.clear();
  }

  /// The control packets sent since the last call.
  std::vector<ControlPacket> sent() {
    std::vector<ControlPacket> packets;
    for (const auto& frame : std::exchange(recorder_.frames, {})) {
      if (frame.datagram.destination_port == kEchoPort) continue;
      EXPECT_EQ(frame.datagram.hop_limit, 255);
      if (frame.port != kAnyPort) {
        EXPECT_EQ(frame.destination, kPeerMac);
      }
      const auto packet = decode(frame.datagram.payload());
      EXPECT_TRUE(packet.has_value());
      if (packet) packets.push_back(*packet);
    }
    return packets;
  }
  [[nodiscard]] State state() const { return static_cast<State>(board_[kSession].state.read()); }
  [[nodiscard]] std::uint64_t refused(Refusal refusal) const {
    return board_.refusals[static_cast<std::size_t>(refusal)].read();
  }
  [[nodiscard]] std::uint64_t all_refused() const {
    std::uint64_t sum = 0;
    for (const Gauge& gauge : board_.refusals) sum += gauge.read();
    return sum;
  }

  Recorder recorder_;
  StatusBoard board_;
  Engine engine_{recorder_, board_, 64};
  Instant now_{1s};
};

}  // namespace lastmile::bfd::test
