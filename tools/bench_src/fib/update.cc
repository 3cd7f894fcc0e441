// bench-fib-update: TSC cycles to add, replace or remove a route of a full table in random order,
// while a reader looks up addresses on another CPU; ours beside rte_fib and (a sample) rte_lpm.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_lpm.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <random>
#include <thread>

#include "dataplane/fib/fib.h"
#include "tools/bench_src/fib/harness.h"
#include "tools/bench_src/fib/table.h"

namespace {

using namespace lastmile;
using namespace lastmile::bench;

constexpr unsigned kSeed = 7;
constexpr unsigned kVector = 256;

struct Options {
  std::string table;
  std::size_t routes = 0;
  unsigned rounds = 7;
  unsigned cpu = 0;
  unsigned reader_cpu = 1;
  unsigned ahead = kFibLookAhead;
  unsigned lpm_sample = 20000;
  bool json = false;
  bool no_reader = false;
  EalOptions eal;
};

GroupId group_of(std::size_t route, unsigned variant) {
  return GroupId{static_cast<std::uint16_t>(1 + (route + variant) % 64)};
}

/// Looks up random addresses in whichever table is being changed, as a worker would.
class BackgroundReader {
 public:
  BackgroundReader(const Ipv4Fib& ours, RcuDomain& domain, unsigned cpu)
      : domain_(domain), thread_([this, &ours, cpu] { loop(ours, cpu); }) {}
  ~BackgroundReader() {
    stop_ = true;
    thread_.join();
  }
  BackgroundReader(const BackgroundReader&) = delete;
  BackgroundReader& operator=(const BackgroundReader&) = delete;

  /// From here on this rte_fib, with null our table. Returns when the table before is let go.
  void look_at(rte_fib* theirs) {
    theirs_ = theirs;
    domain_.synchronize();
  }

 private:
  void loop(const Ipv4Fib& ours, unsigned cpu) {
    pin_to(cpu);
    RcuReader reader{domain_};
    reader.online();
    std::mt19937 random{kSeed};
    std::vector<std::uint32_t> addresses(1U << 18);
    for (auto& address : addresses) address = static_cast<std::uint32_t>(random());
    std::vector<std::uint16_t> groups(kVector);
    std::vector<std::uint64_t> next_hops(kVector);
    for (std::size_t at = 0; !stop_.load(std::memory_order_relaxed);
         at = (at + kVector) % addresses.size()) {
      if (rte_fib* const theirs = theirs_.load(std::memory_order_relaxed)) {
        rte_fib_lookup_bulk(theirs, &addresses[at], next_hops.data(), kVector);
      } else {
        ours.lookup_bulk(&addresses[at], groups.data(), kVector);
      }
      reader.quiescent();
    }
  }

