#include "tools/bench_src/forward/rig.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <variant>
#include <vector>

#include "dataplane/forwarding/group_layout.h"
#include "tools/bench_src/forward/workload.h"

namespace lastmile::bench {
namespace {

// Above so many flows, packet buffers are small ones, or they would fill the memory.
constexpr std::size_t kManyFlows = 65536;
constexpr std::uint16_t kSmallBuffer = 512;

/// 2 MiB pages that nobody uses; 0 where there are none.
unsigned free_hugepages() {
  unsigned pages = 0;
  std::ifstream{"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"} >> pages;
  return pages;
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

}  // namespace

TemporaryFile::TemporaryFile()
    : path_(std::filesystem::temp_directory_path() /
            fmt::format("lastmile-bench-{}.pcap", getpid())) {}
TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

std::string start_rig(const std::string& pcap, unsigned sinks, unsigned megabytes) {
  const bool huge = free_hugepages() >= megabytes / 2;
  std::vector<std::string> arguments{"bench",
                                     huge ? "--in-memory" : "--no-huge",
                                     "--no-pci",
                                     "--no-telemetry",
                                     "-m",
                                     std::to_string(megabytes),
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

unsigned memory_for(std::size_t flows) {
  return 256 + (flows > kManyFlows ? static_cast<unsigned>(flows * 1024 >> 20U) : 0);
}

rte_mempool* make_pool(std::size_t flows) {
  const std::uint16_t room =
      flows > kManyFlows ? kSmallBuffer : std::uint16_t{RTE_MBUF_DEFAULT_BUF_SIZE};
  rte_mempool* const pool =
      rte_pktmbuf_pool_create("bench", static_cast<unsigned>(flows) + 8192,
                              RTE_MEMPOOL_CACHE_MAX_SIZE, 0, room, SOCKET_ID_ANY);
  if (pool == nullptr) throw std::runtime_error("no memory for packet buffers");
  return pool;
}

WorkerConfig make_worker_config(unsigned members, rte_mempool* pool, unsigned cpu, Source source) {
  WorkerConfig config;
  config.cpu = cpu;
  config.flow_seed = kFlowSeed;
  config.idle = source == Source::kPolled ? IdleStrategy::kPoll : IdleStrategy::kAdaptive;
  // A port of the local zone, so that host mode's guard is passed, and checked, by every packet.
  config.ports.push_back({.id = PortId{0},
                          .device = start_device("net_pcap0", pool),
                          .mac = kIngressMac,
                          .zone = PortZone::kLocal});
  if (source == Source::kIgnored) config.ports.front().receive_queues.clear();
  for (unsigned i = 0; i < members; ++i) {
    config.ports.push_back({.id = PortId{static_cast<std::uint16_t>(i + 1)},
                            .device = start_device(fmt::format("net_null{}", i), pool)});
    if (source == Source::kPolled) config.ports.back().receive_queues.clear();
  }
  return config;
}

MacAddress leaf_address(NextHopId id) {
  return MacAddress{{0x02, 0, 0, 0, 3, static_cast<std::uint8_t>(id.value())}};
}

void fill_tables(ForwardingTables& tables, std::span<const IpPrefix> prefixes, unsigned members) {
  GroupSpec spec;
  for (unsigned i = 1; i <= members; ++i) {
    const PortId port{static_cast<std::uint16_t>(i)};
    const NextHopId id{static_cast<std::uint16_t>(i)};
    tables.ports.set(port, {.mac = MacAddress{{0x02, 0, 0, 0, 2, static_cast<std::uint8_t>(i)}},
                            .mtu = 1500,
                            .zone = PortZone::kUplink});
    tables.next_hops.set(
        id, {.kind = NextHopKind::kForward, .port = port, .destination = leaf_address(id)},
        tables.ports.mac(port));
    spec.primaries.push_back({.next_hop = id});
  }
  tables.groups.publish(GroupId{1}, lay_out(spec));
  for (const IpPrefix& prefix : prefixes) {
    const auto* const ipv4 = std::get_if<Ipv4Prefix>(&prefix);
    const auto done = ipv4 != nullptr ? tables.ipv4.set(*ipv4, GroupId{1})
                                      : tables.ipv6.set(std::get<Ipv6Prefix>(prefix), GroupId{1});
    if (!done) throw std::runtime_error("table full");
  }
}

ThreadCpuTime::ThreadCpuTime(const std::string& thread_name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream{task.path() / "comm"} >> name;
    if (name != thread_name) continue;
    // A thread's own clock, by its number (the kernel's posix-timers.h: CPUCLOCK_SCHED of a
    // thread). Its schedstat is as old as the last tick of the scheduler, up to 10 ms.
    constexpr clockid_t kThreadSchedClock = 6;
    clock_ = ~static_cast<clockid_t>(std::stol(task.path().filename())) * 8 | kThreadSchedClock;
    return;
  }
  throw std::runtime_error("no thread " + thread_name);
}

std::chrono::nanoseconds ThreadCpuTime::read() const {
  timespec now{};
  if (clock_gettime(clock_, &now) != 0) throw std::runtime_error("no clock of the thread");
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

}  // namespace lastmile::bench
