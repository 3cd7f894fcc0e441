// The control socket under clients that behave badly.

#include "controlplane/control/control_server.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/control/fake_daemon.h"
#include "tests/control/raw_client.h"

namespace lastmile {
namespace {

using std::chrono::milliseconds;
using test::FakeDaemon;
using test::RawClient;

const std::string kRequest = "{\"verb\": \"show bgp\"}\n";

bool is_answer(const std::string& line) {
  return line.starts_with("{\"ok\":true,\"data\":{\"neig");
}

/// Connections that the server has not yet accepted do not count.
void wait_for_clients(FakeDaemon& daemon, std::size_t count) {
  std::size_t seen = daemon.clients();
  for (int i = 0; i < 12'000 && seen != count; ++i) {
    std::this_thread::sleep_for(milliseconds{5});
    seen = daemon.clients();
  }
  EXPECT_EQ(seen, count);
}

TEST(ControlServer, AnswersOneAfterTheOther) {
  FakeDaemon daemon;
  RawClient client{daemon.socket()};
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.send(kRequest));
    ASSERT_TRUE(is_answer(client.line()));
  }
  ASSERT_TRUE(client.send(kRequest + kRequest + kRequest));  // all at once
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_answer(client.line()));
}

TEST(ControlServer, TakesARequestInPieces) {
  FakeDaemon daemon;
  RawClient client{daemon.socket()};
  for (const char c : kRequest) ASSERT_TRUE(client.send({c}));
  EXPECT_TRUE(is_answer(client.line()));
}

TEST(ControlServer, AnswersAClientThatHasFinishedSending) {
  FakeDaemon daemon;
  RawClient client{daemon.socket()};
  ASSERT_TRUE(client.send(kRequest));
  client.finish_sending();
  EXPECT_TRUE(is_answer(client.line()));
  EXPECT_TRUE(client.closed());
}

TEST(ControlServer, ForgetsHalfARequest) {
  FakeDaemon daemon;
  {
    RawClient client{daemon.socket()};
    ASSERT_TRUE(client.send("{\"verb\": \"show"));
    client.finish_sending();
    EXPECT_TRUE(client.closed());
  }
  wait_for_clients(daemon, 0);
}

TEST(ControlServer, ToleratesGarbage) {
  constexpr unsigned kSeed = 7;
  SCOPED_TRACE(kSeed);
  std::mt19937 random{kSeed};
  FakeDaemon daemon;
  RawClient client{daemon.socket()};
  for (int i = 0; i < 200; ++i) {
    std::string line;
    for (auto n = random() % 200; n > 0; --n) {
      const char c = static_cast<char>(random());
      line += c == '\n' ? ' ' : c;
    }
    ASSERT_TRUE(client.send(line + '\n'));
    ASSERT_TRUE(client.line().starts_with("{\"ok\":false,\"error\":")) << line;
  }
  ASSERT_TRUE(client.send(kRequest));
  EXPECT_TRUE(is_answer(client.line()));
}

TEST(ControlServer, RefusesARequestThatNeverEnds) {
  FakeDaemon daemon;
  RawClient client{daemon.socket()};
  client.send(std::string(200'000, 'x'));  // it may or may not get all of it out
  EXPECT_EQ(client.line(),
            "{\"ok\":false,\"error\":\"request is longer than 65536 bytes; expected one line of "
            "JSON\"}");
  EXPECT_TRUE(client.closed());
  wait_for_clients(daemon, 0);
}

TEST(ControlServer, ServesManyAtOnceBesideStuckOnes) {
  FakeDaemon daemon{300};
  std::vector<std::unique_ptr<RawClient>> stuck;
  for (int i = 0; i < 16; ++i) {
    stuck.push_back(std::make_unique<RawClient>(daemon.socket()));
    if (i % 2 == 0) {
      // Pages are more than a socket's buffer: responses stay with the server.
      for (int n = 0; n < 16; ++n) stuck.back()->send("{\"verb\": \"show routes\"}\n");
    } else {
      stuck.back()->send("{\"verb\"");
    }
  }
  std::vector<std::thread> threads;
  std::atomic<int> answers{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        RawClient client{daemon.socket()};
        client.send(kRequest);
        if (is_answer(client.line())) ++answers;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answers, 400);
}

TEST(ControlServer, DisconnectsWhoIsIdleOrDoesNotRead) {
  ControlServer::Options options;
  options.idle_timeout = milliseconds{50};
  options.write_timeout = milliseconds{50};
  FakeDaemon daemon{300, options};
  RawClient idle{daemon.socket()};
  RawClient half{daemon.socket()};
  half.send("{\"verb\"");
  RawClient deaf{daemon.socket()};
  for (int i = 0; i < 16; ++i) deaf.send("{\"verb\": \"show routes\"}\n");
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(half.closed());
  wait_for_clients(daemon, 0);
}

TEST(ControlServer, TellsTheOneTooManySo) {
  ControlServer::Options options;
  options.max_clients = 2;
  FakeDaemon daemon{0, options};
  auto first = std::make_unique<RawClient>(daemon.socket());
  RawClient second{daemon.socket()};
  wait_for_clients(daemon, 2);
  RawClient third{daemon.socket()};
  EXPECT_EQ(third.line(), "{\"ok\":false,\"error\":\"too many clients; try again later\"}");
  EXPECT_TRUE(third.closed());
  first.reset();
  wait_for_clients(daemon, 1);
  RawClient fourth{daemon.socket()};
  fourth.send(kRequest);
  EXPECT_TRUE(is_answer(fourth.line()));
}

TEST(ControlServer, LosesClientsWithoutHarm) {
  FakeDaemon daemon{300};
  for (int i = 0; i < 200; ++i) {
    RawClient client{daemon.socket()};
    client.send(i % 2 == 0 ? kRequest : "{\"verb\": \"show routes\"}\n");
  }
  {
    RawClient last{daemon.socket()};  // accepted after all the others
    last.send(kRequest);
    EXPECT_TRUE(is_answer(last.line()));
  }
  wait_for_clients(daemon, 0);
}

TEST(ControlServer, GoesWithRequestsOpen) {
  std::unique_ptr<RawClient> client;
  std::string path;
  {
    FakeDaemon daemon;
    path = daemon.socket();
    daemon.fall_silent();
    client = std::make_unique<RawClient>(path);
    client->send(kRequest);
    wait_for_clients(daemon, 1);
  }
  EXPECT_TRUE(client->closed());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(RawClient{path}.connected());
}

TEST(ControlServer, DropsAReplyToNobody) {
  test::TemporaryDirectory directory;
  boost::asio::io_context io;
  const auto server =
      ControlServer::open(io, {.socket = directory / "s", .group = {}}, [](const Event&) {});
  ASSERT_TRUE(server) << server.error();
  (*server)->reply(CommandId{17}, "{}");
}

TEST(ControlServer, SaysWhyItCantStart) {
  FakeDaemon daemon;
  boost::asio::io_context io;
  const auto server =
      ControlServer::open(io, {.socket = daemon.socket(), .group = {}}, [](const Event&) {});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error(), "control socket " + daemon.socket() +
                                ": another instance is running; stop it or give this one another "
                                "\"socket\" in \"control\"");
}

}  // namespace
}  // namespace lastmile
