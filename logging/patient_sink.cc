#include "logging/patient_sink.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <climits>

namespace lastmile::log {
namespace {

// What the pattern puts around a line: time, level, colours.
constexpr std::size_t kAround = 96;
constexpr std::size_t kLongest = PIPE_BUF - kAround;

}  // namespace

PatientSink::PatientSink(std::FILE* target)
    : Base(target, spdlog::color_mode::automatic), fd_(::fileno(target)) {}

// A pipe has room if it takes PIPE_BUF octets, a socket (the journal's) if half its buffer is free;
// files always have.
bool PatientSink::has_room() const {
  pollfd target{.fd = fd_, .events = POLLOUT, .revents = 0};
  return ::poll(&target, 1, 0) == 1 && (target.revents & POLLOUT) != 0;
}

void PatientSink::log(const spdlog::details::log_msg& message) {
  const std::scoped_lock whole{mutex_};
  if (!has_room()) {
    ++lost_;
    return;
  }
  if (lost_ != 0) {
    const std::string text = fmt::format("{} lines of the log are lost: nobody read them", lost_);
    Base::log({message.logger_name, spdlog::level::warn, text});
    lost_ = 0;
    if (!has_room()) {
      ++lost_;
      return;
    }
  }
  spdlog::details::log_msg line{message};
  line.payload = {message.payload.data(), std::min(message.payload.size(), kLongest)};
  Base::log(line);
}

}  // namespace lastmile::log
