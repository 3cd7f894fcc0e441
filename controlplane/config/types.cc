#include "controlplane/config/types.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <array>

#include "controlplane/config/suggest.h"
#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

tl::unexpected<Fault> fault(std::string wrong, std::string expected = {}) {
  return tl::unexpected(Fault{std::move(wrong), std::move(expected)});
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct Unit {
  std::string_view name;
  std::uint64_t microseconds;
};
constexpr std::array kUnits{Unit{"us", 1}, Unit{"ms", 1'000}, Unit{"s", 1'000'000},
                            Unit{"m", 60'000'000}, Unit{"h", 3'600'000'000}};
constexpr std::string_view kDurations = "expected a duration such as 500us, 10ms, 3s, 2m or 1h";

/// Why an address can't be one of a router's or a peer's; empty if it can.
std::string unfit(const IpAddress& address) {
  return std::visit(
      [](const auto& a) -> std::string {
        if (a.is_unspecified()) return "is the unspecified address";
        if (a.is_multicast()) return "is a multicast address";
        if (a.is_loopback()) return "never leaves a machine";
        return {};
      },
      address);
}

unsigned bits(const IpAddress& address) {
  return std::visit([](const auto& a) -> unsigned { return a.kBits; }, address);
}

/// "ADDRESS" or "ADDRESS/LENGTH" with any host bits.
struct AddressAndLength {
  IpAddress address;
  std::optional<unsigned> length;
};
tl::expected<AddressAndLength, Fault> split(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_ip_address(text.substr(0, slash));
  if (!address) {
    return fault(slash == std::string_view::npos ? "is not an address" : "is not a prefix");
  }
  if (slash == std::string_view::npos) return AddressAndLength{*address, std::nullopt};
  const auto length = parse_decimal(text.substr(slash + 1));
  if (!length || *length > bits(*address)) {
    return fault("has a bad prefix length",
                 fmt::format("expected a length from 0 to {}", bits(*address)));
  }
  return AddressAndLength{*address, static_cast<unsigned>(*length)};
}

IpPrefix covering(const IpAddress& address, unsigned length) {
  return std::visit(
      [length](const auto& a) -> IpPrefix {
        return Prefix<std::decay_t<decltype(a)>>{a, length};
      },
      address);
}

tl::expected<bgp::Asn, Fault> read_asn(std::string_view text) {
  const auto value = parse_decimal(text);
  if (!value) return fault("is not an AS number");
  if (*value > std::numeric_limits<std::uint32_t>::max()) return fault("is out of range");
  const auto asn = static_cast<std::uint32_t>(*value);
  if (asn == 0 || asn == bgp::kAsTrans.value() || asn == 65535 || asn == 4294967295U) {
    return fault("is a reserved AS number",
                 "expected one of your own; 64512 to 65534 and 4200000000 to 4294967294 are for "
                 "private use");
  }
  return bgp::Asn{asn};
}

ValueShape shape_of_words(std::vector<std::string> words) {
  return {.numbers = {}, .words = std::move(words), .pattern = {}};
}
ValueShape shape_of_text(std::string pattern) {
  return {.numbers = {}, .words = {}, .pattern = std::move(pattern)};
}
constexpr const char* kDurationPattern = "^[0-9]+(us|ms|s|m|h)$";
constexpr const char* kAddressPattern = "^[0-9A-Fa-f:.]+$";
constexpr const char* kPrefixPattern = "^[0-9A-Fa-f:.]+(/[0-9]+)?$";
constexpr const char* kNamePattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$";
constexpr ValueShape::Range kAsns{1, 4294967294};

std::string hint(std::string_view name, const std::vector<std::string>& known) {
  if (const auto meant = nearest(name, known)) return fmt::format("did you mean \"{}\"?", *meant);
  return fmt::format("expected one of: {}", fmt::join(known, ", "));
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

}  // namespace

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

tl::expected<microseconds, Fault> parse_duration(std::string_view text) {
  const auto* const unit_start = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto digits = static_cast<std::size_t>(unit_start - text.begin());
  const std::string_view unit = text.substr(digits);
  if (digits == 0) return fault("is not a duration", std::string{kDurations});
  if (unit.empty()) return fault("has no unit", std::string{kDurations});
  const auto* const known =
      std::find_if(kUnits.begin(), kUnits.end(), [unit](const Unit& u) { return u.name == unit; });
  if (known == kUnits.end()) {
    return fault(fmt::format("has the unknown unit \"{}\"", unit), std::string{kDurations});
  }
  constexpr std::uint64_t kMax = std::uint64_t{1} << 50;  // 35 years: no product overflows
  const auto value = parse_decimal(text.substr(0, digits));
  if (!value || *value > kMax / known->microseconds) return fault("is out of range");
  return microseconds{static_cast<std::int64_t>(*value * known->microseconds)};
}

Type<std::uint64_t> any_number(std::uint64_t min, std::uint64_t max) {
  return {fmt::format("a number from {} to {}", min, max),
          [min, max](std::string_view text, const Scope&) -> tl::expected<std::uint64_t, Fault> {
            const bool negative = text.size() > 1 && text.front() == '-';
            const std::string_view digits = negative ? text.substr(1) : text;
            if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) {
              return fault("is not a number");
            }
            const auto value = parse_decimal(text);
            if (!value || *value < min || *value > max) return fault("is out of range");
            return *value;
          },
          ValueShape{.numbers = ValueShape::Range{min, max}, .words = {}, .pattern = {}}};
}

Type<bool> toggle() {
  return {"true or false",
          [](std::string_view text, const Scope&) -> tl::expected<bool, Fault> {
            if (text == "true" || text == "on" || text == "yes") return true;
            if (text == "false" || text == "off" || text == "no") return false;
            return fault("is neither true nor false");
          },
          shape_of_words({"true", "false", "on", "off", "yes", "no"})};
}

Type<std::string> text(std::string what, std::size_t max) {
  return {std::move(what),
          [max](std::string_view text, const Scope&) -> tl::expected<std::string, Fault> {
            if (text.empty()) return fault("is empty");
            if (text.size() > max) {
              return fault(fmt::format("is {} bytes long", text.size()),
                           fmt::format("expected at most {}", max));
            }
            const auto control = [](char c) {
              return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
            };
            if (std::any_of(text.begin(), text.end(), control)) {
              return fault("has control characters", "expected printable text on one line");
            }
            return std::string{text};
          }};
}

Type<std::size_t> word_of(std::vector<Choice<std::size_t>> words) {
  std::vector<std::string> ready;
  for (const auto& choice : words) {
    if (!choice.planned) ready.push_back(choice.word);
  }
  ValueShape shape = shape_of_words(ready);
  std::string expected =
      ready.size() == 1
          ? ready.front()
          : fmt::format("{} or {}", fmt::join(ready.begin(), ready.end() - 1, ", "), ready.back());
  return {expected,
          [words = std::move(words), expected](std::string_view text,
                                               const Scope&) -> tl::expected<std::size_t, Fault> {
            std::vector<std::string> all;
            for (const auto& choice : words) {
              if (choice.word == text && choice.planned) {
                return fault("is not supported by this version", "expected " + expected);
              }
              if (choice.word == text) return choice.value;
              all.push_back(choice.word);
            }
            if (const auto meant = nearest(text, all)) {
              return fault("is unknown", fmt::format("did you mean \"{}\"?", *meant));
            }
            return fault("is unknown");
          },
          std::move(shape)};
}

Type<std::chrono::microseconds> duration(std::chrono::microseconds min,
                                         std::chrono::microseconds max) {
  using std::chrono::microseconds;
  const auto text = [](microseconds time) {
    if (time.count() % 1'000'000 == 0) return fmt::format("{}s", time.count() / 1'000'000);
    if (time.count() % 1'000 == 0) return fmt::format("{}ms", time.count() / 1'000);
    return fmt::format("{}us", time.count());
  };
  return {fmt::format("a duration from {} to {}", text(min), text(max)),
          [min, max](std::string_view given, const Scope&) -> tl::expected<microseconds, Fault> {
            const auto time = parse_duration(given);
            if (!time) return tl::unexpected(time.error());
            if (*time < min || *time > max) return fault("is out of range");
            return *time;
          },
          shape_of_text(kDurationPattern)};
}

Type<seconds> whole_seconds(seconds min, seconds max) {
  return {fmt::format("a duration of whole seconds from {}s to {}s", min.count(), max.count()),
          [min, max](std::string_view text, const Scope&) -> tl::expected<seconds, Fault> {
            const auto duration = parse_duration(text);
            if (!duration) return tl::unexpected(duration.error());
            const auto whole = std::chrono::duration_cast<seconds>(*duration);
            if (whole != *duration) return fault("is not a whole number of seconds");
            if (whole < min || whole > max) return fault("is out of range");
            return whole;
          },
          shape_of_text(kDurationPattern)};
}

Type<seconds> hold_time() {
  constexpr seconds kLongest{65535};  // two octets in OPEN
  Type<seconds> type = whole_seconds(seconds{0}, kLongest);
  type.expected = "0s (off), or whole seconds from 3s to 65535s";
  type.read = [read = std::move(type.read)](std::string_view text,
                                            const Scope& scope) -> tl::expected<seconds, Fault> {
    auto value = read(text, scope);
    if (value && *value > seconds{0} && *value < seconds{3}) return fault("is out of range");
    return value;
  };
  return type;
}

Type<bgp::Asn> as_number() {
  return {"an AS number from 1 to 4294967294",
          [](std::string_view text, const Scope&) { return read_asn(text); },
          ValueShape{.numbers = kAsns, .words = {}, .pattern = {}}};
}

Type<RemoteAsn> remote_as_number() {
  return {"external, internal or an AS number",
          [](std::string_view text, const Scope&) -> tl::expected<RemoteAsn, Fault> {
            if (text == "external") return RemoteAsn{RemoteAsn::Kind::kExternal, {}};
            if (text == "internal") return RemoteAsn{RemoteAsn::Kind::kInternal, {}};
            if (!text.empty() && is_digit(text.front())) {
              return read_asn(text).map([](bgp::Asn asn) {
                return RemoteAsn{RemoteAsn::Kind::kNumber, asn};
              });
            }
            const std::vector<std::string> words{"external", "internal"};
            if (const auto meant = nearest(text, words)) {
              return fault("is unknown", fmt::format("did you mean \"{}\"?", *meant));
            }
            return fault("is unknown");
          },
          ValueShape{.numbers = kAsns, .words = {"external", "internal"}, .pattern = {}}};
}

Type<IpAddress> address() {
  return {"an IPv4 or IPv6 address",
          [](std::string_view text, const Scope&) -> tl::expected<IpAddress, Fault> {
            const auto address = parse_ip_address(text);
            if (!address) {
              if (text.find('%') != std::string_view::npos) {
                return fault("is not an address",
                             "expected an address without \"%interface\"; name the port in "
                             "\"port\"");
              }
              if (text.find('/') != std::string_view::npos) {
                return fault("is not an address", "expected an address without a length");
              }
              return fault("is not an address");
            }
            if (auto wrong = unfit(*address); !wrong.empty()) return fault(std::move(wrong));
            return *address;
          },
          shape_of_text(kAddressPattern)};
}

Type<Ipv4Address> identifier() {
  return {"an IPv4 address such as 10.0.1.1",
          [](std::string_view text, const Scope&) -> tl::expected<Ipv4Address, Fault> {
            const auto address = Ipv4Address::parse(text);
            if (!address) return fault("is not an IPv4 address");
            if (auto wrong = unfit(*address); !wrong.empty()) return fault(std::move(wrong));
            return *address;
          },
          shape_of_text(kAddressPattern)};
}

Type<IpPrefix> single_address() {
  return {"a single address such as 10.0.1.1/32 or 2001:db8::1/128",
          [](std::string_view text, const Scope&) -> tl::expected<IpPrefix, Fault> {
            const auto parts = split(text);
            if (!parts) return tl::unexpected(parts.error());
            const unsigned all = bits(parts->address);
            if (parts->length.value_or(all) != all) {
              return fault("is more than one address",
                           fmt::format("expected {}/{}", parts->address, all));
            }
            if (auto wrong = unfit(parts->address); !wrong.empty()) return fault(std::move(wrong));
            if (is_ipv6_link_local(parts->address)) {
              return fault("is a link-local address", "expected one that can be announced");
            }
            return covering(parts->address, all);
          },
          shape_of_text(kPrefixPattern)};
}

Type<IpPrefix> prefix() {
  return {"a prefix such as 10.0.0.0/8 or 2001:db8::/32",
          [](std::string_view text, const Scope&) -> tl::expected<IpPrefix, Fault> {
            const auto parts = split(text);
            if (!parts) return tl::unexpected(parts.error());
            const unsigned length = parts->length.value_or(bits(parts->address));
            const IpPrefix prefix = covering(parts->address, length);
            if (parts->length && parse_ip_prefix(text) != prefix) {
              return fault("has host bits set", fmt::format("expected {}", prefix));
            }
            return prefix;
          },
          shape_of_text(kPrefixPattern)};
}

Type<PortConfig::InterfaceAddress> interface_address() {
  using Address = PortConfig::InterfaceAddress;
  return {"an address with the length of its subnet, such as 192.168.101.254/24",
          [](std::string_view text, const Scope&) -> tl::expected<Address, Fault> {
            const auto parts = split(text);
            if (!parts) return tl::unexpected(parts.error());
            if (!parts->length) return fault("has no prefix length");
            if (*parts->length == 0) return fault("has a bad prefix length");
            if (auto wrong = unfit(parts->address); !wrong.empty()) return fault(std::move(wrong));
            // The first and the last address of an IPv4 subnet are no host's (RFC 1122 3.2.1.3),
            // but those of a point-to-point /31 are (RFC 3021).
            const auto* v4 = std::get_if<Ipv4Address>(&parts->address);
            if (v4 != nullptr && *parts->length < 31) {
              const std::uint32_t host = v4->value() & (~std::uint32_t{0} >> *parts->length);
              if (host == 0) return fault("is the subnet itself");
              if (host == ~std::uint32_t{0} >> *parts->length) {
                return fault("is the subnet's broadcast address");
              }
            }
            return Address{parts->address, static_cast<std::uint8_t>(*parts->length)};
          },
          shape_of_text(kPrefixPattern)};
}

Type<std::string> word() {
  constexpr std::size_t kMax = 64;
  return {fmt::format("a name of at most {} characters", kMax),
          [](std::string_view text, const Scope&) { return read_name(text, kMax); },
          shape_of_text(kNamePattern)};
}

namespace {

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
          shape_of_text(kNamePattern)};
}

Type<std::string> interface_name() {
  return {fmt::format("an interface name of at most {} characters", kMaxInterfaceName),
          [](std::string_view text, const Scope&) { return read_name(text, kMaxInterfaceName); },
          shape_of_text(kNamePattern)};
}

Type<std::string> namespace_name() {
  constexpr std::size_t kMax = 64;
  return {fmt::format("the name of a network namespace, of at most {} characters", kMax),
          [](std::string_view text, const Scope&) { return read_name(text, kMax); },
          shape_of_text(kNamePattern)};
}

Type<std::string> socket_path() {
  static constexpr std::size_t kMax = sizeof(sockaddr_un::sun_path) - 1;
  return {"an absolute path",
          [](std::string_view text, const Scope&) -> tl::expected<std::string, Fault> {
            if (text.empty() || text.front() != '/' || text.back() == '/') {
              return fault("is not an absolute path",
                           "expected one such as /run/lastmile/lastmile.sock");
            }
            if (text.size() > kMax) {
              return fault(fmt::format("is {} bytes long", text.size()),
                           fmt::format("expected at most {}, the limit of a Unix socket", kMax));
            }
            return std::string{text};
          },
          shape_of_text("^/.*[^/]$")};
}

Type<MetricsListener> metrics_listener() {
  Type<MetricsListener> type;
  type.expected = "an address with a port such as 127.0.0.1:9464, or the path of a Unix socket";
  type.shape.pattern = "^(/.+|.+:[0-9]+)$";
  type.read = [path = socket_path().read](
                  std::string_view text,
                  const Scope& scope) -> tl::expected<MetricsListener, Fault> {
    MetricsListener listener;
    if (text.starts_with('/')) {
      return path(text, scope).map([&](std::string socket) {
        listener.socket = std::move(socket);
        return listener;
      });
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return fault("has no port");
    const auto port = parse_decimal(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) {
      return fault("has a bad port", "expected a port from 1 to 65535");
    }
    listener.port = static_cast<std::uint16_t>(*port);
    std::string_view host = text.substr(0, colon);
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets) host = host.substr(1, host.size() - 2);
    if (host == "*") host = "::";  // takes IPv4 too
    const auto address = parse_ip_address(host);
    if (!address) return fault("has no address");
    if (std::holds_alternative<Ipv6Address>(*address) && !brackets && text.front() != '*') {
      return fault("is ambiguous", "expected an IPv6 address in brackets: [::1]:9464");
    }
    listener.address = *address;
    return listener;
  };
  return type;
}

Type<std::optional<std::uint32_t>> metric_or_none() {
  using Metric = std::optional<std::uint32_t>;
  auto metric = number<std::uint32_t>(1, std::numeric_limits<std::uint32_t>::max());
  metric.shape.words = {"none"};
  return {metric.expected + ", or none",
          [read = std::move(metric.read)](std::string_view text,
                                          const Scope& scope) -> tl::expected<Metric, Fault> {
            if (text == "none") return Metric{};
            return read(text, scope).map([](std::uint32_t value) { return Metric{value}; });
          },
          std::move(metric.shape)};
}

}  // namespace lastmile::config
