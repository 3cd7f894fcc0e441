#include "tools/feed_src/table.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>

namespace lastmile::feed {
namespace {

/// A fixed mixing of 64 bits (splitmix64).
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// Which of an origin's paths a prefix takes: most the first, others by region and traffic
/// engineering.
std::uint32_t variant_of(const IpPrefix& prefix) {
  const std::uint64_t hash = mix(std::visit([](const auto& p) { return hash_value(p); }, prefix));
  constexpr std::array<std::uint32_t, 8> kVariants{0, 0, 0, 1, 1, 2, 3, 4};
  return kVariants[hash % kVariants.size()];
}

/// The AS path from the feed's neighbor to the origin, and what comes with it.
bgp::PathAttributes attributes_of(std::uint32_t origin, std::uint32_t variant) {
  const std::uint64_t seed = mix(std::uint64_t{origin} << 8 | variant);
  constexpr std::array<unsigned, 8> kTransits{1, 1, 2, 2, 2, 3, 3, 4};
  bgp::AsPath::Segment path;
  path.asns.emplace_back(3000 + static_cast<std::uint32_t>(seed % 20));  // one of few tier-1s
  for (unsigned i = 1; i < kTransits[(seed >> 8) % kTransits.size()]; ++i) {
    path.asns.emplace_back(4000 + static_cast<std::uint32_t>(mix(seed + i) % 2000));
  }
  path.asns.emplace_back(origin);
  bgp::PathAttributes attributes;
  attributes.origin = (seed >> 16) % 8 == 0 ? bgp::Origin::kIncomplete : bgp::Origin::kIgp;
  attributes.as_path.segments.push_back(std::move(path));
  for (unsigned i = 0; i < (seed >> 20) % 5; ++i) {
    const auto asn = static_cast<std::uint32_t>(3000 + seed % 20);
    attributes.communities.push_back({asn << 16 | static_cast<std::uint32_t>(100 + i)});
  }
  return attributes;
}

struct Line {
  std::string_view prefix, asn;
};

Line split(std::string_view line) {
  line = line.substr(0, line.find_first_of("\r\n;"));
  const std::size_t end = line.find_first_of(" \t");
  if (end == std::string_view::npos) return {line, {}};
  std::string_view rest = line.substr(end);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  return {line.substr(0, end), rest.substr(0, rest.find_first_of(" \t"))};
}

}  // namespace

tl::expected<Table, std::string> read_prefix_list(const std::string& path, std::size_t limit) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file{gzopen(path.c_str(), "rb"), gzclose};
  if (!file) return tl::unexpected(fmt::format("{}: can't open", path));
  std::vector<Origin> origins;
  std::array<char, 512> buffer;
  for (unsigned number = 1; gzgets(file.get(), buffer.data(), buffer.size()) != nullptr; ++number) {
    const Line line = split(buffer.data());
    if (line.prefix.empty()) continue;
    const auto prefix = parse_ip_prefix(line.prefix);
    if (!prefix) {
      return tl::unexpected(fmt::format("{}:{}: not a prefix: {}", path, number, line.prefix));
    }
    std::uint32_t asn = 64496;  // RFC 5398: for documentation
    if (!line.asn.empty()) {
      const char* const end = line.asn.data() + line.asn.size();
      if (std::from_chars(line.asn.data(), end, asn).ptr != end || asn == 0) {
        return tl::unexpected(fmt::format("{}:{}: not an AS number: {}", path, number, line.asn));
      }
    }
    origins.push_back({*prefix, asn});
  }
  if (origins.size() > limit) {
    for (std::size_t i = 0; i < limit; ++i) origins[i] = origins[i * origins.size() / limit];
    origins.resize(limit);
  }
  return with_attributes(std::move(origins), std::filesystem::path{path}.filename().string());
}

Table with_attributes(std::vector<Origin> origins, std::string source) {
  std::ranges::sort(origins, {}, &Origin::prefix);
  const auto same = [](const Origin& a, const Origin& b) { return a.prefix == b.prefix; };
  origins.erase(std::unique(origins.begin(), origins.end(), same), origins.end());
  Table table;
  table.source = std::move(source);
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> numbers;
  for (const Origin& origin : origins) {
    const std::uint32_t variant = variant_of(origin.prefix);
    const auto [known, fresh] = numbers.try_emplace(std::pair{origin.asn, variant},
                                                    static_cast<std::uint32_t>(table.sets.size()));
    if (fresh) table.sets.push_back(attributes_of(origin.asn, variant));
    table.routes.push_back({origin.prefix, known->second});
  }
  std::ranges::stable_sort(table.routes, {}, &Route::set);
  return table;
}

Table slice(const Table& table, std::size_t part, std::size_t parts) {
  const std::size_t begin = table.routes.size() * part / parts;
  const std::size_t end = table.routes.size() * (part + 1) / parts;
  Table out;
  out.source = fmt::format("{}, part {} of {}", table.source, part + 1, parts);
  for (std::size_t i = begin; i < end; ++i) {
    const Route& route = table.routes[i];
    if (i == begin || route.set != table.routes[i - 1].set) {
      out.sets.push_back(table.sets[route.set]);
    }
    out.routes.push_back({route.prefix, static_cast<std::uint32_t>(out.sets.size() - 1)});
  }
  return out;
}

}  // namespace lastmile::feed
