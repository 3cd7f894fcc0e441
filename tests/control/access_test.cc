// Who may ask what: the rules alone, and a server that turns people away.

#include "controlplane/control/access.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "tests/control/fake_daemon.h"
#include "tests/control/raw_client.h"

namespace lastmile {
namespace {

const AccessRules kBoth{500, "admins", "readers", gid_t{10}, gid_t{20}};

TEST(Access, IsByGroup) {
  EXPECT_EQ(access_of({0, {}}, kBoth), Access::kChange);
  EXPECT_EQ(access_of({500, {99}}, kBoth), Access::kChange);
  EXPECT_EQ(access_of({1000, {99, 10}}, kBoth), Access::kChange);
  EXPECT_EQ(access_of({1000, {20}}, kBoth), Access::kRead);
  EXPECT_EQ(access_of({1000, {20, 10}}, kBoth), Access::kChange);
  EXPECT_EQ(access_of({1000, {99}}, kBoth), Access::kNone);
}

TEST(Access, WhoMayOnlyLookLeavesPlacesToTheOthers) {
  EXPECT_EQ(places_for(Access::kChange, 64), 64U);
  EXPECT_EQ(places_for(Access::kRead, 64), 48U);
}

TEST(Access, WithoutGroupsOnlyRootsAndTheOwners) {
  const AccessRules none{500, "", "", {}, {}};
  EXPECT_EQ(access_of({0, {0}}, none), Access::kChange);
  EXPECT_EQ(access_of({1000, {0, 10, 20}}, none), Access::kNone);
}

TEST(Access, WhoComesAsTheRouterLooksOnly) {
  AccessRules rules = kBoth;
  rules.router = 600;
  EXPECT_EQ(access_of({600, {10}}, rules), Access::kRead);
  EXPECT_EQ(access_of({600, {20}}, rules), Access::kRead);
  EXPECT_EQ(access_of({600, {99}}, rules), Access::kNone);
  EXPECT_EQ(access_of({1000, {10}}, rules), Access::kChange);
  EXPECT_EQ(refusal({600, {10}}, rules, "drain"),
            "user 600, as which the router and its health checks run, may only look: \"drain\" is "
            "for root or a member of group \"admins\"");
  // It has become nobody else: whoever started it may do anything still.
  rules.router = rules.owner;
  EXPECT_EQ(access_of({500, {}}, rules), Access::kChange);
}

TEST(Access, VerbsThatChangeSomethingAreAllButThoseThatAreKnownToLook) {
  for (const char* verb : {"show bgp", "show privileges", "version", "help", "metrics", "doctor",
                           "events", "policy test", "trace"}) {
    EXPECT_EQ(access_needed(verb), Access::kRead) << verb;
  }
  for (const char* verb :
       {"drain", "undrain", "reload", "service", "capture", "of tomorrow", "show", "showbgp", ""}) {
    EXPECT_EQ(access_needed(verb), Access::kChange) << verb;
  }
}

TEST(Access, RefusalsSayWhoMay) {
  EXPECT_EQ(refusal({1000, {}}, kBoth),
            "user 1000 may not use this router; expected root or a member of group \"admins\" or a "
            "member of group \"readers\"");
  EXPECT_EQ(refusal({1000, {20}}, kBoth, "drain"),
            "user 1000 may only look: \"drain\" is for root or a member of group \"admins\"");
  EXPECT_EQ(refusal({1000, {20}}, {0, "", "readers", {}, gid_t{20}}, "drain"),
            "user 1000 may only look: \"drain\" is for root");
}

TEST(Access, TheKernelSaysWhoIsThere) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const auto peer = peer_of(ends[0]);
  ASSERT_TRUE(peer) << peer.error();
  EXPECT_EQ(peer->user, ::geteuid());
  EXPECT_NE(std::find(peer->groups.begin(), peer->groups.end(), ::getegid()), peer->groups.end());
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_FALSE(peer_of(-1));
}

enum class Server { kStaysRoot, kBecomesThem };

/// Connects as somebody else, who is in one group beside their own.
class AsSomebody {
 public:
  AsSomebody(uid_t user, gid_t group, Server server) {
    ::getgroups(static_cast<int>(before_.size()), before_.data());
    const uid_t real = server == Server::kBecomesThem ? user : 0;
    valid_ =
        ::setgroups(1, &group) == 0 && ::setegid(65534) == 0 && ::setresuid(real, user, 0) == 0;
  }
  ~AsSomebody() {
    valid_ = ::setresuid(0, 0, 0) == 0 && ::setegid(0) == 0 && ::setgroups(0, nullptr) == 0;
  }
  AsSomebody(const AsSomebody&) = delete;
  AsSomebody& operator=(const AsSomebody&) = delete;
  [[nodiscard]] bool valid() const { return valid_; }

 private:
  std::array<gid_t, 64> before_{};
  bool valid_ = false;
};

/// What a server with the groups "daemon" and "bin" answers to a member of `group`.
std::string answer(const std::string& verb, const char* group, Server is = Server::kStaysRoot) {
  test::FakeDaemon daemon{0, {.socket = {}, .group = "daemon", .read_group = "bin"}};
  ::chmod(daemon.directory().operator/("").c_str(), 0755);
  const struct group* entry = ::getgrnam(group);
  std::string line;
  {
    const AsSomebody somebody{12345, entry != nullptr ? entry->gr_gid : 54321, is};
    if (!somebody.valid()) return "can't become somebody";
    test::RawClient client{daemon.socket()};
    if (!client.connected()) return "not connected";
    client.send("{\"verb\": \"" + verb + "\"}\n");
    line = client.line();
  }
  return line;
}

TEST(AccessOfAServer, IsWhatTheGroupsSay) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  EXPECT_TRUE(answer("show ports", "daemon").starts_with("{\"ok\":true"));
  EXPECT_TRUE(answer("break", "daemon").starts_with("{\"ok\":true"));
  EXPECT_TRUE(answer("show ports", "bin").starts_with("{\"ok\":true"));
  EXPECT_EQ(
      answer("break", "bin"),
      R"({"ok":false,"error":"user 12345 may only look: \"break\" is for root or a member of )"
      R"(group \"daemon\""})");
  EXPECT_EQ(answer("show ports", "no-such-group"),
            R"({"ok":false,"error":"user 12345 may not use this router; expected root or a member )"
            R"(of group \"daemon\" or a member of group \"bin\""})");
}

TEST(AccessOfAServer, ThatHasBecomeAUserIsNotChangedByThatUsersPrograms) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  EXPECT_TRUE(answer("show ports", "daemon", Server::kBecomesThem).starts_with("{\"ok\":true"));
  EXPECT_EQ(
      answer("break", "daemon", Server::kBecomesThem),
      R"({"ok":false,"error":"user 12345, as which the router and its health checks run, may )"
      R"(only look: \"break\" is for root or a member of group \"daemon\""})");
}

TEST(AccessOfAServer, AGroupThatIsNotThereIsSaid) {
  boost::asio::io_context io;
  const test::TemporaryDirectory directory;
  const auto server = ControlServer::open(
      io, {.socket = directory / "lm.sock", .group = {}, .read_group = "no-such-group"},
      [](const Event&) {});
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().find("there is no group \"no-such-group\"; make it (groupadd --system "
                                "no-such-group) or change \"read-group\" in \"control\""),
            std::string::npos)
      << server.error();
}

}  // namespace
}  // namespace lastmile
