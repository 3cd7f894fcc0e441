// bench-repair: one of two uplinks dies. How long from the store that says so until the first
// packet of its flows leaves by the other one, rewritten right? With a full table behind the group,
// and with one route: it should be the same.
//
// A thread kills and revives next hop 1 while a worker forwards at full speed; a hook behind the
// worker, where packets go to the surviving device, looks for packets of the flows that were the
// dead one's (marked beforehand in their last byte). Time-stamp counters of the CPUs run together.
//
// Beside it: rte_fib, which knows no groups. What a router on it would do is replace all routes of
// the dead next hop; the time until all of them are.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_fib.h>
#include <rte_pause.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "dataplane/forwarding/flow_hash.h"
#include "dataplane/net/headers.h"
#include "tools/bench_src/fib/harness.h"
#include "tools/bench_src/forward/pcap_file.h"
#include "tools/bench_src/forward/rig.h"
#include "tools/bench_src/forward/workload.h"

namespace lastmile::bench {
namespace {

constexpr unsigned kMembers = 2;
constexpr NextHopId kDead{1};
constexpr NextHopId kSurvivor{2};
constexpr unsigned kMegabytes = 512;

struct Options {
  std::string table;
  unsigned rounds = 9;
  unsigned deaths = 40;  ///< in each round
  unsigned cpu = 1;
  bool json = false;
};

std::uint64_t nanoseconds(std::uint64_t cycles) {
  return static_cast<std::uint64_t>(static_cast<double>(cycles) * 1e9 /
                                    static_cast<double>(rte_get_tsc_hz()));
}

/// Waits at the surviving device for a packet of the dead one's flows.
struct Hook {
  std::atomic<std::uint64_t> seen{1};   // main: clears; worker: writes the time
  std::atomic<std::uint64_t> wrong{0};  // worker: counts packets with a wrong rewrite

  static std::uint16_t on_transmit(std::uint16_t, std::uint16_t, rte_mbuf** packets,
                                   std::uint16_t count, void* self) {
    auto& hook = *static_cast<Hook*>(self);
    if (hook.seen.load(std::memory_order_relaxed) != 0) return count;
    for (unsigned i = 0; i < count; ++i) {
      const auto* const frame = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
      if (frame[packets[i]->data_len - 1] != kDead.value()) continue;
      if (frame[5] != kSurvivor.value()) hook.wrong.fetch_add(1, std::memory_order_relaxed);
      hook.seen.store(rte_rdtsc(), std::memory_order_release);
      break;
    }
    return count;
  }
};

/// Writes into each packet's last byte which next hop its flow takes while both live.
void mark(Workload& workload, const ForwardingTables& tables) {
  const FlowHash hash{kFlowSeed};
  for (auto& frame : workload.frames) {
    const std::uint8_t* const header = frame.data() + ethernet::kHeaderSize;
    const std::uint32_t flow =
        hash.ipv4(load_raw<std::uint32_t>(header + ipv4::kSource),
                  load_raw<std::uint32_t>(header + ipv4::kDestination), header[ipv4::kProtocol],
                  load_raw<std::uint32_t>(header + ipv4::kHeaderSize));
    frame.back() =
        static_cast<std::uint8_t>(tables.groups.select(GroupId{1}, flow, tables.next_hops).value());
  }
}

class Uplinks {
 public:
  Uplinks(ForwardingTables& tables, const WorkerConfig& config, Hook& hook)
      : tables_(tables), worker_(config, tables), hook_(hook) {}

  /// Median nanoseconds from the death to the first moved packet.
  double run(unsigned deaths, std::vector<double>& all) {
    if (const auto started = worker_.start(); !started) throw std::runtime_error(started.error());
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    std::vector<double> samples;
    for (unsigned i = 0; i < deaths; ++i) samples.push_back(kill_once());
    worker_.stop();
    all.insert(all.end(), samples.begin(), samples.end());
    return figure(samples).median;
  }

 private:
  double kill_once() {
    std::this_thread::sleep_for(std::chrono::microseconds{200 + random_() % 200});
    hook_.seen.store(0, std::memory_order_release);
    const std::uint64_t died = rte_rdtsc();
    tables_.next_hops.set_down(kDead, DownCause::kBfd);
    std::uint64_t seen = 0;
    while ((seen = hook_.seen.load(std::memory_order_acquire)) == 0) {
      if (rte_rdtsc() - died > rte_get_tsc_hz()) throw std::runtime_error("no packet has moved");
      rte_pause();
    }
    tables_.next_hops.clear_down(kDead, DownCause::kBfd);
    return static_cast<double>(nanoseconds(seen - died));
  }

