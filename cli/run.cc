#include "cli/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <thread>

#include "cli/arguments.h"
#include "cli/capture.h"
#include "cli/client.h"
#include "cli/completion.h"
#include "cli/render.h"
#include "cli/top/top.h"
#include "logging/one_line.h"

namespace lastmile::cli {
namespace {

using Result = tl::expected<void, std::string>;

/// For people who look at it, or with --watch one line each time.
std::string as_json(const Json& data, const Invocation& invocation) {
  return data.dump(invocation.watch ? -1 : 2) + "\n";
}

struct Renderer {
  std::string_view verb;
  std::string (*render)(const Json& data);
};
constexpr std::array kRenderers{
    Renderer{"show ports", render_ports},
    Renderer{"show offload", render_offload},
    Renderer{"show bgp", render_bgp},
    Renderer{"show bfd", render_bfd},
    Renderer{"show fib", render_fib},
    Renderer{"show neighbors", render_neighbors},
    Renderer{"show nexthops", render_next_hops},
    Renderer{"show workers", render_workers},
    Renderer{"show drops", render_drops},
    Renderer{"show control", render_control},
    Renderer{"show privileges", render_privileges},
    Renderer{"metrics", render_metrics},
    Renderer{"version", render_version},
    Renderer{"policy test", render_policy_test},
    Renderer{"trace", render_trace},
    Renderer{"show services", render_services},
    Renderer{"service", render_service},
    Renderer{"show drain", render_drain},
    Renderer{"undrain", render_drain},
};

/// One line for each reason why nothing was changed.
Result reloaded(const Json& data, const Invocation& invocation, std::ostream& out) {
  if (data.at("applied").get<bool>()) {
    if (!invocation.json) out << "reloaded\n";
    return {};
  }
  std::string lines;
  for (const Json& error : data.at("errors")) {
    lines += (lines.empty() ? "" : "\n") + one_line(error.get<std::string>());
  }
  return tl::unexpected(lines + (lines.empty() ? "" : "\n") + "nothing was changed");
}

constexpr const char* kStartTheDaemon =
    "start it: systemctl start lastmile, or lastmiled CONFIG in the foreground; is it another "
    "instance's socket that you mean? See --socket";

[[nodiscard]] bool has_option(const Invocation& invocation, std::string_view name) {
  return std::any_of(invocation.options.begin(), invocation.options.end(),
                     [&](const auto& option) { return option.first == name; });
}

/// What the daemon is told beside the verb.
Json arguments_of(const Invocation& invocation) {
  Json args = Json::object();
  for (const auto& [name, value] : invocation.options) args[name] = value;
  if (invocation.verb == "policy test") args["policy"] = invocation.argument;
  if (invocation.verb == "service") {
    args["name"] = invocation.words[0];
    args["state"] = invocation.words[1];
  }
  if (invocation.verb == "trace") {
    args["destination"] = invocation.words.back();
    if (invocation.words.size() > 1) args["source"] = invocation.words.front();
    if (has_option(invocation, "df")) args["df"] = true;
  }
  if (invocation.verb == "undrain" && !invocation.words.empty()) {
    args["neighbors"] = invocation.words;
  }
  // Who looks again and again has intervals of its own.
  if (invocation.verb == "show workers" && invocation.watch) {
    args["reader"] = fmt::format("watch {}", ::getpid());
  }
  return args;
}

/// A verb that is answered at once.
Result show(Client& client, const Invocation& invocation, std::ostream& out) {
  const Json args = arguments_of(invocation);
  const auto data = client.ask(invocation.verb, args);
  if (!data) return tl::unexpected(data.error());
  if (invocation.json) out << as_json(*data, invocation);
  if (invocation.verb == "reload") return reloaded(*data, invocation, out);
  if (invocation.json) return {};
  const auto* const renderer =
      std::find_if(kRenderers.begin(), kRenderers.end(),
                   [&](const Renderer& known) { return known.verb == invocation.verb; });
  out << renderer->render(*data);
  return {};
}

/// Routes come in pages, and each is printed before the next is asked for: a full table needs no
/// more memory here than a page.
class RoutePrinter {
 public:
  RoutePrinter(const Invocation& invocation, std::ostream& out)
      : invocation_(invocation), out_(out) {
    if (invocation.json) out_ << "{\"routes\":[";
  }
  /// Returns the number of prefixes.
  unsigned page(const Json& data) {
    unsigned prefixes = 0;
    std::string last;
    for (const Json& route : data.at("routes")) {
      const auto& prefix = route.at("prefix").get_ref<const std::string&>();
      if (prefix != last) ++prefixes, last = prefix;
    }
    if (invocation_.json) {
      for (const Json& route : data.at("routes")) {
        out_ << (first_ ? "" : ",") << (invocation_.watch ? "" : "\n") << route.dump();
        first_ = false;
      }
    } else if (!invocation_.argument.empty()) {
      out_ << render_route_details(data);
    } else {
      out_ << list_.page(data);
    }
    return prefixes;
  }
  void end() {
    if (invocation_.json) {
      out_ << (first_ || invocation_.watch ? "" : "\n") << "]}\n";
    } else if (invocation_.argument.empty()) {
      out_ << list_.end();
    }
  }

