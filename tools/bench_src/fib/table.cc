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
#include <utility>

namespace lastmile::bench {
namespace {

constexpr unsigned kSeed = 2014;

// How many prefixes of each length the global table had on 2014-05-13.
constexpr std::array<unsigned, 33> kLengths2014 = {
    0,     0,     0,      0,   0,    0,     0,    0,     16,    12,    30,
    90,    259,   487,    974, 1726, 13017, 7050, 11917, 24936, 35828, 37624,
    57782, 47385, 270023, 918, 1060, 537,   138,  292,   331,   20,    169};

// The same for IPv6 on 2015-11-01: the lengths that had more than 50.
constexpr std::array<std::pair<unsigned, unsigned>, 22> kIpv6Lengths2015 = {
    {{28, 70},   {29, 859}, {30, 100}, {31, 71},  {32, 7262},  {33, 313}, {34, 213}, {35, 251},
     {36, 1004}, {37, 95},  {38, 203}, {39, 73},  {40, 1221},  {41, 188}, {42, 200}, {43, 149},
     {44, 1125}, {45, 119}, {46, 379}, {47, 191}, {48, 12142}, {64, 772}}};

template <class Address>
std::vector<Prefix<Address>> without_duplicates(std::vector<Prefix<Address>> prefixes) {
  std::sort(prefixes.begin(), prefixes.end());
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  return prefixes;
}

template <class Address>
BasicTable<Address> read_table(const std::string& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file{gzopen(path.c_str(), "rb"), gzclose};
  if (!file) throw std::runtime_error(fmt::format("{}: can't open", path));
  std::vector<Prefix<Address>> prefixes;
  std::array<char, 512> buffer;
  for (unsigned number = 1; gzgets(file.get(), buffer.data(), buffer.size()) != nullptr; ++number) {
    std::string_view line{buffer.data()};
    line = line.substr(0, line.find_first_of("\t \r\n"));
    if (line.empty() || line.front() == ';') continue;
    const auto prefix = parse_ip_prefix(line);
    if (!prefix)
      throw std::runtime_error(fmt::format("{}:{}: not a prefix: {}", path, number, line));
    if (const auto* wanted = std::get_if<Prefix<Address>>(&*prefix)) prefixes.push_back(*wanted);
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
  return {without_duplicates<Ipv4Address>({prefixes.begin(), prefixes.end()}),
          fmt::format("synthetic, made with seed {} after the table of 2014", kSeed)};
}

// Registries hand out /32s from a few /12s; a /48 lies in some /32 that is there as well.
Ipv6Table make_ipv6_table() {
  std::mt19937 random{kSeed};
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  constexpr std::array<unsigned, 8> kRegistries = {0x2001, 0x2400, 0x2600, 0x2620,
                                                   0x2800, 0x2804, 0x2a00, 0x2a02};
  std::vector<std::array<std::uint8_t, 16>> blocks(9000);
  for (auto& block : blocks) {
    block = {};
    const unsigned registry = kRegistries[below(kRegistries.size())];
    block[0] = static_cast<std::uint8_t>(registry >> 8);
    block[1] = static_cast<std::uint8_t>(registry | below(4));
    block[2] = static_cast<std::uint8_t>(below(256));
    block[3] = static_cast<std::uint8_t>(below(256));
  }
  std::unordered_set<Ipv6Prefix> prefixes;
  for (const auto& [length, count] : kIpv6Lengths2015) {
    for (unsigned left = count; left != 0;) {
      auto wire = blocks[below(static_cast<unsigned>(blocks.size()))];
      for (unsigned i = 4; i < 8; ++i) wire[i] = static_cast<std::uint8_t>(below(256));
      if (length < 32) wire[3] = static_cast<std::uint8_t>(below(256));
      if (length < 32) wire[2] = static_cast<std::uint8_t>(below(256));
      if (prefixes.insert(Ipv6Prefix{Ipv6Address::from_wire(wire), length}).second) --left;
    }
  }
  return {without_duplicates<Ipv6Address>({prefixes.begin(), prefixes.end()}),
          fmt::format("synthetic, made with seed {} after the table of 2015", kSeed)};
}

// Keeps a random choice, or adds prefixes that share all but their last 8 bits with one there.
void resize(Table& table, std::size_t routes) {
  std::mt19937 random{kSeed};
  std::vector<Ipv4Prefix>& prefixes = table.prefixes;
  std::shuffle(prefixes.begin(), prefixes.end(), random);
  if (routes <= prefixes.size()) {
    prefixes.resize(routes);
    table.source = fmt::format("{} of {}", routes, table.source);
  } else {
    table.source = fmt::format("{}, {} more made in its neighbourhood with seed {}", table.source,
                               routes - prefixes.size(), kSeed);
    std::unordered_set<Ipv4Prefix> known{prefixes.begin(), prefixes.end()};
    const std::size_t real = prefixes.size();
    while (prefixes.size() < routes) {
      const Ipv4Prefix& like = prefixes[random() % real];
      if (like.length() < 16) continue;  // these are all taken, about
      const auto bits = static_cast<std::uint32_t>(random()) & (0xffffffffU >> (like.length() - 8));
      const Ipv4Prefix made{Ipv4Address{like.address().value() ^ bits}, like.length()};
      if (known.insert(made).second) prefixes.push_back(made);
    }
  }
  std::sort(prefixes.begin(), prefixes.end());
}

/// A file of real routes in $LASTMILE_DATA; empty if there is none.
std::string find_file(const char* name) {
  const char* const folder = std::getenv("LASTMILE_DATA");
  if (folder == nullptr || *folder == '\0') return {};
  const auto file = std::filesystem::path{folder} / name;
  std::error_code missing;
  return std::filesystem::exists(file, missing) ? file.string() : std::string{};
}

}  // namespace

Table load_table(const std::string& path, std::size_t routes) {
  const std::string file = path.empty() ? find_file("ipv4-prefixes-2014.txt.gz") : path;
  Table table = file.empty() ? make_table() : read_table<Ipv4Address>(file);
  if (routes != 0 && routes != table.prefixes.size()) resize(table, routes);
  return table;
}

Ipv6Table load_ipv6_table(const std::string& path) {
  const std::string file = path.empty() ? find_file("prefixes-2015.txt.gz") : path;
  return file.empty() ? make_ipv6_table() : read_table<Ipv6Address>(file);
}

}  // namespace lastmile::bench
