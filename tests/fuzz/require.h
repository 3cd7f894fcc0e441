// What a fuzz target promises of the code under test.
#pragma once

#include <cstdlib>

namespace lastmile::fuzz {

/// Ends the process, which is how a fuzzer takes notice.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace lastmile::fuzz
