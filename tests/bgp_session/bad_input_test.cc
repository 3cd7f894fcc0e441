// What a hostile, broken or foreign peer may send: the right NOTIFICATION, byte for byte, and no
// other session harmed.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

/// Two peers; the second is Established and must stay so, whatever the first one does.
struct Pair {
  Pair() : world({numbered(), link_local(0, kLeaf)}) {
    world.start();
    bad = world.transport.dials[0];
    good = world.transport.dials[1];
    world.open(good);
    world.establish(good);
    world.open(bad);
  }
  ~Pair() {
    EXPECT_EQ(world.state(1), SessionState::kEstablished);
    EXPECT_FALSE(world.closed(good));
    EXPECT_EQ(world.observer.down[PeerId{1}], 0);
  }
  /// The bytes of the NOTIFICATION that ended the bad peer's connection, from the code on.
  Bytes verdict() {
    EXPECT_TRUE(world.closed(bad));
    const Bytes& sent = world.transport.records[bad].sent;
    for (std::size_t at = 0; at + kHeaderSize <= sent.size();) {
      const std::size_t length = std::size_t{sent[at + 16]} << 8 | sent[at + 17];
      if (at + length == sent.size() && sent[at + 18] == 3) {
        EXPECT_TRUE(std::all_of(&sent[at], &sent[at + 16], [](auto b) { return b == 0xff; }));
        return {sent.begin() + static_cast<std::ptrdiff_t>(at + kHeaderSize), sent.end()};
      }
      at += length;
    }
    ADD_FAILURE() << "no NOTIFICATION was sent";
    return {};
  }
  World world;
  ConnectionId bad, good;
};

Bytes header(std::uint16_t length, std::uint8_t type) {
  Bytes bytes(16, 0xff);
  bytes.push_back(static_cast<std::uint8_t>(length >> 8));
  bytes.push_back(static_cast<std::uint8_t>(length));
  bytes.push_back(type);
  return bytes;
}

TEST(BadInput, WrongMarker) {
  Pair pair;
  Bytes open = encode(peer_open());
  open[3] = 0;
  pair.world.say_bytes(pair.bad, open);
  EXPECT_EQ(pair.verdict(), (Bytes{1, 1}));
}

TEST(BadInput, LengthZero) {
  Pair pair;
  pair.world.say_bytes(pair.bad, header(0, 1));
  EXPECT_EQ(pair.verdict(), (Bytes{1, 2, 0, 0}));
}

TEST(BadInput, Length65535) {
  Pair pair;
  pair.world.say_bytes(pair.bad, header(65535, 2));
  EXPECT_EQ(pair.verdict(), (Bytes{1, 2, 0xff, 0xff}));
}

TEST(BadInput, UnknownMessageType) {
  Pair pair;
  pair.world.say_bytes(pair.bad, header(19, 77));
  EXPECT_EQ(pair.verdict(), (Bytes{1, 3, 77}));
}

TEST(BadInput, Garbage) {
  Pair pair;
  pair.world.say_bytes(pair.bad, Bytes(5000, 0x5a));
  EXPECT_EQ(pair.verdict(), (Bytes{1, 1}));
}

TEST(BadInput, HttpRequest) {
  Pair pair;
  const std::string text = "GET / HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n";
  pair.world.say_bytes(pair.bad, {text.begin(), text.end()});
  EXPECT_EQ(pair.verdict(), (Bytes{1, 1}));
}

TEST(BadInput, HalfAMessageThenClose) {
  Pair pair;
  Bytes open = encode(peer_open());
  open.resize(open.size() / 2);
  pair.world.say_bytes(pair.bad, open);
  EXPECT_EQ(pair.world.state(0), SessionState::kOpenSent);
  pair.world.hang_up(pair.bad);
  EXPECT_EQ(pair.world.state(0), SessionState::kActive);
}

TEST(BadInput, HalfAMessageThenSilence) {
  Pair pair;
  pair.world.say(pair.bad, peer_open());
  pair.world.say_keepalive(pair.bad);
  pair.world.say_bytes(pair.bad, header(60, 2));
  pair.world.advance(5s);
  pair.world.say_keepalive(pair.good);
  pair.world.advance(4s);
  EXPECT_EQ(pair.verdict(), (Bytes{4, 0}));
}

TEST(BadInput, MessagesByteByByte) {
  Pair pair;
  Bytes all = encode(peer_open());
  const Bytes keepalive = encode(Keepalive{});
  all.insert(all.end(), keepalive.begin(), keepalive.end());
  for (std::uint8_t byte : all) pair.world.say_bytes(pair.bad, {byte});
  EXPECT_EQ(pair.world.state(0), SessionState::kEstablished);
}

TEST(BadInput, UnsupportedVersion) {
  Pair pair;
  Bytes open = encode(peer_open());
  open[kHeaderSize] = 3;
  pair.world.say_bytes(pair.bad, open);
  EXPECT_EQ(pair.verdict(), (Bytes{2, 1, 0, 4}));
}

