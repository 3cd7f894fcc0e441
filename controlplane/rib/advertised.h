// A record of the Adj-RIB-Out, and how a path is called where peers hear of several (RFC 7911).
#pragma once

#include <cstdint>

#include "controlplane/rib/path.h"
#include "controlplane/rib/path_numbers.h"
#include "controlplane/rib/prefix_table.h"
#include "controlplane/rib/source.h"

namespace lastmile::rib {

/// In place of a peer: a path that did not come from any.
inline constexpr bgp::PeerId kNobody{0xffff};

/// What the members of a group have been told of one prefix, or of one path to it where they hear
/// of several.
template <class Address>
struct Advertised {
  Prefix<Address> prefix;
  AttributeId attributes;      ///< as announced
  bgp::PeerId from = kNobody;  ///< whom the path came from; this one has not been told
  /// Of several paths: which of those of `from`; of those that came from nobody the SourceKind.
  std::uint8_t number = 0;
  bool used = false;  ///< PrefixTable's
};
static_assert(sizeof(Advertised<Ipv4Address>) == 16);

/// A record holds a reference to its attributes.
template <class Address>
using AdvertisedTable = PrefixTable<Advertised<Address>>;

/// The identifier of a path (RFC 7911 section 3): unique among the paths to a prefix, the same for
/// each neighbor, and the same again when the path goes and comes.
constexpr std::uint32_t path_id(bgp::PeerId from, std::uint8_t number) {
  static_assert(kMostPathNumbers <= 256);
  return from == kNobody ? 1U + number : (from.value() + 1U) * 256 + number;
}

/// Which path a record is about.
struct PathName {
  bgp::PeerId from = kNobody;
  std::uint8_t number = 0;

  [[nodiscard]] std::uint32_t id() const { return path_id(from, number); }
  friend bool operator==(const PathName&, const PathName&) = default;
};
[[nodiscard]] inline PathName name_of(const Path& path, const Source& source) {
  if (source.kind != SourceKind::kBgp) return {kNobody, static_cast<std::uint8_t>(source.kind)};
  return {source.peer, static_cast<std::uint8_t>(path.path_number)};
}

}  // namespace lastmile::rib
