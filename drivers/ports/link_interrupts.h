// Changes of link, told by the devices themselves: drivers of real NICs raise an interrupt
// when the link goes, so nobody has to ask.
//
//   auto interrupts = LinkInterrupts::open();
//   interrupts->watch(port.facts());
//   when_readable(interrupts->fd(), [&] { interrupts->acknowledge(); ask(port.link()); });
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/net/file_descriptor.h"
#include "drivers/driver_error.h"
#include "drivers/ports/port.h"

namespace lastmile {

/// Control thread; the events come from DPDK's interrupt thread, which only writes to an eventfd.
class LinkInterrupts {
 public:
  [[nodiscard]] static Result<LinkInterrupts> open();

  LinkInterrupts(LinkInterrupts&& other) noexcept = default;
  LinkInterrupts& operator=(LinkInterrupts&&) = delete;
  LinkInterrupts(const LinkInterrupts&) = delete;
  LinkInterrupts& operator=(const LinkInterrupts&) = delete;
  ~LinkInterrupts();

  /// From now on changes of this port's link are told; nothing is watched twice. For ports with
  /// DeviceFacts::link_interrupt.
  [[nodiscard]] Result<void> watch(const DeviceFacts& port);

  /// Readable after a change of any port's link.
  [[nodiscard]] int fd() const { return event_.get(); }
  /// Makes it unreadable, before the ports are asked.
  void acknowledge() const;

 private:
  explicit LinkInterrupts(FileDescriptor event) : event_(std::move(event)) {}

  FileDescriptor event_;
  std::vector<std::uint16_t> ethdevs_;
};

}  // namespace lastmile
