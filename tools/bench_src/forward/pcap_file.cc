#include "tools/bench_src/forward/pcap_file.h"

#include <array>
#include <fstream>
#include <stdexcept>

namespace lastmile::bench {
namespace {

constexpr std::uint32_t kMagic = 0xa1b2c3d4;  // microseconds, the writer's byte order
constexpr std::uint32_t kVersion24 = 2 | 4U << 16;
constexpr std::uint32_t kSnapLength = 65535;
constexpr std::uint32_t kEthernet = 1;

template <std::size_t N>
void write_words(std::ofstream& file, const std::array<std::uint32_t, N>& words) {
  file.write(reinterpret_cast<const char*>(words.data()), sizeof words);
}

}  // namespace

void write_pcap(const std::string& path, std::span<const std::vector<std::uint8_t>> frames) {
  std::ofstream file{path, std::ios::binary};
  write_words<6>(file, {kMagic, kVersion24, 0, 0, kSnapLength, kEthernet});
  for (const auto& frame : frames) {
    const auto length = static_cast<std::uint32_t>(frame.size());
    write_words<4>(file, {0, 0, length, length});
    file.write(reinterpret_cast<const char*>(frame.data()), length);
  }
  file.close();
  if (!file) throw std::runtime_error(path + ": can't write");
}

}  // namespace lastmile::bench
