#include "controlplane/policy/prefix_set.h"

#include <algorithm>
#include <variant>

namespace lastmile::policy {

void PrefixSet::add(const PrefixRange& range) {
  empty_ = false;
  const Lengths lengths{range.least, range.most};
  std::visit([&](const auto& prefix) { add_entry(prefix, lengths); }, range.prefix);
}

template <class Address>
void PrefixSet::add_entry(const Prefix<Address>& prefix, Lengths lengths) {
  auto& family = std::get<Family<Address>>(families_);
  family.entries[prefix].push_back(lengths);
  family.present[prefix.length()] = true;
}

template <class Address>
bool PrefixSet::contains(const Prefix<Address>& prefix) const {
  const auto& family = std::get<Family<Address>>(families_);
  const unsigned bits = prefix.length();
  for (unsigned length = 0; length <= bits; ++length) {
    if (!family.present[length]) continue;
    const auto found = family.entries.find(Prefix<Address>(prefix.address(), length));
    if (found == family.entries.end()) continue;
    const bool in = std::ranges::any_of(found->second, [bits](const Lengths& lengths) {
      return lengths.least <= bits && bits <= lengths.most;
    });
    if (in) return true;
  }
  return false;
}

template bool PrefixSet::contains(const Ipv4Prefix&) const;
template bool PrefixSet::contains(const Ipv6Prefix&) const;

}  // namespace lastmile::policy
