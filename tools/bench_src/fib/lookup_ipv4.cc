// IPv4 lookup beside rte_fib (every kind and entry size) and rte_lpm.
#include <fmt/format.h>
#include <rte_fib.h>
#include <rte_lpm.h>

#include <array>
#include <memory>
#include <random>

#include "dataplane/fib/fib.h"
#include "tools/bench_src/fib/lookup.h"
#include "tools/bench_src/fib/table.h"

namespace lastmile::bench {
namespace {

constexpr unsigned kSecondLevel = (1U << 15) - 1;

struct FreeFib {
  void operator()(rte_fib* fib) const { rte_fib_free(fib); }
};
struct FreeLpm {
  void operator()(rte_lpm* lpm) const { rte_lpm_free(lpm); }
};

/// An rte_fib with next hops of 2^size bytes.
std::unique_ptr<rte_fib, FreeFib> make_rte_fib(const Table& table, rte_fib_dir24_8_nh_sz size) {
  rte_fib_conf config{};
  config.type = RTE_FIB_DIR24_8;
  config.max_routes = 1 << 20;
  config.dir24_8.nh_sz = size;
  config.dir24_8.num_tbl8 = kSecondLevel;
  std::unique_ptr<rte_fib, FreeFib> fib{
      rte_fib_create(fmt::format("fib{}", 1 << size).c_str(), 0, &config)};
  if (!fib) throw std::runtime_error("rte_fib_create failed");
  for (std::size_t i = 0; i < table.prefixes.size(); ++i) {
    const Ipv4Prefix& prefix = table.prefixes[i];
    if (rte_fib_add(fib.get(), prefix.address().value(), static_cast<std::uint8_t>(prefix.length()),
                    lookup_group(i).value()) != 0) {
      throw std::runtime_error("rte_fib_add failed");
    }
  }
  return fib;
}

std::unique_ptr<rte_lpm, FreeLpm> make_rte_lpm(const Table& table) {
  rte_lpm_config config{};
  config.max_rules = 1 << 20;
  config.number_tbl8s = kSecondLevel;
  std::unique_ptr<rte_lpm, FreeLpm> lpm{rte_lpm_create("lpm", 0, &config)};
  if (!lpm) throw std::runtime_error("rte_lpm_create failed");
  for (std::size_t i = 0; i < table.prefixes.size(); ++i) {
    const Ipv4Prefix& prefix = table.prefixes[i];
    if (rte_lpm_add(lpm.get(), prefix.address().value(), static_cast<std::uint8_t>(prefix.length()),
                    lookup_group(i).value()) != 0) {
      throw std::runtime_error("rte_lpm_add failed");
    }
  }
  return lpm;
}

/// Addresses that some prefix covers.
void keep_covered(const Ipv4Fib& fib, std::vector<std::uint32_t>& addresses, std::mt19937& random) {
  for (auto& address : addresses) {
    while (fib.lookup(Ipv4Address{address}) == kNoGroup) {
      address = static_cast<std::uint32_t>(random());
    }
  }
}

}  // namespace

void compare_ipv4_lookup(const LookupOptions& options, Report& report) {
  const Table table = load_table(options.table, options.routes);
  report.about(fmt::format("IPv4: {} routes ({}), vectors of {}", table.prefixes.size(),
                           table.source, options.vector));

  RcuDomain domain{1};
  std::vector<LookupKernel> kernels = usable_kernels();
  std::vector<std::unique_ptr<Ipv4Fib>> ours;
  std::unique_ptr<Fib<Ipv4Address, std::uint32_t>> wide;
  const FibLimits limits{.max_routes = 1 << 20, .second_level_groups = kSecondLevel};
  for (const LookupKernel kernel : kernels) {
    ours.push_back(std::make_unique<Ipv4Fib>(domain, limits, kernel));
  }
  wide = std::make_unique<Fib<Ipv4Address, std::uint32_t>>(domain, limits);
  for (std::size_t i = 0; i < table.prefixes.size(); ++i) {
    for (auto& fib : ours) fib->set(table.prefixes[i], lookup_group(i)).value();
    wide->set(table.prefixes[i], lookup_group(i)).value();
  }
  struct Peer {
    unsigned bytes;
    std::unique_ptr<rte_fib, FreeFib> fib;
  };
  std::vector<Peer> peers;
  for (const auto size : {RTE_FIB_DIR24_8_2B, RTE_FIB_DIR24_8_4B, RTE_FIB_DIR24_8_8B}) {
    peers.push_back({1U << size, make_rte_fib(table, size)});
  }
  std::unique_ptr<rte_lpm, FreeLpm> lpm;
  if (!options.no_lpm) lpm = make_rte_lpm(table);

  std::vector<std::uint32_t> addresses(kLookupAddresses);
  std::vector<std::uint16_t> groups(options.vector);
  std::vector<std::uint64_t> next_hops(options.vector);
  std::vector<std::uint32_t> lpm_next_hops(options.vector);

  std::vector<Contender> contenders;
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    contenders.push_back({fmt::format("lastmile {}", to_string(kernels[k])), Side::kOurs, [&, k] {
                            return cycles_per_lookup(
                                addresses, options.vector, [&](const auto* from, unsigned count) {
                                  ours[k]->lookup_bulk(from, groups.data(), count);
                                });
                          }});
  }
  contenders.push_back(
      {fmt::format("lastmile {} 32-bit entries", to_string(kernels[0])), Side::kOurs, [&] {
         return cycles_per_lookup(addresses, options.vector, [&](const auto* from, unsigned count) {
           wide->lookup_bulk(from, groups.data(), count);
         });
       }});
  contenders.push_back({"lastmile one by one", Side::kOurs, [&] {
                          return cycles_per_lookup(
                              addresses, options.vector, [&](const auto* from, unsigned count) {
                                for (unsigned i = 0; i < count; ++i) {
                                  groups[i] = ours[0]->lookup(Ipv4Address{from[i]}).value();
                                }
                              });
                        }});
  static constexpr std::array<std::pair<rte_fib_lookup_type, const char*>, 4> kTypes{
      {{RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO, "macro"},
       {RTE_FIB_LOOKUP_DIR24_8_SCALAR_INLINE, "inline"},
       {RTE_FIB_LOOKUP_DIR24_8_SCALAR_UNI, "uni"},
       {RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512, "avx512"}}};
  for (const Peer& peer : peers) {
    for (const auto& [type, name] : kTypes) {
      if (rte_fib_select_lookup(peer.fib.get(), type) != 0) continue;  // not on this CPU
      contenders.push_back({fmt::format("rte_fib {} {} bytes", name, peer.bytes), Side::kPeer,
                            [&, fib = peer.fib.get(), type = type] {
                              rte_fib_select_lookup(fib, type);
                              return cycles_per_lookup(
                                  addresses, options.vector,
                                  [&](const std::uint32_t* from, unsigned count) {
                                    // rte_fib's signature lacks a const.
                                    rte_fib_lookup_bulk(fib, const_cast<std::uint32_t*>(from),
                                                        next_hops.data(), static_cast<int>(count));
                                  });
                            }});
    }
  }
  if (lpm) {
    contenders.push_back({"rte_lpm bulk", Side::kPeer, [&] {
                            return cycles_per_lookup(
                                addresses, options.vector, [&](const auto* from, unsigned count) {
                                  rte_lpm_lookup_bulk(lpm.get(), from, lpm_next_hops.data(), count);
                                });
                          }});
    contenders.push_back({"rte_lpm x4", Side::kPeer, [&] {
                            return cycles_per_lookup(
                                addresses, options.vector, [&](const auto* from, unsigned count) {
                                  for (unsigned i = 0; i + 4 <= count; i += 4) {
                                    xmm_t four;
                                    std::memcpy(&four, from + i, sizeof four);
                                    rte_lpm_lookupx4(lpm.get(), four, &lpm_next_hops[i], 0);
                                  }
                                });
                          }});
  }
  // The machine by itself: the loads that an answer takes at least, and nothing done with them.
  // Only prefetching can be faster.
  contenders.push_back({"plain loads of the same memory", Side::kFloor, [&] {
                          const std::uint8_t* const narrow = ours[0]->view().narrow;
                          std::uint32_t sum = 0;
                          const double cycles = cycles_per_lookup(
                              addresses, options.vector, [&](const auto* from, unsigned count) {
                                for (unsigned i = 0; i < count; ++i) {
                                  sum += load_entry(narrow + (from[i] >> 8));
                                }
                              });
                          asm volatile("" : : "r"(sum));
                          return cycles;
                        }});

