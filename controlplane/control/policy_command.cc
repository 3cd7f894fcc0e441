#include "controlplane/control/policy_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "controlplane/config/address_types.h"
#include "controlplane/config/policy_types.h"
#include "controlplane/config/suggest.h"
#include "controlplane/policy/policy.h"
#include "dataplane/net/format.h"

namespace lastmile {
namespace {

using Error = tl::unexpected<std::string>;

const std::vector<std::string> kArguments = {
    "policy",   "prefix",   "as-path", "communities", "large-communities",
    "next-hop", "neighbor", "origin",  "source",      "med"};

/// An argument as text; empty if it is not there.
tl::expected<std::string, std::string> text_of(const Json& args, const char* name) {
  const auto found = args.find(name);
  if (found == args.end()) return std::string{};
  if (!found->is_string()) return Error{fmt::format("\"{}\" is not text", name)};
  return found->get<std::string>();
}

/// Reads an argument by the type that the configuration has for it.
template <class T>
tl::expected<T, std::string> read(const config::Type<T>& type, const char* name,
                                  std::string_view text) {
  auto value = type.read(text, config::Scope{});
  if (value) return std::move(*value);
  const config::Fault& fault = value.error();
  return Error{fmt::format("{}: \"{}\" {}; {}", name, text.substr(0, 100), fault.wrong,
                           fault.expected.empty() ? "expected " + type.expected : fault.expected)};
}

template <class T>
tl::expected<std::vector<T>, std::string> read_words(const config::Type<T>& type, const char* name,
                                                     std::string_view text) {
  std::vector<T> values;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) {
      auto value = read(type, name, text.substr(0, end));
      if (!value) return Error{value.error()};
      values.push_back(std::move(*value));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

/// "65001 64512"; sets are not needed to try a policy.
tl::expected<bgp::AsPath, std::string> read_path(std::string_view text) {
  bgp::AsPath path;
  bgp::AsPath::Segment segment;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) {
      const auto asn = config::parse_decimal(text.substr(0, end));
      if (!asn || *asn > UINT32_MAX) {
        return Error{
            fmt::format("as-path: \"{}\" is no AS number; expected numbers such as "
                        "\"65001 64512\"",
                        text.substr(0, end))};
      }
      segment.asns.emplace_back(static_cast<std::uint32_t>(*asn));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (!segment.asns.empty()) path.segments.push_back(std::move(segment));
  return path;
}

constexpr std::array kOrigins = {"igp", "egp", "incomplete"};
constexpr std::array kSources = {"local", "connected", "static", "aggregate", "bgp", "default"};

template <std::size_t n>
tl::expected<std::size_t, std::string> read_choice(const std::array<const char*, n>& words,
                                                   const char* name, std::string_view text,
                                                   std::size_t otherwise) {
  if (text.empty()) return otherwise;
  const auto found = std::ranges::find(words, text);
  if (found == words.end()) {
    return Error{fmt::format("{}: \"{}\" is unknown; expected one of: {}", name, text,
                             fmt::join(words, ", "))};
  }
  return static_cast<std::size_t>(found - words.begin());
}

template <class T>
std::string joined(const std::vector<T>& communities) {
  std::string out;
  for (const T& one : communities) out += (out.empty() ? "" : " ") + to_string(one);
  return out;
}

/// What of the attributes a policy may change, for people.
struct Aspect {
  const char* what;
  std::string (*text)(const bgp::PathAttributes&);
};
std::string number(const std::optional<std::uint32_t>& value) {
  return value ? fmt::format("{}", *value) : "";
}
constexpr std::array kAspects = {
    Aspect{"local-preference",
           [](const bgp::PathAttributes& a) { return number(a.local_preference); }},
    Aspect{"med", [](const bgp::PathAttributes& a) { return number(a.med); }},
    Aspect{"aigp",
           [](const bgp::PathAttributes& a) {
             return a.aigp ? fmt::format("{}", a.aigp->metric) : std::string{};
           }},
    Aspect{"origin",
           [](const bgp::PathAttributes& a) {
             return std::string{kOrigins[static_cast<std::size_t>(a.origin)]};
           }},
    Aspect{"as-path", [](const bgp::PathAttributes& a) { return to_string(a.as_path); }},
    Aspect{"communities", [](const bgp::PathAttributes& a) { return joined(a.communities); }},
    Aspect{"large-communities",
           [](const bgp::PathAttributes& a) { return joined(a.large_communities); }},
};

Json changes(const bgp::PathAttributes& before, const bgp::PathAttributes& after,
             const policy::Set* set) {
  Json list = Json::array();
  for (const Aspect& aspect : kAspects) {
    std::string was = aspect.text(before);
    std::string is = aspect.text(after);
    if (was != is) {
      list.push_back({{"what", aspect.what}, {"before", std::move(was)}, {"after", std::move(is)}});
    }
  }
  if (before.extended_communities != after.extended_communities) {
    list.push_back({{"what", "extended-communities"},
                    {"before", fmt::format("{} of them", before.extended_communities.size())},
                    {"after", fmt::format("{} of them", after.extended_communities.size())}});
  }
  if (set != nullptr && set->next_hop) {
    list.push_back({{"what", "next-hop"}, {"before", ""}, {"after", to_string(*set->next_hop)}});
  }
  if (set != nullptr && set->weight) {
    list.push_back(
        {{"what", "weight"}, {"before", "1"}, {"after", fmt::format("{}", *set->weight)}});
  }
  return list;
}

}  // namespace

CommandResult test_policy(const Config& config, const Json& args) {
  std::vector<std::string> given(kArguments.size());
  for (std::size_t i = 0; i < kArguments.size(); ++i) {
    auto text = text_of(args, kArguments[i].c_str());
    if (!text) return Error{text.error()};
    given[i] = std::move(*text);
  }
  const auto arg = [&](std::string_view name) -> const std::string& {
    return given[static_cast<std::size_t>(std::ranges::find(kArguments, name) -
                                          kArguments.begin())];
  };

  const auto rules = std::ranges::find(config.policies, arg("policy"), &policy::Rules::name);
  if (rules == config.policies.end()) {
    std::vector<std::string> known;
    for (const policy::Rules& policy : config.policies) known.push_back(policy.name);
    if (known.empty()) return Error{"the configuration has no policies"};
    return Error{fmt::format("\"{}\" is not a policy; {}", arg("policy").substr(0, 100),
                             hint(arg("policy"), known))};
  }
  if (arg("prefix").empty()) return Error{"there is no prefix; expected --prefix PREFIX"};
  const auto prefix = read(config::prefix(), "prefix", arg("prefix"));
  if (!prefix) return Error{prefix.error()};

  bgp::PathAttributes attributes;
  auto path = read_path(arg("as-path"));
  if (!path) return Error{path.error()};
  attributes.as_path = std::move(*path);
  auto communities = read_words(config::community(), "communities", arg("communities"));
  if (!communities) return Error{communities.error()};
  attributes.communities = std::move(*communities);
  auto large = read_words(config::large_community(), "large-communities", arg("large-communities"));
  if (!large) return Error{large.error()};
  attributes.large_communities = std::move(*large);
  const auto origin = read_choice(kOrigins, "origin", arg("origin"), 0);
  if (!origin) return Error{origin.error()};
  attributes.origin = static_cast<bgp::Origin>(*origin);
  const auto source = read_choice(kSources, "source", arg("source"),
                                  static_cast<std::size_t>(policy::Source::kBgp));
  if (!source) return Error{source.error()};
  if (!arg("med").empty()) {
    const auto med = read(config::number<std::uint32_t>(0, UINT32_MAX), "med", arg("med"));
    if (!med) return Error{med.error()};
    attributes.med = *med;
  }
  policy::Facts facts{attributes, static_cast<policy::Source>(*source), arg("neighbor"), {}};
  if (!arg("next-hop").empty()) {
    const auto next_hop = read(config::address(), "next-hop", arg("next-hop"));
    if (!next_hop) return Error{next_hop.error()};
    facts.next_hop = *next_hop;
  }

  const policy::Policy policy{*rules};
  const std::size_t rule =
      std::visit([&](const auto& p) { return policy.decide(p, facts); }, *prefix);
  bgp::PathAttributes after = attributes;
  if (policy.accepts(rule)) policy.apply(rule, config.router.asn, after);
  return Json{{"policy", policy.name()},
              {"prefix", to_string(*prefix)},
              {"accepted", policy.accepts(rule)},
              {"rule", rule < rules->rules.size() ? Json(rule + 1) : Json(nullptr)},
              {"why", policy.explain(rule)},
              {"changes", policy.accepts(rule) ? changes(attributes, after, policy.set(rule))
                                               : Json::array()}};
}

void add_policy_commands(CommandTable& table, const Config& config) {
  table.add({"policy test", "what a policy makes of a route, and which rule decides", kArguments,
             [&config](const Json& args) { return test_policy(config, args); }});
}

}  // namespace lastmile
