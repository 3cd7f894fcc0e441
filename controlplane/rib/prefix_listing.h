// The prefixes of a table in their order, for who reads them page by page.
//
//   PrefixListing listing{PathFilter{}};
//   while (!listing.whole()) rib.gather(listing);            // a slice each time
//   while (const auto prefix = listing.next()) ...           // from 0.0.0.0/0 to ffff:…
//
// The tables have no order: they are hash tables, and an order of half a million prefixes would
// have to be kept up with every route. So it is made for who asks: each slice sorts what it has
// found, and what follows what is told by merging these runs. Nothing takes longer than a slice. It
// costs 8 bytes for an IPv4 prefix and 17 for one of IPv6, until it is read.
//
// What stands from before the first slice until it is read is in it, once: a prefix keeps its place
// in the table while it stands. What comes or goes meanwhile may be in it or not.
#pragma once

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "controlplane/rib/show.h"
#include "dataplane/net/ip.h"

namespace lastmile::rib {

/// Prefixes that came in sorted pieces, read in order, each of them once.
template <class Address>
class SortedRuns {
 public:
  /// In any order. Not after the first next().
  void add(std::vector<Prefix<Address>> prefixes);
  /// The smallest that was not read yet; nullopt: there is none.
  [[nodiscard]] std::optional<Prefix<Address>> next();
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Run {
    std::vector<Prefix<Address>> prefixes;
    std::size_t at = 0;

    [[nodiscard]] const Prefix<Address>& front() const { return prefixes[at]; }
  };
  std::vector<Run> runs_;  ///< none of them empty; a heap while it is read, the smallest in front
  std::size_t size_ = 0;
  bool reading_ = false;
  std::optional<Prefix<Address>> last_;
};

/// A value, of the control thread.
class PrefixListing {
 public:
  /// Prefixes that have a path that passes; those that a peer has been told of.
  using Of = std::variant<PathFilter, bgp::PeerId>;

  explicit PrefixListing(const Of& of) : of_(of) {}
  /// The same, without what does not come behind `after`.
  PrefixListing(const Of& of, const std::optional<IpPrefix>& after) : of_(of), after_(after) {}

  [[nodiscard]] const Of& of() const { return of_; }
  /// Everything has been found.
  [[nodiscard]] bool whole() const { return cursor_.done; }
  /// Once it is whole: the next prefix; nullopt at the end.
  [[nodiscard]] std::optional<IpPrefix> next();
  /// Prefixes found so far.
  [[nodiscard]] std::size_t size() const { return ipv4_.size() + ipv6_.size(); }

  // ---- for who finds them: the RIB
  [[nodiscard]] RouteCursor& cursor() { return cursor_; }
  void add(std::vector<Ipv4Prefix> prefixes) { add_to(ipv4_, std::move(prefixes)); }
  void add(std::vector<Ipv6Prefix> prefixes) { add_to(ipv6_, std::move(prefixes)); }

 private:
  template <class Address>
  void add_to(SortedRuns<Address>& runs, std::vector<Prefix<Address>> prefixes);

  Of of_;
  std::optional<IpPrefix> after_;
  RouteCursor cursor_;  ///< where the finding stands
  SortedRuns<Ipv4Address> ipv4_;
  SortedRuns<Ipv6Address> ipv6_;
};

}  // namespace lastmile::rib
