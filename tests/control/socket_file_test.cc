#include "controlplane/io/socket_file.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>

#include "tests/control/fixtures.h"

namespace lastmile {
namespace {

namespace fs = std::filesystem;

class SocketFileTest : public testing::Test {
 protected:
  static SocketPlace place(const std::string& path) {
    return {path, "test socket", "\"door\" in \"house\""};
  }
  std::string error(const std::string& path, const std::string& group = {}) {
    const auto file = SocketFile::claim(place(path), group);
    return file ? "" : file.error();
  }
  test::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "lm.sock";
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}

/// What a killed instance leaves behind.
void leave_stale(const std::string& path) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(descriptor);
}

TEST_F(SocketFileTest, IsThereWhileItLivesAndGoneAfter) {
  {
    const auto file = SocketFile::claim(place(path_), "");
    ASSERT_TRUE(file) << file.error();
    EXPECT_TRUE(fs::is_socket(path_));
    EXPECT_EQ(mode_of(path_), 0600U);
  }
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_TRUE(fs::is_empty(fs::path{path_}.parent_path()));
}

TEST_F(SocketFileTest, BelongsToTheGroup) {
  const group* own = ::getgrgid(::getgid());
  ASSERT_NE(own, nullptr);
  const auto file = SocketFile::claim(place(path_), own->gr_name);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(mode_of(path_), 0660U);
}

TEST_F(SocketFileTest, AnUnknownGroupIsNamed) {
  EXPECT_EQ(error(path_, "no-such-group-here"),
            "test socket " + path_ +
                ": there is no group \"no-such-group-here\"; make it (groupadd --system "
                "no-such-group-here) or change \"group\" in \"control\"");
  EXPECT_TRUE(fs::is_empty(fs::path{path_}.parent_path()));
}

TEST_F(SocketFileTest, ALiveInstanceIsAnError) {
  const auto file = SocketFile::claim(place(path_), "");
  ASSERT_TRUE(file);
  EXPECT_EQ(error(path_), "test socket " + path_ +
                              ": another instance is running; stop it or give this one another "
                              "\"door\" in \"house\"");
  EXPECT_TRUE(fs::is_socket(path_));
}

TEST_F(SocketFileTest, ADeadInstancesSocketIsReplaced) {
  leave_stale(path_);
  ASSERT_TRUE(fs::is_socket(path_));
  EXPECT_EQ(error(path_), "");
}

TEST_F(SocketFileTest, AnotherFileIsLeftAlone) {
  std::ofstream{path_} << "precious";
  EXPECT_EQ(error(path_), "test socket " + path_ +
                              ": a file that is no socket has this name; remove it or choose "
                              "another name");
  EXPECT_EQ(fs::file_size(path_), 8U);
}

TEST_F(SocketFileTest, ASuccessorsSocketIsLeftAlone) {
  auto file = SocketFile::claim(place(path_), "");
  ASSERT_TRUE(file);
  fs::remove(path_);
  leave_stale(path_);
  { const SocketFile gone = std::move(*file); }
  EXPECT_TRUE(fs::is_socket(path_));
}

TEST_F(SocketFileTest, MakesOneDirectory) {
  const std::string inner = directory_ / "run";
  EXPECT_EQ(error(inner + "/lm.sock"), "");
  EXPECT_NE(error(directory_ / "a/b/lm.sock").find("can't be made: No such file"),
            std::string::npos);
}

TEST_F(SocketFileTest, APathThatIsTooLongIsAnError) {
  EXPECT_NE(error(directory_ / std::string(120, 'x')).find("longer than 107 bytes"),
            std::string::npos);
}

}  // namespace
}  // namespace lastmile