TEST(BadInput, OurOwnAsWhereAnExternalPeerIsExpected) {
  Pair pair;
  pair.world.say(pair.bad, peer_open(kHigherId, kOurAsn));
  EXPECT_EQ(pair.verdict(), (Bytes{2, 2}));
  EXPECT_EQ(pair.world.status(0).history.last_error, "sent OPEN Message Error/Bad Peer AS");
}

TEST(BadInput, IdentifierZero) {
  Pair pair;
  pair.world.say(pair.bad, peer_open(BgpIdentifier{}));
  EXPECT_EQ(pair.verdict(), (Bytes{2, 3}));
}

TEST(BadInput, HoldTimeOfOneSecond) {
  Pair pair;
  pair.world.say(pair.bad, peer_open(kHigherId, kPeerAsn, 1));
  EXPECT_EQ(pair.verdict(), (Bytes{2, 6}));
}

TEST(BadInput, UnknownCapabilityIsIgnoredAndShown) {
  Pair pair;
  Open open = peer_open();
  open.capabilities.unknown = {{200, {1, 2, 3}}};
  pair.world.say(pair.bad, open);
  EXPECT_EQ(pair.world.state(0), SessionState::kOpenConfirm);
  EXPECT_EQ(pair.world.status(0).received.unknown, open.capabilities.unknown);
}

TEST(BadInput, OnlyFamiliesThatWeDoNotCarry) {
  Pair pair;
  Open open = peer_open();
  open.capabilities.multiprotocol.clear();
  open.capabilities.unknown = {{1, {0, 25, 0, 70}}};  // L2VPN EVPN
  pair.world.say(pair.bad, open);
  EXPECT_EQ(pair.verdict(), (Bytes{2, 7, 1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1}));
}

TEST(BadInput, MalformedAttributeCostsRoutesAndNotTheSession) {
  Pair pair;
  pair.world.establish(pair.bad);
  // ORIGIN 9: treat-as-withdraw (RFC 7606 section 7.1).
  Bytes update = header(0, 2);
  const Bytes body{0, 0, 0,    20,   0x40, 1, 1, 9,   0x40, 2, 6, 2, 1,
                   0, 0, 0xfd, 0xe9, 0x40, 3, 4, 192, 0,    2, 1, 8, 10};
  update.insert(update.end(), body.begin(), body.end());
  update[17] = static_cast<std::uint8_t>(update.size());
  pair.world.say_bytes(pair.bad, update);
  EXPECT_EQ(pair.world.state(0), SessionState::kEstablished);
  ASSERT_EQ(pair.world.observer.updates.size(), 1U);
  EXPECT_EQ(pair.world.observer.updates[0].reach.size(), 0U);
  EXPECT_EQ(pair.world.status(0).history.treat_as_withdraw, 1U);
  const PeerHistory& history = pair.world.status(0).history;
  EXPECT_NE(history.last_fault.find("ORIGIN"), std::string::npos) << history.last_fault;
  EXPECT_EQ(history.last_error, "") << "no session went down";
}

TEST(BadInput, RoutesOfAFamilyThatWasNotAgreedOn) {
  Pair pair;
  Open open = peer_open();
  open.capabilities.multiprotocol = {Family::kIpv4Unicast};
  pair.world.establish(pair.bad, open);
  Update update;
  update.attributes.as_path.prepend(kPeerAsn);
  update.reach.push_back({Family::kIpv6Unicast, {}, std::vector<Nlri<Ipv6Address>>{{}}});
  update.reach[0].next_hop.link_local = kLeaf;
  pair.world.say_bytes(pair.bad, encode(update, {}));
  EXPECT_EQ(pair.world.state(0), SessionState::kEstablished);
  ASSERT_EQ(pair.world.observer.updates.size(), 1U);
  EXPECT_TRUE(pair.world.observer.updates[0].reach.empty());
  EXPECT_EQ(pair.world.status(0).history.attribute_discard, 1U);
  EXPECT_NE(pair.world.status(0).history.last_fault.find("not agreed"), std::string::npos);
}

TEST(BadInput, AnythingAtAllNeverHarmsOthers) {
  std::uint64_t seed = 20240611;
  RecordProperty("seed", std::to_string(seed));
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    Pair pair;
    if (round % 3 != 0) pair.world.say(pair.bad, peer_open());
    if (round % 3 == 2) pair.world.say_keepalive(pair.bad);
    // A well-formed message with a few bytes changed gets further than pure noise.
    Bytes bytes = round % 2 == 0 ? encode(peer_open()) : encode_end_of_rib(Family::kIpv6Unicast);
    for (int change = 0; change < 3; ++change) {
      seed = seed * 6364136223846793005 + 1442695040888963407;
      bytes[(seed >> 33) % bytes.size()] = static_cast<std::uint8_t>(seed >> 25);
    }
    pair.world.say_bytes(pair.bad, bytes);
    pair.world.advance(1s);
  }
}

}  // namespace
}  // namespace lastmile::bgp
