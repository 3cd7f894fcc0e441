// The paths that one neighbor sends to one prefix (RFC 7911), told apart by small numbers: path
// identifiers have 32 bits, of any value, and a Path has room for 16.
//
// A number is a place in the prefix's short list of identifiers. Only neighbors that send several
// paths have such a table; the others pay nothing. Control thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "dataplane/net/ip.h"

namespace lastmile::rib {

/// Paths of one neighbor to one prefix.
inline constexpr std::size_t kMostPathNumbers = 256;

template <class Address>
class PathNumbers {
 public:
  /// The path's number, a new one if need be; nullopt: there are too many.
  [[nodiscard]] std::optional<std::uint16_t> give(const Prefix<Address>& prefix, std::uint32_t id) {
    Ids& ids = by_prefix_[prefix];
    if (const auto known = std::ranges::find(ids, std::optional{id}); known != ids.end()) {
      return static_cast<std::uint16_t>(known - ids.begin());
    }
    auto place = std::ranges::find(ids, std::optional<std::uint32_t>{});
    if (place == ids.end()) {
      if (ids.size() == kMostPathNumbers) return std::nullopt;
      place = ids.insert(ids.end(), std::nullopt);
    }
    *place = id;
    return static_cast<std::uint16_t>(place - ids.begin());
  }

  /// The number, which is free from now on; nullopt if there is no such path.
  [[nodiscard]] std::optional<std::uint16_t> take_back(const Prefix<Address>& prefix,
                                                       std::uint32_t id) {
    const auto found = by_prefix_.find(prefix);
    if (found == by_prefix_.end()) return std::nullopt;
    Ids& ids = found->second;
    const auto known = std::ranges::find(ids, std::optional{id});
    if (known == ids.end()) return std::nullopt;
    const auto number = static_cast<std::uint16_t>(known - ids.begin());
    clear(found, number);
    return number;
  }

  /// The path with that number is gone, though nobody has withdrawn it.
  void free(const Prefix<Address>& prefix, std::uint16_t number) {
    const auto found = by_prefix_.find(prefix);
    if (found != by_prefix_.end() && number < found->second.size()) clear(found, number);
  }

  [[nodiscard]] std::size_t prefixes() const { return by_prefix_.size(); }

 private:
  using Ids = std::vector<std::optional<std::uint32_t>>;
  using ByPrefix = std::unordered_map<Prefix<Address>, Ids>;

  void clear(typename ByPrefix::iterator entry, std::uint16_t number) {
    Ids& ids = entry->second;
    ids[number].reset();
    while (!ids.empty() && !ids.back()) ids.pop_back();
    if (ids.empty()) by_prefix_.erase(entry);
  }

  ByPrefix by_prefix_;
};

/// Of one neighbor.
using PathNumberTables = std::tuple<PathNumbers<Ipv4Address>, PathNumbers<Ipv6Address>>;

}  // namespace lastmile::rib
