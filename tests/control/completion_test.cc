#include "cli/completion.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/arguments.h"

namespace lastmile::cli {
namespace {

std::vector<std::string> completed(const std::vector<std::string>& words,
                                   std::string* asked = nullptr) {
  const auto names = [asked](NameKind kind, const std::string& socket) {
    if (asked != nullptr) *asked = socket;
    if (kind == NameKind::kPort) return std::vector<std::string>{"up1", "lan"};
    return std::vector<std::string>{"up1", "up2", "fe80::1%lan"};
  };
  std::vector<std::string> texts;
  for (const Candidate& candidate : complete(words, "/tmp/other.sock", names)) {
    texts.push_back(candidate.text);
  }
  return texts;
}
using Words = std::vector<std::string>;

TEST(Completion, OffersEveryVerb) {
  const Words first = completed({""});
  for (const Verb& verb : verbs()) {
    const std::string word{verb.words.substr(0, verb.words.find(' '))};
    EXPECT_EQ(std::ranges::count(first, word), 1) << word;
  }
  EXPECT_EQ(completed({}), first);
  EXPECT_EQ(completed({"show", "b"}), (Words{"bgp", "bfd"}));
  EXPECT_EQ(completed({"shwo", ""}), Words{});
}

TEST(Completion, AVerbHasItsOwnOptionsAndTheCommonOnes) {
  EXPECT_EQ(completed({"show", "routes", "--a"}), (Words{"--accepted", "--advertised"}));
  EXPECT_EQ(completed({"policy", "test", "x", "--a"}), (Words{"--as-path"}));
  EXPECT_EQ(completed({"show", "bgp", "--a"}), Words{});
  EXPECT_EQ(completed({"show", "bgp", "--j"}), (Words{"--json"}));
  EXPECT_EQ(completed({"drain", "--m"}), (Words{"--message"}));
  EXPECT_EQ(completed({"drain", "up1", "--f"}), (Words{"--force"}));
  EXPECT_EQ(completed({"events", "--f"}), (Words{"--follow"}));
  EXPECT_EQ(completed({"--m"}), Words{}) << "what is hidden in --help is hidden here";
}

TEST(Completion, AnOptionsValueIsNoWordOfTheVerb) {
  EXPECT_EQ(completed({"--timeout", "3", "show", "rou"}), (Words{"routes"}));
  EXPECT_EQ(completed({"--timeout=3", "-j", "show", "rou"}), (Words{"routes"}));
  EXPECT_EQ(completed({"--socket", ""}), (Words{":files"}));
  EXPECT_EQ(completed({"policy", "test", "--origin", "i"}), (Words{"igp", "incomplete"}));
  EXPECT_EQ(completed({"policy", "test", "--origin=e"}), (Words{"--origin=egp"}));
}

TEST(Completion, NeighborsAreTheDaemonsWhoseSocketIsNamed) {
  std::string asked;
  EXPECT_EQ(completed({"show", "routes", "--received", "up"}, &asked), (Words{"up1", "up2"}));
  EXPECT_EQ(asked, "/tmp/other.sock");
  EXPECT_EQ(completed({"drain", "up1", "up"}, &asked), (Words{"up1", "up2"}));
  completed({"-s", "/tmp/mine.sock", "show", "routes", "--received", ""}, &asked);
  EXPECT_EQ(asked, "/tmp/mine.sock");
}

TEST(Completion, CapturesAreOfPorts) {
  EXPECT_EQ(completed({"capture", ""}), (Words{"up1", "lan", "any", "drops"}));
  EXPECT_EQ(completed({"capture", "up1", "-w", ""}), (Words{":files"}));
  EXPECT_EQ(completed({"capture", "up1", "--sn"}), (Words{"--snap"}));
}

TEST(Completion, TracesComeInByPorts) {
  EXPECT_EQ(completed({"trace", "10.0.2.2", "--port", ""}), (Words{"up1", "lan"}));
  EXPECT_EQ(completed({"trace", "--proto", "t"}), (Words{"tcp"}));
  EXPECT_EQ(completed({"trace", "--sp"}), (Words{"--sport"}));
  EXPECT_EQ(completed({"trace", "--le"}), (Words{"--length"}));
}

TEST(Completion, KnowsThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_TRUE(completion_script(shell).has_value()) << shell;
  }
  EXPECT_FALSE(completion_script("csh").has_value());
  const auto refused = parse_arguments({"completion", "csh"}, nullptr);
  EXPECT_EQ(std::get<UsageError>(refused).message,
            "completion: \"csh\" is no shell that is known; expected bash, zsh or fish");
}

}  // namespace
}  // namespace lastmile::cli
