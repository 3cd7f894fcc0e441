// Bugs for fuzzers to find: each patch of this folder puts one into the product, behind this switch
// (tools/fuzz --planted). A fuzzer that does not find its own proves nothing by finding no other.
#pragma once

#include <cstdlib>
#include <string_view>

namespace lastmile::fuzz {

/// Whether the bug of this target is to be there. One at a time is, because targets share code.
inline bool planted(std::string_view target) {
  static const char* const wanted = std::getenv("LASTMILE_PLANTED");
  return wanted != nullptr && target == wanted;
}

}  // namespace lastmile::fuzz
