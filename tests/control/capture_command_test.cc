#include "controlplane/control/capture_command.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "cli/filter.h"

namespace lastmile {
namespace {

std::string wrong(const Json& args) {
  const auto request = capture_request(args);
  EXPECT_FALSE(request) << args;
  return request ? "" : request.error();
}

TEST(CaptureRequest, HasBoundsUnlessToldOtherwise) {
  const auto request = capture_request({{"of", "up1"}});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->of, "up1");
  EXPECT_EQ(request->packets, 100'000U);
  EXPECT_EQ(request->bytes, 100'000'000U);
  EXPECT_EQ(request->time, std::chrono::seconds{600});
  EXPECT_EQ(request->snap, 65'535U);
  const auto told = capture_request(
      {{"of", "drops"}, {"packets", 1U}, {"bytes", 2U}, {"seconds", 3U}, {"snap", 64U}});
  ASSERT_TRUE(told);
  EXPECT_EQ(told->packets, 1U);
  EXPECT_EQ(told->bytes, 2U);
  EXPECT_EQ(told->time, std::chrono::seconds{3});
  EXPECT_EQ(told->snap, 64U);
}

TEST(CaptureRequest, SaysWhatIsWrong) {
  EXPECT_EQ(wrong({{"packets", 1}}),
            "\"of\" is missing; expected the name of a port, \"any\" or \"drops\"");
  EXPECT_EQ(wrong({{"of", "up1"}, {"snap", 65'536U}}),
            "\"snap\" is out of range; expected a number from 14 to 65535");
  for (const Json& number : {Json(0U), Json(-1), Json("7"), Json(1.5), Json()}) {
    EXPECT_EQ(wrong({{"of", "up1"}, {"packets", number}}),
              "\"packets\" is out of range; expected a number from 1 to 1000000000");
  }
  const std::string malformed =
      "\"filter\" is no list of [code, jt, jf, k], as tcpdump -ddd prints them";
  for (const char* filter : {"7", "[7]", "[[6,0,0]]", "[[6,0,0,\"0\"]]", "[[6,256,0,0]]",
                             "[[65536,0,0,0]]", "[[6,0,0,4294967296]]", "[[6,0,0,-1]]"}) {
    EXPECT_EQ(wrong({{"of", "up1"}, {"filter", Json::parse(filter)}}), malformed) << filter;
  }
  EXPECT_EQ(wrong({{"of", "up1"}, {"filter", Json::parse("[[40,0,0,12]]")}}),
            "the filter is no valid program of BPF");
}

TEST(CaptureFilter, OfTheCommandIsTakenByTheDaemon) {
  const auto program = cli::compile_filter("udp port 3784 or arp");
  ASSERT_TRUE(program) << program.error();
  const auto request = capture_request({{"of", "up1"}, {"filter", *program}});
  ASSERT_TRUE(request) << request.error();
  std::array<std::uint8_t, 64> arp{};
  arp[12] = 0x08;
  arp[13] = 0x06;
  EXPECT_TRUE(request->filter.matches(arp.data(), 64, 64));
  arp[13] = 0x00;
  EXPECT_FALSE(request->filter.matches(arp.data(), 64, 64));
}

TEST(CaptureFilter, WhatLibpcapDoesNotUnderstandIsSaidInItsWords) {
  EXPECT_EQ(cli::compile_filter("tcp prt 179").error(),
            "filter \"tcp prt 179\": can't parse filter expression: syntax error");
  EXPECT_EQ(cli::compile_filter("host 10.0.0.300").error().find("filter \"host 10.0.0.300\": "),
            0U);
}

TEST(CaptureCommand, IsAStreamForWhoCanGiveAConnectionAway) {
  CommandTable table;
  add_capture_command(
      table, [](const CaptureRequest& request) -> tl::expected<TakeOver, std::string> {
        if (request.of != "up1") return tl::unexpected<std::string>("there is no port");
        return [](FileDescriptor connection) { ::send(connection.get(), "x", 1, 0); };
      });
  const std::string good = R"({"verb": "capture", "args": {"of": "up1"}})";
  EXPECT_EQ(Json::parse(table.dispatch(good)).at("error"),
            "the answer is a stream, which goes over the control socket only");
  auto answer = table.dispatch_or_stream(good);
  ASSERT_TRUE(std::holds_alternative<TakeOver>(answer));
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const FileDescriptor reader{ends[0]};
  std::get<TakeOver>(answer)(FileDescriptor{ends[1]});
  char octet = 0;
  EXPECT_EQ(::recv(reader.get(), &octet, 1, 0), 1);

  const auto refused = table.dispatch_or_stream(R"({"verb": "capture", "args": {"of": "up2"}})");
  EXPECT_EQ(Json::parse(std::get<std::string>(refused)).at("error"), "there is no port");
}

}  // namespace
}  // namespace lastmile
