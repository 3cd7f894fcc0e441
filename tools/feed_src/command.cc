#include "tools/feed_src/command.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <sstream>

namespace lastmile::feed {
namespace {

struct VerbRow {
  Verb verb;
  const char* name;
  const char* arguments;
  const char* help;
};

constexpr std::array kVerbs{
    VerbRow{Verb::kAnnounce, "announce", "[peer=N] [rate=R]", "the table; R routes a second"},
    VerbRow{Verb::kWithdraw, "withdraw", "[peer=N] [rate=R]", "all of it"},
    VerbRow{Verb::kChurn, "churn", "[peer=N] [rate=R] seconds=S",
            "single prefixes go and come back, with another path, then as they were (R: 10000)"},
    VerbRow{Verb::kFlap, "flap", "[peer=N] count=N seconds=S",
            "withdraw and announce the table N times, S seconds apart"},
    VerbRow{Verb::kExpect, "expect", "[peer=N] announced=N [withdrawn=N] [seconds=S]",
            "wait until so many prefixes were heard since the last mark"},
    VerbRow{Verb::kClose, "close", "[peer=N]", "end sessions"},
    VerbRow{Verb::kOpen, "open", "[peer=N]", "open them (again) and wait until they are up"},
    VerbRow{Verb::kWait, "wait", "seconds=S", "keep the sessions and do nothing"},
    VerbRow{Verb::kMark, "mark", "", "start counting what is heard anew"},
    VerbRow{Verb::kReport, "report", "", "what was heard"},
    VerbRow{Verb::kQuit, "quit", "", "end all sessions and leave"},
};

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

}  // namespace

tl::expected<Feeder::Command, std::string> Feeder::Command::parse(std::string_view line) {
  std::istringstream words{std::string{line}};
  std::string word;
  words >> word;
  Command command;
  bool known = false;
  for (const VerbRow& row : kVerbs) {
    if (word != row.name) continue;
    command.verb = row.verb;
    known = true;
  }
  if (!known) return tl::unexpected(fmt::format("'{}': no such command; see --help", word));
  while (words >> word) {
    const std::size_t equals = word.find('=');
    const std::string_view key = std::string_view{word}.substr(0, equals);
    const std::string_view value = equals == std::string::npos
                                       ? std::string_view{}
                                       : std::string_view{word}.substr(equals + 1);
    unsigned peer = 0;
    bool good = false;
    if (key == "peer") {
      good = read_number(value, peer);
      command.peer = peer;
    }
    if (key == "rate") good = read_number(value, command.rate);
    if (key == "seconds") good = read_number(value, command.seconds);
    if (key == "count") good = read_number(value, command.count);
    if (key == "announced") good = read_number(value, command.announced);
    if (key == "withdrawn") good = read_number(value, command.withdrawn);
    if (!good) return tl::unexpected(fmt::format("'{}': not understood; see --help", word));
  }
  return command;
}

std::string command_help() {
  std::string text;
  for (const VerbRow& row : kVerbs) {
    text += fmt::format("  {:<62} {}\n", fmt::format("{} {}", row.name, row.arguments), row.help);
  }
  return text;
}

}  // namespace lastmile::feed
