// The vocabulary of BGP: AS numbers, address families, AS paths, communities, next hops.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dataplane/net/ip.h"

namespace lastmile::bgp {

/// Autonomous System number, four octets (RFC 6793). 0 is reserved (RFC 7607).
class Asn {
 public:
  constexpr Asn() = default;
  explicit constexpr Asn(std::uint32_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint32_t value() const { return value_; }
  friend constexpr auto operator<=>(Asn, Asn) = default;

 private:
  std::uint32_t value_ = 0;
};

/// Stands in a two-octet field for an AS number that does not fit (RFC 6793 section 9).
inline constexpr Asn kAsTrans{23456};

/// BGP Identifier: 4 octets, unique within the AS, not zero (RFC 6286).
using BgpIdentifier = Ipv4Address;

/// The address families that we carry. The numbers on the wire are in family.cc.
enum class Family : std::uint8_t { kIpv4Unicast, kIpv6Unicast };
inline constexpr unsigned kFamilyCount = 2;
[[nodiscard]] const char* to_string(Family family);

enum class Origin : std::uint8_t { kIgp = 0, kEgp = 1, kIncomplete = 2 };

/// AS_PATH (RFC 4271 section 5.1.2), confederation segments (RFC 5065) included.
struct AsPath {
  enum class SegmentType : std::uint8_t {
    kSet = 1,
    kSequence = 2,
    kConfedSequence = 3,
    kConfedSet = 4
  };
  struct Segment {
    SegmentType type = SegmentType::kSequence;
    std::vector<Asn> asns;

    [[nodiscard]] bool is_confederation() const {
      return type == SegmentType::kConfedSequence || type == SegmentType::kConfedSet;
    }
    friend bool operator==(const Segment&, const Segment&) = default;
  };
  std::vector<Segment> segments;

  /// ASes in one segment: its length is one octet (RFC 4271 section 4.3 b).
  static constexpr std::size_t kMaxSegment = 255;

  /// Length for the decision process: a set counts 1, confederation segments 0 (RFC 4271 9.1.2.2 a,
  /// RFC 5065 section 5.3).
  [[nodiscard]] unsigned length() const;
  /// How often `asn` appears, for the loop check (RFC 4271 section 9.1.2).
  [[nodiscard]] unsigned count(Asn asn) const;
  /// The neighbor that the route came from: leftmost AS of the path, confederation segments aside;
  /// nullopt if the path is empty or starts with a set.
  [[nodiscard]] std::optional<Asn> first() const;
  /// The AS that originated the route: last AS of the path, confederation segments aside; nullopt
  /// if the path is empty or ends in a set (RFC 6811 section 2).
  [[nodiscard]] std::optional<Asn> origin() const;
  /// Puts `asn` in front `times` times, opening a new segment where the first is full or no
  /// sequence.
  void prepend(Asn asn, unsigned times = 1);

  friend bool operator==(const AsPath&, const AsPath&) = default;
};
/// "65001 64512 {65010,65011}".
[[nodiscard]] std::string to_string(const AsPath& path);

/// RFC 1997.
struct Community {
  std::uint32_t value = 0;
  friend auto operator<=>(const Community&, const Community&) = default;
};
/// Well-known ones that change what we do.
inline constexpr std::uint32_t kGracefulShutdown = 0xffff0000;  // RFC 8326
inline constexpr std::uint32_t kLongLivedStale = 0xffff0006;    // RFC 9494
inline constexpr std::uint32_t kNoLongLived = 0xffff0007;       // RFC 9494
inline constexpr std::uint32_t kNoExport = 0xffffff01;          // RFC 1997
inline constexpr std::uint32_t kNoAdvertise = 0xffffff02;
inline constexpr std::uint32_t kNoExportSubconfed = 0xffffff03;
/// RFC 4360, eight octets as on the wire.
struct ExtendedCommunity {
  std::uint64_t value = 0;
  friend auto operator<=>(const ExtendedCommunity&, const ExtendedCommunity&) = default;
};
/// RFC 4360 section 2: whether it stays within an AS.
[[nodiscard]] constexpr bool is_transitive(ExtendedCommunity community) {
  return (community.value >> 62 & 1) == 0;
}
/// Link bandwidth (draft-ietf-idr-link-bandwidth) in bytes a second; nullopt if it is something
/// else, or no number greater than 0.
[[nodiscard]] std::optional<float> link_bandwidth(ExtendedCommunity community);

/// RFC 8092.
struct LargeCommunity {
  std::uint32_t global = 0, local1 = 0, local2 = 0;
  friend auto operator<=>(const LargeCommunity&, const LargeCommunity&) = default;
};
/// "65001:100", or the well-known name ("no-export").
[[nodiscard]] std::string to_string(Community community);
[[nodiscard]] std::string to_string(LargeCommunity community);

/// The next hop of a reachable set: NEXT_HOP (4 bytes) or MP_REACH_NLRI's (4, 16 or 32 bytes).
/// An unset NEXT_HOP or 0.0.0.0 stays unspecified; the session's peer address stands in for it.
struct NextHop {
  std::optional<Ipv4Address> v4;
  std::optional<Ipv6Address> global;      ///< 16 bytes that are not link-local, or the first of 32
  std::optional<Ipv6Address> link_local;  ///< 16 bytes that are link-local, or the second of 32
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

/// Whether each prefix in NLRI has a path identifier in front (RFC 7911 section 3).
enum class PathIds : std::uint8_t { kAbsent, kPresent };

/// A prefix as it stands in NLRI; `path_id` is 0 without ADD-PATH (RFC 7911).
template <class Address>
struct Nlri {
  Prefix<Address> prefix;
  std::uint32_t path_id = 0;
  friend auto operator<=>(const Nlri&, const Nlri&) = default;
};
using NlriList = std::variant<std::vector<Nlri<Ipv4Address>>, std::vector<Nlri<Ipv6Address>>>;

}  // namespace lastmile::bgp
