// What choosing a next hop costs a packet, and what the update queue carries.
//
//   build/tools/bench_src/groups/bench-groups
//
// `tools/bench groups` runs this behind bench-repair.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_hash_crc.h>
#include <rte_jhash.h>
#include <rte_thash.h>
#include <sched.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/forwarding/flow_hash.h"
#include "dataplane/forwarding/group_layout.h"
#include "dataplane/forwarding/tables.h"
#include "dataplane/update/fib_channel.h"
#include "dataplane/update/fib_client.h"
#include "dataplane/update/fib_writer.h"
#include "tools/bench_src/fib/harness.h"

namespace {

using namespace lastmile;         // NOLINT: a program of one file
using namespace lastmile::bench;  // NOLINT: the same

constexpr std::size_t kVector = 256;
constexpr std::size_t kVectors = 64;

NextHopId hop(unsigned id) {
  return NextHopId{static_cast<NextHopId::Representation>(id)};
}

GroupSpec equal(unsigned members) {
  GroupSpec spec;
  for (unsigned id = 1; id <= members; ++id) spec.primaries.push_back({hop(id), 1});
  return spec;
}

// A number that the compiler must believe is used.
void keep(std::uint64_t value) {
  asm volatile("" : : "r"(value));
}

// The calling thread on one CPU, for as long as this lives.
class OnCpu {
 public:
  explicit OnCpu(unsigned cpu) {
    sched_getaffinity(0, sizeof before_, &before_);
    pin_to(cpu);
  }
  ~OnCpu() { sched_setaffinity(0, sizeof before_, &before_); }
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

 private:
  cpu_set_t before_{};
};

struct Packets {
  Packets() {
    const FlowHash hash{1};
    for (std::uint32_t i = 0; i < hashes.size(); ++i) hashes[i] = hash.ipv4(i, ~i, 6, i << 7);
  }
  [[nodiscard]] std::span<const std::uint32_t> vector(std::size_t n) const {
    return std::span{hashes}.subspan(n * kVector, kVector);
  }
  std::vector<std::uint32_t> hashes = std::vector<std::uint32_t>(kVector * kVectors);
};

// One group, all members alive or some dead.
struct SelectCase {
  SelectCase(unsigned its_members, unsigned dead) : members(its_members), dead_members(dead) {
    groups.publish(GroupId{1}, lay_out(equal(members)));
    for (unsigned id = 1; id <= dead; ++id) next_hops.set_down(hop(id), DownCause::kLink);
    for (unsigned id = 1; id <= members; ++id) plain.push_back(hop(id));
    numbers.fill(1);
  }

  double in_vectors(const Packets& packets) {
    const CycleTimer timer;
    for (unsigned repeat = 0; repeat < kRepeat; ++repeat) {
      for (std::size_t v = 0; v < kVectors; ++v) {
        groups.select(numbers, packets.vector(v), next_hops, chosen);
        keep(chosen[v].value());
      }
    }
    return timer.elapsed() / kSelections;
  }
  double singly(const Packets& packets) {
    const CycleTimer timer;
    std::uint64_t sum = 0;
    for (unsigned repeat = 0; repeat < kRepeat; ++repeat) {
      for (const std::uint32_t hash : packets.hashes) {
        sum += groups.select(GroupId{1}, hash, next_hops).value();
      }
    }
    keep(sum);
    return timer.elapsed() / kSelections;
  }
  // What is done where nothing dies and nothing should stay in place: hash modulo members.
  double modulo(const Packets& packets) {
    const CycleTimer timer;
    const auto count = static_cast<std::uint32_t>(plain.size());
    asm volatile("" : : "r"(&count) : "memory");  // a number that the compiler doesn't know
    for (unsigned repeat = 0; repeat < kRepeat; ++repeat) {
      for (std::size_t v = 0; v < kVectors; ++v) {
        const auto hashes = packets.vector(v);
        for (std::size_t i = 0; i < kVector; ++i) chosen[i] = plain[hashes[i] % count];
        keep(chosen[v].value());
      }
    }
    return timer.elapsed() / kSelections;
  }

