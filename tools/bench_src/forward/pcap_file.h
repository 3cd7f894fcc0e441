// Writes a capture file, for DPDK's pcap device to replay.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lastmile::bench {

/// Throws std::runtime_error.
void write_pcap(const std::string& path, std::span<const std::vector<std::uint8_t>> frames);

}  // namespace lastmile::bench
