#include "controlplane/control/command_table.h"

#include <gtest/gtest.h>

#include "controlplane/control/respond.h"
#include "tests/control/fixtures.h"

namespace lastmile {
namespace {

class Commands : public testing::Test {
 protected:
  Commands() { add_show_commands(table_, source_); }

  Json ask(const std::string& request) { return Json::parse(table_.dispatch(request)); }
  std::string error(const std::string& request) {
    const Json response = ask(request);
    EXPECT_FALSE(response.at("ok").get<bool>()) << request;
    return response.value("error", "");
  }
  Json data(const std::string& request) {
    const Json response = ask(request);
    EXPECT_TRUE(response.at("ok").get<bool>()) << response;
    return response.value("data", Json{});
  }

  test::FixedSource source_{25};
  CommandTable table_;
};

TEST_F(Commands, BadRequestsAreSaidToBe) {
  EXPECT_EQ(error(""), "request is not JSON");
  EXPECT_EQ(error("{\"verb\":"), "request is not JSON");
  EXPECT_EQ(error(std::string("\0\xff\xfe", 3)), "request is not JSON");
  EXPECT_EQ(error("[1]"),
            "request is not an object; expected {\"verb\": \"...\", \"args\": {...}}");
  EXPECT_EQ(error("{}"), "request has no verb; expected {\"verb\": \"...\"}");
  EXPECT_EQ(error(R"({"verb": 7})"), "request has no verb; expected {\"verb\": \"...\"}");
  EXPECT_EQ(error(R"({"verb": "show bgp", "args": []})"),
            "\"args\" is not an object; expected {\"name\": value}");
  EXPECT_EQ(error(R"({"verb": "show bpg"})"),
            "unknown verb \"show bpg\"; did you mean \"show bgp\"?");
  EXPECT_EQ(error(R"({"verb": "dance"})").find("unknown verb \"dance\"; expected one of: show"),
            0U);
  EXPECT_EQ(error(R"({"verb": "show bgp", "args": {"x": 1}})"), "\"show bgp\" takes no arguments");
  EXPECT_EQ(error(R"({"verb": "show routes", "args": {"matsch": "10.0.0.1"}})"),
            "\"show routes\" takes no argument \"matsch\"; did you mean \"match\"?");
}

TEST_F(Commands, DeepJsonIsNoDanger) {
  EXPECT_EQ(error(std::string(60'000, '[')), "request is not JSON");
  EXPECT_EQ(error(std::string(30'000, '[') + std::string(30'000, ']')),
            "request is not an object; expected {\"verb\": \"...\", \"args\": {...}}");
  EXPECT_EQ(error(R"({"verb": "show bgp", "args": {"x": )" + std::string(30'000, '[') +
                  std::string(30'000, ']') + "}}"),
            "\"show bgp\" takes no arguments");
}

TEST_F(Commands, RouteArgumentsAreChecked) {
  const auto with = [&](const std::string& args) {
    return error(R"({"verb": "show routes", "args": )" + args + "}");
  };
  EXPECT_EQ(with(R"({"match": 7})"), "\"match\" is not text; expected a prefix or an address");
  EXPECT_EQ(
      with(R"({"match": "10.0.0.1/8"})"),
      "\"10.0.0.1/8\" is neither a prefix nor an address; expected one such as 10.0.0.0/8 (no "
      "host bits set) or 10.0.0.1");
  EXPECT_EQ(with(R"({"cursor": 7})"), "\"cursor\" is not text; expected the \"next\" of a page");
  for (const char* limit : {"0", "-1", "\"10\"", "1.5"}) {
    EXPECT_EQ(with(std::string{"{\"limit\": "} + limit + "}"),
              "\"limit\" is not a number of prefixes; expected 1 or more");
  }
}

TEST_F(Commands, RoutesComeInPages) {
  std::vector<std::string> prefixes;
  Json args = Json::object();
  args["limit"] = 10;
  int pages = 0;
  for (;; ++pages) {
    ASSERT_LT(pages, 10);
    const Json page = data(Json{{"verb", "show routes"}, {"args", args}}.dump());
    for (const Json& route : page.at("routes")) prefixes.push_back(route.at("prefix"));
    if (!page.contains("next")) break;
    args["cursor"] = page.at("next");
  }
  EXPECT_EQ(pages, 2);
  EXPECT_EQ(prefixes.size(), 30U);  // 28 prefixes, two of them with two paths
  EXPECT_EQ(prefixes.back(), "11.0.24.0/24");
}

// Names of fields are a promise to scripts: these may only be added to.
TEST_F(Commands, FieldsArePromised) {
  const auto has = [](const Json& object, std::initializer_list<const char*> fields) {
    for (const char* field : fields) EXPECT_TRUE(object.contains(field)) << field;
  };
  has(data(R"({"verb": "show bgp"})").at("neighbors").at(0),
      {"name",       "address",           "remote_asn",        "state",
       "uptime_s",   "received",          "accepted",          "advertised",
       "last_error", "treat_as_withdraw", "attribute_discard", "last_fault",
       "role",       "remote_role",       "graceful_restart",  "restarting",
       "long_lived", "local_restart",     "awaited",           "stale"});
  const Json route = data(R"({"verb": "show routes"})").at("routes").at(0);
  has(route,
      {"prefix", "source", "best", "next_hops", "as_path", "communities", "aigp", "path_id"});
  has(route.at("next_hops").at(0), {"port", "address", "weight", "alive"});
  const Json fib = data(R"({"verb": "show fib"})");
  has(fib.at("ipv4"), {"routes", "groups", "tbl8_used"});
  has(fib.at("ipv6"), {"routes", "groups", "tbl8_used"});
  has(fib.at("queue"), {"depth", "applied", "coalesced"});
  has(data(R"({"verb": "show control"})"), {"slices", "longest_us", "longest_in", "rib_bytes"});
  has(data(R"({"verb": "show ports"})").at("ports").at(0),
      {"name", "device", "link", "link_watch", "mtu", "mac", "rx_packets", "tx_packets"});
  const Json offload = data(R"({"verb": "show offload"})").at("ports").at(0);
  has(offload, {"port", "driver", "step", "step_name", "priority_queue", "worker", "steps"});
  has(offload.at("steps").at(1), {"step", "name", "help", "state", "reason", "rules"});
  has(offload.at("steps").at(1).at("rules").at(0), {"name", "installed", "rule", "reason"});
  has(data(R"({"verb": "show workers"})").at("workers").at(0),
      {"id", "rx_packets", "tx_packets", "punts", "drops", "cycles_per_packet", "idle_share"});
  has(data(R"({"verb": "show workers"})").at("workers").at(0).at("punts").at(0),
      {"class", "packets", "policed"});
  has(data(R"({"verb": "show neighbors"})").at("neighbors").at(0),
      {"port", "address", "mac", "state"});
  has(data(R"({"verb": "show nexthops"})").at("next_hops").at(0),
      {"id", "port", "kind", "addresses", "mac", "alive", "down", "packets", "bytes"});
  has(data(R"({"verb": "show workers"})").at("workers").at(0).at("stages").at(0),
      {"stage", "cycles_per_packet"});
  has(data(R"({"verb": "show drops"})").at("drops").at(0), {"reason", "packets"});
  has(data(R"({"verb": "version"})"), {"version", "dpdk", "uptime_s"});
  EXPECT_EQ(data(R"({"verb": "help"})").at("verbs").size(), table_.commands().size());
}

TEST_F(Commands, OneNeighborsPartOfTheRoutes) {
  const auto routes = [&](const std::string& args) {
    return data(R"({"verb": "show routes", "args": {)" + args + "}}").at("routes");
  };
  EXPECT_EQ(routes(R"("accepted": "up2")").size(), 2U);
  const Json received = routes(R"("received": "up2")");
  ASSERT_EQ(received.size(), 3U);
  EXPECT_NE(received.at(2).at("refusal"), "");
  EXPECT_EQ(routes(R"("advertised": "up1")").at(0).at("as_path"), "64512");
  EXPECT_TRUE(routes(R"("advertised": "up1")").at(0).at("path_id").is_null());
  EXPECT_EQ(routes(R"("advertised": "up2")").at(0).at("path_id"), 257);
  EXPECT_EQ(routes(R"("received": "up2", "match": "10.0.2.2")").size(), 1U);
  EXPECT_EQ(error(R"({"verb": "show routes", "args": {"received": "up3"}})"),
            "no BGP neighbor \"up3\"; did you mean \"up1\"?");
  EXPECT_EQ(error(R"({"verb": "show routes", "args": {"received": "leaf-of-another-rack"}})"),
            "no BGP neighbor \"leaf-of-another-rack\"; see \"show bgp\"");
  EXPECT_EQ(error(R"({"verb": "show routes", "args": {"received": 1}})"),
            "\"received\" is not text; expected a neighbor's name");
  EXPECT_NE(error(R"({"verb": "show routes", "args": {"received": "up1", "accepted": "up1"}})"),
            "");
}

TEST_F(Commands, WhatIsAbsentIsNull) {
  const Json down = data(R"({"verb": "show bgp"})").at("neighbors").at(1);
  EXPECT_TRUE(down.at("address").is_null());
  EXPECT_TRUE(down.at("remote_asn").is_null());
  EXPECT_TRUE(down.at("uptime_s").is_null());
  EXPECT_EQ(down.at("detail"), "link is down");
}

TEST(CommandTable, TextThatIsNoUtf8StillMakesJson) {
  CommandTable table;
  table.add({"v", "", {}, [](const Json&) -> CommandResult {
               return Json{{"peer said", "\xff\xfe"}};
             }});
  EXPECT_TRUE(Json::parse(table.dispatch(R"({"verb": "v"})")).at("ok").get<bool>());
}

TEST(CommandTable, AHandlersJsonFaultIsAnError) {
  CommandTable table;
  table.add({"v", "", {"a"}, [](const Json& args) -> CommandResult {
               return Json(args.at("a").get<int>());
             }});
  EXPECT_FALSE(Json::parse(table.dispatch(R"({"verb": "v"})")).at("ok").get<bool>());
  EXPECT_FALSE(
      Json::parse(table.dispatch(R"({"verb": "v", "args": {"a": "x"}})")).at("ok").get<bool>());
}

}  // namespace
}  // namespace lastmile
