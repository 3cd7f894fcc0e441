// The types of values in the configuration: how each reads its text, and how each tells people what
// it wants. A type is a value itself, so that the schema can say number<std::uint16_t>(1280, 9600).
#pragma once

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/bgp/wire/types.h"
#include "controlplane/config/config.h"
#include "dataplane/net/ip.h"

namespace lastmile::config {

/// Why a text is no value of its type: `"{text}" {wrong}; {expected}`.
struct Fault {
  std::string wrong;     ///< "is out of range"
  std::string expected;  ///< replaces "expected {the type}" where something better is known
};

/// The first bytes of a file with a secret, more than any secret has. It is a secret only in a
/// regular file of root, of the user that reads it or of the one that the router runs as (`user`,
/// as in SystemConfig), closed to all others and for a group of these users to read at most: else
/// the Fault says what is wrong with it.
using ReadSecretFile = std::function<tl::expected<std::string, Fault>(const std::string& path,
                                                                      const std::string& user)>;
[[nodiscard]] tl::expected<std::string, Fault> read_secret_file(const std::string& path,
                                                                const std::string& user);

/// What sections that were read before have defined and later ones refer to.
struct Scope {
  ReadSecretFile read_secret = read_secret_file;
  const SystemConfig* system = nullptr;   ///< as far as it has been read
  std::vector<std::string> ports;         ///< by PortId
  std::vector<std::string> bfd_profiles;  ///< by index in BfdConfig::profiles
  const std::vector<BgpGroupConfig>* groups = nullptr;
  const std::vector<PrefixListConfig>* prefix_lists = nullptr;
  const std::vector<policy::Rules>* policies = nullptr;

  [[nodiscard]] tl::expected<std::string, Fault> secret(const std::string& path) const {
    return read_secret(path, system != nullptr ? system->user : std::string{});
  }
};

/// What a value's text looks like, as far as a JSON schema can say it: for editors. What `read`
/// accepts always fits; not all that fits is accepted.
struct ValueShape {
  struct Range {
    std::uint64_t min, max;
  };
  std::optional<Range> numbers;    ///< it may be a number
  std::vector<std::string> words;  ///< it may be one of these
  std::string pattern;             ///< it may be text like this (ECMA 262)

