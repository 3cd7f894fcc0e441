#include "cli/table.h"

#include <gtest/gtest.h>

namespace lastmile::cli {
namespace {

TEST(TextTable, AlignsAndLeavesNoSpacesBehind) {
  TextTable table{{{"NAME"}, {"N", Align::kRight}, {"TEXT"}}};
  table.add({"a", "1000", "x"});
  table.note("  a note");
  table.add({"long name", "1", ""});
  EXPECT_EQ(table.text(),
            "NAME          N  TEXT\n"
            "a          1000  x\n"
            "  a note\n"
            "long name     1\n");
}

TEST(TextTable, GoesOnInTheSameColumns) {
  TextTable table{{{"NAME"}, {"N"}}};
  table.add({"first name", "1"});
  EXPECT_EQ(table.text(), "NAME        N\nfirst name  1\n");
  table.add({"b", "2"});
  EXPECT_EQ(table.text(), "b           2\n");
  EXPECT_EQ(table.text(), "");
}

TEST(TextTable, CountsCharactersNotBytes) {
  TextTable table{{{"NAME"}, {"N"}}};
  table.add({"K\xc3\xb6ln", "1"});
  EXPECT_EQ(table.text(), "NAME  N\nK\xc3\xb6ln  1\n");
}

TEST(ShortCount, HasAtMostFiveCharacters) {
  EXPECT_EQ(short_count(0), "0");
  EXPECT_EQ(short_count(9999), "9999");
  EXPECT_EQ(short_count(10'000), "10.0k");
  EXPECT_EQ(short_count(99'999), "99.9k");
  EXPECT_EQ(short_count(512'621), "512k");
  EXPECT_EQ(short_count(999'999), "999k");
  EXPECT_EQ(short_count(1'000'000), "1.00M");
  EXPECT_EQ(short_count(1'234'567'890), "1.23G");
  EXPECT_EQ(short_count(~std::uint64_t{0}), "18.4E");
}

TEST(ShortDuration, HasTwoUnits) {
  EXPECT_EQ(short_duration(0), "0s");
  EXPECT_EQ(short_duration(59), "59s");
  EXPECT_EQ(short_duration(60), "1m00s");
  EXPECT_EQ(short_duration(7505), "2h05m");
  EXPECT_EQ(short_duration(86399), "23h59m");
  EXPECT_EQ(short_duration(90000), "1d01h");
}

TEST(LinkSpeed, IsWrittenAsPeopleSayIt) {
  EXPECT_EQ(link_speed(0), "-");
  EXPECT_EQ(link_speed(100), "100M");
  EXPECT_EQ(link_speed(2500), "2.5G");
  EXPECT_EQ(link_speed(25000), "25G");
}

}  // namespace
}  // namespace lastmile::cli
