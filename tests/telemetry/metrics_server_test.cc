// The metrics server under good clients and bad ones.

#include "controlplane/telemetry/metrics_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "tests/control/fixtures.h"

namespace lastmile {
namespace {

using std::chrono::milliseconds;

/// A free port of 127.0.0.1, as of now.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(fd);
  return ntohs(address.sin_port);
}

class Served {
 public:
  explicit Served(MetricsServer::Options options = {}) {
    options.listen.push_back({directory_ / "metrics.sock", {}, 0});
    options.listen.push_back({"", Ipv4Address{0x7f000001}, port_});
    auto server = MetricsServer::open(io_, std::move(options), [this](MetricsFormat format) {
      ++rendered_;
      return (format == MetricsFormat::kOpenMetrics ? "open " : "plain ") + body_;
    });
    if (!server) throw std::runtime_error(server.error());
    server_ = std::move(*server);
    thread_ = std::thread{[this] { io_.run(); }};
  }
  ~Served() {
    call([this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }
  [[nodiscard]] std::string socket() const { return directory_ / "metrics.sock"; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void body(std::string text) {
    call([&] { body_ = std::move(text); });
  }
  [[nodiscard]] std::size_t clients() {
    std::size_t count = 0;
    call([&] { count = server_->clients(); });
    return count;
  }
  [[nodiscard]] unsigned rendered() {
    unsigned count = 0;
    call([&] { count = rendered_; });
    return count;
  }
  /// Waits until that many are connected.
  [[nodiscard]] bool has_clients(std::size_t count) {
    return comes_true([&] { return clients() == count; });
  }
  /// Waits until an answer has been made.
  [[nodiscard]] bool has_rendered() {
    return comes_true([&] { return rendered() > 0; });
  }

 private:
  template <class Condition>
  static bool comes_true(Condition condition) {
    for (int i = 0; i < 3000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(milliseconds{10});
    }
    return false;
  }
  template <class Function>
  void call(Function function) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }

  test::TemporaryDirectory directory_;
  std::uint16_t port_ = free_port();
  std::string body_ = "text\n";
  unsigned rendered_ = 0;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::unique_ptr<MetricsServer> server_;
  std::thread thread_;
};

class Client {
 public:
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  void send(const std::string& bytes) const {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  /// Everything until the server closes.
  std::string rest() const {
    std::string all;
    char buffer[4096];
    while (ready()) {
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }
  /// The head of one answer and its body.
  std::string answer() const {
    std::string all;
    char c = 0;
    std::size_t want = std::string::npos;
    while (all.size() < want && ready() && ::recv(fd_, &c, 1, 0) == 1) {
      all += c;
      if (want != std::string::npos || !all.ends_with("\r\n\r\n")) continue;
      const std::size_t at = all.find("Content-Length: ");
      want = all.size() + (at == std::string::npos ? 0 : std::stoul(all.substr(at + 16)));
    }
    return all;
  }

 private:
  [[nodiscard]] bool ready() const {
    pollfd entry{fd_, POLLIN, 0};
    return ::poll(&entry, 1, 60'000) == 1;  // a bound for a broken server only
  }
  int fd_;
  bool connected_ = false;
};

const std::string kGet = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kGetLast = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST(MetricsServer, ASocketThatIsTakenIsNamedWithTheKeyThatNamesIt) {
  const Served first;
  boost::asio::io_context io;
  MetricsServer::Options options;
  options.listen.push_back({first.socket(), {}, 0});
  const auto second = MetricsServer::open(io, std::move(options), [](MetricsFormat) { return ""; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(),
            "metrics socket " + first.socket() +
                ": another instance is running; stop it or give this one another \"listen\" in "
                "\"telemetry\"");
}

TEST(MetricsServer, AnswersByTcpAndByUnixSocket) {
  Served served;
  const Client tcp{served.port()};
  tcp.send(kGetLast);
  const std::string answer = tcp.rest();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nplain text\n")) << answer;
  const Client local{served.socket()};
  local.send(
      "GET /metrics?x=1 HTTP/1.0\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n");
  const std::string open = local.rest();
  EXPECT_NE(open.find("Content-Type: application/openmetrics-text; version=1.0.0"),
            std::string::npos)
      << open;
  EXPECT_TRUE(open.ends_with("open text\n"));
  struct stat status {};
  ASSERT_EQ(::stat(served.socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(MetricsServer, AConnectionServesMoreThanOnce) {
  Served served;
  const Client client{served.port()};
  for (int i = 0; i < 3; ++i) {
    client.send(kGet);
    EXPECT_TRUE(client.answer().ends_with("plain text\n"));
  }
}

TEST(MetricsServer, WhatItHasNotIsSaidByStatus) {
  Served served;
  const auto status = [&](const std::string& request) {
    const Client client{served.port()};
    client.send(request);
    const std::string answer = client.rest();
    return answer.substr(0, answer.find("\r\n"));
  };
  const std::string end = " HTTP/1.1\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(status("GET /" + end), "HTTP/1.1 200 OK");
  EXPECT_EQ(status("GET /metric" + end), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(status("DELETE /metrics" + end), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(status("nonsense\r\n\r\n"), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status("GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"),
            "HTTP/1.1 431 Request Header Fields Too Large");
  EXPECT_EQ(status("GET /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
            "HTTP/1.1 413 Payload Too Large");
  const Client head{served.port()};
  head.send("HEAD /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string answer = head.rest();
  EXPECT_NE(answer.find("Content-Length: 11\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(MetricsServer, ManyWhoAskAtOnceCostOneAnswer) {
  MetricsServer::Options options;
  options.reuse = milliseconds{60'000};
  Served served{options};
  for (int i = 0; i < 50; ++i) {
    const Client client{served.port()};
    client.send(kGetLast);
    EXPECT_TRUE(client.rest().ends_with("plain text\n"));
  }
  EXPECT_EQ(served.rendered(), 1U);
}

TEST(MetricsServer, AnAnswerIsMadeAnewWhenItIsOld) {
  MetricsServer::Options options;
  options.reuse = milliseconds{0};
  Served served{options};
  for (const char* text : {"one", "two"}) {
    served.body(text);
    const Client client{served.port()};
    client.send(kGetLast);
    EXPECT_TRUE(client.rest().ends_with(std::string{"plain "} + text));
  }
}

TEST(MetricsServer, ACrowdIsTurnedAwayAndThoseInsideAreServed) {
  MetricsServer::Options options;
  options.max_clients = 3;
  Served served{options};
  std::vector<std::unique_ptr<Client>> inside;
  for (int i = 0; i < 3; ++i) inside.push_back(std::make_unique<Client>(served.port()));
  ASSERT_TRUE(served.has_clients(3));
  for (int i = 0; i < 20; ++i) {
    const Client outside{served.port()};
    EXPECT_TRUE(outside.rest().starts_with("HTTP/1.1 503 "));
  }
  inside.back()->send(kGetLast);
  EXPECT_TRUE(inside.back()->rest().ends_with("plain text\n"));
  ASSERT_TRUE(served.has_clients(2)) << "one has left";
  const Client next{served.port()};
  next.send(kGetLast);
  EXPECT_TRUE(next.rest().ends_with("plain text\n"));
}

TEST(MetricsServer, WhoSendsNothingIsDisconnected) {
  MetricsServer::Options options;
  options.idle_timeout = milliseconds{50};
  Served served{options};
  const Client silent{served.port()};
  EXPECT_EQ(silent.rest(), "");
  const Client slow{served.port()};
  slow.send("GET /metr");
  EXPECT_EQ(slow.rest(), "");
  EXPECT_TRUE(served.has_clients(0));
}

TEST(MetricsServer, WhoDoesNotTakeTheAnswerIsDisconnected) {
  MetricsServer::Options options;
  options.write_timeout = milliseconds{50};
  Served served{options};
  served.body(std::string(32U << 20, 'x'));  // more than the sockets' buffers
  const Client greedy{served.port()};
  greedy.send(kGet);
  ASSERT_TRUE(served.has_rendered());
  EXPECT_TRUE(served.has_clients(0));
  const Client other{served.socket()};
  other.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(other.rest().starts_with("HTTP/1.1 200"));
}

TEST(MetricsServer, APlaceThatIsTakenIsNamed) {
  Served served;
  boost::asio::io_context io;
  MetricsServer::Options options;
  options.listen.push_back({"", Ipv4Address{0x7f000001}, served.port()});
  const auto second = MetricsServer::open(io, options, [](MetricsFormat) { return ""; });
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error(), "metrics at 127.0.0.1:" + std::to_string(served.port()) +
                                ": can't listen: Address already in use");
}

TEST(MetricsServer, EndsWhileClientsAreThere) {
  auto served = std::make_unique<Served>();
  const std::string path = served->socket();
  const Client idle{served->port()};
  const Client asking{served->socket()};
  asking.send("GET /met");
  ASSERT_TRUE(served->has_clients(2));
  served.reset();
  EXPECT_EQ(idle.rest(), "");
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "the socket's file is gone";
}

}  // namespace
}  // namespace lastmile
