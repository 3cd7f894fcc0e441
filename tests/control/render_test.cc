// What the operator sees, line by line. docs/commands.md shows the same text: its blocks after
// "$ lastmile VERB" are compared here, so the document can't fall behind.

#include "cli/render.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/run.h"
#include "tests/control/fake_daemon.h"

namespace lastmile {
namespace {

/// Call and output of each example in docs/commands.md.
std::vector<std::pair<std::string, std::string>> examples() {
  std::ifstream file{std::string{LASTMILE_SOURCE_ROOT} + "/docs/commands.md"};
  std::vector<std::pair<std::string, std::string>> found;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "```") inside = false;
    if (inside) found.back().second += line + '\n';
    if (line.starts_with("$ lastmile ")) {
      found.emplace_back(line.substr(11), "");
      inside = true;
    }
  }
  return found;
}

TEST(Render, TheExamplesInTheDocumentationAreReal) {
  test::FakeDaemon daemon;
  const auto documented = examples();
  ASSERT_GE(documented.size(), 9U);
  for (const auto& [call, text] : documented) {
    std::istringstream words{call};
    std::vector<std::string> arguments{std::istream_iterator<std::string>{words}, {}};
    std::ostringstream out;
    std::ostringstream error;
    EXPECT_EQ(cli::run(arguments, {daemon.socket().c_str(), false}, out, error), 0) << error.str();
    EXPECT_EQ(out.str(), text) << call;
  }
}

TEST(Render, ServicesDrainAndDoctor) {
  using cli::Json;
  const Json web{
      {"name", "web"},
      {"address", "192.168.0.250/32"},
      {"state", "down"},
      {"appearance", "withdrawn"},
      {"operator", "auto"},
      {"check", "tcp 80"},
      {"last_check", {{"passed", false}, {"detail", "Connection refused"}, {"ago_s", 0.31}}},
      {"reason", "2 checks failed in a row: Connection refused"},
      {"since_s", 4.2}};
  EXPECT_EQ(
      cli::render_services({{"services", {web}}}),
      "SERVICE  ADDRESS           STATE  NEIGHBORS SEE  SINCE  CHECK   LAST CHECK              "
      "              WHY\n"
      "web      192.168.0.250/32  down   withdrawn         4s  tcp 80  failed 0.3 s ago: "
      "Connection refused  2 checks failed in a row: Connection refused\n");
  EXPECT_EQ(cli::render_service(web),
            "web: withdrawn: 2 checks failed in a row: Connection refused\n");
  EXPECT_EQ(cli::render_drain({{"drained",
                                {{{"neighbor", "up1"},
                                  {"phase", "leaving"},
                                  {"since_s", 2.0},
                                  {"packets_per_s", 812.4},
                                  {"message", "back at noon"}}}}}),
            "NEIGHBOR  PHASE    SINCE  PACKETS/S IN  MESSAGE\n"
            "up1       leaving     2s           812  back at noon\n");
  EXPECT_EQ(cli::render_doctor({{"findings",
                                 {{{"check", "port-down"},
                                   {"severity", "problem"},
                                   {"subject", "up1"},
                                   {"cause", "the link of up1 is down"},
                                   {"next", "look at the cable"}}}},
                                {"checks", {"port-down"}}}),
            "up1: the link of up1 is down\n    next: look at the cable\n");
}

TEST(Render, AStoryTellsTheTimeBetweenItsEvents) {
  using cli::Json;
  cli::EventStory story;
  const auto told = [&](std::int64_t at, const char* kind, const char* subject) {
    // Behind the date and the minutes, which are those of the time zone.
    return story.line({{"time_us", at}, {"kind", kind}, {"subject", subject}, {"text", "text"}})
        .substr(17);
  };
  EXPECT_EQ(told(1'000'000'000'103'218, "detection", "up1"),
            "40.103218             detection  up1       text\n");
  EXPECT_EQ(told(1'000'000'000'103'391, "bgp", "up1"),
            "40.103391    +173 us  bgp        up1       text\n");
  EXPECT_EQ(told(1'000'000'000'104'892, "routes", ""),
            "40.104892  +1.501 ms  routes               text\n");
  EXPECT_EQ(told(1'000'000'010'104'892, "bgp", "up1"),
            "50.104892      +10 s  bgp        up1       text\n");
  // A minute later, or before: no step of the same story.
  EXPECT_EQ(told(1'000'000'070'104'892, "drain", "up1"),
            "50.104892             drain      up1       text\n");
  EXPECT_EQ(told(1'000'000'069'104'892, "drain", "up1"),
            "49.104892             drain      up1       text\n");
}

TEST(Render, EmptyAnswersSaySo) {
  using cli::Json;
  EXPECT_EQ(cli::render_services({{"services", Json::array()}}), "no services\n");
  EXPECT_EQ(cli::render_drain({{"drained", Json::array()}}), "nothing is drained\n");
  EXPECT_EQ(cli::render_doctor({{"findings", Json::array()}, {"checks", {"a", "b"}}}),
            "all is well (2 checks)\n");
  EXPECT_EQ(cli::render_ports({{"ports", Json::array()}}), "no ports\n");
  EXPECT_EQ(cli::render_bgp({{"neighbors", Json::array()}}), "no BGP neighbors\n");
  EXPECT_EQ(cli::render_neighbors({{"neighbors", Json::array()}}), "no link-layer neighbors\n");
  EXPECT_EQ(cli::render_next_hops({{"next_hops", Json::array()}}), "no next hops\n");
  EXPECT_EQ(cli::render_workers({{"workers", Json::array()}}), "no workers\n");
  EXPECT_EQ(cli::render_drops({{"drops", Json::array()}}), "no packets dropped\n");
  EXPECT_EQ(cli::render_route_details({{"routes", Json::array()}}), "no such route\n");
  cli::RouteList list;
  EXPECT_EQ(list.page({{"routes", Json::array()}}) + list.end(), "no routes\n");
}

TEST(Render, AnAnswerOfAnotherShapeThrows) {
  EXPECT_THROW((void)cli::render_offload({{"nothing", 1}}), cli::Json::exception);
  EXPECT_THROW((void)cli::render_bgp({{"nothing", 1}}), cli::Json::exception);
  EXPECT_THROW((void)cli::render_fib(cli::Json::array()), cli::Json::exception);
}

}  // namespace
}  // namespace lastmile
