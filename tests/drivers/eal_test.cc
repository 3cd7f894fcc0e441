#include "drivers/eal/eal.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <sched.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "drivers/eal/machine.h"
#include "drivers/ports/packet_pools.h"
#include "tests/drivers/isolated.h"

namespace lastmile {
namespace {

namespace fs = std::filesystem;
using namespace test;

const EalOptions kSmall{.name = "lmdrv", .memory_bytes = 64U << 20};
EalOptions ordinary_memory() {
  EalOptions options{.name = "lmdrv", .memory_bytes = 64U << 20};
  options.hugepages = HugepageUse::kNever;
  return options;
}

TEST(Eal, StartsInOrdinaryMemoryAndLeavesNothing) {
  REQUIRE_ROOT();
  in_own_world([] {
    std::string directory;
    {
      const std::string cpus = allowed_cpus();
      const auto eal = Eal::start(ordinary_memory());
      ASSERT_TRUE(eal) << eal.error().message;
      EXPECT_FALSE(eal->uses_hugepages());
      EXPECT_NE(eal->summary().find("ordinary memory"), std::string::npos);
      EXPECT_EQ(allowed_cpus(), cpus) << "DPDK pinned the calling thread";
      directory = eal->runtime_directory();
      EXPECT_TRUE(fs::exists(directory + "/dpdk_telemetry.v2"));
      PacketPools pools;
      EXPECT_TRUE(pools.create("p", 8191, 2048, 0));
    }
    EXPECT_FALSE(fs::exists(directory));
  });
}

TEST(Eal, TooLittleMemoryIsSaid) {
  REQUIRE_ROOT();
  in_own_world([] {
    EalOptions options = ordinary_memory();
    options.memory_bytes = std::size_t{1} << 50;
    const auto eal = Eal::start(options);
    ASSERT_FALSE(eal);
    EXPECT_EQ(eal.error().message.rfind("not enough memory: 1073741856 MB needed", 0), 0U)
        << eal.error().message;
  });
  in_own_world([] {
    const auto eal = Eal::start(ordinary_memory());
    ASSERT_TRUE(eal);
    PacketPools pools;
    const auto pool = pools.create("p", 1U << 18, 9216, 0);
    ASSERT_FALSE(pool);
    EXPECT_EQ(pool.error().message.rfind("no memory for 262144 packet buffers of 9216 bytes", 0),
              0U)
        << pool.error().message;
  });
}

TEST(Eal, WithoutRootTheMissingCapabilityIsNamed) {
  REQUIRE_ROOT();
  in_own_world([] {
    ASSERT_EQ(::setgid(65534), 0);
    ASSERT_EQ(::setuid(65534), 0);
    const auto eal = Eal::start(ordinary_memory());
    ASSERT_FALSE(eal);
    EXPECT_EQ(eal.error().message,
              "needs root (CAP_NET_ADMIN is missing): start it with sudo or by systemd");
  });
}

TEST(Eal, SideBySideAndAfterAKill) {
  REQUIRE_ROOT();
  in_own_world([] {
    int started[2];
    ASSERT_EQ(::pipe(started), 0);
    const pid_t other = start_child([&] {
      const auto eal = Eal::start(ordinary_memory());
      ASSERT_TRUE(eal) << eal.error().message;
      const std::string directory = eal->runtime_directory() + '\n';
      ASSERT_GT(::write(started[1], directory.data(), directory.size()), 0);
      ::pause();
    });
    char text[256] = {};
    ASSERT_GT(::read(started[0], text, sizeof text - 1), 0);
    const std::string theirs(text, std::strchr(text, '\n'));

    const pid_t beside = start_child([&] {
      const auto eal = Eal::start(ordinary_memory());
      ASSERT_TRUE(eal) << eal.error().message;
      EXPECT_TRUE(fs::exists(theirs)) << "removed the directory of a living instance";
    });
    EXPECT_EQ(wait_for(beside), 0);

    ::kill(other, SIGKILL);
    wait_for(other);
    EXPECT_TRUE(fs::exists(theirs));
    const auto eal = Eal::start(ordinary_memory());
    ASSERT_TRUE(eal) << eal.error().message;
    EXPECT_FALSE(fs::exists(theirs)) << "left the directory of a dead instance";
  });
}

// Sets the number of 2 MB pages for the time of a test.
class Hugepages {
 public:
  static constexpr const char* kFile = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
  explicit Hugepages(unsigned count) {
    std::ifstream(kFile) >> before_;
    std::ofstream(kFile) << count;
    std::ifstream(kFile) >> now_;
  }
  Hugepages(const Hugepages&) = delete;
  Hugepages& operator=(const Hugepages&) = delete;
  ~Hugepages() { std::ofstream(kFile) << before_; }
  [[nodiscard]] unsigned before() const { return before_; }
  [[nodiscard]] unsigned now() const { return now_; }

 private:
  unsigned before_ = 0;
  unsigned now_ = 0;
};

TEST(Eal, UsesHugepagesWhenEnoughAreFree) {
  REQUIRE_ROOT();
  if (!fs::exists(Hugepages::kFile)) GTEST_SKIP() << "this kernel has no 2 MB hugepages";
  unsigned in_use = 0;
  std::ifstream(Hugepages::kFile) >> in_use;
  if (in_use != 0) GTEST_SKIP() << "hugepages are reserved by someone else; not touching them";
  const Hugepages pages(64);
  if (pages.now() < 64) GTEST_SKIP() << "not enough unfragmented memory for hugepages";
  in_own_world([] {
    const auto eal = Eal::start(kSmall);  // 64 MB and DPDK's own fit into 128 MB
    ASSERT_TRUE(eal) << eal.error().message;
    EXPECT_TRUE(eal->uses_hugepages()) << eal->summary();
    PacketPools pools;
    EXPECT_TRUE(pools.create("p", 8191, 2048, 0));
  });
  EXPECT_EQ(free_hugepage_bytes(), std::size_t{128} << 20) << "pages were not given back";
  in_own_world([] {
    EalOptions options = kSmall;
    options.memory_bytes = 256U << 20;
    const auto eal = Eal::start(options);
    ASSERT_TRUE(eal) << eal.error().message;
    EXPECT_FALSE(eal->uses_hugepages());
    EXPECT_NE(eal->summary().find("128 MB of them free, 288 MB needed"), std::string::npos)
        << eal->summary();
  });
}

}  // namespace
}  // namespace lastmile
