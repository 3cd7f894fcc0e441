// The Adj-RIB-Outs of groups that are gone, whose attributes are released bit by bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "controlplane/rib/advertised.h"
#include "controlplane/rib/rib_core.h"

namespace lastmile::rib {

template <class Address>
class Remains {
 public:
  explicit Remains(RibCore& core) : core_(core) {}
  ~Remains() { work(SIZE_MAX); }
  Remains(const Remains&) = delete;
  Remains& operator=(const Remains&) = delete;

  void add(AdvertisedTable<Address> told) { told_.push_back(std::move(told)); }
  /// Looks at no more than `limit` records; returns how many.
  std::size_t work(std::size_t limit);
  [[nodiscard]] bool empty() const { return told_.empty(); }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  RibCore& core_;
  std::deque<AdvertisedTable<Address>> told_;
  std::uint32_t cursor_ = 0;
};

extern template class Remains<Ipv4Address>;
extern template class Remains<Ipv6Address>;

}  // namespace lastmile::rib
