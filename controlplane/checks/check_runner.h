// Health checks over real sockets and processes, on a thread of their own: a TLS handshake or the
// start of a program takes milliseconds that BGP should not wait for.
//
//   CheckRunner checks{[&](ServiceChecked result) {
//     loop.post([&loop, result = std::move(result)] { loop.deliver(result); });
//   }};
//   checks.check(service, run, how, address);
//
// One thread serves all checks: it waits for all their descriptors at once, with libcurl's own. No
// check waits for another.
#pragma once

#include <functional>
#include <memory>

#include "controlplane/services/health_checker.h"

namespace lastmile {

/// check(): control thread only.
class CheckRunner final : public HealthChecker {
 public:
  /// Called on the runner's thread.
  using Report = std::function<void(ServiceChecked)>;
  /// Starts the thread. Throws std::system_error if there can be none.
  explicit CheckRunner(Report report);
  /// Kills what still runs and joins the thread; nothing is reported after it.
  ~CheckRunner() override;
  CheckRunner(const CheckRunner&) = delete;
  CheckRunner& operator=(const CheckRunner&) = delete;

  void check(ServiceId service, std::uint32_t run, const ServiceCheck& how,
             const IpAddress& address) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lastmile
