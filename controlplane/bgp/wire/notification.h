// NOTIFICATION: the codes and subcodes that exist, how to make one, how to read one.
//
//   send(encode(notification(OpenError::kBadPeerAs)));
//   send(encode(administrative_shutdown("back at 14:00 UTC")));
//   log(to_string(received));       // Cease/Administrative Shutdown "back at 14:00 UTC"
//
// The names come from IANA's "BGP Error (Notification) Codes" and stand in one table in
// notification.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/bgp/wire/message.h"

namespace lastmile::bgp {

/// RFC 4271 section 4.5.
enum class NotificationCode : std::uint8_t {
  kMessageHeader = 1,
  kOpenMessage = 2,
  kUpdateMessage = 3,
  kHoldTimerExpired = 4,
  kFiniteStateMachine = 5,
  kCease = 6,
  kRouteRefresh = 7,          ///< RFC 7313 section 5
  kSendHoldTimerExpired = 8,  ///< RFC 9687
};

/// RFC 4271 section 6.1.
enum class HeaderError : std::uint8_t {
  kUnspecific = 0,
  kConnectionNotSynchronized = 1,
  kBadMessageLength = 2,  ///< data: the erroneous Length field
  kBadMessageType = 3,    ///< data: the erroneous Type field
};

/// RFC 4271 section 6.2.
enum class OpenError : std::uint8_t {
  kUnspecific = 0,
  kUnsupportedVersion = 1,  ///< data: the largest version that we speak, two octets
  kBadPeerAs = 2,
  kBadBgpIdentifier = 3,
  kUnsupportedOptionalParameter = 4,
  kUnacceptableHoldTime = 6,
  kUnsupportedCapability = 7,  ///< RFC 5492; data: the capabilities that are missing
  kRoleMismatch = 11,          ///< RFC 9234
};

/// RFC 4271 section 6.3; data is the attribute at fault, header included, where there is one.
enum class UpdateError : std::uint8_t {
  kUnspecific = 0,
  kMalformedAttributeList = 1,
  kUnrecognizedWellKnownAttribute = 2,
  kMissingWellKnownAttribute = 3,
  kAttributeFlags = 4,
  kAttributeLength = 5,
  kInvalidOrigin = 6,
  kInvalidNextHop = 8,
  kOptionalAttribute = 9,
  kInvalidNetworkField = 10,
  kMalformedAsPath = 11,
};

/// RFC 6608; data: the type of the unexpected message, one octet.
enum class FsmError : std::uint8_t {
  kUnspecified = 0,
  kUnexpectedMessageInOpenSent = 1,
  kUnexpectedMessageInOpenConfirm = 2,
  kUnexpectedMessageInEstablished = 3,
};

/// RFC 4486, RFC 8538, RFC 9384.
enum class CeaseReason : std::uint8_t {
  kUnspecific = 0,
  kMaximumPrefixes = 1,
  kAdministrativeShutdown = 2,
  kPeerDeconfigured = 3,
  kAdministrativeReset = 4,
  kConnectionRejected = 5,
  kOtherConfigurationChange = 6,
  kConnectionCollision = 7,
  kOutOfResources = 8,
  kHardReset = 9,  ///< RFC 8538; data: the NOTIFICATION that would have been sent
  kBfdDown = 10,   ///< RFC 9384
};

/// RFC 7313 section 5.
enum class RouteRefreshError : std::uint8_t {
  kInvalidMessageLength = 1,  ///< data: the whole ROUTE-REFRESH message
};

[[nodiscard]] Notification notification(NotificationCode code, std::uint8_t subcode = 0,
                                        std::vector<std::uint8_t> data = {});
[[nodiscard]] Notification notification(HeaderError error, std::vector<std::uint8_t> data = {});
[[nodiscard]] Notification notification(OpenError error, std::vector<std::uint8_t> data = {});
[[nodiscard]] Notification notification(UpdateError error, std::vector<std::uint8_t> data = {});
[[nodiscard]] Notification notification(FsmError error, std::vector<std::uint8_t> data = {});
[[nodiscard]] Notification notification(CeaseReason reason, std::vector<std::uint8_t> data = {});
[[nodiscard]] Notification notification(RouteRefreshError error,
                                        std::vector<std::uint8_t> data = {});

/// Administrative Shutdown (or Administrative Reset) with a message for the other side's operator
/// (RFC 9003). `message` is UTF-8; more than 255 octets are cut between two characters.
[[nodiscard]] Notification administrative_shutdown(
    std::string_view message, CeaseReason reason = CeaseReason::kAdministrativeShutdown);
/// The message of an Administrative Shutdown or Reset, made safe to print; nullopt if there is none
/// or its length octet claims more than was sent.
[[nodiscard]] std::optional<std::string> shutdown_message(const Notification& notification);

/// "No graceful restart this time" around `reason` (RFC 8538 section 3).
[[nodiscard]] Notification hard_reset(const Notification& reason);
[[nodiscard]] bool is_hard_reset(const Notification& notification);
/// What a Hard Reset carries; nullopt if `notification` is not one or carries nothing.
[[nodiscard]] std::optional<Notification> hard_reset_reason(const Notification& notification);

/// "Cease"; "Unknown 99" for a code that nobody has defined.
[[nodiscard]] std::string code_name(std::uint8_t code);
/// "Administrative Shutdown"; empty for subcode 0 of a code that has no subcodes.
[[nodiscard]] std::string subcode_name(std::uint8_t code, std::uint8_t subcode);

/// Text that a peer chose (shutdown message, host name) for a terminal or a log: well-formed UTF-8
/// stays, anything else becomes U+FFFD, control characters become "\x1b".
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace lastmile::bgp
