#include "controlplane/bgp/wire/utf8.h"

#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "controlplane/bgp/wire/notification.h"

namespace lastmile::bgp {
namespace {

// RFC 3629 section 4: the first octet decides the length and the range of the second.
struct Form {
  std::uint8_t first_low, first_high;
  std::uint8_t size;
  std::uint8_t second_low, second_high;
};

constexpr std::array<Form, 9> kForms{{
    {0x00, 0x7f, 1, 0, 0},
    {0xc2, 0xdf, 2, 0x80, 0xbf},
    {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf},
    {0xed, 0xed, 3, 0x80, 0x9f},
    {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf},
    {0xf1, 0xf3, 4, 0x80, 0xbf},
    {0xf4, 0xf4, 4, 0x80, 0x8f},
}};

std::uint8_t octet(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

}  // namespace

std::size_t utf8_character(std::string_view text) {
  if (text.empty()) return 0;
  for (const Form& form : kForms) {
    if (octet(text, 0) < form.first_low || octet(text, 0) > form.first_high) continue;
    if (text.size() < form.size) return 0;
    if (form.size == 1) return 1;
    if (octet(text, 1) < form.second_low || octet(text, 1) > form.second_high) return 0;
    for (std::size_t i = 2; i < form.size; ++i) {
      if ((octet(text, i) & 0xc0) != 0x80) return 0;
    }
    return form.size;
  }
  return 0;
}

std::string_view truncate_utf8(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  // Back over continuation octets to where a character starts.
  while (limit > 0 && (octet(text, limit) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    if (size == 0) {
      out += "\xef\xbf\xbd";  // U+FFFD
      text.remove_prefix(1);
      continue;
    }
    const bool control = (size == 1 && (octet(text, 0) < 0x20 || octet(text, 0) == 0x7f)) ||
                         (size == 2 && octet(text, 0) == 0xc2 && octet(text, 1) < 0xa0);
    if (control) {
      out += fmt::format("\\x{:02x}", octet(text, size - 1));
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace lastmile::bgp
