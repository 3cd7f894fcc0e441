// A port's kernel interface was deleted and made again (a container's veth, say): its device is
// opened anew over the new one, while the router runs.
//
//   control thread        slot emptied ──> ...                              ──> slot filled
//   home thread                            (grace period) close ──> open
//   workers               poll, send       nothing with this device             poll, send
//
// What is the port's stays: its MAC address, which the new interface is given, its twin with all
// that the kernel knows on it, its counters. So for everybody else it is a link that was down and
// is up again: neighbors, advertisements, BFD and BGP come back as they do after that. Workers
// don't stop, and other ports notice nothing.
#pragma once

#include <memory>
#include <string>

#include "controlplane/io/event_loop.h"
#include "controlplane/journal/journal.h"
#include "daemon/devices.h"
#include "daemon/forwarding.h"
#include "daemon/link_monitor.h"
#include "daemon/returning_ports.h"
#include "dataplane/net/file_descriptor.h"

namespace lastmile {

/// Control thread only.
class PortExchange final : private ReturningPorts::Outside {
 public:
  /// All outlive this.
  struct Parts {
    EventLoop& loop;
    Devices& devices;
    Forwarding& forwarding;
    LinkMonitor& links;
    Journal& journal;
  };
  /// Needs to be at home for a moment (Devices::at_home).
  [[nodiscard]] static Result<std::unique_ptr<PortExchange>> start(const Parts& parts);
  /// Waits for an exchange in hand.
  ~PortExchange() override;
  PortExchange(const PortExchange&) = delete;
  PortExchange& operator=(const PortExchange&) = delete;

 private:
  PortExchange(const Parts& parts, Netlink netlink, FileDescriptor retry);

  bool is_there(unsigned index) override;
  void exchange(PortId owner) override;
  void gone(PortId owner, const std::string& interface) override;
  void back(PortId owner, const std::string& interface) override;
  void cannot_use(PortId owner, const std::string& interface, const std::string& reason) override;

  void finish(PortId owner, Result<DeviceParts> opened);
  void tell(PortId owner, std::string text);
  void look_again();
  void look_again_soon();

  Parts parts_;
  Netlink netlink_;       ///< of the namespace that the interfaces are in
  FileDescriptor retry_;  ///< a timer
  ReturningPorts returning_;
};

}  // namespace lastmile
