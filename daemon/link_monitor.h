// The link state of every port, as LinkChanged events: from netlink where the driver does not know,
// else from the driver itself.
#pragma once

#include <map>
#include <string>

#include "controlplane/io/event_loop.h"
#include "daemon/devices.h"
#include "drivers/ports/link_watcher.h"

namespace lastmile {

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

  /// Delivers the present state of every port. Once, when the control plane has started.
  [[nodiscard]] Result<void> refresh();
  [[nodiscard]] Link link(PortId port) const;

 private:
  LinkMonitor(EventLoop& loop, Devices& devices, LinkWatcher watcher, int timer);
  void on_kernel_link(const LinkEvent& event);
  void poll_drivers();
  void changed(OpenPort& port, Link link);

  EventLoop& loop_;
  Devices& devices_;
  LinkWatcher watcher_;
  int timer_;  ///< descriptor of a periodic timer; -1: every port is watched by netlink
  std::map<PortId, Link> links_;
};

}  // namespace lastmile
