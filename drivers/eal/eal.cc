#include "drivers/eal/eal.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include <cerrno>
#include <csignal>

#include "drivers/eal/eal_log.h"
#include "drivers/eal/machine.h"
#include "logging/log.h"

namespace lastmile {
namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20;
// What DPDK's own structures take, beside what the caller asked for.
constexpr std::size_t kOverhead = 32 * kMegabyte;

std::size_t to_megabytes(std::size_t bytes) {
  return (bytes + kMegabyte - 1) / kMegabyte;
}

// A signal-driven device (net_tap) asks the kernel for a real-time signal on each packet. When
// their queue is full the kernel falls back to SIGIO, whose default is to end the process.
void ignore_sigio() {
  struct sigaction now {};
  if (::sigaction(SIGIO, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) {
    std::signal(SIGIO, SIG_IGN);
  }
}

}  // namespace

Eal::State::~State() {
  if (started) rte_eal_cleanup();
}

Result<Eal> Eal::start(const EalOptions& options) {
  if (options.privileges == Privileges::kNetworkAdministration) {
    if (const auto allowed = check_privileges(); !allowed) return tl::unexpected(allowed.error());
  }
  const std::size_t needed = options.memory_bytes + kOverhead;
  auto state = std::make_unique<State>();
  if (options.hugepages == HugepageUse::kNever) {
    state->why_not_hugepages = "not wanted";
  } else {
    const std::size_t free = free_hugepage_bytes();
    state->hugepages = free >= needed;
    state->memory_bytes = free;
    if (!state->hugepages) {
      state->why_not_hugepages =
          fmt::format("{} MB of them free, {} MB needed", free / kMegabyte, to_megabytes(needed));
    }
  }
  const std::size_t ordinary =
      options.ordinary_memory_bytes == 0 ? needed : options.ordinary_memory_bytes + kOverhead;
  if (!state->hugepages) {
    state->memory_bytes = ordinary;
    if (ordinary > total_memory_bytes()) {
      return failure(fmt::format("not enough memory: {} MB needed, the machine has {} MB",
                                 to_megabytes(ordinary), total_memory_bytes() / kMegabyte),
                     ENOMEM);
    }
  }
  auto runtime = RuntimeDirectory::create(options.name);
  if (!runtime) return tl::unexpected(runtime.error());
  state->runtime = std::move(*runtime);

  std::vector<std::string> arguments = {
      options.name,
      "--lcores=0@(" + allowed_cpus() + ")",
      "--file-prefix=" + state->runtime.prefix(),
      "--force-max-simd-bitwidth=512",
  };
  if (state->hugepages) {
    arguments.emplace_back("--in-memory");
  } else {
    arguments.emplace_back("--no-huge");
    arguments.emplace_back("--no-shconf");
    arguments.push_back(fmt::format("-m{}", to_megabytes(ordinary)));
  }
  if (options.pci_devices.empty()) {
    arguments.emplace_back("--no-pci");
    arguments.emplace_back("--iova-mode=va");  // nothing here reads memory by physical address
  }
  for (const std::string& device : options.pci_devices) arguments.push_back("--allow=" + device);
  log::debug("starting DPDK: {}", fmt::join(arguments, " "));

  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ignore_sigio();
  redirect_dpdk_log();
  const DpdkLogCapture capture;
  if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0) {
    const int code = rte_errno;
    return failure(fmt::format("cannot start DPDK: {}", capture.reason(rte_strerror(code))), code);
  }
  state->started = true;
  return Eal(std::move(state));
}

std::string Eal::summary() const {
  const std::size_t megabytes = state_->memory_bytes / kMegabyte;
  if (state_->hugepages) {
    return fmt::format("DPDK uses hugepages ({} MB free), run-time directory {}", megabytes,
                       state_->runtime.path());
  }
  return fmt::format(
      "DPDK uses ordinary memory (up to {} MB; hugepages: {}), run-time directory {}", megabytes,
      state_->why_not_hugepages, state_->runtime.path());
}

}  // namespace lastmile
