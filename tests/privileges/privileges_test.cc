// From root to a user: what is left of it in each thread, and what lies around afterwards.

#include "daemon/privileges.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "daemon/privilege_view.h"
#include "tests/privileges/in_child.h"

namespace lastmile {
namespace {

namespace fs = std::filesystem;
using test::in_child;

constexpr const char* kSomeUser = "nobody";  // every system has it

PrivilegeOptions to_user(const std::string& user) {
  return {.system = {.user = user, .system_calls = SystemCalls::kFiltered},
          .devices = {},
          .hand_over = {}};
}

ThreadPrivileges of_this_thread() {
  std::ifstream file{"/proc/thread-self/status"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  return read_privileges(text).value_or(ThreadPrivileges{});
}

std::string words(const ThreadPrivileges& thread) {
  return fmt::format("{} {:x} {} {}", thread.user != 0 ? "user" : "root", thread.capabilities,
                     thread.no_new_privileges ? "no-new" : "new",
                     thread.filtered ? "filtered" : "open");
}

class Drop : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has privileges to drop";
  }
};

TEST(KeptCapabilities, AreFewAndNamed) {
  EXPECT_EQ(capability_names(capabilities_needed({})),
            (std::vector<std::string>{"CAP_NET_ADMIN", "CAP_NET_RAW"}));
  EXPECT_EQ(capability_names(capabilities_needed({.af_xdp = true})),
            (std::vector<std::string>{"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF"}));
  EXPECT_EQ(capability_names(capabilities_of_home_thread({})),
            (std::vector<std::string>{"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK"}));
  for (const KeptCapability& kept : kept_capabilities()) {
    EXPECT_EQ(capability_names(CapabilitySet{1} << kept.number),
              std::vector<std::string>{std::string{kept.name}});
  }
  EXPECT_EQ(capability_names(CapabilitySet{1} << CAP_LAST_CAP | CapabilitySet{1} << 63),
            (std::vector<std::string>{"CAP_CHECKPOINT_RESTORE", "CAP_63"}));
}

TEST(ReadPrivileges, TakesTheKernelsText) {
  const std::string status =
      "Name:\tlm-worker-0\nUmask:\t0022\nUid:\t0\t997\t997\t997\nGid:\t0\t996\t996\t996\n"
      "CapInh:\t0000000000000000\nCapPrm:\t0000000000003000\nCapEff:\t0000000000000000\n"
      "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\n";
  const auto thread = read_privileges(status);
  ASSERT_TRUE(thread);
  EXPECT_EQ(thread->name, "lm-worker-0");
  EXPECT_EQ(thread->group, 996U);
  EXPECT_EQ(words(*thread), "user 3000 no-new filtered");
  EXPECT_FALSE(read_privileges("Name:\tx\n"));
  EXPECT_FALSE(read_privileges(""));
}

TEST(PrivilegesJson, TheProcessIsWhatItsWorstThreadIs) {
  const ThreadPrivileges good{"a", 997, 996, 0x3000, true, true};
  const ThreadPrivileges bad{"b", 0, 0, 0x200000, false, false};
  const Json one = privileges_json({good});
  EXPECT_EQ(one.at("uid"), 997);
  EXPECT_TRUE(one.at("filtered").get<bool>());
  const Json both = privileges_json({good, bad});
  EXPECT_EQ(both.at("user"), "root");
  EXPECT_FALSE(both.at("filtered").get<bool>());
  EXPECT_FALSE(both.at("no_new_privileges").get<bool>());
  EXPECT_EQ(both.at("capabilities"),
            Json::array({"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_ADMIN"}));
}

TEST_F(Drop, ThisThreadAndLaterOnesKeepTheTable) {
  EXPECT_EQ(in_child([]() -> std::string {
              const auto done = drop_privileges(to_user(kSomeUser));
              return done ? words(of_this_thread()) : done.error();
            }),
            fmt::format("user {:x} no-new filtered", capabilities_needed({})));
}

TEST_F(Drop, ThreadsThatWereThereKeepNothing) {
  EXPECT_EQ(in_child([]() -> std::string {
              test::EarlyThread early;
              if (auto done = drop_privileges(to_user(kSomeUser)); !done) return done.error();
              std::string said;
              early.run([&] { said = words(of_this_thread()); });
              return said;
            }),
            "user 0 no-new filtered");
}

// It opens devices later, in another network namespace than this thread may be in.
TEST_F(Drop, TheHomeThreadKeepsWhatOpensDevices) {
  EXPECT_EQ(in_child([]() -> std::string {
              test::EarlyThread home;
              PrivilegeOptions options = to_user(kSomeUser);
              options.home_thread = [&](const std::function<void()>& step) { home.run(step); };
              if (auto done = drop_privileges(options); !done) return done.error();
              std::string said;
              home.run([&] {
                said = words(of_this_thread());
                for (unsigned long number = 0; number <= CAP_LAST_CAP; ++number) {
                  if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) != 0) said += " bounding set";
                }
                if (::prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) != 0) said += " keeps on";
              });
              return said + "; " + words(of_this_thread());
            }),
            fmt::format("user {:x} no-new filtered; user {:x} no-new filtered",
                        capabilities_of_home_thread({}), capabilities_needed({})));
}

