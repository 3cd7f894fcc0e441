#include "controlplane/control/access.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace lastmile {
namespace {

/// Besides "show ...".
constexpr std::array<std::string_view, 7> kOnlyLook{"version", "help",        "metrics", "doctor",
                                                    "events",  "policy test", "trace"};

bool is_member(const Peer& peer, std::optional<gid_t> group) {
  return group && std::ranges::find(peer.groups, *group) != peer.groups.end();
}

bool is_router(const Peer& peer, const AccessRules& rules) {
  return peer.user == rules.router;
}

/// "root", or "root or a member of group "x"".
std::string who_may(const std::vector<std::string_view>& groups) {
  std::string text = "root";
  for (const std::string_view group : groups) {
    if (!group.empty()) text += fmt::format(" or a member of group \"{}\"", group);
  }
  return text;
}

}  // namespace

Access access_needed(std::string_view verb) {
  const bool looks =
      verb.starts_with("show ") || std::ranges::find(kOnlyLook, verb) != kOnlyLook.end();
  return looks ? Access::kRead : Access::kChange;
}

Access access_of(const Peer& peer, const AccessRules& rules) {
  if (peer.user == 0 || peer.user == rules.owner) return Access::kChange;
  if (is_member(peer, rules.group_id)) {
    return is_router(peer, rules) ? Access::kRead : Access::kChange;
  }
  return is_member(peer, rules.read_group_id) ? Access::kRead : Access::kNone;
}

std::size_t places_for(Access access, std::size_t all) {
  return access == Access::kChange ? all : all - all / 4;
}

std::string refusal(const Peer& peer, const AccessRules& rules) {
  return fmt::format("user {} may not use this router; expected {}", peer.user,
                     who_may({rules.group, rules.read_group}));
}

std::string refusal(const Peer& peer, const AccessRules& rules, std::string_view verb) {
  const std::string whom = who_may({rules.group});
  if (is_router(peer, rules)) {
    return fmt::format(
        "user {}, as which the router and its health checks run, may only look: \"{}\" is for {}",
        peer.user, verb, whom);
  }
  return fmt::format("user {} may only look: \"{}\" is for {}", peer.user, verb, whom);
}

tl::expected<Peer, std::string> peer_of(int descriptor) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return tl::unexpected<std::string>(std::strerror(errno));
  }
  Peer peer{credentials.uid, {}};
  socklen_t bytes = 0;
  // Without room the kernel says how much it takes.
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, nullptr, &bytes) != 0 &&
      errno == ERANGE) {
    peer.groups.resize(bytes / sizeof(gid_t));
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &bytes) != 0) {
      return tl::unexpected<std::string>(std::strerror(errno));
    }
  }
  peer.groups.push_back(credentials.gid);
  return peer;
}

}  // namespace lastmile
