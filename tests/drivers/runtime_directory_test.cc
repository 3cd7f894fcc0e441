// DPDK's run-time directory: what the user of an earlier instance may have left in its place for a
// start as root.

#include "drivers/eal/runtime_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace lastmile {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kSomeUser = 65534;

struct stat status_of(const fs::path& path) {
  struct stat status {};
  ::lstat(path.c_str(), &status);
  return status;
}

class RuntimeDirectories : public testing::Test {
 protected:
  RuntimeDirectories() {
    char pattern[] = "/tmp/lastmile-runtime-XXXXXX";
    folder = ::mkdtemp(pattern);
    fs::create_directory(folder / "run");
    ::setenv("RUNTIME_DIRECTORY", (folder / "run").c_str(), 1);
  }
  ~RuntimeDirectories() override {
    ::unsetenv("RUNTIME_DIRECTORY");
    fs::remove_all(folder);
  }

  [[nodiscard]] fs::path dpdk() const { return folder / "run" / "dpdk"; }

  fs::path folder;
};

TEST_F(RuntimeDirectories, OneIsMadeForEachInstanceAndWhatKilledOnesLeftGoes) {
  fs::create_directories(dpdk() / "lm-1" / "deeper");
  fs::create_directories(dpdk() / "other-1");
  fs::path made;
  {
    const auto directory = RuntimeDirectory::create("lm");
    ASSERT_TRUE(directory) << directory.error().message;
    made = directory->path();
    EXPECT_EQ(made, dpdk() / ("lm-" + std::to_string(::getpid())));
    EXPECT_EQ(status_of(made).st_mode, mode_t{S_IFDIR | 0700});
  }
  EXPECT_FALSE(fs::exists(made));
  EXPECT_FALSE(fs::exists(dpdk() / "lm-1"));
  EXPECT_TRUE(fs::exists(dpdk() / "other-1"));
}

TEST_F(RuntimeDirectories, ALinkIsNotFollowed) {
  const fs::path elsewhere = folder / "elsewhere";
  fs::create_directories(elsewhere / "lm-1");
  fs::create_symlink(elsewhere, dpdk());
  const auto directory = RuntimeDirectory::create("lm");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message, dpdk().string() + " is a link, and not followed; remove it");
  EXPECT_TRUE(fs::exists(elsewhere / "lm-1")) << "removed where the link leads";
  EXPECT_EQ(std::distance(fs::directory_iterator{elsewhere}, {}), 1);
}

TEST_F(RuntimeDirectories, ALinkToNothingMakesNothing) {
  fs::create_symlink(folder / "nothing", dpdk());
  const auto directory = RuntimeDirectory::create("lm");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ELOOP);
  EXPECT_FALSE(fs::exists(folder / "nothing"));
}

TEST_F(RuntimeDirectories, LinksInItAreNoInstances) {
  fs::create_directories(folder / "elsewhere" / "deeper");
  fs::create_directory(dpdk());
  fs::create_symlink(folder / "elsewhere", dpdk() / "lm-1");
  ASSERT_TRUE(RuntimeDirectory::create("lm"));
  EXPECT_TRUE(fs::exists(folder / "elsewhere" / "deeper"));

  fs::create_symlink(folder / "elsewhere", dpdk() / ("lm-" + std::to_string(::getpid())));
  EXPECT_FALSE(RuntimeDirectory::create("lm"));
}

TEST_F(RuntimeDirectories, AFileIsSaid) {
  ASSERT_EQ(::mknod(dpdk().c_str(), S_IFREG | 0600, 0), 0);
  const auto directory = RuntimeDirectory::create("lm");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message, "cannot create " + dpdk().string() + ": Not a directory");
}

TEST_F(RuntimeDirectories, WhatWasHandedToAUserIsRootsAgain) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root takes over what is another's";
  fs::create_directory(dpdk());
  ASSERT_EQ(::chmod(dpdk().c_str(), 0777), 0);
  ASSERT_EQ(::chown(dpdk().c_str(), kSomeUser, kSomeUser), 0);
  ASSERT_TRUE(RuntimeDirectory::create("lm"));
  EXPECT_EQ(status_of(dpdk()).st_uid, 0U);
  EXPECT_EQ(status_of(dpdk()).st_mode, mode_t{S_IFDIR | 0755});
}

}  // namespace
}  // namespace lastmile