TEST_F(Drop, NothingIsInheritedAndNothingComesBack) {
  EXPECT_EQ(in_child([]() -> std::string {
              if (auto done = drop_privileges(to_user(kSomeUser)); !done) return done.error();
              if (::setuid(0) == 0 || ::setgid(0) == 0) return "root again";
              if (::getgroups(0, nullptr) > 1) return "root's groups";
              for (unsigned long number = 0; number <= CAP_LAST_CAP; ++number) {
                if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) != 0) return "bounding set";
                if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, number, 0, 0) > 0)
                  return "ambient";
              }
              return "nothing";
            }),
            "nothing");
}

TEST_F(Drop, WorkersMayStillGoBeforeOthers) {
  if (::prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) != 1) {
    GTEST_SKIP() << "root has no CAP_SYS_RESOURCE here, as in a container: limits can't be raised";
  }
  EXPECT_EQ(in_child([]() -> std::string {
              if (auto done = drop_privileges(to_user(kSomeUser)); !done) return done.error();
              const sched_param priority{.sched_priority = 1};
              if (::setpriority(PRIO_PROCESS, 0, -10) != 0) return "nice";
              return ::pthread_setschedparam(::pthread_self(), SCHED_RR, &priority) == 0 ? "both"
                                                                                         : "fair";
            }),
            "both");
}

TEST_F(Drop, AUserThatIsNotThereIsSaid) {
  EXPECT_EQ(in_child([]() -> std::string {
              const auto done = drop_privileges(to_user("no-such-user"));
              return done ? *done : done.error();
            }),
            "there is no user \"no-such-user\"; make it (useradd --system --user-group "
            "no-such-user) or change \"user\" in \"system\"");
}

TEST_F(Drop, RootCanStayAndItsCallsAreFiltered) {
  const std::string said = in_child([]() -> std::string {
    const auto done = drop_privileges(to_user("root"));
    return (done ? *done : done.error()) + "; " + words(of_this_thread());
  });
  EXPECT_TRUE(
      said.starts_with("keeps the user and the capabilities that it has: system.user says "
                       "root; system calls are filtered; root "))
      << said;
  EXPECT_TRUE(said.ends_with(" no-new filtered")) << said;
}

TEST_F(Drop, FoldersAreHandedOverWithWhatIsRoots) {
  std::string name = fs::temp_directory_path() / "lastmile-hand-over-XXXXXX";
  const fs::path folder = ::mkdtemp(name.data());
  fs::create_directories(folder / "own" / "deeper");
  std::ofstream{folder / "own" / "deeper" / "file"} << "x";
  std::ofstream{folder / "outside"} << "x";
  std::ofstream{folder / "own" / "theirs"} << "x";
  ASSERT_EQ(::chown((folder / "own" / "theirs").c_str(), 7, 7), 0);
  fs::create_symlink(folder / "outside", folder / "own" / "link");
  hand_over(folder / "own", {.from = 0, .user = 1, .group = 1});
  const auto owner = [&](const fs::path& path) {
    struct stat status {};
    ::lstat((folder / path).c_str(), &status);
    return status.st_uid;
  };
  EXPECT_EQ(owner("own"), 1U);
  EXPECT_EQ(owner("own/deeper/file"), 1U);
  EXPECT_EQ(owner("own/link"), 1U);
  EXPECT_EQ(owner("own/theirs"), 7U);
  EXPECT_EQ(owner("outside"), 0U);
  // A folder that is another's already may hold anything by now.
  std::ofstream{folder / "own" / "late"} << "x";
  hand_over(folder / "own", {.from = 0, .user = 2, .group = 2});
  EXPECT_EQ(owner("own/late"), 0U);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace lastmile
