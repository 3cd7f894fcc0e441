// The link state of every port, as LinkChanged events: from netlink where the driver does not know;
// from the driver itself, by its interrupt where it has one, and by asking it all the time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "controlplane/io/event_loop.h"
#include "daemon/devices.h"
#include "drivers/ports/link_interrupts.h"
#include "drivers/ports/link_watcher.h"

namespace lastmile {

/// How a change of a port's link becomes known.
enum class LinkWatch : std::uint8_t {
  kNetlink,    ///< the kernel tells at once
  kInterrupt,  ///< the device tells at once; it is asked every 10 ms all the same
  kPoll,       ///< the device is asked every 10 ms
};

/// Keeps each port's twin in step with its link, and tells the control plane of changes. Control
/// thread only.
class LinkMonitor {
 public:
  /// `loop` and `devices` outlive the monitor.
  [[nodiscard]] static Result<std::unique_ptr<LinkMonitor>> start(EventLoop& loop,
                                                                  Devices& devices);
  ~LinkMonitor();
  LinkMonitor(const LinkMonitor&) = delete;
  LinkMonitor& operator=(const LinkMonitor&) = delete;

  /// Delivers the present state of every port, as far as it differs from what is known. When the
  /// control plane has started, and when a port has got another interface.
  [[nodiscard]] Result<void> refresh();
  /// Called with each event of an interface of the machine, after it was looked at here; one
  /// function, or none. It does not call refresh() itself.
  void observe(std::function<void(const LinkEvent&)> observer) { observer_ = std::move(observer); }
  [[nodiscard]] Link link(PortId port) const;
  [[nodiscard]] LinkWatch watch(PortId port) const;

 private:
  LinkMonitor(EventLoop& loop, Devices& devices, LinkWatcher watcher, LinkInterrupts interrupts,
              int timer);
  void watch_interrupts();
  void on_kernel_link(const LinkEvent& event);
  void poll_drivers();
  void changed(OpenPort& port, Link link);

  EventLoop& loop_;
  Devices& devices_;
  LinkWatcher watcher_;
  LinkInterrupts interrupts_;
  int timer_;  ///< descriptor of a periodic timer; -1: every port is watched by netlink
  std::map<PortId, Link> links_;
  std::map<PortId, LinkWatch> watches_;
  std::function<void(const LinkEvent&)> observer_;
};

}  // namespace lastmile
