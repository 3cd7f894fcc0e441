// What we say of our own restarts (RFC 4724), of long-lived ones (RFC 9494) and of several paths
// (RFC 7911), what is agreed on, and the long-lived half of a neighbor's restart.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

constexpr TimerKey kRestartTimer{TimerKind::kRestart, 0};
using Log = std::vector<std::string>;

PeerSettings restarter() {
  PeerSettings settings = numbered();
  settings.graceful_restart.mode = GracefulRestartConfig::Mode::kRestarter;
  settings.graceful_restart.restart_time = 30s;
  settings.graceful_restart.long_lived_limit = 1h;
  settings.add_path = AddPathUse::kReceive;
  return settings;
}

Capabilities announced(const PeerSettings& settings, std::optional<Duration> away = std::nullopt) {
  Speaker us = speaker();
  us.away = away;
  return make_open(us, settings, kNumbered, CapabilityUse::kAnnounce).capabilities;
}

TEST(Restarter, AsksForItsRoutesAndClaimsNothingThatIsNotTrue) {
  const auto first = announced(restarter()).graceful_restart;
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->restarted) << "nothing was before";
  EXPECT_EQ(first->restart_time_s, 30);
  EXPECT_EQ(first->families, (std::vector<GracefulRestart::Kept>{{Family::kIpv4Unicast, false},
                                                                 {Family::kIpv6Unicast, false}}));
  const auto again = announced(restarter(), 2s).graceful_restart;
  EXPECT_TRUE(again->restarted);
  EXPECT_FALSE(again->families[0].forwarding) << "the tables went with the process";
  EXPECT_FALSE(announced(restarter(), 31s).graceful_restart->restarted)
      << "after the time that was asked for there is nothing to resume";

  PeerSettings claims = restarter();
  claims.graceful_restart.preserve_fw_state = true;
  EXPECT_FALSE(announced(claims).graceful_restart->families[0].forwarding);
  EXPECT_TRUE(announced(claims, 2s).graceful_restart->families[1].forwarding);

  PeerSettings helper = numbered();
  EXPECT_EQ(announced(helper, 2s).graceful_restart, GracefulRestart{})
      << "who only helps says nothing of itself";
}

TEST(Restarter, IsOneUntilTheRestartIsOver) {
  World world({restarter()});
  world.manager.restart_is_over();
  world.start();
  const ConnectionId connection = world.establish_dialed();
  EXPECT_FALSE(std::get<Open>(world.heard(connection)[0]).capabilities.graceful_restart->restarted);
}

std::optional<Negotiated> agree(const PeerSettings& settings, const Capabilities& theirs) {
  Open open = peer_open();
  const auto families = open.capabilities.multiprotocol;
  const auto asn = open.capabilities.four_octet_asn;
  open.capabilities = theirs;
  open.capabilities.multiprotocol = families;
  open.capabilities.four_octet_asn = asn;
  const Open ours = make_open(speaker(), settings, kNumbered, CapabilityUse::kAnnounce);
  auto result =
      negotiate(speaker(), settings, ours, open, {kNumbered, 179, {}}, {kNumbered, 179, {}});
  return result ? std::optional{*result} : std::nullopt;
}

/// Keeps IPv4 for 10 s of restart and 100 s beyond, IPv6 for 5 s beyond.
Capabilities long_lived_peer() {
  Capabilities can;
  can.graceful_restart.emplace();
  can.graceful_restart->restart_time_s = 10;
  can.graceful_restart->families = {{Family::kIpv4Unicast, true}, {Family::kIpv6Unicast, true}};
  can.long_lived.emplace();
  can.long_lived->families = {{Family::kIpv4Unicast, true, 100}, {Family::kIpv6Unicast, true, 5}};
  return can;
}

TEST(LongLived, IsAgreedOnByTwoWithinOurLimit) {
  const Capabilities theirs = long_lived_peer();
  EXPECT_EQ(agree(restarter(), theirs)->long_lived, theirs.long_lived);
  EXPECT_EQ(announced(restarter()).long_lived, LongLivedRestart{}) << "we only help";

  PeerSettings shorter = restarter();
  shorter.graceful_restart.long_lived_limit = 20s;
  EXPECT_EQ(agree(shorter, theirs)->long_lived->find(Family::kIpv4Unicast)->stale_time_s, 20U);
  EXPECT_EQ(agree(shorter, theirs)->long_lived->find(Family::kIpv6Unicast)->stale_time_s, 5U);

  PeerSettings off = restarter();
  off.graceful_restart.long_lived_limit = 0s;
  EXPECT_FALSE(announced(off).long_lived);
  EXPECT_FALSE(agree(off, theirs)->long_lived);
  off = restarter();
  off.graceful_restart.mode = GracefulRestartConfig::Mode::kOff;
  EXPECT_FALSE(announced(off).long_lived);

  Capabilities alone = theirs;
  alone.graceful_restart.reset();
  EXPECT_FALSE(agree(restarter(), alone)->long_lived) << "RFC 9494 section 3";
}