  static constexpr unsigned kRepeat = 8;
  static constexpr double kSelections = kRepeat * kVector * kVectors;
  unsigned members;
  unsigned dead_members;
  GroupTable groups{2};
  NextHopTable next_hops{256};
  std::vector<NextHopId> plain;
  std::array<std::uint16_t, kVector> numbers{};
  std::array<NextHopId, kVector> chosen{};
};

void bench_select(Report& report, unsigned rounds) {
  const Packets packets;
  for (const auto& [members, dead] : {std::pair{1U, 0U},
                                      {2U, 0U},
                                      {2U, 1U},
                                      {3U, 0U},
                                      {16U, 0U},
                                      {16U, 1U},
                                      {64U, 0U},
                                      {64U, 32U}}) {
    SelectCase one{members, dead};
    std::vector<Contender> contenders{
        {"lastmile, vectors of 256", Side::kOurs, [&] { return one.in_vectors(packets); }},
        {"lastmile, one by one", Side::kOurs, [&] { return one.singly(packets); }},
        {"hash modulo members, no liveness", Side::kPeer, [&] { return one.modulo(packets); }}};
    report.compare(fmt::format("select, {} members, {} dead", members, dead),
                   "TSC cycles per packet", contenders, rounds);
    report.fact("buckets", static_cast<double>(one.groups.view(GroupId{1}).buckets.size()));
  }
}

void bench_hash(Report& report, unsigned rounds) {
  const FlowHash hash{1};
  constexpr std::uint32_t kCount = 1U << 16;
  const auto cycles = [](auto&& one) {
    return [one] {
      std::uint64_t sum = 0;
      const CycleTimer timer;
      for (std::uint32_t i = 0; i < kCount; ++i) sum += one(i);
      keep(sum);
      return timer.elapsed() / kCount;
    };
  };
  std::array<std::uint8_t, 40> key{};  // the default key of many NICs is as long
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(0x6d + 37 * i);
  std::vector<Contender> contenders{
      {"lastmile", Side::kOurs, cycles([hash](auto i) { return hash.ipv4(i, ~i, 6, i << 7); })},
      {"rte_jhash_3words", Side::kPeer,
       cycles([](auto i) { return rte_jhash_3words(i, ~i, i << 7, 6); })},
      {"rte_hash_crc (linear)", Side::kPeer, cycles([](auto i) {
         return rte_hash_crc_4byte(i << 7, rte_hash_crc_8byte(std::uint64_t{i} << 32 | ~i, 6));
       })},
      {"rte_softrss (Toeplitz, linear)", Side::kPeer, cycles([key](auto i) {
         std::array<std::uint32_t, 3> tuple{i, ~i, i << 7};
         return rte_softrss(tuple.data(), tuple.size(), key.data());
       })}};
  report.compare("flow hash of an IPv4 packet", "TSC cycles per packet", contenders, rounds);
  std::array<std::uint8_t, 32> addresses{};
  std::vector<Contender> ipv6{{"lastmile", Side::kOurs, cycles([hash, addresses](auto i) {
                                 return hash.ipv6(addresses.data(), 6, i);
                               })}};
  report.compare("flow hash of an IPv6 packet", "TSC cycles per packet", ipv6, rounds);
}

template <class Work>
double seconds(const Work& work) {
  const auto before = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
}

std::uint64_t median(std::vector<std::uint64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The ring alone: one thread in, one out.
void bench_ring() {
  constexpr std::size_t kOperations = 10'000'000;
  constexpr std::size_t kBatch = 64;
  SpscRing<FibOperation> ring{FibChannel::kDefaultQueueSize};
  const double time = seconds([&] {
    std::thread producer{[&] {
      FibOperation operation;
      for (std::size_t i = 0; i < kOperations;) {
        operation.sequence = i;
        if (!ring.stage(operation)) {
          ring.publish();
          std::this_thread::yield();
          continue;
        }
        if (++i % kBatch == 0) ring.publish();
      }
      ring.publish();
    }};
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kOperations;) {
      const auto batch = ring.front(FibWriter::kMaxBatch);
      if (batch.empty()) std::this_thread::yield();
      for (const FibOperation& operation : batch) sum += operation.sequence;
      ring.consume(batch.size());
      i += batch.size();
    }
    keep(sum);
    producer.join();
  });
  fmt::print("\nqueue alone, {}-byte operations: {:.1f} M/s\n", sizeof(FibOperation),
             kOperations / time / 1e6);
}

// The whole way: client, queue, writer, FIB. The prefixes are /24s in random order, which is hard
// on the caches; a real table is kinder. First both sides in turn on one thread, which tells what
// each costs, then with the writer on a thread of its own.
class Updates {
 public:
  Updates() {
    tables_.ports.set(PortId{0}, {});
    const NextHopId next_hop = client_.add_next_hop({.kind = NextHopKind::kForward}).value();
    group_ = client_.acquire_group({.primaries = {{next_hop, 1}}}).value();
    client_.poll();
    while (writer_.run_once() != 0) client_.poll();
  }

