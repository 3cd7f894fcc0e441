#include "dataplane/bfd/echo.h"

#include <algorithm>

#include "dataplane/net/headers.h"

namespace lastmile::bfd {
namespace {

namespace payload_at {
// Behind the control packet.
constexpr std::size_t kSequence = kControlSize;
constexpr std::size_t kSentAt = kSequence + 8;
constexpr std::size_t kPort = kSentAt + 8;
constexpr std::size_t kDigest = kPort + 8;
}  // namespace payload_at

static_assert(payload_at::kDigest + 8 == kEchoSize);

}  // namespace

EchoProbe::EchoProbe(std::uint32_t discriminator, PortId port, const EchoSettings& settings,
                     const SipKey& key, std::uint64_t seed)
    : discriminator_(discriminator),
      port_(port),
      settings_(settings),
      key_(key),
      random_(seed | 1),
      sequence_(seed >> 8),
      seen_sequence_(seed >> 8) {}

void EchoProbe::write(std::span<std::uint8_t> out, Instant now) {
  ControlPacket packet;
  packet.state = state_;
  packet.multiplier = settings_.multiplier;
  packet.my_discriminator = discriminator_;
  packet.your_discriminator = discriminator_;
  packet.desired_min_tx = kSlowInterval;
  packet.required_min_rx = kSlowInterval;
  encode(packet, out);
  store_be64(&out[payload_at::kSequence], ++sequence_);
  store_be64(&out[payload_at::kSentAt], static_cast<std::uint64_t>(now.time_since_epoch().count()));
  store_be64(&out[payload_at::kPort], port_.value());
  store_be64(&out[payload_at::kDigest], siphash(key_, out.first(payload_at::kDigest)));
  ++sent_;
  // Jitter as for control packets (RFC 5880 section 6.8.9 asks for it here, too).
  random_ ^= random_ << 13U;
  random_ ^= random_ >> 7U;
  random_ ^= random_ << 17U;
  const Interval whole = interval();
  send_at_ =
      now + whole * 3 / 4 + whole * static_cast<std::int64_t>((random_ >> 40U) % 2500) / 10'000;
}

std::optional<Refusal> EchoProbe::receive(std::span<const std::uint8_t> payload, PortId port,
                                          Instant now) {
  if (payload.size() != kEchoSize ||
      load_be64(&payload[payload_at::kDigest]) !=
          siphash(key_, payload.first(payload_at::kDigest)) ||
      load_be32(&payload[4]) != discriminator_) {
    return Refusal::kEchoForged;
  }
  if (port != port_ || load_be64(&payload[payload_at::kPort]) != port_.value()) {
    return Refusal::kEchoWrongPort;
  }
  const std::uint64_t sequence = load_be64(&payload[payload_at::kSequence]);
  const Instant sent_at{
      Interval{static_cast<std::int64_t>(load_be64(&payload[payload_at::kSentAt]))}};
  if (sequence <= seen_sequence_ ||
      now - sent_at > settings_.multiplier * Interval{settings_.interval}) {
    return Refusal::kEchoReplayed;
  }
  seen_sequence_ = sequence;
  ++returned_;
  measure(now - sent_at);
  if (state_ == State::kUp) longest_gap_ = std::max(longest_gap_, now - returned_at_);
  returned_at_ = now;
  if (state_ != State::kUp) enter(state_ == State::kDown ? State::kInit : State::kUp, now);
  detect_at_ = now + detection_time();
  return std::nullopt;
}

void EchoProbe::expire(Instant now) {
  if (detect_at_ <= now) fail(now);
}

void EchoProbe::fail(Instant now) {
  if (state_ == State::kUp) ++failures_;
  reset(now);
}

Instant EchoProbe::deadline() const {
  return std::min(send_at_, detect_at_);
}

void EchoProbe::change(const EchoSettings& settings, Instant now) {
  if (settings == settings_) return;
  settings_ = settings;
  send_at_ = std::min(send_at_, now + Interval{interval()});
  if (detect_at_ != kNever) detect_at_ = returned_at_ + detection_time();
}

void EchoProbe::reset(Instant now) {
  detect_at_ = kNever;
  if (state_ == State::kDown) return;
  enter(State::kDown, now);
  send_at_ = now + Interval{interval()};
}

void EchoProbe::enter(State to, Instant now) {
  state_ = to;
  if (to == State::kUp) longest_gap_ = Interval{0};
  send_at_ = std::min(send_at_, now + Interval{interval()} / 2);
}

void EchoProbe::measure(Interval time) {
  RoundTrip& trip = round_trip_;
  const bool first = returned_ == 1;
  trip.last = time;
  trip.shortest = first ? time : std::min(trip.shortest, time);
  trip.longest = std::max(trip.longest, time);
  if (first) {
    trip.mean = time;
    trip.jitter = time / 2;
    return;
  }
  const Interval error = time > trip.mean ? time - trip.mean : trip.mean - time;
  trip.jitter += (error - trip.jitter) / 4;
  trip.mean += (time - trip.mean) / 8;
}

}  // namespace lastmile::bfd
