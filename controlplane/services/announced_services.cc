#include "controlplane/services/announced_services.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "controlplane/config/suggest.h"
#include "dataplane/net/format.h"

namespace lastmile {
namespace {

constexpr TimerKey timer_of(ServiceId id) {
  return {TimerKind::kServiceCheck, id.value()};
}

/// A service without a check is healthy by definition; one with a check has to show it.
HealthCounter counter(const ServiceConfig& service, Health start) {
  if (!service.check) return {Health::kUp, 1, 1};
  return {start, service.check->rise, service.check->fall};
}

}  // namespace

const char* to_string(ServiceAppearance appearance) {
  switch (appearance) {
    case ServiceAppearance::kWithdrawn:
      return "withdrawn";
    case ServiceAppearance::kDegraded:
      return "degraded";
    case ServiceAppearance::kAnnounced:
      return "announced";
  }
  return "";
}

const char* to_string(ServiceOverride wanted) {
  switch (wanted) {
    case ServiceOverride::kAuto:
      return "auto";
    case ServiceOverride::kDown:
      return "down";
    case ServiceOverride::kUp:
      return "up";
  }
  return "";
}

const char* to_string(Health health) {
  switch (health) {
    case Health::kUnknown:
      return "checking";
    case Health::kUp:
      return "up";
    case Health::kDown:
      return "down";
  }
  return "";
}

std::string describe(const ServiceCheck& check) {
  if (!check.exec.empty()) return fmt::format("exec {}", fmt::join(check.exec, " "));
  const bool tls = check.tls != ServiceCheck::Tls::kOff;
  const std::string where =
      check.address ? fmt::format("{} port ", to_string(*check.address)) : std::string{};
  if (check.tcp) return fmt::format("tcp {}{}", where, *check.tcp);
  return fmt::format("{} {}{} {}{}", tls ? "https" : "http", where, check.http.value_or(0),
                     check.host, check.path);
}

AnnouncedServices::AnnouncedServices(const std::vector<ServiceConfig>& services,
                                     const Outside& outside)
    : out_(outside) {
  for (const ServiceConfig& service : services) {
    services_.push_back({.config = service, .health = counter(service, Health::kUnknown)});
  }
}

void AnnouncedServices::start(TimePoint now) {
  for (std::size_t i = 0; i < services_.size(); ++i) {
    Service& service = services_[i];
    service.since = now;
    if (!service.config.check) {
      service.reason = "it has no check";
      continue;
    }
    settle(service, "its first checks are under way", now);
    run_check(ServiceId{static_cast<std::uint16_t>(i)});
  }
}

void AnnouncedServices::apply(const std::vector<ServiceConfig>& services, TimePoint now) {
  // Names and addresses are the same: another set of services needs a restart.
  for (std::size_t i = 0; i < std::min(services.size(), services_.size()); ++i) {
    Service& service = services_[i];
    const ServiceId id{static_cast<std::uint16_t>(i)};
    const ServiceConfig old = std::exchange(service.config, services[i]);
    const bool same_check = old.check == service.config.check;
    if (same_check && old.degraded == service.config.degraded) continue;
    if (!same_check) {
      ++service.run;  // what is under way was started for another check
      service.progress = Service::Progress::kWaiting;
      if (!service.config.check || !old.check) {
        service.health = counter(service.config, Health::kUp);
      } else {
        service.health.restart(service.config.check->rise, service.config.check->fall);
      }
      if (service.config.check) {
        run_check(id);
      } else {
        out_.timers.cancel(timer_of(id));
        service.last.reset();
      }
    }
    // Other marks have to be told even if it was degraded before.
    const bool remark = service.appearance == ServiceAppearance::kDegraded &&
                        old.degraded != service.config.degraded && service.config.degraded;
    settle(service, service.config.check ? "its check was changed" : "it has no check any more",
           now);
    if (remark && service.appearance == ServiceAppearance::kDegraded) {
      out_.observer.on_service(service.config, service.appearance, "other marks", now);
    }
  }
}

void AnnouncedServices::run_check(ServiceId id) {
  Service& service = services_[id.value()];
  const ServiceCheck& check = *service.config.check;
  out_.timers.arm(timer_of(id), check.every);
  service.progress = Service::Progress::kUnderWay;
  out_.checker.check(id, ++service.run, check,
                     check.address.value_or(address_of(service.config.address)));
}

void AnnouncedServices::timer_expired(const TimerExpired& expired, TimePoint now) {
  const std::uint64_t number = expired.timer.owner;
  if (number >= services_.size() || !services_[number].config.check) return;
  Service& service = services_[number];
  if (service.progress == Service::Progress::kUnderWay) {
    // A check that takes its whole timeout may end a moment after the next one is due.
    service.progress = Service::Progress::kOverdue;
    out_.timers.arm(expired.timer, service.config.check->timeout + service.config.check->every);
    return;
  }
  const ServiceId id{static_cast<std::uint16_t>(number)};
  if (service.progress == Service::Progress::kOverdue) {
    // A check ends within its timeout. Its thread is stuck, and nothing is known of any service: a
    // program may wait for a dead disk before it even runs.
    const Duration timeout = service.config.check->timeout;
    return handle({id, service.run, CheckOutcome::kFailed, "the checks do not answer", timeout},
                  now);
  }
  run_check(id);
}

void AnnouncedServices::handle(const ServiceChecked& result, TimePoint now) {
  if (result.service.value() >= services_.size()) return;
  Service& service = services_[result.service.value()];
  if (result.run != service.run || !service.config.check) return;
  const auto progress = std::exchange(service.progress, Service::Progress::kWaiting);
  const bool passed = result.outcome == CheckOutcome::kPassed;
  ++(passed ? service.passed : service.failed);
  service.last = {now, result.outcome, result.detail, result.took};
  if (service.health.take(result.outcome)) changed(service, now);
  if (progress == Service::Progress::kOverdue) run_check(result.service);
}

void AnnouncedServices::changed(Service& service, TimePoint now) {
  ++service.changes;
  const bool passed = service.health.health() == Health::kUp;
  const char* const what = passed ? "passed" : "failed";
  const unsigned streak = service.health.streak();
  settle(service,
         fmt::format("{} check{} {}{}: {}", streak, streak == 1 ? "" : "s", what,
                     streak == 1 ? "" : " in a row", service.last->detail),
         now);
}

/// Tells the neighbors what has become true.
void AnnouncedServices::settle(Service& service, const std::string& why, TimePoint now) {
  ServiceAppearance wanted = ServiceAppearance::kAnnounced;
  if (service.wanted == ServiceOverride::kDown) {
    wanted = ServiceAppearance::kWithdrawn;
  } else if (service.wanted == ServiceOverride::kAuto && service.health.health() != Health::kUp) {
    // Degraded is for what has worked here: one that never did would draw traffic that another
    // place, without a route of its own, could not be given.
    wanted = service.config.degraded && service.health.has_been_up()
                 ? ServiceAppearance::kDegraded
                 : ServiceAppearance::kWithdrawn;
  }
  if (wanted == service.appearance) return;
  service.appearance = wanted;
  service.reason = why;
  service.since = now;
  out_.observer.on_service(service.config, wanted, why, now);
}

tl::expected<void, std::string> AnnouncedServices::set_override(const std::string& name,
                                                                ServiceOverride wanted,
                                                                TimePoint now) {
  const auto found = std::ranges::find_if(
      services_, [&](const Service& service) { return service.config.name == name; });
  if (found == services_.end()) {
    std::vector<std::string> names;
    for (const Service& service : services_) names.push_back(service.config.name);
    return tl::unexpected(
        fmt::format("no service \"{}\"; {}", name.substr(0, 100),
                    hint(name, names, names.empty() ? "there are none" : "see \"show services\"")));
  }
  found->wanted = wanted;
  settle(
      *found,
      wanted == ServiceOverride::kAuto ? "as its checks say, by the operator" : "by the operator",
      now);
  return {};
}

std::vector<ServiceStatus> AnnouncedServices::services() const {
  std::vector<ServiceStatus> result;
  for (const Service& service : services_) {
    result.push_back({&service.config, service.health.health(), service.appearance, service.wanted,
                      service.reason, service.since, service.passed, service.failed,
                      service.changes, service.last, service.health.streak()});
  }
  return result;
}

}  // namespace lastmile
