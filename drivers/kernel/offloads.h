// Switching a kernel interface's offloads (ethtool).
//
// An AF_PACKET reader sees frames as the stack hands them over: with checksum offload the checksum
// field holds a partial sum, with TSO and GRO a "frame" is up to 64 kB. A router can use neither.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/net/file_descriptor.h"
#include "drivers/driver_error.h"

namespace lastmile {

/// The offloads that are on and change what an AF_PACKET reader or a neighbor sees: checksums,
/// every kind of segmentation, scatter-gather, merging at receive, and the filtering and stripping
/// of VLAN tags. By the kernel's names
/// ("tx-tcp-segmentation"). Those that can't be switched are left out.
[[nodiscard]] Result<std::vector<std::string>> enabled_offloads(const std::string& interface);

enum class OffloadState : std::uint8_t { kOff, kOn };
/// Switches all of `offloads` at once; names that the interface does not know are passed over.
[[nodiscard]] Result<void> switch_offloads(const std::string& interface,
                                           const std::vector<std::string>& offloads,
                                           OffloadState state);

/// A socket for it: of the network namespace that the thread is in now, wherever it is later.
[[nodiscard]] FileDescriptor open_offload_socket();
[[nodiscard]] Result<void> switch_offloads(const FileDescriptor& socket,
                                           const std::string& interface,
                                           const std::vector<std::string>& offloads,
                                           OffloadState state);

}  // namespace lastmile
