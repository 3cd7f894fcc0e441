// The types of values in the configuration: how each reads its text, and how each tells people what
// it wants. A type is a value itself, so that the schema can say number<std::uint16_t>(1280, 9600).
//
// Here is what a type is, and numbers and words; what is more than that is in *_types.h by kind.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/config/budget.h"
#include "controlplane/config/config.h"

namespace lastmile::config {

/// Why a text is no value of its type: `"{text}" {wrong}; {expected}`.
struct Fault {
  std::string wrong;     ///< "is out of range"
  std::string expected;  ///< replaces "expected {the type}" where something better is known
};
/// What a type's `read` returns then.
[[nodiscard]] inline tl::unexpected<Fault> fault(std::string wrong, std::string expected = {}) {
  return tl::unexpected(Fault{std::move(wrong), std::move(expected)});
}

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
  Budget* budget = nullptr;  ///< of the file that is read

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

  [[nodiscard]] static ValueShape of_words(std::vector<std::string> words) {
    return {.numbers = {}, .words = std::move(words), .pattern = {}};
  }
  [[nodiscard]] static ValueShape of_text(std::string pattern) {
    return {.numbers = {}, .words = {}, .pattern = std::move(pattern)};
  }
  [[nodiscard]] bool anything() const { return !numbers && words.empty() && pattern.empty(); }
};

template <class T>
struct Type {
  std::string expected;  ///< "a number from 1280 to 9600"
  std::function<tl::expected<T, Fault>(std::string_view text, const Scope&)> read;
  ValueShape shape{};  ///< nothing in it: any text
};

/// In any locale.
[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
/// Decimal digits only; nullopt for anything else or a number over 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text);

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

/// The content of a file that the value names: 1 to 80 bytes, without the last end of line.
[[nodiscard]] Type<std::string> secret_file();
/// A route metric, or "none".
[[nodiscard]] Type<std::optional<std::uint32_t>> metric_or_none();

}  // namespace lastmile::config
