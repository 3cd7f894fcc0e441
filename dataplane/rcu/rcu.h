// Grace periods: when may memory that readers could still see be used again?
//
// Workers read the tables without locks. The writer unlinks an object with one store, so that no
// new reader finds it, and then waits until every worker has passed a quiescent state: a moment
// between two bursts in which it holds nothing from the tables. That is quiescent-state based
// reclamation; DPDK's rte_rcu_qsbr does the counting, these classes give it owners.
//
//   RcuDomain domain{max_readers};
//
//   // a worker                              // the writer
//   RcuReader reader{domain};                unlink(object);
//   reader.online();                         const RcuToken token = domain.start();
//   for (;;) {                               ...                    // goes on with other work
//     process(burst);                        if (domain.check(token)) reuse(object);
//     reader.quiescent();
//   }
//
// A worker that sleeps is offline: nobody waits for it, and it may read nothing.
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace lastmile {

/// A point in time; `RcuDomain::check` tells whether all readers have left it behind. Later tokens
/// compare greater.
enum class RcuToken : std::uint64_t {};

/// The readers that one set of tables must wait for.
class RcuDomain {
 public:
  /// `max_readers`: how many RcuReaders may exist at the same time, at least 1.
  /// Throws std::bad_alloc or std::invalid_argument.
  explicit RcuDomain(unsigned max_readers);
  /// Every RcuReader must be gone.
  ~RcuDomain();
  RcuDomain(const RcuDomain&) = delete;
  RcuDomain& operator=(const RcuDomain&) = delete;

  /// Opens a grace period: what was unlinked before this call is free when `check` says so.
  /// Any thread; an atomic addition, so call it for a batch where you can.
  [[nodiscard]] RcuToken start() noexcept { return RcuToken{rte_rcu_qsbr_start(qsbr_.get())}; }

  /// True when every reader that was online at `start` has been quiescent or offline since. Never
  /// blocks. Any thread.
  [[nodiscard]] bool check(RcuToken token) noexcept {
    return rte_rcu_qsbr_check(qsbr_.get(), static_cast<std::uint64_t>(token), false) == 1;
  }

  /// Spins until a whole grace period has passed. Any thread that is not an online reader of this
  /// domain (it would wait for itself).
  void synchronize() noexcept;

 private:
  friend class RcuReader;

  struct Free {
    void operator()(rte_rcu_qsbr* qsbr) const noexcept;
  };

  unsigned take_slot();
  void return_slot(unsigned slot) noexcept;

  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
  std::mutex mutex_;  // guards free_slots_: registration only
  std::vector<unsigned> free_slots_;
};

/// A thread's membership in a domain; belongs to that thread. Starts offline.
class RcuReader {
 public:
  /// Throws std::length_error when the domain has no room for another reader.
  explicit RcuReader(RcuDomain& domain);
  ~RcuReader();
  RcuReader(const RcuReader&) = delete;
  RcuReader& operator=(const RcuReader&) = delete;

  /// From here on grace periods wait for this thread, and it may read the tables.
  void online() noexcept { rte_rcu_qsbr_thread_online(qsbr_, slot_); }

  /// Grace periods no longer wait for this thread. It must hold nothing from the tables.
  void offline() noexcept { rte_rcu_qsbr_thread_offline(qsbr_, slot_); }

  /// "I hold nothing from the tables now." Once per loop of an online thread: one load of a shared
  /// line and, only when a grace period has begun, one store to a line of our own.
  void quiescent() noexcept { rte_rcu_qsbr_quiescent(qsbr_, slot_); }

 private:
  RcuDomain& domain_;
  rte_rcu_qsbr* const qsbr_;
  const unsigned slot_;
};

}  // namespace lastmile
