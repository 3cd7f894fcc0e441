// `lastmile trace`: what may be asked, and how the answer reads.

#include "controlplane/control/trace_command.h"

#include <gtest/gtest.h>

#include "cli/arguments.h"
#include "cli/render.h"
#include "tests/control/trace_fixture.h"

namespace lastmile {
namespace {

TraceRequest good(const Json& args) {
  const auto request = trace_request(args);
  if (!request) ADD_FAILURE() << request.error();
  return request.value_or(TraceRequest{});
}

std::string wrong(const Json& args) {
  const auto request = trace_request(args);
  EXPECT_FALSE(request) << args;
  return request ? "" : request.error();
}

/// The answer's text, without the table of next hops.
std::string text(const TraceView& view) {
  const std::string all = cli::render_trace(to_json(view));
  const std::size_t table = all.find("\n\n", all.find("\n\n") + 1);
  return all.substr(0, table == std::string::npos ? table : table + 1);
}

TEST(TraceRequest, ADestinationIsEnough) {
  const TraceRequest request = good({{"destination", "10.0.2.2"}});
  EXPECT_EQ(to_string(request.destination), "10.0.2.2");
  EXPECT_FALSE(request.source);
  EXPECT_EQ(request.protocol, 17);
  EXPECT_EQ(request.source_port, 0);
  EXPECT_EQ(request.ingress, "");
}

TEST(TraceRequest, AStructureIsNoArgumentHoweverDeep) {
  std::string text = "{\"destination\":";
  constexpr std::size_t kDepth = 32'000;
  text += std::string(kDepth, '[') + std::string(kDepth, ']') + "}";
  EXPECT_EQ(wrong(Json::parse(text)),
            "\"(a structure)\" is no address; expected one such as 10.0.2.2 or 2001:db8::2");
}

TEST(TraceRequest, NumbersComeAsTextToo) {
  for (const Json& port : {Json(40000), Json("40000")}) {
    const TraceRequest request = good({{"source", "2001:db8::1"},
                                       {"destination", "2001:db8::2"},
                                       {"proto", "tcp"},
                                       {"sport", port},
                                       {"dport", 443},
                                       {"port", "up1"}});
    EXPECT_EQ(request.protocol, 6);
    EXPECT_EQ(request.source_port, 40000);
    EXPECT_EQ(request.destination_port, 443);
    EXPECT_EQ(request.ingress, "up1");
  }
  EXPECT_EQ(good({{"destination", "10.0.2.2"}, {"proto", "47"}}).protocol, 47);
  EXPECT_EQ(good({{"destination", "10.0.2.2"}, {"proto", 47}}).protocol, 47);
}

TEST(TraceRequest, IcmpIsAnotherInEachFamily) {
  EXPECT_EQ(good({{"destination", "10.0.2.2"}, {"proto", "icmp"}}).protocol, 1);
  EXPECT_EQ(good({{"destination", "2001:db8::2"}, {"proto", "icmp"}}).protocol, 58);
}

TEST(TraceRequest, SaysWhatIsWrong) {
  EXPECT_EQ(wrong(Json::object()), "there is no destination; expected an address");
  for (const char* name : {"source", "destination"}) {
    Json args{{"source", "10.0.1.1"}, {"destination", "10.0.2.2"}};
    args[name] = "10.0.2";
    EXPECT_EQ(wrong(args),
              "\"10.0.2\" is no address; expected one such as 10.0.2.2 or 2001:db8::2");
  }
  EXPECT_EQ(wrong({{"source", "10.0.1.1"}, {"destination", "2001:db8::2"}}),
            "10.0.1.1 and 2001:db8::2 are of different families; expected two of one");
  const auto with = [](const char* name, const Json& value) {
    return wrong({{"destination", "10.0.2.2"}, {name, value}});
  };
  for (const Json& proto : {Json("upd"), Json(256), Json(-1), Json("1.5")}) {
    EXPECT_EQ(with("proto", proto).substr(0, 7), "proto: ") << proto;
  }
  EXPECT_EQ(with("proto", "upd"),
            "proto: \"upd\" is no protocol; expected udp, tcp, icmp, sctp or a number from 0 to "
            "255");
  EXPECT_EQ(with("sport", "65536"),
            "sport: \"65536\" is no port number; expected one from 0 to 65535");
  EXPECT_EQ(with("dport", "http"),
            "dport: \"http\" is no port number; expected one from 0 to 65535");
  EXPECT_EQ(wrong({{"destination", "10.0.2.2"}, {"proto", "icmp"}, {"dport", 80}}),
            "dport: protocol icmp has no ports; expected --proto udp, tcp or sctp");
  EXPECT_EQ(wrong({{"destination", "10.0.2.2"}, {"proto", 47}, {"sport", 1}}),
            "sport: protocol 47 has no ports; expected --proto udp, tcp or sctp");
}

TEST(TraceRequest, APacketHasALengthAndATtl) {
  const TraceRequest plain = good({{"destination", "10.0.2.2"}});
  EXPECT_EQ(plain.length, std::nullopt);
  EXPECT_EQ(plain.hops, 64);
  EXPECT_EQ(plain.cutting, Cutting::kAllowed);
  for (const auto& [length, ttl, df] :
       {std::tuple{Json(1600), Json(1), Json(true)}, {Json("1600"), Json("1"), Json("true")}}) {
    const TraceRequest request =
        good({{"destination", "10.0.2.2"}, {"length", length}, {"ttl", ttl}, {"df", df}});
    EXPECT_EQ(request.length, 1600U);
    EXPECT_EQ(request.hops, 1);
    EXPECT_EQ(request.cutting, Cutting::kForbidden);
  }
  EXPECT_EQ(good({{"destination", "10.0.2.2"}, {"length", 40}}).length, 40U);
  EXPECT_EQ(good({{"destination", "2001:db8::2"}, {"length", 9600}}).length, 9600U);
  EXPECT_EQ(good({{"destination", "2001:db8::2"}, {"ttl", 255}}).hops, 255);
  EXPECT_EQ(good({{"destination", "2001:db8::2"}, {"ttl", 0}, {"df", false}}).hops, 0);

  const auto with = [](const char* destination, const char* name, const Json& value) {
    return wrong({{"destination", destination}, {name, value}});
  };
  EXPECT_EQ(with("10.0.2.2", "length", 39),
            "length: \"39\" is no length of an IPv4 packet here; expected one from 40 to 9600");
  EXPECT_EQ(with("2001:db8::2", "length", "59"),
            "length: \"59\" is no length of an IPv6 packet here; expected one from 60 to 9600");
  for (const Json& length : {Json(9601), Json("1k"), Json(-1), Json(1.5)}) {
    EXPECT_EQ(with("10.0.2.2", "length", length).substr(0, 8), "length: ") << length;
  }
  for (const Json& ttl : {Json(256), Json("x"), Json(-1)}) {
    EXPECT_EQ(with("10.0.2.2", "ttl", ttl).substr(0, 5), "ttl: ") << ttl;
  }
  EXPECT_EQ(with("10.0.2.2", "ttl", "256"),
            "ttl: \"256\" is no TTL or hop limit; expected one from 0 to 255");
  EXPECT_EQ(with("10.0.2.2", "df", 1), "df: \"1\" is neither true nor false");
  EXPECT_EQ(with("2001:db8::2", "df", true),
            "df: IPv6 packets are never cut; expected an IPv4 destination");
}

TEST(TraceCommand, PassesTheErrorOfTheDaemonOn) {
  CommandTable table;
  add_trace_command(table, [](const TraceRequest& request) -> tl::expected<TraceView, std::string> {
    if (request.ingress != "up1") return tl::unexpected<std::string>("no port \"up9\"");
    return test::fixed_trace(request);
  });
  const auto ask = [&](const char* args) {
    return Json::parse(table.dispatch(std::string(R"({"verb": "trace", "args": )") + args + "}"));
  };
  EXPECT_EQ(ask(R"({"destination": "10.0.2.2", "port": "up9"})").at("error"), "no port \"up9\"");
  EXPECT_EQ(ask(R"({"destination": "10.0.2.2", "port": "up1"})").at("data").at("verdict"),
            "dropped");
}

TEST(TraceJson, HasEveryFieldWhateverBecomesOfThePacket) {
  const Json sent = to_json(test::fixed_trace(good({{"destination", "203.0.113.7"}})));
  const Json bare = to_json(TraceView{});
  ASSERT_EQ(sent.size(), bare.size());
  for (const auto& [key, value] : sent.items()) EXPECT_TRUE(bare.contains(key)) << key;
  EXPECT_EQ(sent.at("group").at("members").at(1).at("chosen"), true);
  EXPECT_EQ(sent.at("rewrite").at("ethertype"), "0x0800");
  EXPECT_EQ(sent.at("flow").at("protocol"), "udp");
  EXPECT_TRUE(sent.at("drop").is_null());
}

TEST(TraceText, OfAPacketThatIsDelivered) {
  TraceView view = test::fixed_trace(good({{"destination", "2001:db8:1::1"},
                                           {"source", "2001:db8::9"},
                                           {"dport", 3784},
                                           {"sport", 49152}}));
  view.ingress = "up1";
  view.side = "uplink";
  view.verdict = "delivered";
  view.egress = "lm0";
  view.punt_class = "host";
  view.prefix = *parse_ip_prefix("2001:db8:1::1/128");
  view.path = RouteView{};
  view.path->source = "local";
  view.path->reason = "only path";
  view.group->hash.reset();
  view.group->buckets = 1;
  view.group->choice = "only";
  view.rewrite->ethertype = 0x86dd;
  view.rewrite->vlans = {{"802.1ad", 100}, {"802.1q", 7}};
  view.rewrite->hops_spent = 1;
  view.maybe_bfd = true;
  EXPECT_EQ(text(view),
            "udp [2001:db8::9]:49152 -> [2001:db8:1::1]:3784, from up1 (an uplink)\n"
            "delivered to the kernel by lm0, as class host\n"
            "\n"
            "route    2001:db8:1::1/128, local\n"
            "         only path\n"
            "choice   the only member of group 3\n"
            "rewrite  02:00:5e:10:00:02 -> 02:00:5e:10:02:01, 802.1ad VLAN 100, 802.1q VLAN 7, "
            "EtherType 0x86dd, TTL less 1\n"
            "MTU      9000\n"
            "note     a BFD session of the router's, if it is one's packet, takes it first\n");
}

TEST(TraceText, OfAPacketThatIsDroppedOrWaits) {
  TraceView view = test::fixed_trace(good({{"destination", "203.0.113.7"}, {"proto", 47}}));
  view.verdict = "dropped";
  view.egress = "";
  view.mtu.reset();
  view.rewrite.reset();
  view.group.reset();
  view.path.reset();
  view.prefix.reset();
  view.drop = TraceDropView{"no-route", "no route to the destination", {}};
  view.drop->icmp.emplace(TraceDropView::Icmp{3, 0, *parse_ip_address("192.0.0.8")});
  EXPECT_EQ(text(view),
            "protocol 47 10.0.1.1 -> 203.0.113.7, from the machine's own programs (lm0)\n"
            "dropped: no-route: no route to the destination\n"
            "the sender is told by ICMP type 3 code 0 from 192.0.0.8\n"
            "\n"
            "route    none\n");
  view.drop = TraceDropView{"ipv4-source-multicast", "multicast source", {}};
  EXPECT_EQ(text(view),
            "protocol 47 10.0.1.1 -> 203.0.113.7, from the machine's own programs (lm0)\n"
            "dropped: ipv4-source-multicast: multicast source\n"
            "the sender is not told\n"
            "\n"
            "route    not asked for: it does not get so far\n");

  view = test::fixed_trace(good({{"destination", "203.0.113.7"}}));
  view.verdict = "waits";
  view.current = false;
  view.rewrite.reset();
  EXPECT_EQ(text(view),
            "udp 10.0.1.1:0 -> 203.0.113.7:0, from the machine's own programs (lm0)\n"
            "waits: the MAC address of the next hop on up2 is asked for; a second without an "
            "answer, and it is dropped\n"
            "\n"
            "route    0.0.0.0/0, bgp from up2, AS path 65002 65201\n"
            "         equal to the best path; would lose by lower neighbor address\n"
            "choice   group 3, hash 8f3a12c5, bucket 1 of 2\n"
            "MTU      9000\n"
            "note     ports were not given: the hash is that of ports 0\n"
            "note     a change of routes is on its way into the forwarding tables\n");
}

TEST(TraceText, SaysWhatWasAskedOfThePacketAndWhatTheSenderHears) {
  const Json asked{{"destination", "203.0.113.7"}, {"dport", 53}, {"length", 1600}, {"df", true}};
  TraceView view = test::fixed_trace(good(asked));
  const auto first_lines = [&] {
    const std::string all = text(view);
    return all.substr(0, all.find("\n\n"));
  };
  const std::string flow = "udp 10.0.1.1:0 -> 203.0.113.7:53, 1600 bytes, not to be cut, from ";
  EXPECT_EQ(first_lines(), flow + "the machine's own programs (lm0)\nforwarded: leaves by up2");
  EXPECT_EQ(text(view).find("note"), std::string::npos);

  view.verdict = "dropped";
  view.drop.emplace(TraceDropView{"fragmentation-needed", "too long", {}});
  view.drop->icmp = {3, 4, *parse_ip_address("10.0.1.1"), 1500};
  view.ingress_mtu = 1500;
  EXPECT_EQ(first_lines(), flow +
                               "the machine's own programs (lm0)\n"
                               "dropped: fragmentation-needed: too long\n"
                               "the sender is told by ICMP type 3 code 4, MTU 1500, from 10.0.1.1");
  EXPECT_NE(text(view).find("note     longer than the MTU of lm0, which is 1500: such a packet "
                            "hardly gets so far\n"),
            std::string::npos);
  EXPECT_EQ(to_json(view).at("drop").at("icmp").at("mtu"), 1500);

  view = test::fixed_trace(good({{"destination", "203.0.113.7"}, {"length", 1600}, {"ttl", 9}}));
  view.fragments = 2;
  EXPECT_EQ(first_lines(),
            "udp 10.0.1.1:0 -> 203.0.113.7:0, 1600 bytes, TTL 9, from the machine's own programs "
            "(lm0)\nforwarded: leaves by up2 in 2 fragments");
  EXPECT_EQ(to_json(view).at("fragments"), 2);
}

TEST(TraceText, SaysHowTheNextHopWasChosen) {
  TraceView view = test::fixed_trace(good({{"destination", "203.0.113.7"}, {"dport", 53}}));
  const auto line = [&](const char* choice) {
    view.group->choice = choice;
    const std::string all = text(view);
    const std::size_t begin = all.find("choice   ") + 9;
    return all.substr(begin, all.find('\n', begin) - begin);
  };
  EXPECT_EQ(line("repair"),
            "group 3, hash 8f3a12c5, bucket 1 of 2, whose next hop is dead: another live member");
  EXPECT_EQ(line("backup"), "all members of group 3 are dead: a backup");
  EXPECT_EQ(line("none"), "nobody in group 3 is alive");
  view.group->members[0].alive = false;
  view.group->members[0].down = {"link", "bfd"};
  view.group->members[1].backup = true;
  const std::string all = cli::render_trace(to_json(view));
  EXPECT_NE(all.find("dead: link bfd\n"), std::string::npos) << all;
  EXPECT_NE(all.find("backup, alive\n"), std::string::npos) << all;
}

TEST(TraceArguments, HaveOneAddressOrTwo) {
  const auto parsed = [](std::vector<std::string> arguments) {
    return cli::parse_arguments(std::move(arguments), nullptr);
  };
  const auto one = parsed({"trace", "10.0.2.2", "--proto", "tcp", "--dport", "80"});
  ASSERT_TRUE(std::holds_alternative<cli::Invocation>(one));
  EXPECT_EQ(std::get<cli::Invocation>(one).words, (std::vector<std::string>{"10.0.2.2"}));
  const auto shaped = parsed({"trace", "10.0.2.2", "--length", "1600", "--ttl", "1", "--df"});
  ASSERT_TRUE(std::holds_alternative<cli::Invocation>(shaped));
  EXPECT_EQ(std::get<cli::Invocation>(shaped).options.size(), 3U);
  ASSERT_TRUE(std::holds_alternative<cli::Invocation>(parsed({"trace", "10.0.1.1", "10.0.2.2"})));
  EXPECT_EQ(std::get<cli::UsageError>(parsed({"trace"})).message,
            "\"trace\" wants a destination: trace 10.0.2.2, or trace 10.0.1.1 10.0.2.2");
  EXPECT_EQ(std::get<cli::UsageError>(parsed({"trace", "a", "b", "c"})).message,
            "\"c\" is too much for \"trace\"; expected [SRC] DST");
  EXPECT_EQ(std::get<cli::UsageError>(parsed({"show", "bgp", "--sport", "1"})).message,
            "--sport is for \"trace\" only");
}

}  // namespace
}  // namespace lastmile
