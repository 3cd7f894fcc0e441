// forwarding.table as values: what comes in, and what must become of it. The file itself says how
// it is written.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "tests/support/packet_builder.h"

namespace lastmile::test {

/// What must become of a packet.
struct Outcome {
  enum class Kind : std::uint8_t { kForward, kHost, kLocal, kTwin, kDrop };
  struct Error {
    std::uint8_t type = 0, code = 0;
    std::uint32_t word = 0;  ///< the four bytes that the type gives a meaning
  };

  Kind kind = Kind::kDrop;
  std::string port;    ///< kForward, kLocal
  std::string reason;  ///< kDrop
  std::optional<Error> error;
  bool fragments = false;
  bool limited = false;
  bool later = false;
};

/// A line of the table.
struct Row {
  std::string name, clause, port;
  std::vector<std::string> packet;  ///< its words
  Outcome outcome;
  unsigned copies = 1;
};

struct Table {
  /// From, from (IPv6), to, to (IPv6).
  using Ordinary = std::array<std::string, 4>;

  std::vector<Row> rows;
  std::map<std::string, Ordinary> ordinary;              ///< by port
  std::map<std::string, std::set<IpAddress>> neighbors;  ///< by port
  std::set<std::string> down;                            ///< ports
};

/// Throws std::runtime_error with file, line and reason.
[[nodiscard]] Table read_table(const std::string& path);

/// The frame of a row, from `station` to the router's `port`.
[[nodiscard]] Bytes build_frame(const Table& table, const Row& row, const MacAddress& port,
                                const MacAddress& station);

}  // namespace lastmile::test
