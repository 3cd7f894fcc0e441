// A run of the whole control plane, recorded and replayed: the same sessions and routes, to the
// last character; and what a recording that is broken in some way is told to be.
#include "controlplane/record/recorder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "controlplane/record/dump.h"
#include "controlplane/record/fields.h"
#include "controlplane/record/replay.h"
#include "tests/bgp_session/harness.h"
#include "tests/rib/fakes.h"

namespace lastmile::record {
namespace {

using namespace std::chrono_literals;
using testing::Test;

constexpr std::string_view kPassword = "correct horse battery staple";
constexpr PortId kUp1{0}, kUp2{1};
const MacAddress kLeafMac{{2, 0, 0, 0, 0, 0xaa}};

struct NoNeighborhood final : Neighborhood {
  void send_router_advertisement(PortId, std::optional<Ipv6Address>) override {}
  void send_router_solicitation(PortId) override {}
  void resolve(PortId, const IpAddress&) override {}
};
/// Knows which check was started last.
struct Checker final : HealthChecker {
  void check(ServiceId, std::uint32_t wanted, const ServiceCheck&, const IpAddress&) override {
    run = wanted;
  }
  std::uint32_t run = 0;
};
struct NoBfd final : BfdPlane {
  void submit(PortId, const bfd::Command&) override {}
  const bfd::SessionStatus& status(PortId, bfd::SessionId) const override { return unused; }
  bfd::SessionStatus unused{};
};

std::string content(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
void put(const std::filesystem::path& path, std::string_view text) {
  std::ofstream{path, std::ios::binary} << text;
}

/// The positions of the frames of a recording, and the end of the file.
std::vector<std::size_t> frames(const std::string& recording) {
  std::vector<std::size_t> positions;
  std::size_t at = first_line().size();
  while (at < recording.size()) {
    positions.push_back(at);
    std::size_t length = 0;
    for (unsigned i = 0; i < 4; ++i) {
      length |= std::size_t{static_cast<std::uint8_t>(recording[at + 1 + i])} << (8 * i);
    }
    at += 5 + length + 4;
  }
  positions.push_back(at);
  return positions;
}

class RecordTest : public Test {
 protected:
  RecordTest() {
    log::set_level(log::Level::kOff);
    char pattern[] = "/tmp/lastmile-record-XXXXXX";
    folder = ::mkdtemp(pattern);
    file = folder / "run.rec";
    put(folder / "password", std::string{kPassword} + "\n");
    std::filesystem::permissions(folder / "password", std::filesystem::perms::owner_read);
  }
  ~RecordTest() override { std::filesystem::remove_all(folder); }

  std::string config_text(unsigned loopbacks) const {
    std::string text = "router: {asn: 64512, id: 10.0.1.1}\nloopbacks: [10.0.1.1/32]\n";
    text += "services:\n  - {name: web, address: 192.0.2.80/32, check: {tcp: 80, rise: 1}}\n";
    text += "  - {name: dns, address: 192.0.2.53/32}\n";
    text += "ports: {up1: {device: net_null0}, up2: {device: net_null1}}\n";
    text += "bfd: {profiles: {fast: {interval: 10ms}}}\nroutes:\n";
    for (const char* hop : {"7", "8"}) {
      text += fmt::format(
          "  - {{prefix: 198.51.20{}.0/24, via: [{{port: up2, address: \"fe80::{}\", bfd: "
          "fast}}]}}\n",
          hop, hop);
    }
    for (unsigned i = 0; i < loopbacks; ++i) {
      text += fmt::format("  - {{prefix: 198.51.{}.0/24, blackhole: yes}}\n", i);
    }
    text += "bgp:\n  neighbors:\n";
    text += "    - {port: up1, remote-asn: external, add-path: both, aigp: yes}\n";
    text += fmt::format(
        "    - {{address: 192.0.2.1, remote-asn: 65010, multihop: 2, password-file: {}}}\n",
        (folder / "password").string());
    return text;
  }

  void begin() {
    put(folder / "server.yaml", config_text(1));
    ConfigSource source;
    auto loaded = load_config(folder / "server.yaml", source);
    ASSERT_TRUE(loaded) << to_string(loaded.error().front());
    config = std::move(*loaded);
    const std::vector<ControlPlane::Port> ports{{kUp1, MacAddress{{2, 0, 0, 0, 0, 1}}},
                                                {kUp2, MacAddress{{2, 0, 0, 0, 0, 2}}}};
    auto made = Recorder::create(file, {"test", now, {7}, ports}, source);
    ASSERT_TRUE(made) << made.error();
    recorder = std::move(*made);
    control.emplace(config, ports, recorder->plane(plane),
                    ControlPlane::Outside{recorder->transport(transport), timers, neighborhood, bfd,
                                          checker, journal, recorder.get()},
                    ControlPlane::Beginning{7});
    recorder->handled();
    control->start(now);
  }

  template <class What>
  void event(What what) {
    control->handle(Event{now, std::move(what)});
  }
  void advance(Duration by) {
    const TimePoint until = now + by;
    for (;;) {
      const auto first = std::ranges::min_element(timers.deadlines, {},
                                                  [](const auto& armed) { return armed.second; });
      if (first == timers.deadlines.end() || first->second > until) break;
      now = std::max(now, first->second);
      const TimerKey key = first->first;
      timers.deadlines.erase(first);
      event(TimerExpired{key});
    }
    now = until;
  }
  template <class Message>
  void say(ConnectionId on, const Message& message) {
    event(BytesReceived{on, bgp::encode(message)});
  }
  void announce(ConnectionId on, std::initializer_list<const char*> prefixes, std::uint32_t path) {
    bgp::Update update;
    update.attributes.as_path.prepend(bgp::Asn{path});
    update.attributes.as_path.prepend(bgp::kPeerAsn);
    std::vector<bgp::Nlri<Ipv4Address>> nlri;
    for (const char* prefix : prefixes) nlri.push_back({*Ipv4Prefix::parse(prefix), 70000});
    update.attributes.aigp = bgp::Aigp{path, {}};
    bgp::CodecContext agreed;
    agreed.own_path_ids = {bgp::Family::kIpv4Unicast};
    agreed.aigp = true;
    bgp::NextHop hop;
    hop.link_local = bgp::kLeaf;
    update.reach.push_back({bgp::Family::kIpv4Unicast, hop, std::move(nlri)});
    event(BytesReceived{on, bgp::encode(update, agreed)});
  }

  /// Links, discovery, a session with routes, refused ones among them, a lost link, another
  /// session, another configuration, a service that is well and one that is taken down, a drain.
  void live() {
    for (const PortId port : {kUp1, kUp2}) event(LinkChanged{port, LinkState::kUp});
    event(RouterAdvertisementHeard{kUp1, bgp::kLeaf, kLeafMac, 0s});
    event(LinkLayerNeighborChanged{kUp1, bgp::kLeaf, kLeafMac});
    meet();
    announce(connection, {"203.0.113.0/24", "10.0.1.1/32", "10.9.0.0/16"}, 65100);
    plane.hold_back = false;
    event(FibProgressed{});
    advance(2s);
    event(LinkChanged{kUp1, LinkState::kDown});
    advance(3s);
    event(LinkChanged{kUp1, LinkState::kUp});
    event(RouterAdvertisementHeard{kUp1, bgp::kLeaf, kLeafMac, 0s});
    advance(2s);
    meet();
    announce(connection, {"203.0.113.0/24", "10.10.0.0/16"}, 65200);
    reload(3);
    advance(2s);
    event(bfd::StateChanged{bfd::SessionId{3}, 99, bfd::State::kUp});
    for (const BfdSessionView& session : control->bfd().sessions(now)) {
      if (session.neighbor != "fe80::7%up2") continue;
      event(bfd::StateChanged{session.id, session.spec.discriminator, bfd::State::kUp});
    }
    event(ServiceChecked{ServiceId{0}, checker.run, CheckOutcome::kPassed, "connected", 1ms});
    ASSERT_TRUE(control->set_service("dns", ServiceOverride::kDown, now));
    Config drained = config;
    drained.bgp.neighbors.front().graceful_shutdown = true;
    control->apply(drained, now);
    plane.hold_back = false;
    event(FibProgressed{});
    advance(2s);
  }
  void meet() {
    plane.held_at = plane.sequence;
    plane.hold_back = true;
    for (auto it = transport.dials.rbegin(); it != transport.dials.rend(); ++it) {
      const auto& dialed = transport.records.at(*it);
      if (dialed.closed || dialed.remote.address != IpAddress{bgp::kLeaf}) continue;
      connection = *it;
      event(ConnectionOpened{connection, {bgp::kOurLinkLocal, 40000, kUp1}, dialed.remote});
      bgp::Open open = bgp::peer_open();
      open.capabilities.add_path = {{bgp::Family::kIpv4Unicast, true, true}};
      say(connection, open);
      say(connection, bgp::Keepalive{});
      return;
    }
    FAIL() << "nobody calls the leaf";
  }
  void reload(unsigned loopbacks) {
    put(folder / "server.yaml", config_text(loopbacks));
    ConfigSource source;
    auto wanted = load_config(folder / "server.yaml", source);
    ASSERT_TRUE(wanted);
    recorder->config(source);
    control->apply(*wanted, now);
    config = std::move(*wanted);
  }
  std::string end() {
    const std::string state = dump(*control, config, now);
    recorder->checkpoint(hash_of(state), now);
    control->stop("the test is over", now);
    close();
    return state;
  }
  std::string error() const { return replay(file).error.value_or("nothing is wrong"); }
  void close() {
    control.reset();
    recorder.reset();
  }

  std::filesystem::path folder;
  std::string file;
  TimePoint now{1000s};
  bgp::FakeTransport transport;
  bgp::FakeTimers timers{now};
  rib::test::FakePlane plane;
  NoNeighborhood neighborhood;
  NoBfd bfd;
  Checker checker;
  Journal journal;
  Config config;
  std::unique_ptr<Recorder> recorder;
  std::optional<ControlPlane> control;
  ConnectionId connection;
};

TEST_F(RecordTest, AReplayComesToTheSameStateToTheLastCharacter) {
  begin();
  live();
  const std::string state = end();
  EXPECT_NE(state.find("neighbor up1 Established received 2"), std::string::npos) << state;
  EXPECT_NE(state.find("route 10.10.0.0/16 bgp up1 best"), std::string::npos) << state;
  EXPECT_NE(state.find("route 198.51.2.0/24 static"), std::string::npos) << state;
  EXPECT_NE(state.find("advertised up1 10.0.1.1/32 local"), std::string::npos) << state;
  EXPECT_NE(state.find(" path-id 1\n"), std::string::npos) << state;
  EXPECT_NE(state.find("route 198.51.207.0/24 static best"), std::string::npos) << state;
  EXPECT_NE(state.find("refused: BFD has none of the next hops up"), std::string::npos) << state;
  EXPECT_EQ(state.find("advertised up1 192.0.2.53/32"), std::string::npos) << state;
  EXPECT_NE(state.find("advertised up1 192.0.2.80/32 local next-hop fe80::1 as-path \"64512\" "
                       "graceful-shutdown"),
            std::string::npos)
      << state;

  const Replayed run = replay(file);
  EXPECT_FALSE(run.error) << *run.error;
  EXPECT_EQ(run.dump, state);
  EXPECT_EQ(run.checkpoints, 1U);
  EXPECT_EQ(run.program, "test");
  EXPECT_EQ(run.end, "the router ended");
  EXPECT_EQ(replay(file).dump, run.dump);
}

TEST_F(RecordTest, SecretsStayAtHome) {
  begin();
  live();
  (void)end();
  EXPECT_FALSE(transport.records.empty());
  EXPECT_TRUE(std::ranges::any_of(transport.records, [](const auto& record) {
    return record.second.options.password == kPassword;
  })) << "the session itself uses it";
  EXPECT_EQ(content(file).find(kPassword), std::string::npos);
  // Nor are they asked for.
  std::filesystem::remove(folder / "password");
  EXPECT_FALSE(replay(file).error);
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(RecordTest, AnInputThatCrashesTheRouterIsInTheRecording) {
  begin();
  live();
  (void)end();
  const std::string whole = content(file);
  const auto at = frames(whole);
  const auto first_event = std::ranges::find_if(
      at, [&](std::size_t p) { return whole[p] == static_cast<char>(FrameKind::kEvent); });
  // The input is the last that was written; its answers never were.
  put(file, whole.substr(0, *(first_event + 1)));
  const Replayed run = replay(file);
  EXPECT_FALSE(run.error) << *run.error;
  EXPECT_EQ(run.inputs, 3U);  // the beginning, the start, the event
  EXPECT_TRUE(run.end.empty());
  EXPECT_NE(run.dump.find("neighbor up1"), std::string::npos);
}

TEST_F(RecordTest, WhatIsCutOffIsReplayedUpToThereAndSaysWhere) {
  begin();
  live();
  (void)end();
  const std::string whole = content(file);
  const auto at = frames(whole);
  for (std::size_t i = 0; i + 1 < at.size(); ++i) {
    for (const std::size_t cut : {at[i] + 1, at[i] + 5, at[i + 1] - 1}) {
      put(file, whole.substr(0, cut));
      const Replayed run = replay(file);
      ASSERT_TRUE(run.error) << cut;
      EXPECT_NE(run.error->find(fmt::format(": byte {}: the file ends in the middle", at[i])),
                std::string::npos)
          << *run.error;
      EXPECT_EQ(run.dump.empty(), i < 2) << i;  // no control plane before its beginning
    }
  }
}

TEST_F(RecordTest, DamageIsFoundWhereItIs) {
  begin();
  live();
  (void)end();
  const std::string whole = content(file);
  const auto at = frames(whole);
  for (std::size_t i = 0; i + 1 < at.size(); ++i) {
    for (std::size_t byte = at[i]; byte < at[i + 1]; byte += 1 + (at[i + 1] - at[i]) / 5) {
      std::string damaged = whole;
      damaged[byte] = static_cast<char>(damaged[byte] ^ 0x55);
      put(file, damaged);
      const Replayed run = replay(file);
      ASSERT_TRUE(run.error) << byte;
      EXPECT_NE(run.error->find(fmt::format(": byte {}: ", at[i])), std::string::npos)
          << *run.error;
    }
  }
}

TEST_F(RecordTest, WhatIsNoRecordingIsTold) {
  EXPECT_NE(error().find("can't be opened: No such file"), std::string::npos);
  put(file, "");
  EXPECT_NE(error().find("no recording"), std::string::npos);
  put(file, std::string(1000, '\xff'));
  EXPECT_NE(error().find("no recording"), std::string::npos);
  put(file, "lastmile recording 3\n");
  EXPECT_NE(error().find("of version \"3\"; this program reads version 2"), std::string::npos);
}

TEST_F(RecordTest, AnotherRunThanTheRecordedOneIsTold) {
  begin();
  live();
  (void)end();
  const std::string whole = content(file);
  const auto at = frames(whole);
  // Without the first event: link up. Nothing is asked from there on that was.
  const auto event = std::ranges::find_if(
      at, [&](std::size_t p) { return whole[p] == static_cast<char>(FrameKind::kEvent); });
  put(file, whole.substr(0, *event) + whole.substr(*(event + 2)));
  const Replayed run = replay(file);
  ASSERT_TRUE(run.error);
  EXPECT_TRUE(run.error->find("control plane asks for") != std::string::npos ||
              run.error->find("asked for more") != std::string::npos)
      << *run.error;

  // The same answers, and still another state.
  std::string other = whole.substr(0, at.front());
  for (std::size_t i = 0; i + 1 < at.size(); ++i) {
    if (whole[at[i]] == static_cast<char>(FrameKind::kCheckpoint)) {
      std::string payload;
      FieldWriter out(payload);
      out(now, std::uint64_t{1});
      append_frame(FrameKind::kCheckpoint, payload, other);
    } else {
      other += whole.substr(at[i], at[i + 1] - at[i]);
    }
  }
  put(file, other);
  EXPECT_NE(error().find("sessions or routes differ"), std::string::npos);
}

TEST_F(RecordTest, APortThatIsNotThereIsTold) {
  for (const Event& what : {Event{now, LinkChanged{PortId{9}, LinkState::kUp}},
                            Event{now, ConnectionAccepted{ConnectionId{1},
                                                          {bgp::kOurLinkLocal, 179, kUp1},
                                                          {bgp::kLeaf, 40000, PortId{9}}}}}) {
    begin();
    recorder->event(what);
    close();
    EXPECT_NE(error().find("a port without configuration"), std::string::npos) << error();
  }
}

TEST_F(RecordTest, AConfigurationThatNoRunningRouterTakesUpIsNotTakenUp) {
  begin();
  for (const PortId port : {kUp1, kUp2}) event(LinkChanged{port, LinkState::kUp});
  std::string text = config_text(1);
  text.replace(text.find("up2: {"), 0, "up0: {device: net_null2, addresses: [192.0.2.7/24]}, ");
  put(folder / "server.yaml",
      text + "    - {address: 192.0.2.8, remote-asn: external, bfd: fast}\n");
  ConfigSource source;
  const auto other = load_config(folder / "server.yaml", source);
  ASSERT_TRUE(other) << to_string(other.error().front());
  recorder->config(source);
  control->apply(config, now);
  close();
  EXPECT_NE(error().find("a configuration that no running router takes up"), std::string::npos)
      << error();
}

TEST_F(RecordTest, TheRecordingOfTheRunBeforeIsKept) {
  put(file, "of the crash");
  begin();
  (void)end();
  EXPECT_EQ(content(file + ".old"), "of the crash");
  EXPECT_FALSE(replay(file).error);
}

TEST_F(RecordTest, ADiskThatIsTooSlowEndsTheRecordingAndNothingElse) {
  {
    auto slow = RecordingFile::create(file, 1024);
    ASSERT_TRUE(slow);
    const std::string payload(2000, 'x');
    for (int i = 0; i < 5; ++i) (*slow)->append(FrameKind::kAnswers, payload);
  }
  auto reader = FrameReader::open(file);
  ASSERT_TRUE(reader);
  const auto frame = reader->next();
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->kind, FrameKind::kEnd);
  EXPECT_EQ((*frame)->payload, "the disk was too slow");
  const auto behind = reader->next();
  EXPECT_TRUE(behind && !*behind);
}

TEST_F(RecordTest, AFileThatCantBeMadeIsTold) {
  auto made = RecordingFile::create(folder / "nowhere" / "run.rec");
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().find("nowhere/run.rec: can't be created: No such file"),
            std::string::npos);
}

TEST(RecordFields, EveryEventComesBackAsItWas) {
  const Endpoint local{Ipv4Address{192, 0, 2, 1}, 179, std::nullopt};
  const Endpoint remote{bgp::kLeaf, 40000, PortId{300}};
  const std::vector<decltype(Event::what)> all{
      ConnectionOpened{ConnectionId{1ULL << 40}, local, remote},
      ConnectionFailed{ConnectionId{2}, "refused"},
      ConnectionAccepted{ConnectionId{3}, remote, local},
      ConnectionClosed{ConnectionId{4}, ""},
      BytesReceived{ConnectionId{5}, {0xff, 0, 1}},
      SendDrained{ConnectionId{6}},
      TimerExpired{{TimerKind::kHold, UINT64_MAX}},
      LinkChanged{kUp1, LinkState::kUp},
      LinkLayerNeighborChanged{kUp1, bgp::kLeaf, std::nullopt, Freshness::kStale},
      RouterAdvertisementHeard{kUp2, bgp::kLeaf, kLeafMac, 9000s},
      RouterSolicitationHeard{kUp2, bgp::kLeaf},
      FibProgressed{},
      ServiceChecked{ServiceId{2}, 9, CheckOutcome::kPassed, "HTTP 200", 7ms},
      ResolutionWanted{kUp1, NextHopId{7}, Ipv4Address{10, 0, 0, 1}},
      bfd::StateChanged{bfd::SessionId{1}, 2, bfd::State::kUp, bfd::Diagnostic::kPathDown,
                        bfd::State::kInit, 3, true, bfd::Instant{4us}},
  };
  for (const auto& what : all) {
    std::string first, second;
    FieldWriter{first}(TimePoint{5s}, what);
    Event read;
    FieldReader in{first};
    in(read.at, read.what);
    EXPECT_TRUE(in.good() && in.empty()) << what.index();
    EXPECT_EQ(read.what.index(), what.index());
    FieldWriter{second}(read.at, read.what);
    EXPECT_EQ(first, second) << what.index();
    // Cut anywhere it is no event, and nothing else happens.
    for (std::size_t cut = 0; cut < first.size(); ++cut) {
      FieldReader part{std::string_view{first}.substr(0, cut)};
      part(read.at, read.what);
      EXPECT_FALSE(part.good()) << what.index();
    }
  }
}

}  // namespace
}  // namespace lastmile::record
