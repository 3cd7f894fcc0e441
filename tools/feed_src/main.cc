// lastmile-feed: announces routing tables to a BGP router under test, and counts what comes back.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <optional>
#include <string>

#include "tools/feed_src/command.h"
#include "tools/feed_src/feeder.h"
#include "tools/feed_src/mrt.h"
#include "tools/feed_src/table.h"

namespace lastmile::feed {
namespace {

struct Arguments {
  std::string connect, listen, source, next_hop_v6;
  std::string prefixes, mrt;
  std::optional<std::uint16_t> mrt_peer;
  std::optional<std::size_t> routes;
  std::uint32_t seed = 1;
  bool same_asn = false, split = false, announce = false, closed = false;
  Options options;
};

void describe(CLI::App& app, Arguments& a) {
  app.add_option("--connect", a.connect, "connect to the router: 192.0.2.1, [fe80::1%eth0]:1790");
  app.add_option("--listen", a.listen, "accept it on this address instead (and the ones after it)");
  app.add_option(
      "--discover", a.options.discover,
      "find the router on an unnumbered link, by router advertisements on this interface");
  app.add_option("--source", a.source,
                 "own address of the first peer; further peers take the next");
  app.add_option("--port", a.options.port, "the router's TCP port")->capture_default_str();
  app.add_option("--asn", a.options.asn, "own AS number of the first peer")->capture_default_str();
  app.add_flag("--same-asn", a.same_asn, "all peers have the same AS number, not the next ones");
  app.add_option("--peers", a.options.peers, "peers that announce")->capture_default_str();
  app.add_option("--receivers", a.options.receivers, "further peers that only listen");
  app.add_option("--hold", a.options.hold_s, "hold time (s)")->capture_default_str();
  app.add_option("--patience", a.options.patience_s, "longest wait of a command (s)")
      ->capture_default_str();

  app.add_option("--prefixes", a.prefixes, "table: PREFIX<TAB>ORIGIN_AS lines, plain or gzip");
  app.add_option("--mrt", a.mrt, "table: an MRT TABLE_DUMP_V2 dump, plain or gzip");
  app.add_option("--mrt-peer", a.mrt_peer,
                 "whose routes of the dump (index; default: the first's)");
  app.add_option("--routes", a.routes,
                 "so many routes of the table; without one, made up (default: 512620)");
  app.add_option("--seed", a.seed, "of a made-up table")->capture_default_str();
  app.add_flag("--split", a.split, "each peer announces its part of the table, not all of it");
  app.add_option("--next-hop6", a.next_hop_v6, "announce IPv6 routes over IPv4 sessions with this");
  app.add_flag("--announce", a.announce, "announce as soon as a session is up");
  app.add_flag("--closed", a.closed, "open no session before the command `open`");
  app.add_option("--do", a.options.commands,
                 "commands, one an argument; without them they are read from standard input");
}

tl::expected<Table, std::string> load(const Arguments& a) {
  if (!a.mrt.empty()) return read_mrt(a.mrt, a.mrt_peer, a.routes.value_or(kAnyNumber));
  if (!a.prefixes.empty()) return read_prefix_list(a.prefixes, a.routes.value_or(kAnyNumber));
  constexpr std::size_t kDefaultRoutes = 512620;
  return make_table(a.routes.value_or(kDefaultRoutes), a.seed);
}

tl::expected<Options, std::string> options_of(Arguments& a) {
  Options options = a.options;
  const auto take = [&](const std::string& text, std::optional<End>& end,
                        std::uint16_t port) -> tl::expected<void, std::string> {
    if (text.empty()) return {};
    auto parsed = parse_end(text, port);
    if (!parsed) return tl::unexpected(parsed.error());
    end = *parsed;
    return {};
  };
  if (auto r = take(a.connect, options.connect, options.port); !r) return tl::unexpected(r.error());
  if (auto r = take(a.listen, options.listen, bgp::kBgpPort); !r) return tl::unexpected(r.error());
  if (auto r = take(a.source, options.source, 0); !r) return tl::unexpected(r.error());
  if (!options.connect && !options.listen && options.discover.empty()) {
    return tl::unexpected<std::string>("wants one of --connect, --listen, --discover");
  }
  if (!a.next_hop_v6.empty()) {
    const auto address = Ipv6Address::parse(a.next_hop_v6);
    if (!address) return tl::unexpected("--next-hop6: not an IPv6 address: " + a.next_hop_v6);
    options.next_hop_v6 = *address;
  }
  if (a.same_asn) options.asn_step = Options::AsnStep::kSame;
  if (a.split) options.share = Options::Share::kPart;
  if (a.closed) options.sessions = Options::Sessions::kClosed;
  if (a.announce) options.start = Options::Start::kAtOnce;
  return options;
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"Announces routing tables to a BGP router under test, and counts what comes back."};
  app.footer("Commands:\n" + command_help() +
             "\nOutput: one JSON object a line; times are seconds of CLOCK_MONOTONIC.");
  describe(app, arguments);
  CLI11_PARSE(app, argc, argv);
  const auto options = options_of(arguments);
  if (!options) {
    fmt::print(stderr, "lastmile-feed: {}\n", options.error());
    return 2;
  }
  auto table = load(arguments);
  if (!table) {
    fmt::print(stderr, "lastmile-feed: {}\n", table.error());
    return 1;
  }
  Feeder feeder{*options, std::move(*table)};
  if (const auto opened = feeder.open(); !opened) {
    fmt::print(stderr, "lastmile-feed: {}\n", opened.error());
    return 1;
  }
  return feeder.run() ? 0 : 1;
}

}  // namespace
}  // namespace lastmile::feed

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return lastmile::feed::run(argc, argv);
}
