// IPv4 bulk lookup for any CPU: blocks of 16, first all first-level loads, then the rest. The loads
// of a block don't depend on each other, so the CPU has them all under way at once.
#include <array>

#include "dataplane/fib/bulk_lookup.h"

namespace lastmile {
namespace {

constexpr unsigned kBlock = 16;

template <FibEntry Entry>
std::uint16_t finish(const FibView<Entry>& view, Entry entry, std::uint32_t address,
                     std::uint16_t default_group) {
  using Code = EntryCode<Entry>;
  if (Code::is_extended(entry)) [[unlikely]] {
    entry = load_entry(view.second + std::size_t{Code::second_level(entry)} * kGroupEntries +
                       (address & 0xff));
  }
  return entry != 0 ? static_cast<std::uint16_t>(entry) : default_group;
}

}  // namespace

template <FibEntry Entry>
void bulk_lookup_scalar(const FibView<Entry>& view, const std::uint32_t* addresses,
                        std::uint16_t* groups, unsigned count) {
  const std::uint16_t default_group = __atomic_load_n(view.default_group, __ATOMIC_RELAXED);
  unsigned done = 0;
  for (; count - done >= kBlock; done += kBlock) {
    std::array<Entry, kBlock> entries;
    for (unsigned i = 0; i < kBlock; ++i) {
      entries[i] = load_entry(view.first + (addresses[done + i] >> 8));
    }
    for (unsigned i = 0; i < kBlock; ++i) {
      groups[done + i] = finish(view, entries[i], addresses[done + i], default_group);
    }
  }
  for (; done < count; ++done) {
    groups[done] = finish(view, load_entry(view.first + (addresses[done] >> 8)), addresses[done],
                          default_group);
  }
}

template void bulk_lookup_scalar(const FibView<std::uint16_t>&, const std::uint32_t*,
                                 std::uint16_t*, unsigned);
template void bulk_lookup_scalar(const FibView<std::uint32_t>&, const std::uint32_t*,
                                 std::uint16_t*, unsigned);

}  // namespace lastmile
