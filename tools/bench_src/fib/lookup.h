// The two halves of bench-fib-lookup.
#pragma once

#include <string>
#include <vector>

#include "dataplane/net/strong_id.h"
#include "tools/bench_src/fib/harness.h"

namespace lastmile::bench {

struct LookupOptions {
  std::string table;
  std::string ipv6_table;
  std::size_t routes = 0;  ///< IPv4; 0: the whole table
  unsigned rounds = 15;
  unsigned vector = 256;
  unsigned cpu = 0;
  bool json = false;
  bool no_lpm = false;
  bool no_ipv6 = false;
  EalOptions eal;
};

inline constexpr unsigned kLookupAddresses = 1U << 20;
inline constexpr unsigned kLookupSeed = 42;

/// Which group the benchmark gives a route.
[[nodiscard]] inline GroupId lookup_group(std::size_t route) {
  return GroupId{static_cast<std::uint16_t>(1 + route % 64)};
}

/// Calls `look(addresses, count)` for each vector; cycles per address.
template <class Raw, class Look>
double cycles_per_lookup(const std::vector<Raw>& addresses, unsigned vector, Look look) {
  const CycleTimer timer;
  for (unsigned done = 0; done < addresses.size(); done += vector) look(&addresses[done], vector);
  return timer.elapsed() / static_cast<double>(addresses.size());
}

void compare_ipv4_lookup(const LookupOptions& options, Report& report);
void compare_ipv6_lookup(const LookupOptions& options, Report& report);

}  // namespace lastmile::bench
