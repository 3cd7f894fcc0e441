#include "controlplane/control/policy_command.h"

#include <gtest/gtest.h>

namespace lastmile {
namespace {

class PolicyTest : public testing::Test {
 protected:
  PolicyTest() {
    auto parsed = parse_config(R"(
loopbacks: [10.0.1.1/32]
router: {asn: 64512}
ports: {up1: {device: d1}}
prefix-lists:
  private: {prefixes: [10.0.0.0/8 le 32, 192.168.0.0/16 le 32]}
policies:
  in:
    rules:
      - {name: ours, match: {prefix-lists: [private]}, action: reject}
      - match: {as-path: ["^65001"], communities: [65001:1]}
        set: {local-preference: 200, prepend: 2, add-communities: [64512:1], weight: 3}
    default: accept
  learned: {rules: [{match: {source: bgp}}]}
  bare: {rules: [{set: {communities: []}}]}
)",
                               "test.yaml");
    if (parsed) {
      config = *parsed;
    } else {
      ADD_FAILURE() << to_string(parsed.error().front());
    }
  }
  Json good(const Json& args) {
    const CommandResult result = test_policy(config, args);
    EXPECT_TRUE(result) << result.error();
    return result ? *result : Json{};
  }
  std::string wrong(const Json& args) {
    const CommandResult result = test_policy(config, args);
    EXPECT_FALSE(result);
    return result ? "" : result.error();
  }
  Config config;
};

TEST_F(PolicyTest, NamesTheRuleAndTheChanges) {
  const Json rejected = good({{"policy", "in"}, {"prefix", "10.1.0.0/16"}});
  EXPECT_FALSE(rejected.at("accepted").get<bool>());
  EXPECT_EQ(rejected.at("rule"), 1);
  EXPECT_EQ(rejected.at("why"), "rule 1 \"ours\" rejects it");
  EXPECT_TRUE(rejected.at("changes").empty());

  const Json accepted = good({{"policy", "in"},
                              {"prefix", "20.0.0.0/8"},
                              {"as-path", "65001 7"},
                              {"communities", "65001:2 65001:1"}});
  EXPECT_EQ(accepted.at("rule"), 2);
  EXPECT_EQ(accepted.at("changes").dump(),
            R"([{"what":"local-preference","before":"","after":"200"},)"
            R"({"what":"as-path","before":"65001 7","after":"64512 64512 65001 7"},)"
            R"({"what":"communities","before":"65001:1 65001:2",)"
            R"("after":"64512:1 65001:1 65001:2"},)"
            R"({"what":"weight","before":"1","after":"3"}])");

  const Json by_default = good({{"policy", "in"}, {"prefix", "2001:db8::/32"}});
  EXPECT_TRUE(by_default.at("accepted").get<bool>());
  EXPECT_TRUE(by_default.at("rule").is_null());
}

TEST_F(PolicyTest, NoCommunitiesInPlaceOfAll) {
  const Json view =
      good({{"policy", "bare"}, {"prefix", "20.0.0.0/8"}, {"communities", "65001:1"}});
  EXPECT_EQ(view.at("changes").dump(), R"([{"what":"communities","before":"65001:1","after":""}])");
}

TEST_F(PolicyTest, ARouteIsANeighborsUnlessSaidOtherwise) {
  const auto rule = [&](const Json& more) {
    Json args{{"policy", "learned"}, {"prefix", "20.0.0.0/8"}};
    args.update(more);
    return good(args).at("rule");
  };
  EXPECT_EQ(rule(Json::object()), 1);
  EXPECT_TRUE(rule({{"source", "default"}}).is_null());
}

TEST_F(PolicyTest, SaysWhatIsWrongWithTheQuestion) {
  EXPECT_EQ(wrong({{"policy", "inn"}, {"prefix", "10.0.0.0/8"}}),
            "\"inn\" is not a policy; did you mean \"in\"?");
  EXPECT_EQ(wrong({{"policy", "in"}}), "there is no prefix; expected --prefix PREFIX");
  EXPECT_EQ(wrong({{"policy", "in"}, {"prefix", "10.0.0.1/8"}}),
            "prefix: \"10.0.0.1/8\" has host bits set; expected 10.0.0.0/8");
  EXPECT_EQ(wrong({{"policy", "in"}, {"prefix", "20.0.0.0/8"}, {"as-path", "x"}}),
            "as-path: \"x\" is no AS number; expected numbers such as \"65001 64512\"");
  EXPECT_EQ(wrong({{"policy", "in"}, {"prefix", "20.0.0.0/8"}, {"origin", "bgp"}}),
            "origin: \"bgp\" is unknown; expected one of: igp, egp, incomplete");
  EXPECT_EQ(wrong({{"policy", "in"}, {"prefix", 7}}), "\"prefix\" is not text");
}

}  // namespace
}  // namespace lastmile
