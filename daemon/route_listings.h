// Who reads a large table page by page, and how far they have come.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "controlplane/event/time.h"
#include "controlplane/rib/prefix_listing.h"

namespace lastmile {

/// Listings under way, a few: one that nobody goes on with makes room for a new one, and if there
/// is none the youngest does, so that the others come to their end. Its reader, if there still is
/// one, goes on all the same, with a listing of what comes behind the last prefix that it has read.
/// Control thread only.
class RouteListings {
 public:
  static constexpr std::size_t kMost = 4;
  /// So long one that is not read keeps its memory if others are.
  static constexpr Duration kPatience = std::chrono::minutes{1};
  /// After so long without a reader it makes room for another one.
  static constexpr Duration kPause = std::chrono::seconds{1};

  struct Reading {
    std::uint64_t number;
    std::uint64_t page = 0;  ///< pages given out
    std::optional<IpPrefix> last{};
    rib::PrefixListing listing;
    TimePoint used;
  };

  /// Goes on with a listing of `of` where a page has ended. `cursor`: cursor_of() of that page;
  /// empty, or none of ours: from the beginning.
  Reading& resume(const std::string& cursor, const rib::PrefixListing::Of& of, TimePoint now);
  /// What a reader goes on with: another text for each page.
  [[nodiscard]] static std::string cursor_of(const Reading& reading);
  /// It has been read to its end.
  void end(const Reading& reading);

  [[nodiscard]] std::size_t size() const { return readings_.size(); }

 private:
  void make_room(TimePoint now);

  std::list<Reading> readings_;
  std::uint64_t begun_ = 0;
};

}  // namespace lastmile
