// Files with secrets: which are taken, and what is said of the others. Never the secret itself.

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "controlplane/config/config.h"

namespace lastmile {
namespace {

namespace fs = std::filesystem;

class SecretFile : public testing::Test {
 protected:
  SecretFile() {
    std::string name = fs::temp_directory_path() / "lastmile-secret-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ / "secret";
  }
  ~SecretFile() override { fs::remove_all(folder_); }

  void put(const std::string& text, mode_t mode = 0600) {
    std::ofstream{path_} << text;
    ::chmod(path_.c_str(), mode);
  }
  [[nodiscard]] auto as_password(const std::string& more = {}) const {
    return parse_config(fmt::format("loopbacks: [10.0.1.1/32]\nrouter: {{asn: 64512}}\n"
                                    "ports: {{lan: {{device: d, addresses: [192.0.2.1/24]}}}}\n"
                                    "bgp: {{neighbors: [{{address: 192.0.2.2, remote-asn: 65000, "
                                    "password-file: {}}}]}}\n{}",
                                    path_.string(), more),
                        "f");
  }
  [[nodiscard]] auto as_key() const {
    return parse_config(fmt::format("loopbacks: [10.0.1.1/32]\nrouter: {{asn: 64512}}\n"
                                    "ports: {{up1: {{device: d}}}}\n"
                                    "bfd: {{profiles: {{a: {{auth: sha1, auth-key-file: {}}}}}}}\n",
                                    path_.string()),
                        "f");
  }
  /// The one error of a configuration, its position included.
  template <class Parsed>
  static std::string error_of(const Parsed& parsed) {
    if (parsed || parsed.error().size() != 1) return "not one error";
    return to_string(parsed.error().front());
  }
  [[nodiscard]] std::string password_error() const { return error_of(as_password()); }
  [[nodiscard]] std::string expected(const std::string& fault) const {
    return fmt::format("f:4:74: password-file: \"{}\" {}", path_.string(), fault);
  }

  fs::path folder_, path_;
};

TEST_F(SecretFile, IsReadWithoutItsEndOfLine) {
  for (const char* end : {"", "\n", "\r\n"}) {
    put(std::string{"s3cret with blanks"} + end);
    const auto config = as_password();
    ASSERT_TRUE(config) << to_string(config.error().front());
    EXPECT_EQ(config->bgp.neighbors.at(0).password, "s3cret with blanks");
  }
}

TEST_F(SecretFile, MayBeReadByItsGroup) {
  put("s3cret", 0640);
  EXPECT_TRUE(as_password());
  EXPECT_TRUE(as_key());
}

TEST_F(SecretFile, OpenToOthersIsRefused) {
  for (const mode_t mode : {0644U, 0604U, 0660U, 0620U, 0601U, 0666U}) {
    put("s3cret", mode);
    const std::string fault = fmt::format(
        "has mode {:04o}, so that others can know or change the secret; expected mode 0600, or "
        "0640 with the router's group",
        mode);
    EXPECT_EQ(password_error(), expected(fault));
    EXPECT_EQ(error_of(as_key()), fmt::format("f:4:49: {} {}", path_.string(), fault));
  }
}

TEST_F(SecretFile, OfAnotherGroupIsRefusedToIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  put("s3cret", 0640);
  ASSERT_EQ(::chown(path_.c_str(), 0, 4711), 0);
  EXPECT_EQ(password_error(), expected("has mode 0640 and group 4711, whose members can know the "
                                       "secret; expected mode 0600, or 0640 with the router's "
                                       "group"));
  put("s3cret", 0600);
  EXPECT_TRUE(as_password());
}

TEST_F(SecretFile, MayBelongToTheUserThatTheRouterBecomes) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const passwd* user = ::getpwnam("daemon");
  ASSERT_NE(user, nullptr);
  put("s3cret", 0640);
  for (const uid_t owner : {uid_t{0}, user->pw_uid}) {
    ASSERT_EQ(::chown(path_.c_str(), owner, user->pw_gid), 0);
    EXPECT_FALSE(as_password());
    EXPECT_TRUE(as_password("system: {user: daemon}\n"));
    EXPECT_FALSE(as_password("system: {user: bin}\n"));
  }
}

TEST_F(SecretFile, OfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  put("s3cret");
  ASSERT_EQ(::chown(path_.c_str(), 4711, 0), 0);
  EXPECT_EQ(password_error(), expected("belongs to user 4711; expected a file of root, or of the "
                                       "user that the router runs as"));
}

TEST_F(SecretFile, APipeIsRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(password_error(), expected("is no regular file; expected a file with a secret"));
}

TEST_F(SecretFile, EmptyOrTooLongIsRefused) {
  put("\n");
  EXPECT_EQ(password_error(), expected("is an empty file; expected a password in it"));
  put(std::string(81, 's'));
  EXPECT_EQ(password_error(), expected("holds a password that is too long; expected at most 80 "
                                       "bytes, the limit of TCP MD5"));
  put(std::string(80, 's'));
  EXPECT_TRUE(as_password());
  put("");
  EXPECT_EQ(error_of(as_key()),
            fmt::format("f:4:49: {} is empty; expected a key in its first line", path_.string()));
}

}  // namespace
}  // namespace lastmile
