#include "drivers/ports/device_string.h"

#include <fmt/format.h>
#include <linux/if_packet.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace lastmile {
namespace {

constexpr std::uint32_t kPage = 4096;

bool all_of(std::string_view text, int (*is_kind)(int)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_kind(static_cast<unsigned char>(c)) != 0;
  });
}

// "[DDDD:]BB:DD.F" as "DDDD:BB:DD.F".
std::optional<std::string> parse_pci(std::string_view text) {
  std::string full(text);
  if (text.size() == 7) full = "0000:" + full;
  if (full.size() != 12 || full[4] != ':' || full[7] != ':' || full[10] != '.') return std::nullopt;
  const std::string_view view = full;
  if (!all_of(view.substr(0, 4), std::isxdigit) || !all_of(view.substr(5, 2), std::isxdigit) ||
      !all_of(view.substr(8, 2), std::isxdigit) || view[11] < '0' || view[11] > '7') {
    return std::nullopt;
  }
  return full;
}

}  // namespace

Result<DeviceString> DeviceString::parse(std::string_view text) {
  DeviceString device;
  std::size_t comma = text.find(',');
  const std::string_view name = text.substr(0, comma);
  if (const auto pci = parse_pci(name)) {
    device.name_ = *pci;
    device.pci_ = true;
  } else if (!name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '_' || c == '-';
             })) {
    device.name_ = name;
  } else {
    return failure(
        fmt::format("'{}' is not a DPDK device; expected a PCI address such as 0000:03:00.1, or a "
                    "driver's name "
                    "and number such as net_af_packet0,iface=eth1",
                    text));
  }
  while (comma != std::string_view::npos) {
    text.remove_prefix(comma + 1);
    comma = text.find(',');
    const std::string_view argument = text.substr(0, comma);
    const std::size_t equals = argument.find('=');
    if (argument.empty() || equals == 0) {
      return failure(
          fmt::format("an argument of device '{}' is empty; expected key=value", device.name_));
    }
    device.arguments_.emplace_back(argument.substr(0, equals), equals == std::string_view::npos
                                                                   ? std::string_view{}
                                                                   : argument.substr(equals + 1));
  }
  return device;
}

bool DeviceString::is(std::string_view driver) const {
  return !pci_ && name_.starts_with(driver);
}

std::optional<std::string> DeviceString::argument(std::string_view key) const {
  for (const auto& [name, value] : arguments_) {
    if (name == key) return value;
  }
  return std::nullopt;
}

void DeviceString::add_default(std::string_view key, const std::string& value) {
  if (!argument(key)) arguments_.emplace_back(key, value);
}

std::string DeviceString::text() const {
  std::string text = name_;
  for (const auto& [key, value] : arguments_) {
    text += ',' + key;
    if (!value.empty()) text += '=' + value;
  }
  return text;
}

AfPacketRing packet_ring_for(std::uint16_t mtu) {
  // Ethernet header, two VLAN tags, and what the kernel puts in front of a received frame.
  constexpr std::uint32_t kLinkLayer = 14 + 2 * 4;
  constexpr auto kHeader = static_cast<std::uint32_t>(TPACKET_ALIGN(TPACKET2_HDRLEN + 16));
  constexpr std::uint32_t kStep = 512;
  AfPacketRing ring;
  ring.frame_size = (mtu + kLinkLayer + kHeader + kStep - 1) / kStep * kStep;
  // The kernel allocates a block as a power of two of pages but maps only what was asked for: take
  // the size that wastes least, among those that frames fill exactly (the driver's arithmetic needs
  // that) and that are small enough to be found in fragmented memory.
  constexpr std::uint32_t kLargestBlock = 64 * kPage;
  const std::uint32_t smallest = static_cast<std::uint32_t>(std::lcm(ring.frame_size, kPage));
  ring.block_size = smallest;
  double best_use = 0;
  for (std::uint32_t size = smallest; size <= std::max(smallest, kLargestBlock); size += smallest) {
    std::uint32_t allocated = kPage;
    while (allocated < size) allocated *= 2;
    const double use = static_cast<double>(size) / allocated;
    if (use >= best_use) {
      best_use = use;
      ring.block_size = size;
    }
  }
  // About 4 MB each way: at 1500 bytes 2000 frames, several milliseconds of a busy veth or 10 Gb/s
  // NIC, which covers a worker that the scheduler kept off its CPU.
  constexpr std::uint32_t kBytes = 4U << 20;
  const std::uint32_t frames_in_block = ring.block_size / ring.frame_size;
  const std::uint32_t blocks =
      std::max<std::uint32_t>(1, (kBytes + ring.block_size - 1) / ring.block_size);
  ring.frame_count = blocks * frames_in_block;
  return ring;
}

std::uint32_t packet_ring_payload(std::uint32_t frame_size) {
  return frame_size - static_cast<std::uint32_t>(TPACKET2_HDRLEN - sizeof(sockaddr_ll));
}

}  // namespace lastmile
