#include "cli/top/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/table.h"

namespace lastmile::cli::top {
namespace {

constexpr std::size_t kBar = 16;

std::string count(double value) {
  return short_count(static_cast<std::uint64_t>(value));
}
std::string duration(const Json& object, const char* key) {
  if (!object.contains(key) || !object.at(key).is_number()) return "-";
  return short_duration(static_cast<std::uint64_t>(number(object, key)));
}
std::string percent(std::optional<double> share) {
  return share ? fmt::format("{:.0f}%", *share * 100) : "-";
}
std::optional<double> sum(std::initializer_list<std::optional<double>> parts) {
  double total = 0;
  for (const auto& part : parts) {
    if (!part) return std::nullopt;
    total += *part;
  }
  return total;
}
std::optional<double> bits(std::optional<double> bytes) {
  if (!bytes) return std::nullopt;
  return *bytes * 8;
}
Style alarm(std::optional<double> losses) {
  return losses && *losses > 0 ? Style::kBad : Style::kPlain;
}

/// A neighbor's BFD session; null if it has none.
const Json* bfd_of(const Sample& sample, const std::string& neighbor) {
  for (const Json& session : sample.list("show bfd", "sessions")) {
    if (text(session, "neighbor", "") == neighbor) return &session;
  }
  return nullptr;
}

}  // namespace

Table ports_table(const Moments& moments) {
  Table table;
  table.columns = {{"PORT"},
                   {"LINK"},
                   {"RX PKT/S", Align::kRight},
                   {"RX BIT/S", Align::kRight},
                   {"TX PKT/S", Align::kRight},
                   {"TX BIT/S", Align::kRight},
                   {"LOST/S", Align::kRight}};
  const Rates rates{moments.before, moments.now};
  for (const Json& port : moments.now.list("show ports", "ports")) {
    const auto of = [&](const char* counter) {
      return rates.of("show ports", "ports", "name", port, counter);
    };
    const bool up = text(port, "link", "") == "up";
    const auto lost = sum({of("rx_missed"), of("rx_errors"), of("tx_dropped")});
    const std::string name = text(port, "name", "-");
    table.rows.push_back({name,
                          {{name},
                           {up ? "up" : "down", up ? Style::kGood : Style::kBad},
                           {rate(of("rx_packets"))},
                           {rate(bits(of("rx_bytes")))},
                           {rate(of("tx_packets"))},
                           {rate(bits(of("tx_bytes")))},
                           {rate(lost), alarm(lost)}}});
  }
  return table;
}

Table sessions_table(const Moments& moments) {
  Table table;
  table.columns = {{"NEIGHBOR"},
                   {"AS", Align::kRight},
                   {"STATE"},
                   {"UP", Align::kRight},
                   {"RECV", Align::kRight},
                   {"SENT", Align::kRight},
                   {"BFD"},
                   {"DETECT", Align::kRight},
                   {"RTT", Align::kRight}};
  for (const Json& neighbor : moments.now.list("show bgp", "neighbors")) {
    const std::string name = text(neighbor, "name", "-");
    const std::string state = text(neighbor, "state", "-");
    const bool up = state == "Established";
    const Json* bfd = bfd_of(moments.now, name);
    const std::string bfd_state = bfd != nullptr ? text(*bfd, "state", "-") : "-";
    const bool echoed = bfd != nullptr && bfd->contains("rtt_us") && bfd->at("rtt_us").is_number();
    table.rows.push_back({name,
                          {{name},
                           {neighbor.contains("remote_asn") && neighbor.at("remote_asn").is_number()
                                ? fmt::format("{:.0f}", number(neighbor, "remote_asn"))
                                : "-"},
                           {state, up ? Style::kGood : Style::kBad},
                           {duration(neighbor, "uptime_s")},
                           {count(number(neighbor, "received"))},
                           {count(number(neighbor, "advertised"))},
                           {bfd_state, bfd == nullptr      ? Style::kDim
                                       : bfd_state == "up" ? Style::kGood
                                                           : Style::kBad},
                           {bfd != nullptr ? short_time(number(*bfd, "detect_us")) : "-"},
                           {echoed ? short_time(number(*bfd, "rtt_us")) : "-"}}});
  }
  return table;
}

Table next_hops_table(const Moments& moments, Glyphs glyphs) {
  Table table;
  table.columns = {{"NEXT HOP"},
                   {"PORT"},
                   {"STATE"},
                   {"PKT/S", Align::kRight},
                   {"BIT/S", Align::kRight},
                   {"SHARE", Align::kRight},
                   {""}};
  const Rates rates{moments.before, moments.now};
  struct Entry {
    const Json* hop;
    std::optional<double> packets;
  };
  std::vector<Entry> entries;
  double total = 0;
  for (const Json& hop : moments.now.list("show nexthops", "next_hops")) {
    const std::string kind = text(hop, "kind", "");
    if (kind != "forward" && kind != "unresolved") continue;
    const auto packets = rates.of("show nexthops", "next_hops", "id", hop, "packets");
    total += packets.value_or(0);
    entries.push_back({&hop, packets});
  }
  for (const auto& [hop, packets] : entries) {
    const bool alive = hop->value("alive", false);
    std::optional<double> share;
    if (packets && total > 0) share = *packets / total;
    const std::string id = fmt::format("{:.0f}", number(*hop, "id"));
    table.rows.push_back(
        {id,
         {{text(*hop, "addresses", text(*hop, "mac", "not resolved"))},
          {text(*hop, "port", "-")},
          {alive ? "alive" : "dead", alive ? Style::kGood : Style::kBad},
          {rate(packets)},
          {rate(bits(rates.of("show nexthops", "next_hops", "id", *hop, "bytes")))},
          {percent(share)},
          bar(share.value_or(0), kBar, glyphs)}});
  }
  return table;
}

Table workers_table(const Moments& moments, Glyphs glyphs) {
  Table table;
  table.columns = {{"WORKER"},
                   {"CPU", Align::kRight},
                   {"LOAD", Align::kRight},
                   {""},
                   {"PKT/S", Align::kRight},
                   {"CYCLES/PKT", Align::kRight},
                   {"PKTS/VECTOR", Align::kRight}};
  const Rates rates{moments.before, moments.now};
  for (const Json& worker : moments.now.list("show workers", "workers")) {
    const double load = 1 - number(worker, "idle_share");
    const double cycles = number(worker, "cycles_per_packet");
    const double vector = number(worker, "packets_per_vector");
    const std::string id = fmt::format("{:.0f}", number(worker, "id"));
    const bool pinned = worker.contains("cpu") && worker.at("cpu").is_number();
    table.rows.push_back({id,
                          {{id},
                           {pinned ? fmt::format("{:.0f}", number(worker, "cpu")) : "-"},
                           {percent(load), load > 0.95 ? Style::kWarn : Style::kPlain},
                           bar(load, kBar, glyphs),
                           {rate(rates.of("show workers", "workers", "id", worker, "rx_packets"))},
                           {cycles > 0 ? fmt::format("{:.0f}", cycles) : "-"},
                           {vector > 0 ? fmt::format("{:.1f}", vector) : "-"}}});
  }
  return table;
}

Table drops_table(const Moments& moments) {
  Table table;
  table.columns = {
      {"DROPPED"}, {"A SECOND", Align::kRight}, {"IN ALL", Align::kRight}, {"MEANING"}};
  const Rates rates{moments.before, moments.now};
  struct Entry {
    const Json* drop;
    std::optional<double> now;
  };
  std::vector<Entry> entries;
  for (const Json& drop : moments.now.list("show drops", "drops")) {
    if (number(drop, "packets") == 0) continue;
    entries.push_back({&drop, rates.of("show drops", "drops", "reason", drop, "packets")});
  }
  std::ranges::stable_sort(entries, [](const Entry& a, const Entry& b) {
    return std::pair{a.now.value_or(0), number(*a.drop, "packets")} >
           std::pair{b.now.value_or(0), number(*b.drop, "packets")};
  });
  for (const auto& [drop, now] : entries) {
    const std::string reason = text(*drop, "reason", "-");
    table.rows.push_back({reason,
                          {{reason},
                           {rate(now), now.value_or(0) > 0 ? Style::kWarn : Style::kPlain},
                           {count(number(*drop, "packets"))},
                           {text(*drop, "help", ""), Style::kDim}}});
  }
  return table;
}

}  // namespace lastmile::cli::top