  ForwardingTables& tables_;
  Worker worker_;
  Hook& hook_;
  std::mt19937 random_{1};
};

struct FreeFib {
  void operator()(rte_fib* fib) const { rte_fib_free(fib); }
};

/// rte_fib with these routes, and what it takes to give them all another next hop.
class RouteByRoute {
 public:
  explicit RouteByRoute(std::span<const IpPrefix> prefixes) : prefixes_(prefixes) {
    rte_fib_conf config{};
    config.type = RTE_FIB_DIR24_8;
    config.max_routes = static_cast<int>(prefixes.size()) + 1024;
    config.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
    config.dir24_8.num_tbl8 = (1 << 15) - 1;
    fib_.reset(rte_fib_create(fmt::format("fib{}", prefixes.size()).c_str(), 0, &config));
    if (!fib_) throw std::runtime_error("rte_fib_create failed");
    move_all();
  }
  /// Nanoseconds until the last route is moved.
  double move_all() {
    const std::uint64_t before = rte_rdtsc();
    next_hop_ = 3 - next_hop_;
    for (const IpPrefix& any : prefixes_) {
      const Ipv4Prefix& prefix = std::get<Ipv4Prefix>(any);
      if (rte_fib_add(fib_.get(), prefix.address().value(),
                      static_cast<std::uint8_t>(prefix.length()), next_hop_) != 0) {
        throw std::runtime_error("rte_fib_add failed");
      }
    }
    return static_cast<double>(nanoseconds(rte_rdtsc() - before));
  }

 private:
  std::span<const IpPrefix> prefixes_;
  std::unique_ptr<rte_fib, FreeFib> fib_;
  std::uint64_t next_hop_ = 1;
};

void run(const Options& options) {
  WorkloadOptions wanted;
  wanted.table_file = options.table;
  Workload workload = make_workload(wanted);
  const std::vector<IpPrefix> one_route{Ipv4Prefix{}};

  Report report{"groups", options.json ? Output::kJson : Output::kText};
  ForwardingTables full;
  ForwardingTables one;
  fill_tables(full, workload.prefixes, kMembers);
  fill_tables(one, one_route, kMembers);
  mark(workload, full);

  const TemporaryFile pcap;
  write_pcap(pcap.path(), workload.frames);
  const std::string memory = start_rig(pcap.path(), kMembers, kMegabytes);
  const WorkerConfig config =
      make_worker_config(kMembers, make_pool(workload.frames.size()), options.cpu, Source::kPolled);
  Hook hook;
  const DeviceId survivor = config.ports[kSurvivor.value()].device;
  if (rte_eth_add_tx_callback(survivor.value(), 0, Hook::on_transmit, &hook) == nullptr) {
    throw std::runtime_error("DPDK is built without transmit callbacks");
  }

  report.about(fmt::format("{} routes ({}) on one group of {}, {} flows, {}",
                           workload.prefixes.size(), workload.table, kMembers,
                           workload.frames.size(), memory));
  const auto compare = [&](const char* name, ForwardingTables& tables,
                           std::span<const IpPrefix> prefixes) {
    Uplinks uplinks{tables, config, hook};
    RouteByRoute route_by_route{prefixes};
    std::vector<double> all;
    std::vector<Contender> contenders;
    contenders.push_back({"lastmile: first moved packet", Side::kOurs,
                          [&] { return uplinks.run(options.deaths, all); }});
    contenders.push_back(
        {"rte_fib: every route replaced", Side::kPeer, [&] { return route_by_route.move_all(); }});
    report.compare(name, "ns from the death of a next hop", contenders, options.rounds);
    std::sort(all.begin(), all.end());
    report.fact("routes", static_cast<double>(prefixes.size()));
    report.fact("deaths", static_cast<double>(all.size()));
    report.fact("95 % of deaths repaired within ns", all[all.size() * 95 / 100]);
    report.fact("slowest ns", all.back());
    report.fact("wrongly rewritten", static_cast<double>(hook.wrong.load()));
  };
  compare("repair with the full table", full, workload.prefixes);
  compare("repair with one route", one, one_route);
  report.finish();
}

}  // namespace
}  // namespace lastmile::bench

int main(int argc, char** argv) {
  lastmile::bench::Options options;
  CLI::App app{"From the death of a next hop to the first moved packet"};
  app.add_option("--table", options.table, "prefixes, one a line, plain or gzip");
  app.add_option("--rounds", options.rounds, "rounds that count")->check(CLI::Range(1, 1000));
  app.add_option("--deaths", options.deaths, "deaths in each round")->check(CLI::Range(1, 100000));
  app.add_option("--cpu", options.cpu, "CPU of the worker")->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  try {
    lastmile::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-repair: {}\n", error.what());
    return 1;
  }
  return 0;
}
