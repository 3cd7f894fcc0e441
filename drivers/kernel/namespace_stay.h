// A thread's stay in a network namespace that has a name, as `ip netns` makes and lists them.
//
//   {
//     auto stay = NamespaceStay::enter("edge");
//     open_sockets();                               // of that namespace
//   }
//
// The kernel keeps a namespace for each thread. What was opened in one belongs to it for good,
// wherever the thread is when it uses it; only names (of interfaces, of settings) are looked up
// where the thread is at that time. Threads that are started during a stay begin in the same
// namespace.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "dataplane/net/file_descriptor.h"
#include "drivers/driver_error.h"

namespace lastmile {

/// Ends on the thread that it began on, and after those that were begun later. The process ends if
/// the thread can't return, since it would go on to change interfaces of others. To come and to go
/// takes CAP_SYS_ADMIN, which a process may give up when it has come for good: see remain().
class NamespaceStay {
 public:
  /// Longest name: one of a file.
  static constexpr std::size_t kMaxName = 255;
  /// A file's name: not empty, no "." or "..", without a slash.
  [[nodiscard]] static bool is_name(std::string_view name);

  /// Needs CAP_SYS_ADMIN. The error names the namespace, and says how to make one.
  [[nodiscard]] static Result<NamespaceStay> enter(const std::string& name);
  /// A stay where the thread is anyway.
  NamespaceStay() = default;

  /// A stay in a namespace that is open.
  [[nodiscard]] static Result<NamespaceStay> enter(const FileDescriptor& target);
  /// Makes the stay one for good, and gives the namespace that the thread came from.
  [[nodiscard]] FileDescriptor remain() && { return std::move(origin_); }

  NamespaceStay(NamespaceStay&& other) noexcept = default;
  NamespaceStay& operator=(NamespaceStay&& other) = delete;
  NamespaceStay(const NamespaceStay&) = delete;
  NamespaceStay& operator=(const NamespaceStay&) = delete;
  ~NamespaceStay();

 private:
  explicit NamespaceStay(FileDescriptor origin) : origin_(std::move(origin)) {}
  [[nodiscard]] static Result<NamespaceStay> enter(const FileDescriptor& target,
                                                   const std::string& what);

  FileDescriptor origin_;  // where the thread returns to; none: it never left
};

}  // namespace lastmile
