// What took down sessions or networks in the field and is no single message; those are in
// tests/bgp_wire/incidents_test.cc.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

constexpr Ipv4Address kOther{192, 0, 2, 7};

/// A peer whose TCP acknowledges, whose KEEPALIVEs come, and whose window stays shut: routes that
/// it should withdraw stay with it for ever, and its neighbors wait for it (RFC 9687 section 1).
TEST(Incidents, ZeroWindowPeer) {
  World world({numbered(kNumbered), numbered(kOther)});
  world.start();
  ASSERT_EQ(world.dial_count(), 2U);
  const std::vector<ConnectionId> dials = world.transport.dials;
  for (const ConnectionId c : dials) {
    world.open(c);
    world.establish(c);
  }
  const PeerId shut{0}, open{1};
  const ConnectionId to_shut = dials[0], to_open = dials[1];
  ASSERT_EQ(world.transport.records[to_shut].remote.address, IpAddress{kNumbered});
  ASSERT_EQ(world.state(0), SessionState::kEstablished);
  ASSERT_EQ(world.state(1), SessionState::kEstablished);

  world.transport.records[to_shut].stuck = true;
  constexpr std::size_t kMessages = 200;
  Bytes updates;
  for (std::size_t i = 0; i < kMessages; ++i) {
    const Bytes one = encode_end_of_rib(Family::kIpv4Unicast);
    updates.insert(updates.end(), one.begin(), one.end());
  }
  std::size_t told = 0;
  const TimePoint began = world.now;
  while (world.observer.down[shut] == 0 && world.now < began + 10min) {
    if (world.manager.writable(shut)) world.manager.send_updates(shut, updates);
    world.manager.send_updates(open, updates);
    told += kMessages;
    world.advance(5s);
    for (const ConnectionId c : dials) {
      if (!world.closed(c)) world.say_keepalive(c);
    }
  }
  EXPECT_EQ(world.observer.down[shut], 1);
  EXPECT_TRUE(world.closed(to_shut));
  EXPECT_NE(world.observer.last_reason.find("Send Hold Timer Expired"), std::string::npos);
  EXPECT_GE(world.now - began, 8min);
  EXPECT_LE(world.now - began, 8min + 10s);
  // What waits for it is bounded: the RIB is told to wait, and only KEEPALIVEs come to it.
  EXPECT_GT(world.transport.records[to_shut].queued, Peer::kSendMark);
  EXPECT_LE(world.transport.records[to_shut].queued, Peer::kSendMark + 16 * 1024);

  // The other one has noticed nothing.
  EXPECT_EQ(world.observer.down[open], 0);
  EXPECT_EQ(world.state(1), SessionState::kEstablished);
  EXPECT_EQ(world.count<Update>(to_open), told);
  EXPECT_GT(world.count<Keepalive>(to_open), 1U);
}

}  // namespace
}  // namespace lastmile::bgp
