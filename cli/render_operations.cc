// What an operator does and what happened, as text: services, draining, events.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "cli/render.h"

namespace lastmile::cli {
namespace {

std::string ago(const Json& seconds) {
  return short_duration(static_cast<std::uint64_t>(std::max(0.0, seconds.get<double>())));
}

/// "passed 0.4 s ago in 1.2 ms: HTTP 200".
std::string last_check(const Json& last) {
  if (last.is_null()) return "-";
  return fmt::format("{} {:.1f} s ago: {}", last.at("passed").get<bool>() ? "passed" : "failed",
                     last.at("ago_s").get<double>(),
                     last.at("detail").get_ref<const std::string&>());
}

constexpr std::int64_t kPerSecond = 1'000'000;  // microseconds

/// "+173 us", "+1.501 ms", "+2.345 s"; nothing for what is no step of the same story.
std::string time_step(std::int64_t microseconds) {
  if (microseconds < 0 || microseconds >= 60 * kPerSecond) return "";
  if (microseconds < 1000) return fmt::format("+{} us", microseconds);
  const auto value = static_cast<double>(microseconds);
  if (microseconds < kPerSecond) return fmt::format("+{:.4g} ms", value / 1e3);
  return fmt::format("+{:.4g} s", value / 1e6);
}

}  // namespace

std::string render_services(const Json& data) {
  if (data.at("services").empty()) return "no services\n";
  TextTable table{{{"SERVICE"},
                   {"ADDRESS"},
                   {"STATE"},
                   {"NEIGHBORS SEE"},
                   {"SINCE", Align::kRight},
                   {"CHECK"},
                   {"LAST CHECK"},
                   {"WHY"}}};
  for (const Json& service : data.at("services")) {
    const std::string by_hand = service.at("operator");
    table.add({service.at("name"), service.at("address"),
               by_hand == "auto" ? service.at("state").get<std::string>() : by_hand + " (operator)",
               service.at("appearance"), ago(service.at("since_s")),
               service.at("check").is_null() ? "-" : service.at("check").get<std::string>(),
               last_check(service.at("last_check")), service.at("reason")});
  }
  return table.text();
}

std::string render_service(const Json& data) {
  return fmt::format("{}: {}: {}\n", data.at("name").get_ref<const std::string&>(),
                     data.at("appearance").get_ref<const std::string&>(),
                     data.at("reason").get_ref<const std::string&>());
}

std::string render_privileges(const Json& data) {
  const auto names = [](const Json& list) {
    std::string text;
    for (const Json& name : list) text += (text.empty() ? "" : ", ") + name.get<std::string>();
    return text.empty() ? std::string{"none"} : text;
  };
  std::string out = fmt::format(
      "user {} ({}), {}, system calls {}\n", data.at("user").get<std::string>(),
      data.at("uid").get<unsigned>(),
      data.at("no_new_privileges").get<bool>() ? "no new privileges" : "can gain privileges",
      data.at("filtered").get<bool>() ? "filtered" : "not filtered");
  for (const Json& kept : data.at("why")) {
    out += fmt::format("{}: {}\n", kept.at("capability").get<std::string>(),
                       kept.at("why").get<std::string>());
  }
  TextTable table{{{"THREAD"}, {"UID", Align::kRight}, {"CAPABILITIES"}}};
  constexpr std::size_t kAll = 30;
  for (const Json& thread : data.at("threads")) {
    const Json& held = thread.at("capabilities");
    table.add({thread.at("name"), std::to_string(thread.at("uid").get<unsigned>()),
               held.size() > kAll ? fmt::format("root's: {} of them", held.size()) : names(held)});
  }
  return out + table.text();
}

std::string render_drain(const Json& data) {
  const Json& drained = data.at("drained");
  if (drained.empty()) return "nothing is drained\n";
  TextTable table{{{"NEIGHBOR"},
                   {"PHASE"},
                   {"SINCE", Align::kRight},
                   {"PACKETS/S IN", Align::kRight},
                   {"MESSAGE"}}};
  for (const Json& one : drained) {
    table.add({one.at("neighbor"), one.at("phase"), ago(one.at("since_s")),
               fmt::format("{:.0f}", one.at("packets_per_s").get<double>()), one.at("message")});
  }
  return table.text();
}

std::string render_doctor(const Json& data) {
  std::string text;
  for (const Json& finding : data.at("findings")) {
    const std::string subject = finding.at("subject");
    text += fmt::format(
        "{}{}{}\n    next: {}\n", finding.at("severity") == "advice" ? "(advice) " : "",
        subject.empty() ? "" : subject + ": ", finding.at("cause").get_ref<const std::string&>(),
        finding.at("next").get_ref<const std::string&>());
  }
  if (text.empty()) {
    return fmt::format("all is well ({} checks)\n", data.at("checks").size());
  }
  return text;
}

std::string EventStory::line(const Json& event) {
  const auto at = event.at("time_us").get<std::int64_t>();
  const std::string after = before_ ? time_step(at - *before_) : "";
  before_ = at;
  const std::time_t seconds = at / kPerSecond;
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:06}  {:>9}  {:<9}  {:<8}  {}\n",
                     fmt::localtime(seconds), at % kPerSecond, after,
                     event.at("kind").get_ref<const std::string&>(),
                     event.at("subject").get_ref<const std::string&>(),
                     event.at("text").get_ref<const std::string&>());
}

}  // namespace lastmile::cli
