// lastmile-requests: HTTP requests at a steady rate, and what became of every one of them.
//
//   lastmile-requests serve --port 80 --text bms1
//   lastmile-requests load --to 192.168.0.250 --port 80 --connections 64 --rate 10000 [--keep]
//
// The same as tools/lablib/web.py, which is slower and reads better. The client goes on until its
// standard input ends; each request has a connection of its own, or (--keep) as many as go have
// one. It prints {"requests": N, "skipped": N, "seconds": S, "longest_ms": T, "bodies": {TEXT: N},
// "failures": [{"began": T, "ended": T, "why": TEXT}]}; T by the monotonic clock. Requests that are
// due while no connection is free are skipped: to make up for them would be a burst.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/net/file_descriptor.h"

namespace lastmile::requests {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kClose = "Connection: close";
constexpr milliseconds kPatience{5000};  ///< for one request
constexpr std::size_t kMostFailures = 1000;

[[noreturn]] void fail(const char* what) {
  fmt::print(stderr, "lastmile-requests: {}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

double seconds_of(Clock::time_point at) {
  return duration<double>(at.time_since_epoch()).count();
}

class Poll {
 public:
  Poll() : fd_(epoll_create1(EPOLL_CLOEXEC)) {}
  void watch(int fd, std::uint32_t events, std::uint64_t tag, int how = EPOLL_CTL_ADD) {
    epoll_event event{.events = events, .data = {.u64 = tag}};
    if (epoll_ctl(fd_.get(), how, fd, &event) != 0) fail("epoll_ctl");
  }
  template <class Handler>
  void wait(milliseconds patience, Handler handler) {
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(fd_.get(), events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(patience.count()));
    for (int i = 0; i < count; ++i) {
      handler(events[static_cast<std::size_t>(i)].data.u64,
              events[static_cast<std::size_t>(i)].events);
    }
  }

 private:
  FileDescriptor fd_;
};

// --- server --------------------------------------------------------------------------------------

[[noreturn]] void serve(std::uint16_t port, const std::string& text) {
  const std::string answer =
      fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}\n", text.size() + 1, text);
  FileDescriptor listener{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(port);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) fail("bind");
  if (listen(listener.get(), 4096) != 0) fail("listen");
  Poll poll;
  poll.watch(listener.get(), EPOLLIN, static_cast<std::uint64_t>(listener.get()));
  std::map<int, std::pair<FileDescriptor, std::string>> clients;
  const auto accept_all = [&] {
    for (;;) {
      FileDescriptor client{
          accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
      if (client.get() < 0) return;
      setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const int fd = client.get();
      poll.watch(fd, EPOLLIN, static_cast<std::uint64_t>(fd));
      clients.insert_or_assign(fd, std::pair{std::move(client), std::string{}});
    }
  };
  const auto answer_all = [&](int fd) {
    std::array<char, 4096> buffer;
    const ssize_t size = read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EAGAIN) return;
    std::string& asked = clients.at(fd).second;
    if (size > 0) asked.append(buffer.data(), static_cast<std::size_t>(size));
    bool ends = size <= 0;
    for (std::size_t end = 0; !ends && (end = asked.find(kHeadEnd)) != std::string::npos;) {
      ends = asked.find(kClose) < end;
      asked.erase(0, end + kHeadEnd.size());
      // Answers are short and clients wait for them, so there is always room.
      if (write(fd, answer.data(), answer.size()) < 0) ends = true;
    }
    if (ends) clients.erase(fd);
  };
  for (;;) {
    poll.wait(milliseconds{-1}, [&](std::uint64_t tag, std::uint32_t) {
      const int fd = static_cast<int>(tag);
      fd == listener.get() ? accept_all() : answer_all(fd);
    });
  }
}

// --- client --------------------------------------------------------------------------------------

struct LoadOptions {
  std::string to;
  std::uint16_t port = 80;
  unsigned connections = 64;
  double rate = 1000;  ///< requests a second of all connections
  bool keep = false;
};

class Load {
 public:
  explicit Load(const LoadOptions& options) : options_(options), connections_(options.connections) {
    to_.sin_family = AF_INET;
    to_.sin_port = htons(options.port);
    if (inet_pton(AF_INET, options.to.c_str(), &to_.sin_addr) != 1) {
      fmt::print(stderr, "lastmile-requests: {}: not an IPv4 address\n", options.to);
      std::exit(2);
    }
    request_ = fmt::format("GET / HTTP/1.1\r\nHost: {}\r\n{}\r\n", options.to,
                           options.keep ? "" : "Connection: close\r\n");
    for (unsigned i = 0; i < options.connections; ++i) idle_.push_back(i);
  }

  /// Until standard input ends; requests under way are waited for.
  void run() {
    const Clock::time_point start = Clock::now();
    std::uint64_t due = 0;
    poll_.watch(STDIN_FILENO, EPOLLIN, kStandardInput);
    bool stopping = false;
    while (!stopping || idle_.size() < connections_.size()) {
      poll_.wait(milliseconds{1}, [&](std::uint64_t tag, std::uint32_t events) {
        if (tag != kStandardInput) return ready(static_cast<unsigned>(tag), events);
        std::array<char, 256> ignored;
        if (read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) return;
        stopping = true;
        poll_.watch(STDIN_FILENO, 0, kStandardInput, EPOLL_CTL_DEL);
      });
      const Clock::time_point now = Clock::now();
      if (!stopping) {
        const auto wanted =
            static_cast<std::uint64_t>(duration<double>(now - start).count() * options_.rate);
        for (; due < wanted; ++due) idle_.empty() ? void(++skipped_) : begin(now);
        seconds_ = duration<double>(now - start).count();
      }
      if (now - looked_ > kPatience / 50) give_up(now);
    }
  }

  [[nodiscard]] nlohmann::json report() const {
    return {{"requests", requests_}, {"skipped", skipped_},
            {"seconds", seconds_},   {"longest_ms", duration<double, std::milli>(longest_).count()},
            {"bodies", bodies_},     {"failures", failures_}};
  }

 private:
  static constexpr std::uint64_t kStandardInput = ~std::uint64_t{0};

  struct Connection {
    FileDescriptor fd{-1};
    bool asked = false;  ///< a request is under way
    bool sent = false;   ///< it has been written
    Clock::time_point began;
    std::string answer;
  };

  void begin(Clock::time_point now) {
    const unsigned number = idle_.back();
    idle_.pop_back();
    Connection& c = connections_[number];
    c.asked = true;
    c.sent = false;
    c.began = now;
    c.answer.clear();
    if (c.fd.get() >= 0) return send(number);
    c.fd = FileDescriptor{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (c.fd.get() < 0) return end(number, std::strerror(errno));
    const int on = 1;
    setsockopt(c.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto* const to = reinterpret_cast<const sockaddr*>(&to_);
    if (connect(c.fd.get(), to, sizeof to_) != 0 && errno != EINPROGRESS) {
      return end(number, fmt::format("connect: {}", std::strerror(errno)));
    }
    poll_.watch(c.fd.get(), EPOLLIN | EPOLLOUT, number);
  }

  void send(unsigned number) {
    Connection& c = connections_[number];
    c.sent = true;
    if (write(c.fd.get(), request_.data(), request_.size()) < 0) {
      end(number, fmt::format("write: {}", std::strerror(errno)));
    }
  }

  void ready(unsigned number, std::uint32_t events) {
    Connection& c = connections_[number];
    if (c.fd.get() < 0) return;  // it has ended since
    if (c.asked && !c.sent && (events & EPOLLOUT) != 0) {
      poll_.watch(c.fd.get(), EPOLLIN, number, EPOLL_CTL_MOD);
      send(number);
      if (!c.asked) return;
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) return;
    std::array<char, 4096> buffer;
    const ssize_t size = read(c.fd.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) return end(number, fmt::format("read: {}", std::strerror(errno)));
    if (size == 0) return end(number, fmt::format("closed after {} bytes", c.answer.size()));
    c.answer.append(buffer.data(), static_cast<std::size_t>(size));
    const std::size_t head = c.answer.find(kHeadEnd);
    if (head == std::string::npos) return;
    constexpr std::string_view kLength = "Content-Length: ";
    const std::size_t length = c.answer.find(kLength);
    if (length == std::string::npos || length > head) return end(number, "no Content-Length");
    const std::string body = c.answer.substr(head + kHeadEnd.size());
    if (body.size() < std::strtoul(c.answer.c_str() + length + kLength.size(), nullptr, 10)) return;
    if (!c.answer.starts_with("HTTP/1.1 200")) return end(number, c.answer.substr(0, 20));
    ++bodies_[body.substr(0, body.find('\n'))];
    end(number, "");
  }

  /// `why` is empty if the request was answered.
  void end(unsigned number, const std::string& why) {
    Connection& c = connections_[number];
    const Clock::time_point now = Clock::now();
    if (c.asked) {
      ++requests_;
      longest_ = std::max(longest_, now - c.began);
      if (!why.empty() && failures_.size() < kMostFailures) {
        failures_.push_back(
            {{"began", seconds_of(c.began)}, {"ended", seconds_of(now)}, {"why", why}});
      }
      c.asked = false;
      idle_.push_back(number);
    }
    if (!why.empty() || !options_.keep) c.fd = FileDescriptor{-1};
  }

  void give_up(Clock::time_point now) {
    looked_ = now;
    for (unsigned i = 0; i < connections_.size(); ++i) {
      if (connections_[i].asked && now - connections_[i].began > kPatience) end(i, "timed out");
    }
  }

  const LoadOptions options_;
  sockaddr_in to_{};
  std::string request_;
  Poll poll_;
  std::vector<Connection> connections_;
  std::vector<unsigned> idle_;  ///< connections without a request
  Clock::time_point looked_;
  Clock::duration longest_{0};
  double seconds_ = 0;
  std::uint64_t requests_ = 0, skipped_ = 0;
  std::map<std::string, std::uint64_t> bodies_;
  nlohmann::json failures_ = nlohmann::json::array();
};

int run(int argc, char** argv) {
  LoadOptions options;
  std::string text = "here";
  CLI::App app{"HTTP requests at a steady rate, and what became of every one."};
  app.require_subcommand(1);
  auto* const server = app.add_subcommand("serve", "answer with a text");
  auto* const client = app.add_subcommand("load", "ask until standard input ends");
  for (auto* const sub : {server, client}) {
    sub->add_option("--port", options.port, "TCP port of the server")->capture_default_str();
  }
  server->add_option("--text", text, "what to answer")->capture_default_str();
  client->add_option("--to", options.to, "the server's address")->required();
  client->add_option("--connections", options.connections, "at a time")->capture_default_str();
  client->add_option("--rate", options.rate, "requests a second")->capture_default_str();
  client->add_flag("--keep", options.keep, "connections that stay");
  CLI11_PARSE(app, argc, argv);
  if (server->parsed()) serve(options.port, text);
  Load load{options};
  fmt::print("ready\n");
  std::fflush(stdout);
  load.run();
  fmt::print("{}\n", load.report().dump());
  return 0;
}

}  // namespace
}  // namespace lastmile::requests

int main(int argc, char** argv) {
  return lastmile::requests::run(argc, argv);
}
