// Passwords stand in files of their own, so that the configuration can be shown and shared.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "controlplane/config/account.h"
#include "controlplane/config/types.h"
#include "dataplane/net/file_descriptor.h"

namespace lastmile::config {
namespace {

constexpr std::size_t kLongestPassword = 80;  // TCP_MD5SIG_MAXKEYLEN

tl::unexpected<Fault> cannot(const char* what) {
  return fault(fmt::format("can't be {}: {}", what, std::strerror(errno)),
               "expected a file with a secret");
}

/// Users and groups that may have secrets: root's, of this process, and of the router.
struct Keepers {
  std::vector<uid_t> users{0, ::geteuid()};
  std::vector<gid_t> groups{0, ::getegid()};

  explicit Keepers(const std::string& user) {
    const auto account = account_named(user.empty() ? kDefaultUser : user);
    if (!account) return;
    users.push_back(account->user);
    groups.push_back(account->group);
  }
};

template <class Id>
bool is_one_of(const std::vector<Id>& ids, Id id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// Who could know or change what is in it?
tl::expected<void, Fault> check_secrecy(const struct stat& file, const Keepers& keepers) {
  if (!S_ISREG(file.st_mode)) return fault("is no regular file", "expected a file with a secret");
  if (!is_one_of(keepers.users, file.st_uid)) {
    return fault(fmt::format("belongs to user {}", file.st_uid),
                 "expected a file of root, or of the user that the router runs as");
  }
  if ((file.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
    return fault(fmt::format("has mode {:04o}, so that others can know or change the secret",
                             file.st_mode & 07777U),
                 "expected mode 0600, or 0640 with the router's group");
  }
  if ((file.st_mode & S_IRGRP) != 0 && !is_one_of(keepers.groups, file.st_gid)) {
    return fault(fmt::format("has mode {:04o} and group {}, whose members can know the secret",
                             file.st_mode & 07777U, file.st_gid),
                 "expected mode 0600, or 0640 with the router's group");
  }
  return {};
}

tl::expected<std::string, Fault> password(const std::string& path, const Scope& scope) {
  auto content = scope.secret(path);
  if (!content) return tl::unexpected(content.error());
  std::string& secret = *content;
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  if (secret.empty()) return fault("is an empty file", "expected a password in it");
  if (secret.size() > kLongestPassword) {
    return fault("holds a password that is too long",
                 fmt::format("expected at most {} bytes, the limit of TCP MD5", kLongestPassword));
  }
  return secret;
}

}  // namespace

tl::expected<std::string, Fault> read_secret_file(const std::string& path,
                                                  const std::string& user) {
  // Without waiting: a pipe or a device is refused before anybody writes to it.
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!file) return cannot("opened");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return cannot("looked at");
  if (auto kept = check_secrecy(status, Keepers{user}); !kept) return tl::unexpected(kept.error());
  char buffer[256];  // enough to say how long a key is that is too long
  const ssize_t length = ::read(file.get(), buffer, sizeof buffer);
  if (length < 0) return cannot("read");
  return std::string{buffer, static_cast<std::size_t>(length)};
}

Type<std::string> secret_file() {
  return {"the path of a file with a password", [](std::string_view text, const Scope& scope) {
            return password(std::string{text}, scope);
          }};
}

}  // namespace lastmile::config
