#include "drivers/ports/packet_pools.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cerrno>

#include "drivers/eal/eal_log.h"

namespace lastmile {
namespace {

// Buffers that each registered thread keeps for itself, out of the shared ring's way.
constexpr unsigned kCache = 256;

}  // namespace

void PacketPools::Free::operator()(rte_mempool* pool) const {
  rte_mempool_free(pool);
}

Result<rte_mempool*> PacketPools::create(const std::string& name, std::uint32_t count,
                                         std::uint32_t data_bytes, int socket) {
  const std::uint32_t room = data_bytes + RTE_PKTMBUF_HEADROOM;
  if (room > UINT16_MAX) {
    return failure(fmt::format("a packet buffer of {} bytes is too large", data_bytes), EINVAL);
  }
  // DPDK's names are short; ours need not be readable there.
  const std::string pool_name = fmt::format("lm{}_{}", pools_.size(), name).substr(0, 25);
  const DpdkLogCapture capture;
  rte_mempool* pool = rte_pktmbuf_pool_create(pool_name.c_str(), count, kCache, 0,
                                              static_cast<std::uint16_t>(room), socket);
  if (pool == nullptr && socket >= 0) {
    pool = rte_pktmbuf_pool_create(pool_name.c_str(), count, kCache, 0,
                                   static_cast<std::uint16_t>(room), SOCKET_ID_ANY);
  }
  if (pool == nullptr) {
    const int code = rte_errno;
    return failure(fmt::format("no memory for {} packet buffers of {} bytes ({} MB): {}", count,
                               data_bytes, std::uint64_t{count} * room >> 20, rte_strerror(code)),
                   code);
  }
  pools_.emplace_back(pool);
  return pool;
}

}  // namespace lastmile
