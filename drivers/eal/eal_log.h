// DPDK's log lines, brought to spdlog, and to the sentences of our errors.
#pragma once

#include <string>
#include <vector>

namespace lastmile {

/// From now on DPDK logs to spdlog's default logger. Its informational chatter becomes debug.
/// Before rte_eal_init(); once.
void redirect_dpdk_log();

/// While it lives, errors and warnings that DPDK logs on this thread are collected instead of
/// printed (they are still logged at debug level): a driver says why it refuses only there. Not to
/// be nested.
class DpdkLogCapture {
 public:
  DpdkLogCapture();
  DpdkLogCapture(const DpdkLogCapture&) = delete;
  DpdkLogCapture& operator=(const DpdkLogCapture&) = delete;
  ~DpdkLogCapture();

  /// What was collected as one clause, without the noise; `otherwise` if there was nothing.
  [[nodiscard]] std::string reason(const std::string& otherwise) const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace lastmile
