// The pcapng format (draft-ietf-opsawg-pcapng), as much of it as a capture needs: blocks, appended
// to a string, in this machine's byte order.
//
//   std::string out;
//   pcapng::append_section(out, "lastmiled 0.1.0");
//   pcapng::append_interface(out, {.name = "up1", .snap = 65535});            // number 0
//   pcapng::append_packet(out, {.interface = 0, .at = time, .octets = frame, .length = 1514});
//   pcapng::append_statistics(out, {.interface = 0, .at = time, .received = 1, .lost = 0});
//
// Not librte_pcapng: it wants packet buffers and a file, and comments only since DPDK 23.11.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lastmile::pcapng {

using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The first block of a file.
void append_section(std::string& out, std::string_view application);

struct Interface {
  std::string_view name{};
  std::string_view description{};
  std::uint32_t snap = 0;  ///< longest copy of a packet
};
/// Interfaces are numbered from 0 in the order of their blocks. They carry Ethernet.
void append_interface(std::string& out, const Interface& interface);

enum class Direction : std::uint8_t { kUnknown = 0, kInbound = 1, kOutbound = 2 };

struct Packet {
  std::uint32_t interface = 0;
  Time at{};
  std::span<const std::uint8_t> octets{};
  std::uint32_t length = 0;  ///< of the frame, without FCS
  Direction direction = Direction::kUnknown;
  std::string_view comment{};
};
void append_packet(std::string& out, const Packet& packet);

struct Statistics {
  std::uint32_t interface = 0;
  Time at{};
  std::uint64_t received = 0;
  std::uint64_t lost = 0;
};
void append_statistics(std::string& out, const Statistics& statistics);

}  // namespace lastmile::pcapng
