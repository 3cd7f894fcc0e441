// The packet buffers of all ports.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drivers/driver_error.h"

struct rte_mempool;

namespace lastmile {

/// Owns mbuf pools. It outlives every port: a transmit ring of one port holds buffers that came
/// from the pool of another. Created after Eal, destroyed after the last port. Control thread only.
class PacketPools {
 public:
  PacketPools() = default;
  PacketPools(const PacketPools&) = delete;
  PacketPools& operator=(const PacketPools&) = delete;
  PacketPools(PacketPools&&) = default;
  PacketPools& operator=(PacketPools&&) = default;
  ~PacketPools() = default;

  /// `count` buffers that take `data_bytes` each behind the headroom, on NUMA node `socket` (or
  /// any, if it has no memory). Valid as long as this object.
  [[nodiscard]] Result<rte_mempool*> create(const std::string& name, std::uint32_t count,
                                            std::uint32_t data_bytes, int socket);

 private:
  struct Free {
    void operator()(rte_mempool* pool) const;
  };
  std::vector<std::unique_ptr<rte_mempool, Free>> pools_;
};

}  // namespace lastmile
