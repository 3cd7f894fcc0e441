// Who may ask what on the control socket.
//
// Two groups: members of one may look, members of the other may also change things. The kernel says
// who is at the other end (SO_PEERCRED, SO_PEERGROUPS; unix(7)), as of the moment of its connect():
// a client can't pretend.
//
// The user that the router has become is no administrator of it, whatever its groups: who comes as
// this user is a health check's program, or what took one over.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace lastmile {

/// What somebody may do; each may also do what is before it.
enum class Access : std::uint8_t {
  kNone,
  kRead,    ///< look
  kChange,  ///< take services down, drain, reload; see packets (capture)
};

/// What a verb needs. What only tells of the router is for everybody who may use the socket; any
/// other verb, and one that this table does not know, needs kChange.
[[nodiscard]] Access access_needed(std::string_view verb);

struct Peer {
  uid_t user = 0;
  std::vector<gid_t> groups;  ///< all of them
};

struct AccessRules {
  uid_t owner = 0;                ///< whom the socket belongs to
  std::string group, read_group;  ///< names, for people; empty: none
  std::optional<gid_t> group_id, read_group_id;
  uid_t router = 0;  ///< whom the router has become; 0 or the owner: nobody else
};

/// Root and the owner may do anything; members of either group who come as the router look only.
[[nodiscard]] Access access_of(const Peer& peer, const AccessRules& rules);

/// How many of all places for clients those with this access may fill: who may only look leaves
/// some to those who may do anything.
[[nodiscard]] std::size_t places_for(Access access, std::size_t all);

/// Why a peer is turned away: one line.
[[nodiscard]] std::string refusal(const Peer& peer, const AccessRules& rules);
/// Why it may not use a verb: one line.
[[nodiscard]] std::string refusal(const Peer& peer, const AccessRules& rules,
                                  std::string_view verb);

/// Who is at the other end of a connected Unix socket; the error is errno's text.
[[nodiscard]] tl::expected<Peer, std::string> peer_of(int descriptor);

}  // namespace lastmile
