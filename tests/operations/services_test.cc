// Which services are announced, by their checks and by the operator.

#include "controlplane/services/announced_services.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

namespace lastmile {
namespace {

using namespace std::chrono_literals;
using enum Health;

// --- rise and fall, as a table ----------------------------------------------------------------

struct HealthRow {
  const char* name;
  Health start;
  unsigned rise, fall;
  const char* outcomes;  ///< + passed, - failed
  const char* expected;  ///< the health after each: ? unknown, U up, D down
};
constexpr HealthRow kHealthRows[] = {
    {"RisesAfterThree", kUnknown, 3, 2, "+++", "??U"},
    {"FallsAfterTwo", kUp, 3, 2, "--", "UD"},
    {"OneFailureIsNone", kUp, 3, 2, "-+-+-+", "UUUUUU"},
    {"APassStartsTheFallAnew", kUp, 1, 3, "--+--+---", "UUUUUUUUD"},
    {"AFailureStartsTheRiseAnew", kDown, 3, 2, "++-+++", "DDDDDU"},
    {"UnknownCanFall", kUnknown, 3, 2, "--", "?D"},
    {"UnknownStaysSoWhileItChanges", kUnknown, 2, 2, "+-+-+-", "??????"},
    {"OneIsEnough", kDown, 1, 1, "+-+-", "UDUD"},
    {"StaysUp", kUp, 2, 2, "++++-++", "UUUUUUU"},
    {"StaysDown", kDown, 3, 1, "---++-", "DDDDDD"},
};

class HealthTable : public ::testing::TestWithParam<HealthRow> {};

TEST_P(HealthTable, EveryOutcomeLeavesTheHealthThatItShould) {
  const HealthRow& row = GetParam();
  HealthCounter counter{row.start, row.rise, row.fall};
  std::string seen;
  for (const char* outcome = row.outcomes; *outcome != '\0'; ++outcome) {
    const Health before = counter.health();
    const bool changed =
        counter.take(*outcome == '+' ? CheckOutcome::kPassed : CheckOutcome::kFailed);
    EXPECT_EQ(changed, before != counter.health());
    seen += counter.health() == kUp ? 'U' : counter.health() == kDown ? 'D' : '?';
  }
  EXPECT_EQ(seen, row.expected);
}

INSTANTIATE_TEST_SUITE_P(All, HealthTable, ::testing::ValuesIn(kHealthRows),
                         [](const auto& row) { return row.param.name; });

TEST(HealthCounter, OtherNumbersKeepTheHealthAndForgetTheStreak) {
  HealthCounter counter{kUp, 1, 3};
  counter.take(CheckOutcome::kFailed);
  counter.take(CheckOutcome::kFailed);
  counter.restart(1, 2);
  EXPECT_FALSE(counter.take(CheckOutcome::kFailed));
  EXPECT_EQ(counter.health(), kUp);
  EXPECT_TRUE(counter.take(CheckOutcome::kFailed));
}

// --- the manager ---------------------------------------------------------------------------------

class ServiceWorld final : public HealthChecker, public Timers, public ServiceObserver {
 public:
  void check(ServiceId service, std::uint32_t run, const ServiceCheck& how,
             const IpAddress& address) override {
    started.push_back({service, run, how, address});
  }
  void arm(TimerKey timer, Duration after) override { armed[timer] = after; }
  void cancel(TimerKey timer) override { armed.erase(timer); }
  void on_service(const ServiceConfig& service, ServiceAppearance appearance, const std::string&,
                  TimePoint) override {
    story += fmt::format("{}{}:{}", story.empty() ? "" : " ", service.name, to_string(appearance));
  }
  std::string take_story() { return std::exchange(story, {}); }

