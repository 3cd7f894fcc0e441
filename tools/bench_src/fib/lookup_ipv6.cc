// IPv6 lookup beside rte_fib6 (trie; every kind and entry size).
#include <fmt/format.h>
#include <rte_fib6.h>
#include <rte_version.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <random>

#include "dataplane/fib/fib.h"
#include "tools/bench_src/fib/lookup.h"
#include "tools/bench_src/fib/table.h"

namespace lastmile::bench {
namespace {

constexpr unsigned kIpv6SecondLevel = 1U << 17;

// rte_fib6's address type changed in 24.11; both are 16 bytes in wire order.
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
using PeerAddress = rte_ipv6_addr;
int add_route(rte_fib6* fib, const Ipv6Prefix& prefix, std::uint64_t next_hop) {
  PeerAddress address{};
  std::memcpy(&address, prefix.address().bytes().data(), sizeof address);
  return rte_fib6_add(fib, &address, static_cast<std::uint8_t>(prefix.length()), next_hop);
}
#else
using PeerAddress = std::uint8_t[16];
int add_route(rte_fib6* fib, const Ipv6Prefix& prefix, std::uint64_t next_hop) {
  return rte_fib6_add(fib, prefix.address().bytes().data(),
                      static_cast<std::uint8_t>(prefix.length()), next_hop);
}
#endif
static_assert(sizeof(PeerAddress) == sizeof(Ipv6Address));

void look_up(rte_fib6* fib, const Ipv6Address* from, std::uint64_t* next_hops, unsigned count) {
  // The signature lacks a const.
  auto* const addresses = reinterpret_cast<PeerAddress*>(const_cast<Ipv6Address*>(from));  // NOLINT
  rte_fib6_lookup_bulk(fib, addresses, next_hops, static_cast<int>(count));
}

struct FreeFib6 {
  void operator()(rte_fib6* fib) const { rte_fib6_free(fib); }
};

std::unique_ptr<rte_fib6, FreeFib6> make_rte_fib6(const Ipv6Table& table, rte_fib_trie_nh_sz size) {
  rte_fib6_conf config{};
  config.type = RTE_FIB6_TRIE;
  config.max_routes = 1 << 20;
  config.trie.nh_sz = size;
  // Entries of two bytes number 2^15 groups.
  config.trie.num_tbl8 = size == RTE_FIB6_TRIE_2B ? (1U << 15) - 1 : kIpv6SecondLevel;
  std::unique_ptr<rte_fib6, FreeFib6> fib{
      rte_fib6_create(fmt::format("fib6-{}", 1 << size).c_str(), 0, &config)};
  if (!fib) return nullptr;
  for (std::size_t i = 0; i < table.prefixes.size(); ++i) {
    if (add_route(fib.get(), table.prefixes[i], lookup_group(i).value()) != 0) return nullptr;
  }
  return fib;
}

/// An address of the prefix, the host bits random.
Ipv6Address random_host(const Ipv6Prefix& prefix, std::mt19937& random) {
  std::array<std::uint8_t, 16> wire = prefix.address().bytes();
  for (unsigned i = 0; i < wire.size(); ++i) {
    const unsigned fixed = std::min(8U, prefix.length() - std::min(prefix.length(), 8 * i));
    wire[i] = static_cast<std::uint8_t>(wire[i] | (random() & (0xffU >> fixed)));
  }
  return Ipv6Address::from_wire(wire);
}

}  // namespace

void compare_ipv6_lookup(const LookupOptions& options, Report& report) {
  const Ipv6Table table = load_ipv6_table(options.ipv6_table);
  report.about(fmt::format("\nIPv6: {} routes ({}), vectors of {}", table.prefixes.size(),
                           table.source, options.vector));
  RcuDomain domain{1};
  const std::vector<LookupKernel> kernels = usable_kernels();
  std::vector<std::unique_ptr<Ipv6Fib>> ours;
  for (const LookupKernel kernel : kernels) {
    if (kernel == LookupKernel::kAvx2) continue;  // the same as scalar
    ours.push_back(std::make_unique<Ipv6Fib>(
        domain, FibLimits{.max_routes = 1 << 20, .second_level_groups = kIpv6SecondLevel}, kernel));
    for (std::size_t i = 0; i < table.prefixes.size(); ++i) {
      ours.back()->set(table.prefixes[i], lookup_group(i)).value();
    }
  }
  struct Peer {
    unsigned bytes;
    std::unique_ptr<rte_fib6, FreeFib6> fib;
  };
  std::vector<Peer> peers;
  for (const auto size : {RTE_FIB6_TRIE_2B, RTE_FIB6_TRIE_4B, RTE_FIB6_TRIE_8B}) {
    if (auto fib = make_rte_fib6(table, size)) {
      peers.push_back({1U << size, std::move(fib)});
    } else {
      report.about(
          fmt::format("rte_fib6 with {}-byte entries has no room for the table", 1 << size));
    }
  }
  if (peers.empty()) throw std::runtime_error("rte_fib6 takes the table with no entry size");

  std::vector<Ipv6Address> addresses(kLookupAddresses);
  std::mt19937 random{kLookupSeed};
  for (auto& address : addresses) {
    address = random_host(table.prefixes[random() % table.prefixes.size()], random);
  }
  std::vector<std::uint16_t> groups(options.vector);
  std::vector<std::uint64_t> next_hops(options.vector);
  std::vector<Contender> contenders;
  for (std::size_t k = 0; k < ours.size(); ++k) {
    const char* const name = k == 0 ? to_string(kernels[0]) : "scalar";
    contenders.push_back({fmt::format("lastmile {}", name), Side::kOurs, [&, k] {
                            return cycles_per_lookup(
                                addresses, options.vector, [&](const auto* from, unsigned count) {
                                  ours[k]->lookup_bulk(from, groups.data(), count);
                                });
                          }});
  }
  static constexpr std::array<std::pair<rte_fib6_lookup_type, const char*>, 2> kTypes{
      {{RTE_FIB6_LOOKUP_TRIE_SCALAR, "scalar"}, {RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512, "avx512"}}};
  for (const Peer& peer : peers) {
    for (const auto& [type, name] : kTypes) {
      if (rte_fib6_select_lookup(peer.fib.get(), type) != 0) continue;  // not on this CPU
      contenders.push_back({fmt::format("rte_fib6 trie {} {} bytes", name, peer.bytes), Side::kPeer,
                            [&, fib = peer.fib.get(), type = type] {
                              rte_fib6_select_lookup(fib, type);
                              return cycles_per_lookup(
                                  addresses, options.vector,
                                  [&](const Ipv6Address* from, unsigned count) {
                                    look_up(fib, from, next_hops.data(), count);
                                  });
                            }});
    }
  }
  // All must agree before speed means anything.
  for (unsigned i = 0; i < kLookupAddresses; i += options.vector) {
    look_up(peers[0].fib.get(), &addresses[i], next_hops.data(), options.vector);
    for (const auto& fib : ours) {
      fib->lookup_bulk(&addresses[i], groups.data(), options.vector);
      if (!std::equal(groups.begin(), groups.end(), next_hops.begin())) {
        throw std::runtime_error("our IPv6 answers differ from rte_fib6's");
      }
    }
  }
  report.compare("IPv6, a random host of a random route", "TSC cycles per lookup", contenders,
                 options.rounds);
  report.fact("routes", static_cast<double>(table.prefixes.size()));
  report.fact("second-level groups", static_cast<double>(ours[0]->stats().second_level_used));
}

}  // namespace lastmile::bench
