// Packets that arrive and are merged into segments, and segments as the kernel hands them out to be
// split. The first octet of the input chooses. What was merged is split again: the packets are the
// same as before. For splitting alone the input is the kernel's header and a frame.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/net/checksum.h"
#include "dataplane/segments/merge.h"
#include "dataplane/segments/split.h"
#include "dataplane/segments/tcp_packet.h"
#include "tests/fuzz/require.h"

namespace {

using namespace lastmile;
using namespace lastmile::segments;
using lastmile::fuzz::require;

using Octets = std::vector<std::uint8_t>;  // its end is an end for ASan

/// How a frame is made of what the input says next, for by chance nothing follows anything.
struct Step {
  static constexpr std::uint8_t kFollow = 1;  ///< the last frame again, with what comes next
  static constexpr std::uint8_t kSum = 2;     ///< with the right checksum
  static constexpr std::uint8_t kPush = 4;
};

void mend_checksum(Octets& frame) {
  const auto packet = plain_tcp(frame);
  if (!packet) return;
  std::uint8_t* const tcp = frame.data() + (packet->tcp - frame.data());
  store_be16(tcp + tcp::kChecksum, 0);
  const std::uint16_t length = packet->tcp_length();
  store_raw(tcp + tcp::kChecksum, static_cast<std::uint16_t>(~ones_complement_sum(
                                      {tcp, length}, pseudo_sum(*packet, length))));
}

/// The packet behind the one in `frame`, of `payload` octets at most.
Octets follower(const Octets& frame, std::size_t payload) {
  const auto packet = plain_tcp(frame);
  if (!packet) return frame;
  Octets next = frame;
  const std::size_t headers = packet->headers_length();
  const std::size_t length = std::min<std::size_t>(payload, packet->payload_length);
  next.resize(headers + length);
  std::uint8_t* const ip = next.data() + ethernet::kHeaderSize;
  std::uint8_t* const tcp = ip + (packet->tcp - packet->ip);
  const std::size_t whole = next.size() - ethernet::kHeaderSize;
  packet->is_ipv4() ? store_be16(ip + ipv4::kTotalLength, static_cast<std::uint16_t>(whole))
                    : store_be16(ip + ipv6::kPayloadLength,
                                 static_cast<std::uint16_t>(whole - ipv6::kHeaderSize));
  store_be32(tcp + tcp::kSequence, load_be32(tcp + tcp::kSequence) + packet->payload_length);
  return next;
}

std::vector<Octets> frames_of(std::span<const std::uint8_t> input) {
  std::vector<Octets> frames;
  while (input.size() >= 3 && frames.size() < MergePlan::kCapacity) {
    const std::uint8_t step = input[0];
    const std::size_t length = load_be16(&input[1]);
    input = input.subspan(3);
    Octets frame;
    if ((step & Step::kFollow) != 0 && !frames.empty()) {
      frame = follower(frames.back(), length);
    } else {
      const auto own = input.first(std::min(length, input.size()));
      frame.assign(own.begin(), own.end());
      input = input.subspan(own.size());
    }
    if (const auto packet = plain_tcp(frame); packet && (step & Step::kPush) != 0) {
      frame[static_cast<std::size_t>(packet->tcp - frame.data()) + tcp::kFlags] |= tcp::kPush;
    }
    if ((step & Step::kSum) != 0) mend_checksum(frame);
    frames.push_back(std::move(frame));
  }
  return frames;
}

std::vector<Octets> split(const VirtioHeader& virtio, const Octets& frame) {
  std::vector<Octets> packets;
  Splitter splitter;
  if (!splitter.begin(virtio, frame)) {
    require(splitter.left() == 0);
    return packets;
  }
  while (splitter.left() != 0) {
    packets.emplace_back(splitter.next_length());
    require(packets.back().size() <= splitter.longest());
    splitter.write_next(packets.back().data());
  }
  return packets;
}

/// What a receiver tells packets apart by: not IPv4's identification where it means nothing, nor
/// what stands behind the packet; and a sum of zero is said in two ways.
Octets essence(Octets frame) {
  const auto packet = plain_tcp(frame);
  require(packet.has_value());
  frame.resize(packet->headers_length() + packet->payload_length);
  std::uint8_t* const ip = frame.data() + ethernet::kHeaderSize;
  if (packet->is_ipv4()) {
    if ((load_be16(ip + ipv4::kFragment) & ipv4::kDontFragment) != 0) {
      store_be16(ip + ipv4::kIdentification, 0);
    }
    store_be16(ip + ipv4::kChecksum, 0);
  }
  std::uint8_t* const sum = ip + (packet->tcp - packet->ip) + tcp::kChecksum;
  if (load_be16(sum) == 0xffff) store_be16(sum, 0);
  return frame;
}

/// The segment that the kernel is given for a run, split again.
void check_run(std::span<const Octets> frames, const MergePlan& plan, const Run& run) {
  const auto places = plan.order().subspan(run.first, run.count);
  SegmentHeader header{};
  write_header(plan.head(run), run, header);
  Octets segment{header.headers.begin(), header.headers.begin() + header.length};
  for (const std::uint16_t place : places) {
    const auto packet = plain_tcp(frames[place]);
    segment.insert(segment.end(), packet->payload, packet->payload + packet->payload_length);
  }
  require(segment.size() == header.length + run.payload);
  require(segment.size() <= 65535U);
  const auto again = split(header.virtio, segment);
  require(again.size() == places.size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    // Of the link's addresses those of the first count.
    Octets expected = essence(frames[places[i]]);
    std::copy_n(frames[places[0]].begin(), ethernet::kTypeOffset, expected.begin());
    require(essence(again[i]) == expected);
  }
}

void merge(std::span<const std::uint8_t> input) {
  static const auto plan = std::make_unique<MergePlan>();
  const std::vector<Octets> frames = frames_of(input);
  const std::vector<Frame> views(frames.begin(), frames.end());
  std::vector<bool> seen(frames.size());
  for (const Run& run : plan->make(views)) {
    require(run.count != 0);
    const auto places = plan->order().subspan(run.first, run.count);
    require(std::ranges::is_sorted(places));
    for (const std::uint16_t place : places) {
      require(!seen[place]);
      seen[place] = true;
    }
    if (run.count > 1) check_run(frames, *plan, run);
  }
  require(std::ranges::find(seen, false) == seen.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::uint8_t> input{data + 1, size - 1};
  if (data[0] % 2 == 0) {
    merge(input);
  } else if (input.size() >= sizeof(VirtioHeader) + ethernet::kHeaderSize) {
    VirtioHeader virtio;
    std::memcpy(&virtio, input.data(), sizeof virtio);
    (void)split(virtio, {input.begin() + sizeof virtio, input.end()});
  }
  return 0;
}