TEST(LongLived, WithoutARestartTimeItBeginsAtOnce) {
  Capabilities theirs = long_lived_peer();
  theirs.graceful_restart->families.clear();
  const auto session = agree(restarter(), theirs);
  ASSERT_TRUE(session->graceful_restart);
  EXPECT_EQ(session->graceful_restart->restart_time_s, 0);
  EXPECT_NE(session->graceful_restart->find(Family::kIpv4Unicast), nullptr);
}

TEST(Restarter, WhoMarksTheEndOfItsTableIsWaitedFor) {
  EXPECT_TRUE(agree(restarter(), long_lived_peer())->ends_its_table);
  EXPECT_FALSE(agree(restarter(), {})->ends_its_table);
  Capabilities restarts_too = long_lived_peer();
  restarts_too.graceful_restart->restarted = true;
  EXPECT_FALSE(agree(restarter(), restarts_too)->ends_its_table) << "both would wait for ever";
}

TEST(AddPath, IsAgreedOnWhereOneSendsAndWeReceive) {
  Capabilities theirs;
  theirs.add_path = {{Family::kIpv4Unicast, false, true}, {Family::kIpv6Unicast, true, false}};
  EXPECT_EQ(agree(restarter(), theirs)->codec.path_ids, std::vector{Family::kIpv4Unicast});
  EXPECT_TRUE(agree(numbered(), theirs)->codec.path_ids.empty());
  EXPECT_TRUE(announced(numbered()).add_path.empty());
  EXPECT_EQ(announced(restarter()).add_path,
            (std::vector<AddPath>{{Family::kIpv4Unicast, true, false},
                                  {Family::kIpv6Unicast, true, false}}));
}

TEST(AddPath, SendsWhereThePeerReceivesAndOnlyInTheFamilyThatIsWanted) {
  PeerSettings settings = numbered();
  settings.add_path = AddPathUse::kSend;
  Capabilities theirs;
  theirs.add_path = {{Family::kIpv4Unicast, true, true}, {Family::kIpv6Unicast, false, true}};
  EXPECT_EQ(agree(settings, theirs)->codec.own_path_ids, std::vector{Family::kIpv4Unicast});
  EXPECT_TRUE(agree(settings, theirs)->codec.path_ids.empty()) << "we don't receive";
  settings.add_path = AddPathUse::kBoth;
  settings.add_path_family = Family::kIpv6Unicast;
  EXPECT_EQ(announced(settings).add_path,
            (std::vector<AddPath>{{Family::kIpv6Unicast, true, true}}));
  EXPECT_TRUE(agree(settings, theirs)->codec.own_path_ids.empty());
  EXPECT_EQ(agree(settings, theirs)->codec.path_ids, std::vector{Family::kIpv6Unicast});
  PeerSettings other = settings;
  other.add_path_family.reset();
  EXPECT_FALSE(same_session(settings, other));
}

// RFC 7311 section 3.3.
TEST(Aigp, IsForInternalPeersUnlessTheConfigurationSaysOtherwise) {
  PeerSettings settings = numbered();
  EXPECT_FALSE(agree(settings, {})->codec.aigp);
  settings.aigp = true;
  EXPECT_TRUE(agree(settings, {})->codec.aigp);
  EXPECT_FALSE(same_session(settings, numbered()));
}

/// A session with such a peer, which has ended.
struct Away {
  Away() : world({restarter()}) {
    world.start();
    Open open = peer_open();
    const Capabilities more = long_lived_peer();
    open.capabilities.graceful_restart = more.graceful_restart;
    open.capabilities.long_lived = more.long_lived;
    theirs = open;
    const ConnectionId connection = world.establish_dialed(theirs);
    world.advance(2s);
    world.hang_up(connection);
  }
  World world;
  Open theirs;
};

TEST(LongLived, FollowsTheRestartTime) {
  Away a;
  EXPECT_EQ(a.world.observer.log, (Log{"up 0", "restarting 0"}));
  a.world.advance(11s);
  EXPECT_EQ(a.world.observer.log, (Log{"up 0", "restarting 0", "long-lived 0"}));
  EXPECT_EQ(a.world.observer.last_kept.find(Family::kIpv6Unicast)->stale_time_s, 5U);
  EXPECT_TRUE(a.world.status().restarting);
  EXPECT_TRUE(a.world.status().last_choice);
  EXPECT_NE(a.world.status().detail.find("last choice"), std::string::npos);
  a.world.advance(98s);
  EXPECT_EQ(a.world.observer.log.back(), "long-lived 0");
  a.world.advance(2s);
  EXPECT_EQ(a.world.observer.log.back(), "down 0") << "the longest of them is over";
  EXPECT_FALSE(a.world.status().last_choice);
}

TEST(LongLived, EndsWithTheNextSession) {
  Away a;
  a.world.advance(60s);
  a.world.establish_dialed(a.theirs);
  EXPECT_EQ(a.world.observer.log, (Log{"up 0", "restarting 0", "long-lived 0", "up 0"}));
  EXPECT_FALSE(a.world.timers.armed(kRestartTimer));
  EXPECT_FALSE(a.world.status().last_choice);
}

TEST(LongLived, EndsByTheOperator) {
  Away a;
  a.world.advance(60s);
  a.world.manager.shutdown_peer(PeerId{0}, "maintenance", a.world.now);
  EXPECT_EQ(a.world.observer.log.back(), "down 0");
}

}  // namespace
}  // namespace lastmile::bgp
