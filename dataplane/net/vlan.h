// VLAN tags (IEEE 802.1Q): which of several VLANs on one link a port is, and how that stands in a
// frame.
//
//   ┌──────────────┬────────────────────────────────────┐
//   │ dst, src MAC │ EtherType, packet                  │   no tag
//   │ dst, src MAC │ 8100 TCI │ EtherType, packet       │   one tag: customer (802.1Q)
//   │ dst, src MAC │ 88a8 TCI │ 8100 TCI │ EtherType, … │   two: service (802.1ad), customer; QinQ
//   └──────────────┴────────────────────────────────────┘
//
// The TCI holds a priority (not used here: sent as 0, ignored when received) and the VLAN's number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/net/headers.h"
#include "dataplane/net/strong_id.h"

namespace lastmile {

/// Number of a VLAN, 1 to 4094. In a frame 0 is no VLAN (a tag that carries a priority alone), and
/// 4095 is reserved.
using VlanId = StrongId<struct VlanIdTag, std::uint16_t>;

/// What a tag, or the outer one of two, is: its EtherType.
enum class VlanProtocol : std::uint16_t {
  kCustomer = ethernet::kVlan,        ///< IEEE 802.1Q
  kService = ethernet::kServiceVlan,  ///< IEEE 802.1ad, now a part of 802.1Q
};

/// The tags of a port's frames: none, one, or an outer and an inner one.
class VlanTags {
 public:
  static constexpr unsigned kTagSize = 4;
  static constexpr unsigned kMostBytes = 2 * kTagSize;
  static constexpr std::uint16_t kIdMask = 0x0fff;  ///< of a TCI

  constexpr VlanTags() = default;
  constexpr VlanTags(VlanProtocol protocol, VlanId id) : VlanTags(protocol, id, VlanId{}) {}
  constexpr VlanTags(VlanProtocol protocol, VlanId outer, VlanId inner)
      : protocol_(protocol), outer_(outer), inner_(inner) {}

  [[nodiscard]] constexpr bool empty() const { return outer_ == VlanId{}; }
  [[nodiscard]] constexpr VlanProtocol protocol() const { return protocol_; }
  [[nodiscard]] constexpr VlanId outer() const { return outer_; }
  /// 0: there is one tag only.
  [[nodiscard]] constexpr VlanId inner() const { return inner_; }

  /// Bytes that they take in a frame.
  [[nodiscard]] constexpr unsigned size() const {
    return (empty() ? 0 : kTagSize) + (inner_ == VlanId{} ? 0 : kTagSize);
  }
  /// By how much they make a frame longer than every Ethernet device takes: one 802.1Q tag is
  /// granted everywhere beyond the MTU (IEEE 802.3as), anything more counts.
  [[nodiscard]] constexpr unsigned beyond_mtu() const {
    const bool granted = !empty() && protocol_ == VlanProtocol::kCustomer;
    return size() - (granted ? kTagSize : 0);
  }
  /// As they stand in a frame, in the first size() bytes.
  [[nodiscard]] std::array<std::uint8_t, kMostBytes> wire() const {
    std::array<std::uint8_t, kMostBytes> bytes{};
    store_be16(bytes.data(), static_cast<std::uint16_t>(protocol_));
    store_be16(bytes.data() + 2, outer_.value());
    store_be16(bytes.data() + 4, ethernet::kVlan);
    store_be16(bytes.data() + 6, inner_.value());
    return bytes;
  }

  friend constexpr bool operator==(const VlanTags&, const VlanTags&) = default;

 private:
  VlanProtocol protocol_ = VlanProtocol::kCustomer;
  VlanId outer_{};
  VlanId inner_{};
};

}  // namespace lastmile
