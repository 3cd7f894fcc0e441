#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "cli/command_line.h"
#include "cli/completion.h"
#include "cli/manual.h"
#include "controlplane/config/suggest.h"

namespace lastmile::cli {
namespace {

constexpr std::array kVerbs{
    Verb{"show ports", "", "ports, their links and counters"},
    Verb{"show offload", "", "what each port's NIC does by itself"},
    Verb{"show bgp", "", "BGP neighbors"},
    Verb{"show routes", "[PREFIX|ADDRESS]",
         "routes: all, of a prefix, or of an address (--received, ...)"},
    Verb{"show fib", "", "fill of the forwarding tables"},
    Verb{"show neighbors", "", "link-layer neighbors"},
    Verb{"show nexthops", "", "next hops, their liveness and counters"},
    Verb{"show workers", "", "workers, their load and counters"},
    Verb{"show bfd", "", "BFD sessions, echo and round-trip times"},
    Verb{"show drops", "", "dropped packets by reason"},
    Verb{"show control", "", "the control thread: its longest slices, its memory"},
    Verb{"show privileges", "", "user and capabilities that the router runs with"},
    Verb{"show services", "", "services, their health and whether they are announced"},
    Verb{"show drain", "", "what is drained, and whether traffic has left"},
    Verb{"service", "NAME down|up|auto", "takes a service down or up, or leaves it to its check"},
    Verb{"drain", "[NEIGHBOR]...", "traffic leaves by a neighbor, or all; then sessions end"},
    Verb{"undrain", "[NEIGHBOR]...", "back into service"},
    Verb{"trace", "[SRC] DST",
         "where a flow would go, and why (--proto, --dport, --length, --ttl, ...)"},
    Verb{"doctor", "", "why a session is not up, and what to do about it"},
    Verb{"events", "", "what happened, with times (--follow, --since)"},
    Verb{"capture", "PORT|any|drops [FILTER]...",
         "packets of a port, or why they are dropped, into a file (-w)"},
    Verb{"top", "", "what the router does now: a dashboard, every second or as --watch says"},
    Verb{"metrics", "", "all metrics, as Prometheus gets them (OpenMetrics)"},
    Verb{"policy test", "POLICY", "what a policy makes of a route (--prefix, --as-path, ...)"},
    Verb{"reload", "", "reads the configuration again and takes up what differs"},
    Verb{"version", "", "version of this program and of the daemon"},
    Verb{"completion", "bash|zsh|fish", "what makes that shell complete this command"},
};
/// What `policy test` may be told of the route; the daemon knows what each is. A value of words
/// with '|' between them is one of these.
struct RouteOption {
  const char* name;
  const char* value;
  const char* help;
};
constexpr std::array kRouteOptions{
    RouteOption{"prefix", "PREFIX", "the route's destination"},
    RouteOption{"as-path", "ASNS", "\"65001 64512\""},
    RouteOption{"communities", "LIST", "\"65001:100 no-export\""},
    RouteOption{"large-communities", "LIST", "\"65001:1:2\""},
    RouteOption{"next-hop", "ADDRESS", "the route's next hop"},
    RouteOption{"neighbor", "NEIGHBOR", "whom it comes from or goes to"},
    RouteOption{"origin", "igp|egp|incomplete", "ORIGIN"},
    RouteOption{"source", "local|connected|static|aggregate|bgp|default",
                "where it comes from (bgp)"},
    RouteOption{"med", "N", "MULTI_EXIT_DISC"},
};
/// One neighbor's part of `show routes`.
constexpr std::array kSideOptions{
    RouteOption{"received", "NEIGHBOR", "what it has sent, refused or not"},
    RouteOption{"accepted", "NEIGHBOR", "what of it takes part in the choice of routes"},
    RouteOption{"advertised", "NEIGHBOR", "what it has been sent"},
};
/// An option of another verb.
struct VerbOption {
  std::string_view verb;
  const char* name;
  const char* value;  ///< null: it has none
  const char* help;
  const char* short_name = "";  ///< "-c,"
};
constexpr std::array kVerbOptions{
    VerbOption{"trace", "proto", "udp|tcp|icmp|sctp", "protocol, or its number (udp)"},
    VerbOption{"trace", "sport", "N", "source port (0)"},
    VerbOption{"trace", "dport", "N", "destination port (0)"},
    VerbOption{"trace", "length", "N",
               "length of the packet, its IP header included (the shortest)"},
    VerbOption{"trace", "ttl", "N", "its TTL or hop limit (64)"},
    VerbOption{"trace", "df", nullptr, "an IPv4 packet that must not be cut"},
    VerbOption{"trace", "port", "PORT", "where it comes in; else from the machine's own programs"},
    VerbOption{"drain", "patience", "DURATION", "longest wait for traffic to leave (60s)"},
    VerbOption{"drain", "quiet", "N", "packets a second that count as none (10)"},
    VerbOption{"drain", "message", "TEXT", "what the neighbors' operators read (RFC 9003)"},
    VerbOption{"drain", "force", nullptr, "even if the last path is cut"},
    VerbOption{"drain", "no-wait", nullptr, "do not wait until the sessions have ended"},
    VerbOption{"events", "since", "DURATION", "of the last 10m only"},
    VerbOption{"events", "follow", nullptr, "go on with what happens from now on"},
    VerbOption{"capture", "write", "PATH", "where to, in short -w; - is standard output"},
    VerbOption{"capture", "count", "N", "end after N packets (100k)", "-c,"},
    VerbOption{"capture", "seconds", "N", "end after N seconds (600)"},
    VerbOption{"capture", "bytes", "N", "end when the file is that long (100M)"},
    VerbOption{"capture", "snap", "N", "keep N octets of a packet (65535)"},
};
constexpr const char* kDefaultSocket = "/run/lastmile/lastmile.sock";
constexpr double kShortestWatch = 0.1;
constexpr double kLongestSeconds = 86400;

std::string verb_list() {
  std::string text = "Verbs:\n";
  for (const Verb& verb : kVerbs) {
    const std::string call =
        fmt::format("{}{}{}", verb.words, verb.argument.empty() ? "" : " ", verb.argument);
    text += fmt::format("  {:<37}{}\n", call, verb.help);
  }
  return text;
}

/// "--watch show" and "--watch" at the end mean the default: only a number is its value.
void complete_watch(std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--") return;
    if (arguments[i] != "--watch" && arguments[i] != "-w") continue;
    const bool number = i + 1 < arguments.size() && !arguments[i + 1].empty() &&
                        std::isdigit(static_cast<unsigned char>(arguments[i + 1].front())) != 0;
    // "show routes --watch 10.0.0.0/8": that is no number of seconds either.
    const bool seconds = number &&
                         arguments[i + 1].find_first_not_of("0123456789.") == std::string::npos &&
                         std::count(arguments[i + 1].begin(), arguments[i + 1].end(), '.') <= 1;
    if (!seconds) arguments.insert(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, "2");
  }
}

/// "-w" is --watch; of "capture" it is where to write to, as tcpdump's. So the verb is looked for
/// first.
void settle_w(const CLI::App& app, std::vector<std::string>& arguments) {
  std::size_t at = 0;
  while (at < arguments.size() && arguments[at].starts_with('-')) {
    const CLI::Option* option = app.get_option_no_throw(arguments[at]);
    at += option != nullptr && option->get_items_expected_max() > 0 ? 2 : 1;
  }
  if (at >= arguments.size() || arguments[at] != "capture") return;
  std::replace(arguments.begin(), arguments.end(), std::string{"-w"}, std::string{"--write"});
}

/// How many words may follow a verb, by what its row says of them.
std::size_t most_words(std::string_view argument) {
  if (argument.empty()) return 0;
  if (argument.ends_with("...")) return SIZE_MAX;
  return 1 + static_cast<std::size_t>(std::count(argument.begin(), argument.end(), ' '));
}

/// The verb that an option belongs to.
std::string_view owner_of(std::string_view option) {
  for (const VerbOption& known : kVerbOptions) {
    if (known.name == option) return known.verb;
  }
  return "policy test";
}

/// What to say of words that begin no verb.
std::string unknown_verb(const std::vector<std::string>& words) {
  std::vector<std::string> known;
  std::vector<std::string> begun;  // those that the first word begins
  for (const Verb& candidate : kVerbs) {
    known.emplace_back(candidate.words);
    if (candidate.words.starts_with(words[0] + ' ')) begun.emplace_back(candidate.words);
  }
  if (words.size() == 1 && !begun.empty()) {
    return fmt::format("\"{}\" is half a verb; expected {}{}", words[0],
                       begun.size() == 1 ? "" : "one of: ", fmt::join(begun, ", "));
  }
  std::string said = words[0];
  if (words.size() > 1) said += ' ' + words[1];
  auto meant = nearest(said, known);
  if (!meant && words.size() == 1) meant = nearest("show " + said, known);
  if (meant) return fmt::format("unknown verb \"{}\"; did you mean \"{}\"?", said, *meant);
  return fmt::format("unknown verb \"{}\"; expected one of: {}", said,
                     fmt::join(begun.empty() ? known : begun, ", "));
}

/// What to say of an option that there is not.
std::string unknown_option(const CLI::App& app, const std::string& said) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const auto meant = nearest(said, known);
  return meant ? fmt::format("unknown option \"{}\"; did you mean \"{}\"?", said, *meant)
               : fmt::format("unknown option \"{}\" (see --help)", said);
}

