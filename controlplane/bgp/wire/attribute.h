// Path attributes: the descriptor of one, and what passes between the loops that walk the table and
// the functions that know one value each.
//
// Everything that the RFCs say of an attribute as such stands in its descriptor
// (attribute_table.cc): code, flags, length, who may send it, whether it must be there, and what
// RFC 7606 makes of a malformed one. The functions behind `decode` and `encode` know the value
// alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/notification.h"
#include "controlplane/bgp/wire/octets.h"

namespace lastmile::bgp {

/// IANA "BGP Path Attributes", those that we know.
enum class AttributeCode : std::uint8_t {
  kOrigin = 1,
  kAsPath = 2,
  kNextHop = 3,
  kMultiExitDisc = 4,
  kLocalPref = 5,
  kAtomicAggregate = 6,
  kAggregator = 7,
  kCommunities = 8,
  kOriginatorId = 9,
  kClusterList = 10,
  kMpReachNlri = 14,
  kMpUnreachNlri = 15,
  kExtendedCommunities = 16,
  kAs4Path = 17,
  kAs4Aggregator = 18,
  kAigp = 26,
  kLargeCommunity = 32,
  kOnlyToCustomer = 35,
};

/// Attribute Flags (RFC 4271 section 4.3).
inline constexpr std::uint8_t kFlagOptional = 0x80;
inline constexpr std::uint8_t kFlagTransitive = 0x40;
inline constexpr std::uint8_t kFlagPartial = 0x20;
inline constexpr std::uint8_t kFlagExtendedLength = 0x10;

/// What is done about an error, weakest first (RFC 7606 section 2; section 3 h: the strongest of
/// all errors in a message wins).
enum class Handling : std::uint8_t {
  kNone,
  kAttributeDiscard,
  kTreatAsWithdraw,
  kSessionReset,
};

/// What a decoder found wrong with a value, or nothing.
struct Verdict {
  const char* what = nullptr;  ///< null: well-formed
  /// nullopt: what the descriptor says. Otherwise `what` names the clause.
  std::optional<Handling> handling;
};

/// What the attributes of one UPDATE add up to while they are walked.
struct UpdateDraft {
  explicit UpdateDraft(const CodecContext& agreed) : context(agreed) {}

  const CodecContext& context;
  Update update;
  std::optional<Ipv4Address> next_hop;  ///< NEXT_HOP as it stood, for the classic NLRI
  std::optional<AsPath> as4_path;       ///< to be merged at the end (RFC 6793 section 4.2.3)
  std::optional<Aggregator> as4_aggregator;
  std::optional<Family> empty_unreach;  ///< MP_UNREACH_NLRI with no routes: maybe End-of-RIB
  bool foreign_reach = false;           ///< MP_REACH_NLRI of a family that we don't carry
};

/// What the encoders may look at.
struct EncodeSource {
  const PathAttributes& attributes;
  const CodecContext& context;
  const Ipv4Address* next_hop = nullptr;  ///< for NEXT_HOP; null if MP_REACH_NLRI has it
};

struct AttributeDescriptor {
  /// How long a value may be. Most of RFC 7606 section 7 is this one column.
  enum class Length : std::uint8_t {
    kAny,         ///< zero included; the decoder judges
    kExactly,     ///< `length` octets
    kMultipleOf,  ///< of `length`, and not zero
  };
  /// Which peers may send it to us, and whom we send it to.
  enum class Peers : std::uint8_t {
    kAll,
    kInternal,     ///< from an external peer: attribute discard (RFC 7606 sections 7.5, 7.9, 7.10)
    kTwoOctet,     ///< from a peer with four-octet AS numbers: attribute discard (RFC 6793
                   ///< section 4.1)
    kAigpSession,  ///< on other sessions: quietly ignored (RFC 7311 section 3.3)
  };
  /// Whether reachable routes need it (RFC 4271 section 5, table of attributes).
  enum class Presence : std::uint8_t {
    kOptional,
    kAlways,
    kWithClassicNlri,    ///< RFC 4760 section 3: not when all NLRI is in MP_REACH_NLRI
    kFromInternalPeers,  ///< RFC 4271 section 5.1.5
  };

  AttributeCode code;
  const char* name;
  std::uint8_t flags;  ///< Optional and Transitive, as they must be
  Length length_rule;
  std::size_t length;
  Peers peers;
  Presence presence;
  /// When length or value are wrong.
  Handling malformed;
  UpdateError subcode;  ///< of the NOTIFICATION, if a wrong value comes to that
  const char* clause;   ///< where `malformed` is written

  /// Judges `value` and adds it to the draft.
  Verdict (*decode)(Octets value, UpdateDraft& draft);
  /// Appends the value; false if there is none to send. Null for MP_REACH_NLRI and MP_UNREACH_NLRI,
  /// which hold NLRI and are written by update_encode.cc.
  bool (*encode)(const EncodeSource& source, OctetWriter& out);
  /// Where the Partial bit of an optional transitive attribute is remembered; null if nowhere.
  bool PathAttributes::Partial::*partial = nullptr;
  /// RFC 7606 section 3 c: "… unless the specification of the attribute says otherwise".
  Handling wrong_flags = Handling::kTreatAsWithdraw;
};

/// In ascending order of code.
[[nodiscard]] std::span<const AttributeDescriptor> attribute_table();
/// Null if we don't know the attribute.
[[nodiscard]] const AttributeDescriptor* find_attribute(std::uint8_t code);

}  // namespace lastmile::bgp
