// What workers do and drop, as text.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/fields.h"
#include "cli/render.h"

namespace lastmile::cli {
namespace {

/// Cycles per packet: a row for each worker, a column for each stage.
std::string stage_table(const Json& workers) {
  std::vector<TextTable::Column> columns{{"CYCLES OF WORKER", kRight}};
  for (const Json& stage : workers.at(0).at("stages")) {
    std::string name = stage.at("stage");
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    columns.push_back({std::move(name), kRight});
  }
  TextTable table{std::move(columns)};
  for (const Json& worker : workers) {
    std::vector<std::string> row{number_or(worker.at("id"), "-")};
    for (const Json& stage : worker.at("stages")) {
      const auto cycles = stage.at("cycles_per_packet").get<double>();
      row.push_back(cycles > 0 ? fmt::format("{:.1f}", cycles) : "-");
    }
    table.add(std::move(row));
  }
  return table.text();
}

/// Classes of packets for the kernel, of all workers together; empty as long as there are none.
std::string punt_table(const Json& workers) {
  TextTable table{{{"FOR THE KERNEL"}, {"PACKETS", kRight}, {"POLICED", kRight}}};
  std::vector<std::string> classes;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> sums;
  for (const Json& worker : workers) {
    for (const Json& punt : worker.at("punts")) {
      const auto name = punt.at("class").get<std::string>();
      if (!sums.contains(name)) classes.push_back(name);
      sums[name].first += punt.at("packets").get<std::uint64_t>();
      sums[name].second += punt.at("policed").get<std::uint64_t>();
    }
  }
  bool any = false;
  for (const std::string& name : classes) {
    const auto& [packets, policed] = sums[name];
    if (packets + policed == 0) continue;
    table.add({name, short_count(packets), short_count(policed)});
    any = true;
  }
  return any ? '\n' + table.text() : "";
}

}  // namespace

std::string render_workers(const Json& data) {
  TextTable table{{{"WORKER", kRight},
                   {"CPU", kRight},
                   {"RX PKTS", kRight},
                   {"TX PKTS", kRight},
                   {"PUNTED", kRight},
                   {"DROPPED", kRight},
                   {"CYCLES/PKT", kRight},
                   {"PKTS/VECTOR", kRight},
                   {"IDLE", kRight}}};
  for (const Json& worker : data.at("workers")) {
    std::uint64_t dropped = 0;
    for (const Json& drop : worker.at("drops")) dropped += drop.at("packets").get<std::uint64_t>();
    const auto cycles = worker.at("cycles_per_packet").get<double>();
    const auto vector = worker.at("packets_per_vector").get<double>();
    table.add({number_or(worker.at("id"), "-"), number_or(worker.at("cpu"), "-"),
               count(worker, "rx_packets"), count(worker, "tx_packets"), count(worker, "punted"),
               short_count(dropped), cycles > 0 ? fmt::format("{:.0f}", cycles) : "-",
               vector > 0 ? fmt::format("{:.1f}", vector) : "-",
               fmt::format("{:.0f}%", worker.at("idle_share").get<double>() * 100)});
    if (worker.value("stuck", false)) table.note("  stuck: it moves no packet");
    if (worker.at("icmp_errors").get<std::uint64_t>() != 0) {
      table.note(fmt::format("  {} ICMP errors sent, {} more above the rate",
                             count(worker, "icmp_errors"), count(worker, "icmp_errors_limited")));
    }
    if (worker.at("held").get<std::uint64_t>() != 0) {
      table.note(
          fmt::format("  {} packets waited for a link-layer address, {} of them were sent on",
                      count(worker, "held"), count(worker, "released")));
    }
    if (worker.at("lost_events").get<std::uint64_t>() != 0) {
      table.note(fmt::format("  {} events for the control plane lost: the ring was full",
                             count(worker, "lost_events")));
    }
    table.note("  receives from " + (worker.at("receives").empty()
                                         ? std::string{"nothing: no device has a queue for it"}
                                         : joined(worker.at("receives"), " ")));
  }
  if (data.at("workers").empty()) return "no workers\n";
  return table.text() + '\n' + stage_table(data.at("workers")) + punt_table(data.at("workers"));
}

std::string render_drops(const Json& data) {
  TextTable table{{{"PACKETS", kRight}, {"REASON"}, {"MEANING"}}};
  bool any = false;
  for (const Json& drop : data.at("drops")) {
    const auto packets = drop.at("packets").get<std::uint64_t>();
    if (packets == 0) continue;
    table.add({std::to_string(packets), drop.at("reason"), drop.at("help")});
    any = true;
  }
  return any ? table.text() : "no packets dropped\n";
}

}  // namespace lastmile::cli
