// DPDK's environment, started without any flag from the user.
//
//   auto eal = Eal::start({.pci_devices = {"0000:03:00.1,vlan=1"}, .memory_bytes = 512 << 20});
//   if (!eal) die(eal.error().message);
//   log::info("{}", eal->summary());
//
// What is chosen, and why:
//  - Hugepages if enough are free, without a mounted hugetlbfs (`--in-memory`); else ordinary
//    memory (`--no-huge`), which DPDK refuses to combine with `--in-memory`.
//  - A run-time directory of our own for each process, so that several run side by side. It holds
//    nothing but the telemetry socket, and a lock by which a later start knows that it is stale.
//  - The main lcore may run on every CPU that the process may: DPDK would otherwise pin the calling
//    thread to one CPU and push its helper threads off it. Workers pin themselves.
//  - No PCI device but those named is touched.
//  - AVX-512 is allowed to DPDK's libraries; Debian's build keeps it off otherwise.
//  - Log lines go to spdlog (eal_log.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drivers/driver_error.h"
#include "drivers/eal/runtime_directory.h"

namespace lastmile {

/// Whether start() insists on the capabilities that ports, twins and guards need.
enum class Privileges : std::uint8_t {
  kNetworkAdministration,  ///< CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN: what root has
  kNone,                   ///< devices that need none (null, pcap from a file, ring)
};

enum class HugepageUse : std::uint8_t {
  kIfFree,  ///< when enough of them are free
  kNever,
};

/// What DPDK's memory is made of.
enum class MemoryPages : std::uint8_t {
  kHuge,
  kOrdinary,
};

struct EalOptions {
  std::string name = "lastmile";  ///< begins the name of the run-time directory
  /// PCI addresses, each with its driver's arguments behind a comma. They are probed at start: the
  /// arguments can't be given later.
  std::vector<std::string> pci_devices = {};
  /// What pools, rings and tables will take from DPDK's memory.
  std::size_t memory_bytes = std::size_t{1} << 30;
  /// The same in ordinary pages; 0: as much. It is only reserved by this figure and taken when
  /// touched, so a generous one costs nothing.
  std::size_t ordinary_memory_bytes = 0;
  HugepageUse hugepages = HugepageUse::kIfFree;
  Privileges privileges = Privileges::kNetworkAdministration;
};

/// One for each process: DPDK can be started once. Whatever uses DPDK must be gone before this is.
class Eal {
 public:
  [[nodiscard]] static Result<Eal> start(const EalOptions& options);

  Eal(Eal&& other) noexcept = default;
  Eal& operator=(Eal&& other) noexcept = default;
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  ~Eal() = default;

  [[nodiscard]] bool uses_hugepages() const { return state_->hugepages; }
  /// Where the telemetry socket is (`dpdk-telemetry.py -f NAME`, NAME being the last component).
  [[nodiscard]] const std::string& runtime_directory() const { return state_->runtime.path(); }
  /// What was chosen, as a line for the log.
  [[nodiscard]] std::string summary() const;

 private:
  struct State {
    ~State();
    RuntimeDirectory runtime;
    bool started = false;
    bool hugepages = false;
    std::size_t memory_bytes = 0;
    std::string why_not_hugepages;  ///< empty if they are used
  };
  explicit Eal(std::unique_ptr<State> state) : state_(std::move(state)) {}

  std::unique_ptr<State> state_;
};

}  // namespace lastmile
