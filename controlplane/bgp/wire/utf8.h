// Just enough UTF-8 for text that comes from a peer or goes to one.
#pragma once

#include <cstddef>
#include <string_view>

namespace lastmile::bgp {

/// Octets of the well-formed character at the front of `text` (RFC 3629: no overlong form, no
/// surrogate, nothing above U+10FFFF); 0 if there is none.
[[nodiscard]] std::size_t utf8_character(std::string_view text);

/// The longest start of `text` of at most `limit` octets that does not cut a character in two.
[[nodiscard]] std::string_view truncate_utf8(std::string_view text, std::size_t limit);

}  // namespace lastmile::bgp
