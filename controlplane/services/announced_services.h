// Which of our services are announced: as their health checks and the operator say.
//
//   AnnouncedServices services(config.services, {checker, timers, observer});
//   services.start(now);
//   services.timer_expired(expired, now);        // TimerKind::kServiceCheck: the next check is due
//   services.handle(ServiceChecked{...}, now);   // it has ended
//   services.set_override("web", ServiceOverride::kDown, now);
//
//   timer ─> HealthChecker ─> ServiceChecked ─> rise/fall (health.h) ─> ServiceObserver ─> RIB
//
// A service with a check is not announced before `rise` checks have passed in a row. One without is
// announced always. What the operator says goes before both, until he says `auto`.
//
// All functions: control thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/config/config.h"
#include "controlplane/event/effects.h"
#include "controlplane/services/health.h"
#include "controlplane/services/health_checker.h"

namespace lastmile {

/// How the neighbors see a service.
enum class ServiceAppearance : std::uint8_t { kWithdrawn, kDegraded, kAnnounced };
/// What the operator wants of it.
enum class ServiceOverride : std::uint8_t { kAuto, kDown, kUp };
[[nodiscard]] const char* to_string(ServiceAppearance appearance);
[[nodiscard]] const char* to_string(ServiceOverride wanted);
[[nodiscard]] const char* to_string(Health health);

/// Calls come from inside the manager's functions.
class ServiceObserver {
 public:
  virtual ~ServiceObserver() = default;
  /// `reason`: for people, why it changed.
  virtual void on_service(const ServiceConfig& service, ServiceAppearance appearance,
                          const std::string& reason, TimePoint now) = 0;
};

/// A service as `show services` has it.
struct ServiceStatus {
  const ServiceConfig* config = nullptr;
  Health health = Health::kUnknown;
  ServiceAppearance appearance = ServiceAppearance::kWithdrawn;
  ServiceOverride wanted = ServiceOverride::kAuto;
  std::string reason;  ///< for `appearance`
  TimePoint since;     ///< when `appearance` came about
  std::uint64_t passed = 0, failed = 0;
  std::uint64_t changes = 0;  ///< of the health
  struct Last {
    TimePoint at;
    CheckOutcome outcome = CheckOutcome::kFailed;
    std::string detail;
    Duration took{0};
  };
  std::optional<Last> last;
  unsigned streak = 0;  ///< outcomes like the last one in a row
};

class AnnouncedServices {
 public:
  struct Outside {
    HealthChecker& checker;
    Timers& timers;
    ServiceObserver& observer;
  };
  /// What Outside names outlives the manager.
  AnnouncedServices(const std::vector<ServiceConfig>& services, const Outside& outside);

  /// Withdraws what has a check, and starts the checks.
  void start(TimePoint now);
  /// Takes up other checks for the same services: a service keeps its health until the new check
  /// says otherwise.
  void apply(const std::vector<ServiceConfig>& services, TimePoint now);
  /// For timers of TimerKind::kServiceCheck.
  void timer_expired(const TimerExpired& expired, TimePoint now);
  void handle(const ServiceChecked& result, TimePoint now);
  /// The error is one line: there is no such service.
  [[nodiscard]] tl::expected<void, std::string> set_override(const std::string& name,
                                                             ServiceOverride wanted, TimePoint now);

  [[nodiscard]] std::vector<ServiceStatus> services() const;

 private:
  struct Service;

  void run_check(ServiceId id);
  void changed(Service& service, TimePoint now);
  void settle(Service& service, const std::string& why, TimePoint now);

  const Outside out_;
  std::vector<Service> services_;
};

struct AnnouncedServices::Service {
  ServiceConfig config;
  HealthCounter health;
  ServiceOverride wanted = ServiceOverride::kAuto;
  ServiceAppearance appearance = ServiceAppearance::kAnnounced;
  std::string reason{};
  TimePoint since{};
  enum class Progress : std::uint8_t {
    kWaiting,   ///< for the timer
    kUnderWay,  ///< a check
    kOverdue,   ///< a check, and the next one is due already
  };
  Progress progress = Progress::kWaiting;
  std::uint32_t run = 0;  ///< of the check that was started last; results of others are stale
  std::uint64_t passed = 0, failed = 0, changes = 0;
  std::optional<ServiceStatus::Last> last{};
};

/// "tcp 80", "https 192.0.2.1:443 /health": what a check does, for people.
[[nodiscard]] std::string describe(const ServiceCheck& check);

}  // namespace lastmile
