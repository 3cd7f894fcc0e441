#include "dataplane/segments/merge.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"

namespace lastmile::segments {
namespace {

/// An IP packet's own limit, less the Ethernet header: a frame as long as the interface's largest
/// segment (gso_max_size, which counts that header, too) the kernel does not take as one.
constexpr std::size_t kLongestPacket = 65535 - ethernet::kHeaderSize;
constexpr std::uint16_t kLast = 0xffff;

std::uint32_t sequence(const TcpPacket& packet) {
  return load_be32(packet.tcp + tcp::kSequence);
}

bool is_same_flow(const TcpPacket& a, const TcpPacket& b) {
  if (a.is_ipv4() != b.is_ipv4()) return false;
  if (load_raw<std::uint32_t>(a.tcp) != load_raw<std::uint32_t>(b.tcp)) return false;  // ports
  return a.is_ipv4() ? std::memcmp(a.ip + ipv4::kSource, b.ip + ipv4::kSource, 8) == 0
                     : std::memcmp(a.ip + ipv6::kSource, b.ip + ipv6::kSource, 32) == 0;
}

/// All of the IP header that stays the same in the packets of a segment.
bool is_same_ip(const TcpPacket& a, const TcpPacket& b) {
  if (a.is_ipv4()) {
    return a.ip[ipv4::kTrafficClass] == b.ip[ipv4::kTrafficClass] &&
           load_raw<std::uint16_t>(a.ip + ipv4::kFragment) ==
               load_raw<std::uint16_t>(b.ip + ipv4::kFragment) &&
           a.ip[ipv4::kTtl] == b.ip[ipv4::kTtl];
  }
  // Traffic class and flow label
  return load_raw<std::uint32_t>(a.ip) == load_raw<std::uint32_t>(b.ip) &&
         a.ip[ipv6::kHopLimit] == b.ip[ipv6::kHopLimit];
}

/// The same but for the sequence number, PSH and the checksum.
bool is_same_tcp(const TcpPacket& a, const TcpPacket& b) {
  const auto flags = [](const TcpPacket& packet) {
    return packet.tcp[tcp::kFlags] & ~unsigned{tcp::kPush};
  };
  return load_raw<std::uint32_t>(a.tcp + tcp::kAcknowledgment) ==
             load_raw<std::uint32_t>(b.tcp + tcp::kAcknowledgment) &&
         a.tcp[tcp::kDataOffset] == b.tcp[tcp::kDataOffset] && flags(a) == flags(b) &&
         load_raw<std::uint16_t>(a.tcp + tcp::kWindow) ==
             load_raw<std::uint16_t>(b.tcp + tcp::kWindow) &&
         load_raw<std::uint16_t>(a.tcp + tcp::kUrgent) ==
             load_raw<std::uint16_t>(b.tcp + tcp::kUrgent) &&
         std::ranges::equal(a.options(), b.options());
}

/// Who cuts a segment again counts identifications up from the first one. Where nothing is ever a
/// fragment they mean nothing (RFC 6864 section 4.1).
bool is_next_identification(const TcpPacket& head, const TcpPacket& packet,
                            std::uint16_t distance) {
  if (!head.is_ipv4() || (load_be16(head.ip + ipv4::kFragment) & ipv4::kDontFragment) != 0) {
    return true;
  }
  const auto expected =
      static_cast<std::uint16_t>(load_be16(head.ip + ipv4::kIdentification) + distance);
  return load_be16(packet.ip + ipv4::kIdentification) == expected;
}

bool may_begin(const TcpPacket& packet) {
  return packet.payload_length != 0 && packet.tcp[tcp::kFlags] == tcp::kAck;
}

}  // namespace

std::span<const Run> MergePlan::make(std::span<const Frame> frames) {
  count_ = static_cast<unsigned>(frames.size());
  run_count_ = 0;
  open_count_ = 0;
  for (std::uint16_t i = 0; i < count_; ++i) {
    next_[i] = kLast;
    const std::optional<TcpPacket> packet = plain_tcp(frames[i]);
    if (!packet) {
      start_run(i);
      continue;
    }
    if (Open* const open = open_flow(*packet); open != nullptr) {
      if (join(*open, *packet, i)) {
        const Run& run = runs_[open->run];
        const bool is_full =
            run.push || packet->payload_length != run.segment_size || run.count == kMostPackets;
        if (is_full) close(open);
        continue;
      }
      // A flow's packets stay in order: what comes later begins anew.
      close(open);
    }
    start_run(i);
    if (may_begin(*packet)) open_run(*packet, i);
  }
  put_in_order();
  return {runs_.data(), run_count_};
}

void MergePlan::start_run(std::uint16_t frame) {
  heads_[run_count_] = frame;
  runs_[run_count_++] = {.count = 1};
}

void MergePlan::open_run(const TcpPacket& head, std::uint16_t frame) {
  // With more flows than that in a burst, who has waited longest is the least likely to grow.
  if (open_count_ == kFlows) {
    std::move(open_.begin() + 1, open_.end(), open_.begin());
    --open_count_;
  }
  const auto run = static_cast<std::uint16_t>(run_count_ - 1);
  runs_[run].segment_size = head.payload_length;
  runs_[run].payload = head.payload_length;
  open_[open_count_++] = {.head = head,
                          .run = run,
                          .last = frame,
                          .next_sequence = sequence(head) + head.payload_length,
                          .head_is_right = false};
}

MergePlan::Open* MergePlan::open_flow(const TcpPacket& packet) {
  for (unsigned i = 0; i < open_count_; ++i) {
    if (is_same_flow(open_[i].head, packet)) return &open_[i];
  }
  return nullptr;
}

bool MergePlan::join(Open& open, const TcpPacket& packet, std::uint16_t frame) {
  Run& run = runs_[open.run];
  if (packet.payload_length == 0 || packet.payload_length > run.segment_size) return false;
  if (sequence(packet) != open.next_sequence) return false;
  if (!is_same_ip(open.head, packet) || !is_same_tcp(open.head, packet)) return false;
  if (!is_next_identification(open.head, packet, run.count)) return false;
  const std::size_t headers = open.head.headers_length() - ethernet::kHeaderSize;
  if (headers + run.payload + packet.payload_length > kLongestPacket) return false;
  // The kernel takes a segment's checksums for right, so they have to be: last, because it costs
  // most.
  if (!open.head_is_right && !has_right_checksum(open.head)) return false;
  open.head_is_right = true;
  if (!has_right_checksum(packet)) return false;
  if (run.count == 1) packets_[heads_[open.run]] = open.head;
  next_[open.last] = frame;
  open.last = frame;
  open.next_sequence += packet.payload_length;
  run.count = static_cast<std::uint16_t>(run.count + 1);
  run.payload += packet.payload_length;
  run.push = (packet.tcp[tcp::kFlags] & tcp::kPush) != 0;
  return true;
}

void MergePlan::put_in_order() {
  std::uint16_t place = 0;
  for (unsigned i = 0; i < run_count_; ++i) {
    runs_[i].first = place;
    for (std::uint16_t frame = heads_[i]; frame != kLast; frame = next_[frame]) {
      order_[place++] = frame;
    }
  }
}

void write_header(const TcpPacket& head, const Run& run, SegmentHeader& header) {
  const std::size_t length = head.headers_length();
  header.length = static_cast<std::uint16_t>(length);
  std::memcpy(header.headers.data(), head.ip - ethernet::kHeaderSize, length);
  std::uint8_t* const ip = header.headers.data() + ethernet::kHeaderSize;
  std::uint8_t* const tcp = ip + (head.tcp - head.ip);
  const std::size_t tcp_length = static_cast<std::size_t>(head.payload - head.tcp) + run.payload;
  if (head.is_ipv4()) {
    store_be16(ip + ipv4::kTotalLength, static_cast<std::uint16_t>(ipv4::kHeaderSize + tcp_length));
    store_raw<std::uint16_t>(ip + ipv4::kChecksum, 0);
    store_raw(ip + ipv4::kChecksum, internet_checksum({ip, ipv4::kHeaderSize}));
  } else {
    store_be16(ip + ipv6::kPayloadLength, static_cast<std::uint16_t>(tcp_length));
  }
  if (run.push) tcp[tcp::kFlags] |= tcp::kPush;
  // "Partial": the kernel takes the rest for right, and has it summed should it leave the machine.
  store_raw(tcp + tcp::kChecksum, pseudo_sum(head, static_cast<std::uint16_t>(tcp_length)));

  header.virtio = {.flags = VirtioHeader::kNeedsSum,
                   .gso_type = head.is_ipv4() ? VirtioHeader::kTcpv4 : VirtioHeader::kTcpv6,
                   .header_length = header.length,
                   .segment_size = run.segment_size,
                   .sum_start = static_cast<std::uint16_t>(tcp - header.headers.data()),
                   .sum_offset = tcp::kChecksum};
}

}  // namespace lastmile::segments
