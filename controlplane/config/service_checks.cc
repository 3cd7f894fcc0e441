#include "controlplane/config/checks_by_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "controlplane/config/checker.h"
#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

class ServiceChecks : private Checker {
 public:
  ServiceChecks(Config& config, Reader& reader) : Checker(config, reader) {}

  void services() {
    for (std::size_t i = 0; i < config_.services.size(); ++i) {
      ServiceConfig& service = config_.services[i];
      const std::string path = item("services", i);
      if (service.check) service_check(*service.check, path + ".check");
      if (!service.degraded || failed(path + ".degraded")) continue;
      if (!service.check) {
        complain(path + ".degraded",
                 "\"degraded\" without \"check\"; expected a check that may fail");
      } else if (!service.degraded->med && service.degraded->communities.empty()) {
        complain(path + ".degraded",
                 "\"degraded\" says nothing; expected \"med\", \"communities\" or both");
      }
    }
  }

 private:
  void service_check(ServiceCheck& check, const std::string& path) {
    if (failed(path)) return;
    constexpr std::array kKinds{"tcp", "http", "exec"};
    std::size_t kinds = 0;
    for (const char* kind : kKinds) {
      const std::string key = fmt::format("{}.{}", path, kind);
      if (failed(key) || failed(key + "[0]")) return;
      if (reader_.places().has(key)) ++kinds;
    }
    if (kinds != 1) {
      complain(path, fmt::format("check has {} of \"tcp\", \"http\" and \"exec\"; expected one",
                                 kinds == 0 ? "none" : "more than one"));
      return;
    }
    if (!check.http && !check.tcp && check.exec.empty()) {
      return complain(path + ".exec", "exec is empty; expected a program and its arguments");
    }
    if (!check.exec.empty() && !check.exec[0].starts_with('/')) {
      complain(path + ".exec[0]", fmt::format("\"{}\" is no absolute path; expected one such as "
                                              "/usr/local/bin/check-web",
                                              check.exec[0]));
    }
    constexpr std::array kHttpOnly{"path", "host", "status", "tls", "ca-file"};
    for (const char* key : kHttpOnly) {
      if (!check.http && given(fmt::format("{}.{}", path, key))) {
        complain(fmt::format("{}.{}", path, key),
                 fmt::format("\"{}\" is for http; expected it to be absent", key));
      }
    }
    if (!check.exec.empty() && given(path + ".address")) {
      complain(path + ".address", "\"address\" is for tcp and http; expected it to be absent");
    }
    if (!check.path.starts_with('/')) {
      complain(
          path + ".path",
          fmt::format("\"{}\" does not start with /; expected a path such as /health", check.path));
    }
    if (!given(path + ".timeout")) check.timeout = std::min(check.timeout, check.every);
    if (check.timeout > check.every) {
      complain(path + ".timeout", "timeout is longer than every; expected at most as long");
    }
  }
};

}  // namespace

void check_services(Config& config, Reader& reader) {
  ServiceChecks(config, reader).services();
}

}  // namespace lastmile::config
