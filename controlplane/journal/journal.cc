#include "controlplane/journal/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace lastmile {
namespace {

constexpr std::array<const char*, 10> kNames{"start",   "link",    "detection", "bfd",
                                             "bgp",     "routes",  "service",   "drain",
                                             "command", "watchdog"};
static_assert(kNames.size() == static_cast<std::size_t>(JournalKind::kWatchdog) + 1);

constexpr Duration kOneBurst = std::chrono::seconds{1};

std::string applied_text(std::uint64_t operations) {
  return fmt::format("{} change{} of the forwarding tables in effect", operations,
                     operations == 1 ? "" : "s");
}

}  // namespace

const char* to_string(JournalKind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

void Journal::record(TimePoint at, JournalKind kind, std::string subject, std::string text) {
  if (entries_.size() == capacity_) entries_.pop_front();
  entries_.push_back({next_++, at, kind, std::move(subject), std::move(text)});
  applied_ = 0;
  if (observer_) observer_(entries_.back());
}

void Journal::record_applied(TimePoint at, std::uint64_t operations) {
  // Only the newest entry may still change: a reader that has seen others would miss it.
  if (applied_ != 0 && at - applied_began_ < kOneBurst) {
    applied_ += operations;
    JournalEntry& open = entries_.back();
    open.at = at;
    open.number = next_++;
    open.text = applied_text(applied_);
    return;
  }
  record(at, JournalKind::kRoutes, "", applied_text(operations));
  applied_ = operations;
  applied_began_ = at;
}

void Journal::read(std::uint64_t after, std::size_t limit,
                   const std::function<void(const JournalEntry&)>& visit) const {
  const auto from = std::ranges::upper_bound(entries_, after, {}, &JournalEntry::number);
  for (auto entry = from; entry != entries_.end() && limit > 0; ++entry, --limit) visit(*entry);
}

}  // namespace lastmile
