#include "controlplane/bgp/wire/role.h"

#include <array>

#include <fmt/format.h>

namespace lastmile::bgp {
namespace {

using enum Role;
using In = RoleFacts::MarkedIn;
using Out = RoleFacts::MarkedOut;
using Unmarked = RoleFacts::Unmarked;

// In the order of their codes. RFC 9234 sections 4.2 (pairs) and 5 (ingress 1 to 3, egress 1, 2).
// clang-format off
constexpr std::array kTable{
    RoleFacts{kProvider, "provider", kCustomer,
              In::kLeak, Unmarked::kLeaveSo, Out::kSend, Unmarked::kMark},
    RoleFacts{kRouteServer, "rs", kRouteServerClient,
              In::kLeak, Unmarked::kLeaveSo, Out::kSend, Unmarked::kMark},
    RoleFacts{kRouteServerClient, "rs-client", kRouteServer,
              In::kFine, Unmarked::kMark, Out::kHoldBack, Unmarked::kLeaveSo},
    RoleFacts{kCustomer, "customer", kProvider,
              In::kFine, Unmarked::kMark, Out::kHoldBack, Unmarked::kLeaveSo},
    RoleFacts{kPeer, "peer", kPeer,
              In::kLeakUnlessTheirs, Unmarked::kMark, Out::kHoldBack, Unmarked::kMark},
};
// clang-format on

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].role) != i) return false;
  }
  return true;
}
static_assert(in_order(), "facts() finds a role by its code");

}  // namespace

const RoleFacts& facts(Role role) {
  return kTable[static_cast<std::size_t>(role)];
}

std::string role_name(std::uint8_t code) {
  return code < kTable.size() ? kTable[code].name : fmt::format("role {}", code);
}

}  // namespace lastmile::bgp