  [[nodiscard]] bool anything() const { return !numbers && words.empty() && pattern.empty(); }
};

template <class T>
struct Type {
  std::string expected;  ///< "a number from 1280 to 9600"
  std::function<tl::expected<T, Fault>(std::string_view text, const Scope&)> read;
  ValueShape shape{};  ///< nothing in it: any text
};

/// Decimal digits only; nullopt for anything else or a number over 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text);

/// "500us", "10ms", "1s", "2m", "1h".
[[nodiscard]] tl::expected<std::chrono::microseconds, Fault> parse_duration(std::string_view text);

[[nodiscard]] Type<std::uint64_t> any_number(std::uint64_t min, std::uint64_t max);

template <std::unsigned_integral T>
[[nodiscard]] Type<T> number(T min, T max) {
  Type<std::uint64_t> wide = any_number(min, max);
  return {std::move(wide.expected),
          [read = std::move(wide.read)](std::string_view text, const Scope& scope) {
            return read(text, scope).map([](std::uint64_t v) { return static_cast<T>(v); });
          },
          std::move(wide.shape)};
}

/// A number, or a word that stands for `meaning`.
template <std::unsigned_integral T>
[[nodiscard]] Type<T> number_or(T min, T max, std::string word, T meaning) {
  Type<T> plain = number<T>(min, max);
  plain.shape.words = {word};
  return {plain.expected + ", or " + word,
          [read = std::move(plain.read), word, meaning](std::string_view text, const Scope& scope) {
            if (text == word) return tl::expected<T, Fault>{meaning};
            return read(text, scope);
          },
          std::move(plain.shape)};
}

/// true|false, on|off, yes|no.
[[nodiscard]] Type<bool> toggle();

/// Printable text of 1 to `max` bytes. `what`: "a DPDK device string such as ...".
[[nodiscard]] Type<std::string> text(std::string what, std::size_t max);

/// A word of a list; `planned` words are of a later version.
template <class E>
struct Choice {
  std::string word;
  E value;
  bool planned = false;
};
[[nodiscard]] Type<std::size_t> word_of(std::vector<Choice<std::size_t>> words);
template <class E>
[[nodiscard]] Type<E> one_of(const std::vector<Choice<E>>& choices) {
  std::vector<Choice<std::size_t>> words;
  std::vector<E> values;
  for (const Choice<E>& choice : choices) {
    words.push_back({choice.word, values.size(), choice.planned});
    values.push_back(choice.value);
  }
  Type<std::size_t> index = word_of(std::move(words));
  return {std::move(index.expected),
          [read = std::move(index.read), values = std::move(values)](std::string_view text,
                                                                     const Scope& scope) {
            return read(text, scope).map([&](std::size_t i) { return values[i]; });
          },
          std::move(index.shape)};
}

/// The same, for a member that may be empty.
template <class T>
[[nodiscard]] Type<std::optional<T>> optional_of(Type<T> type) {
  return {
      std::move(type.expected),
      [read = std::move(type.read)](std::string_view text, const Scope& scope) {
        return read(text, scope).map([](T value) { return std::optional<T>{std::move(value)}; });
      },
      std::move(type.shape)};
}

/// A duration; written with a unit: "10ms".
[[nodiscard]] Type<std::chrono::microseconds> duration(std::chrono::microseconds min,
                                                       std::chrono::microseconds max);
/// A duration of whole seconds.
[[nodiscard]] Type<std::chrono::seconds> whole_seconds(std::chrono::seconds min,
                                                       std::chrono::seconds max);
/// 0s, or at least 3 s (RFC 4271 section 4.2).
[[nodiscard]] Type<std::chrono::seconds> hold_time();

/// AS numbers that a router may have: not 0 (RFC 7607), 23456 (RFC 6793), 65535 or 4294967295 (RFC
/// 7300).
[[nodiscard]] Type<bgp::Asn> as_number();
/// external, internal or an AS number.
[[nodiscard]] Type<RemoteAsn> remote_as_number();

/// A unicast address that may stand alone in packets: not unspecified, multicast, 127/8 or ::1.
[[nodiscard]] Type<IpAddress> address();
/// A router's identifier, written as an address (RFC 6286).
[[nodiscard]] Type<Ipv4Address> identifier();
/// A single address that can be announced: 10.0.1.1/32, 2001:db8::1/128, or without the length.
[[nodiscard]] Type<IpPrefix> single_address();
/// 10.0.0.0/8; the host bits must be zero.
[[nodiscard]] Type<IpPrefix> prefix();
/// 192.168.101.254/24: an address of ours and the length of its subnet.
[[nodiscard]] Type<PortConfig::InterfaceAddress> interface_address();

/// The content of a file that the value names: 1 to 80 bytes, without the last end of line.
[[nodiscard]] Type<std::string> secret_file();
/// A name of letters, digits, '.', '_' and '-'.
[[nodiscard]] Type<std::string> word();
/// What has that name in the scope.
[[nodiscard]] tl::expected<const BgpGroupConfig*, Fault> find_group(std::string_view name,
                                                                    const Scope& scope);
[[nodiscard]] tl::expected<const PrefixListConfig*, Fault> find_prefix_list(std::string_view name,
                                                                            const Scope& scope);
/// The name of a policy in the scope.
[[nodiscard]] Type<std::string> policy_reference();

/// The name of a port in `Scope::ports`.
[[nodiscard]] Type<PortId> port_reference();
/// The name of a profile in `Scope::bfd_profiles`.
[[nodiscard]] Type<std::size_t> bfd_profile_reference();
/// A port's name: with kTwinPrefix in front it must be an interface name of the kernel.
[[nodiscard]] Type<std::string> port_name();
[[nodiscard]] Type<std::string> interface_name();
/// What `ip netns add` gives.
[[nodiscard]] Type<std::string> namespace_name();
/// An absolute path that fits a `sockaddr_un`.
[[nodiscard]] Type<std::string> socket_path();
/// 127.0.0.1:9464, [::1]:9464, *:9464 (every address) or the absolute path of a Unix socket.
[[nodiscard]] Type<MetricsListener> metrics_listener();
/// A route metric, or "none".
[[nodiscard]] Type<std::optional<std::uint32_t>> metric_or_none();

}  // namespace lastmile::config
