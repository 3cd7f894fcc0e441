#include "controlplane/neighbors/router_discovery_message.h"

#include <gtest/gtest.h>

#include <random>

namespace lastmile {
namespace {

const ReceivedFrom kOnLink{*Ipv6Address::parse("fe80::1"), 255};
const MacAddress kMac = *MacAddress::parse("02:00:00:00:00:07");

TEST(RouterDiscoveryMessage, AdvertisementSurvivesTheRoundTrip) {
  const RouterAdvertisement sent{std::chrono::seconds{1800}, kMac, 9000};
  const auto read = decode_router_discovery(encode(sent), kOnLink);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<RouterAdvertisement>(*read), sent);
}

TEST(RouterDiscoveryMessage, OursIsExactlyThis) {
  // Lifetime 0 says: a router, but not a default router.
  const std::vector<std::uint8_t> expected{134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                           0,   0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 7};
  EXPECT_EQ(encode(RouterAdvertisement{std::chrono::seconds{0}, kMac, std::nullopt}), expected);
  const std::vector<std::uint8_t> solicitation{133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 7};
  EXPECT_EQ(encode(RouterSolicitation{kMac}), solicitation);
}

struct BadMessage {
  const char* name;
  std::vector<std::uint8_t> message;
  ReceivedFrom from;
  RouterDiscoveryFault fault;
};

TEST(RouterDiscoveryMessage, RefusesWhatTheRfcRefuses) {
  const std::vector<std::uint8_t> good = encode(RouterAdvertisement{{}, kMac, std::nullopt});
  auto changed = [&good](std::size_t at, std::uint8_t value) {
    auto message = good;
    message[at] = value;
    return message;
  };
  const ReceivedFrom forwarded{kOnLink.source, 254};
  const ReceivedFrom global{*Ipv6Address::parse("2001:db8::1"), 255};
  const ReceivedFrom nobody{Ipv6Address{}, 255};
  const std::vector<BadMessage> cases{
      {"hop limit 254", good, forwarded, RouterDiscoveryFault::kHopLimit},
      {"global source", good, global, RouterDiscoveryFault::kSource},
      {"code 1", changed(1, 1), kOnLink, RouterDiscoveryFault::kCode},
      {"empty", {}, kOnLink, RouterDiscoveryFault::kTooShort},
      {"15 bytes", {good.begin(), good.begin() + 15}, kOnLink, RouterDiscoveryFault::kTooShort},
      {"option length 0", changed(17, 0), kOnLink, RouterDiscoveryFault::kOptionLength},
      {"option over the end", changed(17, 2), kOnLink, RouterDiscoveryFault::kOptionLength},
      {"half an option",
       {good.begin(), good.end() - 7},
       kOnLink,
       RouterDiscoveryFault::kOptionLength},
      {"neighbor solicitation", changed(0, 135), kOnLink, RouterDiscoveryFault::kOtherType},
      {"unspecified source with address", encode(RouterSolicitation{kMac}), nobody,
       RouterDiscoveryFault::kSource},
  };
  for (const BadMessage& bad : cases) {
    const auto read = decode_router_discovery(bad.message, bad.from);
    ASSERT_FALSE(read) << bad.name;
    EXPECT_EQ(read.error(), bad.fault) << bad.name << ": " << to_string(read.error());
  }
}

TEST(RouterDiscoveryMessage, SkipsUnknownOptionsAndSurvivesNoise) {
  auto message = encode(RouterAdvertisement{{}, std::nullopt, std::nullopt});
  message.insert(message.end(), {31, 1, 1, 2, 3, 4, 5, 6, 1, 1, 2, 0, 0, 0, 0, 7});
  const auto read = decode_router_discovery(message, kOnLink);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<RouterAdvertisement>(*read).source_link_layer, kMac);

  constexpr unsigned kSeed = 4861;
  SCOPED_TRACE(kSeed);
  std::mt19937 random{kSeed};
  for (int round = 0; round < 50000; ++round) {
    std::vector<std::uint8_t> noise(random() % 64);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
    if (!noise.empty()) noise[0] = static_cast<std::uint8_t>(133 + random() % 2);
    if (noise.size() > 1) noise[1] = 0;
    (void)decode_router_discovery(noise, kOnLink);
  }
}

}  // namespace
}  // namespace lastmile
