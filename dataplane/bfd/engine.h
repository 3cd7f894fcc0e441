// All BFD sessions of one worker: whose packet is it, whose timer has run out, whose next hops die.
//
//   Engine engine{outside, board, next_hop_capacity};
//   engine.apply(command, now);                      // from the control thread, each loop
//   engine.receive(port, source, packet, now);       // taken out of the pipeline
//   if (engine.next_deadline() <= now) engine.run(now, now);
//
// A detection changes next hops before anything else is told: set_alive() comes from inside the
// call that noticed. No allocation after construction, no clock, no thread of its own; one worker.
//
// How a control packet finds its session (RFC 5880 section 6.8.6, RFC 5881 section 3): by our
// discriminator if it has one, and then it must have come in on the session's port; else by port
// and sender, because the same link-local address may live on every port. Over several hops
// (RFC 5883 section 4) it is sender and destination in place of the port, both times.
//
// Nearly every packet says what the one before it said, both ways. So what was received last and
// changed nothing is kept, and what was sent last; a packet like it costs a comparison or a copy,
// and what it touches lies side by side (slot.h).
//
// A failure that a restart of the neighbor's control plane may explain (its packets have the C bit
// clear) kills no next hop while the control plane says that there is such a restart (kSpare).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/bfd/bound_next_hops.h"
#include "dataplane/bfd/command.h"
#include "dataplane/bfd/deadline_queue.h"
#include "dataplane/bfd/frame.h"
#include "dataplane/bfd/status.h"

namespace lastmile::bfd {

/// Discriminators carry the session's place, so that no search is needed.
[[nodiscard]] constexpr SessionId session_of(std::uint32_t discriminator) {
  return SessionId{static_cast<std::uint16_t>(discriminator % kMaxSessions)};
}

struct Essence;
struct Slot;

enum class Alive : std::uint8_t { kNo, kYes };

/// What the engine asks of its worker. None of these calls back.
class EngineOutside {
 public:
  virtual ~EngineOutside() = default;
  /// Sends a whole frame by a port; it may be lost, as on any wire. By kAnyPort: the IP packet in
  /// it goes where routes lead, and its Ethernet header means nothing.
  virtual void transmit(PortId port, std::span<const std::uint8_t> frame) = 0;
  virtual void set_alive(NextHopId next_hop, Alive alive) = 0;
  /// False if there is no room now: the engine comes again.
  [[nodiscard]] virtual bool tell(const StateChanged& change) = 0;
};

class Engine {
 public:
  /// `next_hops`: NextHopId values are below it.
  Engine(EngineOutside& outside, StatusBoard& board, std::size_t next_hops);
  ~Engine();

  void apply(const Command& command, Instant now);

  /// A packet for a UDP port of BFD, from its IP header to the end of the frame, as take_apart()
  /// wants it.
  void receive(PortId port, const MacAddress& source, std::span<const std::uint8_t> packet,
               Instant now);
  /// The same, taken apart already.
  void receive(const Datagram& datagram, Instant now);
  /// Counts one that take_apart() refused.
  void refuse(Refusal refusal) { board_.refusals[static_cast<std::size_t>(refusal)].add(1); }

  /// Serves every timer that is due. `detect_until`: silence before this moment counts; earlier
  /// than `now` if packets may lie in a queue unread.
  void run(Instant now, Instant detect_until);
  [[nodiscard]] Instant next_deadline() const {
    return untold_ != 0 ? std::min(retell_at_, queue_.next()) : queue_.next();
  }

  /// There are sessions: BFD's packets are ours and not the kernel's.
  [[nodiscard]] bool has_sessions() const { return !active_.empty(); }
  [[nodiscard]] bool has_multihop_sessions() const { return multihop_sessions_ != 0; }

 private:
  void add(SessionId id, const SessionSpec& spec, Instant now);
  void remove(SessionId id);
  void change(Slot& slot, const SessionParameters& parameters, Instant now);
  void set_admin(Slot& slot, Admin admin, Instant now);
  void bind(const Slot& slot, NextHopId next_hop);
  void unbind(NextHopId next_hop, Alive leave);

  [[nodiscard]] bool receive_again(PortId port, const Essence& essence, Instant now);
  /// The session to which the same octets would be no news, if they were none now; else nullptr.
  Slot* receive_control(const Datagram& datagram, Instant now);
  void receive_echo(const Datagram& datagram, Instant now);
  void reflect(const Datagram& datagram, Instant now);
  [[nodiscard]] Slot* find(std::uint32_t discriminator);
  [[nodiscard]] Slot* find(const Datagram& datagram);
  void refuse(Slot& slot, Refusal refusal);

  [[nodiscard]] bool send_again(Slot& slot, Instant now);
  void serve(Slot& slot, Instant now, Instant detect_until);
  void send_control(Slot& slot, Instant now);
  void send_echo(Slot& slot, Instant now);
  void send(PortId port, const Addresses& addresses, std::span<const std::uint8_t> payload);

  void settle(Slot& slot, Instant now);
  void keep_echo(Slot& slot, Instant now);
  void set_failed(Slot& slot, bool failed);
  void tell(Slot& slot);
  void tell_again(Instant now);
  void publish(Slot& slot);
  void note_lateness(Interval late);

  EngineOutside& outside_;
  StatusBoard& board_;
  std::vector<Slot> slots_;  ///< by SessionId; made once, used again
  std::vector<SessionId> active_;
  unsigned multihop_sessions_ = 0;
  DeadlineQueue queue_{kMaxSessions};
  unsigned untold_ = 0;                 ///< sessions whose news found no room
  Instant retell_at_ = Instant::min();  ///< when they are offered again
  BoundNextHops next_hops_;
};

}  // namespace lastmile::bfd
