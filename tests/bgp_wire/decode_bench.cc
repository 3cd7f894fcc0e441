// How fast a full table is read: UPDATEs as an upstream sends them, a few prefixes to each set of
// attributes, and as a route server's transfer looks, many. Reports nanoseconds for each prefix.
#include <benchmark/benchmark.h>

#include "tests/bgp_wire/octets_fixture.h"

namespace lastmile::bgp::test {
namespace {

constexpr std::uint32_t kRoutes = 512'000;

Bytes full_table(std::uint32_t per_update, Family family) {
  std::mt19937 random(1);
  Bytes stream;
  CodecContext context;
  for (std::uint32_t route = 0; route < kRoutes;) {
    Update update;
    AsPath::Segment path;
    for (std::uint32_t i = 0; i < 3 + route % 3; ++i) {
      path.asns.emplace_back(1 + static_cast<std::uint32_t>(random() % 400000));
    }
    update.attributes.as_path.segments.push_back(path);
    update.attributes.med = route % 100;
    for (std::uint32_t i = 0; i < 4; ++i) {
      update.attributes.communities.push_back({static_cast<std::uint32_t>(random())});
    }
    std::vector<Nlri<Ipv4Address>> v4;
    std::vector<Nlri<Ipv6Address>> v6;
    for (std::uint32_t i = 0; i < per_update && route < kRoutes; ++i, ++route) {
      v4.push_back({{Ipv4Address{route << 8}, 24}, 0});
      const auto wire = Ipv4Address{route << 8}.to_wire();
      v6.push_back({{Ipv6Address{{0x20, 0x01, wire[0], wire[1], wire[2], wire[3]}}, 48}, 0});
    }
    if (family == Family::kIpv4Unicast) {
      update.reach.push_back({family, {Ipv4Address{10, 0, 0, 1}, {}, {}}, std::move(v4)});
    } else {
      update.reach.push_back({family, {{}, {}, Ipv6Address::parse("fe80::1")}, std::move(v6)});
    }
    append(stream, encode(update, context));
  }
  return stream;
}

void decode_table(benchmark::State& state, Family family) {
  const Bytes stream = full_table(static_cast<std::uint32_t>(state.range(0)), family);
  for (auto _ : state) {
    MessageReader reader;
    std::size_t routes = 0;
    // As a socket gives it: 64 kB at a time.
    for (std::span<const std::uint8_t> rest = stream; !rest.empty();) {
      const std::size_t now = std::min<std::size_t>(rest.size(), 65536);
      reader.append(rest.first(now));
      rest = rest.subspan(now);
      while (auto next = reader.next({})) {
        const Update& update = std::get<Update>(**next);
        std::visit([&](const auto& list) { routes += list.size(); }, update.reach[0].nlri);
        benchmark::DoNotOptimize(hash_value(update.attributes));
      }
    }
    if (routes != kRoutes) state.SkipWithError("routes are missing");
  }
  state.counters["ns/route"] = benchmark::Counter(
      kRoutes * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void decode_v4(benchmark::State& state) {
  decode_table(state, Family::kIpv4Unicast);
}
void decode_v6(benchmark::State& state) {
  decode_table(state, Family::kIpv6Unicast);
}
BENCHMARK(decode_v4)->Arg(1)->Arg(5)->Arg(900)->Unit(benchmark::kMillisecond);
BENCHMARK(decode_v6)->Arg(1)->Arg(5)->Arg(500)->Unit(benchmark::kMillisecond);

void encode_v4(benchmark::State& state) {
  Update update;
  update.attributes.as_path.prepend(Asn{64512}, 3);
  std::vector<Nlri<Ipv4Address>> list;
  for (std::uint32_t i = 0; i < kRoutes; ++i) list.push_back({{Ipv4Address{i << 8}, 24}, 0});
  update.reach.push_back({Family::kIpv4Unicast, {Ipv4Address{10, 0, 0, 1}, {}, {}}, list});
  for (auto _ : state) benchmark::DoNotOptimize(encode(update, {}));
  state.counters["ns/route"] = benchmark::Counter(
      kRoutes * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(encode_v4)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lastmile::bgp::test
