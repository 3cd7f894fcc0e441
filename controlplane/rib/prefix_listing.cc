#include "controlplane/rib/prefix_listing.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace lastmile::rib {

template <class Address>
void SortedRuns<Address>::add(std::vector<Prefix<Address>> prefixes) {
  assert(!reading_);
  if (prefixes.empty()) return;
  std::ranges::sort(prefixes);
  size_ += prefixes.size();
  runs_.push_back({std::move(prefixes)});
}

template <class Address>
std::optional<Prefix<Address>> SortedRuns<Address>::next() {
  // The standard's heaps have the largest in front.
  const auto behind = [](const Run& a, const Run& b) { return b.front() < a.front(); };
  if (!std::exchange(reading_, true)) std::ranges::make_heap(runs_, behind);
  while (!runs_.empty()) {
    std::ranges::pop_heap(runs_, behind);
    Run& run = runs_.back();
    const Prefix<Address> prefix = run.front();
    if (++run.at == run.prefixes.size()) {
      runs_.pop_back();
    } else {
      std::ranges::push_heap(runs_, behind);
    }
    // One that went and came again has been found twice.
    if (prefix == last_) continue;
    last_ = prefix;
    return prefix;
  }
  return std::nullopt;
}

template class SortedRuns<Ipv4Address>;
template class SortedRuns<Ipv6Address>;

template <class Address>
void PrefixListing::add_to(SortedRuns<Address>& runs, std::vector<Prefix<Address>> prefixes) {
  if (after_) {
    std::erase_if(prefixes, [this](const auto& prefix) { return IpPrefix{prefix} <= *after_; });
  }
  runs.add(std::move(prefixes));
}

template void PrefixListing::add_to(SortedRuns<Ipv4Address>&, std::vector<Ipv4Prefix>);
template void PrefixListing::add_to(SortedRuns<Ipv6Address>&, std::vector<Ipv6Prefix>);

std::optional<IpPrefix> PrefixListing::next() {
  assert(whole());
  if (const auto prefix = ipv4_.next()) return *prefix;
  if (const auto prefix = ipv6_.next()) return *prefix;
  return std::nullopt;
}

}  // namespace lastmile::rib
