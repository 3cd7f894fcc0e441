// Requests on the control socket: whatever is asked, the answer is one line of JSON.
#include <cstddef>
#include <cstdint>
#include <string>

#include "controlplane/control/capture_command.h"
#include "controlplane/control/drain_command.h"
#include "controlplane/control/event_command.h"
#include "controlplane/control/policy_command.h"
#include "controlplane/control/respond.h"
#include "controlplane/control/service_command.h"
#include "controlplane/control/trace_command.h"
#include "tests/control/fixtures.h"
#include "tests/control/trace_fixture.h"
#include "tests/fuzz/require.h"

using namespace lastmile;
using lastmile::fuzz::require;

namespace {

constexpr const char* kPolicies = R"(
loopbacks: [10.0.1.1/32]
router: {asn: 64512}
ports: {up1: {device: d1}}
prefix-lists:
  private: {prefixes: [10.0.0.0/8 le 32, "fd00::/8 le 64"]}
policies:
  in:
    rules:
      - {name: ours, match: {prefix-lists: [private]}, action: reject}
      - match: {as-path: ["^65001"], communities: [65001:1]}
        set: {local-preference: 200, prepend: 2, add-communities: [64512:1], weight: 3}
    default: accept
)";

/// Every verb that reads arguments, in front of things that do nothing.
class Daemon {
 public:
  Daemon() {
    auto parsed = parse_config(kPolicies, "policies.yaml");
    require(parsed.has_value());
    config_ = std::move(*parsed);
    journal_.record(TimePoint{}, JournalKind::kLink, "up1", "up");
    add_show_commands(table_, source_);
    add_policy_commands(table_, config_);
    add_event_commands(table_, journal_, [] { return TimePoint{}; });
    add_service_commands(table_,
                         {[] { return TimePoint{}; }, [] { return std::vector<ServiceStatus>{}; },
                          [](const std::string& name, ServiceOverride) {
                            return tl::expected<void, std::string>{
                                tl::unexpect, "there is no service named " + name};
                          }});
    add_capture_command(table_, [](const CaptureRequest& request) {
      (void)request.filter.matches(nullptr, 0, 0);
      return tl::expected<TakeOver, std::string>{tl::unexpect, "nobody takes packets here"};
    });
    add_trace_command(table_, [](const TraceRequest& request) {
      return tl::expected<TraceView, std::string>{test::fixed_trace(request)};
    });
    table_.add({"drain",
                "",
                {"neighbors", "patience", "quiet", "message", "force"},
                [](const Json& args) -> CommandResult {
                  const auto request = drain_request(args);
                  if (!request) return tl::unexpected(request.error());
                  return Json{{"neighbors", request->neighbors.size()}};
                }});
  }
  [[nodiscard]] std::string answer(std::string_view request) const {
    return table_.dispatch(request);
  }

 private:
  test::FixedSource source_;
  Config config_;
  Journal journal_;
  CommandTable table_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Daemon daemon;
  const std::string answer = daemon.answer({reinterpret_cast<const char*>(data), size});
  require(answer.find('\n') == std::string::npos);
  const Json parsed = Json::parse(answer, nullptr, false);
  require(parsed.is_object() && parsed.contains("ok"));
  require(parsed["ok"].get<bool>() ? parsed.contains("data") : !parsed["error"].empty());
  return 0;
}
