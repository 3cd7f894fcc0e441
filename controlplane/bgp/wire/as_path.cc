// AS_PATH and AGGREGATOR, and their shadows AS4_PATH and AS4_AGGREGATOR that carry four-octet AS
// numbers through speakers that know two octets only (RFC 6793).
#include <algorithm>
#include <limits>

#include "controlplane/bgp/wire/attribute_values.h"

namespace lastmile::bgp {
namespace {

using Segment = AsPath::Segment;
using SegmentType = AsPath::SegmentType;

enum class AsnSize : std::uint8_t { kTwo = 2, kFour = 4 };

AsnSize asn_size(const CodecContext& context) {
  return context.four_octet_asn ? AsnSize::kFour : AsnSize::kTwo;
}

bool fits_two_octets(Asn asn) {
  return asn.value() <= std::numeric_limits<std::uint16_t>::max();
}

// How much a segment adds to the length of a path (RFC 4271 section 9.1.2.2 a, RFC 5065 section
// 5.3).
std::size_t weight(const Segment& segment) {
  if (segment.type == SegmentType::kSequence) return segment.asns.size();
  return segment.type == SegmentType::kSet ? 1 : 0;
}

// RFC 7606 section 7.2: an unrecognized type, a segment that is empty or runs over the end, or a
// single octet left over. RFC 7607 section 2: AS 0.
const char* decode_segments(Octets value, AsnSize size, AsPath& path) {
  const std::size_t octets = static_cast<std::size_t>(size);
  for (OctetReader in(value); !in.empty();) {
    if (in.left() < 2) return "one octet left over";
    const std::uint8_t type = in.u8();
    const std::size_t count = in.u8();
    if (type < static_cast<std::uint8_t>(SegmentType::kSet) ||
        type > static_cast<std::uint8_t>(SegmentType::kConfedSet)) {
      return "unrecognized segment type";
    }
    if (count == 0) return "empty segment";
    if (count * octets > in.left()) return "segment runs over the end";
    Segment& segment = path.segments.emplace_back();
    segment.type = static_cast<SegmentType>(type);
    segment.asns.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Asn asn{size == AsnSize::kFour ? in.u32() : in.u16()};
      if (asn.value() == 0) return "AS 0, see RFC 7607";
      segment.asns.push_back(asn);
    }
  }
  return nullptr;
}

void encode_asn(Asn asn, AsnSize size, OctetWriter& out) {
  if (size == AsnSize::kFour) return out.u32(asn.value());
  out.u16(static_cast<std::uint16_t>((fits_two_octets(asn) ? asn : kAsTrans).value()));
}

void encode_segment(const Segment& segment, AsnSize size, OctetWriter& out) {
  // Nothing from the wire is longer than 255, but a path that was put together here may be.
  for (std::size_t at = 0; at < segment.asns.size(); at += AsPath::kMaxSegment) {
    const std::size_t count = std::min(AsPath::kMaxSegment, segment.asns.size() - at);
    out.u8(static_cast<std::uint8_t>(segment.type));
    out.u8(static_cast<std::uint8_t>(count));
    for (std::size_t i = at; i < at + count; ++i) encode_asn(segment.asns[i], size, out);
  }
}

// Adds a segment behind the others, in one with the last if both are sequences: the path then looks
// as if four-octet speakers alone had handled it.
void append(const Segment& segment, AsPath& path) {
  if (!path.segments.empty() && segment.type == SegmentType::kSequence) {
    Segment& last = path.segments.back();
    if (last.type == SegmentType::kSequence &&
        last.asns.size() + segment.asns.size() <= AsPath::kMaxSegment) {
      last.asns.insert(last.asns.end(), segment.asns.begin(), segment.asns.end());
      return;
    }
  }
  path.segments.push_back(segment);
}

// RFC 6793 section 4.2.3: AS4_PATH, and in front of it as much of AS_PATH as makes the lengths
// equal. Confederation segments count nothing and are taken while they lead or adjoin what is
// taken.
AsPath reconstruct(const AsPath& as_path, const AsPath& as4_path) {
  const std::size_t total = as_path.length();
  const std::size_t carried = as4_path.length();
  if (total < carried) return as_path;  // "the AS4_PATH attribute SHALL be ignored"
  AsPath merged;
  std::size_t missing = total - carried;
  for (const Segment& segment : as_path.segments) {
    if (missing == 0 && !segment.is_confederation()) break;
    if (weight(segment) <= missing) {
      append(segment, merged);
      missing -= weight(segment);
      continue;
    }
    Segment leading{segment.type, {}};
    leading.asns.assign(segment.asns.begin(),
                        segment.asns.begin() + static_cast<std::ptrdiff_t>(missing));
    append(leading, merged);
    break;
  }
  for (const Segment& segment : as4_path.segments) append(segment, merged);
  return merged;
}

Aggregator read_aggregator(Octets value, AsnSize size) {
  OctetReader in(value);
  const Asn asn{size == AsnSize::kFour ? in.u32() : in.u16()};
  return {asn, Ipv4Address{in.u32()}};
}

}  // namespace

