// Which TCP MD5 passwords (RFC 2385) our listeners ask for.
//
// The kernel keeps one key for an address or prefix, whatever the port, and several peers may have
// one address: fe80::1 on each port. The key stays as long as one of them wants it. If they want
// different ones it is the one that came last; the others are only reached by what we dial, which
// has a key of its own.
//
// Control thread only.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "controlplane/event/effects.h"

namespace lastmile::bgp {

class PasswordGuards {
 public:
  /// `transport` outlives the guards.
  explicit PasswordGuards(Transport& transport) : transport_(transport) {}

  /// False if the kernel can't.
  bool add(const IpPrefix& remote, const std::string& password) {
    wanted_[remote].push_back(password);
    return transport_.set_password(remote, password);
  }

  /// What add() has added, once.
  void remove(const IpPrefix& remote, const std::string& password) {
    const auto found = wanted_.find(remote);
    if (found == wanted_.end()) return;
    std::vector<std::string>& passwords = found->second;
    const auto one = std::ranges::find(passwords, password);
    if (one == passwords.end()) return;
    passwords.erase(one);
    if (passwords.empty()) {
      wanted_.erase(found);
      transport_.set_password(remote, "");
    } else if (passwords.back() != password) {
      transport_.set_password(remote, passwords.back());
    }
  }

  /// Somebody else wants another one.
  [[nodiscard]] bool is_contested(const IpPrefix& remote, const std::string& password) const {
    const auto found = wanted_.find(remote);
    return found != wanted_.end() &&
           std::ranges::any_of(found->second, [&](const auto& p) { return p != password; });
  }

 private:
  Transport& transport_;
  std::map<IpPrefix, std::vector<std::string>> wanted_;  ///< the last one is set
};

}  // namespace lastmile::bgp
