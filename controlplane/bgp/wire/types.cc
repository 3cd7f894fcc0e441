#include "controlplane/bgp/wire/types.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include <fmt/format.h>

namespace lastmile::bgp {
namespace {

using SegmentType = AsPath::SegmentType;

struct Brackets {
  const char* open;
  const char* close;
  char separator;
};

// Indexed by SegmentType; how routers print them.
constexpr std::array<Brackets, 5> kBrackets{{
    {"", "", ' '},
    {"{", "}", ','},
    {"", "", ' '},
    {"(", ")", ' '},
    {"[", "]", ','},
}};

struct WellKnownCommunity {
  std::uint32_t value;
  const char* name;
};

// IANA "BGP Well-known Communities"; names as operators write them.
constexpr std::array kWellKnownCommunities{
    WellKnownCommunity{0xffff0000, "graceful-shutdown"},    // RFC 8326
    WellKnownCommunity{0xffff0001, "accept-own"},           // RFC 7611
    WellKnownCommunity{0xffff0006, "llgr-stale"},           // RFC 9494
    WellKnownCommunity{0xffff0007, "no-llgr"},              // RFC 9494
    WellKnownCommunity{0xffff029a, "blackhole"},            // RFC 7999
    WellKnownCommunity{0xffffff01, "no-export"},            // RFC 1997
    WellKnownCommunity{0xffffff02, "no-advertise"},         // RFC 1997
    WellKnownCommunity{0xffffff03, "no-export-subconfed"},  // RFC 1997
    WellKnownCommunity{0xffffff04, "no-peer"},              // RFC 3765
};

}  // namespace

unsigned AsPath::length() const {
  std::size_t length = 0;
  for (const Segment& segment : segments) {
    if (segment.type == SegmentType::kSequence) length += segment.asns.size();
    if (segment.type == SegmentType::kSet) ++length;
  }
  return static_cast<unsigned>(length);
}

unsigned AsPath::count(Asn asn) const {
  std::ptrdiff_t count = 0;
  for (const Segment& segment : segments) {
    count += std::count(segment.asns.begin(), segment.asns.end(), asn);
  }
  return static_cast<unsigned>(count);
}

std::optional<Asn> AsPath::first() const {
  for (const Segment& segment : segments) {
    if (segment.is_confederation() || segment.asns.empty()) continue;
    if (segment.type == SegmentType::kSet) return std::nullopt;
    return segment.asns.front();
  }
  return std::nullopt;
}

std::optional<Asn> AsPath::origin() const {
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (segment->is_confederation() || segment->asns.empty()) continue;
    if (segment->type == SegmentType::kSet) return std::nullopt;
    return segment->asns.back();
  }
  return std::nullopt;
}

void AsPath::prepend(Asn asn, unsigned times) {
  for (std::size_t left = times; left > 0;) {
    const bool room = !segments.empty() && segments.front().type == SegmentType::kSequence &&
                      segments.front().asns.size() < kMaxSegment;
    if (!room) segments.insert(segments.begin(), Segment{});
    std::vector<Asn>& front = segments.front().asns;
    const std::size_t now = std::min(left, kMaxSegment - front.size());
    front.insert(front.begin(), now, asn);
    left -= now;
  }
}

std::string to_string(const AsPath& path) {
  std::string text;
  for (const AsPath::Segment& segment : path.segments) {
    const Brackets& brackets = kBrackets[static_cast<std::size_t>(segment.type)];
    if (!text.empty()) text += ' ';
    text += brackets.open;
    for (std::size_t i = 0; i < segment.asns.size(); ++i) {
      if (i > 0) text += brackets.separator;
      text += std::to_string(segment.asns[i].value());
    }
    text += brackets.close;
  }
  return text;
}

std::string to_string(Community community) {
  for (const WellKnownCommunity& known : kWellKnownCommunities) {
    if (known.value == community.value) return known.name;
  }
  return fmt::format("{}:{}", community.value >> 16, community.value & 0xffff);
}

std::optional<float> link_bandwidth(ExtendedCommunity community) {
  // Of an AS with two octets, in its first form and in the transitive one that some send.
  const std::uint64_t kind = community.value >> 48;
  if (kind != 0x4004 && kind != 0x0004) return std::nullopt;
  const auto bandwidth = std::bit_cast<float>(static_cast<std::uint32_t>(community.value));
  if (!std::isfinite(bandwidth) || bandwidth <= 0) return std::nullopt;
  return bandwidth;
}

std::string to_string(LargeCommunity community) {
  return fmt::format("{}:{}:{}", community.global, community.local1, community.local2);
}

}  // namespace lastmile::bgp
