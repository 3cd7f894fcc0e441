#include "dataplane/rcu/rcu.h"

#include <cassert>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace lastmile {

void RcuDomain::Free::operator()(rte_rcu_qsbr* qsbr) const noexcept {
  std::free(qsbr);
}

RcuDomain::RcuDomain(unsigned max_readers) {
  if (max_readers == 0) throw std::invalid_argument("an RCU domain needs room for a reader");
  // Plain memory rather than rte_zmalloc: a domain needs no EAL, and tests run without one.
  const std::size_t bytes = rte_rcu_qsbr_get_memsize(max_readers);
  qsbr_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, bytes)));
  if (!qsbr_) throw std::bad_alloc();
  if (rte_rcu_qsbr_init(qsbr_.get(), max_readers) != 0) {
    throw std::invalid_argument("rte_rcu_qsbr_init refuses the number of readers");
  }
  free_slots_.reserve(max_readers);
  for (unsigned slot = max_readers; slot-- > 0;) free_slots_.push_back(slot);
}

RcuDomain::~RcuDomain() {
  assert(free_slots_.size() == qsbr_->max_threads && "a reader outlives its domain");
}

void RcuDomain::synchronize() noexcept {
  rte_rcu_qsbr_synchronize(qsbr_.get(), RTE_QSBR_THRID_INVALID);
}

unsigned RcuDomain::take_slot() {
  const std::lock_guard lock{mutex_};
  if (free_slots_.empty()) throw std::length_error("too many RCU readers");
  const unsigned slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void RcuDomain::return_slot(unsigned slot) noexcept {
  const std::lock_guard lock{mutex_};
  free_slots_.push_back(slot);  // capacity was reserved: cannot throw
}

RcuReader::RcuReader(RcuDomain& domain)
    : domain_(domain), qsbr_(domain.qsbr_.get()), slot_(domain.take_slot()) {
  rte_rcu_qsbr_thread_register(qsbr_, slot_);
}

RcuReader::~RcuReader() {
  offline();
  rte_rcu_qsbr_thread_unregister(qsbr_, slot_);
  domain_.return_slot(slot_);
}

}  // namespace lastmile
