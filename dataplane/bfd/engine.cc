#include "dataplane/bfd/engine.h"
#include "dataplane/net/headers.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace lastmile::bfd {
namespace {

constexpr std::uint16_t kUnbound = 0xffff;
/// Echo packets of others that may come at once, in intervals that we have announced.
constexpr int kReflectBurst = 32;
/// A frame with a control packet without authentication.
constexpr std::size_t kLargestPlain =
    ethernet::kHeaderSize + ipv6::kHeaderSize + udp::kHeaderSize + kControlSize;
/// What a router leaves of a hop limit of 255 when it returns our echo.
constexpr std::uint8_t kReturnedHopLimit = kHopLimit - 1;

std::uint64_t count(Microseconds time) {
  return time.count();
}
std::uint64_t count(Interval time) {
  return static_cast<std::uint64_t>(time.count());
}

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

/// The octets of a control packet that say all that receive_control() asks: from the addresses of
/// its IP header to its end, the UDP checksum over them among it.
struct Engine::Essence {
  static constexpr std::size_t kIpv4 = 2 * 4 + udp::kHeaderSize + kControlSize;
  static constexpr std::size_t kIpv6 = 2 * 16 + udp::kHeaderSize + kControlSize;

  std::span<const std::uint8_t> octets;  ///< kIpv4 or kIpv6 of them; none: no such packet

  /// Of a packet of one hop, whole and no longer than it must be, without IP options or
  /// authentication.
  static Essence of(std::span<const std::uint8_t> packet) {
    constexpr std::size_t kUdpSize = udp::kHeaderSize + kControlSize;
    if (packet.size() >= ipv6::kSource + kIpv6 && packet[0] >> 4U == 6) {
      const bool plain = packet[ipv6::kHopLimit] == kHopLimit &&
                         load_be16(&packet[ipv6::kPayloadLength]) == kUdpSize;
      return {plain ? packet.subspan(ipv6::kSource, kIpv6) : std::span<const std::uint8_t>{}};
    }
    const bool plain = packet.size() >= ipv4::kSource + kIpv4 && packet[0] == 0x45 &&
                       packet[ipv4::kTtl] == kHopLimit &&
                       load_be16(&packet[ipv4::kTotalLength]) == ipv4::kHeaderSize + kUdpSize;
    return {plain ? packet.subspan(ipv4::kSource, kIpv4) : std::span<const std::uint8_t>{}};
  }
  [[nodiscard]] std::uint32_t your_discriminator() const {
    return load_be32(octets.data() + octets.size() - kControlSize + 8);
  }
  /// Sizes are constants, so that it is a few loads and no call.
  [[nodiscard]] bool is(const std::uint8_t* other) const {
    return octets.size() == kIpv6 ? std::memcmp(octets.data(), other, kIpv6) == 0
                                  : std::memcmp(octets.data(), other, kIpv4) == 0;
  }
};

/// A packet that says nothing new touches, of all this, what lies in front of `echo`.
struct alignas(64) Engine::Slot {
  /// Essence of a packet that changed nothing when `control` was at the revision `heard` (0: of
  /// none).
  std::array<std::uint8_t, Essence::kIpv6> heard_octets;
  std::uint32_t heard = 0;
  std::uint8_t heard_size = 0;
  /// The frame that `control` sent at the revision `said` (0: none), and would send again.
  std::uint8_t said_size = 0;
  PortId port{};  ///< as in `spec`
  std::uint32_t said = 0;
  std::uint32_t published = 0;  ///< the revision of `control` that the board shows whole; 0: none
  SessionId id{};
  bool used = false;
  Admin admin = Admin::kEnabled;

  bool failed = false;  ///< its next hops are dead
  bool spared = false;  ///< Command::Kind::kSpare
  bool untold = false;
  State told_state = State::kDown;
  std::uint16_t first_hop = 0;
  Instant changed_at{};  ///< when it became `told_state`, or failed
  Instant reflect_at{};  ///< when the next echo of the other side's is in its rate
  std::uint32_t seen_failures = 0;
  std::uint32_t seen_echo_failures = 0;

