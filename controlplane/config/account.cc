#include "controlplane/config/account.h"

#include <pwd.h>

#include <array>

namespace lastmile {

std::optional<Account> account_named(const std::string& name) {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return std::nullopt;
  }
  return Account{name, found->pw_uid, found->pw_gid};
}

}  // namespace lastmile
