// BGP messages as values, and the codec between them and bytes (RFC 4271 section 4).
//
//   MessageReader reader;                       // one for each connection
//   reader.append(bytes);
//   while (auto next = reader.next(context)) {  // nullopt: wait for more bytes
//     if (!*next) { send(encode(next->error())); close(); }   // the NOTIFICATION that it deserves
//     std::visit(handle, **next);
//   }
//
// The decoder never throws and never reads outside its input; whatever a peer sends is a message, a
// message with faults that cost only its routes (RFC 7606), or a NOTIFICATION to send.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/bgp/wire/types.h"
#include "dataplane/net/headers.h"

namespace lastmile::bgp {

inline constexpr std::size_t kHeaderSize = 19;          // RFC 4271 section 4.1
inline constexpr std::size_t kMaxMessageSize = 4096;    // RFC 4271 section 4.1
inline constexpr std::size_t kMaxExtendedSize = 65535;  // RFC 8654
using protocol::kBgpPort;

/// What a speaker says of its own restarts (RFC 4724 section 3, RFC 8538 section 2).
struct GracefulRestart {
  bool restarted = false;      ///< R: it comes from a restart; nobody is to wait for its End-of-RIB
  bool notifications = false;  ///< N: a session that a NOTIFICATION ends is one to be resumed
  std::uint16_t restart_time_s = 0;  ///< until it is back, it thinks; 12 bits
  struct Kept {
    Family family = Family::kIpv4Unicast;
    bool forwarding = false;  ///< F: packets went on being forwarded while it was away
    friend bool operator==(const Kept&, const Kept&) = default;
  };
  /// Whose routes are to be kept while it is away; none: it only helps others. Families that we
  /// don't carry are left out.
  std::vector<Kept> families;

  [[nodiscard]] const Kept* find(Family family) const;
  friend bool operator==(const GracefulRestart&, const GracefulRestart&) = default;
};

/// For how long a speaker's routes are to be kept beyond that (RFC 9494 section 3).
struct LongLivedRestart {
  struct Kept {
    Family family = Family::kIpv4Unicast;
    bool forwarding = false;         ///< F: packets went on being forwarded while it was away
    std::uint32_t stale_time_s = 0;  ///< 24 bits
    friend bool operator==(const Kept&, const Kept&) = default;
  };
  /// None: it only helps others. Families that we don't carry are left out.
  std::vector<Kept> families;

  [[nodiscard]] const Kept* find(Family family) const;
  friend bool operator==(const LongLivedRestart&, const LongLivedRestart&) = default;
};

/// Whether a speaker sends several paths to a prefix, or takes them (RFC 7911 section 4).
struct AddPath {
  Family family = Family::kIpv4Unicast;
  bool receives = false;
  bool sends = false;
  friend bool operator==(const AddPath&, const AddPath&) = default;
};

/// What a speaker can do, as announced in OPEN (RFC 5492). Unknown capabilities are kept for
/// `show`.
struct Capabilities {
  std::vector<Family> multiprotocol;      ///< RFC 4760, code 1
  bool route_refresh = false;             ///< RFC 2918, code 2
  std::vector<Family> extended_next_hop;  ///< RFC 8950, code 5: family with IPv6 next hop
  bool extended_message = false;          ///< RFC 8654, code 6
  bool enhanced_route_refresh = false;    ///< RFC 7313, code 70
  /// RFC 9234, code 9: the distinct codes that the speaker sent; more than one is an error.
  std::vector<std::uint8_t> roles;
  std::optional<GracefulRestart> graceful_restart;  ///< RFC 4724, code 64
  std::optional<Asn> four_octet_asn;                ///< RFC 6793, code 65
  std::vector<AddPath> add_path;                    ///< RFC 7911, code 69
  std::optional<LongLivedRestart> long_lived;       ///< RFC 9494, code 71
  std::string hostname, domain_name;                ///< FQDN, code 73 (draft-walton-bgp-hostname)
  struct Unknown {
    std::uint8_t code = 0;
    std::vector<std::uint8_t> value;
    friend bool operator==(const Unknown&, const Unknown&) = default;
  };
  std::vector<Unknown> unknown;
  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

struct Open {
  Asn asn;  ///< the four-octet one if the capability is there, else "My Autonomous System"
  std::uint16_t hold_time_s = 0;
  BgpIdentifier identifier;
  Capabilities capabilities;
  friend bool operator==(const Open&, const Open&) = default;
};

struct Aggregator {
  Asn asn;
  Ipv4Address address;
  friend bool operator==(const Aggregator&, const Aggregator&) = default;
};

/// What a route costs on the way so far, within one administration (RFC 7311).
struct Aigp {
  /// "The maximum value" says that a metric can't be used; such an attribute is discarded.
  static constexpr std::uint64_t kUnusable = UINT64_MAX;

