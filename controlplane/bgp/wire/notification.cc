#include "controlplane/bgp/wire/notification.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "controlplane/bgp/wire/octets.h"
#include "controlplane/bgp/wire/utf8.h"

namespace lastmile::bgp {
namespace {

struct CodeRow {
  NotificationCode code;
  const char* name;
};

constexpr std::array kCodes{
    CodeRow{NotificationCode::kMessageHeader, "Message Header Error"},
    CodeRow{NotificationCode::kOpenMessage, "OPEN Message Error"},
    CodeRow{NotificationCode::kUpdateMessage, "UPDATE Message Error"},
    CodeRow{NotificationCode::kHoldTimerExpired, "Hold Timer Expired"},
    CodeRow{NotificationCode::kFiniteStateMachine, "Finite State Machine Error"},
    CodeRow{NotificationCode::kCease, "Cease"},
    CodeRow{NotificationCode::kRouteRefresh, "ROUTE-REFRESH Message Error"},
    CodeRow{NotificationCode::kSendHoldTimerExpired, "Send Hold Timer Expired"},
};

struct SubcodeRow {
  NotificationCode code;
  std::uint8_t subcode;
  const char* name;
};

using enum NotificationCode;
constexpr std::array kSubcodes{
    SubcodeRow{kMessageHeader, 0, "Unspecific"},
    SubcodeRow{kMessageHeader, 1, "Connection Not Synchronized"},
    SubcodeRow{kMessageHeader, 2, "Bad Message Length"},
    SubcodeRow{kMessageHeader, 3, "Bad Message Type"},
    SubcodeRow{kOpenMessage, 0, "Unspecific"},
    SubcodeRow{kOpenMessage, 1, "Unsupported Version Number"},
    SubcodeRow{kOpenMessage, 2, "Bad Peer AS"},
    SubcodeRow{kOpenMessage, 3, "Bad BGP Identifier"},
    SubcodeRow{kOpenMessage, 4, "Unsupported Optional Parameter"},
    SubcodeRow{kOpenMessage, 5, "Authentication Failure"},  // deprecated by RFC 4271
    SubcodeRow{kOpenMessage, 6, "Unacceptable Hold Time"},
    SubcodeRow{kOpenMessage, 7, "Unsupported Capability"},
    SubcodeRow{kOpenMessage, 11, "Role Mismatch"},
    SubcodeRow{kUpdateMessage, 0, "Unspecific"},
    SubcodeRow{kUpdateMessage, 1, "Malformed Attribute List"},
    SubcodeRow{kUpdateMessage, 2, "Unrecognized Well-known Attribute"},
    SubcodeRow{kUpdateMessage, 3, "Missing Well-known Attribute"},
    SubcodeRow{kUpdateMessage, 4, "Attribute Flags Error"},
    SubcodeRow{kUpdateMessage, 5, "Attribute Length Error"},
    SubcodeRow{kUpdateMessage, 6, "Invalid ORIGIN Attribute"},
    SubcodeRow{kUpdateMessage, 7, "AS Routing Loop"},  // deprecated by RFC 4271
    SubcodeRow{kUpdateMessage, 8, "Invalid NEXT_HOP Attribute"},
    SubcodeRow{kUpdateMessage, 9, "Optional Attribute Error"},
    SubcodeRow{kUpdateMessage, 10, "Invalid Network Field"},
    SubcodeRow{kUpdateMessage, 11, "Malformed AS_PATH"},
    SubcodeRow{kFiniteStateMachine, 0, "Unspecified Error"},
    SubcodeRow{kFiniteStateMachine, 1, "Receive Unexpected Message in OpenSent State"},
    SubcodeRow{kFiniteStateMachine, 2, "Receive Unexpected Message in OpenConfirm State"},
    SubcodeRow{kFiniteStateMachine, 3, "Receive Unexpected Message in Established State"},
    SubcodeRow{kCease, 0, "Unspecific"},
    SubcodeRow{kCease, 1, "Maximum Number of Prefixes Reached"},
    SubcodeRow{kCease, 2, "Administrative Shutdown"},
    SubcodeRow{kCease, 3, "Peer De-configured"},
    SubcodeRow{kCease, 4, "Administrative Reset"},
    SubcodeRow{kCease, 5, "Connection Rejected"},
    SubcodeRow{kCease, 6, "Other Configuration Change"},
    SubcodeRow{kCease, 7, "Connection Collision Resolution"},
    SubcodeRow{kCease, 8, "Out of Resources"},
    SubcodeRow{kCease, 9, "Hard Reset"},
    SubcodeRow{kCease, 10, "BFD Down"},
    SubcodeRow{kRouteRefresh, 1, "Invalid Message Length"},
};

template <class Error>
Notification of(NotificationCode code, Error error, std::vector<std::uint8_t> data) {
  return notification(code, static_cast<std::uint8_t>(error), std::move(data));
}

bool is_cease(const Notification& notification, CeaseReason reason) {
  return notification.code == static_cast<std::uint8_t>(kCease) &&
         notification.subcode == static_cast<std::uint8_t>(reason);
}

constexpr std::size_t kMaxShutdownMessage = 255;  // RFC 9003 section 2: one length octet
constexpr std::size_t kShownData = 16;            // octets of data that to_string prints

std::string hex(Octets data) {
  std::string text;
  for (const std::uint8_t octet : data.first(std::min(data.size(), kShownData))) {
    text += fmt::format(" {:02x}", octet);
  }
  if (data.size() > kShownData) text += fmt::format(" ... ({} octets)", data.size());
  return text;
}

}  // namespace

Notification notification(NotificationCode code, std::uint8_t subcode,
                          std::vector<std::uint8_t> data) {
  return {static_cast<std::uint8_t>(code), subcode, std::move(data)};
}
Notification notification(HeaderError error, std::vector<std::uint8_t> data) {
  return of(kMessageHeader, error, std::move(data));
}
Notification notification(OpenError error, std::vector<std::uint8_t> data) {
  return of(kOpenMessage, error, std::move(data));
}
Notification notification(UpdateError error, std::vector<std::uint8_t> data) {
  return of(kUpdateMessage, error, std::move(data));
}
Notification notification(FsmError error, std::vector<std::uint8_t> data) {
  return of(kFiniteStateMachine, error, std::move(data));
}
Notification notification(CeaseReason reason, std::vector<std::uint8_t> data) {
  return of(kCease, reason, std::move(data));
}
Notification notification(RouteRefreshError error, std::vector<std::uint8_t> data) {
  return of(kRouteRefresh, error, std::move(data));
}

Notification administrative_shutdown(std::string_view message, CeaseReason reason) {
  const std::string_view fitting = truncate_utf8(message, kMaxShutdownMessage);
  std::vector<std::uint8_t> data{static_cast<std::uint8_t>(fitting.size())};
  data.insert(data.end(), fitting.begin(), fitting.end());
  return notification(reason, std::move(data));
}

std::optional<std::string> shutdown_message(const Notification& notification) {
  if (!is_cease(notification, CeaseReason::kAdministrativeShutdown) &&
      !is_cease(notification, CeaseReason::kAdministrativeReset)) {
    return std::nullopt;
  }
  OctetReader in(notification.data);
  if (in.empty()) return std::nullopt;
  const std::size_t length = in.u8();
  if (length == 0 || length > in.left()) return std::nullopt;
  const Octets text = in.take(length);
  return printable(std::string(text.begin(), text.end()));
}

Notification hard_reset(const Notification& reason) {
  std::vector<std::uint8_t> data{reason.code, reason.subcode};
  data.insert(data.end(), reason.data.begin(), reason.data.end());
  return notification(CeaseReason::kHardReset, std::move(data));
}

bool is_hard_reset(const Notification& notification) {
  return is_cease(notification, CeaseReason::kHardReset);
}

std::optional<Notification> hard_reset_reason(const Notification& notification) {
  if (!is_hard_reset(notification) || notification.data.size() < 2) {
    return std::nullopt;
  }
  return Notification{notification.data[0],
                      notification.data[1],
                      {notification.data.begin() + 2, notification.data.end()}};
}

std::string code_name(std::uint8_t code) {
  for (const CodeRow& row : kCodes) {
    if (static_cast<std::uint8_t>(row.code) == code) return row.name;
  }
  return fmt::format("Unknown {}", code);
}

std::string subcode_name(std::uint8_t code, std::uint8_t subcode) {
  for (const SubcodeRow& row : kSubcodes) {
    if (static_cast<std::uint8_t>(row.code) == code && row.subcode == subcode) return row.name;
  }
  return subcode == 0 ? "" : fmt::format("Unknown {}", subcode);
}

std::string to_string(const Notification& notification) {
  std::string text = code_name(notification.code);
  const std::string subcode = subcode_name(notification.code, notification.subcode);
  if (!subcode.empty()) text += '/' + subcode;
  if (const auto message = shutdown_message(notification)) return text + " \"" + *message + '"';
  // A Hard Reset inside a Hard Reset means nothing; one level also bounds the recursion.
  if (const auto reason = hard_reset_reason(notification);
      reason && !is_cease(*reason, CeaseReason::kHardReset)) {
    return text + " (" + to_string(*reason) + ')';
  }
  if (!notification.data.empty()) text += " (data" + hex(notification.data) + ')';
  return text;
}

}  // namespace lastmile::bgp
