#include "controlplane/journal/event_log.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <utility>

#include "logging/one_line.h"

namespace lastmile {
namespace {

constexpr int kNotice = 5;  // syslog(3)
constexpr int kInfo = 6;

}  // namespace

EventLog::EventLog(std::string socket)
    : socket_(std::move(socket)),
      descriptor_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

void EventLog::write(const JournalEntry& entry, TimePoint now) const {
  sockaddr_un address{};
  if (entry.kind == JournalKind::kRoutes || !descriptor_) return;
  if (socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, socket_.size());
  const char* const kind = to_string(entry.kind);
  const std::string text = fmt::format(
      "MESSAGE={} {}{}{}\nPRIORITY={}\nSYSLOG_IDENTIFIER=lastmiled\nLASTMILE_EVENT={}\n"
      "LASTMILE_SUBJECT={}\nLASTMILE_AGO_US={}\n",
      kind, one_line(entry.subject), entry.subject.empty() ? "" : ": ", one_line(entry.text),
      entry.kind == JournalKind::kDetection ? kNotice : kInfo, kind, one_line(entry.subject),
      (now - entry.at).count());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size() + 1);
  ::sendto(descriptor_.get(), text.data(), text.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), length);  // the sockets API's own idiom
}

}  // namespace lastmile
