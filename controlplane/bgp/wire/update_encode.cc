// UPDATE to bytes (RFC 4271 section 4.3), cut into messages of at most the agreed size.
#include <algorithm>
#include <type_traits>

#include "controlplane/bgp/wire/attribute_values.h"
#include "controlplane/bgp/wire/family.h"
#include "controlplane/bgp/wire/header.h"
#include "controlplane/bgp/wire/nlri.h"

namespace lastmile::bgp {
namespace {

// Header, withdrawn routes length, total path attribute length.
constexpr std::size_t kUpdateOverhead = kHeaderSize + 4;

// MP_REACH_NLRI and MP_UNREACH_NLRI always get a length of two octets: it is filled in afterwards.
constexpr std::uint8_t kMpFlags = kFlagOptional | kFlagExtendedLength;

bool sent_to(const AttributeDescriptor& row, const CodecContext& context) {
  switch (row.peers) {
    case AttributeDescriptor::Peers::kAll:
      return true;
    case AttributeDescriptor::Peers::kInternal:
      return !context.external_peer;
    case AttributeDescriptor::Peers::kTwoOctet:
      return !context.four_octet_asn;
    case AttributeDescriptor::Peers::kAigpSession:
      return context.aigp;
  }
  return false;
}

void write_attribute(std::uint8_t flags, std::uint8_t code, Octets value, OctetWriter& out) {
  const bool wide = value.size() > 0xff;
  out.u8(static_cast<std::uint8_t>(wide ? flags | kFlagExtendedLength : flags));
  out.u8(code);
  if (wide) {
    out.u16(static_cast<std::uint16_t>(value.size()));
  } else {
    out.u8(static_cast<std::uint8_t>(value.size()));
  }
  out.octets(value);
}

// All attributes but those that hold NLRI, in ascending order of code (RFC 4271 section 5). Unknown
// ones are merged in where they belong.
struct EncodedAttributes {
  std::vector<std::uint8_t> octets;
  std::size_t next_hop = 0;  // where NEXT_HOP's value stands, if there is one
};

EncodedAttributes encode_attributes(const EncodeSource& source) {
  std::vector<const PathAttributes::Unknown*> unknown;
  for (const auto& attribute : source.attributes.unknown) unknown.push_back(&attribute);
  std::sort(unknown.begin(), unknown.end(),
            [](const auto* a, const auto* b) { return a->code < b->code; });
  auto next_unknown = unknown.begin();

  EncodedAttributes attributes;
  std::vector<std::uint8_t> value;
  OctetWriter out(attributes.octets);
  const auto write_unknown_below = [&](unsigned code) {
    for (; next_unknown != unknown.end() && (*next_unknown)->code < code; ++next_unknown) {
      write_attribute((*next_unknown)->flags, (*next_unknown)->code, (*next_unknown)->value, out);
    }
  };
  for (const AttributeDescriptor& row : attribute_table()) {
    if (row.encode == nullptr || !sent_to(row, source.context)) continue;
    write_unknown_below(static_cast<unsigned>(row.code));
    value.clear();
    OctetWriter value_out(value);
    if (!row.encode(source, value_out)) continue;
    const bool partial = row.partial != nullptr && source.attributes.partial.*row.partial;
    write_attribute(static_cast<std::uint8_t>(row.flags | (partial ? kFlagPartial : 0)),
                    static_cast<std::uint8_t>(row.code), value, out);
    if (row.code == AttributeCode::kNextHop) attributes.next_hop = out.size() - value.size();
  }
  write_unknown_below(256);
  return attributes;
}

/// Whether the next hop goes into NEXT_HOP; else it goes into MP_REACH_NLRI.
bool is_classic(Family family, const NextHop& next_hop) {
  const bool v6_next_hop = next_hop.global.has_value() || next_hop.link_local.has_value();
  return family == Family::kIpv4Unicast && (next_hop.v4 || !v6_next_hop);
}

/// 4, 16 or 32 of them.
std::vector<std::uint8_t> next_hop_octets(Family family, const NextHop& next_hop) {
  std::vector<std::uint8_t> octets;
  OctetWriter out(octets);
  if (is_classic(family, next_hop)) {
    out.u32(next_hop.v4.value_or(Ipv4Address{}).value());
  } else {
    encode_mp_next_hop(next_hop, out);
    octets.erase(octets.begin());  // the length
  }
  return octets;
}

// Appends UPDATE messages to `out`, each filled up to the limit with prefixes of one list.
class UpdatePacker {
 public:
  UpdatePacker(UpdateStream& stream, const CodecContext& context)
      : stream_(stream),
        octets_(stream.octets),
        out_(stream.octets),
        context_(context),
        limit_(message_limit(context)) {}

  void withdraw(const std::vector<Nlri<Ipv4Address>>& list) {
    pack(list, [&](auto fill) {
      const std::size_t length = out_.hold_u16();
      fill(2);  // leaves room for the total path attribute length
      out_.fill_u16(length);
      out_.u16(0);
    });
  }

  void withdraw(const std::vector<Nlri<Ipv6Address>>& list) {
    const FamilyCodes codes = family_codes(Family::kIpv6Unicast);
    pack(list, [&](auto fill) {
      out_.u16(0);
      const std::size_t total = out_.hold_u16();
      const std::size_t length = begin_mp(AttributeCode::kMpUnreachNlri, codes);
      fill(0);
      out_.fill_u16(length);
      out_.fill_u16(total);
    });
  }

  void announce(const Update::Reach& reach, const PathAttributes& attributes) {
    std::visit([&](const auto& list) { announce_list(reach, list, attributes); }, reach.nlri);
  }

