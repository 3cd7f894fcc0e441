#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>

#include "tools/feed_src/table.h"

namespace lastmile::feed {
namespace {

// How many prefixes of each length the global table had on 2014-05-13.
constexpr std::array<std::uint32_t, 33> kLengths2014 = {
    0,     0,     0,      0,   0,    0,     0,    0,     16,    12,    30,
    90,    259,   487,    974, 1726, 13017, 7050, 11917, 24936, 35828, 37624,
    57782, 47385, 270023, 918, 1060, 537,   138,  292,   331,   20,    169};

/// Blocks with special-purpose parts (RFC 6890), which a router may refuse, are left alone.
bool is_ordinary(std::uint32_t first_octet) {
  constexpr std::array<std::uint32_t, 9> kSpecial{0, 10, 100, 127, 169, 172, 192, 198, 203};
  return first_octet < 224 && !std::ranges::binary_search(kSpecial, first_octet);
}

/// Prefixes stand close together: allocations come in blocks, and most prefixes share their /16
/// with others.
class Maker {
 public:
  Maker(std::size_t count, std::uint32_t seed) : random_(seed), blocks_(count / 25 + 16) {
    for (Block& block : blocks_) {
      block.address = first_octet() << 24 | below(256) << 16;
      block.asn = 1000 + below(200) * below(200);
    }
  }

  Origin make() {
    const unsigned length = lengths_(random_);
    const Block& block = blocks_[below(static_cast<std::uint32_t>(blocks_.size()))];
    const std::uint32_t address =
        length < 16 ? first_octet() << 24 | below(1U << 24) : block.address | below(1U << 16);
    return {Ipv4Prefix{Ipv4Address{address}, length}, block.asn + below(3)};
  }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_()) % bound; }

 private:
  struct Block {
    std::uint32_t address = 0, asn = 0;
  };
  std::uint32_t first_octet() {
    std::uint32_t octet;
    do octet = below(224);
    while (!is_ordinary(octet));
    return octet;
  }

  std::mt19937 random_;
  std::discrete_distribution<unsigned> lengths_{kLengths2014.begin(), kLengths2014.end()};
  std::vector<Block> blocks_;
};

}  // namespace

Table make_table(std::size_t count, std::uint32_t seed) {
  Maker maker{count, seed};
  std::vector<Origin> origins;
  while (origins.size() < count) {
    for (std::size_t more = count - origins.size(); more > 0; --more) {
      origins.push_back(maker.make());
    }
    std::ranges::sort(origins, {}, &Origin::prefix);
    const auto same = [](const Origin& a, const Origin& b) { return a.prefix == b.prefix; };
    origins.erase(std::unique(origins.begin(), origins.end(), same), origins.end());
  }
  return with_attributes(std::move(origins), fmt::format("made with seed {}", seed));
}

}  // namespace lastmile::feed
