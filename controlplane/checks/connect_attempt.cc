#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "controlplane/checks/attempt.h"
#include "controlplane/io/socket_address.h"
#include "dataplane/net/file_descriptor.h"

namespace lastmile {
namespace {

std::string text_of(int error) {
  return std::generic_category().message(error);
}

class ConnectAttempt final : public Attempt {
 public:
  ConnectAttempt(const IpAddress& address, std::uint16_t port) {
    const int family = std::holds_alternative<Ipv4Address>(address) ? AF_INET : AF_INET6;
    fd_ = FileDescriptor{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd_) {
      error_ = errno;
      return;
    }
    const auto remote = TwinTable{{}}.to_socket(Endpoint{address, port, std::nullopt});
    if (!remote) {
      error_ = EADDRNOTAVAIL;
      return;
    }
    if (::connect(fd_.get(), remote->get(), remote->length) == 0) {
      connected_ = true;
    } else if (errno != EINPROGRESS) {
      error_ = errno;
    }
  }

  [[nodiscard]] std::vector<Wanted> wanted() const override {
    if (connected_ || error_ != 0) return {};
    return {{fd_.get(), Wanted::For::kWriting}};
  }

  [[nodiscard]] std::optional<CheckResult> look() override {
    if (!connected_ && error_ == 0) {
      // A peer's name is there exactly when the connection is.
      sockaddr_storage peer{};
      socklen_t size = sizeof peer;
      if (::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0) {
        connected_ = true;
      } else {
        socklen_t length = sizeof error_;
        if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error_, &length) != 0) error_ = errno;
        if (error_ == 0) return std::nullopt;
      }
    }
    if (connected_) return CheckResult{CheckOutcome::kPassed, "connected"};
    return CheckResult{CheckOutcome::kFailed, text_of(error_)};
  }

 private:
  FileDescriptor fd_;
  int error_ = 0;
  bool connected_ = false;
};

}  // namespace

std::unique_ptr<Attempt> connect_attempt(const IpAddress& address, std::uint16_t port) {
  return std::make_unique<ConnectAttempt>(address, port);
}

}  // namespace lastmile