  std::uint64_t metric = 0;
  /// Whole TLVs behind the one with the metric, which are passed on as they came.
  std::vector<std::uint8_t> other_tlvs;
  friend bool operator==(const Aigp&, const Aigp&) = default;
};

/// The path attributes that all routes of an UPDATE share; NLRI and next hop are not among them.
/// What has no order on the wire (communities, `unknown`) comes out of the decoder sorted and
/// without duplicates, so that equal sets are equal values and hash alike.
struct PathAttributes {
  Origin origin = Origin::kIgp;
  AsPath as_path;
  std::optional<std::uint32_t> med;
  std::optional<std::uint32_t> local_preference;
  bool atomic_aggregate = false;
  std::optional<Aggregator> aggregator;
  std::vector<Community> communities;
  std::vector<ExtendedCommunity> extended_communities;
  std::vector<LargeCommunity> large_communities;
  std::optional<BgpIdentifier> originator_id;  ///< RFC 4456
  std::vector<Ipv4Address> cluster_list;       ///< RFC 4456
  std::optional<Aigp> aigp;                    ///< RFC 7311
  std::optional<Asn> only_to_customer;         ///< RFC 9234
  /// Optional transitive attributes that we do not know: passed on with Partial set
  /// (RFC 4271 section 5).
  struct Unknown {
    std::uint8_t flags = 0;
    std::uint8_t code = 0;
    std::vector<std::uint8_t> value;
    friend bool operator==(const Unknown&, const Unknown&) = default;
  };
  std::vector<Unknown> unknown;
  /// Known optional transitive attributes that somebody on the way did not know: once set, Partial
  /// is not cleared (RFC 4271 section 5).
  struct Partial {
    bool aggregator = false;
    bool communities = false;
    bool extended_communities = false;
    bool large_communities = false;
    bool only_to_customer = false;
    friend bool operator==(const Partial&, const Partial&) = default;
  };
  Partial partial;
  friend bool operator==(const PathAttributes&, const PathAttributes&) = default;
};
/// 64 well-mixed bits, the same on every run: equal attributes hash alike, so that a table of them
/// (interning) needs no other help. About as cheap as one pass over the attributes.
[[nodiscard]] std::uint64_t hash_value(const PathAttributes& attributes);

/// An attribute that was malformed and what RFC 7606 made of it.
struct AttributeFault {
  enum class Outcome : std::uint8_t { kAttributeDiscard, kTreatAsWithdraw };
  std::uint8_t code = 0;
  Outcome outcome = Outcome::kTreatAsWithdraw;
  std::string reason;  ///< for the log and `last_error`, with the RFC clause
  friend bool operator==(const AttributeFault&, const AttributeFault&) = default;
};

struct Update {
  struct Reach {
    Family family = Family::kIpv4Unicast;
    NextHop next_hop;
    NlriList nlri;
    friend bool operator==(const Reach&, const Reach&) = default;
  };
  struct Unreach {
    Family family = Family::kIpv4Unicast;
    NlriList nlri;
    friend bool operator==(const Unreach&, const Unreach&) = default;
  };
  std::vector<Unreach> unreach;      ///< to be applied before `reach`
  std::vector<Reach> reach;          ///< empty after treat-as-withdraw: the routes are in `unreach`
  PathAttributes attributes;         ///< meaningful if `reach` is not empty
  std::optional<Family> end_of_rib;  ///< RFC 4724 section 2
  /// In the order of the message; the first few, if a peer sends nothing but faults.
  std::vector<AttributeFault> faults;
  friend bool operator==(const Update&, const Update&) = default;
};

struct Keepalive {
  friend bool operator==(const Keepalive&, const Keepalive&) = default;
};

/// Error codes and subcodes are a table in notification.cc (RFC 4271 section 4.5, RFC 4486, ...).
struct Notification {
  std::uint8_t code = 0;
  std::uint8_t subcode = 0;
  std::vector<std::uint8_t> data;
  friend bool operator==(const Notification&, const Notification&) = default;
};
/// "Cease/Administrative Shutdown", with a shutdown message (RFC 9003) if there is one.
[[nodiscard]] std::string to_string(const Notification& notification);

struct RouteRefresh {
  /// For a family that we don't carry, and for a subtype that nobody has defined: a receiver
  /// ignores it (RFC 2918 section 4, RFC 7313 section 5). MessageReader skips such messages.
  static constexpr std::uint8_t kIgnored = 255;

  // RFC 7313 section 3.2.
  static constexpr std::uint8_t kRequest = 0;
  static constexpr std::uint8_t kBegin = 1;  ///< BoRR: the sender's routes follow, all of them
  static constexpr std::uint8_t kEnd = 2;    ///< EoRR: these were they

