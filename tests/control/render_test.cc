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

TEST(Render, EmptyAnswersSaySo) {
  using cli::Json;
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
