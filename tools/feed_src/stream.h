// Messages encoded before they are needed: a whole table is one run of bytes, and sending it is
// nothing but send().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "controlplane/bgp/wire/message.h"
#include "tools/feed_src/table.h"

namespace lastmile::feed {

/// Whole messages, one behind the other.
struct Stream {
  std::vector<std::uint8_t> bytes;
  /// Where messages end, in ascending order, and how many routes they and those before them carry:
  /// a rate is kept message by message.
  struct Mark {
    std::size_t end = 0;
    std::uint64_t routes = 0;
  };
  std::vector<Mark> marks;

  [[nodiscard]] std::uint64_t routes() const { return marks.empty() ? 0 : marks.back().routes; }
};

/// What the speaker's own side puts into its messages.
struct Speaker {
  bgp::Asn asn;
  bgp::NextHop next_hop_v4;  ///< for IPv4 routes
  bgp::NextHop next_hop_v6;  ///< for IPv6 routes; empty: IPv6 routes are left out
  bgp::CodecContext codec;
};

/// The whole table, then End-of-RIB.
[[nodiscard]] Stream announce_stream(const Table& table, const Speaker& speaker);
/// Withdraws the whole table, packed as tightly as messages go.
[[nodiscard]] Stream withdraw_stream(const Table& table, const Speaker& speaker);
/// One prefix a message: `prefixes` of the table, spread evenly, are withdrawn, announced with a
/// longer path, withdrawn, and announced as in announce_stream(). After the last message the table
/// is as before, and each message was a change of the forwarding tables.
[[nodiscard]] Stream churn_stream(const Table& table, const Speaker& speaker, std::size_t prefixes);

}  // namespace lastmile::feed
