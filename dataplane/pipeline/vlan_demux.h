// Which port a frame is for that comes in by a device with VLANs.
//
//   burst ─┬─ no tag, or one for a priority alone ──> the port without a VLAN
//          ├─ the tags of a port ───────────────────> that port
//          └─ tags of no port ──────────────────────> drop
//
// Tags are taken off here, so that all that follows sees a frame as if the port had a device of its
// own; transmit buffers put them on again. A device whose one port has no VLAN has no demux, and
// pays nothing.
//
//   demux.add(port.vlan, ingress, port.outer_tag);
//   demux.split(packets, drop);
//   demux.take([&](const Ingress& ingress, std::span<rte_mbuf* const> packets) { … });
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/net/vlan.h"
#include "dataplane/pipeline/exits.h"
#include "dataplane/pipeline/vector.h"
#include "dataplane/worker/port.h"

namespace lastmile {

/// The ports of one device. Who uses it: one worker.
class VlanDemux {
 public:
  /// `ingress` is of a port with these tags, or with none; no two ports have the same. It outlives
  /// this.
  void add(const VlanTags& tags, const Ingress& ingress, OuterTag outer);

  /// Takes up to kVectorSize packets over; what is for no port is dropped. Returns how many were.
  unsigned split(std::span<rte_mbuf* const> packets, Exits& exits);
  /// Hands over what split() has sorted: `visit(const Ingress&, std::span<rte_mbuf* const>)` for
  /// each port that has any.
  template <class Visitor>
  void take(Visitor&& visit) {
    for (const auto& lane : lanes_) {
      if (lane->count == 0) continue;
      visit(*lane->ingress,
            std::span<rte_mbuf* const>{lane->packets.data(), std::exchange(lane->count, 0)});
    }
  }

 private:
  struct Lane {
    const Ingress* ingress;
    unsigned count = 0;
    std::array<rte_mbuf*, kVectorSize> packets{};
  };
  /// Open addressing: twice kMaxPorts keys at most, so that half of it stays empty.
  static constexpr unsigned kSlotBits = 7;
  static constexpr unsigned kSlots = 1U << kSlotBits;
  static_assert(kSlots >= 4 * kMaxPorts);
  struct Slot {
    std::uint32_t key = 0;  // 0: empty; no VLAN's
    Lane* lane = nullptr;
  };

  void insert(std::uint32_t key, Lane* lane);
  [[nodiscard]] Lane* find(std::uint32_t key) const;
  /// The frame's lane, tags taken off; or nullptr, and why.
  [[nodiscard]] Lane* sort(rte_mbuf* packet, DropReason& reason);

  std::vector<std::unique_ptr<Lane>> lanes_;
  Lane* untagged_ = nullptr;  // nullptr: every port has a VLAN
  std::array<Slot, kSlots> slots_{};
};

}  // namespace lastmile
