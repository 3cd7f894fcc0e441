// Link state from the kernel: one netlink socket for all interfaces, read by the control thread.
//
//   auto watcher = LinkWatcher::open();
//   watcher->refresh(on_change);                      // where everything stands now
//   when_readable(watcher->fd(), [&] { watcher->read(on_change); });
//
// The af_packet driver of DPDK 22.11 reports its link as always up; what counts is the kernel
// interface. An interface that is deleted is down.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "drivers/kernel/netlink.h"
#include "drivers/ports/port.h"

namespace lastmile {

/// A kernel interface was seen, changed or went away.
struct LinkEvent {
  unsigned index = 0;
  std::string name;
  Link link = Link::kDown;
  bool deleted = false;
};

/// Watches the network namespace that the opening thread was in. Control thread only.
class LinkWatcher {
 public:
  using Callback = std::function<void(const LinkEvent&)>;

  [[nodiscard]] static Result<LinkWatcher> open();

  /// Readable when there is something for read(). Non-blocking.
  [[nodiscard]] int fd() const { return events_.fd(); }

  /// Hands on all that has happened, in order. After an overrun of the socket the kernel's present
  /// state is read instead: no change is lost, only intermediate ones; deletions are told as such.
  /// Events repeat states.
  [[nodiscard]] Result<void> read(const Callback& callback);

  /// Every interface as it is now, and the end of those that were there before.
  [[nodiscard]] Result<void> refresh(const Callback& callback);

 private:
  LinkWatcher(Netlink events, Netlink requests)
      : events_(std::move(events)), requests_(std::move(requests)) {}
  Netlink events_;
  Netlink requests_;
  std::map<unsigned, std::string> known_;  ///< interfaces that were told of, by number
};

}  // namespace lastmile