std::variant<Invocation, UsageError> with_verb(Invocation invocation,
                                               const std::vector<std::string>& words) {
  const auto usage = [](std::string message) { return UsageError{std::move(message)}; };
  if (words.empty()) return usage("no verb; expected one such as \"show bgp\" (see --help)");
  // A verb is one word or two; what follows is its argument.
  const Verb* verb = nullptr;
  std::size_t used = 0;
  for (const std::size_t length : {std::size_t{2}, std::size_t{1}}) {
    if (words.size() < length || verb != nullptr) continue;
    const std::string call = length == 2 ? words[0] + ' ' + words[1] : words[0];
    const auto* const found = std::find_if(kVerbs.begin(), kVerbs.end(),
                                           [&](const Verb& known) { return known.words == call; });
    if (found == kVerbs.end()) continue;
    verb = found;
    used = length;
  }
  if (verb == nullptr) return usage(unknown_verb(words));
  invocation.verb = verb->words;
  const std::size_t extra = words.size() - used;
  if (extra > most_words(verb->argument)) {
    return usage(fmt::format("\"{}\" is too much for \"{}\"; expected {}", words.back(),
                             verb->words,
                             verb->argument.empty() ? "nothing after it" : verb->argument));
  }
  invocation.words.assign(words.end() - static_cast<std::ptrdiff_t>(extra), words.end());
  if (extra > 0) invocation.argument = words.back();
  if (invocation.limit && invocation.verb != "show routes") {
    return usage("--limit is for \"show routes\" only");
  }
  if (invocation.side && invocation.verb != "show routes") {
    return usage(fmt::format("--{} is for \"show routes\" only", invocation.side->first));
  }
  if (invocation.verb == "trace" && extra == 0) {
    return usage("\"trace\" wants a destination: trace 10.0.2.2, or trace 10.0.1.1 10.0.2.2");
  }
  if (invocation.verb == "policy test" && extra == 0) {
    return usage("\"policy test\" wants the name of a policy");
  }
  if (invocation.verb == "service" && extra != 2) {
    return usage("\"service\" wants a name and a state: service NAME down|up|auto");
  }
  if (invocation.verb == "capture") {
    const bool writes = std::ranges::any_of(
        invocation.options, [](const auto& option) { return option.first == "write"; });
    if (extra == 0 || !writes) {
      return usage(
          "\"capture\" wants a port and a file: capture up1 -w up1.pcapng, or -w - | wireshark -k "
          "-i -");
    }
    if (invocation.watch) return usage("--watch is not for \"capture\"");
  }
  for (const auto& [name, value] : invocation.options) {
    if (const std::string_view owner = owner_of(name); owner != invocation.verb) {
      return usage(fmt::format("--{} is for \"{}\" only", name, owner));
    }
  }
  return invocation;
}

}  // namespace

