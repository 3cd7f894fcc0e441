// `lastmile` as the operator calls it, against a daemon in this process.

#include "cli/run.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "controlplane/control/command_table.h"
#include "tests/control/fake_daemon.h"

namespace lastmile {
namespace {

using test::FakeDaemon;

struct Outcome {
  int status;
  std::string out;
  std::string error;
};

Outcome lastmile(std::vector<std::string> arguments, const std::string& socket) {
  std::ostringstream out;
  std::ostringstream error;
  const int status = cli::run(std::move(arguments), {socket.c_str(), false}, out, error);
  return {status, out.str(), error.str()};
}

TEST(Lastmile, EveryShowHasTextAndJson) {
  FakeDaemon daemon;
  for (const char* what : {"ports", "offload", "bgp", "bfd", "routes", "fib", "neighbors",
                           "nexthops", "workers", "drops", "control"}) {
    const Outcome text = lastmile({"show", what}, daemon.socket());
    EXPECT_EQ(text.status, 0) << text.error;
    EXPECT_EQ(text.error, "");
    EXPECT_FALSE(text.out.empty());
    std::istringstream lines{text.out};
    for (std::string line; std::getline(lines, line);) {
      EXPECT_FALSE(line.ends_with(' ')) << line;
      // An AS path is as long as it is, and so are addresses beside many figures.
      if (!std::set<std::string>{"routes", "bfd", "nexthops"}.contains(what)) {
        EXPECT_LE(line.size(), 80U) << line;
      }
    }
    const Outcome json = lastmile({"show", what, "--json"}, daemon.socket());
    EXPECT_EQ(json.status, 0) << json.error;
    EXPECT_TRUE(Json::accept(json.out)) << json.out;
  }
}

TEST(Lastmile, JsonIsTheDaemonsData) {
  FakeDaemon daemon;
  const Json data = Json::parse(lastmile({"show", "bgp", "--json"}, daemon.socket()).out);
  EXPECT_EQ(data.at("neighbors").at(0).at("remote_asn"), 65001);
  const Json version = Json::parse(lastmile({"version", "--json"}, daemon.socket()).out);
  EXPECT_EQ(version.at("dpdk"), "22.11.5");
}

TEST(Lastmile, ABigTableComesWhole) {
  FakeDaemon daemon{2500};
  const Json data = Json::parse(lastmile({"show", "routes", "--json"}, daemon.socket()).out);
  EXPECT_EQ(data.at("routes").size(), 2505U);
  const auto lines = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  };
  const std::string text = lastmile({"show", "routes"}, daemon.socket()).out;
  EXPECT_EQ(lines(text), 1 + 2506 + 2);  // titles; paths and a second next hop; legend
  const Json some =
      Json::parse(lastmile({"show", "routes", "--json", "-n", "1203"}, daemon.socket()).out);
  EXPECT_EQ(some.at("routes").size(), 1205U);  // prefixes are counted, paths are shown
}

TEST(Lastmile, AsksForOneRoute) {
  FakeDaemon daemon;
  for (const char* what : {"10.0.2.2/32", "10.0.2.2"}) {
    const Json data =
        Json::parse(lastmile({"show", "routes", what, "--json"}, daemon.socket()).out);
    ASSERT_EQ(data.at("routes").size(), 2U);
    EXPECT_EQ(data.at("routes").at(0).at("prefix"), "10.0.2.2/32");
  }
  EXPECT_EQ(lastmile({"show", "routes", "192.0.2.1"}, daemon.socket()).out, "no such route\n");
  const Outcome bad = lastmile({"show", "routes", "10.0.2.2/8"}, daemon.socket());
  EXPECT_EQ(bad.status, cli::kFailure);
  EXPECT_EQ(bad.error,
            "lastmile: \"10.0.2.2/8\" is neither a prefix nor an address; expected one such as "
            "10.0.0.0/8 (no host bits set) or 10.0.0.1\n");
  EXPECT_EQ(bad.out, "");
}

TEST(Lastmile, NoDaemonIsOneClearLine) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lm.sock";
  const Outcome absent = lastmile({"show", "bgp"}, path);
  EXPECT_EQ(absent.status, cli::kFailure);
  EXPECT_EQ(absent.out, "");
  EXPECT_EQ(absent.error, "lastmile: lastmiled is not running: there is no socket " + path +
                              "; start it (systemctl start lastmile) or name its socket with "
                              "--socket\n");
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(dead);
  EXPECT_EQ(lastmile({"show", "bgp"}, path).error,
            "lastmile: lastmiled is not running: nobody listens on " + path +
                "; start it (systemctl start lastmile)\n");
  EXPECT_EQ(lastmile({"version"}, path).out, "lastmile " LASTMILE_VERSION "\n");
}

