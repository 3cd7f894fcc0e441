// IPv4 bulk lookup for any CPU. The caller prefetches (bulk_lookup.cc), so a plain loop is best.
#include "dataplane/fib/bulk_lookup.h"

namespace lastmile {

template <FibEntry Entry>
void bulk_lookup_scalar(const FibView<Entry>& view, const std::uint32_t* addresses,
                        std::uint16_t* groups, unsigned count, std::uint16_t default_group) {
  using Code = EntryCode<Entry>;
  for (unsigned i = 0; i < count; ++i) {
    Entry entry = load_entry(view.narrow + (addresses[i] >> 8));
    if (entry == kSeeEntry) [[unlikely]] {
      entry = load_entry(view.first + (addresses[i] >> 8));
      if (Code::is_extended(entry)) {
        entry = load_entry(view.second + std::size_t{Code::second_level(entry)} * kGroupEntries +
                           (addresses[i] & 0xff));
      }
    }
    groups[i] = group_or(entry, default_group);
  }
}

template void bulk_lookup_scalar(const FibView<std::uint16_t>&, const std::uint32_t*,
                                 std::uint16_t*, unsigned, std::uint16_t);
template void bulk_lookup_scalar(const FibView<std::uint32_t>&, const std::uint32_t*,
                                 std::uint16_t*, unsigned, std::uint16_t);

}  // namespace lastmile
