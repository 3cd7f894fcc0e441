// lastmiled: the router, in the foreground.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "controlplane/config/config.h"
#include "controlplane/config/reference.h"
#include "daemon/held_signals.h"
#include "daemon/router.h"
#include "logging/log.h"
#include "logging/setup.h"

namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

int run(const std::string& path, bool only_check, const std::string& log_level) {
  auto config = lastmile::load_config(path);
  if (!config) {
    for (const lastmile::ConfigError& error : config.error()) {
      std::fprintf(stderr, "%s\n", to_string(error).c_str());
    }
    return kFailed;
  }
  if (only_check) {
    std::printf("%s: good\n", path.c_str());
    return kOk;
  }
  if (!lastmile::log::start(log_level)) {
    std::fprintf(stderr,
                 "lastmiled: unknown log level '%s'; expected trace, debug, info, warning, error, "
                 "critical or off\n",
                 log_level.c_str());
    return kUsage;
  }
  lastmile::HeldSignals signals;
  lastmile::Router::Options options;
  options.config_path = path;
  auto router = lastmile::Router::build(std::move(*config), options);
  if (!router) {
    lastmile::log::critical("{}", router.error());
    return kFailed;
  }
  signals.release();
  (*router)->run();
  return kOk;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "The Lastmile router: forwards packets with DPDK and speaks BGP to the top-of-rack leaves. "
      "Runs in the foreground until SIGINT, SIGTERM or SIGHUP."};
  app.name("lastmiled");
  app.footer("See docs/configuration.md for CONFIG, and lastmile(1) to look inside.");
  std::string config;
  std::string log_level = "info";
  bool only_check = false;
  app.add_option("CONFIG", config, "configuration file (YAML)")->required();
  app.add_flag("--check", only_check, "only validate CONFIG: exit status 0 if it is good, else 1");
  app.add_option("--log-level", log_level, "trace, debug, info, warning, error, critical or off")
      ->capture_default_str();
  app.add_flag_callback(
      "--help-config",
      [] {
        std::fputs(lastmile::config_reference_text().c_str(), stdout);
        throw CLI::Success{};
      },
      "print what a configuration may say, and exit");
  app.set_version_flag("--version", std::string{"lastmiled "} + LASTMILE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  try {
    return run(config, only_check, log_level);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lastmiled: %s\n", error.what());
    return kFailed;
  }
}
