// Decoders and encoders of the values of single path attributes; the table points at them.
// A decoder is called only with a length and flags that its descriptor allows.
#pragma once

#include "controlplane/bgp/wire/attribute.h"

namespace lastmile::bgp {

// attribute_values.cc
Verdict decode_origin(Octets value, UpdateDraft& draft);
bool encode_origin(const EncodeSource& source, OctetWriter& out);
Verdict decode_next_hop(Octets value, UpdateDraft& draft);
bool encode_next_hop(const EncodeSource& source, OctetWriter& out);
Verdict decode_med(Octets value, UpdateDraft& draft);
bool encode_med(const EncodeSource& source, OctetWriter& out);
Verdict decode_local_pref(Octets value, UpdateDraft& draft);
bool encode_local_pref(const EncodeSource& source, OctetWriter& out);
Verdict decode_atomic_aggregate(Octets value, UpdateDraft& draft);
bool encode_atomic_aggregate(const EncodeSource& source, OctetWriter& out);
Verdict decode_communities(Octets value, UpdateDraft& draft);
bool encode_communities(const EncodeSource& source, OctetWriter& out);
Verdict decode_originator_id(Octets value, UpdateDraft& draft);
bool encode_originator_id(const EncodeSource& source, OctetWriter& out);
Verdict decode_cluster_list(Octets value, UpdateDraft& draft);
bool encode_cluster_list(const EncodeSource& source, OctetWriter& out);
Verdict decode_extended_communities(Octets value, UpdateDraft& draft);
bool encode_extended_communities(const EncodeSource& source, OctetWriter& out);
Verdict decode_large_communities(Octets value, UpdateDraft& draft);
bool encode_large_communities(const EncodeSource& source, OctetWriter& out);
Verdict decode_aigp(Octets value, UpdateDraft& draft);
bool encode_aigp(const EncodeSource& source, OctetWriter& out);
Verdict decode_only_to_customer(Octets value, UpdateDraft& draft);
bool encode_only_to_customer(const EncodeSource& source, OctetWriter& out);

// as_path.cc: whatever holds AS numbers, in two or four octets
Verdict decode_as_path(Octets value, UpdateDraft& draft);
bool encode_as_path(const EncodeSource& source, OctetWriter& out);
Verdict decode_aggregator(Octets value, UpdateDraft& draft);
bool encode_aggregator(const EncodeSource& source, OctetWriter& out);
Verdict decode_as4_path(Octets value, UpdateDraft& draft);
bool encode_as4_path(const EncodeSource& source, OctetWriter& out);
Verdict decode_as4_aggregator(Octets value, UpdateDraft& draft);
bool encode_as4_aggregator(const EncodeSource& source, OctetWriter& out);
/// Puts AS_PATH and AS4_PATH, AGGREGATOR and AS4_AGGREGATOR back together (RFC 6793 section 4.2.3).
void merge_four_octet(UpdateDraft& draft);

/// Whether the address can be a host's (RFC 4271 section 6.3). 0.0.0.0 is what some peers send for
/// "me".
[[nodiscard]] bool can_be_next_hop(const Ipv4Address& address);

// mp_nlri.cc
Verdict decode_mp_reach(Octets value, UpdateDraft& draft);
Verdict decode_mp_unreach(Octets value, UpdateDraft& draft);
/// The next hop field of MP_REACH_NLRI, its length octet included: 16 octets, or 32 if there are a
/// global and a link-local address. An IPv4 next hop has no place in what we send in MP_REACH_NLRI.
void encode_mp_next_hop(const NextHop& next_hop, OctetWriter& out);

}  // namespace lastmile::bgp
