#include "controlplane/config/policy_types.h"

#include <fmt/format.h>

#include <array>

#include "controlplane/config/address_types.h"

namespace lastmile::config {
namespace {

/// The words of a text that are separated by `separator`; runs of blanks are one.
std::vector<std::string_view> words_of(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0 || separator != ' ') words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (end < 1 && text.empty() && separator != ' ') words.emplace_back();
  }
  return words;
}

std::optional<std::uint32_t> number_below(std::string_view text, std::uint64_t limit) {
  const auto value = parse_decimal(text);
  if (!value || *value >= limit) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

constexpr std::uint64_t kTwoOctets = 1ULL << 16;
constexpr std::uint64_t kFourOctets = 1ULL << 32;

std::optional<bgp::Community> well_known(std::string_view name) {
  for (const std::uint32_t value :
       {0xffff0000U, 0xffff029aU, 0xffffff01U, 0xffffff02U, 0xffffff03U, 0xffffff04U}) {
    if (to_string(bgp::Community{value}) == name) return bgp::Community{value};
  }
  return std::nullopt;
}

/// RFC 4360 section 3.1: types by the width of what stands in front; RFC 5668 for four octets.
std::optional<bgp::ExtendedCommunity> read_target(std::uint64_t subtype, std::string_view global,
                                                  std::string_view local) {
  const auto asn = number_below(global, kFourOctets);
  if (!asn) return std::nullopt;
  if (*asn < kTwoOctets) {
    const auto value = number_below(local, kFourOctets);
    if (!value) return std::nullopt;
    return bgp::ExtendedCommunity{subtype << 48 | std::uint64_t{*asn} << 32 | *value};
  }
  const auto value = number_below(local, kTwoOctets);
  if (!value) return std::nullopt;
  return bgp::ExtendedCommunity{0x02ULL << 56 | subtype << 48 | std::uint64_t{*asn} << 16 | *value};
}

std::optional<bgp::ExtendedCommunity> read_hex(std::string_view digits) {
  std::uint64_t value = 0;
  if (digits.size() != 16) return std::nullopt;
  for (const char c : digits) {
    const bool decimal = c >= '0' && c <= '9';
    const char lower = static_cast<char>(c | 0x20);
    if (!decimal && (lower < 'a' || lower > 'f')) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(decimal ? c - '0' : lower - 'a' + 10);
  }
  return bgp::ExtendedCommunity{value};
}

}  // namespace

Type<policy::PrefixRange> prefix_range() {
  return {R"(a prefix such as 10.0.0.0/8, with "ge N" or "le N" behind it for longer ones)",
          [whole = prefix()](std::string_view text,
                             const Scope& scope) -> tl::expected<policy::PrefixRange, Fault> {
            const auto words = words_of(text, ' ');
            if (words.empty()) return fault("is empty");
            auto read = whole.read(words[0], scope);
            if (!read) return tl::unexpected(std::move(read.error()));
            const auto [length, bits] = std::visit(
                []<class Address>(const Prefix<Address>& p) {
                  return std::pair<unsigned, unsigned>{p.length(), Address::kBits};
                },
                *read);
            std::optional<unsigned> least;
            std::optional<unsigned> most;
            for (std::size_t i = 1; i < words.size(); i += 2) {
              auto& bound = words[i] == "ge" ? least : most;
              if ((words[i] != "ge" && words[i] != "le") || bound || i + 1 >= words.size()) {
                return fault("is no prefix with \"ge N\" and \"le N\"");
              }
              const auto value = number_below(words[i + 1], bits + 1);
              if (!value || *value < length) {
                return fault(fmt::format("has a length behind {} that is out of range", words[i]),
                             fmt::format("expected {} to {}", length, bits));
              }
              bound = *value;
            }
            // As everywhere: "ge" alone means up to a whole address.
            const unsigned from = least.value_or(length);
            const unsigned to = most.value_or(least ? bits : length);
            if (from > to) return fault("matches nothing", "expected ge to be at most le");
            return policy::PrefixRange{*read, static_cast<std::uint8_t>(from),
                                       static_cast<std::uint8_t>(to)};
          }};
}

Type<policy::AsPathPattern> as_path_pattern() {
  return {"a pattern such as \"^65001 .* 64512$\"",
          [](std::string_view text, const Scope&) -> tl::expected<policy::AsPathPattern, Fault> {
            auto pattern = policy::AsPathPattern::parse(text);
            if (!pattern) return fault(pattern.error());
            return *pattern;
          }};
}

Type<bgp::Community> community() {
  return {"a community such as 65001:100 or no-export",
          [](std::string_view text, const Scope&) -> tl::expected<bgp::Community, Fault> {
            if (const auto known = well_known(text)) return *known;
            const auto parts = words_of(text, ':');
            if (parts.size() == 2) {
              const auto high = number_below(parts[0], kTwoOctets);
              const auto low = number_below(parts[1], kTwoOctets);
              if (high && low) return bgp::Community{*high << 16 | *low};
            }
            return fault("is not a community");
          }};
}

Type<bgp::LargeCommunity> large_community() {
  return {"a large community such as 65001:1:2",
          [](std::string_view text, const Scope&) -> tl::expected<bgp::LargeCommunity, Fault> {
            const auto parts = words_of(text, ':');
            if (parts.size() == 3) {
              std::array<std::optional<std::uint32_t>, 3> values;
              for (std::size_t i = 0; i < 3; ++i) values[i] = number_below(parts[i], kFourOctets);
              if (values[0] && values[1] && values[2]) {
                return bgp::LargeCommunity{*values[0], *values[1], *values[2]};
              }
            }
            return fault("is not a large community");
          }};
}

Type<bgp::ExtendedCommunity> extended_community() {
  return {"an extended community such as rt:65001:100, soo:65001:100 or 0x0002fde900000064",
          [](std::string_view text, const Scope&) -> tl::expected<bgp::ExtendedCommunity, Fault> {
            if (text.starts_with("0x")) {
              if (const auto raw = read_hex(text.substr(2))) return *raw;
            }
            const auto parts = words_of(text, ':');
            if (parts.size() == 3 && (parts[0] == "rt" || parts[0] == "soo")) {
              const std::uint64_t subtype = parts[0] == "rt" ? 0x02 : 0x03;
              if (const auto target = read_target(subtype, parts[1], parts[2])) return *target;
            }
            return fault("is not an extended community");
          }};
}

}  // namespace lastmile::config
