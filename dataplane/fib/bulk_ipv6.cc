// IPv6 bulk lookup: several addresses walk down the levels side by side, so that a step of each
// waits for memory at the same time.
#include <array>

#include "dataplane/fib/bulk_lookup.h"

namespace lastmile {
namespace {

constexpr unsigned kBlock = 16;

template <FibEntry Entry>
void lookup_block(const FibView<Entry>& view, const Ipv6Address* addresses, std::uint16_t* groups,
                  unsigned count, std::uint16_t default_group) {
  using Bits = AddressBits<Ipv6Address>;
  using Code = EntryCode<Entry>;
  std::array<Entry, kBlock> entries;
  for (unsigned i = 0; i < count; ++i) {
    entries[i] = load_entry(view.first + Bits::first24(addresses[i]));
  }
  // Lanes that still have to go down; after each step only those that hit another group stay.
  std::array<std::uint8_t, kBlock> walking;
  unsigned left = 0;
  for (unsigned i = 0; i < count; ++i) {
    walking[left] = static_cast<std::uint8_t>(i);
    left += Code::is_extended(entries[i]) ? 1 : 0;
  }
  for (unsigned byte = kFirstLevelBytes; left != 0; ++byte) {
    unsigned stay = 0;
    for (unsigned w = 0; w < left; ++w) {
      const unsigned i = walking[w];
      entries[i] =
          load_entry(view.second + std::size_t{Code::second_level(entries[i])} * kGroupEntries +
                     Bits::byte(addresses[i], byte));
    }
    for (unsigned w = 0; w < left; ++w) {
      const std::uint8_t i = walking[w];
      walking[stay] = i;
      stay += Code::is_extended(entries[i]) ? 1 : 0;
    }
    left = stay;
  }
  for (unsigned i = 0; i < count; ++i) {
    groups[i] = group_or(entries[i], default_group);
  }
}

}  // namespace

template <FibEntry Entry>
void bulk_lookup_ipv6(const FibView<Entry>& view, const Ipv6Address* addresses,
                      std::uint16_t* groups, unsigned count, std::uint16_t default_group) {
  unsigned done = 0;
  for (; count - done >= kBlock; done += kBlock) {
    lookup_block(view, addresses + done, groups + done, kBlock, default_group);
  }
  if (done < count) {
    lookup_block(view, addresses + done, groups + done, count - done, default_group);
  }
}

template void bulk_lookup_ipv6(const FibView<std::uint16_t>&, const Ipv6Address*, std::uint16_t*,
                               unsigned, std::uint16_t);
template void bulk_lookup_ipv6(const FibView<std::uint32_t>&, const Ipv6Address*, std::uint16_t*,
                               unsigned, std::uint16_t);

}  // namespace lastmile
