// Sessions over several hops (RFC 5883): whose packets they take, how far they may have come, and
// what leaves for them.

#include <functional>

#include "tests/bfd/scripted.h"

namespace lastmile::bfd::test {
namespace {

class Multihop : public EngineTest {
 protected:
  static SessionSpec spec() {
    SessionSpec spec = EngineTest::spec();
    spec.port = kAnyPort;
    spec.local_mac = spec.remote_mac = {};
    spec.local = ip("10.0.1.1");
    spec.remote = ip("198.51.100.9");
    spec.least_hop_limit = 253;
    return spec;
  }
  static Datagram datagram(const ControlPacket& packet) {
    Datagram datagram = EngineTest::datagram(packet);
    datagram.source = ip("198.51.100.9");
    datagram.destination = ip("10.0.1.1");
    datagram.destination_port = kMultihopPort;
    datagram.hop_limit = 253;
    return datagram;
  }
  static ControlPacket first_word() {
    ControlPacket first = packet(State::kDown);
    first.your_discriminator = 0;
    return first;
  }
  void bring_up() {
    EngineTest::receive(datagram(first_word()));
    EngineTest::receive(datagram(packet(State::kInit)));
    ASSERT_EQ(state(), State::kUp);
    sent();
    recorder_.told.clear();
  }
};

TEST_F(Multihop, SpeaksToItsOwnPortFromAddressToAddress) {
  add(spec());
  EXPECT_TRUE(engine_.has_multihop_sessions());
  ASSERT_EQ(recorder_.frames.size(), 1U) << "no link-layer address is waited for";
  const Recorder::Frame& frame = recorder_.frames[0];
  EXPECT_EQ(frame.port, kAnyPort);
  EXPECT_EQ(frame.datagram.destination_port, 4784);
  EXPECT_EQ(frame.datagram.source, ip("10.0.1.1"));
  EXPECT_EQ(frame.datagram.destination, ip("198.51.100.9"));
  EXPECT_EQ(frame.datagram.hop_limit, 255) << "so that the other side can tell how far we are";
  apply(Command::Kind::kRemove);
  EXPECT_FALSE(engine_.has_multihop_sessions());
}

TEST_F(Multihop, ComesUpAndDetectsWhateverPortPacketsComeBy) {
  add(spec());
  bring_up();
  Datagram by_another = datagram(packet(State::kUp));
  by_another.port = kUp2;
  now_ += 20ms;
  EngineTest::receive(by_another);
  EXPECT_EQ(all_refused(), 0U);
  advance(30ms - 1us);
  EXPECT_EQ(state(), State::kUp);
  advance(2us);
  EXPECT_EQ(state(), State::kDown);
  EXPECT_EQ(recorder_.told.at(0).diagnostic, Diagnostic::kDetectionTimeExpired);
}

TEST_F(Multihop, AFirstPacketFindsItsSessionByBothAddresses) {
  SessionSpec other = spec();
  other.local = ip("10.0.1.2");
  other.discriminator = 3 * kMaxSessions + 6;
  add(spec());
  add(other, SessionId{6});
  Datagram to_the_other = datagram(first_word());
  to_the_other.destination = ip("10.0.1.2");
  EngineTest::receive(to_the_other);
  EXPECT_EQ(state(), State::kDown);
  EXPECT_EQ(board_[SessionId{6}].state.read(), static_cast<std::uint64_t>(State::kInit));
}

struct Stranger {
  const char* name;
  std::function<void(Datagram&)> spoil;
  Refusal refusal;
};

TEST_F(Multihop, RefusesWhatIsNotItsNeighbors) {
  const Stranger table[]{
      {"from too far", [](Datagram& d) { d.hop_limit = 252; }, Refusal::kBadHopLimit},
      {"from somebody else", [](Datagram& d) { d.source = ip("203.0.113.1"); },
       Refusal::kUnknownPeer},
      {"to another address", [](Datagram& d) { d.destination = ip("10.0.1.2"); },
       Refusal::kUnknownPeer},
      {"as if on a link",
       [](Datagram& d) {
         d.destination_port = kControlPort;
         d.hop_limit = 255;
       },
       Refusal::kUnknownDiscriminator},
  };
  add(spec());
  bring_up();
  std::uint64_t all = 0;
  for (const Stranger& stranger : table) {
    const std::uint64_t before = refused(stranger.refusal);
    Datagram bad = datagram(packet(State::kDown));
    stranger.spoil(bad);
    EngineTest::receive(bad);
    EXPECT_EQ(refused(stranger.refusal), before + 1) << stranger.name;
    EXPECT_EQ(all_refused(), ++all) << stranger.name;
    EXPECT_EQ(state(), State::kUp) << stranger.name;
  }
}

TEST_F(Multihop, ASessionOnALinkTakesNothingFromAfar) {
  add(EngineTest::spec());
  EngineTest::bring_up();
  Datagram from_afar = EngineTest::datagram(packet(State::kDown));
  from_afar.destination_port = kMultihopPort;
  EngineTest::receive(from_afar);
  EXPECT_EQ(refused(Refusal::kUnknownDiscriminator), 1U);
  EXPECT_EQ(state(), State::kUp);
}

}  // namespace
}  // namespace lastmile::bfd::test