std::span<const Verb> verbs() {
  return kVerbs;
}

CommandLine::CommandLine(const char* socket_from_environment) {
  invocation.socket = socket_from_environment != nullptr && *socket_from_environment != '\0'
                          ? socket_from_environment
                          : kDefaultSocket;
  app.footer(verb_list());
  app.add_option("verb", words, "what to ask, see below")->type_name("VERB");
  app.add_option("-s,--socket", invocation.socket, "the daemon's control socket")
      ->type_name("PATH")
      ->capture_default_str();
  app.add_flag("-j,--json", invocation.json, "JSON for scripts");
  watch_option = app.add_option("-w,--watch", watch, "again and again, every SECONDS (2)")
                     ->type_name("SECONDS")
                     ->check(CLI::Range(kShortestWatch, kLongestSeconds));
  app.add_option("--timeout", timeout, "longest wait for an answer (5)")
      ->type_name("SECONDS")
      ->check(CLI::Range(kShortestWatch, kLongestSeconds));
  limit_option = app.add_option("-n,--limit", limit, "show at most N routes")
                     ->type_name("N")
                     ->check(CLI::Range(1U, 1U << 30))
                     ->group(kRoutesGroup);
  for (const RouteOption& option : kSideOptions) {
    app.add_option_function<std::string>(
           fmt::format("--{}", option.name),
           [this, &option](const std::string& value) {
             if (invocation.side) {
               throw CLI::ValidationError(fmt::format("--{} and --{} exclude each other",
                                                      invocation.side->first, option.name));
             }
             invocation.side.emplace(option.name, value);
           },
           option.help)
        ->type_name(option.value)
        ->group(kRoutesGroup);
  }
  for (const RouteOption& option : kRouteOptions) {
    app.add_option_function<std::string>(
           fmt::format("--{}", option.name),
           [this, &option](const std::string& value) {
             invocation.options.emplace_back(option.name, value);
           },
           option.help)
        ->type_name(option.value)
        ->group(kPolicyGroup);
  }
  for (const VerbOption& option : kVerbOptions) {
    const std::string name = fmt::format("{}--{}", option.short_name, option.name);
    const std::string group{option.verb};
    if (option.value == nullptr) {
      app.add_flag_callback(
             name, [this, &option] { invocation.options.emplace_back(option.name, ""); },
             option.help)
          ->group(group);
      continue;
    }
    app.add_option_function<std::string>(
           name,
           [this, &option](const std::string& value) {
             invocation.options.emplace_back(option.name, value);
           },
           option.help)
        ->type_name(option.value)
        ->group(group);
  }
  app.set_version_flag("-V,--version", "lastmile " LASTMILE_VERSION);
  app.add_flag("--man", man, "this help as a manual page")->group("");
}