  struct Started {
    ServiceId service;
    std::uint32_t run;
    ServiceCheck how;
    IpAddress address;
  };
  std::vector<Started> started;
  std::map<TimerKey, Duration> armed;
  std::string story;
};

ServiceCheck tcp(std::uint16_t port, unsigned rise = 1, unsigned fall = 2) {
  ServiceCheck check;
  check.tcp = port;
  check.rise = rise;
  check.fall = fall;
  return check;
}

ServiceConfig service(const char* name, std::optional<ServiceCheck> check = std::nullopt) {
  return {name, *parse_ip_prefix("192.168.0.250/32"), std::move(check), std::nullopt};
}

constexpr ServiceId kFirst{0};
constexpr TimerKey kTimer{TimerKind::kServiceCheck, 0};

class Services : public ::testing::Test {
 protected:
  void make(std::vector<ServiceConfig> services) {
    manager_ = std::make_unique<AnnouncedServices>(
        services, AnnouncedServices::Outside{outside_, outside_, outside_});
    manager_->start(now_);
  }
  void due() { manager_->timer_expired({kTimer}, now_); }
  void result(CheckOutcome outcome, std::uint32_t run) {
    now_ += 10ms;
    manager_->handle({kFirst, run, outcome, "because", 1ms}, now_);
  }
  /// The check under way ends, and the next one starts.
  void round(CheckOutcome outcome) {
    result(outcome, outside_.started.back().run);
    due();
  }