  alignas(64) std::optional<Session> control;  ///< none with unaffiliated echo
  alignas(64) std::array<std::uint8_t, kLargestPlain> said_octets;
  std::optional<EchoProbe> echo;  ///< while the mode and the other side want it
  SessionSpec spec;

  /// From now on, or for now, more may have to be done than to take and to send the same again.
  void forget_routine() { heard = said = 0; }
  /// Asks the caches for what sending again touches. Inlined by force: GCC drops calls of functions
  /// that do nothing else.
  [[gnu::always_inline]] void prefetch() const {
    constexpr std::size_t kLine = 64;
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(&heard);
    const auto* const end = said_octets.data() + said_octets.size();
    for (const std::uint8_t* line = begin; line < end; line += kLine) __builtin_prefetch(line, 1);
  }
  [[nodiscard]] bool resolved() const { return spec.is_multihop() || !spec.remote_mac.is_zero(); }
  [[nodiscard]] State state() const {
    if (control) return control->state();
    if (admin == Admin::kDown) return State::kAdminDown;
    return echo ? echo->state() : State::kDown;
  }
  [[nodiscard]] std::uint32_t failures() const {
    return control ? control->failures() : (echo ? echo->failures() : 0);
  }
  [[nodiscard]] Diagnostic diagnostic() const {
    if (control) return control->diagnostic();
    if (admin == Admin::kDown) return Diagnostic::kAdministrativelyDown;
    return failures() > 0 && state() == State::kDown ? Diagnostic::kEchoFailed : Diagnostic::kNone;
  }
  /// RFC 5882 section 4.3: a neighbor whose BFD shares fate with its control plane falls silent, or
  /// begins anew, when that restarts. Its echo is its forwarding's, and a dead link is a dead link.
  [[nodiscard]] bool is_ambiguous() const {
    if (!control || control->remote_flags().control_plane_independent) return false;
    return control->last_down_reason() == Diagnostic::kDetectionTimeExpired ||
           control->last_down_reason() == Diagnostic::kNeighborSignaledDown;
  }
  [[nodiscard]] Instant deadline() const {
    Instant at = kNever;
    if (control) at = control->deadline();
    if (echo && admin == Admin::kEnabled) at = std::min(at, echo->deadline());
    return at;
  }
};

Engine::Engine(EngineOutside& outside, StatusBoard& board, std::size_t next_hops)
    : outside_(outside),
      board_(board),
      slots_(kMaxSessions),
      next_(next_hops, 0),
      owner_(next_hops, kUnbound) {
  for (std::uint16_t i = 0; i < kMaxSessions; ++i) slots_[i].id = SessionId{i};
  active_.reserve(kMaxSessions);
}

Engine::~Engine() = default;

// --- commands ------------------------------------------------------------------------------------

void Engine::apply(const Command& command, Instant now) {
  using Kind = Command::Kind;
  if (command.kind == Kind::kAdd) return add(command.session, command.spec, now);
  Slot& slot = slots_[command.session.value()];
  if (!slot.used) return;
  slot.forget_routine();
  switch (command.kind) {
    case Kind::kAdd:
      return;
    case Kind::kRemove:
      return remove(command.session);
    case Kind::kChange:
      change(slot, command.spec.parameters, now);
      break;
    case Kind::kResolve:
      slot.spec.remote_mac = command.spec.remote_mac;
      if (slot.control) slot.control->remind();
      break;
    case Kind::kEnable:
      set_admin(slot, Admin::kEnabled, now);
      break;
    case Kind::kAdminDown:
      set_admin(slot, Admin::kDown, now);
      break;
    case Kind::kPathDown:
      if (slot.control) slot.control->path_down(now);
      if (!slot.control && slot.echo) slot.echo->fail(now);
      break;
    case Kind::kForgive:
      set_failed(slot, false);
      break;
    case Kind::kSpare:
      slot.spared = true;
      if (slot.is_ambiguous()) set_failed(slot, false);
      break;
    case Kind::kHeed:
      slot.spared = false;
      break;
    case Kind::kBind:
      return bind(command.session, slot, command.next_hop);
    case Kind::kRelease:
      return unbind(command.next_hop, Alive::kNo);
    case Kind::kUnbind:
      return unbind(command.next_hop, Alive::kYes);
  }
  serve(slot, now, now);
}

void Engine::add(SessionId id, const SessionSpec& spec, Instant now) {
  Slot& slot = slots_[id.value()];
  if (slot.used) remove(id);
  slot = Slot{};
  slot.used = true;
  slot.id = id;
  slot.port = spec.port;
  slot.spec = spec;
  if (spec.parameters.echo_mode == EchoMode::kUnaffiliated) {
    slot.echo.emplace(spec.discriminator, spec.port, spec.parameters.echo, spec.echo_key,
                      spec.seed);
  } else {
    slot.control.emplace(spec.discriminator, spec.parameters.control, spec.seed);
  }
  active_.push_back(id);
  if (spec.is_multihop()) ++multihop_sessions_;
  board_[id].sent.set(0), board_[id].received.set(0), board_[id].refused.set(0);
  board_[id].echo_reflected.set(0);
  queue_.set(id.value(), now);
  publish(slot);
}

void Engine::remove(SessionId id) {
  Slot& slot = slots_[id.value()];
  while (slot.first_hop != 0) unbind(NextHopId{slot.first_hop}, Alive::kYes);
  if (slot.untold) --untold_;
  if (slot.spec.is_multihop()) --multihop_sessions_;
  slot.used = false;
  slot.forget_routine();
  queue_.remove(id.value());
  std::erase(active_, id);
  board_[id].discriminator.set(0);
}

void Engine::change(Slot& slot, const SessionParameters& parameters, Instant now) {
  // From unaffiliated echo to control packets, or back, is another session: the control plane makes
  // one.
  slot.spec.parameters = parameters;
  if (slot.control) slot.control->change(parameters.control, now);
  if (slot.echo && !slot.control) slot.echo->change(parameters.echo, now);
}

void Engine::set_admin(Slot& slot, Admin admin, Instant now) {
  slot.admin = admin;
  if (slot.control) slot.control->set_admin(admin, now);
  if (slot.echo) slot.echo->reset(now);
  if (admin == Admin::kDown) set_failed(slot, false);
}

void Engine::bind(SessionId id, Slot& slot, NextHopId next_hop) {
  const std::uint16_t hop = next_hop.value();
  if (hop == 0 || hop >= owner_.size()) return;
  if (owner_[hop] != kUnbound) unbind(next_hop, Alive::kYes);
  owner_[hop] = id.value();
  next_[hop] = slot.first_hop;
  slot.first_hop = hop;
  if (slot.failed) outside_.set_alive(next_hop, Alive::kNo);
}

void Engine::unbind(NextHopId next_hop, Alive leave) {
  const std::uint16_t hop = next_hop.value();
  if (hop >= owner_.size() || owner_[hop] == kUnbound) return;
  Slot& slot = slots_[owner_[hop]];
  std::uint16_t* link = &slot.first_hop;
  while (*link != hop) link = &next_[*link];
  *link = next_[hop];
  owner_[hop] = kUnbound;
  if (slot.failed && leave == Alive::kYes) outside_.set_alive(next_hop, Alive::kYes);
}

void Engine::set_failed(Slot& slot, bool failed) {
  if (slot.failed == failed) return;
  slot.failed = failed;
  for (std::uint16_t hop = slot.first_hop; hop != 0; hop = next_[hop]) {
    outside_.set_alive(NextHopId{hop}, failed ? Alive::kNo : Alive::kYes);
  }
}

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

Engine::Slot* Engine::find(std::uint32_t discriminator) {
  Slot& slot = slots_[session_of(discriminator).value()];
  return slot.used && slot.spec.discriminator == discriminator ? &slot : nullptr;
}

Engine::Slot* Engine::find(const Datagram& datagram) {
  const auto found = std::find_if(active_.begin(), active_.end(), [&](SessionId id) {
    const SessionSpec& spec = slots_[id.value()].spec;
    if (spec.remote != datagram.source) return false;
    return datagram.destination_port == kMultihopPort
               ? spec.is_multihop() && spec.local == datagram.destination
               : spec.port == datagram.port;
  });
  return found == active_.end() ? nullptr : &slots_[found->value()];
}

Engine::Slot* Engine::receive_control(const Datagram& datagram, Instant now) {
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
  SessionStatus& status = board_[slot.id];
  status.discriminator.set(slot.spec.discriminator);
  status.state.set(static_cast<std::uint64_t>(slot.state()));
  status.diagnostic.set(static_cast<std::uint64_t>(slot.diagnostic()));
  status.failures.set(slot.failures());
  if (slot.control) {
    const Session& control = *slot.control;
    status.remote_state.set(static_cast<std::uint64_t>(control.remote_state()));
    status.remote_diagnostic.set(static_cast<std::uint64_t>(control.remote_diagnostic()));
    status.last_down_reason.set(static_cast<std::uint64_t>(control.last_down_reason()));
    status.remote_discriminator.set(control.remote_discriminator());
    status.remote_multiplier.set(control.remote_multiplier());
    status.transmit_interval_us.set(count(control.transmit_interval()));
    status.receive_interval_us.set(count(control.settings().required_min_rx));
    status.detection_us.set(count(control.detection_time()));
    status.polling.set(control.polling() ? 1 : 0);
    status.remote_demand.set(control.remote_flags().demand ? 1 : 0);
    status.remote_independent.set(control.remote_flags().control_plane_independent ? 1 : 0);
    status.changes.set(control.changes());
    status.longest_gap_ns.set(count(control.longest_gap()));
  } else if (slot.echo) {
    status.remote_state.set(static_cast<std::uint64_t>(slot.echo->state()));
    status.last_down_reason.set(static_cast<std::uint64_t>(
        slot.echo->failures() > 0 ? Diagnostic::kEchoFailed : Diagnostic::kNone));
    status.transmit_interval_us.set(count(slot.echo->interval()));
    status.receive_interval_us.set(count(slot.echo->interval()));
    status.detection_us.set(count(slot.echo->detection_time()));
    status.longest_gap_ns.set(count(slot.echo->longest_gap()));
  }
  if (!slot.echo) return status.echo_state.set(static_cast<std::uint64_t>(State::kAdminDown));
  const EchoProbe& echo = *slot.echo;
  status.echo_state.set(static_cast<std::uint64_t>(echo.state()));
  status.echo_interval_us.set(count(echo.interval()));
  status.echo_detection_us.set(count(echo.detection_time()));
  status.echo_sent.set(echo.sent());
  status.echo_returned.set(echo.returned());
  status.echo_failures.set(echo.failures());
  status.round_trip_ns.set(count(echo.round_trip().last));
  status.round_trip_mean_ns.set(count(echo.round_trip().mean));
  status.round_trip_jitter_ns.set(count(echo.round_trip().jitter));
  status.round_trip_shortest_ns.set(count(echo.round_trip().shortest));
  status.round_trip_longest_ns.set(count(echo.round_trip().longest));
}

void Engine::note_lateness(Interval late) {
  const std::uint64_t nanoseconds = count(late);
  board_.timers.add(1);
  board_.lateness_ns.add(nanoseconds);
  if (nanoseconds > board_.worst_lateness_ns.read()) board_.worst_lateness_ns.set(nanoseconds);
}

}  // namespace lastmile::bfd