 private:
  // One message after the other until the list is used up; `body` writes what stands around the
  // prefixes and calls its argument where they go, with how many octets come behind them.
  template <class Address, class Body>
  void pack(const std::vector<Nlri<Address>>& list, Body body) {
    const PathIds ids = ids_of<Address>();
    for (std::size_t next = 0; next < list.size();) {
      const std::size_t start = begin_message(out_, MessageType::kUpdate);
      body([&](std::size_t behind) {
        while (next < list.size() &&
               out_.size() - start + encoded_size(list[next], ids) + behind <= limit_) {
          encode_nlri(list[next++], ids, out_);
        }
      });
      end_message(octets_, start);
    }
  }

  template <class Address>
  [[nodiscard]] PathIds ids_of() const {
    return context_.own_path_ids_of(std::is_same_v<Address, Ipv4Address> ? Family::kIpv4Unicast
                                                                         : Family::kIpv6Unicast);
  }

  // Returns where the attribute's length is to be filled in.
  std::size_t begin_mp(AttributeCode code, FamilyCodes codes) {
    out_.u8(kMpFlags);
    out_.u8(static_cast<std::uint8_t>(code));
    const std::size_t length = out_.hold_u16();
    out_.u16(codes.afi);
    out_.u8(codes.safi);
    return length;
  }

  template <class Address>
  void announce_list(const Update::Reach& reach, const std::vector<Nlri<Address>>& list,
                     const PathAttributes& attributes) {
    const bool classic = is_classic(reach.family, reach.next_hop);
    const Ipv4Address v4 = reach.next_hop.v4.value_or(Ipv4Address{});
    const EncodedAttributes encoded =
        encode_attributes({attributes, context_, classic ? &v4 : nullptr});
    const std::vector<std::uint8_t> next_hop = next_hop_octets(reach.family, reach.next_hop);

    // Flags, code, length, AFI, SAFI, the next hop and its length, reserved.
    const std::size_t mp_overhead = classic ? 0 : 4 + 3 + 1 + next_hop.size() + 1;
    const std::size_t largest_route = path_id_octets(ids_of<Address>()) + kMaxNlriSize<Address>;
    if (kUpdateOverhead + mp_overhead + encoded.octets.size() + largest_route > limit_) {
      // A route that fits into no message is not advertised (RFC 4271 section 9.2), and what the
      // peer had before is no longer true.
      return withdraw(list);
    }
    pack(list, [&](auto fill) {
      out_.u16(0);
      const std::size_t total = out_.hold_u16();
      if (!classic) {
        // In front of the others, so that a peer finds the routes even if it stumbles over an
        // attribute (RFC 7606 section 5.1).
        const std::size_t length =
            begin_mp(AttributeCode::kMpReachNlri, family_codes(reach.family));
        out_.u8(static_cast<std::uint8_t>(next_hop.size()));
        note_next_hop(out_.size());
        out_.octets(next_hop);
        out_.u8(0);
        fill(encoded.octets.size());
        out_.fill_u16(length);
      } else {
        note_next_hop(out_.size() + encoded.next_hop);
      }
      out_.octets(encoded.octets);
      out_.fill_u16(total);
      if (classic) fill(0);
    });
  }

  void note_next_hop(std::size_t at) {
    stream_.next_hops.push_back(static_cast<std::uint32_t>(at));
  }

  UpdateStream& stream_;
  std::vector<std::uint8_t>& octets_;
  OctetWriter out_;
  const CodecContext& context_;
  std::size_t limit_;
};

}  // namespace

void append(const Update& update, const CodecContext& context, UpdateStream& stream) {
  UpdatePacker packer(stream, context);
  // IPv4 withdrawals are classic even where reachable routes go through MP_REACH_NLRI: they have no
  // next hop, so RFC 8950 changes nothing about them, and every receiver takes them.
  for (const Update::Unreach& unreach : update.unreach) {
    std::visit([&](const auto& list) { packer.withdraw(list); }, unreach.nlri);
  }
  for (const Update::Reach& reach : update.reach) packer.announce(reach, update.attributes);
  if (update.end_of_rib) {
    const std::vector<std::uint8_t> end = encode_end_of_rib(*update.end_of_rib);
    stream.octets.insert(stream.octets.end(), end.begin(), end.end());
  }
}

std::vector<std::uint8_t> encode(const Update& update, const CodecContext& context) {
  UpdateStream stream;
  append(update, context, stream);
  return std::move(stream.octets);
}

bool same_form(Family family, const NextHop& a, const NextHop& b) {
  return next_hop_octets(family, a).size() == next_hop_octets(family, b).size();
}

std::vector<std::uint8_t> with_next_hop(const UpdateStream& stream, Family family,
                                        const NextHop& next_hop) {
  std::vector<std::uint8_t> octets = stream.octets;
  const std::vector<std::uint8_t> other = next_hop_octets(family, next_hop);
  for (const std::uint32_t at : stream.next_hops) {
    std::copy(other.begin(), other.end(), octets.begin() + at);
  }
  return octets;
}

std::vector<std::uint8_t> encode_end_of_rib(Family family) {
  std::vector<std::uint8_t> octets;
  OctetWriter out(octets);
  const std::size_t start = begin_message(out, MessageType::kUpdate);
  out.u16(0);
  const std::size_t total = out.hold_u16();
  // An empty UPDATE for IPv4, an MP_UNREACH_NLRI that names nothing else for the others.
  if (family != Family::kIpv4Unicast) {
    const FamilyCodes codes = family_codes(family);
    out.u8(kFlagOptional);
    out.u8(static_cast<std::uint8_t>(AttributeCode::kMpUnreachNlri));
    out.u8(3);
    out.u16(codes.afi);
    out.u8(codes.safi);
  }
  out.fill_u16(total);
  end_message(octets, start);
  return octets;
}

}  // namespace lastmile::bgp
