// bench-fib-lookup: TSC cycles of one longest-prefix match in a full table, ours beside rte_fib,
// rte_lpm and rte_fib6 with the same routes, addresses and vector length.
#include "tools/bench_src/fib/lookup.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

namespace {

using namespace lastmile::bench;

void run(const LookupOptions& options) {
  pin_to(options.cpu);
  start_eal(options.eal);
  pin_to(options.cpu);
  Report report{"fib-lookup", options.json ? Output::kJson : Output::kText};
  compare_ipv4_lookup(options, report);
  if (!options.no_ipv6) compare_ipv6_lookup(options, report);
  report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  LookupOptions options;
  CLI::App app{"Cycles of a FIB lookup: ours beside rte_fib, rte_lpm and rte_fib6"};
  app.add_option("--table", options.table, "IPv4 prefixes, one a line, plain or gzip");
  app.add_option("--ipv6-table", options.ipv6_table, "IPv6 prefixes, the same");
  app.add_option("--routes", options.routes, "IPv4: so many routes instead of the whole table");
  app.add_option("--rounds", options.rounds, "rounds that count")->check(CLI::Range(1, 1000));
  app.add_option("--vector", options.vector, "addresses in one call (a power of two)")
      ->check(CLI::IsMember({8, 16, 32, 64, 128, 256, 512, 1024}));
  app.add_option("--cpu", options.cpu, "CPU to run on");
  app.add_flag("--json", options.json, "one JSON object");
  app.add_flag("--no-lpm", options.no_lpm, "leave out rte_lpm, which loads slowly");
  app.add_flag("--no-ipv6", options.no_ipv6, "IPv4 only");
  app.add_flag("--huge", options.eal.huge_pages, "huge pages for DPDK's tables, too");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-fib-lookup: {}\n", error.what());
    return 1;
  }
  return 0;
}
