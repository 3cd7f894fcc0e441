// What happens to each packet and with each timer stands together here, where the compiler sees all
// of it at once; commands are in engine_commands.cc.
#include "dataplane/bfd/engine.h"

#include <algorithm>
#include <array>

#include "dataplane/bfd/slot.h"
#include "dataplane/net/headers.h"

namespace lastmile::bfd {
namespace {

/// Echo packets of others that may come at once, in intervals that we have announced.
constexpr int kReflectBurst = 32;
/// What a router leaves of a hop limit of 255 when it returns our echo.
constexpr std::uint8_t kReturnedHopLimit = kHopLimit - 1;

/// Writes a frame to the front of `room`.
std::span<const std::uint8_t> make_frame(const Addresses& addresses,
                                         std::span<const std::uint8_t> payload,
                                         std::span<std::uint8_t, kLargestFrame> room) {
  const std::size_t headers = headers_size(addresses.source);
  const auto frame = room.first(headers + payload.size());
  std::ranges::copy(payload, frame.begin() + static_cast<std::ptrdiff_t>(headers));
  write_headers(addresses, frame);
  return frame;
}

}  // namespace

Engine::Engine(EngineOutside& outside, StatusBoard& board, std::size_t next_hops)
    : outside_(outside), board_(board), slots_(kMaxSessions), next_hops_(next_hops) {
  for (std::uint16_t i = 0; i < kMaxSessions; ++i) slots_[i].id = SessionId{i};
  active_.reserve(kMaxSessions);
}

Engine::~Engine() = default;

// --- receiving -----------------------------------------------------------------------------------

void Engine::receive(PortId port, const MacAddress& source, std::span<const std::uint8_t> packet,
                     Instant now) {
  const Essence essence = Essence::of(packet);
  if (receive_again(port, essence, now)) [[likely]]
    return;
  const auto datagram = take_apart(port, source, packet);
  if (!datagram) return refuse(datagram.error());
  if (datagram->destination_port == kEchoPort) return receive_echo(*datagram, now);
  Slot* const slot = receive_control(*datagram, now);
  if (slot == nullptr || essence.octets.empty()) return;
  std::ranges::copy(essence.octets, slot->heard_octets.begin());
  slot->heard_size = static_cast<std::uint8_t>(essence.octets.size());
  slot->heard = slot->control->revision();
}

void Engine::receive(const Datagram& datagram, Instant now) {
  if (datagram.destination_port == kEchoPort) return receive_echo(datagram, now);
  receive_control(datagram, now);
}

/// What made no difference when it was received last makes none now, but that the neighbor lives.
bool Engine::receive_again(PortId port, const Essence& essence, Instant now) {
  if (essence.octets.empty()) return false;
  Slot& slot = slots_[session_of(essence.your_discriminator()).value()];
  if (slot.heard == 0 || slot.heard != slot.control->revision() || slot.port != port ||
      slot.heard_size != essence.octets.size() || !essence.is(slot.heard_octets.data()) ||
      !slot.control->receive_again(now)) {
    return false;
  }
  board_[slot.id].received.add(1);
  return true;
}

Slot* Engine::find(std::uint32_t discriminator) {
  Slot& slot = slots_[session_of(discriminator).value()];
  return slot.used && slot.spec.discriminator == discriminator ? &slot : nullptr;
}

Slot* Engine::find(const Datagram& datagram) {
  const auto found = std::find_if(active_.begin(), active_.end(), [&](SessionId id) {
    const SessionSpec& spec = slots_[id.value()].spec;
    if (spec.remote != datagram.source) return false;
    return datagram.destination_port == kMultihopPort
               ? spec.is_multihop() && spec.local == datagram.destination
               : spec.port == datagram.port;
  });
  return found == active_.end() ? nullptr : &slots_[found->value()];
}

Slot* Engine::receive_control(const Datagram& datagram, Instant now) {
  const auto refused = [this](Refusal refusal, Slot* slot = nullptr) -> Slot* {
    slot != nullptr ? refuse(*slot, refusal) : refuse(refusal);
    return nullptr;
  };
  const bool multihop = datagram.destination_port == kMultihopPort;
  if (!multihop && datagram.hop_limit != kHopLimit) return refused(Refusal::kBadHopLimit);
  const auto packet = decode(datagram.payload());
  if (!packet) return refused(packet.error());
  const bool named = packet->your_discriminator != 0;
  Slot* const slot = named ? find(packet->your_discriminator) : find(datagram);
  if (slot == nullptr || !slot->control || slot->spec.is_multihop() != multihop) {
    return refused(named ? Refusal::kUnknownDiscriminator : Refusal::kUnknownPeer);
  }
  if (multihop) {
    if (slot->spec.remote != datagram.source || slot->spec.local != datagram.destination) {
      return refused(Refusal::kUnknownPeer, slot);
    }
    if (datagram.hop_limit < slot->spec.least_hop_limit) {
      return refused(Refusal::kBadHopLimit, slot);
    }
  } else if (slot->spec.port != datagram.port) {
    return refused(Refusal::kWrongPort, slot);
  }
  Session& control = *slot->control;
  const std::uint32_t before = control.revision();
  const auto refusal = control.receive(*packet, datagram.payload().first(packet->length), now);
  if (refusal) {
    // What an administratively down session hears still sets the pace of its own packets: section
    // 6.8.6 takes it in before it discards the packet.
    if (*refusal == Refusal::kAdministrativelyDown) serve(*slot, now, now);
    return refused(*refusal, slot);
  }
  board_[slot->id].received.add(1);
  serve(*slot, now, now);
  // A poll is answered each time, a sequence number is another each time, and with echo every
  // packet has its timers looked at.
  const Flags& flags = packet->flags;
  const bool routine = named && !multihop && !flags.poll && !flags.final && !flags.authenticated &&
                       !slot->echo && control.revision() == before;
  return routine ? slot : nullptr;
}

void Engine::receive_echo(const Datagram& datagram, Instant now) {
  // Ours has been a hop away and come back; another's comes straight from its sender.
  if (datagram.hop_limit == kHopLimit) return reflect(datagram, now);
  if (datagram.hop_limit != kReturnedHopLimit) return refuse(Refusal::kBadHopLimit);
  const auto payload = datagram.payload();
  if (payload.size() < kControlSize) return refuse(Refusal::kEchoUnknown);
  Slot* const slot = find(load_be32(&payload[4]));
  if (slot == nullptr || !slot->echo) return refuse(Refusal::kEchoUnknown);
  if (slot->admin == Admin::kDown) return refuse(*slot, Refusal::kAdministrativelyDown);
  if (const auto refusal = slot->echo->receive(payload, datagram.port, now)) {
    return refuse(*slot, *refusal);
  }
  if (!slot->control) board_[slot->id].received.add(1);
  serve(*slot, now, now);
}

/// RFC 5880 section 6.4: what the other side's forwarding path gets of its own packets. If it is
/// addressed to itself, it goes back as a router would forward it; if to us (IPv6 link-local: no
/// router forwards that), we send it back.
void Engine::reflect(const Datagram& datagram, Instant now) {
  Slot* const slot = find(datagram);
  if (slot == nullptr || slot->state() != State::kUp ||
      slot->spec.parameters.control.required_min_echo_rx.count() == 0) {
    return refuse(Refusal::kEchoRefused);
  }
  const Interval period = Interval{slot->spec.parameters.control.required_min_echo_rx} / 2;
  slot->reflect_at = std::max(slot->reflect_at, now);
  if (slot->reflect_at - now > kReflectBurst * period) return refuse(*slot, Refusal::kEchoRefused);
  slot->reflect_at += period;

  Addresses back;
  back.source_mac = slot->spec.local_mac;
  back.destination_mac = datagram.source_mac;
  back.source = datagram.source;
  back.destination = datagram.destination;
  back.source_port = datagram.source_port;
  back.destination_port = datagram.destination_port;
  back.hop_limit = kReturnedHopLimit;
  if (datagram.destination != datagram.source) {
    std::swap(back.source, back.destination);
    std::swap(back.source_port, back.destination_port);
  }
  send(slot->spec.port, back, datagram.payload());
  board_[slot->id].echo_reflected.add(1);
}

void Engine::refuse(Slot& slot, Refusal refusal) {
  refuse(refusal);
  board_[slot.id].refused.add(1);
}

// --- timers and sending --------------------------------------------------------------------------

void Engine::run(Instant now, Instant detect_until) {
  while (queue_.next() <= now) {
    Slot& slot = slots_[queue_.front()];
    const bool routine = slot.said != 0;
    const Instant due = routine ? slot.control->deadline() : slot.deadline();
    if (due > now) {
      queue_.set(slot.id.value(), due);
      continue;
    }
    if (due != Instant::min()) note_lateness(now - due);
    if (routine && !slot.control->is_expired(detect_until) && slot.control->must_send(now) &&
        send_again(slot, now)) [[likely]] {
      queue_.set(slot.id.value(), std::max(slot.control->deadline(), now + Interval{1}));
      continue;
    }
    // If its time is still not over (packets may lie unread), the next loop looks again.
    queue_.set(slot.id.value(), now + Interval{1});
    serve(slot, now, detect_until);
    queue_.set(slot.id.value(), std::max(slot.deadline(), now + Interval{1}));
  }
  // Its turn comes within a part of the interval; until then its lines don't get far.
  if (!queue_.empty()) slots_[queue_.front()].prefetch();
  if (untold_ != 0) [[unlikely]]
    tell_again(now);
}

/// Brings a session up to date after anything that may have changed it.
void Engine::serve(Slot& slot, Instant now, Instant detect_until) {
  if (slot.control) slot.control->expire(detect_until);
  if (slot.echo && slot.admin == Admin::kEnabled) slot.echo->expire(detect_until);
  settle(slot, now);
  if (slot.echo) slot.forget_routine();
  // An answer to a poll, and the poll of our own behind it.
  for (int packets = 0; packets < 2 && slot.control && slot.control->must_send(now); ++packets) {
    send_control(slot, now);
  }
  if (slot.echo && slot.admin == Admin::kEnabled && slot.echo->must_send(now)) send_echo(slot, now);
  queue_.set_if_earlier(slot.id.value(), slot.deadline());
  publish(slot);
}

/// Sends the frame that was sent last, if it is what there is to say.
bool Engine::send_again(Slot& slot, Instant now) {
  if (slot.said == 0 || slot.said != slot.control->revision() || !slot.control->writes_the_same()) {
    return false;
  }
  slot.control->note_sent(now);
  outside_.transmit(slot.port, std::span{slot.said_octets}.first(slot.said_size));
  board_[slot.id].sent.add(1);
  return true;
}

void Engine::send_control(Slot& slot, Instant now) {
  if (send_again(slot, now)) return;
  const bool lasts = slot.control->writes_the_same() && !slot.echo;
  std::array<std::uint8_t, kLargestControl> packet;
  const std::size_t size = slot.control->write(packet, now);
  if (!slot.resolved()) return;
  const SessionSpec& spec = slot.spec;
  std::array<std::uint8_t, kLargestFrame> room;
  const auto frame =
      make_frame({.source_mac = spec.local_mac,
                  .destination_mac = spec.remote_mac,
                  .source = spec.local,
                  .destination = spec.remote,
                  .source_port = spec.source_port,
                  .destination_port = spec.is_multihop() ? kMultihopPort : kControlPort,
                  .hop_limit = kHopLimit},
                 std::span{packet}.first(size), room);
  outside_.transmit(spec.port, frame);
  board_[slot.id].sent.add(1);
  slot.said = lasts ? slot.control->revision() : 0;
  if (!lasts) return;
  std::ranges::copy(frame, slot.said_octets.begin());
  slot.said_size = static_cast<std::uint8_t>(frame.size());
}

void Engine::send_echo(Slot& slot, Instant now) {
  std::array<std::uint8_t, kEchoSize> packet;
  slot.echo->write(packet, now);
  if (!slot.resolved()) return;
  const SessionSpec& spec = slot.spec;
  Addresses addresses{.source_mac = spec.local_mac,
                      .destination_mac = spec.remote_mac,
                      .source = spec.local,
                      .destination = spec.remote,
                      .source_port = kEchoPort,
                      .destination_port = kEchoPort,
                      .hop_limit = kHopLimit};
  if (!slot.control) {
    addresses.source = addresses.destination = spec.echo_address;
    addresses.source_port = spec.source_port;
    board_[slot.id].sent.add(1);
  } else if (std::holds_alternative<Ipv4Address>(spec.local)) {
    addresses.destination = spec.local;  // RFC 5881 section 4: it shall be forwarded back to us
  }
  send(spec.port, addresses, packet);
}

void Engine::send(PortId port, const Addresses& addresses, std::span<const std::uint8_t> payload) {
  std::array<std::uint8_t, kLargestFrame> room;
  outside_.transmit(port, make_frame(addresses, payload, room));
}

// --- what follows --------------------------------------------------------------------------------

void Engine::settle(Slot& slot, Instant now) {
  if (slot.control) keep_echo(slot, now);
  const State state = slot.state();
  const std::uint32_t failures = slot.failures();
  const bool failed = failures != slot.seen_failures;
  slot.seen_failures = failures;
  // Next hops first: packets are being lost now.
  if (state == State::kUp) {
    set_failed(slot, false);
  } else if (failed && !(slot.spared && slot.is_ambiguous())) {
    set_failed(slot, true);
  }
  if (state == slot.told_state && !failed) return;
  slot.told_state = state;
  slot.changed_at = now;
  tell(slot);
}

/// Echo beside control packets runs while the session is Up and the other side allows it
/// (section 6.8.9). Only an echo that has worked can fail: not every system that says it reflects
/// does.
void Engine::keep_echo(Slot& slot, Instant now) {
  const Session& control = *slot.control;
  const SessionParameters& parameters = slot.spec.parameters;
  const bool wanted = parameters.echo_mode == EchoMode::kOn && control.state() == State::kUp &&
                      control.remote_min_echo_rx().count() != 0;
  if (!wanted) {
    slot.echo.reset();
    return;
  }
  EchoSettings settings = parameters.echo;
  settings.interval = std::max(settings.interval, control.remote_min_echo_rx());
  settings.start = EchoStart::kFast;
  if (!slot.echo) {
    slot.echo.emplace(slot.spec.discriminator, slot.spec.port, settings, slot.spec.echo_key,
                      slot.spec.seed ^ static_cast<std::uint64_t>(now.time_since_epoch().count()));
    slot.seen_echo_failures = 0;
    return;
  }
  slot.echo->change(settings, now);
  if (slot.echo->failures() == slot.seen_echo_failures) return;
  slot.control->echo_failed(now);
  slot.echo.reset();
}

void Engine::set_failed(Slot& slot, bool failed) {
  if (slot.failed == failed) return;
  slot.failed = failed;
  next_hops_.for_each(slot.id, [this, failed](NextHopId next_hop) {
    outside_.set_alive(next_hop, failed ? Alive::kNo : Alive::kYes);
  });
}

void Engine::tell(Slot& slot) {
  const bool told =
      outside_.tell({.session = slot.id,
                     .discriminator = slot.spec.discriminator,
                     .state = slot.state(),
                     .diagnostic = slot.diagnostic(),
                     .remote_state = slot.control ? slot.control->remote_state() : slot.state(),
                     .failures = slot.failures(),
                     .ambiguous = slot.is_ambiguous(),
                     .at = slot.changed_at});
  if (slot.untold == !told) return;
  slot.untold = !told;
  told ? --untold_ : ++untold_;
}

/// Whoever reads the news stands still. To offer them in each loop would cost forwarding a third.
void Engine::tell_again(Instant now) {
  constexpr Interval kPatience = std::chrono::milliseconds{1};
  if (now < retell_at_) return;
  retell_at_ = now + kPatience;
  for (const SessionId id : active_) {
    Slot& slot = slots_[id.value()];
    if (!slot.untold) continue;
    tell(slot);
    if (slot.untold) return;  // no room for others either
  }
}

void Engine::publish(Slot& slot) {
  // The board's lines are cold when a packet comes, and of control packets alone nearly all change
  // nothing there. Echo's figures move with each.
  if (!slot.echo && slot.control) {
    if (slot.published == slot.control->revision()) return;
    slot.published = slot.control->revision();
  } else {
    slot.published = 0;
  }
  slot.show(board_[slot.id]);
}

void Engine::note_lateness(Interval late) {
  const auto nanoseconds = static_cast<std::uint64_t>(late.count());
  board_.timers.add(1);
  board_.lateness_ns.add(nanoseconds);
  if (nanoseconds > board_.worst_lateness_ns.read()) board_.worst_lateness_ns.set(nanoseconds);
}

}  // namespace lastmile::bfd
