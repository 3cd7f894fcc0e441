// The command line of `lastmile`.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace lastmile::cli {

/// Something the operator can ask.
struct Verb {
  std::string_view words;     ///< "show bgp"
  std::string_view argument;  ///< what may follow: "[PREFIX|ADDRESS]"; empty: nothing
  std::string_view help;
};
[[nodiscard]] std::span<const Verb> verbs();

struct Invocation {
  std::string verb;
  std::string argument;            ///< the last word behind the verb; empty: none
  std::vector<std::string> words;  ///< all of them
  std::string socket;
  bool json = false;
  std::optional<std::chrono::milliseconds> watch;
  std::chrono::milliseconds timeout{5000};
  std::optional<unsigned> limit;  ///< routes to show at most
  /// Whose part of the routes: ("received", "up1").
  std::optional<std::pair<std::string, std::string>> side;
  /// Options of this verb alone: ("prefix", "10.0.0.0/8"), ("force", "").
  std::vector<std::pair<std::string, std::string>> options;
};

/// The command line asked for a text, not for the daemon.
struct HelpText {
  std::string text;
};
/// One line that says what is wrong.
struct UsageError {
  std::string message;
};

/// The groups of options that belong to one verb, named for it.
inline constexpr const char* kRoutesGroup = "show routes";
inline constexpr const char* kPolicyGroup = "policy test";
inline constexpr std::array kVerbGroups{kRoutesGroup, kPolicyGroup, "trace",
                                        "drain",      "events",     "capture"};

/// `arguments` without the program's name. `socket_from_environment`: LASTMILE_SOCKET, or null.
[[nodiscard]] std::variant<Invocation, HelpText, UsageError> parse_arguments(
    std::vector<std::string> arguments, const char* socket_from_environment);

}  // namespace lastmile::cli
