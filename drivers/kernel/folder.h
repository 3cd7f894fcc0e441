// What is in a folder.
#pragma once

#include <string>
#include <vector>

namespace lastmile {

/// The names of what is in `folder`, in no order, without "." and ".."; none if it can't be read.
/// Any thread. Throws std::bad_alloc where the iterators of libstdc++ end the process: they take
/// memory in functions that are noexcept, and a start without memory is to end with a line that
/// says so.
[[nodiscard]] std::vector<std::string> names_in(const std::string& folder);

}  // namespace lastmile
