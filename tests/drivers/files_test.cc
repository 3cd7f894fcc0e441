// Names in a folder, and small files of our own where somebody else may have put something else.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "drivers/kernel/folder.h"
#include "drivers/kernel/regular_file.h"

namespace lastmile {
namespace {

class Files : public testing::Test {
 protected:
  Files() {
    char pattern[] = "/tmp/lastmile-files-XXXXXX";
    folder = ::mkdtemp(pattern);
    std::ofstream{folder / "file"} << "words";
  }
  ~Files() override { std::filesystem::remove_all(folder); }

  [[nodiscard]] std::optional<std::string> read(const char* name, std::size_t most = 100) const {
    return read_regular_file(folder / name, most);
  }

  std::filesystem::path folder;
};

TEST_F(Files, NamesAreThoseOfAllInTheFolder) {
  std::filesystem::create_directory(folder / ".hidden");
  auto names = names_in(folder);
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{".hidden", "file"}));
  EXPECT_TRUE(names_in(folder / "file").empty());
  EXPECT_TRUE(names_in(folder / "nothing").empty());
}

TEST_F(Files, ARegularFileIsReadWholeOrNotAtAll) {
  EXPECT_EQ(read("file"), "words");
  EXPECT_EQ(read("file", 5), "words");
  EXPECT_FALSE(read("file", 4));
  EXPECT_EQ(errno, EFBIG);
  EXPECT_FALSE(read("nothing"));
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(Files, WhatIsNoFileIsNeitherFollowedNorWaitedFor) {
  std::filesystem::create_symlink("file", folder / "link");
  std::filesystem::create_symlink("/dev/zero", folder / "zero");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const char* name : {"link", "zero", "pipe", "."}) EXPECT_FALSE(read(name)) << name;
}

}  // namespace
}  // namespace lastmile
