// Forwarding on one worker: DPDK's pcap device as an endless source, null devices as sinks, and the
// real worker between them, checks, counters and all.
//
//   bench-forward --routes 1000 --members 1       # the small case
//   bench-forward --members 2                     # full table, two uplinks
//   bench-forward --write-pcap FILE               # only the packets, for another program
//   bench-forward --idle                          # what a worker without packets costs
//
// Rates are by the worker thread's own CPU time: on a machine that others use, too, the time in
// which somebody else had the CPU says nothing about the code. `tools/bench forward` runs this
// beside testpmd on the same packets.
#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/forwarding/group_layout.h"
#include "dataplane/forwarding/tables.h"
#include "dataplane/worker/worker.h"
#include "tools/bench_src/forward/pcap_file.h"
#include "tools/bench_src/forward/workload.h"

namespace lastmile::bench {
namespace {

constexpr unsigned kMaxMembers = 16;

struct Options {
  WorkloadOptions workload;
  unsigned members = 2;
  unsigned cpu = 1;
  double seconds = 2;
  bool json = false;
  bool idle = false;
  std::string write_pcap;
};

/// A name for a file that goes with the program.
class TemporaryFile {
 public:
  TemporaryFile()
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("lastmile-bench-{}.pcap", getpid())) {}
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

constexpr unsigned kMegabytes = 256;

/// 2 MiB pages that nobody uses; 0 where there are none.
unsigned free_hugepages() {
  unsigned pages = 0;
  std::ifstream{"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"} >> pages;
  return pages;
}

/// Returns what packet buffers live in: it decides the result, because DPDK's buffers in ordinary
/// pages all fall into the same few cache sets.
std::string start_eal(const std::string& pcap, unsigned sinks) {
  const bool huge = free_hugepages() >= kMegabytes / 2;
  std::vector<std::string> arguments{"bench-forward",
                                     huge ? "--in-memory" : "--no-huge",
                                     "--no-pci",
                                     "--no-telemetry",
                                     "-m",
                                     std::to_string(kMegabytes),
                                     "--log-level=error",
                                     "--force-max-simd-bitwidth=512",
                                     fmt::format("--file-prefix=lmbench{}", getpid()),
                                     "--vdev",
                                     fmt::format("net_pcap0,rx_pcap={},infinite_rx=1", pcap)};
  for (unsigned i = 0; i < sinks; ++i) {
    arguments.emplace_back("--vdev");
    arguments.push_back(fmt::format("net_null{},no-rx=1", i));
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    throw std::runtime_error("DPDK does not start");
  }
  return huge ? "huge pages" : "ordinary pages";
}

DeviceId start_device(const std::string& name, rte_mempool* pool) {
  std::uint16_t device = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &device) != 0) {
    throw std::runtime_error("no device " + name);
  }
  const rte_eth_conf configuration{};
  if (rte_eth_dev_configure(device, 1, 1, &configuration) != 0 ||
      rte_eth_rx_queue_setup(device, 0, 512, 0, nullptr, pool) != 0 ||
      rte_eth_tx_queue_setup(device, 0, 512, 0, nullptr) != 0 || rte_eth_dev_start(device) != 0) {
    throw std::runtime_error("can't start device " + name);
  }
  return DeviceId{device};
}

/// CPU time that the thread of this name has had.
std::chrono::nanoseconds cpu_time(const std::string& thread_name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream{task.path() / "comm"} >> name;
    if (name != thread_name) continue;
    std::int64_t on_cpu = 0;
    std::ifstream{task.path() / "schedstat"} >> on_cpu;
    return std::chrono::nanoseconds{on_cpu};
  }
  throw std::runtime_error("no thread " + thread_name);
}

void fill_tables(ForwardingTables& tables, const Workload& workload, unsigned members) {
  GroupSpec spec;
  for (unsigned i = 1; i <= members; ++i) {
    const PortId port{static_cast<std::uint16_t>(i)};
    const NextHopId id{static_cast<std::uint16_t>(i)};
    tables.ports.set(port, {.mac = MacAddress{{0x02, 0, 0, 0, 2, static_cast<std::uint8_t>(i)}},
                            .mtu = 1500,
                            .zone = PortZone::kUplink});
    const MacAddress leaf{{0x02, 0, 0, 0, 3, static_cast<std::uint8_t>(i)}};
    tables.next_hops.set(id, {.kind = NextHopKind::kForward, .port = port, .destination = leaf},
                         tables.ports.mac(port));
    spec.primaries.push_back({.next_hop = id});
  }
  tables.groups.publish(GroupId{1}, lay_out(spec));
  for (const Ipv4Prefix& prefix : workload.prefixes) {
    if (!tables.ipv4.set(prefix, GroupId{1})) throw std::runtime_error("table full");
  }
}

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
  const std::string thread = "lm-worker-0";
  std::this_thread::sleep_for(std::chrono::milliseconds{300});  // caches, page faults
  const auto before = cpu_time(thread);
  WorkerSnapshot first = snapshot(worker.counters());
  std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
  const auto after = cpu_time(thread);
  WorkerSnapshot last = snapshot(worker.counters());
  return {.seconds = std::chrono::duration<double>{after - before}.count(),
          .before = std::move(first),
          .after = std::move(last)};
}

void print_text(const Options& options, const Workload& workload, const std::string& memory,
                const Result& result) {
  fmt::print("{} routes ({}), {} flows of {} bytes, {} next hop(s), {}\n", workload.prefixes.size(),
             workload.table, workload.frames.size(), options.workload.frame_size, options.members);
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

rte_mempool* make_pool(std::size_t flows) {
  // The pcap device loads the whole file into buffers of its pool; the rest is in flight.
  rte_mempool* const pool = rte_pktmbuf_pool_create("bench", static_cast<unsigned>(flows) + 8192,
                                                    RTE_MEMPOOL_CACHE_MAX_SIZE, 0,
                                                    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr) throw std::runtime_error("no memory for packet buffers");
  return pool;
}

WorkerConfig make_config(const Options& options, rte_mempool* pool) {
  WorkerConfig config;
  config.cpu = options.cpu;
  config.flow_seed = 1;
  config.idle = options.idle ? IdleStrategy::kAdaptive : IdleStrategy::kPoll;
  // A port of the local zone, so that host mode's guard is passed, and checked, by every packet.
  config.ports.push_back({.id = PortId{0},
                          .device = start_device("net_pcap0", pool),
                          .mac = kIngressMac,
                          .zone = PortZone::kLocal});
  if (options.idle) config.ports.front().receive_queues.clear();
  for (unsigned i = 0; i < options.members; ++i) {
    config.ports.push_back({.id = PortId{static_cast<std::uint16_t>(i + 1)},
                            .device = start_device(fmt::format("net_null{}", i), pool)});
    if (!options.idle) config.ports.back().receive_queues.clear();
  }
  return config;
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
  const std::string memory = start_eal(pcap.path(), options.members);

  ForwardingTables tables;
  fill_tables(tables, workload, options.members);
  Worker worker{make_config(options, make_pool(workload.frames.size())), tables};
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
  app.add_option("--routes", options.workload.routes, "so many /24s instead of the full table");
  app.add_option("--table", options.workload.table_file, "file with the full table");
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
