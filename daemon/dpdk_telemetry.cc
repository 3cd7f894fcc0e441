#include "daemon/dpdk_telemetry.h"

#include <rte_telemetry.h>
#include <rte_version.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "controlplane/control/command_table.h"
#include "logging/log.h"

namespace lastmile {
namespace {

/// A control thread that is busy for longer has told so elsewhere.
constexpr std::chrono::seconds kPatience{2};

struct Verb {
  const char* command;
  const char* verb;
  const char* help;
};
constexpr std::array kVerbs{
    Verb{"/lastmile/version", "version", "Version and uptime. Takes no parameters"},
    Verb{"/lastmile/ports", "show ports", "Ports. Parameters: string port, or none for all"},
    Verb{"/lastmile/offload", "show offload", "Offload. Parameters: string port, or none for all"},
    Verb{"/lastmile/workers", "show workers", "Workers. Parameters: int worker, or none for all"},
    Verb{"/lastmile/drops", "show drops", "Dropped packets. Parameters: string reason, or none"},
    Verb{"/lastmile/fib", "show fib", "Forwarding tables. Takes no parameters"},
    Verb{"/lastmile/nexthops", "show nexthops", "Next hops. Parameters: string port, or none"},
    Verb{"/lastmile/neighbors", "show neighbors", "Neighbors. Parameters: string port, or none"},
    Verb{"/lastmile/bfd", "show bfd", "BFD sessions. Parameters: string neighbor, or none"},
    Verb{"/lastmile/bgp", "show bgp", "BGP neighbors. Parameters: string neighbor, or none"},
    Verb{"/lastmile/services", "show services", "Services. Parameters: string name, or none"},
    Verb{"/lastmile/control", "show control", "The control thread. Takes no parameters"},
};
/// By what a parameter chooses among the elements of an answer.
constexpr std::array kNames{"name", "port", "neighbor", "id", "reason"};

/// Who answers. DPDK's threads outlive a router that has ended, so this is never destroyed.
struct Registry {
  std::mutex mutex;  ///< of `outside`: control writes, DPDK's threads read
  std::optional<DpdkTelemetry::Outside> outside;
};
Registry& registry() {
  static auto* const one = new Registry;
  return *one;
}

int add_unsigned(rte_tel_data* dict, const char* name, std::uint64_t value) {
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
  return rte_tel_data_add_dict_uint(dict, name, value);
#else
  return rte_tel_data_add_dict_u64(dict, name, value);
#endif
}

/// DPDK allows letters, digits and '_' in names.
std::string name_of(std::string_view key) {
  std::string name{key.substr(0, RTE_TEL_MAX_STRING_LEN - 1)};
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

void fill(rte_tel_data* dict, const Json& value);

/// One element. What DPDK has no type for: null is left out, fractions are text, yes and no are 1
/// and 0.
int add(rte_tel_data* dict, const std::string& name, const Json& value) {
  if (value.is_null()) return 0;
  if (value.is_number_unsigned()) {
    return add_unsigned(dict, name.c_str(), value.get<std::uint64_t>());
  }
  if (value.is_boolean() || value.is_number_integer()) {
    return rte_tel_data_add_dict_int(dict, name.c_str(), value.get<int>());
  }
  if (!value.is_structured()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    const int cut = rte_tel_data_add_dict_string(dict, name.c_str(), text.c_str());
    return cut == E2BIG ? 0 : cut;
  }
  rte_tel_data* const inner = rte_tel_data_alloc();
  if (inner == nullptr) return -ENOMEM;
  rte_tel_data_start_dict(inner);
  fill(inner, value);
  const int added = rte_tel_data_add_dict_container(dict, name.c_str(), inner, 0);
  if (added != 0) rte_tel_data_free(inner);
  return added;
}

/// Arrays become dictionaries with "0", "1", ... for keys: DPDK has no arrays of dictionaries
/// inside of others. What does not fit (256 elements) is missing.
void fill(rte_tel_data* dict, const Json& value) {
  std::size_t index = 0;
  for (const auto& [key, element] : value.items()) {
    const std::string name = value.is_array() ? std::to_string(index++) : name_of(key);
    if (add(dict, name, element) != 0) return;
  }
}

bool is_called(const Json& element, std::string_view wanted) {
  return std::ranges::any_of(kNames, [&](const char* key) {
    const auto found = element.is_object() ? element.find(key) : element.end();
    if (!element.is_object() || found == element.end()) return false;
    return found->is_string() ? found->get_ref<const std::string&>() == wanted
                              : found->dump() == wanted;
  });
}

/// Of the answer's lists only the elements of that name.
Json chosen(const Json& data, std::string_view wanted) {
  Json result = Json::object();
  for (const auto& [key, value] : data.items()) {
    if (!value.is_array()) continue;
    Json& kept = result[key] = Json::array();
    for (const Json& element : value) {
      if (is_called(element, wanted)) kept.push_back(element);
    }
  }
  return result;
}

/// The control thread's answer; nothing if there is no router, or it is too busy.
std::optional<std::string> ask(const std::string& request) {
  auto answer = std::make_shared<std::promise<std::string>>();
  std::future<std::string> coming = answer->get_future();
  {
    Registry& who = registry();
    const std::lock_guard lock{who.mutex};
    if (!who.outside) return std::nullopt;
    who.outside->post([answer = std::move(answer), dispatch = who.outside->dispatch, request] {
      answer->set_value(dispatch(request));
    });
  }
  if (coming.wait_for(kPatience) != std::future_status::ready) return std::nullopt;
  try {
    return coming.get();
  } catch (const std::future_error&) {
    return std::nullopt;  // the loop has ended, and with it what was posted
  }
}

/// On a thread of DPDK's.
int on_command(const char* command, const char* parameters, rte_tel_data* info) {
  const auto* const verb = std::ranges::find_if(
      kVerbs, [&](const Verb& v) { return std::string_view{v.command} == command; });
  if (verb == kVerbs.end()) return -EINVAL;
  const auto text = ask(Json{{"verb", verb->verb}}.dump());
  if (!text) return -EAGAIN;
  const Json response = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!response.is_object() || !response.value("ok", false)) return -EINVAL;
  const Json& data = response["data"];
  rte_tel_data_start_dict(info);
  const bool all = parameters == nullptr || *parameters == '\0';
  fill(info, all ? data : chosen(data, parameters));
  return 0;
}

}  // namespace

DpdkTelemetry::DpdkTelemetry(Outside outside) {
  {
    const std::lock_guard lock{registry().mutex};
    registry().outside = std::move(outside);
  }
  for (const Verb& verb : kVerbs) {
    if (const int failed = rte_telemetry_register_cmd(verb.command, &on_command, verb.help);
        failed != 0) {
      log::warn("DPDK's telemetry refuses {}: error {}", verb.command, -failed);
    }
  }
}

DpdkTelemetry::~DpdkTelemetry() {
  const std::lock_guard lock{registry().mutex};
  registry().outside.reset();
}

}  // namespace lastmile
