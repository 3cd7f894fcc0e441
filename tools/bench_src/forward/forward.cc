// Forwarding on one worker: DPDK's pcap device as an endless source, null devices as sinks, and the
// real worker between them, checks, counters and all.
//
//   bench-forward --routes 1000 --members 1       # the small case
//   bench-forward --members 2                     # full table, two uplinks
//   bench-forward --ipv6                          # the same with IPv6
//   bench-forward --write-pcap FILE               # only the packets, for another program
//   bench-forward --idle                          # what a worker without packets costs
//
// Rates are by the worker thread's own CPU time: on a machine that others use, too, the time in
// which somebody else had the CPU says nothing about the code. `tools/bench forward` runs this
// beside testpmd on the same packets.
#include <fmt/format.h>
#include <rte_cycles.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>

#include "tools/bench_src/forward/pcap_file.h"
#include "tools/bench_src/forward/rig.h"
#include "tools/bench_src/forward/workload.h"

namespace lastmile::bench {
namespace {

struct Options {
  WorkloadOptions workload;
  unsigned members = 2;
  unsigned cpu = 1;
  double seconds = 2;
  bool json = false;
  bool idle = false;
  std::string write_pcap;
};

struct Result {
  double seconds;
  WorkerSnapshot before;
  WorkerSnapshot after;

  [[nodiscard]] std::uint64_t packets() const { return after.packets - before.packets; }
  [[nodiscard]] double mpps() const { return static_cast<double>(packets()) / seconds / 1e6; }
  [[nodiscard]] double cycles_per_packet() const {
    return static_cast<double>(rte_get_tsc_hz()) / (mpps() * 1e6);
  }
  [[nodiscard]] double packets_per_vector() const {
    return static_cast<double>(packets()) / static_cast<double>(after.vectors - before.vectors);
  }
  [[nodiscard]] double stage(std::size_t i) const {
    const WorkerSnapshot::StageTime difference{
        .cycles = after.stages[i].cycles - before.stages[i].cycles,
        .packets = after.stages[i].packets - before.stages[i].packets};
    return difference.cycles_per_packet();
  }
};

Result measure(const Worker& worker, double seconds) {
  const ThreadCpuTime thread{"lm-worker-0"};
  std::this_thread::sleep_for(std::chrono::milliseconds{300});  // caches, page faults
  const auto before = thread.read();
  WorkerSnapshot first = snapshot(worker.counters());
  std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
  const auto after = thread.read();
  WorkerSnapshot last = snapshot(worker.counters());
  return {.seconds = std::chrono::duration<double>{after - before}.count(),
          .before = std::move(first),
          .after = std::move(last)};
}

void print_text(const Options& options, const Workload& workload, const std::string& memory,
                const Result& result) {
  fmt::print("{} routes ({}), {} flows of {} bytes, {} next hop(s), {}\n", workload.prefixes.size(),
             workload.table, workload.frames.size(), options.workload.frame_size, options.members,
             memory);
  fmt::print("{:.1f} Mpps, {:.1f} cycles a packet, {:.0f} packets a vector, {} dropped\n",
             result.mpps(), result.cycles_per_packet(), result.packets_per_vector(),
             result.after.total_drops());
  fmt::print("sampled cycles a packet by stage:");
  for (std::size_t i = 0; i < kStageCount; ++i) {
    fmt::print(" {} {:.1f}", kStageNames[i], result.stage(i));
  }
  fmt::print("\n");
}

void print_json(const Options& options, const Workload& workload, const std::string& memory,
                const Result& result) {
  nlohmann::json stages;
  for (std::size_t i = 0; i < kStageCount; ++i) {
    stages[std::string{kStageNames[i]}] = result.stage(i);
  }
  const nlohmann::json json{{"routes", workload.prefixes.size()},
                            {"table", workload.table},
                            {"flows", workload.frames.size()},
                            {"frame_size", options.workload.frame_size},
                            {"members", options.members},
                            {"memory", memory},
                            {"mpps", result.mpps()},
                            {"cycles_per_packet", result.cycles_per_packet()},
                            {"dropped", result.after.total_drops()},
                            {"stages", stages}};
  fmt::print("{}\n", json.dump());
}

void start(Worker& worker) {
  if (const auto started = worker.start(); !started) throw std::runtime_error(started.error());
}

void run_idle(const Options& options, Worker& worker) {
  start(worker);
  const Result result = measure(worker, options.seconds);
  worker.stop();
  const auto sleeps = result.after.sleeps - result.before.sleeps;
  const auto asleep = result.after.sleep_cycles - result.before.sleep_cycles;
  fmt::print("idle worker: {:.2f} % of a core, {} sleeps of {:.0f} us\n",
             100 * result.seconds / options.seconds, sleeps,
             static_cast<double>(asleep) / static_cast<double>(sleeps) * 1e6 /
                 static_cast<double>(rte_get_tsc_hz()));
}

void run(const Options& options) {
  const Workload workload = make_workload(options.workload);
  if (!options.write_pcap.empty()) {
    write_pcap(options.write_pcap, workload.frames);
    return;
  }
  const TemporaryFile pcap;
  write_pcap(pcap.path(), workload.frames);
  const std::string memory =
      start_rig(pcap.path(), options.members, memory_for(workload.frames.size()));

  ForwardingTables tables;
  fill_tables(tables, workload.prefixes, options.members);
  Worker worker{make_worker_config(options.members, make_pool(workload.frames.size()), options.cpu,
                                   options.idle ? Source::kIgnored : Source::kPolled),
                tables};
  if (options.idle) return run_idle(options, worker);
  start(worker);
  const Result result = measure(worker, options.seconds);
  worker.stop();
  (options.json ? print_json : print_text)(options, workload, memory, result);
}

}  // namespace
}  // namespace lastmile::bench

int main(int argc, char** argv) {
  lastmile::bench::Options options;
  CLI::App app{"Forwarding rate of one worker"};
  app.add_option("--routes", options.workload.routes, "so many routes instead of the full table");
  app.add_option("--table", options.workload.table_file, "file with the full table");
  app.add_flag_callback(
      "--ipv6", [&] { options.workload.protocol = lastmile::bench::Protocol::kIpv6; },
      "IPv6 packets and routes");
  app.add_option("--flows", options.workload.flows, "different packets")->capture_default_str();
  app.add_option("--size", options.workload.frame_size, "bytes on the wire, with FCS")
      ->capture_default_str();
  app.add_option("--members", options.members, "next hops of equal cost")
      ->capture_default_str()
      ->check(CLI::Range(1U, lastmile::bench::kMaxMembers));
  app.add_option("--cpu", options.cpu, "CPU of the worker")->capture_default_str();
  app.add_option("--seconds", options.seconds, "how long to measure")->capture_default_str();
  app.add_option("--write-pcap", options.write_pcap, "write the packets to a file and end");
  app.add_flag("--idle", options.idle, "no packets: what does an idle worker cost?");
  app.add_flag("--json", options.json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  try {
    lastmile::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-forward: {}\n", error.what());
    return 1;
  }
  return 0;
}
