// A filter in tcpdump's words, as the program that lastmiled runs. It is compiled here: parsing
// text and asking for names needs none of the daemon's privileges.
#pragma once

#include <string>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

namespace lastmile::cli {

/// [[code, jt, jf, k], ...]; the error is libpcap's.
[[nodiscard]] tl::expected<nlohmann::ordered_json, std::string> compile_filter(
    const std::string& text);

}  // namespace lastmile::cli
