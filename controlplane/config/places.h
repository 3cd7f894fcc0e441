// Where in the file each value of the configuration stands, for errors that show themselves only
// when the whole has been read.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <vector>

#include "controlplane/config/config.h"

namespace lastmile::config {

/// Line and column, from 1.
struct Place {
  unsigned line = 1;
  unsigned column = 1;
  friend auto operator<=>(const Place&, const Place&) = default;
};

/// Places by path: "bgp.neighbors[2].port", "ports.up1.mtu", "loopbacks[0]".
class Places {
 public:
  void set(const std::string& path, Place place) { places_[path] = place; }
  /// The key is in the file; whether its value was good is another matter.
  [[nodiscard]] bool has(const std::string& path) const { return places_.contains(path); }
  /// The place of `path` or, if it is not in the file, of the nearest section around it.
  [[nodiscard]] Place of(const std::string& path) const;

 private:
  std::map<std::string, Place> places_;
};

}  // namespace lastmile::config
