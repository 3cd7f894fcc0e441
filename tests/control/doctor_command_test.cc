#include "controlplane/control/doctor_command.h"

#include <gtest/gtest.h>

#include "controlplane/doctor/diagnose.h"

namespace lastmile {
namespace {

TEST(DoctorCommand, TellsWhatItFoundAndWhatItLookedAt) {
  CommandTable table;
  add_doctor_command(table, [] { return doctor::Facts{}; });
  const Json response = Json::parse(table.dispatch(R"({"verb": "doctor"})"));
  ASSERT_TRUE(response.at("ok").get<bool>()) << response;
  const Json& data = response.at("data");
  EXPECT_EQ(data.at("checks").size(), doctor::checks().size());
  const auto found = doctor::diagnose(doctor::Facts{});
  ASSERT_EQ(data.at("findings").size(), found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(data.at("findings")[i].at("check"), found[i].check);
    EXPECT_EQ(data.at("findings")[i].at("next"), found[i].next);
  }
}

}  // namespace
}  // namespace lastmile
