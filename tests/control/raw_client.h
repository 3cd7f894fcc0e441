// A client of the control socket that may do what ours never does.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

namespace lastmile::test {

/// A client made of nothing but system calls.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : descriptor_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ =
        ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(descriptor_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  bool send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t took =
          ::send(descriptor_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (took <= 0) return false;
      sent += static_cast<std::size_t>(took);
    }
    return true;
  }
  void finish_sending() { ::shutdown(descriptor_, SHUT_WR); }
  /// A line, or what came before the end (empty: nothing).
  std::string line() {
    std::string text;
    char c = 0;
    while (ready() && ::recv(descriptor_, &c, 1, 0) == 1 && c != '\n') text += c;
    return text;
  }
  /// The server has closed the connection.
  bool closed() {
    char c = 0;
    return ready() && ::recv(descriptor_, &c, 1, 0) <= 0;
  }

 private:
  [[nodiscard]] bool ready() const {
    pollfd entry{descriptor_, POLLIN, 0};
    return ::poll(&entry, 1, 60'000) == 1;  // a bound for a broken server only
  }
  int descriptor_;
  bool connected_ = false;
};

}  // namespace lastmile::test
