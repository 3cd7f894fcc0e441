// lastmiled: the router, in the foreground.

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <new>
#include <string>

#include "cli/option_manual.h"
#include "controlplane/config/config.h"
#include "controlplane/config/json_schema.h"
#include "controlplane/config/reference.h"
#include "controlplane/record/replay.h"
#include "daemon/held_signals.h"
#include "daemon/router.h"
#include "logging/log.h"
#include "logging/setup.h"

namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Arguments {
  std::string config;
  std::string log_level = "info";
  bool only_check = false;
  std::string record, replay;  ///< files
};

/// Standard output gets the routes alone, so that two replays can be compared.
int replay(const std::string& path) {
  const lastmile::record::Replayed run = lastmile::record::replay(path);
  std::fputs(run.dump.c_str(), stdout);
  if (!run.program.empty()) {
    std::fprintf(stderr, "%s: of %s: %llu inputs replayed, %llu checkpoints as recorded%s%s\n",
                 path.c_str(), run.program.c_str(), static_cast<unsigned long long>(run.inputs),
                 static_cast<unsigned long long>(run.checkpoints),
                 run.end.empty() ? "" : "; it ends because ", run.end.c_str());
  }
  if (!run.error) return kOk;
  std::fprintf(stderr, "lastmiled: %s\n", run.error->c_str());
  return kFailed;
}

bool start_log(const std::string& level) {
  if (lastmile::log::start(level)) return true;
  std::fprintf(stderr,
               "lastmiled: unknown log level '%s'; expected trace, debug, info, warning, error, "
               "critical or off\n",
               level.c_str());
  return false;
}

/// Each neighbor, each client of ours and each health check has a socket: a shell's soft limit of
/// 1024 would be the first to be hit, and no program here depends on it (select(2) is not used).
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // if it is refused, the old one stays
}

int run(const Arguments& arguments) {
  const std::string& path = arguments.config;
  lastmile::Router::Options options;
  auto config = lastmile::load_config(path, options.source);
  if (!config) {
    for (const lastmile::ConfigError& error : config.error()) {
      std::fprintf(stderr, "%s\n", to_string(error).c_str());
    }
    return kFailed;
  }
  if (arguments.only_check) {
    std::printf("%s: good\n", path.c_str());
    return kOk;
  }
  if (!start_log(arguments.log_level)) return kUsage;
  raise_descriptor_limit();
  lastmile::HeldSignals signals;
  options.config_path = path;
  options.record = arguments.record;
  auto router = lastmile::Router::build(std::move(*config), options);
  if (!router) {
    lastmile::log::critical("{}", router.error());
    return kFailed;
  }
  signals.release();
  (*router)->run();
  // Who is impatient now must not leave interfaces as the router had them.
  signals.hold_for_good();
  router->reset();
  return kOk;
}

/// An option that prints a text and ends the program.
template <class Text>
CLI::Option* add_text(CLI::App& app, const char* name, const char* help, Text text) {
  return app.add_flag_callback(
      name,
      [text] {
        std::fputs(text().c_str(), stdout);
        throw CLI::Success{};
      },
      help);
}

constexpr const char* kVersion = "lastmile " LASTMILE_VERSION;

std::string manual(const CLI::App& app) {
  lastmile::roff::Page page{"LASTMILED", 8, kVersion, "a user-space router for servers"};
  page.section("SYNOPSIS");
  page.paragraph("lastmiled [OPTIONS] CONFIG");
  page.section("DESCRIPTION");
  page.paragraph(app.get_description());
  page.paragraph(
      "A server's two or more uplinks become ports of the router, and the machine's own programs "
      "use it by the interface lm0. What it is to do stands in CONFIG, see lastmile.yaml(5).");
  page.section("OPTIONS");
  lastmile::cli::options_manual(app, "Options", page);
  page.section("EXIT STATUS");
  page.item("0", "It was told to stop, or CONFIG is good (--check).");
  page.item("1", "CONFIG is wrong, or the router could not start: standard error says why.");
  page.item("2", "The command line is wrong.");
  page.section("SIGNALS");
  page.item("SIGTERM, SIGINT, SIGHUP",
            "End all sessions, with a message to each neighbor, and stop. To take up another "
            "configuration there is \"lastmile reload\".");
  page.section("FILES");
  page.item("/etc/lastmile/server.yaml", "The configuration that the service reads.");
  page.item("/run/lastmile/lastmile.sock", "Where lastmile(1) asks, unless CONFIG says otherwise.");
  page.section("SEE ALSO");
  page.paragraph("lastmile(1), lastmile.yaml(5)");
  return page.text();
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{
      "The Lastmile router: forwards packets with DPDK and speaks BGP to the top-of-rack leaves. "
      "Runs in the foreground until SIGINT, SIGTERM or SIGHUP."};
  app.name("lastmiled");
  app.footer("See lastmile.yaml(5) for CONFIG, and lastmile(1) to look inside.");
  Arguments arguments;
  auto* config = app.add_option("CONFIG", arguments.config, "configuration file (YAML)");
  app.add_flag("--check", arguments.only_check,
               "only validate CONFIG: exit status 0 if it is good, else 1");
  app.add_option("--record", arguments.record,
                 "writes everything that the control plane is told to this file; see "
                 "docs/recording.md");
  auto* replay_option =
      app.add_option("--replay", arguments.replay,
                     "replays such a file, without any device, and prints sessions and routes")
          ->excludes(config);
  app.add_option("--log-level", arguments.log_level,
                 "trace, debug, info, warning, error, critical or off")
      ->capture_default_str();
  add_text(app, "--help-config", "print what a configuration may say, and exit",
           lastmile::config_reference_text);
  add_text(app, "--json-schema", "print the JSON schema of a configuration, for editors, and exit",
           lastmile::config_json_schema);
  add_text(app, "--man", "print lastmiled(8)", [&app] { return manual(app); })->group("");
  add_text(app, "--man-config", "print lastmile.yaml(5)", [] {
    return lastmile::config_reference_man(kVersion);
  })->group("");
  app.set_version_flag("--version", std::string{"lastmiled "} + LASTMILE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  if (replay_option->count() != 0) {
    return start_log(arguments.log_level) ? replay(arguments.replay) : kUsage;
  }
  if (config->count() == 0) {
    std::fprintf(stderr, "lastmiled: CONFIG is required; see lastmiled --help\n");
    return kUsage;
  }
  return run(arguments);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("lastmiled: not enough memory\n", stderr);
    return kFailed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lastmiled: %s\n", error.what());
    return kFailed;
  }
}
