// The bench that forwarding is measured on: DPDK's pcap device as an endless source of given
// packets, null devices as sinks, tables filled so that all of it is forwarded, and the real worker
// between.
#pragma once

#include <rte_mbuf.h>

#include <chrono>
#include <cstddef>
#include <ctime>
#include <span>
#include <string>

#include "dataplane/forwarding/tables.h"
#include "dataplane/net/ip.h"
#include "dataplane/worker/worker.h"

namespace lastmile::bench {

inline constexpr unsigned kMaxMembers = 16;

/// The flow hash's seed on this bench.
inline constexpr std::uint64_t kFlowSeed = 1;

/// A name for a file that goes with the program.
class TemporaryFile {
 public:
  TemporaryFile();
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] std::string path() const { return path_; }

 private:
  std::string path_;
};

/// Starts DPDK with the source (`pcap` is a file of packets) and `sinks` sinks. Returns what packet
/// buffers live in: it decides the result, because DPDK's buffers in ordinary pages all fall into
/// the same few cache sets. Throws std::runtime_error.
std::string start_rig(const std::string& pcap, unsigned sinks, unsigned megabytes = 256);

/// MiB that DPDK needs for a source of `flows` packets.
[[nodiscard]] unsigned memory_for(std::size_t flows);

/// Buffers for a source of `flows` packets: it loads them all, the rest is in flight.
[[nodiscard]] rte_mempool* make_pool(std::size_t flows);

/// Starts the devices (once) and makes a worker's configuration of them: port 0 is the source,
/// ports 1 to `members` the sinks. `polled_source`: false leaves the source alone.
enum class Source { kPolled, kIgnored };
[[nodiscard]] WorkerConfig make_worker_config(unsigned members, rte_mempool* pool, unsigned cpu,
                                              Source source);

/// Next hop i (1 to `members`) is a leaf behind sink i - 1, group 1 holds them all, and every
/// prefix uses it.
void fill_tables(ForwardingTables& tables, std::span<const IpPrefix> prefixes, unsigned members);
/// The destination address of next hop `id` on this bench.
[[nodiscard]] MacAddress leaf_address(NextHopId id);

/// CPU time of another thread of this process, to the nanosecond.
class ThreadCpuTime {
 public:
  explicit ThreadCpuTime(const std::string& thread_name);
  /// What it has had since it began.
  [[nodiscard]] std::chrono::nanoseconds read() const;

 private:
  clockid_t clock_ = 0;
};

}  // namespace lastmile::bench
