// Link bandwidth (draft-ietf-idr-link-bandwidth): how equal paths share flows by it.
#include "controlplane/rib/link_bandwidth.h"

#include <gtest/gtest.h>

#include <bit>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using Weights = std::vector<std::uint16_t>;

constexpr float kGigabit = 125'000'000;  // bytes a second

bgp::ExtendedCommunity bandwidth(float bytes_per_second, std::uint64_t kind = 0x4004) {
  return {kind << 48 | std::uint64_t{65001} << 32 | std::bit_cast<std::uint32_t>(bytes_per_second)};
}

TEST(BandwidthWeights, SmallWholeNumbers) {
  const auto weights = [](std::vector<float> bandwidths) { return bandwidth_weights(bandwidths); };
  EXPECT_EQ(weights({10 * kGigabit, 25 * kGigabit}), (Weights{2, 5}));
  EXPECT_EQ(weights({1, 2, 3}), (Weights{1, 2, 3})) << "some send plain weights";
  EXPECT_EQ(weights({kGigabit, 100 * kGigabit}), (Weights{1, 105}));
  EXPECT_EQ(weights({1, 1e9}), (Weights{1, 840})) << "nobody gets nothing";
  EXPECT_EQ(weights({kGigabit, kGigabit}), Weights{});
  EXPECT_EQ(weights({kGigabit, 0}), Weights{}) << "one does not say";
  EXPECT_EQ(weights({kGigabit}), Weights{});
  EXPECT_EQ(weights({}), Weights{});
}

struct Shared : RibFixture {
  explicit Shared(const Config& config = fabric_config()) : RibFixture(config) { start(2); }
  void announce_with(unsigned n, std::vector<bgp::ExtendedCommunity> communities,
                     std::string_view to = "20.0.0.0/8") {
    bgp::PathAttributes attributes = path({65001 + n});
    attributes.extended_communities = std::move(communities);
    announce(n, to, attributes);
    settle();
  }
};

TEST(LinkBandwidth, WeighsTheGroup) {
  Shared f;
  f.announce_with(0, {bandwidth(10 * kGigabit)});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  f.announce_with(1, {bandwidth(25 * kGigabit)});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0*2 p1*5}");
  const auto views = f.show("20.0.0.0/8");
  ASSERT_EQ(views.size(), 2U);
  EXPECT_EQ(views[0].next_hops[0].weight, 2);
  EXPECT_EQ(views[1].next_hops[0].weight, 5);
  EXPECT_EQ(views[1].link_bandwidth, 25 * kGigabit);

  f.announce_with(1, {bandwidth(30 * kGigabit)});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0 p1*3}");
  f.announce_with(0, {});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0 p1}") << "all of them have to say it";
}

TEST(LinkBandwidth, TheSameRatioIsTheSameGroup) {
  Shared f;
  f.announce_with(0, {bandwidth(10 * kGigabit)});
  f.announce_with(1, {bandwidth(20 * kGigabit)});
  f.announce_with(0, {bandwidth(20 * kGigabit)}, "21.0.0.0/8");
  f.announce_with(1, {bandwidth(40 * kGigabit)}, "21.0.0.0/8");
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "{p0 p1*2}");
  EXPECT_EQ(f.plane.routes.at(prefix("20.0.0.0/8")), f.plane.routes.at(prefix("21.0.0.0/8")));
}

TEST(LinkBandwidth, OnlyWhatIsOne) {
  Shared f;
  f.announce_with(0, {bandwidth(10 * kGigabit, 0x0004)});  // the transitive form
  f.announce_with(1, {bandwidth(20 * kGigabit)});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0 p1*2}");
  for (const float odd : {0.0F, -1.0F, std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
    f.announce_with(1, {bandwidth(odd)});
    EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0 p1}") << odd;
  }
  f.announce_with(1, {bandwidth(20 * kGigabit, 0x4003)});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0 p1}") << "something else";
}

TEST(LinkBandwidth, APolicysWeightStandsAboveIt) {
  Config config = fabric_config();
  policy::Rule heavy;
  heavy.action = policy::Action::kAccept;
  heavy.set.weight = 7;
  config.policies = {{"in", {heavy}, policy::Action::kReject}};
  config.bgp.neighbors[0].import_policy = "in";
  Shared f(config);
  f.announce_with(0, {bandwidth(10 * kGigabit)});
  f.announce_with(1, {bandwidth(20 * kGigabit)});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0*7 p1}");
}

TEST(LinkBandwidth, CanBeIgnored) {
  Config config = fabric_config();
  config.bgp.use_link_bandwidth = false;
  Shared f(config);
  f.announce_with(0, {bandwidth(10 * kGigabit)});
  f.announce_with(1, {bandwidth(20 * kGigabit)});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0 p1}");
  EXPECT_EQ(f.show("20.0.0.0/8")[0].next_hops[0].weight, 1);
}

// The next hop becomes us, so it is our link that counts; and what is not transitive stays within
// an AS (RFC 4360 section 6).
TEST(LinkBandwidth, IsNotPassedOn) {
  Config config = fabric_config();
  config.router.mode = RouterMode::kTransit;
  config.policies = {{"all", {}, policy::Action::kAccept}};
  for (auto& neighbor : config.bgp.neighbors) {
    neighbor.import_policy = neighbor.export_policy = "all";
  }
  Shared f(config);
  const bgp::ExtendedCommunity target{0x0002fc0000000001};
  const bgp::ExtendedCommunity within{0x4302fc0000000001};
  f.announce_with(0, {target, bandwidth(kGigabit, 0x0004), bandwidth(kGigabit), within});
  EXPECT_EQ(f.told(1).routes.at(prefix("20.0.0.0/8")).first.extended_communities,
            std::vector{target});
}

}  // namespace
}  // namespace lastmile::rib::test
