// Builds packets for tests and benchmarks, layer by layer, right by default and wrong on request:
//
//   Packet().eth(router, leaf).ipv4("10.0.0.1", "10.0.2.2").udp(1000, 53).payload(18).bytes();
//   Packet().eth(router, leaf).ipv4("10.0.0.1", "10.0.2.2").ttl(1).bad_checksum().udp(1, 2);
//
// Lengths, checksums and protocol numbers are filled in by bytes(), unless a test has set them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/net/checksum.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

namespace lastmile::test {

using Bytes = std::vector<std::uint8_t>;

inline const MacAddress kBroadcastMac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

inline Ipv4Address ip4(std::string_view text) {
  if (const auto address = Ipv4Address::parse(text)) return *address;
  throw std::invalid_argument("not an IPv4 address");
}
inline Ipv6Address ip6(std::string_view text) {
  if (const auto address = Ipv6Address::parse(text)) return *address;
  throw std::invalid_argument("not an IPv6 address");
}

class Packet {
 public:
  // ---- Ethernet
  Packet& eth(const MacAddress& destination, const MacAddress& source) {
    destination_mac_ = destination;
    source_mac_ = source;
    return *this;
  }
  Packet& ethertype(std::uint16_t type) {
    ethertype_ = type;
    return *this;
  }
  /// Zeros behind the packet, up to a frame of `size` bytes.
  Packet& padded_to(std::size_t size) {
    padded_to_ = size;
    return *this;
  }
  /// Cuts the finished frame.
  Packet& cut_to(std::size_t size) {
    cut_to_ = size;
    return *this;
  }

  // ---- IPv4
  Packet& ipv4(std::string_view source, std::string_view destination) {
    return ipv4(ip4(source), ip4(destination));
  }
  Packet& ipv4(Ipv4Address source, Ipv4Address destination) {
    family_ = Family::kIpv4;
    source4_ = source;
    destination4_ = destination;
    return *this;
  }
  Packet& version(std::uint8_t value) {
    version_ = value;
    return *this;
  }
  /// The header length field, in 32-bit words, whatever the header's real length.
  Packet& header_words(std::uint8_t value) {
    header_words_ = value;
    return *this;
  }
  Packet& total_length(std::uint16_t value) {
    length_ = value;
    return *this;
  }
  Packet& ttl(std::uint8_t value) {
    hops_ = value;
    return *this;
  }
  Packet& dont_fragment() {
    fragment_field_ |= 0x4000;
    return *this;
  }
  Packet& more_fragments() {
    fragment_field_ |= 0x2000;
    return *this;
  }
  /// DSCP and ECN, of IPv6, too.
  Packet& traffic_class(std::uint8_t value) {
    traffic_class_ = value;
    return *this;
  }
  /// In units of 8 bytes.
  Packet& fragment_offset(std::uint16_t units) {
    fragment_field_ = static_cast<std::uint16_t>(fragment_field_ | units);
    return *this;
  }
  /// Padded with end-of-list to a whole number of words.
  Packet& options(Bytes bytes) {
    while (bytes.size() % 4 != 0) bytes.push_back(0);
    options_ = std::move(bytes);
    return *this;
  }
  Packet& bad_checksum() {
    checksum_error_ = 0x0101;
    return *this;
  }

  // ---- IPv6
  Packet& ipv6(std::string_view source, std::string_view destination) {
    return ipv6(ip6(source), ip6(destination));
  }
  Packet& ipv6(const Ipv6Address& source, const Ipv6Address& destination) {
    family_ = Family::kIpv6;
    source6_ = source;
    destination6_ = destination;
    return *this;
  }
  Packet& hop_limit(std::uint8_t value) { return ttl(value); }
  Packet& payload_length(std::uint16_t value) { return total_length(value); }

  /// 20 bits.
  Packet& flow_label(std::uint32_t value) {
    flow_label_ = value;
    return *this;
  }

  // ---- above IP
  Packet& protocol(std::uint8_t value) {
    protocol_ = value;
    return *this;
  }
  Packet& udp(std::uint16_t source_port, std::uint16_t destination_port) {
    return ports(17, 8, source_port, destination_port);
  }
  Packet& tcp(std::uint16_t source_port, std::uint16_t destination_port) {
    return ports(6, 20, source_port, destination_port);
  }
  /// Of the TCP header that is there already: 0x02 SYN, 0x10 ACK.
  Packet& tcp_flags(std::uint8_t flags) {
    transport_.at(13) = flags;
    return *this;
  }
  Packet& icmp(std::uint8_t type) {
    protocol_ = family_ == Family::kIpv6 ? 58 : 1;
    transport_ = {type, 0, 0, 0, 0, 0, 0, 0};
    return *this;
  }
  /// Bytes behind the transport header, counting up from 0.
  Packet& payload(Bytes bytes) {
    payload_ = std::move(bytes);
    return *this;
  }
  Packet& payload(std::size_t size) {
    payload_.resize(size);
    for (std::size_t i = 0; i < size; ++i) payload_[i] = static_cast<std::uint8_t>(i);
    return *this;
  }