std::variant<Invocation, HelpText, UsageError> parse_arguments(
    std::vector<std::string> arguments, const char* socket_from_environment) {
  CommandLine line{socket_from_environment};
  settle_w(line.app, arguments);
  complete_watch(arguments);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    line.app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return HelpText{line.app.help()};
  } catch (const CLI::CallForVersion&) {
    return HelpText{"lastmile " LASTMILE_VERSION "\n"};
  } catch (const CLI::ExtrasError& error) {
    const std::vector<std::string> extras = line.app.remaining();
    if (!extras.empty()) return UsageError{unknown_option(line.app, extras.front())};
    return UsageError{error.what()};
  } catch (const CLI::Error& error) {
    std::string text = error.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return UsageError{text + " (see --help)"};
  }
  if (line.man) return HelpText{manual(line)};
  if (!line.words.empty() && line.words.front() == "help") return HelpText{line.app.help()};
  const auto in_milliseconds = [](double seconds) {
    return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
  };
  Invocation& invocation = line.invocation;
  if (line.watch_option->count() > 0) invocation.watch = in_milliseconds(line.watch);
  if (line.limit_option->count() > 0) invocation.limit = line.limit;
  invocation.timeout = in_milliseconds(line.timeout);
  auto result = with_verb(std::move(invocation), line.words);
  if (auto* fault = std::get_if<UsageError>(&result)) return std::move(*fault);
  const auto& asked = std::get<Invocation>(result);
  if (asked.verb != "completion") return asked;
  if (const auto script = completion_script(asked.argument)) return HelpText{*script};
  return UsageError{fmt::format(
      "completion: \"{}\" is no shell that is known; expected bash, zsh or fish", asked.argument)};
}

}  // namespace lastmile::cli
