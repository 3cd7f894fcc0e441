// What choosing a next hop costs a packet, and what the update queue carries.
//
//   build/tools/bench_src/groups/bench-groups
//
// Cycles are ticks of the time-stamp counter. Every figure is the best of many short rounds, and
// all cases take turns in each round, so that drift of the machine's clock falls on all alike.
#include <fmt/format.h>
#include <rte_cycles.h>

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

namespace {

using namespace lastmile;  // NOLINT: a program of one file

constexpr std::size_t kVector = 256;
constexpr std::size_t kVectors = 64;
constexpr unsigned kRounds = 200;

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

// One group, all members alive or the first one dead; cycles a packet for both ways to select.
struct SelectCase {
  SelectCase(unsigned its_members, unsigned dead) : members(its_members), dead_members(dead) {
    groups.publish(GroupId{1}, lay_out(equal(members)));
    for (unsigned id = 1; id <= dead; ++id) next_hops.set_down(hop(id), DownCause::kLink);
    numbers.fill(1);
  }

  void run(const Packets& packets) {
    std::uint64_t before = rte_rdtsc();
    for (std::size_t v = 0; v < kVectors; ++v) {
      groups.select(numbers, packets.vector(v), next_hops, chosen);
      keep(chosen[v].value());
    }
    bulk = std::min(bulk, rte_rdtsc() - before);
    before = rte_rdtsc();
    std::uint64_t sum = 0;
    for (const std::uint32_t hash : packets.hashes) {
      sum += groups.select(GroupId{1}, hash, next_hops).value();
    }
    keep(sum);
    single = std::min(single, rte_rdtsc() - before);
  }

  void print() const {
    const auto packets = static_cast<double>(kVector * kVectors);
    fmt::print("{:>8} {:>6} {:>9} {:>12.2f} {:>12.2f}\n", members, dead_members,
               groups.view(GroupId{1}).buckets.size(), static_cast<double>(bulk) / packets,
               static_cast<double>(single) / packets);
  }

  unsigned members;
  unsigned dead_members;
  GroupTable groups{2};
  NextHopTable next_hops{256};
  std::array<std::uint16_t, kVector> numbers{};
  std::array<NextHopId, kVector> chosen{};
  std::uint64_t bulk = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t single = std::numeric_limits<std::uint64_t>::max();
};

void bench_select() {
  const Packets packets;
  std::vector<std::unique_ptr<SelectCase>> cases;
  for (const unsigned members : {1U, 2U, 3U, 16U, 64U}) {
    cases.push_back(std::make_unique<SelectCase>(members, 0));
    if (members > 1) cases.push_back(std::make_unique<SelectCase>(members, 1));
  }
  cases.push_back(std::make_unique<SelectCase>(64, 32));
  for (unsigned round = 0; round < kRounds; ++round) {
    for (const auto& one : cases) one->run(packets);
  }
  fmt::print("select: cycles a packet, {} flows\n", packets.hashes.size());
  fmt::print("{:>8} {:>6} {:>9} {:>12} {:>12}\n", "members", "dead", "buckets", "vector", "single");
  for (const auto& one : cases) one->print();
}

void bench_hash() {
  const FlowHash hash{1};
  std::array<std::uint8_t, 32> addresses{};
  std::uint64_t v4 = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t v6 = v4;
  constexpr std::uint32_t kCount = 4096;
  for (unsigned round = 0; round < kRounds; ++round) {
    std::uint64_t sum = 0;
    std::uint64_t before = rte_rdtsc();
    for (std::uint32_t i = 0; i < kCount; ++i) sum += hash.ipv4(i, ~i, 6, i << 7);
    v4 = std::min(v4, rte_rdtsc() - before);
    before = rte_rdtsc();
    for (std::uint32_t i = 0; i < kCount; ++i) sum += hash.ipv6(addresses.data(), 6, i);
    v6 = std::min(v6, rte_rdtsc() - before);
    keep(sum);
  }
  fmt::print("\nflow hash: cycles a packet\n{:>8} {:>6.2f}\n{:>8} {:>6.2f}\n", "IPv4",
             static_cast<double>(v4) / kCount, "IPv6", static_cast<double>(v6) / kCount);
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

int main() {
  bench_select();
  bench_hash();
  bench_ring();
  Updates updates;
  updates.run_in_turn();
  updates.run_threaded();
}
