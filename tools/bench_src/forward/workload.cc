#include "tools/bench_src/forward/workload.h"

#include <random>

#include "tests/support/packet_builder.h"
#include "tools/bench_src/fib/table.h"

namespace lastmile::bench {
namespace {

constexpr unsigned kSeed = 4096;
/// Up to so many routes are consecutive /24s; more are taken from a real table.
constexpr std::size_t kMostMadeUp = 1000;
constexpr std::size_t kFcs = 4;
constexpr std::size_t kHeaders = 14 + 20 + 8;

std::vector<Ipv4Prefix> make_prefixes(std::size_t count) {
  std::vector<Ipv4Prefix> prefixes;
  for (std::uint32_t i = 0; i < count; ++i) {
    prefixes.emplace_back(Ipv4Address{(10U << 24) + (i << 8)}, 24);
  }
  return prefixes;
}

bool is_forwardable(Ipv4Address address) {
  const std::uint32_t first = address.value() >> 24;
  return first != 0 && first != 127 && first < 224;
}

}  // namespace

Workload make_workload(const WorkloadOptions& options) {
  Workload workload;
  if (options.routes == 0 || options.routes > kMostMadeUp) {
    Table table = load_table(options.table_file, options.routes);
    workload.prefixes = std::move(table.prefixes);
    workload.table = std::move(table.source);
  } else {
    workload.prefixes = make_prefixes(options.routes);
    workload.table = "consecutive /24s";
  }

  std::mt19937 random{kSeed};
  const MacAddress server{{0x02, 0, 0, 0, 1, 0x01}};
  const std::size_t payload =
      options.frame_size > kHeaders + kFcs ? options.frame_size - kHeaders - kFcs : 0;
  while (workload.frames.size() < options.flows) {
    const Ipv4Prefix& prefix = workload.prefixes[random() % workload.prefixes.size()];
    const auto host_bits =
        static_cast<std::uint32_t>(random()) &
        static_cast<std::uint32_t>((std::uint64_t{1} << (32 - prefix.length())) - 1);
    const Ipv4Address destination{prefix.address().value() | host_bits};
    if (!is_forwardable(destination)) continue;
    const Ipv4Address source{192U << 24 | 168U << 16 |
                             (static_cast<std::uint32_t>(random()) & 0xffff)};
    workload.frames.push_back(test::Packet()
                                  .eth(kIngressMac, server)
                                  .ipv4(source, destination)
                                  .udp(static_cast<std::uint16_t>(random()), 53)
                                  .payload(payload)
                                  .bytes());
  }
  return workload;
}

}  // namespace lastmile::bench