  Family family = Family::kIpv4Unicast;
  std::uint8_t subtype = kRequest;  ///< one of the above
  friend bool operator==(const RouteRefresh&, const RouteRefresh&) = default;
};

using Message = std::variant<Open, Update, Notification, Keepalive, RouteRefresh>;

/// What both sides agreed on in OPEN and what therefore changes the codec.
struct CodecContext {
  bool four_octet_asn = true;
  bool external_peer =
      true;  ///< eBGP: LOCAL_PREF and the like are discarded (RFC 7606 section 7.5)
  bool extended_message = false;
  std::vector<Family> extended_next_hop;  ///< families for which an IPv6 next hop is allowed
  std::vector<Family> path_ids;  ///< families in which the peer puts path identifiers (RFC 7911)
  std::vector<Family> own_path_ids;  ///< and those in which we do
  bool aigp = false;                 ///< AIGP_SESSION of RFC 7311 section 3.3

  /// In what the peer sends.
  [[nodiscard]] PathIds path_ids_of(Family family) const { return is_among(family, path_ids); }
  /// In what we send.
  [[nodiscard]] PathIds own_path_ids_of(Family family) const {
    return is_among(family, own_path_ids);
  }
  friend bool operator==(const CodecContext&, const CodecContext&) = default;

 private:
  [[nodiscard]] static PathIds is_among(Family family, const std::vector<Family>& families) {
    for (const Family with : families) {
      if (with == family) return PathIds::kPresent;
    }
    return PathIds::kAbsent;
  }
};

/// Cuts a byte stream into messages and decodes them. Taking a message out moves no bytes, and
/// appending moves at most the started message at the end: the work is linear in the stream however
/// it was cut. Not thread-safe; one for each connection.
class MessageReader {
 public:
  void append(std::span<const std::uint8_t> bytes);
  /// The next message; an error carries the NOTIFICATION to send (then the stream is unusable: the
  /// same error comes again); nullopt when a whole message has not arrived yet. A header that
  /// cannot be right is an error as soon as its 19 octets are there. The context is looked at for
  /// each message, because OPEN changes it.
  [[nodiscard]] std::optional<tl::expected<Message, Notification>> next(
      const CodecContext& context);

 private:
  std::vector<std::uint8_t> buffer_;
  std::size_t consumed_ = 0;  // octets of `buffer_` that have been given out as messages
  std::optional<Notification> error_;
};

/// Decodes one whole message, header included.
[[nodiscard]] tl::expected<Message, Notification> decode(std::span<const std::uint8_t> message,
                                                         const CodecContext& context);

[[nodiscard]] std::vector<std::uint8_t> encode(const Open& open);
[[nodiscard]] std::vector<std::uint8_t> encode(const Keepalive& keepalive);
[[nodiscard]] std::vector<std::uint8_t> encode(const Notification& notification);
[[nodiscard]] std::vector<std::uint8_t> encode(const RouteRefresh& refresh);
/// As many messages as the size limit needs, one behind the other: withdrawals first, then each
/// `reach`, then End-of-RIB. IPv4 goes into the classic fields if its next hop is IPv4 (or unset:
/// 0.0.0.0), else into MP_REACH_NLRI (RFC 8950); whether the peer agreed to that is the caller's
/// business. Prefixes have path identifiers where the context says so. IPv4 withdrawals are always
/// classic. A message carries one kind of NLRI, and
/// MP_REACH_NLRI stands in front (RFC 7606 section 5.1). Routes whose attributes are too big for
/// any message are withdrawn (RFC 4271 section 9.2). `faults` are not encoded.
[[nodiscard]] std::vector<std::uint8_t> encode(const Update& update, const CodecContext& context);
[[nodiscard]] std::vector<std::uint8_t> encode_end_of_rib(Family family);

/// Encoded UPDATEs one behind the other, and where a next hop stands in them: the same messages
/// serve each peer, whatever the address is that it sees us under.
struct UpdateStream {
  std::vector<std::uint8_t> octets;
  std::vector<std::uint32_t> next_hops;  ///< offsets of their first octets
};
/// encode(), behind what is in the stream already.
void append(const Update& update, const CodecContext& context, UpdateStream& stream);
/// Whether the messages for the one next hop, octets of the next hop aside, are those for the
/// other.
[[nodiscard]] bool same_form(Family family, const NextHop& a, const NextHop& b);
/// The messages for another next hop of the same form. All that is reachable in `stream` is of one
/// family and has one next hop.
[[nodiscard]] std::vector<std::uint8_t> with_next_hop(const UpdateStream& stream, Family family,
                                                      const NextHop& next_hop);

}  // namespace lastmile::bgp
