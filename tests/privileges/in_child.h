// What can't be taken back is tried in a child.
#pragma once

#include <functional>
#include <string>

namespace lastmile::test {

/// Runs `work` in a child, in a session of its own, and returns what it returns; "died" if it does
/// not come to that. To be called while the test has one thread.
[[nodiscard]] std::string in_child(const std::function<std::string()>& work);

/// Waits with whatever it is told to do next until it is told; for threads that must be there
/// before something happens.
class EarlyThread {
 public:
  EarlyThread();
  ~EarlyThread();
  EarlyThread(const EarlyThread&) = delete;
  EarlyThread& operator=(const EarlyThread&) = delete;
  /// Runs it there and waits.
  void run(const std::function<void()>& work);

 private:
  struct State;
  State* state_;
};

}  // namespace lastmile::test
