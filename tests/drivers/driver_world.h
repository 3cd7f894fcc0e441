// What the daemon has before its first port: DPDK, buffers and the private namespace.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "drivers/eal/eal.h"
#include "drivers/kernel/private_namespace.h"
#include "drivers/ports/packet_pools.h"

namespace lastmile::test {

struct DriverWorld {
  /// `name`: of DPDK's files.
  explicit DriverWorld(std::string name)
      : eal(value(Eal::start({.name = std::move(name),
                              .memory_bytes = 256U << 20,
                              .hugepages = HugepageUse::kNever}))),
        far_side(value(PrivateNamespace::create())) {}

  template <class T>
  static T value(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
  }

  Eal eal;
  PrivateNamespace far_side;
  PacketPools pools;
};

}  // namespace lastmile::test