  /// The frame.
  [[nodiscard]] Bytes bytes() const {
    Bytes frame;
    append(frame, destination_mac_.bytes());
    append(frame, source_mac_.bytes());
    append16(frame, ethertype_.value_or(default_ethertype()));
    if (family_ == Family::kIpv4) append_ipv4(frame);
    if (family_ == Family::kIpv6) append_ipv6(frame);
    append(frame, transport_);
    append(frame, payload_);
    if (frame.size() < padded_to_) frame.resize(padded_to_);
    if (cut_to_) frame.resize(*cut_to_);
    return frame;
  }

 private:
  enum class Family : std::uint8_t { kNone, kIpv4, kIpv6 };

  template <class Range>
  static void append(Bytes& to, const Range& from) {
    to.insert(to.end(), from.begin(), from.end());
  }
  static void append16(Bytes& to, std::uint16_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value & 0xff));
  }

  Packet& ports(std::uint8_t ip_protocol, std::size_t header_size, std::uint16_t source,
                std::uint16_t destination) {
    protocol_ = ip_protocol;
    transport_.clear();
    append16(transport_, source);
    append16(transport_, destination);
    transport_.resize(header_size);
    return *this;
  }

  [[nodiscard]] std::uint16_t default_ethertype() const {
    return family_ == Family::kIpv6 ? 0x86dd : 0x0800;
  }

  void append_ipv4(Bytes& frame) const {
    const std::size_t header_size = 20 + options_.size();
    const std::size_t total = header_size + transport_.size() + payload_.size();
    Bytes header;
    const auto words = header_words_.value_or(static_cast<std::uint8_t>(header_size / 4));
    header.push_back(static_cast<std::uint8_t>(version_.value_or(4) << 4 | words));
    header.push_back(traffic_class_);
    append16(header, length_.value_or(static_cast<std::uint16_t>(total)));
    append16(header, 0x1234);
    append16(header, fragment_field_);
    header.push_back(hops_);
    header.push_back(protocol_);
    append16(header, 0);
    append(header, source4_.to_wire());
    append(header, destination4_.to_wire());
    append(header, options_);
    const auto checksum = static_cast<std::uint16_t>(internet_checksum(header) ^ checksum_error_);
    std::memcpy(header.data() + 10, &checksum, sizeof checksum);
    append(frame, header);
  }

  void append_ipv6(Bytes& frame) const {
    const std::size_t length = transport_.size() + payload_.size();
    frame.push_back(static_cast<std::uint8_t>(version_.value_or(6) << 4 | traffic_class_ >> 4));
    frame.push_back(static_cast<std::uint8_t>((traffic_class_ & 0xfU) << 4 | flow_label_ >> 16));
    append16(frame, static_cast<std::uint16_t>(flow_label_ & 0xffff));
    append16(frame, length_.value_or(static_cast<std::uint16_t>(length)));
    frame.push_back(protocol_);
    frame.push_back(hops_);
    append(frame, source6_.bytes());
    append(frame, destination6_.bytes());
  }

  MacAddress destination_mac_;
  MacAddress source_mac_;
  std::optional<std::uint16_t> ethertype_;
  std::size_t padded_to_ = 0;
  std::optional<std::size_t> cut_to_;

  Family family_ = Family::kNone;
  Ipv4Address source4_;
  Ipv4Address destination4_;
  Ipv6Address source6_;
  Ipv6Address destination6_;
  std::optional<std::uint8_t> version_;
  std::optional<std::uint8_t> header_words_;
  std::optional<std::uint16_t> length_;
  std::uint8_t hops_ = 64;
  std::uint8_t protocol_ = 253;  // for experiments (RFC 3692)
  std::uint16_t fragment_field_ = 0;
  std::uint8_t traffic_class_ = 0;
  std::uint32_t flow_label_ = 0;
  std::uint16_t checksum_error_ = 0;
  Bytes options_;
  Bytes transport_;
  Bytes payload_;
};

}  // namespace lastmile::test