Verdict decode_as_path(Octets value, UpdateDraft& draft) {
  AsPath path;
  if (const char* what = decode_segments(value, asn_size(draft.context), path)) return {what, {}};
  // We are in no confederation, so an external peer is outside of it, too.
  const bool confederation =
      std::any_of(path.segments.begin(), path.segments.end(),
                  [](const Segment& segment) { return segment.is_confederation(); });
  if (draft.context.external_peer && confederation) {
    return {"confederation segment from outside, see RFC 5065 section 5", {}};
  }
  draft.update.attributes.as_path = std::move(path);
  return {};
}

bool encode_as_path(const EncodeSource& source, OctetWriter& out) {
  for (const Segment& segment : source.attributes.as_path.segments) {
    encode_segment(segment, asn_size(source.context), out);
  }
  return true;  // the empty path, too: it is how a route of our own AS looks inside it
}

Verdict decode_as4_path(Octets value, UpdateDraft& draft) {
  if (value.size() < 6 || value.size() % 2 != 0) return {"length", {}};
  AsPath path;
  if (const char* what = decode_segments(value, AsnSize::kFour, path)) return {what, {}};
  // "MUST discard these path segments, adjust the relevant attribute fields accordingly, and
  // continue" (RFC 6793 section 6).
  std::erase_if(path.segments, [](const Segment& s) { return s.is_confederation(); });
  draft.as4_path = std::move(path);
  return {};
}

// RFC 6793 section 4.2.2: only to a two-octet speaker, only if AS_PATH lost something to AS_TRANS,
// and without confederation segments.
bool encode_as4_path(const EncodeSource& source, OctetWriter& out) {
  const std::vector<Segment>& segments = source.attributes.as_path.segments;
  const bool lossy = std::any_of(segments.begin(), segments.end(), [](const Segment& segment) {
    return !segment.is_confederation() &&
           !std::all_of(segment.asns.begin(), segment.asns.end(), fits_two_octets);
  });
  if (!lossy) return false;
  for (const Segment& segment : segments) {
    if (!segment.is_confederation()) encode_segment(segment, AsnSize::kFour, out);
  }
  return true;
}

Verdict decode_aggregator(Octets value, UpdateDraft& draft) {
  const AsnSize size = asn_size(draft.context);
  if (value.size() != static_cast<std::size_t>(size) + 4) return {"length", {}};
  const Aggregator aggregator = read_aggregator(value, size);
  if (aggregator.asn.value() == 0) return {"AS 0, see RFC 7607", {}};
  draft.update.attributes.aggregator = aggregator;
  return {};
}

bool encode_aggregator(const EncodeSource& source, OctetWriter& out) {
  const std::optional<Aggregator>& aggregator = source.attributes.aggregator;
  if (!aggregator) return false;
  encode_asn(aggregator->asn, asn_size(source.context), out);
  out.u32(aggregator->address.value());
  return true;
}

Verdict decode_as4_aggregator(Octets value, UpdateDraft& draft) {
  const Aggregator aggregator = read_aggregator(value, AsnSize::kFour);
  if (aggregator.asn.value() == 0) return {"AS 0, see RFC 7607", {}};
  draft.as4_aggregator = aggregator;
  return {};
}

bool encode_as4_aggregator(const EncodeSource& source, OctetWriter& out) {
  const std::optional<Aggregator>& aggregator = source.attributes.aggregator;
  if (!aggregator || fits_two_octets(aggregator->asn)) return false;
  out.u32(aggregator->asn.value());
  out.u32(aggregator->address.value());
  return true;
}

void merge_four_octet(UpdateDraft& draft) {
  PathAttributes& attributes = draft.update.attributes;
  if (draft.as4_aggregator && attributes.aggregator) {
    // An AGGREGATOR that is not AS_TRANS was made by a two-octet speaker after the last four-octet
    // one: both shadows are out of date.
    if (attributes.aggregator->asn != kAsTrans) return;
    attributes.aggregator = draft.as4_aggregator;
  }
  if (draft.as4_path) attributes.as_path = reconstruct(attributes.as_path, *draft.as4_path);
}

}  // namespace lastmile::bgp
