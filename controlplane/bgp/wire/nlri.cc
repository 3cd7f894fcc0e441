#include "controlplane/bgp/wire/nlri.h"

#include <algorithm>

namespace lastmile::bgp {
namespace {

// RFC 7606 section 5.3: no length above the family's, and no prefix that runs over the end.
template <class Address>
std::optional<std::size_t> count_prefixes(Octets field, std::size_t id_size) {
  std::size_t count = 0;
  std::size_t at = 0;
  while (at < field.size()) {
    if (field.size() - at <= id_size) return std::nullopt;
    at += id_size;
    const unsigned length = field[at];
    if (length > Address::kBits) return std::nullopt;
    at += 1 + nlri_octets(length);
    ++count;
  }
  if (at != field.size()) return std::nullopt;
  return count;
}

// An address of which `octets` stand at `at`; `readable` octets may be looked at. The constructor
// of Prefix clears what lies behind the prefix, so one wide load will do wherever there is room for
// it.
template <class Address>
Address load_address(const std::uint8_t* at, std::size_t octets, std::size_t readable) {
  std::array<std::uint8_t, Address::kBits / 8> wire{};
  if (readable >= wire.size()) {
    std::memcpy(wire.data(), at, wire.size());
  } else {
    std::copy_n(at, octets, wire.begin());
  }
  if constexpr (std::is_same_v<Address, Ipv4Address>) {
    return Ipv4Address{load_big_endian<std::uint32_t>(wire.data())};
  } else {
    return Ipv6Address{wire};
  }
}

}  // namespace

template <class Address>
std::optional<std::vector<Nlri<Address>>> decode_nlri(Octets field, PathIds ids) {
  const std::size_t id_size = path_id_octets(ids);
  const auto count = count_prefixes<Address>(field, id_size);
  if (!count) return std::nullopt;
  std::vector<Nlri<Address>> list;
  list.reserve(*count);
  std::size_t at = 0;
  while (at < field.size()) {
    std::uint32_t id = 0;
    if (id_size != 0) id = load_big_endian<std::uint32_t>(field.data() + at);
    at += id_size;
    const unsigned length = field[at++];
    const std::size_t octets = nlri_octets(length);
    const auto address = load_address<Address>(field.data() + at, octets, field.size() - at);
    list.push_back({Prefix<Address>{address, length}, id});
    at += octets;
  }
  return list;
}

template <class Address>
void encode_nlri(const Nlri<Address>& nlri, PathIds ids, OctetWriter& out) {
  if (ids == PathIds::kPresent) out.u32(nlri.path_id);
  const unsigned length = nlri.prefix.length();
  out.u8(static_cast<std::uint8_t>(length));
  if constexpr (std::is_same_v<Address, Ipv4Address>) {
    const auto wire = nlri.prefix.address().to_wire();
    out.octets(Octets(wire).first(nlri_octets(length)));
  } else {
    out.octets(Octets(nlri.prefix.address().bytes()).first(nlri_octets(length)));
  }
}

template std::optional<std::vector<Nlri<Ipv4Address>>> decode_nlri(Octets, PathIds);
template std::optional<std::vector<Nlri<Ipv6Address>>> decode_nlri(Octets, PathIds);
template void encode_nlri(const Nlri<Ipv4Address>&, PathIds, OctetWriter&);
template void encode_nlri(const Nlri<Ipv6Address>&, PathIds, OctetWriter&);

}  // namespace lastmile::bgp
