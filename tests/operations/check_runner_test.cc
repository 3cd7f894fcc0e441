// Health checks against real sockets and programs. Nothing here waits for a fixed time: results
// come when they come, within a generous limit.

#include "controlplane/checks/check_runner.h"
#include "controlplane/checks/attempt.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;
const IpAddress kHere = Ipv4Address{127, 0, 0, 1};

/// Collects what is reported.
class Results {
 public:
  CheckRunner::Report report() {
    return [this](ServiceChecked result) {
      const std::lock_guard lock{mutex_};
      results_[result.run] = std::move(result);
      changed_.notify_all();
    };
  }
  ServiceChecked wait(std::uint32_t run) {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return results_.contains(run); }));
    return results_[run];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, ServiceChecked> results_;
};

/// A TCP server on a port of its own; says `answer` to whoever connects, or nothing if it is empty.
class Server {
 public:
  explicit Server(std::string answer)
      : listener_(::socket(AF_INET, SOCK_STREAM, 0)), answer_(std::move(answer)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    socklen_t size = sizeof any;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any), &size);
    port_ = ntohs(any.sin_port);
    if (!answer_.empty()) thread_ = std::thread{[this] { serve(); }};
  }
  ~Server() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& request() const { return request_; }

 private:
  void serve() {
    while (true) {
      const FileDescriptor client{::accept(listener_.get(), nullptr, nullptr)};
      if (!client) return;
      std::string request(4096, '\0');
      const ssize_t got = ::recv(client.get(), request.data(), request.size(), 0);
      request_ = request.substr(0, got > 0 ? static_cast<std::size_t>(got) : 0);
      ::send(client.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  FileDescriptor listener_;
  std::uint16_t port_ = 0;
  std::string answer_, request_;
  std::thread thread_;
};

ServiceCheck patient() {
  ServiceCheck check;
  check.timeout = kPatience;
  return check;
}

class Checks : public ::testing::Test {
 protected:
  ServiceChecked tcp(std::uint16_t port) {
    ServiceCheck how = patient();
    how.tcp = port;
    return run(how);
  }
  ServiceChecked exec(std::vector<std::string> words,
                      std::chrono::microseconds timeout = kPatience) {
    ServiceCheck how = patient();
    how.exec = std::move(words);
    how.timeout = timeout;
    return run(how);
  }
  ServiceChecked run(const ServiceCheck& how) {
    runner_.check(ServiceId{7}, ++last_, how, kHere);
    return results_.wait(last_);
  }

  Results results_;
  CheckRunner runner_{results_.report()};
  std::uint32_t last_ = 0;
};

TEST_F(Checks, TcpPassesIfSomebodyListens) {
  const Server server{""};
  const ServiceChecked passed = tcp(server.port());
  EXPECT_EQ(passed.outcome, CheckOutcome::kPassed);
  EXPECT_EQ(passed.service, ServiceId{7});
  EXPECT_EQ(passed.detail, "connected");
}

TEST_F(Checks, TcpFailsIfNobodyDoes) {
  std::uint16_t port = 0;
  {
    const Server server{""};
    port = server.port();
  }
  const ServiceChecked failed = tcp(port);
  EXPECT_EQ(failed.outcome, CheckOutcome::kFailed);
  EXPECT_EQ(failed.detail, "Connection refused");
}

TEST_F(Checks, HttpJudgesTheStatusAndSendsPathAndHost) {
  const Server server{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
  ServiceCheck how = patient();
  how.http = server.port();
  how.path = "/health?deep=1";
  how.host = "www.example.org";
  ServiceChecked result = run(how);
  EXPECT_EQ(result.outcome, CheckOutcome::kPassed) << result.detail;
  EXPECT_EQ(result.detail, "HTTP 200");
  EXPECT_TRUE(server.request().starts_with("GET /health?deep=1 HTTP/1.1\r\n")) << server.request();
  EXPECT_NE(server.request().find("Host: www.example.org:"), std::string::npos) << server.request();
  how.status = {201, 299};
  result = run(how);
  EXPECT_EQ(result.outcome, CheckOutcome::kFailed);
  EXPECT_EQ(result.detail, "HTTP 200");
}

TEST_F(Checks, HttpFailsOnWhatIsNoAnswer) {
  const Server server{"what?\r\n\r\n"};
  ServiceCheck how = patient();
  how.http = server.port();
  EXPECT_EQ(run(how).outcome, CheckOutcome::kFailed);
}

TEST_F(Checks, HttpDoesNotWaitForever) {
  const Server silent{""};
  ServiceCheck how;
  how.http = silent.port();
  how.timeout = 50ms;
  const ServiceChecked result = run(how);
  EXPECT_EQ(result.outcome, CheckOutcome::kFailed);
  EXPECT_EQ(result.detail, "no answer in 50 ms");
  EXPECT_GE(result.took, 50ms);
}

TEST_F(Checks, OneThatHangsHoldsUpNoOther) {
  const Server silent{""};
  ServiceCheck hangs = patient();
  hangs.http = silent.port();
  runner_.check(ServiceId{1}, 1000, hangs, kHere);
  EXPECT_EQ(tcp(silent.port()).outcome, CheckOutcome::kPassed);
}

TEST_F(Checks, AProgramPassesWithExitStatusZero) {
  EXPECT_EQ(exec({"/bin/true"}).outcome, CheckOutcome::kPassed);
  const ServiceChecked failed = exec({"/bin/sh", "-c", "echo 'disk is full'; echo more; exit 3"});
  EXPECT_EQ(failed.outcome, CheckOutcome::kFailed);
  EXPECT_EQ(failed.detail, "exit status 3: disk is full");
  const ServiceChecked killed = exec({"/bin/sh", "-c", "kill -9 $$"});
  EXPECT_EQ(killed.detail, "signal 9");
  EXPECT_NE(exec({"/no/such/program"}).detail.find("can't run /no/such/program"),
            std::string::npos);
}

TEST(CheckText, OfOthersIsOneCleanLine) {
  EXPECT_EQ(first_line("SSL: no name \x1b[2Jmatches\r\nsecond line"), "SSL: no name  [2Jmatches ");
  EXPECT_EQ(first_line(std::string(1000, 'x')).size(), 200U);
  EXPECT_EQ(first_line(""), "");
}

TEST_F(Checks, AProgramThatPrintsALotEndsAllTheSame) {
  EXPECT_EQ(exec({"/bin/sh", "-c", "head -c 1000000 /dev/zero"}).outcome, CheckOutcome::kPassed);
}

TEST_F(Checks, AProgramThatNeverStopsPrintingHasNoMoreTimeThanAnother) {
  const ServiceChecked result =
      exec({"/bin/sh", "-c", "cat /dev/zero & cat /dev/zero & exec cat /dev/zero"}, 200ms);
  EXPECT_EQ(result.outcome, CheckOutcome::kFailed);
  EXPECT_EQ(result.detail, "no answer in 200 ms");
}

TEST_F(Checks, AProgramGainsNoPrivileges) {
  EXPECT_EQ(exec({"/bin/sh", "-c", "grep NoNewPrivs /proc/self/status"}).detail, "NoNewPrivs: 1");
}

TEST_F(Checks, AProgramHasDefaultSignalsAndNoDescriptorsOfOurs) {
  // Descriptor 3 is that of the directory itself.
  const ServiceChecked result = exec({"/bin/sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"});
  EXPECT_EQ(result.detail, "0 1 2 3 ");
}

/// True once no process with this number is left.
bool is_gone(pid_t pid) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (::kill(pid, 0) == 0 || errno != ESRCH) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// The same, or it waits for whoever has adopted it.
bool is_dead(pid_t pid) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
    std::string number, name, state;
    if (!(stat >> number >> name >> state) || state == "Z") return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

TEST_F(Checks, AProgramThatHangsIsKilledWithItsChildrenAndLeavesNoZombie) {
  char name[] = "/tmp/lastmile-check-XXXXXX";
  const FileDescriptor file{::mkstemp(name)};
  const std::string script = std::string{"sleep 1000 & echo $! $$ > "} + name + "; wait";
  const ServiceChecked result = exec({"/bin/sh", "-c", script}, 500ms);
  EXPECT_EQ(result.outcome, CheckOutcome::kFailed);
  EXPECT_EQ(result.detail, "no answer in 500 ms");
  std::ifstream pids{name};
  pid_t child = 0, shell = 0;
  ASSERT_TRUE(pids >> child >> shell) << "the machine was too slow for this test's script";
  ::unlink(name);
  EXPECT_TRUE(is_gone(shell)) << "a zombie would still have its number";
  EXPECT_TRUE(is_dead(child)) << "its group was not killed";
}

TEST_F(Checks, WhatAProgramLeavesRunningEndsWithIt) {
  const ServiceChecked result = exec({"/bin/sh", "-c", "sleep 1000 > /dev/null 2>&1 & echo $!"});
  EXPECT_EQ(result.outcome, CheckOutcome::kPassed);
  EXPECT_TRUE(is_dead(static_cast<pid_t>(std::stoi(result.detail))));
}

TEST(CheckRunner, TheEndKillsWhatRuns) {
  Results results;
  ServiceCheck how = patient();
  how.exec = {"/bin/sleep", "1000"};
  {
    CheckRunner runner{results.report()};
    runner.check(ServiceId{0}, 1, how, kHere);
    how.exec = {"/bin/true"};
    runner.check(ServiceId{0}, 2, how, kHere);
    results.wait(2);  // so the first has been started
  }
  errno = 0;
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace lastmile