  void run_in_turn() {
    fmt::print("\n{} random /24 routes, one thread: cycles an operation\n", kRoutes);
    fmt::print("{:>8} {:>8} {:>8}\n", "", "client", "writer");
    const auto row = [&](const char* name, const auto& operation) {
      std::vector<std::uint64_t> client;  // one figure for each chunk; the median is told
      std::vector<std::uint64_t> writer;
      for (std::uint32_t first = 0; first < kRoutes; first += kChunk) {
        const std::uint64_t before = rte_rdtsc();
        for (std::uint32_t i = first; i < first + kChunk; ++i) operation(prefix(i));
        client_.poll();
        const std::uint64_t between = rte_rdtsc();
        while (writer_.run_once() != 0) continue;
        client.push_back((between - before) / kChunk);
        writer.push_back((rte_rdtsc() - between) / kChunk);
      }
      fmt::print("{:>8} {:>8} {:>8}\n", name, median(client), median(writer));
    };
    row("add", [&](const IpPrefix& p) { client_.set_route(p, group_); });
    row("replace", [&](const IpPrefix& p) { client_.set_route(p, group_); });
    row("remove", [&](const IpPrefix& p) { client_.remove_route(p); });
  }

  void run_threaded() {
    fmt::print("\nthe same, writer on its own thread: million operations a second\n");
    writer_.start();
    const auto row = [&](const char* name, const auto& operation) {
      const double time = seconds([&] {
        for (std::uint32_t i = 0; i < kRoutes; ++i) operation(prefix(i));
        do {
          client_.poll();
          std::this_thread::yield();
        } while (client_.applied() != client_.submitted());
      });
      fmt::print("{:>8} {:>8.2f}\n", name, kRoutes / time / 1e6);
    };
    row("add", [&](const IpPrefix& p) { client_.set_route(p, group_); });
    row("replace", [&](const IpPrefix& p) { client_.set_route(p, group_); });
    row("remove", [&](const IpPrefix& p) { client_.remove_route(p); });
    writer_.stop();
    const FibWriterStats stats = writer_.stats();
    fmt::print("coalesced {}, mean batch {:.0f}, worst operation {} cycles\n",
               client_.queue_status().coalesced,
               static_cast<double>(stats.operations) / static_cast<double>(stats.batches),
               stats.worst_operation_tsc);
  }

 private:
  static constexpr std::uint32_t kChunk = 8192;
  static constexpr std::uint32_t kRoutes = 64 * kChunk;

  static IpPrefix prefix(std::uint32_t i) {
    return Ipv4Prefix{Ipv4Address{i * 0x9e3779b1U & 0xffffff00U}, 24};
  }

  ForwardingTables tables_{};
  FibChannel channel_;
  FibClient client_{tables_, channel_};
  FibWriter writer_{tables_, channel_};
  GroupId group_;
};

}  // namespace

int main(int argc, char** argv) {
  unsigned rounds = 15;
  unsigned cpu = 0;
  bool json = false;
  CLI::App app{"Cycles to choose a next hop, and what the update queue carries"};
  app.add_option("--rounds", rounds, "rounds that count")->check(CLI::Range(1, 1000));
  app.add_option("--cpu", cpu, "CPU to run on")->capture_default_str();
  app.add_flag("--json", json, "one JSON object");
  CLI11_PARSE(app, argc, argv);

  Report report{"groups", json ? Output::kJson : Output::kText};
  {
    const OnCpu pinned{cpu};
    start_eal({.huge_pages = false, .megabytes = 64});  // its clock tells what a cycle is
    pin_to(cpu);
    bench_select(report, rounds);
    bench_hash(report, rounds);
  }
  report.finish();
  if (json) return 0;
  bench_ring();
  Updates updates;
  updates.run_in_turn();
  updates.run_threaded();
}
