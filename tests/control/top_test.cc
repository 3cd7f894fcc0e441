// The dashboard as a person reads it, without a terminal.

#include <gtest/gtest.h>

#include <chrono>

#include "cli/table.h"
#include "cli/top/screen.h"
#include "controlplane/control/command_table.h"
#include "controlplane/control/respond.h"
#include "tests/control/fixtures.h"

namespace lastmile::cli::top {
namespace {

using std::chrono::seconds;

/// What a FixedSource answers.
Sample sample_at(std::chrono::steady_clock::time_point at) {
  const test::FixedSource source;
  CommandTable table;
  add_show_commands(table, source);
  Sample sample;
  sample.at = at;
  for (const char* verb : {"version", "show ports", "show bgp", "show bfd", "show nexthops",
                           "show workers", "show drops", "show fib", "show control"}) {
    const Json request{{"verb", verb}};
    sample.answers.emplace(verb, Json::parse(table.dispatch(request.dump())).at("data"));
  }
  return sample;
}

class Top : public testing::Test {
 protected:
  const std::chrono::steady_clock::time_point start{seconds{100}};
  Sample before = sample_at(start);
  Sample now = sample_at(start + seconds{2});
  View view;
  Status status{"12:34:56", 1, ""};

  [[nodiscard]] Moments moments() const { return {&before, now}; }
  [[nodiscard]] std::string screen(Size size = {24, 80}, Glyphs glyphs = Glyphs::kAscii) const {
    std::string out;
    for (const Line& line : draw(view, moments(), status, size, glyphs)) out += line.plain() + '\n';
    return out;
  }
  Json& port(std::size_t index) { return now.answers.at("show ports").at("ports").at(index); }
};

TEST_F(Top, FitsEveryTerminal) {
  for (const std::size_t rows : {3U, 10U, 24U, 60U}) {
    for (const std::size_t columns : {10U, 80U, 200U}) {
      for (const char letter : std::string{"opsnwd"}) {
        press(view, letter, moments());
        for (const Glyphs glyphs : {Glyphs::kAscii, Glyphs::kUnicode}) {
          const auto lines = draw(view, moments(), status, {rows, columns}, glyphs);
          EXPECT_LE(lines.size(), rows);
          for (const Line& line : lines) EXPECT_LE(width(line.plain()), columns) << line.plain();
        }
      }
    }
  }
}

TEST_F(Top, ShowsRatesBetweenTwoSamples) {
  port(0)["rx_packets"] = port(0).at("rx_packets").get<std::uint64_t>() + 5000;
  port(0)["tx_bytes"] = port(0).at("tx_bytes").get<std::uint64_t>() + 250'000;
  const Table table = ports_table(moments());
  EXPECT_EQ(table.rows.at(0).cells.at(2).text, "2500");
  EXPECT_EQ(table.rows.at(0).cells.at(5).text, "1.00M");
  const Table first = ports_table({nullptr, now});
  EXPECT_EQ(first.rows.at(0).cells.at(2).text, "-") << "nothing is known yet";
}

TEST_F(Top, ACounterThatFellIsNoRate) {
  port(0)["rx_packets"] = 1;
  EXPECT_EQ(ports_table(moments()).rows.at(0).cells.at(2).text, "-");
}

TEST_F(Top, LossesStandOut) {
  port(0)["rx_missed"] = port(0).at("rx_missed").get<std::uint64_t>() + 20;
  const Span lost = ports_table(moments()).rows.at(0).cells.at(6);
  EXPECT_EQ(lost.text, "10");
  EXPECT_EQ(lost.style, Style::kBad);
}

TEST_F(Top, NextHopsShareWhatLeaves) {
  auto& hops = now.answers.at("show nexthops").at("next_hops");
  const auto more = [&](std::size_t index, std::uint64_t packets) {
    hops.at(index)["packets"] = hops.at(index).at("packets").get<std::uint64_t>() + packets;
  };
  std::vector<std::size_t> forwarding;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    if (hops.at(i).at("kind") == "forward" || hops.at(i).at("kind") == "unresolved") {
      forwarding.push_back(i);
    }
  }
  ASSERT_GE(forwarding.size(), 2U);
  more(forwarding[0], 750);
  more(forwarding[1], 250);
  const Table table = next_hops_table(moments(), Glyphs::kAscii);
  EXPECT_EQ(table.rows.at(0).cells.at(5).text, "75%");
  EXPECT_EQ(table.rows.at(0).cells.at(6).text, "############....");
  EXPECT_EQ(table.rows.at(1).cells.at(5).text, "25%");
}

TEST_F(Top, TheOverviewHasOneOfEverythingIn80By24) {
  const std::string text = screen();
  for (const char* part : {"lastmile ", "12:34:56", "NEIGHBOR", "Established", "PORT", "NEXT HOP",
                           "WORKER", "ROUTES", "LONGEST SLICE", "q quit"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << '\n' << text;
  }
}

TEST_F(Top, WhatDoesNotFitIsCounted) {
  auto& neighbors = now.answers.at("show bgp").at("neighbors");
  for (int i = 0; i < 40; ++i) neighbors.push_back(neighbors.at(0));
  const std::string text = screen();
  EXPECT_NE(text.find(" more\n"), std::string::npos) << text;
  EXPECT_NE(text.find("ROUTES"), std::string::npos) << text;
}

TEST_F(Top, EnterLooksIntoARowAndComesBack) {
  press(view, 's', moments());
  EXPECT_EQ(view.page, Page::kSessions);
  press(view, Key::kDown, moments());
  press(view, Key::kEnter, moments());
  EXPECT_EQ(view.detail, "up2");
  const std::string text = screen();
  EXPECT_NE(text.find("remote asn"), std::string::npos) << text;
  for (int i = 0; i < 1000; ++i) press(view, Key::kDown, moments());
  EXPECT_LT(view.selected, 100U) << "nobody wants to go up from there a thousand times";
  press(view, 'q', moments());
  EXPECT_EQ(view.detail, "");
  EXPECT_FALSE(view.quit);
  press(view, 'q', moments());
  EXPECT_TRUE(view.quit);
}

TEST_F(Top, TheChoiceStaysInsideAndInSight) {
  auto& neighbors = now.answers.at("show bgp").at("neighbors");
  const Json one = neighbors.at(0);
  for (int i = 0; i < 40; ++i) {
    neighbors.push_back(one);
    neighbors.back()["name"] = "peer" + std::to_string(i);
  }
  press(view, 's', moments());
  for (int i = 0; i < 100; ++i) press(view, Key::kDown, moments());
  EXPECT_EQ(view.selected, neighbors.size() - 1);
  EXPECT_NE(screen().find("peer39"), std::string::npos);
  for (int i = 0; i < 100; ++i) press(view, Key::kUp, moments());
  EXPECT_EQ(view.selected, 0U);
}

TEST_F(Top, ARouterThatIsGoneIsSaidAndWhatWasKnownStays) {
  status.trouble = "lastmiled is not running";
  const std::string text = screen();
  EXPECT_NE(text.find("lastmiled is not running\n"), std::string::npos);
  EXPECT_NE(text.find("NEIGHBOR"), std::string::npos);
}

TEST_F(Top, AnAnswerThatLacksThingsIsShownAllTheSame) {
  now.answers.at("show bgp") = Json{{"neighbors", {{{"name", "up1"}}, Json::object()}}};
  now.answers.at("show ports") = Json::object();
  now.answers.at("show nexthops") = nullptr;
  now.answers.erase("show control");
  for (const char letter : std::string{"opsnwd"}) {
    press(view, letter, moments());
    EXPECT_FALSE(screen().empty());
  }
}

}  // namespace
}  // namespace lastmile::cli::top
