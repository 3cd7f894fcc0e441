#include "drivers/offload/flow_device.h"

#include <rte_errno.h>
#include <rte_flow.h>

#include "drivers/eal/eal_log.h"
#include "drivers/offload/rte_rule.h"

namespace lastmile::offload {
namespace {

// What is known of a refusal: the error's own text and what the driver logged, else the errno. Some
// texts alone are misleading: net_tap says "overlapping rules" whatever the kernel did not like.
DriverError refusal(const rte_flow_error& error, const DpdkLogCapture& log, int code) {
  const int number = code < 0 ? -code : code;
  if (error.message == nullptr) return {log.reason(rte_strerror(number)), number};
  std::string text = error.message;
  if (const std::string logged = log.reason(""); !logged.empty()) text += " (" + logged + ")";
  return {std::move(text), number};
}

}  // namespace

Result<void> RteFlowDevice::validate(const Rule& rule) {
  const RteRule lowered{rule};
  const DpdkLogCapture log;
  rte_flow_error error{};
  const int code = rte_flow_validate(ethdev_, &lowered.attributes(), lowered.pattern(),
                                     lowered.actions(), &error);
  if (code != 0) return tl::unexpected(refusal(error, log, code));
  return {};
}

Result<RuleHandle> RteFlowDevice::create(const Rule& rule) {
  const RteRule lowered{rule};
  const DpdkLogCapture log;
  rte_flow_error error{};
  rte_flow* flow =
      rte_flow_create(ethdev_, &lowered.attributes(), lowered.pattern(), lowered.actions(), &error);
  if (flow == nullptr) return tl::unexpected(refusal(error, log, rte_errno));
  return flow;
}

Result<void> RteFlowDevice::destroy(RuleHandle handle) {
  const DpdkLogCapture log;
  rte_flow_error error{};
  const int code = rte_flow_destroy(ethdev_, static_cast<rte_flow*>(handle), &error);
  if (code != 0) return tl::unexpected(refusal(error, log, code));
  return {};
}

}  // namespace lastmile::offload
