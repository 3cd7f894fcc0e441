// What the feed sends, decoded by the router's own codec, and what it counts.
#include "tools/feed_src/stream.h"

#include <gtest/gtest.h>

#include <map>

#include "tools/feed_src/tally.h"

namespace lastmile::feed {
namespace {

Speaker numbered_speaker() {
  Speaker speaker;
  speaker.asn = bgp::Asn{65001};
  speaker.next_hop_v4.v4 = Ipv4Address{10, 98, 0, 1};
  return speaker;
}

Speaker unnumbered_speaker() {
  Speaker speaker;
  speaker.asn = bgp::Asn{65001};
  speaker.codec.extended_next_hop = {bgp::Family::kIpv4Unicast};
  speaker.next_hop_v6.link_local = Ipv6Address::parse("fe80::1");
  speaker.next_hop_v4 = speaker.next_hop_v6;
  return speaker;
}

/// Everything that a stream says, applied: prefix to AS path.
struct Heard {
  std::map<IpPrefix, bgp::AsPath> routes;
  std::size_t withdrawals = 0;
  unsigned end_of_rib = 0;

  void apply(bgp::Octets bytes, const bgp::CodecContext& codec) {
    bgp::MessageReader reader;
    reader.append(bytes);
    while (auto next = reader.next(codec)) {
      ASSERT_TRUE(*next) << bgp::to_string(next->error());
      auto& update = std::get<bgp::Update>(**next);
      ASSERT_TRUE(update.faults.empty()) << update.faults.front().reason;
      if (update.end_of_rib) ++end_of_rib;
      for (const auto& unreach : update.unreach) {
        std::visit([&](const auto& list) { withdraw(list); }, unreach.nlri);
      }
      for (const auto& reach : update.reach) {
        std::visit([&](const auto& list) { announce(list, update.attributes.as_path); },
                   reach.nlri);
      }
    }
  }

 private:
  template <class List>
  void announce(const List& list, const bgp::AsPath& path) {
    for (const auto& nlri : list) routes[nlri.prefix] = path;
  }
  template <class List>
  void withdraw(const List& list) {
    for (const auto& nlri : list) EXPECT_EQ(routes.erase(nlri.prefix), 1U);
    withdrawals += list.size();
  }
};

Tally tally_of(const Stream& stream) {
  Tally tally;
  for (std::size_t at = 0; at < stream.bytes.size();) {
    const std::size_t length = bgp::load_big_endian<std::uint16_t>(&stream.bytes[at + 16]);
    tally.count_update(bgp::Octets{&stream.bytes[at], length}.subspan(bgp::kHeaderSize));
    at += length;
  }
  return tally;
}

enum class Link : std::uint8_t { kNumbered, kUnnumbered };

class Streams : public testing::TestWithParam<Link> {
 protected:
  Table table_ = make_table(5000, 3);
  Speaker speaker_ = GetParam() == Link::kNumbered ? numbered_speaker() : unnumbered_speaker();
};

TEST_P(Streams, AnnounceTheWholeTableAndThenWithdrawIt) {
  const Stream announce = announce_stream(table_, speaker_);
  EXPECT_EQ(announce.routes(), 5000U);
  Heard heard;
  heard.apply(announce.bytes, speaker_.codec);
  ASSERT_EQ(heard.routes.size(), 5000U);
  EXPECT_EQ(heard.end_of_rib, 1U);
  for (const Route& route : table_.routes) {
    bgp::AsPath path = table_.sets[route.set].as_path;
    path.prepend(bgp::Asn{65001});
    ASSERT_EQ(heard.routes.at(route.prefix), path);
  }
  // Counting without decoding comes to the same.
  const Tally tally = tally_of(announce);
  EXPECT_EQ(tally.announced, 5000U);
  EXPECT_EQ(tally.end_of_rib, 1U);
  EXPECT_EQ(tally.malformed, 0U);

  const Stream withdraw = withdraw_stream(table_, speaker_);
  heard.apply(withdraw.bytes, speaker_.codec);
  EXPECT_TRUE(heard.routes.empty());
  EXPECT_EQ(tally_of(withdraw).withdrawn, 5000U);
}

TEST_P(Streams, ChurnChangesWithEachMessageAndEndsWhereItBegan) {
  const Stream announce = announce_stream(table_, speaker_);
  const Stream churn = churn_stream(table_, speaker_, 500);
  EXPECT_EQ(churn.routes(), 2000U);
  EXPECT_EQ(churn.marks.size(), 2000U);
  Heard before;
  before.apply(announce.bytes, speaker_.codec);
  Heard after;
  after.apply(announce.bytes, speaker_.codec);
  after.apply(churn.bytes, speaker_.codec);
  EXPECT_EQ(after.routes, before.routes);
  EXPECT_EQ(after.withdrawals, 1000U);
}

TEST_P(Streams, MarksAreWhereMessagesEnd) {
  const Stream stream = announce_stream(table_, speaker_);
  std::size_t at = 0;
  for (const Stream::Mark& mark : stream.marks) {
    while (at < mark.end) at += bgp::load_big_endian<std::uint16_t>(&stream.bytes[at + 16]);
    ASSERT_EQ(at, mark.end);
  }
  EXPECT_EQ(at, stream.bytes.size());
}

INSTANTIATE_TEST_SUITE_P(BothKindsOfLink, Streams,
                         testing::Values(Link::kNumbered, Link::kUnnumbered));

TEST(Stream, Ipv6RoutesNeedANextHopOfTheirOwn) {
  Table table;
  table.sets.resize(1);
  table.routes = {{*parse_ip_prefix("2001:db8::/32"), 0}, {*parse_ip_prefix("1.0.0.0/8"), 0}};
  EXPECT_EQ(announce_stream(table, numbered_speaker()).routes(), 1U);
  EXPECT_EQ(announce_stream(table, unnumbered_speaker()).routes(), 2U);
}

TEST(Tally, MalformedUpdatesAreCountedAndNothingElse) {
  Tally tally;
  const std::vector<std::uint8_t> cut{0, 9, 0, 0};             // withdrawn routes run over the end
  const std::vector<std::uint8_t> nlri{0, 0, 0, 0, 24, 1, 2};  // a /24 of two octets
  tally.count_update(cut);
  tally.count_update(nlri);
  EXPECT_EQ(tally.updates, 2U);
  EXPECT_EQ(tally.malformed, 2U);
  EXPECT_EQ(tally.announced + tally.withdrawn + tally.end_of_rib, 0U);
}

}  // namespace
}  // namespace lastmile::feed
