// What the forwarding benchmark does: which routes there are, and which packets come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

namespace lastmile::bench {

/// The router's own address on the ingress port.
inline constexpr MacAddress kIngressMac{{0x02, 0, 0, 0, 0, 0x01}};

/// Which packets, and which routes for them.
enum class Protocol : std::uint8_t { kIpv4, kIpv6 };

struct Workload {
  std::vector<IpPrefix> prefixes;
  std::string table;  ///< where the prefixes are from
  std::vector<std::vector<std::uint8_t>> frames;
};

struct WorkloadOptions {
  /// 0: the full table (a file, or one made like it); up to 1000: so many /24s or /48s; else so
  /// many of a full table (IPv4 only).
  std::size_t routes = 0;
  std::string table_file;  ///< empty: found by itself, see tools/bench_src/fib/table.h
  std::size_t flows = 4096;
  /// Bytes on the wire, FCS included; no less than the headers take (66 of IPv6 and UDP).
  std::size_t frame_size = 64;
  Protocol protocol = Protocol::kIpv4;
};

/// The same for the same options: seeds are fixed. Destinations are covered by a random prefix
/// each.
[[nodiscard]] Workload make_workload(const WorkloadOptions& options);

}  // namespace lastmile::bench
