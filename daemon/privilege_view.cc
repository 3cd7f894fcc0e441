#include "daemon/privilege_view.h"

#include <fmt/format.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace lastmile {
namespace {

/// What stands behind "NAME:\t"; nullopt if there is no such line.
std::optional<std::string_view> field(std::string_view status, std::string_view name) {
  const std::string key = fmt::format("{}:\t", name);
  std::size_t at = 0;
  while (status.substr(at, key.size()) != key) {
    at = status.find('\n', at);
    if (at == std::string_view::npos) return std::nullopt;
    ++at;
  }
  const std::string_view rest = status.substr(at + key.size());
  return rest.substr(0, rest.find('\n'));
}

template <class Number>
std::optional<Number> number_in(std::optional<std::string_view> text, int base) {
  Number value{};
  if (!text) return std::nullopt;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), value, base);
  return read.ec == std::errc{} ? std::optional{value} : std::nullopt;
}

/// Uid and Gid: real, effective, saved, of the file system.
std::optional<unsigned> effective(std::optional<std::string_view> ids) {
  if (!ids) return std::nullopt;
  const std::size_t tab = ids->find('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  return number_in<unsigned>(ids->substr(tab + 1), 10);
}

std::string user_name(unsigned user) {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_name : fmt::format("{}", user);
}

}  // namespace

std::optional<ThreadPrivileges> read_privileges(std::string_view status) {
  const auto name = field(status, "Name");
  const auto user = effective(field(status, "Uid"));
  const auto group = effective(field(status, "Gid"));
  const auto capabilities = number_in<CapabilitySet>(field(status, "CapPrm"), 16);
  const auto no_new = number_in<unsigned>(field(status, "NoNewPrivs"), 10);
  const auto filter = number_in<unsigned>(field(status, "Seccomp"), 10);
  if (!name || !user || !group || !capabilities || !no_new || !filter) return std::nullopt;
  constexpr unsigned kFilter = 2;  // SECCOMP_MODE_FILTER
  return ThreadPrivileges{std::string{*name}, *user,        *group,
                          *capabilities,      *no_new == 1, *filter == kFilter};
}

Json privileges_json(const std::vector<ThreadPrivileges>& threads) {
  const auto all = [&](bool ThreadPrivileges::*property) {
    return !threads.empty() && std::ranges::all_of(threads, property);
  };
  unsigned user = threads.empty() ? 0 : threads.front().user;
  CapabilitySet capabilities = 0;
  Json list = Json::array();
  for (const ThreadPrivileges& thread : threads) {
    capabilities |= thread.capabilities;
    user = std::min(user, thread.user);  // root's is 0
    list.push_back({{"name", thread.name},
                    {"uid", thread.user},
                    {"gid", thread.group},
                    {"capabilities", capability_names(thread.capabilities)},
                    {"no_new_privileges", thread.no_new_privileges},
                    {"filtered", thread.filtered}});
  }
  Json why = Json::array();
  for (const KeptCapability& kept : kept_capabilities()) {
    if ((capabilities >> kept.number & 1U) == 0) continue;
    why.push_back({{"capability", kept.name}, {"why", kept.why}});
  }
  return {{"user", user_name(user)},
          {"uid", user},
          {"no_new_privileges", all(&ThreadPrivileges::no_new_privileges)},
          {"filtered", all(&ThreadPrivileges::filtered)},
          {"capabilities", capability_names(capabilities)},
          {"why", why},
          {"threads", list}};
}

}  // namespace lastmile
