// Configurations that are wrong: what is said of them, word for word.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

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

/// A configuration with a fault, and all that is to be said of it.
struct Case {
  std::string name;
  std::string text;
  std::vector<std::string> errors;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

/// Good parts, so that each case shows its own fault only. Lines 1 to 3.
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
/// A router with this under "ports:", in line 3.
std::string ports(const std::string& text) {
  return "loopbacks: [10.0.1.1/32]\nrouter: {asn: 64512}\nports: " + text + '\n';
}
std::string router(const std::string& text) {
  return "loopbacks: [10.0.1.1/32]\nrouter: " + text + "\nports: {up1: {device: d1}}\n";
}
std::string neighbor(const std::string& text) {
  return with("bgp: {neighbors: [{" + text + "}]}");
}

const std::vector<Case>& cases();

class ConfigErrors : public testing::TestWithParam<Case> {};

TEST_P(ConfigErrors, AreSaidWordForWord) {
  EXPECT_EQ(errors_of(GetParam().text), GetParam().errors);
}

INSTANTIATE_TEST_SUITE_P(Table, ConfigErrors, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

const std::vector<Case>& cases() {
  static const std::vector<Case> table{
#include "errors_table.inc"
  };
  return table;
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