  ServiceWorld outside_;
  std::unique_ptr<AnnouncedServices> manager_;
  TimePoint now_{1h};
};

TEST_F(Services, WithoutACheckNothingIsAskedAndNothingWithdrawn) {
  make({service("web")});
  EXPECT_EQ(outside_.take_story(), "");
  EXPECT_TRUE(outside_.started.empty());
  EXPECT_EQ(manager_->services()[0].appearance, ServiceAppearance::kAnnounced);
}

TEST_F(Services, WithACheckItIsNotAnnouncedBeforeItHasPassed) {
  make({service("web", tcp(80, 2))});
  EXPECT_EQ(outside_.take_story(), "web:withdrawn");
  ASSERT_EQ(outside_.started.size(), 1U) << "the first check starts at once";
  EXPECT_EQ(to_string(outside_.started[0].address), "192.168.0.250");
  EXPECT_EQ(outside_.armed.at(kTimer), 1s);
  round(CheckOutcome::kPassed);
  EXPECT_EQ(outside_.take_story(), "");
  round(CheckOutcome::kPassed);
  EXPECT_EQ(outside_.take_story(), "web:announced");
}

TEST_F(Services, ItIsWithdrawnAfterFallAndComesBackAfterRise) {
  make({service("web", tcp(80, 1, 2))});
  round(CheckOutcome::kPassed);
  outside_.take_story();
  round(CheckOutcome::kFailed);
  EXPECT_EQ(outside_.take_story(), "");
  round(CheckOutcome::kFailed);
  EXPECT_EQ(outside_.take_story(), "web:withdrawn");
  EXPECT_EQ(manager_->services()[0].reason, "2 checks failed in a row: because");
  round(CheckOutcome::kPassed);
  EXPECT_EQ(outside_.take_story(), "web:announced");
}

TEST_F(Services, ACheckThatTakesItsWholeTimeCountsAndTheNextFollowsAtOnce) {
  make({service("web", tcp(80, 1, 1))});
  due();  // before the result of the first
  EXPECT_EQ(outside_.started.size(), 1U) << "one at a time";
  result(CheckOutcome::kFailed, 1);
  EXPECT_EQ(manager_->services()[0].health, kDown);
  EXPECT_EQ(outside_.started.size(), 2U);
}

TEST_F(Services, AResultOfAnotherCheckIsNotHeard) {
  make({service("web", tcp(80, 1, 1))});
  manager_->apply({service("web", tcp(81, 1, 1))}, now_);
  result(CheckOutcome::kPassed, 1);
  EXPECT_EQ(manager_->services()[0].health, kUnknown);
  result(CheckOutcome::kPassed, outside_.started.back().run);
  EXPECT_EQ(manager_->services()[0].health, kUp);
}

TEST_F(Services, AnotherCheckIsTakenUpInPlace) {
  make({service("web", tcp(80, 1, 2))});
  round(CheckOutcome::kPassed);
  outside_.take_story();
  manager_->apply({service("web", tcp(81, 1, 2))}, now_);
  EXPECT_EQ(outside_.started.back().how.tcp, 81);
  EXPECT_EQ(outside_.take_story(), "") << "it goes on as it was";
  round(CheckOutcome::kFailed);
  EXPECT_EQ(outside_.take_story(), "");
  round(CheckOutcome::kFailed);
  EXPECT_EQ(outside_.take_story(), "web:withdrawn");
}

TEST_F(Services, ACheckThatComesOrGoes) {
  make({service("web")});
  manager_->apply({service("web", tcp(80, 1, 1))}, now_);
  EXPECT_EQ(outside_.take_story(), "") << "it was up, and has not failed yet";
  round(CheckOutcome::kFailed);
  EXPECT_EQ(outside_.take_story(), "web:withdrawn");
  manager_->apply({service("web")}, now_);
  EXPECT_EQ(outside_.take_story(), "web:announced");
  EXPECT_TRUE(outside_.armed.empty());
}

TEST_F(Services, TheOperatorGoesFirst) {
  make({service("web", tcp(80, 1, 1))});
  outside_.take_story();
  ASSERT_TRUE(manager_->set_override("web", ServiceOverride::kUp, now_));
  EXPECT_EQ(outside_.take_story(), "web:announced");
  round(CheckOutcome::kFailed);
  EXPECT_EQ(outside_.take_story(), "");
  ASSERT_TRUE(manager_->set_override("web", ServiceOverride::kAuto, now_));
  EXPECT_EQ(outside_.take_story(), "web:withdrawn");
  round(CheckOutcome::kPassed);
  ASSERT_TRUE(manager_->set_override("web", ServiceOverride::kDown, now_));
  EXPECT_EQ(outside_.take_story(), "web:announced web:withdrawn");
  round(CheckOutcome::kPassed);
  EXPECT_EQ(outside_.take_story(), "");
  const auto unknown = manager_->set_override("wbe", ServiceOverride::kUp, now_);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error(), "no service \"wbe\"; did you mean \"web\"?");
}

TEST_F(Services, DegradedIsOnlyWhatHasWorked) {
  ServiceConfig web = service("web", tcp(80, 1, 1));
  web.degraded = ServiceDegraded{.med = 100, .communities = {}};
  make({web});
  EXPECT_EQ(outside_.take_story(), "web:withdrawn") << "nobody knows yet";
  round(CheckOutcome::kFailed);
  round(CheckOutcome::kFailed);
  EXPECT_EQ(outside_.take_story(), "") << "it never worked: nobody should try it";
  round(CheckOutcome::kPassed);
  EXPECT_EQ(outside_.take_story(), "web:announced");
  round(CheckOutcome::kFailed);
  ASSERT_TRUE(manager_->set_override("web", ServiceOverride::kDown, now_));
  EXPECT_EQ(outside_.take_story(), "web:degraded web:withdrawn");
}

TEST_F(Services, OtherMarksOfADegradedServiceAreToldAtOnce) {
  ServiceConfig web = service("web", tcp(80, 1, 1));
  web.degraded = ServiceDegraded{.med = 100, .communities = {}};
  make({web});
  round(CheckOutcome::kPassed);
  round(CheckOutcome::kFailed);
  outside_.take_story();
  web.degraded->med = 200;
  manager_->apply({web}, now_);
  EXPECT_EQ(outside_.take_story(), "web:degraded");
  web.degraded.reset();
  manager_->apply({web}, now_);
  EXPECT_EQ(outside_.take_story(), "web:withdrawn");
}

}  // namespace
}  // namespace lastmile
