// Configurations that are wrong: what is said of them, word for word.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "controlplane/config/budget.h"
#include "controlplane/config/config.h"

namespace lastmile {
namespace {

std::vector<std::string> errors_of(std::string_view text) {
  std::vector<std::string> lines;
  const auto config = parse_config(text, "f");
  if (!config) {
    for (const ConfigError& error : config.error()) lines.push_back(to_string(error));
  }
  return lines;
}

/// Good parts, so that each case shows its own fault only: three lines.
std::string base() {
  return "loopbacks: [10.0.1.1/32]\n"
         "router: {asn: 64512}\n"
         "ports: {up1: {device: d1}, up2: {device: d2}, lan: {device: d3, addresses: "
         "[192.0.2.1/24]}}\n";
}
/// One more line after the good ones: line 4.
std::string with(const std::string& line) {
  return base() + line + '\n';
}

/// A configuration with a fault, and all that is to be said of it.
struct Case {
  std::string name;
  std::string text;
  std::vector<std::string> errors;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

/// The cases of errors.txt; its head says how they are written.
std::vector<Case> cases() {
  std::vector<Case> found;
  std::ifstream file{std::string{LASTMILE_SOURCE_ROOT} + "/tests/config/errors.txt"};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ")) {
      found.push_back({line.substr(2), "", {}});
    } else if (line == "| $BASE") {
      found.back().text += base();
    } else if (line.starts_with("| ")) {
      found.back().text += line.substr(2) + '\n';
    } else if (line.starts_with("> ")) {
      found.back().errors.push_back(line.substr(2));
    }
  }
  return found;
}

class ConfigErrors : public testing::TestWithParam<Case> {};

TEST_P(ConfigErrors, AreSaidWordForWord) {
  ASSERT_FALSE(GetParam().errors.empty());
  EXPECT_EQ(errors_of(GetParam().text), GetParam().errors);
}

INSTANTIATE_TEST_SUITE_P(Table, ConfigErrors, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(ConfigErrors, TheTableIsThere) {
  EXPECT_GT(cases().size(), 100U);
}

TEST(ConfigErrors, WhatIsNoTextIsRefusedByPlace) {
  using Lines = std::vector<std::string>;
  const auto at = [](const char* place) {
    return Lines{std::string{"f:"} + place +
                 ": not a text file; expected YAML in UTF-8, no control characters"};
  };
  EXPECT_EQ(errors_of(std::string("loopbacks: [1\n\x7f"
                                  "ELF\0\1",
                                  20)),
            at("2:1"));
  EXPECT_EQ(errors_of("loopbacks: [\xc3\x28]\n"), at("1:13"));
  EXPECT_EQ(errors_of("a: \xc3\xb6 \xed\xa0\x80\n"), at("1:6"));      // a surrogate
  EXPECT_EQ(errors_of("a: \xc0\xaf\n"), at("1:4"));                   // overlong
  EXPECT_EQ(errors_of("a: \xf4\x90\x80\x80\n"), at("1:4"));           // beyond Unicode
  EXPECT_EQ(errors_of(std::string("\xff\xfel\0o\0", 6)), at("1:1"));  // UTF-16
}

TEST(ConfigErrors, TheBaseOfTheTableIsGood) {
  EXPECT_EQ(errors_of(base()), std::vector<std::string>{});
}

TEST(ConfigErrors, AllAreReportedInFileOrder) {
  const auto errors = errors_of(
      "bgp:\n"
      "  neighbors:\n"
      "    - {port: up9, remote-asn: external}\n"
      "    - {remote-asn: 0}\n"
      "ports:\n"
      "  up1: {devcie: d1}\n"
      "loopbacks: [10.0.1.1/24]\n"
      "rooter: {}\n");
  ASSERT_EQ(errors.size(), 8U);
  EXPECT_TRUE(std::is_sorted(errors.begin() + 1, errors.end(),
                             [](const auto& a, const auto& b) { return a[2] < b[2]; }));
  EXPECT_EQ(errors.back(), "f:8:1: unknown key \"rooter\"; did you mean \"router\"?");
}

TEST(ConfigErrors, DeepNestingIsAnErrorAndNoCrash) {
  for (const char* opening : {"[", "{a: ", "- ", "? "}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += opening;
    const auto errors = errors_of(text);
    ASSERT_EQ(errors.size(), 1U) << opening;
    EXPECT_TRUE(errors[0].starts_with("f:1:")) << errors[0];
  }
}

TEST(ConfigErrors, AliasesThatMultiplyAreCheapToRefuse) {
  std::string text = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    text += fmt::format("{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]\n", c,
                        static_cast<char>(c - 1));
  }
  text += "loopbacks: *z\nports: *z\nbgp: *z\n";
  EXPECT_GE(errors_of(text).size(), 26U);
}

TEST(ConfigErrors, ManyErrorsAreCutShort) {
  std::string text = base();
  for (int i = 0; i < 1000; ++i) text += fmt::format("key{}: 1\n", i);
  const auto errors = errors_of(text);
  EXPECT_EQ(errors.size(), 101U);
  EXPECT_EQ(errors.back(), "f:103:1: 900 more errors follow; expected far fewer");
}

TEST(ConfigErrors, ReadingEndsWhereNobodyReadsOn) {
  std::string text = base();
  for (int i = 0; i < 20'000; ++i) text += fmt::format("key{}: 1\n", i);
  EXPECT_EQ(errors_of(text).back(),
            "f:103:1: at least 9900 more errors follow; expected far fewer");
}

TEST(ConfigErrors, AListThatIsUsedTooOftenIsTooLong) {
  constexpr unsigned kPrefixes = 65'000;
  std::string text = base() + "prefix-lists: {all: {prefixes: [";
  for (unsigned i = 0; i < kPrefixes; ++i) {
    text += fmt::format("{}{}.{}.0.0/16", i == 0 ? "" : ", ", 1 + i / 256 % 200, i % 256);
  }
  text += "]}}\npolicies:\n  p:\n    rules:\n";
  const unsigned uses = static_cast<unsigned>(config::Budget::kMost / kPrefixes) + 1;
  for (unsigned i = 0; i < uses; ++i) {
    text += "      - {match: {prefix-lists: [all]}, action: accept}\n";
  }
  const auto errors = errors_of(text);
  ASSERT_EQ(errors.size(), 1U) << errors[0];
  EXPECT_NE(errors[0].find("the file says more than 4000000 values up to here"), std::string::npos)
      << errors[0];
}

TEST(ConfigErrors, GarbageNeverCrashes) {
  constexpr unsigned kSeed = 20240517;
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  std::mt19937 random{kSeed};
  const std::string good = with("bgp: {neighbors: [{port: up1, remote-asn: external}]}");
  for (int round = 0; round < 2000; ++round) {
    std::string text = good;
    for (int change = 0; change < 1 + round % 8; ++change) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 8);
          break;
        case 2:
          text.insert(at, 1, "[]{}:,-&*!|>'\"%@`#\n \t"[random() % 22]);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 20));
      }
      if (text.empty()) text = " ";
    }
    for (const std::string& error : errors_of(text)) {
      EXPECT_EQ(error.find('\n'), std::string::npos) << error;
      EXPECT_NE(error.find("; "), std::string::npos) << error;
    }
  }
}

TEST(LoadConfig, SaysWhatIsWrongWithTheFile) {
  const auto error = [](const std::string& path) {
    const auto config = load_config(path);
    return config ? "" : to_string(config.error().front());
  };
  EXPECT_EQ(error("/nonexistent/server.yaml"),
            "/nonexistent/server.yaml: can't be opened: No such file or directory; expected a "
            "configuration file");
  const std::string directory = std::filesystem::temp_directory_path();
  EXPECT_EQ(error(directory),
            directory + ": can't be read: Is a directory; expected a configuration file");
  EXPECT_EQ(error("/dev/zero"), "/dev/zero: longer than 16 MiB; expected a configuration file");
  EXPECT_EQ(error("/dev/null"),
            "/dev/null:1:1: the file is empty; expected a configuration, as in conf/server.yaml");
}

}  // namespace
}  // namespace lastmile
