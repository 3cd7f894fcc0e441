// Any frame, in one segment or several, through a worker's whole loop. The input is
//
//   octet 0          bits 0, 1: where the frame comes in; 2 to 4: through which router; 5: the
//   device
//                    has taken a VLAN tag off
//   octet 1          how it is cut: 0, not at all; 1 to 7, that many octets follow, each the length
//                    of a segment; else into segments of eight times as many octets
//   the rest         the frame
//
// Each frame goes through two routers that are the same, and differs in what lies around it in its
// buffers alone: so that what they do must be the same, too.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/frame_router.h"
#include "tests/fuzz/require.h"

using namespace lastmile::fuzz;

namespace {

constexpr std::size_t kLongest = 9216;
/// What fits into a buffer.
constexpr std::size_t kLongestSegment = 2048;
constexpr std::uint8_t kMostLengths = 7;

struct Twins {
  explicit Twins(RouterKind kind) : one(kind), other(kind) {}
  Router one, other;
};

/// Made when the first frame comes for them, for the end of the program.
Twins& twins_of(RouterKind kind) {
  static std::array<Twins*, kRouterKinds> all{};
  Twins*& twins = all[static_cast<std::size_t>(kind)];
  if (twins == nullptr) twins = new Twins(kind);
  return *twins;
}

Arrival arrival_of(std::span<const std::uint8_t> input) {
  Arrival arrival;
  arrival.way = static_cast<Way>(input[0] & 3U);
  arrival.tag_taken_off = (input[0] & 0x20U) != 0;
  const std::uint8_t cut = input[1];
  input = input.subspan(2);
  if (cut > kMostLengths) {
    arrival.segments = {
        static_cast<std::uint16_t>(std::clamp<std::size_t>(cut * 8U, 64, kLongestSegment))};
  } else if (cut != 0) {
    const auto lengths = input.first(std::min<std::size_t>(cut, input.size()));
    input = input.subspan(lengths.size());
    for (const std::uint8_t length : lengths) {
      arrival.segments.push_back(std::max<std::uint16_t>(length, 1));
    }
    arrival.segments.push_back(kLongestSegment);
  } else if (input.size() > kLongestSegment) {
    arrival.segments = {kLongestSegment};
  }
  const auto frame = input.first(std::min(input.size(), kLongest));
  arrival.frame.assign(frame.begin(), frame.end());
  return arrival;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Twins& twins = twins_of(static_cast<RouterKind>((data[0] >> 2U & 7U) % kRouterKinds));
  const Arrival arrival = arrival_of({data, size});
  const Outcome one = twins.one.receive(arrival, Around::kLikely);
  const Outcome other = twins.other.receive(arrival, Around::kUnlikely);
  require(one.sent == other.sent);
  require(one.events == other.events);
  require(one.captured == other.captured);
  require(one.counted == other.counted);
  return 0;
}