TEST(Lastmile, ASilentDaemonIsNotWaitedForForever) {
  FakeDaemon daemon;
  daemon.fall_silent();
  const Outcome outcome = lastmile({"show", "bgp", "--timeout", "0.1"}, daemon.socket());
  EXPECT_EQ(outcome.status, cli::kFailure);
  EXPECT_EQ(outcome.error,
            "lastmile: no answer from lastmiled on " + daemon.socket() + " within 100 ms\n");
}

TEST(Lastmile, WrongUseIsOneLine) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"shwo", "bgp"}, {"--nonsense"}, {"show", "bgp", "more"}}) {
    const Outcome outcome = lastmile(arguments, "/nonexistent");
    EXPECT_EQ(outcome.status, cli::kUsage);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  }
}

/// Answers the first request with fixed bytes, whatever it was.
class Impostor {
 public:
  explicit Impostor(std::string answer) : descriptor_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(descriptor_, 1), 0);
    thread_ = std::thread{[this, answer = std::move(answer)] {
      const int client = ::accept(descriptor_, nullptr, nullptr);
      char buffer[4096];
      if (::recv(client, buffer, sizeof buffer, 0) > 0) {
        (void)::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
      ::close(client);
    }};
  }
  ~Impostor() {
    thread_.join();
    ::close(descriptor_);
  }
  Impostor(const Impostor&) = delete;
  Impostor& operator=(const Impostor&) = delete;
  [[nodiscard]] std::string path() const { return directory_ / "s"; }

 private:
  test::TemporaryDirectory directory_;
  int descriptor_;
  std::thread thread_;
};

TEST(Lastmile, BadAnswersAreOneLine) {
  for (const char* answer :
       {"", "half", "garbage\n", "[]\n", "{}\n", "{\"ok\":1}\n", "{\"ok\":false}\n",
        "{\"ok\":true}\n", "{\"ok\":true,\"data\":[]}\n", "{\"ok\":true,\"data\":{}}\n",
        "{\"ok\":true,\"data\":{\"neighbors\":[{\"name\":7}]}}\n",
        "{\"ok\":false,\"error\":\"two\\nlines\"}\n"}) {
    const Impostor impostor{answer};
    const Outcome outcome = lastmile({"show", "bgp"}, impostor.path());
    EXPECT_EQ(outcome.status, cli::kFailure) << answer;
    EXPECT_EQ(outcome.out, "") << answer;
    EXPECT_TRUE(outcome.error.starts_with("lastmile: ")) << outcome.error;
    EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  }
}

TEST(Lastmile, WatchEndsWhenTheDaemonDoes) {
  std::ostringstream out;
  std::ostringstream error;
  int status = 0;
  std::thread watch;
  {
    FakeDaemon daemon;
    watch = std::thread{[&, socket = daemon.socket()] {
      status = cli::run({"show", "drops", "--watch", "0.1"}, {socket.c_str(), false}, out, error);
    }};
    std::this_thread::sleep_for(std::chrono::milliseconds{350});
  }
  watch.join();
  EXPECT_EQ(status, cli::kFailure);
  EXPECT_NE(error.str(), "");
  EXPECT_NE(out.str().find("MEANING"), out.str().rfind("MEANING"));  // more than once
}

/// The program itself: what main adds.
TEST(Lastmile, TheProgramRuns) {
  const char* program = std::getenv("LASTMILE");
  if (program == nullptr) GTEST_SKIP() << "LASTMILE names no program";
  FakeDaemon daemon;
  const std::string call =
      std::string{program} + " --socket " + daemon.socket() + " show fib --json > ";
  const std::string file = daemon.directory() / "out";
  EXPECT_EQ(std::system((call + file).c_str()), 0);
  std::ifstream result{file};
  EXPECT_EQ(Json::parse(result).at("ipv4").at("routes"), 512621);
  EXPECT_EQ(WEXITSTATUS(std::system((call + "/dev/full 2>/dev/null").c_str())), cli::kFailure);
  EXPECT_EQ(WEXITSTATUS(std::system((std::string{program} + " dance 2>/dev/null").c_str())),
            cli::kUsage);
}

}  // namespace
}  // namespace lastmile
