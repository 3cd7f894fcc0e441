// What BFD costs a worker: N sessions at an interval, both sides Up, in virtual time; the cycles of
// everything that the worker does for them (taking packets apart, checking, answering timers,
// building frames) are counted by the real cycle counter.
//
//   bfd-bench [--sessions 64] [--interval-us 10000] [--seconds 20] [--sha1]
//
// One JSON object: cycles for a received and a sent packet, and the share of one core.
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string_view>
#include <vector>

#include "dataplane/bfd/engine.h"

namespace {

using namespace lastmile;
using namespace lastmile::bfd;

constexpr std::uint32_t kPeerBase = 0x1000000;

/// The far ends: each answers with a packet at its interval, and a frame of it is ready beforehand.
class Peers final : public EngineOutside {
 public:
  void transmit(PortId, std::span<const std::uint8_t> frame) override {
    ++sent_;
    octets_ += frame.size();
  }
  void set_alive(NextHopId, Alive) override {}
  bool tell(const StateChanged&) override { return true; }

  std::uint64_t sent_ = 0;
  std::uint64_t octets_ = 0;
};

double cycles_per_second() {
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t cycles = __rdtsc();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds{100}) {
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(__rdtsc() - cycles) / time.count();
}

IpAddress address(std::uint16_t session, std::uint8_t side) {
  Ipv6Address::Bytes bytes{0xfe, 0x80};
  bytes[13] = side;
  bytes[14] = static_cast<std::uint8_t>(session >> 8U);
  bytes[15] = static_cast<std::uint8_t>(session);
  return Ipv6Address{bytes};
}

SessionSpec spec(std::uint16_t session, Microseconds interval, const Authentication& auth) {
  SessionSpec spec;
  spec.discriminator = kMaxSessions + session;
  spec.remote_mac = MacAddress{{2, 0, 0, 0, 0, 1}};
  spec.local = address(session, 1);
  spec.remote = address(session, 2);
  spec.source_port = 49152;
  spec.parameters.control.desired_min_tx = spec.parameters.control.required_min_rx = interval;
  spec.parameters.control.authentication = auth;
  spec.seed = 0x123456789abcdef0U + session;
  return spec;
}

class Frame {
 public:
  Frame(std::uint16_t session, const Authentication& auth)
      : auth_(auth), size_(kControlSize + section_size(auth)) {
    addresses_.source = address(session, 2);
    addresses_.destination = address(session, 1);
    addresses_.source_port = 50000;
    addresses_.destination_port = kControlPort;
    packet_.multiplier = 3;
    packet_.my_discriminator = kPeerBase + session;
    packet_.your_discriminator = kMaxSessions + session;
    packet_.flags.authenticated = auth.type != AuthType::kNone;
    packet_.length = static_cast<std::uint8_t>(size_);
  }
  /// From the IP header on.
  std::span<const std::uint8_t> make(State state, Microseconds interval) {
    packet_.state = state;
    packet_.flags.final = state == State::kUp && !answered_;
    answered_ = state == State::kUp;
    packet_.desired_min_tx = packet_.required_min_rx = interval;
    const std::size_t headers = headers_size(addresses_.source);
    const auto frame = std::span{octets_}.first(headers + size_);
    encode(packet_, frame.subspan(headers));
    sign(auth_, ++sequence_, frame.subspan(headers));
    write_headers(addresses_, frame);
    return frame.subspan(14);
  }

 private:
  Authentication auth_;
  std::size_t size_;
  Addresses addresses_;
  ControlPacket packet_;
  std::uint32_t sequence_ = 0;
  bool answered_ = false;
  std::array<std::uint8_t, kLargestFrame> octets_{};
};

struct Options {
  std::uint16_t sessions = 64;
  std::uint32_t interval_us = 10'000;
  int seconds = 20;
  bool sha1 = false;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word{argv[i]};
    const auto value = [&] { return i + 1 < argc ? std::atoi(argv[++i]) : 0; };
    if (word == "--sessions") options.sessions = static_cast<std::uint16_t>(value());
    if (word == "--interval-us") options.interval_us = static_cast<std::uint32_t>(value());
    if (word == "--seconds") options.seconds = value();
    if (word == "--sha1") options.sha1 = true;
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const Microseconds interval{options.interval_us};
  Authentication auth;
  if (options.sha1) {
    auth.type = AuthType::kMeticulousSha1;
    auth.key_length = 6;
  }
  Peers peers;
  StatusBoard board;
  Engine engine{peers, board, 65536};
  Instant now{Interval{1'000'000'000}};
  std::vector<Frame> frames;
  for (std::uint16_t i = 0; i < options.sessions; ++i) {
    frames.emplace_back(i, auth);
    engine.apply(
        {.kind = Command::Kind::kAdd, .session = SessionId{i}, .spec = spec(i, interval, auth)},
        now);
  }
  std::uint64_t receive_cycles = 0, received = 0, timer_cycles = 0;
  const auto deliver = [&](std::uint16_t i, State state) {
    const auto packet = frames[i].make(state, interval);
    const std::uint64_t begin = __rdtsc();
    engine.receive(PortId{0}, MacAddress{}, packet, now);
    receive_cycles += __rdtsc() - begin;
    ++received;
  };
  const auto run_until = [&](Instant end) {
    while (engine.next_deadline() <= end) {
      now = std::max(now, engine.next_deadline());
      const std::uint64_t begin = __rdtsc();
      engine.run(now, now);
      timer_cycles += __rdtsc() - begin;
    }
    now = end;
  };
  for (const State state : {State::kDown, State::kInit, State::kUp}) {
    for (std::uint16_t i = 0; i < options.sessions; ++i) deliver(i, state);
    run_until(now + Interval{interval});
  }
  receive_cycles = received = timer_cycles = 0;
  peers.sent_ = 0;
  // The peers' packets come one after the other, spread over the interval, as on a wire.
  const auto rounds =
      static_cast<std::uint64_t>(options.seconds) * 1'000'000U / options.interval_us;
  const Interval step = Interval{interval} / options.sessions;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (std::uint16_t i = 0; i < options.sessions; ++i) {
      deliver(i, State::kUp);
      run_until(now + step);
    }
  }
  std::uint64_t up = 0;
  for (std::uint16_t i = 0; i < options.sessions; ++i) {
    up += board[SessionId{i}].state.read() == static_cast<std::uint64_t>(State::kUp) ? 1U : 0U;
  }
  const double hertz = cycles_per_second();
  const auto total = static_cast<double>(receive_cycles + timer_cycles);
  std::printf(
      "{\"name\":\"bfd\",\"sessions\":%u,\"interval_us\":%u,\"sha1\":%s,\"up\":%llu,"
      "\"cycles_per_received\":%.0f,\"cycles_per_sent\":%.0f,\"sent_per_second\":%.0f,"
      "\"share_of_a_core\":%.5f}\n",
      options.sessions, options.interval_us, options.sha1 ? "true" : "false",
      static_cast<unsigned long long>(up),
      static_cast<double>(receive_cycles) / static_cast<double>(received),
      static_cast<double>(timer_cycles) / static_cast<double>(peers.sent_),
      static_cast<double>(peers.sent_) / options.seconds, total / hertz / options.seconds);
  return up == options.sessions ? 0 : 1;
}
