#include "drivers/ports/link_interrupts.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lastmile {
namespace {

void* as_argument(int descriptor) {
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor));
}

// DPDK's interrupt thread.
int on_link_event(std::uint16_t /*ethdev*/, rte_eth_event_type /*event*/, void* argument,
                  void* /*unused*/) {
  const int descriptor = static_cast<int>(reinterpret_cast<std::intptr_t>(argument));
  const std::uint64_t one = 1;
  // It can only fail when 2^64 - 2 events are unread; then it is readable anyway.
  [[maybe_unused]] const ssize_t written = ::write(descriptor, &one, sizeof one);
  return 0;
}

}  // namespace

Result<LinkInterrupts> LinkInterrupts::open() {
  FileDescriptor event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event) return failure(fmt::format("link state: {}", std::strerror(errno)), errno);
  return LinkInterrupts(std::move(event));
}

LinkInterrupts::~LinkInterrupts() {
  for (const std::uint16_t ethdev : ethdevs_) {
    rte_eth_dev_callback_unregister(ethdev, RTE_ETH_EVENT_INTR_LSC, on_link_event,
                                    as_argument(event_.get()));
  }
}

Result<void> LinkInterrupts::watch(const DeviceFacts& port) {
  const int code = rte_eth_dev_callback_register(port.ethdev, RTE_ETH_EVENT_INTR_LSC, on_link_event,
                                                 as_argument(event_.get()));
  if (code != 0) {
    return failure(fmt::format("port {}: no link interrupt: {}", port.name, rte_strerror(-code)),
                   -code);
  }
  ethdevs_.push_back(port.ethdev);
  return {};
}

void LinkInterrupts::acknowledge() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_.get(), &count, sizeof count);
}

}  // namespace lastmile
