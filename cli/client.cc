#include "cli/client.h"

#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lastmile::cli {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kLargestResponse = 256U << 20;

std::string who_may(const std::string& socket) {
  struct stat status {};
  if (::stat(socket.c_str(), &status) != 0) return "be root";
  if ((status.st_mode & S_IWGRP) == 0) return "be root";
  const group* entry = ::getgrgid(status.st_gid);  // one thread only
  const std::string name =
      entry != nullptr ? entry->gr_name : std::to_string(static_cast<unsigned>(status.st_gid));
  return fmt::format("be root or a member of group \"{}\" (usermod -aG {} USER)", name, name);
}

std::string why_not(const std::string& socket, int error) {
  switch (error) {
    case ENOENT:
      return fmt::format(
          "lastmiled is not running: there is no socket {}; start it (systemctl start lastmile) or "
          "name its socket with --socket",
          socket);
    case ECONNREFUSED:
      return fmt::format(
          "lastmiled is not running: nobody listens on {}; start it (systemctl start lastmile)",
          socket);
    case EACCES:
    case EPERM:
      return fmt::format("permission denied on {}: {}", socket, who_may(socket));
    default:
      return fmt::format("can't connect to {}: {}", socket, std::strerror(error));
  }
}

}  // namespace

tl::expected<Client, std::string> Client::connect(const std::string& socket, milliseconds timeout) {
  sockaddr_un address{};
  if (socket.empty() || socket.size() >= sizeof address.sun_path) {
    return tl::unexpected(fmt::format("bad socket path \"{}\"; expected 1 to {} bytes", socket,
                                      sizeof address.sun_path - 1));
  }
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, socket.size());
  FileDescriptor descriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!descriptor) return tl::unexpected(fmt::format("no socket: {}", std::strerror(errno)));
  Client client{std::move(descriptor), socket, timeout};
  const auto deadline = steady_clock::now() + timeout;
  // A Unix socket connects at once or not at all; EAGAIN: the daemon's backlog is full.
  while (::connect(client.descriptor_.get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof address) != 0) {
    if (errno != EAGAIN && errno != EINTR) return tl::unexpected(why_not(socket, errno));
    if (steady_clock::now() >= deadline) {
      return tl::unexpected(fmt::format("lastmiled on {} takes no connection", socket));
    }
    ::poll(nullptr, 0, 20);
  }
  return client;
}

tl::expected<void, std::string> Client::wait(short events, Deadline deadline) {
  for (;;) {
    int patience = -1;
    if (deadline != Deadline::max()) {
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
      patience = left.count() > 0 ? static_cast<int>(left.count()) + 1 : 0;
    }
    std::array<pollfd, 2> entries{pollfd{descriptor_.get(), events, 0},
                                  pollfd{interrupt_, POLLIN, 0}};
    const int ready = ::poll(entries.data(), entries.size(), patience);
    if (ready > 0) {
      if (auto heeded = heed_interrupt(); !heeded) return heeded;
      if (entries[0].revents != 0) return {};
      continue;
    }
    if (ready < 0 && errno != EINTR) {
      return tl::unexpected(fmt::format("poll: {}", std::strerror(errno)));
    }
    if (ready == 0) {
      return tl::unexpected(
          fmt::format("no answer from lastmiled on {} within {} ms", socket_, timeout_.count()));
    }
  }
}

tl::expected<void, std::string> Client::send(const std::string& line, Deadline deadline) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t took =
        ::send(descriptor_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (took > 0) {
      sent += static_cast<std::size_t>(took);
    } else if (errno == EAGAIN) {
      if (auto ready = wait(POLLOUT, deadline); !ready) return ready;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return {};  // its last words may say why: read them
    } else if (errno != EINTR) {
      return tl::unexpected(fmt::format("connection to lastmiled broke: {}", std::strerror(errno)));
    }
  }
  return {};
}

tl::expected<void, std::string> Client::heed_interrupt() {
  pollfd entry{interrupt_, POLLIN, 0};
  if (::poll(&entry, 1, 0) <= 0) return {};
  if (asked_to_end_) return tl::unexpected<std::string>("interrupted");
  asked_to_end_ = true;
  std::array<char, 4096> ignored;
  while (::read(interrupt_, ignored.data(), ignored.size()) > 0) {
  }
  ::shutdown(descriptor_.get(), SHUT_WR);
  return {};
}

tl::expected<void, std::string> Client::fill(Deadline deadline) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::recv(descriptor_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
      input_.append(buffer.data(), static_cast<std::size_t>(got));
      return {};
    }
    if (got == 0 || errno == ECONNRESET) {
      return tl::unexpected<std::string>{"lastmiled closed the connection without an answer"};
    }
    if (errno == EAGAIN) {
      if (auto ready = wait(POLLIN, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return tl::unexpected(fmt::format("connection to lastmiled broke: {}", std::strerror(errno)));
    }
  }
}

tl::expected<std::string, std::string> Client::receive(Deadline deadline) {
  std::size_t searched = 0;
  for (;;) {
    if (const std::size_t end = input_.find('\n', searched); end != std::string::npos) {
      std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      return line;
    }
    searched = input_.size();
    if (searched > kLargestResponse) {
      return tl::unexpected<std::string>{"answer of lastmiled is too long"};
    }
    if (auto filled = fill(deadline); !filled) return tl::unexpected(filled.error());
  }
}

tl::expected<Json, std::string> Client::read_response(const std::string& answer) const {
  Json response = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  const bool whole =
      response.is_object() && response.contains("ok") && response["ok"].is_boolean() &&
      (response["ok"].get<bool>() ? response.contains("data")
                                  : response.contains("error") && response["error"].is_string());
  if (!whole) {
    return tl::unexpected(fmt::format("what listens on {} does not answer as lastmiled", socket_));
  }
  if (!response["ok"].get<bool>()) return tl::unexpected(response["error"].get<std::string>());
  return std::move(response["data"]);
}

tl::expected<Json, std::string> Client::ask(const std::string& verb, const Json& args) {
  const auto deadline = steady_clock::now() + timeout_;
  const Json request{{"verb", verb}, {"args", args}};
  const std::string line = request.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  if (auto sent = send(line, deadline); !sent) return tl::unexpected(sent.error());
  const auto answer = receive(deadline);
  if (!answer) return tl::unexpected(answer.error());
  return read_response(*answer);
}

tl::expected<Json, std::string> Client::follow(const Sink& sink, int interrupt) {
  interrupt_ = interrupt;
  for (;;) {
    // Also while there is always more to read.
    if (auto heeded = heed_interrupt(); !heeded) return tl::unexpected(heeded.error());
    const auto line = receive(Deadline::max());
    if (!line) return tl::unexpected(line.error());
    const Json piece = Json::parse(*line, nullptr, /*allow_exceptions=*/false);
    const auto bytes = piece.is_object() ? piece.find("bytes") : piece.end();
    if (bytes == piece.end() || !bytes->is_number_unsigned()) return read_response(*line);
    for (auto left = bytes->get<std::size_t>(); left > 0;) {
      if (input_.empty()) {
        if (auto filled = fill(Deadline::max()); !filled) return tl::unexpected(filled.error());
      }
      const std::size_t part = std::min(left, input_.size());
      if (auto taken = sink(std::string_view{input_}.substr(0, part)); !taken) {
        return tl::unexpected(taken.error());
      }
      input_.erase(0, part);
      left -= part;
    }
  }
}

}  // namespace lastmile::cli
