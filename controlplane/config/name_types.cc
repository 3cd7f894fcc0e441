#include "controlplane/config/name_types.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/config/suggest.h"

namespace lastmile::config {
namespace {

constexpr const char* kNamePattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$";

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

tl::expected<std::string, Fault> read_name(std::string_view text, std::size_t max) {
  const bool fits = std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
  });
  if (text.empty() || !fits || !(is_letter(text.front()) || is_digit(text.front()))) {
    return fault("is not a name", "expected letters, digits, '.', '_' and '-'");
  }
  if (text.size() > max) {
    return fault(fmt::format("is {} characters long", text.size()),
                 fmt::format("expected at most {}", max));
  }
  return std::string{text};
}

template <class T>
tl::expected<const T*, Fault> find_named(std::string_view name, const std::vector<T>* all,
                                         const char* what, const char* home) {
  std::vector<std::string> known;
  if (all != nullptr) {
    for (const T& one : *all) {
      if (one.name == name) return &one;
      known.push_back(one.name);
    }
  }
  return fault(fmt::format("is not a {}", what),
               known.empty() ? fmt::format("expected it in \"{}\"", home) : hint(name, known));
}

/// The index of a name that an earlier section has defined. `wrong`: "is not a port"; `section`:
/// where names are defined.
tl::expected<std::size_t, Fault> index_of(std::string_view text,
                                          const std::vector<std::string>& names, const char* wrong,
                                          const char* section) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  if (names.empty()) return fault(wrong, fmt::format("expected it in \"{}\"", section));
  return fault(wrong, hint(text, names));
}

}  // namespace

Type<std::string> word() {
  constexpr std::size_t kMax = 64;
  return {fmt::format("a name of at most {} characters", kMax),
          [](std::string_view text, const Scope&) { return read_name(text, kMax); },
          ValueShape::of_text(kNamePattern)};
}

Type<std::string> port_name() {
  const std::size_t max = kMaxInterfaceName - kTwinPrefix.size();
  return {fmt::format("a name of at most {} characters", max),
          [max](std::string_view text, const Scope&) -> tl::expected<std::string, Fault> {
            auto name = read_name(text, max);
            if (!name && text.size() > max) {
              name.error().expected = fmt::format(
                  "expected at most {}, so that its kernel interface \"{}{}\" has at "
                  "most {}",
                  max, kTwinPrefix, text.substr(0, max), kMaxInterfaceName);
            }
            return name;
          },
          ValueShape::of_text(kNamePattern)};
}

Type<std::string> interface_name() {
  return {fmt::format("an interface name of at most {} characters", kMaxInterfaceName),
          [](std::string_view text, const Scope&) { return read_name(text, kMaxInterfaceName); },
          ValueShape::of_text(kNamePattern)};
}

Type<std::string> namespace_name() {
  constexpr std::size_t kMax = 64;
  return {fmt::format("the name of a network namespace, of at most {} characters", kMax),
          [](std::string_view text, const Scope&) { return read_name(text, kMax); },
          ValueShape::of_text(kNamePattern)};
}

tl::expected<const BgpGroupConfig*, Fault> find_group(std::string_view name, const Scope& scope) {
  return find_named(name, scope.groups, "group", "bgp.groups");
}

tl::expected<const PrefixListConfig*, Fault> find_prefix_list(std::string_view name,
                                                              const Scope& scope) {
  return find_named(name, scope.prefix_lists, "prefix list", "prefix-lists");
}

Type<std::string> policy_reference() {
  return {"the name of a policy",
          [](std::string_view text, const Scope& scope) -> tl::expected<std::string, Fault> {
            const auto found = find_named(text, scope.policies, "policy", "policies");
            if (!found) return tl::unexpected(found.error());
            return (*found)->name;
          }};
}

Type<PortId> port_reference() {
  return {"the name of a port", [](std::string_view text, const Scope& scope) {
            return index_of(text, scope.ports, "is not a port", "ports").map([](std::size_t i) {
              return PortId{static_cast<std::uint16_t>(i)};
            });
          }};
}

Type<std::size_t> bfd_profile_reference() {
  return {"the name of a BFD profile", [](std::string_view text, const Scope& scope) {
            return index_of(text, scope.bfd_profiles, "is not a BFD profile", "bfd.profiles");
          }};
}

}  // namespace lastmile::config
