// Small files of our own, in folders that somebody else can write to as well.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace lastmile {

/// All of a regular file. nullopt if there is none, it can't be read, or it is longer than `most`
/// octets; then `errno` says why. Whatever stands there instead, a link, a pipe, a device, is
/// neither followed nor waited for. Any thread.
[[nodiscard]] std::optional<std::string> read_regular_file(const std::string& path,
                                                           std::size_t most);

}  // namespace lastmile
