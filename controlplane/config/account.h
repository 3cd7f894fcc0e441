// Users of this machine.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace lastmile {

struct Account {
  std::string name;
  uid_t user;
  gid_t group;
};

/// nullopt: there is no such user.
[[nodiscard]] std::optional<Account> account_named(const std::string& name);

}  // namespace lastmile
