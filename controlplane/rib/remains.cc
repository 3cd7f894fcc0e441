#include "controlplane/rib/remains.h"

namespace lastmile::rib {

template <class Address>
std::size_t Remains<Address>::work(std::size_t limit) {
  std::size_t done = 0;
  while (!told_.empty() && done < limit) {
    AdvertisedTable<Address>& told = told_.front();
    for (; cursor_ < told.end() && done < limit; ++cursor_, ++done) {
      if (told[cursor_].used) core_.attributes.release(told[cursor_].attributes);
    }
    if (cursor_ < told.end()) break;
    told_.pop_front();
    cursor_ = 0;
  }
  return done;
}

template <class Address>
std::size_t Remains<Address>::memory_bytes() const {
  std::size_t bytes = 0;
  for (const AdvertisedTable<Address>& told : told_) bytes += told.memory_bytes();
  return bytes;
}

template class Remains<Ipv4Address>;
template class Remains<Ipv6Address>;

}  // namespace lastmile::rib
