// What the kernel says of its neighbors (rtnetlink), apart from the socket that it comes by.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "controlplane/io/neighbor_watch.h"

namespace lastmile {

/// Called with an entry and the sequence number of the request that it answers (0: none, an event).
using NeighborReader = std::function<void(const NeighborWatch::Entry&, std::uint32_t sequence)>;

/// What a datagram is for the answer to a request for the whole table.
enum class NeighborDatagram : std::uint8_t {
  kGoesOn,        ///< a part of it, or nothing to do with it
  kEndsAnswer,    ///< its last one
  kTableChanged,  ///< a part, and the table changed meanwhile: entries may be missing
};

/// Hands on the entries of a datagram, which is aligned as a netlink message is. Messages that are
/// cut short or about something else are passed over.
NeighborDatagram read_neighbors(std::span<const char> datagram, const NeighborReader& reader);

}  // namespace lastmile
