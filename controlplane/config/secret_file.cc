// Passwords stand in files of their own, so that the configuration can be shown and shared.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "controlplane/config/types.h"

namespace lastmile::config {
namespace {

constexpr std::size_t kLongestPassword = 80;  // TCP_MD5SIG_MAXKEYLEN

tl::expected<std::string, Fault> password(const std::string& path, const ReadSecretFile& read) {
  auto content = read(path);
  if (!content) {
    return tl::unexpected(Fault{fmt::format("can't be opened: {}", std::strerror(content.error())),
                                "expected a file with a password"});
  }
  std::string& secret = *content;
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  if (secret.empty()) {
    return tl::unexpected(Fault{"is an empty file", "expected a password in it"});
  }
  if (secret.size() > kLongestPassword) {
    return tl::unexpected(
        Fault{"holds a password that is too long",
              fmt::format("expected at most {} bytes, the limit of TCP MD5", kLongestPassword)});
  }
  return secret;
}

}  // namespace

tl::expected<std::string, int> read_secret_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose};
  if (!file) return tl::unexpected(errno);
  char buffer[256];  // enough to say how long a key is that is too long
  errno = 0;
  const std::size_t length = std::fread(buffer, 1, sizeof buffer, file.get());
  if (std::ferror(file.get()) != 0) return tl::unexpected(errno);
  return std::string{buffer, length};
}

Type<std::string> secret_file() {
  return {"the path of a file with a password", [](std::string_view text, const Scope& scope) {
            return password(std::string{text}, scope.read_secret);
          }};
}

}  // namespace lastmile::config
