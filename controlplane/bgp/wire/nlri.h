// Prefixes as they stand in NLRI and Withdrawn Routes (RFC 4271 section 4.3, RFC 4760 section 5):
// a length in bits, then as many octets as hold them.
//
// This is the loop that a full table goes through half a million times, so it looks at a field
// twice: once to count and to judge it, once to fill a vector of just that size.
#pragma once

#include <cstddef>
#include <vector>

#include "controlplane/bgp/wire/octets.h"
#include "controlplane/bgp/wire/types.h"

namespace lastmile::bgp {

/// Octets that a prefix of `length` bits takes behind its length octet.
constexpr std::size_t nlri_octets(unsigned length) {
  return (length + 7) / 8;
}

/// Octets of a path identifier (RFC 7911 section 3).
inline constexpr std::size_t kPathIdSize = 4;
constexpr std::size_t path_id_octets(PathIds ids) {
  return ids == PathIds::kPresent ? kPathIdSize : 0;
}

/// Octets of the longest prefix of a family, length octet included, without an identifier.
template <class Address>
inline constexpr std::size_t kMaxNlriSize = 1 + Address::kBits / 8;

/// Every prefix of `field`, in order, with its path identifier if there are any, bits beyond the
/// length ignored (RFC 4271 section 4.3: their value is irrelevant). nullopt if the field is
/// syntactically incorrect (RFC 7606 section 5.3).
template <class Address>
[[nodiscard]] std::optional<std::vector<Nlri<Address>>> decode_nlri(Octets field, PathIds ids);

template <class Address>
[[nodiscard]] inline std::size_t encoded_size(const Nlri<Address>& nlri, PathIds ids) {
  return path_id_octets(ids) + 1 + nlri_octets(nlri.prefix.length());
}

template <class Address>
void encode_nlri(const Nlri<Address>& nlri, PathIds ids, OctetWriter& out);

}  // namespace lastmile::bgp
