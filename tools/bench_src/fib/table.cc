#include "tools/bench_src/fib/table.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <stdexcept>
#include <unordered_set>

namespace lastmile::bench {
namespace {

constexpr const char* kFileName = "ipv4-prefixes-2014.txt.gz";
constexpr unsigned kSeed = 2014;

// How many prefixes of each length the global table had on 2014-05-13.
constexpr std::array<unsigned, 33> kLengths2014 = {
    0,     0,     0,      0,   0,    0,     0,    0,     16,    12,    30,
    90,    259,   487,    974, 1726, 13017, 7050, 11917, 24936, 35828, 37624,
    57782, 47385, 270023, 918, 1060, 537,   138,  292,   331,   20,    169};

std::vector<Ipv4Prefix> without_duplicates(std::vector<Ipv4Prefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end());
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  return prefixes;
}

Table read_table(const std::string& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file{gzopen(path.c_str(), "rb"), gzclose};
  if (!file) throw std::runtime_error(fmt::format("{}: can't open", path));
  std::vector<Ipv4Prefix> prefixes;
  std::array<char, 512> buffer;
  for (unsigned number = 1; gzgets(file.get(), buffer.data(), buffer.size()) != nullptr; ++number) {
    std::string_view line{buffer.data()};
    line = line.substr(0, line.find_first_of("\t \r\n"));
    if (line.empty() || line.front() == ';') continue;
    const auto prefix = parse_ip_prefix(line);
    if (!prefix)
      throw std::runtime_error(fmt::format("{}:{}: not a prefix: {}", path, number, line));
    if (const auto* ipv4 = std::get_if<Ipv4Prefix>(&*prefix)) prefixes.push_back(*ipv4);
  }
  prefixes = without_duplicates(std::move(prefixes));
  return {std::move(prefixes), std::filesystem::path{path}.filename().string()};
}

// Allocations come in blocks, so prefixes stand close together: most share their /16 with others.
Table make_table() {
  std::mt19937 random{kSeed};
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  std::vector<std::uint32_t> blocks(20000);
  for (auto& block : blocks) block = (1 + below(223)) << 24 | below(256) << 16;
  std::unordered_set<Ipv4Prefix> prefixes;
  for (unsigned length = 8; length <= 32; ++length) {
    for (unsigned left = kLengths2014[length]; left != 0;) {
      const std::uint32_t base = length < 16 ? (1 + below(223)) << 24 | below(1U << 24)
                                             : blocks[below(20000)] | below(1U << 16);
      if (prefixes.insert(Ipv4Prefix{Ipv4Address{base}, length}).second) --left;
    }
  }
  return {without_duplicates({prefixes.begin(), prefixes.end()}),
          fmt::format("made with seed {} after the table of 2014", kSeed)};
}

}  // namespace

Table load_table(const std::string& path) {
  if (!path.empty()) return read_table(path);
  namespace fs = std::filesystem;
  std::vector<fs::path> folders;
  if (const char* const data = std::getenv("LASTMILE_DATA")) folders.emplace_back(data);
  // The program lies in BUILD/tools/bench_src/fib of the project.
  const fs::path self = fs::read_symlink("/proc/self/exe");
  for (fs::path folder = self.parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    folders.push_back(folder / "shared" / "data");
  }
  for (const fs::path& folder : folders) {
    std::error_code missing;
    if (fs::exists(folder / kFileName, missing)) return read_table((folder / kFileName).string());
  }
  return make_table();
}

}  // namespace lastmile::bench
