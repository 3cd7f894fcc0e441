// What happened to the router, in order, with times in microseconds: `lastmile events`.
//
//   journal.record(now, JournalKind::kBgp, "up1", "Established with AS 65001");
//   journal.read(last_seen, kPage, [](const JournalEntry& entry) { ... });
//
// A ring: the oldest entries go when it is full. A failover reads as one story, because what a
// worker saw carries the time at which the worker saw it, and entries are read in order of time.
//
// All functions: control thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "controlplane/event/time.h"

namespace lastmile {

enum class JournalKind : std::uint8_t {
  kStart,      ///< the daemon, its configuration
  kLink,       ///< a port's link
  kDetection,  ///< BFD has found a path dead, and the worker has moved its traffic
  kBfd,        ///< other changes of BFD sessions
  kBgp,
  kRoutes,  ///< the forwarding tables have caught up
  kService,
  kDrain,
  kCommand,   ///< by the operator
  kWatchdog,  ///< a thread of the router is stuck, or is no longer
};
/// "link", "detection": a promise to scripts.
[[nodiscard]] const char* to_string(JournalKind kind);

struct JournalEntry {
  std::uint64_t number = 0;  ///< in the order in which the entries were made; starts at 1
  TimePoint at;              ///< when it happened
  JournalKind kind{};
  std::string subject;  ///< whom it happened to: a port, a neighbor, a service; may be empty
  std::string text;
};

class Journal {
 public:
  static constexpr std::size_t kDefaultCapacity = 4096;
  explicit Journal(std::size_t capacity = kDefaultCapacity) : capacity_(capacity) {}

  void record(TimePoint at, JournalKind kind, std::string subject, std::string text);
  /// The forwarding tables have carried out so many operations. While nothing else happens, what a
  /// second brings is one entry, which moves to the end with each.
  void record_applied(TimePoint at, std::uint64_t operations);

  /// Called with each new entry from inside record(); one for the life of the journal, or none.
  /// What is added to the newest entry by record_applied() is not told.
  void observe(std::function<void(const JournalEntry&)> observer) {
    observer_ = std::move(observer);
  }

  /// Entries made after number `after`, oldest first, at most `limit`.
  void read(std::uint64_t after, std::size_t limit,
            const std::function<void(const JournalEntry&)>& visit) const;
  /// Of the newest entry; 0: there was none yet.
  [[nodiscard]] std::uint64_t last() const { return next_ - 1; }

 private:
  std::size_t capacity_;
  std::function<void(const JournalEntry&)> observer_;
  std::deque<JournalEntry> entries_;  ///< numbers only grow
  std::uint64_t next_ = 1;
  std::uint64_t applied_ = 0;  ///< operations of the entry that is open for more
  TimePoint applied_began_;
};

}  // namespace lastmile
