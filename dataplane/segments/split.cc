#include "dataplane/segments/split.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace lastmile::segments {
namespace {

constexpr std::size_t kIp = ethernet::kHeaderSize;

/// Is there a TCP header at `tcp`, behind an IP header of the version that `type` speaks of?
bool holds_segment(std::span<const std::uint8_t> frame, unsigned type, std::size_t tcp) {
  if (tcp + tcp::kHeaderSize > frame.size()) return false;
  const std::uint8_t* const ip = frame.data() + kIp;
  const std::uint16_t ethertype = load_be16(frame.data() + ethernet::kTypeOffset);
  if (type == VirtioHeader::kTcpv4) {
    return ethertype == ethernet::kIpv4 && ipv4::version(ip) == 4 &&
           ipv4::header_length(ip) >= ipv4::kHeaderSize && kIp + ipv4::header_length(ip) == tcp;
  }
  // There may be extension headers between the two.
  return type == VirtioHeader::kTcpv6 && ethertype == ethernet::kIpv6 && ipv4::version(ip) == 6 &&
         tcp >= kIp + ipv6::kHeaderSize;
}

}  // namespace

bool Splitter::begin(const VirtioHeader& virtio, std::span<const std::uint8_t> frame) {
  frame_ = frame;
  left_ = 0;
  segment_size_ = 0;
  sum_from_ = sum_at_ = 0;
  if (virtio.gso_type != VirtioHeader::kWhole) return begin_segment(virtio);
  if ((virtio.flags & VirtioHeader::kNeedsSum) != 0) {
    sum_from_ = virtio.sum_start;
    sum_at_ = sum_from_ + virtio.sum_offset;
    if (sum_at_ + sizeof(std::uint16_t) > frame.size()) return false;
  }
  left_ = 1;
  return true;
}

bool Splitter::begin_segment(const VirtioHeader& virtio) {
  // ECN says that CWR is for the first packet only, which is true of all segments.
  const unsigned type = virtio.gso_type & ~unsigned{VirtioHeader::kEcn};
  tcp_ = virtio.sum_start;
  if ((virtio.flags & VirtioHeader::kNeedsSum) == 0 || virtio.sum_offset != tcp::kChecksum ||
      virtio.segment_size == 0 || !holds_segment(frame_, type, tcp_)) {
    return false;
  }
  const unsigned header = tcp::header_length(frame_.data() + tcp_);
  payload_ = tcp_ + header;
  if (header < tcp::kHeaderSize || payload_ >= frame_.size()) return false;
  segment_size_ = virtio.segment_size;
  left_ = (frame_.size() - payload_ + segment_size_ - 1) / segment_size_;
  done_ = 0;
  index_ = 0;
  return true;
}

std::size_t Splitter::longest() const {
  if (segment_size_ == 0) return frame_.size();
  return std::min(payload_ + segment_size_, frame_.size());
}

std::size_t Splitter::next_payload() const {
  return std::min(segment_size_, frame_.size() - payload_ - done_);
}

std::size_t Splitter::next_length() const {
  return segment_size_ == 0 ? frame_.size() : payload_ + next_payload();
}

void Splitter::write_next(std::uint8_t* to) {
  if (segment_size_ == 0) {
    write_whole(to);
  } else {
    write_segment(to);
  }
  --left_;
}

void Splitter::write_whole(std::uint8_t* to) const {
  std::memcpy(to, frame_.data(), frame_.size());
  if (sum_from_ == 0) return;
  // The field holds the pseudo-header's part. A sum of 0 goes as 0xffff: for UDP 0 says that there
  // is none (RFC 768), and for others both say the same.
  const std::uint16_t sum = internet_checksum({to + sum_from_, frame_.size() - sum_from_});
  store_raw<std::uint16_t>(to + sum_at_, sum == 0 ? 0xffff : sum);
}

void Splitter::write_segment(std::uint8_t* to) {
  const std::size_t payload = next_payload();
  std::memcpy(to, frame_.data(), payload_);
  std::memcpy(to + payload_, frame_.data() + payload_ + done_, payload);

  std::uint8_t* const ip = to + kIp;
  const std::size_t ip_length = payload_ + payload - kIp;
  if (ipv4::version(ip) == 4) {
    store_be16(ip + ipv4::kTotalLength, static_cast<std::uint16_t>(ip_length));
    store_be16(ip + ipv4::kIdentification,
               static_cast<std::uint16_t>(load_be16(ip + ipv4::kIdentification) + index_));
    store_raw<std::uint16_t>(ip + ipv4::kChecksum, 0);
    store_raw(ip + ipv4::kChecksum, internet_checksum({ip, ipv4::header_length(ip)}));
  } else {
    store_be16(ip + ipv6::kPayloadLength,
               static_cast<std::uint16_t>(ip_length - ipv6::kHeaderSize));
  }

  std::uint8_t* const tcp = to + tcp_;
  store_be32(tcp + tcp::kSequence,
             load_be32(tcp + tcp::kSequence) + static_cast<std::uint32_t>(done_));
  unsigned flags = tcp[tcp::kFlags];
  if (left_ != 1) flags &= ~unsigned{tcp::kFin | tcp::kPush};
  if (index_ != 0) flags &= ~unsigned{tcp::kCwr};
  tcp[tcp::kFlags] = static_cast<std::uint8_t>(flags);
  // The field holds the pseudo-header's part for the whole segment. Only the length in it changes;
  // its addresses need not be the header's (a routing header's last one counts, RFC 8200 8.1).
  const auto before = static_cast<std::uint16_t>(frame_.size() - tcp_);
  const auto after = static_cast<std::uint16_t>(payload_ - tcp_ + payload);
  const std::uint32_t part = std::uint32_t{load_raw<std::uint16_t>(tcp + tcp::kChecksum)} +
                             static_cast<std::uint16_t>(~raw16(before)) + raw16(after);
  store_raw<std::uint16_t>(tcp + tcp::kChecksum, 0);
  const std::uint16_t sum = ones_complement_sum({tcp, after}, part);
  store_raw(tcp + tcp::kChecksum, static_cast<std::uint16_t>(~sum));

  done_ += payload;
  ++index_;
}

}  // namespace lastmile::segments
