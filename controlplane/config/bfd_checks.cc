#include "controlplane/config/checks_by_subject.h"

#include <fmt/format.h>

#include <string>

#include "controlplane/config/checker.h"
#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

class BfdChecks : private Checker {
 public:
  BfdChecks(Config& config, Reader& reader) : Checker(config, reader) {}

  void bfd() {
    for (BfdProfile& profile : config_.bfd.profiles) {
      const std::string path = "bfd.profiles." + profile.name;
      if (failed(path)) continue;
      const bool unaffiliated = profile.echo == BfdEcho::kUnaffiliated;
      if (profile.strict && unaffiliated) {
        complain(path + ".strict",
                 "BGP can't wait for unaffiliated echo, which returns only when the neighbor has a "
                 "route to us; expected strict: false");
      }
      if (unaffiliated && config_.loopbacks.empty() && !any_loopback_failed()) {
        complain(path + ".echo",
                 "unaffiliated echo needs an address of ours; expected one in \"loopbacks\"");
      }
      bfd_authentication(profile, path);
    }
  }

 private:
  void bfd_authentication(BfdProfile& profile, const std::string& path) {
    if (failed(path + ".auth") || failed(path + ".auth-key-file")) return;
    if (profile.auth == BfdAuth::kNone) {
      if (given(path + ".auth-key-file")) {
        complain(path + ".auth-key-file", "key without \"auth\"; expected auth: sha1, say");
      }
      return;
    }
    if (profile.echo == BfdEcho::kUnaffiliated) {
      complain(path + ".auth",
               "unaffiliated echo has authentication of its own; expected auth: none");
      return;
    }
    if (!given(path + ".auth-key-file")) {
      complain(path + ".auth", "authentication without a key; expected \"auth-key-file\"");
      return;
    }
    const std::size_t longest = profile.auth == BfdAuth::kSimple ? 16 : 20;
    const auto content = reader_.scope().secret(profile.auth_key_file);
    if (content) profile.auth_key = content->substr(0, content->find('\n'));
    if (!content) {
      complain(path + ".auth-key-file",
               fmt::format("{} {}; {}", profile.auth_key_file, content.error().wrong,
                           content.error().expected));
    } else if (content->empty()) {
      complain(path + ".auth-key-file",
               fmt::format("{} is empty; expected a key in its first line", profile.auth_key_file));
    } else if (profile.auth_key.empty() || profile.auth_key.size() > longest) {
      complain(path + ".auth-key-file",
               fmt::format("the key in {} has {} characters; expected 1 to {}",
                           profile.auth_key_file, profile.auth_key.size(), longest));
    }
  }
};

}  // namespace

void check_bfd(Config& config, Reader& reader) {
  BfdChecks(config, reader).bfd();
}

}  // namespace lastmile::config
