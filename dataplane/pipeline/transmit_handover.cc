#include "dataplane/pipeline/transmit_handover.h"

#include <rte_mbuf.h>

#include <array>

namespace lastmile {

TransmitHandover::~TransmitHandover() {
  std::array<rte_mbuf*, 64> left;
  while (const std::size_t count = take(left)) {
    rte_pktmbuf_free_bulk(left.data(), static_cast<unsigned>(count));
  }
}

}  // namespace lastmile
