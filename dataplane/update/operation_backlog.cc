#include "dataplane/update/operation_backlog.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "dataplane/net/overloaded.h"

namespace lastmile {
namespace {

const IpPrefix& prefix_of(const FibAction& action) {
  if (const auto* set = std::get_if<SetRoute>(&action)) return set->prefix;
  return std::get<RemoveRoute>(action).prefix;
}

}  // namespace

void OperationBacklog::push(const FibOperation& operation) {
  std::visit(Overloaded{
                 [&](const SetRoute& set) { push_route(set.prefix, operation); },
                 [&](const RemoveRoute& remove) { push_route(remove.prefix, operation); },
                 [&](const AddNextHop& add) { additions_.append(add.id, operation); },
                 [&](const ChangeNextHop& change) { push_change(change, operation); },
                 [&](const AddGroup&) {
                   additions_.items.push_back({operation.sequence, operation});
                 },
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
  const bool free_is_older =
      !frees_.empty() && frees_.front().sequence < routes_.items.front().since;
  return free_is_older ? Line::kFrees : Line::kRoutes;
}

FibOperation OperationBacklog::front(FibSequence newest) const {
  const Line line = next_line();
  // What still waits after this one bounds what is complete. Frees don't: no worker sees them.
  constexpr FibSequence kNone = std::numeric_limits<FibSequence>::max();
  const auto waits = [&](const std::deque<Waiting>& items, Line its_line) {
    const std::size_t first = line == its_line ? 1 : 0;
    return items.size() > first ? items[first].since : kNone;
  };
  const FibSequence oldest =
      std::min(waits(additions_.items, Line::kAdditions), waits(routes_.items, Line::kRoutes));

  FibOperation operation;
  switch (line) {
    case Line::kAdditions:
      operation = additions_.items.front().operation;
      break;
    case Line::kFrees:
      operation = frees_.front();
      break;
    case Line::kRoutes:
      operation = routes_.items.front().operation;
      break;
  }
  operation.completes = oldest == kNone ? newest : oldest - 1;
  return operation;
}

void OperationBacklog::pop() {
  switch (next_line()) {
    case Line::kAdditions: {
      const FibAction& action = additions_.items.front().operation.action;
      if (const auto* add = std::get_if<AddNextHop>(&action)) {
        additions_.position.erase(add->id);
      } else if (const auto* change = std::get_if<ChangeNextHop>(&action)) {
        additions_.position.erase(change->id);
      }
      additions_.items.pop_front();
      ++additions_.popped;
      break;
    }
    case Line::kFrees:
      frees_.pop_front();
      break;
    case Line::kRoutes:
      routes_.position.erase(prefix_of(routes_.items.front().operation.action));
      routes_.items.pop_front();
      ++routes_.popped;
      break;
  }
}

}  // namespace lastmile