  RcuDomain& domain_;
  std::atomic<rte_fib*> theirs_{nullptr};  // main: writes; reader: reads
  std::atomic<bool> stop_{false};          // main: writes; reader: reads
  std::thread thread_;
};

/// Applies `change(i)` to all routes, with `ahead(i)` some operations before; cycles per route.
template <class Ahead, class Change>
double cycles_per_route(std::size_t count, std::size_t distance, Ahead ahead, Change change) {
  const CycleTimer timer;
  for (std::size_t i = 0; i < count; ++i) {
    if (distance != 0 && i + distance < count) ahead(i + distance);
    change(i);
  }
  return timer.elapsed() / static_cast<double>(count);
}

/// What single operations cost: the typical one, the slowest of 10,000, and the slowest of all. On
/// a machine that takes the CPU away now and then the last one tells of the machine.
struct Extremes {
  std::uint64_t median, one_in_ten_thousand, worst;
};
template <class Ahead, class Change>
Extremes extremes(std::size_t count, std::size_t distance, Ahead ahead, Change change) {
  std::vector<std::uint64_t> cycles(count);
  std::uint64_t before = rte_rdtsc();
  for (std::size_t i = 0; i < count; ++i) {
    if (i + distance < count) ahead(i + distance);
    change(i);
    const std::uint64_t after = rte_rdtsc();
    cycles[i] = after - before;
    before = after;
  }
  std::sort(cycles.begin(), cycles.end());
  return {cycles[count / 2], cycles[count - 1 - count / 10000], cycles.back()};
}

void must(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

/// rte_lpm slows down so much with the table that a sample must do. Cycles for each added route.
double lpm_add(const std::vector<Ipv4Prefix>& prefixes, std::size_t most) {
  rte_lpm_config config{};
  config.max_rules = 1 << 20;
  config.number_tbl8s = 1 << 14;
  const std::unique_ptr<rte_lpm, void (*)(rte_lpm*)> lpm{rte_lpm_create("lpm", 0, &config),
                                                         rte_lpm_free};
  must(lpm != nullptr, "rte_lpm_create failed");
  return cycles_per_route(
      std::min(most, prefixes.size()), 0, [](std::size_t) {},
      [&](std::size_t i) {
        must(rte_lpm_add(lpm.get(), prefixes[i].address().value(),
                         static_cast<std::uint8_t>(prefixes[i].length()),
                         group_of(i, 0).value()) == 0,
             "rte_lpm_add failed");
      });
}

void run(const Options& options) {
  pin_to(options.cpu);
  start_eal(options.eal);
  pin_to(options.cpu);
  Table table = load_table(options.table, options.routes);
  std::vector<Ipv4Prefix>& prefixes = table.prefixes;
  std::mt19937 random{kSeed};
  std::shuffle(prefixes.begin(), prefixes.end(), random);
  Report report{"fib-update", options.json ? Output::kJson : Output::kText};
  report.about(fmt::format("{} routes ({}) in random order, {}, prefetch {} ahead", prefixes.size(),
                           table.source, options.no_reader ? "no reader" : "one reader",
                           options.ahead));

  RcuDomain domain{1};
  Ipv4Fib ours{domain, {.max_routes = 1 << 20, .second_level_groups = 1 << 15}};
  std::unique_ptr<BackgroundReader> reader;
  if (!options.no_reader) {
    reader = std::make_unique<BackgroundReader>(ours, domain, options.reader_cpu);
  }
  const auto we_do = [&](auto change) {
    return cycles_per_route(
        prefixes.size(), options.ahead, [&](std::size_t i) { ours.prefetch(prefixes[i]); }, change);
  };
  const auto we_add = [&](unsigned variant) {
    return we_do([&, variant](std::size_t i) {
      must(ours.set(prefixes[i], group_of(i, variant)).has_value(), "set failed");
    });
  };
  const auto they_do = [&](const char* what, auto change) {
    return cycles_per_route(
        prefixes.size(), 0, [](std::size_t) {},
        [&](std::size_t i) {
          const int result = change(prefixes[i].address().value(),
                                    static_cast<std::uint8_t>(prefixes[i].length()), i);
          if (result == 0) return;
          throw std::runtime_error(
              fmt::format("rte_fib, {} of route {}: {}", what, i, rte_strerror(-result)));
        });
  };

  // Add, replace and remove follow each other, so the rounds are run here; the contenders of the
  // three comparisons hand out what was measured.
  struct Sample {
    double add, replace, remove;
  };
  std::vector<Sample> our_samples;
  std::vector<Sample> their_samples;
  for (unsigned round = 0; round <= options.rounds; ++round) {
    Sample sample{};
    sample.add = we_add(0);
    sample.replace = we_add(1);
    sample.remove =
        we_do([&](std::size_t i) { must(ours.remove(prefixes[i]).has_value(), "remove failed"); });
    our_samples.push_back(sample);

    // A new one each round: rte_fib of DPDK 22.11 loses reserved second-level groups over time.
    rte_fib_conf config{};
    config.type = RTE_FIB_DIR24_8;
    config.max_routes = 1 << 20;
    config.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
    config.dir24_8.num_tbl8 = (1 << 15) - 1;
    rte_fib* const theirs = rte_fib_create("theirs", 0, &config);
    must(theirs != nullptr, "rte_fib_create failed");
    if (reader) reader->look_at(theirs);
    const auto add = [&](unsigned variant) {
      return they_do("add", [&, variant](auto address, auto length, std::size_t i) {
        return rte_fib_add(theirs, address, length, group_of(i, variant).value());
      });
    };
    sample.add = add(0);
    sample.replace = add(1);
    sample.remove = they_do("remove", [&](auto address, auto length, std::size_t) {
      return rte_fib_delete(theirs, address, length);
    });
    their_samples.push_back(sample);
    if (reader) reader->look_at(nullptr);
    rte_fib_free(theirs);
  }
  const auto singly = [&](auto change) {
    return extremes(
        prefixes.size(), options.ahead, [&](std::size_t i) { ours.prefetch(prefixes[i]); }, change);
  };
  const auto set = [&](unsigned variant) {
    return [&, variant](std::size_t i) {
      must(ours.set(prefixes[i], group_of(i, variant)).has_value(), "set failed");
    };
  };
  const std::array<Extremes, 3> single{
      singly(set(0)), singly(set(1)),
      singly([&](std::size_t i) { must(ours.remove(prefixes[i]).has_value(), "remove failed"); })};
  reader.reset();
  ours.reclaim();
  must(ours.stats().routes == 0 && ours.stats().second_level_used == 0, "our table is not empty");

  const double lpm = options.lpm_sample == 0 ? 0 : lpm_add(prefixes, options.lpm_sample);
  std::size_t kind = 0;
  for (const auto& [name, member] : {std::pair{"add", &Sample::add},
                                     {"replace", &Sample::replace},
                                     {"remove", &Sample::remove}}) {
    std::size_t our_next = 0;
    std::size_t their_next = 0;
    std::vector<Contender> contenders;
    contenders.push_back(
        {"lastmile", Side::kOurs, [&, m = member] { return our_samples[our_next++].*m; }});
    contenders.push_back({"rte_fib 2 bytes (no RCU)", Side::kPeer,
                          [&, m = member] { return their_samples[their_next++].*m; }});
    if (lpm != 0 && kind == 0) {
      contenders.push_back({fmt::format("rte_lpm, the first {} only", options.lpm_sample),
                            Side::kPeer, [lpm] { return lpm; }});
    }
    report.compare(fmt::format("FIB {} a route", name), "TSC cycles per route", contenders,
                   options.rounds);
    report.fact("routes", static_cast<double>(prefixes.size()));
    report.fact("single operation, median", static_cast<double>(single[kind].median));
    report.fact("single operation, slowest of 10,000",
                static_cast<double>(single[kind].one_in_ten_thousand));
    report.fact("single operation, slowest of all", static_cast<double>(single[kind].worst));
    ++kind;
  }
  report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Cycles to change a route of a full FIB: ours beside rte_fib and rte_lpm"};
  app.add_option("--table", options.table, "prefixes, one a line, plain or gzip");
  app.add_option("--routes", options.routes, "so many routes instead of the whole table");
  app.add_option("--rounds", options.rounds, "rounds that count")->check(CLI::Range(1, 1000));
  app.add_option("--cpu", options.cpu, "CPU of the writer");
  app.add_option("--reader-cpu", options.reader_cpu, "CPU of the reader");
  app.add_option("--prefetch", options.ahead, "operations to prefetch ahead; 0: none");
  app.add_option("--lpm-sample", options.lpm_sample, "routes for rte_lpm; 0: none");
  app.add_flag("--no-reader", options.no_reader, "no reader beside the writer");
  app.add_flag("--json", options.json, "one JSON object");
  app.add_flag("--huge", options.eal.huge_pages, "huge pages for DPDK's tables, too");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-fib-update: {}\n", error.what());
    return 1;
  }
  return 0;
}