  std::mt19937 random{kLookupSeed};
  const auto measure = [&](const char* name) {
    // All must agree before speed means anything.
    for (unsigned i = 0; i < kLookupAddresses; i += options.vector) {
      rte_fib_lookup_bulk(peers[0].fib.get(), &addresses[i], next_hops.data(),
                          static_cast<int>(options.vector));
      for (const auto& fib : ours) {
        fib->lookup_bulk(&addresses[i], groups.data(), options.vector);
        if (!std::equal(groups.begin(), groups.end(), next_hops.begin())) {
          throw std::runtime_error("our answers differ from rte_fib's");
        }
      }
    }
    report.compare(name, "TSC cycles per lookup", contenders, options.rounds);
    report.fact("routes", static_cast<double>(table.prefixes.size()));
  };
  for (auto& address : addresses) address = static_cast<std::uint32_t>(random());
  keep_covered(*ours[0], addresses, random);
  measure("IPv4, random covered destinations");
  for (auto& address : addresses) address = static_cast<std::uint32_t>(random());
  measure("IPv4, random destinations, covered or not");
  for (auto& address : addresses) {
    const Ipv4Prefix& prefix = table.prefixes[random() % table.prefixes.size()];
    const std::uint64_t hosts = (std::uint64_t{1} << (32 - prefix.length())) - 1;
    address = prefix.address().value() | static_cast<std::uint32_t>(random() & hosts);
  }
  measure("IPv4, a random host of a random route");
}

}  // namespace lastmile::bench
