// TCP packets, and segments as the kernel hands them to a device, for tests.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/segments/tcp_packet.h"
#include "dataplane/segments/virtio.h"

namespace lastmile::test {

using Octets = std::vector<std::uint8_t>;

enum class IpVersion : std::uint8_t { k4, k6 };
enum class TcpSum : std::uint8_t { kRight, kWrong, kPartial };

/// What is in the frame of a TCP packet.
struct TcpFrame {
  IpVersion version = IpVersion::k4;
  std::uint8_t host = 1;  ///< last byte of the source
  std::uint16_t source_port = 40000;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgment = 77;
  std::uint8_t flags = tcp::kAck;
  std::uint16_t window = 500;
  std::uint16_t urgent = 0;
  std::uint8_t traffic_class = 0;
  std::uint8_t hops = 64;
  std::uint16_t fragment = ipv4::kDontFragment;
  std::uint16_t identification = 100;
  std::uint32_t flow_label = 0;
  Octets options = {};
  std::size_t payload = 100;
  std::uint8_t first_byte = 0;  ///< of the payload, which counts up from it
  std::size_t padding = 0;
  TcpSum sum = TcpSum::kRight;

  [[nodiscard]] Octets bytes() const {
    Octets frame(12, 0x02);
    const auto tcp_length = static_cast<std::uint16_t>(tcp::kHeaderSize + options.size() + payload);
    if (version == IpVersion::k4) {
      put16(frame, ethernet::kIpv4);
      put_ipv4(frame, tcp_length);
    } else {
      put16(frame, ethernet::kIpv6);
      put_ipv6(frame, tcp_length);
    }
    const std::size_t at = frame.size();
    put16(frame, source_port);
    put16(frame, 80);
    put32(frame, sequence);
    put32(frame, acknowledgment);
    frame.push_back(static_cast<std::uint8_t>((tcp::kHeaderSize + options.size()) / 4 << 4));
    frame.push_back(flags);
    put16(frame, window);
    put16(frame, 0);
    put16(frame, urgent);
    frame.insert(frame.end(), options.begin(), options.end());
    for (std::size_t i = 0; i < payload; ++i) {
      // Of a period that no payload length hides.
      frame.push_back(static_cast<std::uint8_t>(first_byte + i + i / 251));
    }
    put_sum(frame, at, tcp_length);
    frame.resize(frame.size() + padding);
    return frame;
  }

 private:
  static void put16(Octets& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
  }
  static void put32(Octets& to, std::uint32_t value) {
    put16(to, value >> 16);
    put16(to, value & 0xffff);
  }
  void put_ipv4(Octets& frame, std::uint16_t tcp_length) const {
    const std::size_t at = frame.size();
    frame.push_back(0x45);
    frame.push_back(traffic_class);
    put16(frame, ipv4::kHeaderSize + tcp_length);
    put16(frame, identification);
    put16(frame, fragment);
    frame.push_back(hops);
    frame.push_back(protocol::kTcp);
    put16(frame, 0);
    for (const int byte : {10, 0, 0, int{host}, 10, 9, 9, 9}) {
      frame.push_back(static_cast<std::uint8_t>(byte));
    }
    store_raw(&frame[at + ipv4::kChecksum], internet_checksum({&frame[at], ipv4::kHeaderSize}));
  }
  void put_ipv6(Octets& frame, std::uint16_t tcp_length) const {
    put32(frame, 0x60000000U | std::uint32_t{traffic_class} << 20U | flow_label);
    put16(frame, tcp_length);
    frame.push_back(protocol::kTcp);
    frame.push_back(hops);
    for (const std::uint8_t last : {host, std::uint8_t{99}}) {
      put32(frame, 0x20010db8);
      frame.resize(frame.size() + 11);
      frame.push_back(last);
    }
  }
  void put_sum(Octets& frame, std::size_t at, std::uint16_t tcp_length) const {
    const auto packet = segments::plain_tcp(frame);
    // Fragments are none; what they have there nobody looks at.
    if (!packet) return;
    const std::uint16_t pseudo = segments::pseudo_sum(*packet, tcp_length);
    const auto whole =
        static_cast<std::uint16_t>(~ones_complement_sum({&frame[at], tcp_length}, pseudo));
    std::uint16_t value = whole;
    if (sum == TcpSum::kPartial) value = pseudo;
    if (sum == TcpSum::kWrong) value = static_cast<std::uint16_t>(whole ^ 0x0101);
    store_raw(&frame[at + tcp::kChecksum], value);
  }
};

/// What the kernel says of a segment.
inline segments::VirtioHeader segment_facts(const TcpFrame& frame, std::uint16_t segment_size) {
  const bool is_ipv4 = frame.version == IpVersion::k4;
  const std::size_t tcp = ethernet::kHeaderSize + (is_ipv4 ? ipv4::kHeaderSize : ipv6::kHeaderSize);
  segments::VirtioHeader virtio{};
  virtio.flags = segments::VirtioHeader::kNeedsSum;
  virtio.gso_type = is_ipv4 ? segments::VirtioHeader::kTcpv4 : segments::VirtioHeader::kTcpv6;
  virtio.header_length = static_cast<std::uint16_t>(tcp + tcp::kHeaderSize + frame.options.size());
  virtio.segment_size = segment_size;
  virtio.sum_start = static_cast<std::uint16_t>(tcp);
  virtio.sum_offset = tcp::kChecksum;
  return virtio;
}

}  // namespace lastmile::test