 private:
  const Invocation& invocation_;
  std::ostream& out_;
  RouteList list_;
  bool first_ = true;
};

Result show_routes(Client& client, const Invocation& invocation, std::ostream& out) {
  Json args = Json::object();
  if (!invocation.argument.empty()) args["match"] = invocation.argument;
  if (invocation.side) args[invocation.side->first] = invocation.side->second;
  std::optional<unsigned> left = invocation.limit;
  std::optional<RoutePrinter> printer;
  std::string cursor;
  do {
    if (left) args["limit"] = *left;  // the daemon gives what it can at once
    const auto data = client.ask(invocation.verb, args);
    if (!data) return tl::unexpected(data.error());
    if (!printer) printer.emplace(invocation, out);
    const unsigned shown = printer->page(*data);
    const std::string next = data->value("next", "");
    if (!next.empty() && next == cursor) {
      return tl::unexpected<std::string>{"lastmiled gives the same page of routes twice"};
    }
    cursor = next;
    args["cursor"] = cursor;
    if (left) *left -= std::min(*left, shown);
  } while (!cursor.empty() && left != 0U && out);
  printer->end();
  return {};
}

/// Exit status 1 if it has found a problem.
Result doctor(const Invocation& invocation, std::ostream& out) {
  auto client = Client::connect(invocation.socket, invocation.timeout);
  Json data;
  if (client) {
    auto answer = client->ask("doctor", Json::object());
    if (!answer) return tl::unexpected(answer.error());
    data = std::move(*answer);
  } else {
    // Nobody is there: that is the finding.
    data = Json{{"findings", Json::array({{{"check", "daemon"},
                                           {"severity", "problem"},
                                           {"subject", ""},
                                           {"cause", client.error()},
                                           {"next", kStartTheDaemon}}})},
                {"checks", Json::array({"daemon"})}};
  }
  out << (invocation.json ? as_json(data, invocation) : render_doctor(data));
  const auto& findings = data.at("findings");
  const auto problems = std::count_if(findings.begin(), findings.end(), [](const Json& finding) {
    return finding.at("severity") == "problem";
  });
  if (problems == 0) return {};
  return tl::unexpected(fmt::format("{} problem{}", problems, problems == 1 ? "" : "s"));
}

constexpr std::chrono::milliseconds kLookAgain{200};

/// Page by page; with --follow for as long as somebody reads.
Result events(Client& client, const Invocation& invocation, std::ostream& out) {
  const bool follow = has_option(invocation, "follow");
  Json args = Json::object();
  for (const auto& [name, value] : invocation.options) {
    if (name == "since") args["since"] = value;
  }
  std::vector<Json> found;
  EventStory story;
  while (true) {
    const auto data = client.ask("events", args);
    if (!data) return tl::unexpected(data.error());
    for (const Json& event : data->at("events")) found.push_back(event);
    args["after"] = data->at("last");
    if (data->at("more").get<bool>()) continue;
    // What a worker saw comes a moment after it happened.
    std::stable_sort(found.begin(), found.end(), [](const Json& a, const Json& b) {
      return a.at("time_us").get<std::int64_t>() < b.at("time_us").get<std::int64_t>();
    });
    for (const Json& event : found) {
      out << (invocation.json ? event.dump() + "\n" : story.line(event));
    }
    out.flush();
    if (!follow || !out) return {};
    found.clear();
    args.erase("since");
    std::this_thread::sleep_for(kLookAgain);
  }
}

/// Starts it, and waits until the sessions have ended: then the neighbors are free for whatever is
/// to be done.
Result drain(Client& client, const Invocation& invocation, std::ostream& out) {
  Json args = Json::object();
  for (const auto& [name, value] : invocation.options) {
    if (name == "force") {
      args[name] = true;
    } else if (name != "no-wait") {
      args[name] = value;
    }
  }
  if (!invocation.words.empty()) args["neighbors"] = invocation.words;
  auto data = client.ask("drain", args);
  const auto leaving = [](const Json& status) {
    return std::any_of(status.at("drained").begin(), status.at("drained").end(),
                       [](const Json& one) { return one.at("phase") == "leaving"; });
  };
  while (data && leaving(*data) && !has_option(invocation, "no-wait")) {
    std::this_thread::sleep_for(kLookAgain);
    data = client.ask("show drain", Json::object());
  }
  if (!data) return tl::unexpected(data.error());
  out << (invocation.json ? as_json(*data, invocation) : render_drain(*data));
  return {};
}

/// Connects, asks once, prints.
Result look(const Invocation& invocation, std::ostream& out) {
  if (invocation.verb == "version" && !invocation.json) out << "lastmile " LASTMILE_VERSION "\n";
  if (invocation.verb == "doctor") return doctor(invocation, out);
  auto client = Client::connect(invocation.socket, invocation.timeout);
  if (!client) return tl::unexpected(client.error());
  try {
    if (invocation.verb == "show routes") return show_routes(*client, invocation, out);
    if (invocation.verb == "events") return events(*client, invocation, out);
    if (invocation.verb == "drain") return drain(*client, invocation, out);
    return show(*client, invocation, out);
  } catch (const Json::exception& fault) {
    return tl::unexpected(
        fmt::format("answer to \"{}\" is not as expected, lastmiled may be of another version: {}",
                    invocation.verb, fault.what()));
  }
}

// A shell waits for its candidates: what does not come at once does not come.
constexpr std::chrono::milliseconds kPatienceOfAShell{300};

std::vector<std::string> names_of(NameKind kind, const std::string& socket) {
  const bool ports = kind == NameKind::kPort;
  std::vector<std::string> names;
  auto client = Client::connect(socket, kPatienceOfAShell);
  if (!client) return names;
  const auto data = client->ask(ports ? "show ports" : "show bgp", Json::object());
  if (!data) return names;
  for (const Json& one : data->value(ports ? "ports" : "neighbors", Json::array())) {
    names.push_back(one.value("name", ""));
  }
  return names;
}

/// Candidates for the last word, one a line; never an error, which would garble the prompt.
int complete_words(std::vector<std::string> words, const Surroundings& surroundings,
                   std::ostream& out) {
  words.erase(words.begin());
  for (const Candidate& candidate : complete(words, surroundings.socket, names_of)) {
    out << candidate.text << '\t' << candidate.help << '\n';
  }
  return kSuccess;
}

}  // namespace

int run(std::vector<std::string> arguments, const Surroundings& surroundings, std::ostream& out,
        std::ostream& error) {
  const auto complain = [&error](const std::string& message, int status) {
    error << "lastmile: " << one_line(message) << '\n';
    return status;
  };
  if (!arguments.empty() && arguments.front() == "--complete") {
    return complete_words(std::move(arguments), surroundings, out);
  }
  const auto parsed = parse_arguments(std::move(arguments), surroundings.socket);
  if (const auto* usage = std::get_if<UsageError>(&parsed)) return complain(usage->message, kUsage);
  if (const auto* help = std::get_if<HelpText>(&parsed)) {
    out << help->text;
    return kSuccess;
  }
  const auto& invocation = std::get<Invocation>(parsed);
  if (invocation.verb == "top") {
    if (!surroundings.terminal || !surroundings.keyboard) {
      return complain("top wants a terminal; scripts have show ... --json", kUsage);
    }
    const Result done = top::run(invocation);
    return done ? kSuccess : complain(done.error(), kFailure);
  }
  if (invocation.verb == "capture") {
    const Result done = capture(invocation, out, error);
    return done ? kSuccess : complain(done.error(), kFailure);
  }
  for (bool first = true;; first = false) {
    if (invocation.watch && !invocation.json) {
      if (surroundings.terminal) {
        out << "\033[H\033[2J";  // home, clear
      } else if (!first) {
        out << '\n';
      }
    }
    if (const Result result = look(invocation, out); !result) {
      out.flush();
      if (invocation.verb != "reload") return complain(result.error(), kFailure);
      // A line of its own for each fault of the configuration.
      std::istringstream lines{result.error()};
      for (std::string line; std::getline(lines, line);) complain(line, kFailure);
      return kFailure;
    }
    out.flush();
    if (!out) return complain("can't write the answer", kFailure);
    if (!invocation.watch) return kSuccess;
    std::this_thread::sleep_for(*invocation.watch);
  }
}

}  // namespace lastmile::cli
