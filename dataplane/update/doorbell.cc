#include "dataplane/update/doorbell.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <system_error>

namespace lastmile {

Doorbell::Doorbell() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Doorbell::~Doorbell() {
  close(fd_);
}

// Reading and writing an eventfd can only fail with EAGAIN: nothing to forget, or a counter that is
// not zero already, and both are what was wanted.
void Doorbell::arm() noexcept {
  eventfd_t count = 0;
  static_cast<void>(eventfd_read(fd_, &count));
  state_.exchange(State::kArmed, std::memory_order_acq_rel);
}

void Doorbell::signal() noexcept {
  static_cast<void>(eventfd_write(fd_, 1));
}

void Doorbell::wait(std::chrono::microseconds timeout) noexcept {
  pollfd descriptor{.fd = fd_, .events = POLLIN, .revents = 0};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const std::chrono::nanoseconds rest = timeout - seconds;
  const timespec limit{.tv_sec = seconds.count(), .tv_nsec = rest.count()};
  ppoll(&descriptor, 1, timeout.count() < 0 ? nullptr : &limit, nullptr);
}

}  // namespace lastmile
