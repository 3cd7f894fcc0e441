// DPDK device strings: what the configuration's `device:` says, taken apart and completed.
//
//   net_af_packet0,iface=up1     a virtual device and its arguments
//   0000:03:00.1                 a PCI address (also with arguments behind a comma)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drivers/driver_error.h"

namespace lastmile {

class DeviceString {
 public:
  /// Errors say what is wrong with the text, not which port it belongs to.
  [[nodiscard]] static Result<DeviceString> parse(std::string_view text);

  /// "net_af_packet0", or the PCI address with its domain.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_pci() const { return pci_; }
  /// True if this is an instance of the virtual driver, e.g. is("net_af_packet"). DPDK takes any
  /// name that begins with the driver's.
  [[nodiscard]] bool is(std::string_view driver) const;
  [[nodiscard]] std::optional<std::string> argument(std::string_view key) const;
  /// Adds an argument unless the user gave it.
  void add_default(std::string_view key, const std::string& value);

  /// Back as text for DPDK.
  [[nodiscard]] std::string text() const;

 private:
  std::string name_;
  bool pci_ = false;
  std::vector<std::pair<std::string, std::string>> arguments_;  // a bare word has no value
};

/// The rings of an AF_PACKET socket (see packet(7), PACKET_RX_RING) fit for an MTU.
struct AfPacketRing {
  std::uint32_t frame_size = 0;   ///< bytes, kernel header included
  std::uint32_t block_size = 0;   ///< bytes, a multiple of the page size and of frame_size
  std::uint32_t frame_count = 0;  ///< a multiple of the frames in a block
};
/// A longer frame than the ring's is truncated at receive and dropped at transmit without a word;
/// so the frame holds the MTU, the Ethernet header, VLAN tags and the kernel's own header.
[[nodiscard]] AfPacketRing packet_ring_for(std::uint16_t mtu);

/// Bytes that an AF_PACKET device copies into one buffer at most, given its frame size.
[[nodiscard]] std::uint32_t packet_ring_payload(std::uint32_t frame_size);

}  // namespace lastmile
