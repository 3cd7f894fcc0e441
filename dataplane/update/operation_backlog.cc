#include "dataplane/update/operation_backlog.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "dataplane/net/overloaded.h"

namespace lastmile {
namespace {

// What a waiting operation is found by; null if by nothing.
template <class Key>
const Key* key_of(const FibAction& action);

template <>
const IpPrefix* key_of(const FibAction& action) {
  if (const auto* set = std::get_if<SetRoute>(&action)) return &set->prefix;
  if (const auto* remove = std::get_if<RemoveRoute>(&action)) return &remove->prefix;
  return nullptr;
}

template <>
const NextHopId* key_of(const FibAction& action) {
  if (const auto* add = std::get_if<AddNextHop>(&action)) return &add->id;
  if (const auto* change = std::get_if<ChangeNextHop>(&action)) return &change->id;
  return nullptr;
}

std::uint64_t mixed_hash(const IpPrefix& prefix) {
  return std::visit([](const auto& p) { return hash_value(p); }, prefix);
}

std::uint64_t mixed_hash(NextHopId id) {
  return id.value() * 0x9E37'79B9'7F4A'7C15U;
}

}  // namespace

template <class Key>
auto OperationBacklog::KeyedLine<Key>::find(const Key& key) -> Waiting* {
  const auto at = [this](std::uint32_t place) -> Waiting& {
    return items_[(place - popped_) & kPlaces];
  };
  const std::uint32_t place = places_.find(mixed_hash(key), [&](std::uint32_t candidate) {
    return *key_of<Key>(at(candidate).operation.action) == key;
  });
  return place == HashIndex::kNotFound ? nullptr : &at(place);
}

template <class Key>
void OperationBacklog::KeyedLine<Key>::append(const Key& key, const FibOperation& operation) {
  places_.insert(mixed_hash(key), place_behind(items_.size()));
  append(operation);
}

template <class Key>
void OperationBacklog::KeyedLine<Key>::append(const FibOperation& operation) {
  items_.push_back({operation.sequence, operation});
}

template <class Key>
void OperationBacklog::KeyedLine<Key>::pop() {
  if (const Key* key = key_of<Key>(items_.front().operation.action)) {
    places_.erase(mixed_hash(*key), popped_);
  }
  items_.pop_front();
  popped_ = place_behind(1);
}

template <class Key>
FibSequence OperationBacklog::KeyedLine<Key>::oldest_behind(std::size_t skip) const {
  return items_.size() > skip ? items_[skip].since : std::numeric_limits<FibSequence>::max();
}

void OperationBacklog::push(const FibOperation& operation) {
  std::visit(Overloaded{
                 [&](const SetRoute& set) { push_route(set.prefix, operation); },
                 [&](const RemoveRoute& remove) { push_route(remove.prefix, operation); },
                 [&](const AddNextHop& add) { additions_.append(add.id, operation); },
                 [&](const ChangeNextHop& change) { push_change(change, operation); },
                 [&](const AddGroup&) { additions_.append(operation); },
                 [&](const FreeNextHop&) { frees_.push_back(operation); },
                 [&](const FreeGroup&) { frees_.push_back(operation); },
             },
             operation.action);
}

void OperationBacklog::push_route(const IpPrefix& prefix, const FibOperation& operation) {
  if (Waiting* waiting = routes_.find(prefix)) {
    waiting->operation = operation;
    ++coalesced_;
  } else {
    routes_.append(prefix, operation);
  }
}

void OperationBacklog::push_change(const ChangeNextHop& change, const FibOperation& operation) {
  Waiting* waiting = additions_.find(change.id);
  if (waiting == nullptr) {
    additions_.append(change.id, operation);
    return;
  }
  ++coalesced_;
  if (auto* add = std::get_if<AddNextHop>(&waiting->operation.action)) {
    add->spec = change.spec;
  } else {
    waiting->operation = operation;
  }
}

OperationBacklog::Line OperationBacklog::next_line() const {
  assert(!empty());
  if (additions_.size() != 0) return Line::kAdditions;
  if (routes_.size() == 0) return Line::kFrees;
  const bool free_is_older = !frees_.empty() && frees_.front().sequence < routes_.front().since;
  return free_is_older ? Line::kFrees : Line::kRoutes;
}

FibOperation OperationBacklog::front(FibSequence newest) const {
  const Line line = next_line();
  // What still waits after this one bounds what is complete. Frees don't: no worker sees them.
  const FibSequence oldest = std::min(additions_.oldest_behind(line == Line::kAdditions ? 1 : 0),
                                      routes_.oldest_behind(line == Line::kRoutes ? 1 : 0));

  FibOperation operation;
  switch (line) {
    case Line::kAdditions:
      operation = additions_.front().operation;
      break;
    case Line::kFrees:
      operation = frees_.front();
      break;
    case Line::kRoutes:
      operation = routes_.front().operation;
      break;
  }
  operation.completes = oldest == std::numeric_limits<FibSequence>::max() ? newest : oldest - 1;
  return operation;
}

void OperationBacklog::pop() {
  switch (next_line()) {
    case Line::kAdditions:
      return additions_.pop();
    case Line::kFrees:
      return frees_.pop_front();
    case Line::kRoutes:
      return routes_.pop();
  }
}

}  // namespace lastmile
