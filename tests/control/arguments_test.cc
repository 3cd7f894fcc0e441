#include "cli/arguments.h"

#include <gtest/gtest.h>

namespace lastmile::cli {
namespace {

using Arguments = std::vector<std::string>;
using std::chrono::milliseconds;

Invocation good(Arguments arguments, const char* environment = nullptr) {
  auto parsed = parse_arguments(std::move(arguments), environment);
  if (const auto* error = std::get_if<UsageError>(&parsed)) ADD_FAILURE() << error->message;
  const auto* invocation = std::get_if<Invocation>(&parsed);
  return invocation != nullptr ? *invocation : Invocation{};
}

std::string bad(Arguments arguments) {
  auto parsed = parse_arguments(std::move(arguments), nullptr);
  const auto* error = std::get_if<UsageError>(&parsed);
  return error != nullptr ? error->message : "";
}

TEST(Arguments, OptionsMayStandAnywhere) {
  for (const Arguments& arguments : {Arguments{"show", "bgp", "--json", "--socket", "/tmp/s"},
                                     Arguments{"--json", "--socket", "/tmp/s", "show", "bgp"},
                                     Arguments{"-j", "show", "--socket=/tmp/s", "bgp"},
                                     Arguments{"show bgp", "-j", "-s/tmp/s"}}) {
    const Invocation invocation = good(arguments);
    EXPECT_EQ(invocation.verb, "show bgp");
    EXPECT_TRUE(invocation.json);
    EXPECT_EQ(invocation.socket, "/tmp/s");
    EXPECT_FALSE(invocation.watch);
  }
}

TEST(Arguments, SocketComesFromOptionEnvironmentDefaultInThatOrder) {
  EXPECT_EQ(good({"version"}).socket, "/run/lastmile/lastmile.sock");
  EXPECT_EQ(good({"version"}, "").socket, "/run/lastmile/lastmile.sock");
  EXPECT_EQ(good({"version"}, "/tmp/e").socket, "/tmp/e");
  EXPECT_EQ(good({"version", "--socket", "/tmp/o"}, "/tmp/e").socket, "/tmp/o");
}

TEST(Arguments, WatchHasADefault) {
  EXPECT_EQ(good({"show", "bgp", "--watch"}).watch, milliseconds{2000});
  EXPECT_EQ(good({"--watch", "show", "bgp"}).watch, milliseconds{2000});
  EXPECT_EQ(good({"--watch", "5", "show", "bgp"}).watch, milliseconds{5000});
  EXPECT_EQ(good({"show", "bgp", "--watch=0.5"}).watch, milliseconds{500});
  EXPECT_EQ(good({"show", "routes", "-w", "10.0.0.0/8"}).watch, milliseconds{2000});
  EXPECT_EQ(good({"show", "routes", "-w", "10.0.0.0/8"}).argument, "10.0.0.0/8");
  EXPECT_EQ(good({"show", "routes", "-w", "10.0.0.1"}).argument, "10.0.0.1");
  EXPECT_NE(bad({"show", "bgp", "--watch", "0"}), "");
}

TEST(Arguments, RoutesTakeWhatTheyAreAskedFor) {
  const Invocation invocation = good({"show", "routes", "2001:db8::/32", "--limit", "7"});
  EXPECT_EQ(invocation.verb, "show routes");
  EXPECT_EQ(invocation.argument, "2001:db8::/32");
  EXPECT_EQ(invocation.limit, 7U);
}

TEST(Arguments, OneNeighborsPartOfTheRoutes) {
  const Invocation invocation = good({"show", "routes", "--received", "up1", "10.0.0.0/8"});
  EXPECT_EQ(invocation.side, (std::pair<std::string, std::string>{"received", "up1"}));
  EXPECT_EQ(invocation.argument, "10.0.0.0/8");
  EXPECT_FALSE(good({"show", "routes"}).side);
  EXPECT_EQ(bad({"show", "bgp", "--advertised", "up1"}),
            "--advertised is for \"show routes\" only");
  EXPECT_NE(bad({"show", "routes", "--received", "up1", "--accepted", "up1"}), "");
  EXPECT_NE(bad({"show", "routes", "--received"}), "");
}

TEST(Arguments, VerbsTakeAsManyWordsAsTheySay) {
  EXPECT_EQ(good({"service", "web", "down"}).words, (Arguments{"web", "down"}));
  EXPECT_EQ(bad({"service", "web"}),
            "\"service\" wants a name and a state: service NAME down|up|auto");
  EXPECT_EQ(bad({"service", "web", "down", "now"}),
            "\"now\" is too much for \"service\"; expected NAME down|up|auto");
  EXPECT_EQ(good({"drain", "up1", "up2", "--force"}).words, (Arguments{"up1", "up2"}));
  EXPECT_TRUE(good({"undrain"}).words.empty());
}

TEST(Arguments, OptionsBelongToTheirVerb) {
  using Options = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(good({"drain", "--force", "--quiet", "5"}).options,
            (Options{{"quiet", "5"}, {"force", ""}}));
  EXPECT_EQ(good({"events", "--follow"}).options, (Options{{"follow", ""}}));
  EXPECT_EQ(bad({"show", "bgp", "--follow"}), "--follow is for \"events\" only");
  EXPECT_EQ(bad({"drain", "--med", "1"}), "--med is for \"policy test\" only");
}

TEST(Arguments, ErrorsNameTheNearestVerb) {
  EXPECT_EQ(bad({}), "no verb; expected one such as \"show bgp\" (see --help)");
  EXPECT_EQ(bad({"shwo", "bgp"}), "unknown verb \"shwo bgp\"; did you mean \"show bgp\"?");
  EXPECT_EQ(bad({"show", "route"}), "unknown verb \"show route\"; did you mean \"show routes\"?");
  EXPECT_EQ(bad({"ports"}), "unknown verb \"ports\"; did you mean \"show ports\"?");
  EXPECT_EQ(bad({"policy"}), "\"policy\" is half a verb; expected policy test");
  EXPECT_EQ(bad({"show"}),
            "\"show\" is half a verb; expected one of: show ports, show offload, show bgp, "
            "show routes, show fib, show neighbors, show nexthops, show workers, show bfd, "
            "show drops, show control, show privileges, show services, show drain");
  EXPECT_EQ(bad({"show", "quagmire"})
                .find("unknown verb \"show quagmire\"; expected one of: show ports, "),
            0U);
  EXPECT_EQ(bad({"show", "quagmire"}).find("undrain"), std::string::npos);
  EXPECT_EQ(bad({"show", "routes", "--limt", "3"}),
            "unknown option \"--limt\"; did you mean \"--limit\"?");
  EXPECT_EQ(bad({"show", "bgp", "--quagmire"}), "unknown option \"--quagmire\" (see --help)");
  EXPECT_EQ(bad({"verison"}), "unknown verb \"verison\"; did you mean \"version\"?");
  EXPECT_EQ(
      bad({"dance"}),
      "unknown verb \"dance\"; expected one of: show ports, show offload, show bgp, show routes, "
      "show fib, show neighbors, show nexthops, show workers, show bfd, show drops, show control, "
      "show privileges, show services, show drain, service, drain, undrain, trace, doctor, events, "
      "capture, top, metrics, "
      "policy test, reload, version, completion");
  EXPECT_EQ(bad({"show", "bgp", "up1"}),
            "\"up1\" is too much for \"show bgp\"; expected nothing after it");
  EXPECT_EQ(bad({"show", "routes", "10.0.0.1", "10.0.0.2"}),
            "\"10.0.0.2\" is too much for \"show routes\"; expected [PREFIX|ADDRESS]");
  EXPECT_EQ(bad({"show", "bgp", "--limit", "1"}), "--limit is for \"show routes\" only");
  EXPECT_NE(bad({"show", "bgp", "--jsno"}), "");
  EXPECT_NE(bad({"show", "bgp", "--socket"}), "");
  EXPECT_NE(bad({"show", "routes", "--limit", "none"}), "");
}

TEST(Arguments, OfCaptureWIsWhereToWriteTo) {
  using Options = std::vector<std::pair<std::string, std::string>>;
  const Options written{{"write", "up1.pcapng"}, {"count", "10"}};
  for (const Arguments& arguments :
       {Arguments{"capture", "up1", "tcp", "port", "179", "-w", "up1.pcapng", "-c", "10"},
        Arguments{"-w", "up1.pcapng", "--socket", "/tmp/s", "-c", "10", "capture", "up1",
                  "tcp port 179"},
        Arguments{"-j", "capture", "--write=up1.pcapng", "up1", "--count=10", "tcp port", "179"}}) {
    const Invocation invocation = good(arguments);
    EXPECT_EQ(invocation.verb, "capture");
    EXPECT_EQ(invocation.words.front(), "up1");
    EXPECT_EQ(invocation.options, written);
    EXPECT_FALSE(invocation.watch);
  }
  EXPECT_EQ(good({"show", "bgp", "-w", "3"}).watch, milliseconds{3000});
  for (const Arguments& arguments :
       {Arguments{"capture", "up1"}, Arguments{"capture", "-w", "x"}}) {
    EXPECT_EQ(bad(arguments),
              "\"capture\" wants a port and a file: capture up1 -w up1.pcapng, or -w - | wireshark "
              "-k -i -");
  }
  EXPECT_EQ(bad({"capture", "up1", "-w", "x", "--watch"}), "--watch is not for \"capture\"");
  EXPECT_EQ(bad({"show", "bgp", "--snap", "64"}), "--snap is for \"capture\" only");
}

TEST(Arguments, HelpListsEveryVerb) {
  const auto asked = parse_arguments({"help"}, nullptr);
  EXPECT_TRUE(std::holds_alternative<HelpText>(asked));
  const auto parsed = parse_arguments({"--help"}, nullptr);
  const auto* help = std::get_if<HelpText>(&parsed);
  ASSERT_NE(help, nullptr);
  for (const Verb& verb : verbs()) {
    EXPECT_NE(help->text.find(verb.words), std::string::npos) << verb.words;
    EXPECT_NE(help->text.find(verb.help), std::string::npos) << verb.words;
  }
  const auto version = parse_arguments({"--version"}, nullptr);
  ASSERT_TRUE(std::holds_alternative<HelpText>(version));
  EXPECT_EQ(std::get<HelpText>(version).text, "lastmile " LASTMILE_VERSION "\n");
}

}  // namespace
}  // namespace lastmile::cli
