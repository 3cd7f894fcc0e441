#include "dataplane/fib/fib.h"

#include "dataplane/fib/fib_writer.h"

namespace lastmile {

template class Fib<Ipv4Address, std::uint16_t>;
template class Fib<Ipv4Address, std::uint32_t>;
template class Fib<Ipv6Address, std::uint16_t>;
template class Fib<Ipv6Address, std::uint32_t>;

}  // namespace lastmile
