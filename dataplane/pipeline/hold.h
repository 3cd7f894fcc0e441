// Packets that wait for a link-layer address (RFC 1122 2.3.2.2: keep at least the latest of them).
//
// The first packet to an unresolved neighbor, and to each unresolved address of a connected subnet,
// opens a wait: the control plane is asked, and the packet and a few after it are kept. When the
// tables have an answer the packets go on; after kHoldTime they are dropped. Memory is bounded by
// construction, and a scan of a connected subnet can't take the room of the routers next door:
// neighbors and subnets have their own waits.
//
// Who uses it: one worker.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/forwarding/spec.h"
#include "dataplane/net/ip.h"
#include "dataplane/pipeline/exits.h"
#include "dataplane/pipeline/icmp_errors.h"
#include "dataplane/pipeline/vector.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/event_ring.h"

namespace lastmile {

inline constexpr std::chrono::milliseconds kHoldTime{1000};
inline constexpr std::chrono::milliseconds kResolutionRequestInterval{200};
/// How often one of those packets asks for which there is no room to wait: a scan fills all of it,
/// and who has not spoken himself would never be found while it lasts. Whose packet it is, is a
/// matter of chance: of the share that he has in what comes.
inline constexpr std::chrono::milliseconds kUnheldRequestInterval{10};
/// How often the tables are asked whether a wait is over.
inline constexpr std::chrono::microseconds kHoldCheckInterval{100};

struct HeldPacket {
  rte_mbuf* packet;
  std::uint8_t* header;    ///< the IP header
  const Ingress* ingress;  ///< lives as long as the worker
};

/// What is waited for.
struct HoldKey {
  NextHopKind kind;  ///< kUnresolved: the next hop's own neighbor; kGlean: the destination
  NextHopId next_hop;
  PortId port;
  IpAddress destination;  ///< of the packet

  [[nodiscard]] bool same_wait(const HoldKey& other) const {
    return next_hop == other.next_hop && kind == other.kind &&
           (kind == NextHopKind::kUnresolved || destination == other.destination);
  }
};

class HoldQueue {
 public:
  static constexpr unsigned kWaits = 64;          ///< for neighbors, and as many for subnets
  static constexpr unsigned kPacketsPerWait = 8;  ///< the latest ones

  HoldQueue(std::uint64_t cycles_per_second, WorkerCounters& counters, EventRing& events,
            Exits& exits, IcmpErrors& errors);
  ~HoldQueue();
  HoldQueue(const HoldQueue&) = delete;
  HoldQueue& operator=(const HoldQueue&) = delete;

  /// Takes the packet over. `now`: cycle counter.
  void hold(const HoldKey& key, const HeldPacket& held, std::uint64_t now);

  [[nodiscard]] bool empty() const { return neighbors_.count + subnets_.count == 0; }
  [[nodiscard]] bool is_due(std::uint64_t now) const { return !empty() && now >= next_check_; }

  /// Ends the waits that `is_over(const HoldKey&)`, handing their packets, oldest first, to
  /// `resume(const HeldPacket&)`, which may hold them again; and drops those that took too long.
  /// Call it when due.
  template <class IsOver, class Resume>
  void service(std::uint64_t now, IsOver&& is_over, Resume&& resume) {
    next_check_ = now + check_interval_;
    for (WaitList* list : {&neighbors_, &subnets_}) {
      // Each wait is looked at once, however many new ones `resume` opens meanwhile.
      for (unsigned i = 0, left = list->count; left > 0; --left) {
        if (is_over(list->waits[i].key)) {
          // Out of the list first: resuming may open a new wait.
          const Wait wait = list->take(i);
          for (unsigned p = 0; p < wait.count; ++p) resume(wait.packets[p]);
          counters_.released_packets.add(wait.count);
        } else if (now >= list->waits[i].deadline) {
          expire(list->take(i), now);
        } else {
          ++i;
        }
      }
    }
  }

 private:
  struct Wait {
    HoldKey key;
    std::uint64_t deadline;
    std::uint64_t next_request;
    unsigned count;
    std::array<HeldPacket, kPacketsPerWait> packets;
  };
  struct WaitList {
    unsigned count = 0;
    std::uint64_t next_unheld_request = 0;
    std::array<Wait, kWaits> waits;

    /// Removes and returns; the last one takes its place.
    Wait take(unsigned index);
  };

  void request(const HoldKey& key);
  void expire(const Wait& wait, std::uint64_t now);

  WorkerCounters& counters_;
  EventRing& events_;
  Exits& exits_;
  IcmpErrors& errors_;
  std::uint64_t hold_cycles_;
  std::uint64_t request_interval_;
  std::uint64_t unheld_request_interval_;
  std::uint64_t check_interval_;
  std::uint64_t next_check_ = 0;
  WaitList neighbors_;
  WaitList subnets_;
};

}  // namespace lastmile
