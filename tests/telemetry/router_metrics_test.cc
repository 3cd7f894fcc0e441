#include "controlplane/telemetry/router_metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/control/fixtures.h"

namespace lastmile {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(MetricsText, OpenMetricsNamesTheFamilyAndEnds) {
  MetricsText text{MetricsFormat::kOpenMetrics};
  text.family(MetricKind::kCounter, "packets", "All \"packets\".");
  text.sample({{"port", "up1"}}, std::uint64_t{17});
  text.family(MetricKind::kGauge, "load_ratio", "Load.");
  text.sample({}, 0.25);
  EXPECT_EQ(text.finish(),
            "# HELP packets All \\\"packets\\\".\n# TYPE packets counter\n"
            "packets_total{port=\"up1\"} 17\n"
            "# HELP load_ratio Load.\n# TYPE load_ratio gauge\nload_ratio 0.25\n# EOF\n");
}

TEST(MetricsText, TheOlderFormatNamesTheSample) {
  MetricsText text{MetricsFormat::kPrometheus};
  text.family(MetricKind::kCounter, "packets", "All \"packets\".");
  text.sample({}, std::uint64_t{17});
  EXPECT_EQ(text.finish(),
            "# HELP packets_total All \"packets\".\n# TYPE packets_total counter\n"
            "packets_total 17\n");
}

TEST(MetricsText, WhatStandsInLabelsCannotBreakOutOfThem) {
  MetricsText text{MetricsFormat::kPrometheus};
  text.family(MetricKind::kGauge, "x", "line\nbreak \\");
  text.sample({{"a", "\"} 1\nevil 2"}, {"b", "\\"}}, std::uint64_t{1});
  EXPECT_EQ(text.finish(),
            "# HELP x line\\nbreak \\\\\n# TYPE x gauge\nx{a=\"\\\"} 1\\nevil 2\",b=\"\\\\\"} 1\n");
}

TEST(MetricsText, AFamilyWithoutSamplesLeavesNoTrace) {
  MetricsText text{MetricsFormat::kPrometheus};
  text.family(MetricKind::kGauge, "x", "Nothing.");
  text.family(MetricKind::kGauge, "y", "Something.");
  text.sample({}, std::uint64_t{1});
  EXPECT_EQ(text.finish().find('x'), std::string::npos);
}

TEST(RouterMetrics, EveryLineIsOneThatPrometheusReads) {
  const test::FixedSource source;
  const std::regex sample{
      R"re([a-z_]+(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? [-+0-9.e]+)re"};
  for (const MetricsFormat format : {MetricsFormat::kOpenMetrics, MetricsFormat::kPrometheus}) {
    for (const std::string& line : lines_of(router_metrics(source, format))) {
      if (line.starts_with("# ")) continue;
      EXPECT_TRUE(std::regex_match(line, sample)) << line;
    }
  }
}

TEST(RouterMetrics, NamesKeepToTheConventions) {
  const test::FixedSource source;
  std::map<std::string, std::string> types;
  std::set<std::string> samples;
  for (const std::string& line : lines_of(router_metrics(source, MetricsFormat::kPrometheus))) {
    if (line.starts_with("# TYPE ")) {
      const std::size_t space = line.find(' ', 7);
      const std::string name = line.substr(7, space - 7);
      EXPECT_TRUE(types.emplace(name, line.substr(space + 1)).second) << name << " is there twice";
    } else if (!line.starts_with('#')) {
      EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << line;
    }
  }
  for (const auto& [name, type] : types) {
    EXPECT_TRUE(name.starts_with("lastmile_")) << name;
    EXPECT_EQ(type == "counter", name.ends_with("_total")) << name;
    for (const char* unit : {"_us", "_ms", "_milliseconds", "_mbps", "_percent"}) {
      EXPECT_FALSE(name.ends_with(unit)) << name;
    }
  }
}

TEST(RouterMetrics, SaysWhatTheShowsSay) {
  const test::FixedSource source;
  const std::string text = router_metrics(source, MetricsFormat::kOpenMetrics);
  const auto has = [&text](const std::string& line) {
    return text.find('\n' + line + '\n') != std::string::npos;
  };
  for (const PortView& port : source.ports()) {
    EXPECT_TRUE(has("lastmile_port_up{port=\"" + port.name + "\"} " + (port.link_up ? "1" : "0")));
    EXPECT_TRUE(has("lastmile_port_receive_packets_total{port=\"" + port.name + "\"} " +
                    std::to_string(port.rx_packets)));
  }
  for (const NeighborView& neighbor : source.bgp_neighbors()) {
    EXPECT_TRUE(has("lastmile_bgp_session_up{neighbor=\"" + neighbor.name + "\",port=\"" +
                    neighbor.port + "\"} " + (neighbor.uptime ? "1" : "0")));
  }
  EXPECT_TRUE(has("lastmile_worker_held_packets_total{worker=\"0\"} 5"));
  EXPECT_TRUE(has("lastmile_worker_released_packets_total{worker=\"0\"} 4"));
  EXPECT_TRUE(has("lastmile_worker_resolution_requests_total{worker=\"0\"} 3"));
  EXPECT_TRUE(has("lastmile_worker_lost_events_total{worker=\"0\"} 2"));
  EXPECT_TRUE(has("lastmile_service_healthy{service=\"dns\"} 0"));
  EXPECT_TRUE(has("lastmile_service_announced{service=\"dns\"} 1"));
  EXPECT_TRUE(has("lastmile_service_degraded{service=\"dns\"} 1"));
  EXPECT_TRUE(has("lastmile_service_checks_total{service=\"web\",outcome=\"failed\"} 3"));
  EXPECT_TRUE(
      has("lastmile_fib_routes{family=\"ipv4\"} " + std::to_string(source.fib().ipv4.routes)));
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(RouterMetrics, TheCommandGivesThemToo) {
  const test::FixedSource source;
  CommandTable table;
  add_metrics_command(table, source);
  const Json answer = Json::parse(table.dispatch(R"({"verb": "metrics"})"));
  EXPECT_TRUE(answer.at("ok").get<bool>());
  EXPECT_EQ(answer.at("data").at("text"), router_metrics(source, MetricsFormat::kOpenMetrics));
}

}  // namespace
}  // namespace lastmile
