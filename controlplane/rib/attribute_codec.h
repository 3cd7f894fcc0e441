// The packed form of path attributes inside the AttributePool: canonical, so that equal sets are
// equal bytes. In memory only; never stored or sent.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "controlplane/bgp/wire/message.h"

namespace lastmile::rib {

/// Replaces `out` by the packed form; returns how many of its first bytes are the AS path.
std::size_t pack(const bgp::PathAttributes& attributes, std::vector<std::uint8_t>& out);
/// The inverse of pack().
[[nodiscard]] bgp::PathAttributes unpack(std::span<const std::uint8_t> packed);
/// 64 well-mixed bits of some bytes.
[[nodiscard]] std::uint64_t hash_bytes(std::span<const std::uint8_t> bytes);

}  // namespace lastmile::rib
