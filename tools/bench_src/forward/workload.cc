#include "tools/bench_src/forward/workload.h"

#include <random>
#include <type_traits>

#include "tests/support/packet_builder.h"
#include "tools/bench_src/fib/table.h"

namespace lastmile::bench {
namespace {

constexpr unsigned kSeed = 4096;
/// Up to so many routes are consecutive /24s or /48s; more are taken from a real table.
constexpr std::size_t kMostMadeUp = 1000;
constexpr std::size_t kFcs = 4;
const MacAddress kServer{{0x02, 0, 0, 0, 1, 0x01}};

template <class Address>
std::vector<Prefix<Address>> make_prefixes(std::size_t count);

template <>
std::vector<Ipv4Prefix> make_prefixes<Ipv4Address>(std::size_t count) {
  std::vector<Ipv4Prefix> prefixes;
  for (std::uint32_t i = 0; i < count; ++i) {
    prefixes.emplace_back(Ipv4Address{(10U << 24) + (i << 8)}, 24);
  }
  return prefixes;
}

template <>
std::vector<Ipv6Prefix> make_prefixes<Ipv6Address>(std::size_t count) {
  std::vector<Ipv6Prefix> prefixes;
  for (std::size_t i = 0; i < count; ++i) {
    Ipv6Address::Bytes bytes{0xfd, 0, 0, 0};
    bytes[4] = static_cast<std::uint8_t>(i >> 8);
    bytes[5] = static_cast<std::uint8_t>(i);
    prefixes.emplace_back(Ipv6Address{bytes}, 48);
  }
  return prefixes;
}

bool is_forwardable(Ipv4Address address) {
  const std::uint32_t first = address.value() >> 24;
  return first != 0 && first != 127 && first < 224;
}
bool is_forwardable(const Ipv6Address& address) {
  return address.bytes()[0] != 0 && address.bytes()[0] < 0xfe;
}

Ipv4Address host_in(const Ipv4Prefix& prefix, std::mt19937& random) {
  const auto host_bits =
      static_cast<std::uint32_t>(random()) &
      static_cast<std::uint32_t>((std::uint64_t{1} << (32 - prefix.length())) - 1);
  return Ipv4Address{prefix.address().value() | host_bits};
}
Ipv6Address host_in(const Ipv6Prefix& prefix, std::mt19937& random) {
  Ipv6Address::Bytes bytes = prefix.address().bytes();
  for (unsigned bit = prefix.length(); bit < Ipv6Address::kBits; ++bit) {
    bytes[bit / 8] |= static_cast<std::uint8_t>((random() & 1) << (7 - bit % 8));
  }
  return Ipv6Address{bytes};
}

test::Packet between(std::uint16_t client, Ipv4Address destination) {
  return test::Packet().ipv4(Ipv4Address{192U << 24 | 168U << 16 | client}, destination);
}
test::Packet between(std::uint16_t client, const Ipv6Address& destination) {
  Ipv6Address::Bytes source{0xfd, 0xff};
  source[14] = static_cast<std::uint8_t>(client >> 8);
  source[15] = static_cast<std::uint8_t>(client);
  return test::Packet().ipv6(Ipv6Address{source}, destination);
}

template <class Address>
void make_frames(const std::vector<Prefix<Address>>& prefixes, const WorkloadOptions& options,
                 Workload& workload) {
  constexpr std::size_t kIp = std::is_same_v<Address, Ipv4Address> ? 20 : 40;
  constexpr std::size_t kHeaders = 14 + kIp + 8;
  std::mt19937 random{kSeed};
  const std::size_t payload =
      options.frame_size > kHeaders + kFcs ? options.frame_size - kHeaders - kFcs : 0;
  while (workload.frames.size() < options.flows) {
    const Address destination = host_in(prefixes[random() % prefixes.size()], random);
    if (!is_forwardable(destination)) continue;
    const auto client = static_cast<std::uint16_t>(random());
    workload.frames.push_back(between(client, destination)
                                  .eth(kIngressMac, kServer)
                                  .udp(static_cast<std::uint16_t>(random()), 53)
                                  .payload(payload)
                                  .bytes());
  }
  workload.prefixes.assign(prefixes.begin(), prefixes.end());
}

template <class Address>
Workload make(const WorkloadOptions& options, BasicTable<Address> (*load)(const WorkloadOptions&)) {
  Workload workload;
  if (options.routes == 0 || options.routes > kMostMadeUp) {
    const BasicTable<Address> table = load(options);
    workload.table = table.source;
    make_frames(table.prefixes, options, workload);
  } else {
    workload.table = "consecutive prefixes";
    make_frames(make_prefixes<Address>(options.routes), options, workload);
  }
  return workload;
}

}  // namespace

Workload make_workload(const WorkloadOptions& options) {
  if (options.protocol == Protocol::kIpv4) {
    return make<Ipv4Address>(
        options, [](const WorkloadOptions& o) { return load_table(o.table_file, o.routes); });
  }
  return make<Ipv6Address>(options,
                           [](const WorkloadOptions& o) { return load_ipv6_table(o.table_file); });
}

}  // namespace lastmile::bench
