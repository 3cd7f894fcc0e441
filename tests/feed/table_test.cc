// Tables of the feed: from lists, made up, from MRT dumps.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#include "tools/feed_src/mrt.h"
#include "tools/feed_src/table.h"

namespace lastmile::feed {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// A file that goes with the test.
class TextFile {
 public:
  explicit TextFile(const std::string& text)
      : path_(testing::TempDir() + "feed_list_" + std::to_string(getpid())) {
    std::ofstream{path_} << text;
  }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  ~TextFile() { std::remove(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::set<IpPrefix> prefixes(const Table& table) {
  std::set<IpPrefix> all;
  for (const Route& route : table.routes) all.insert(route.prefix);
  return all;
}

TEST(Table, ReadsAListWithCommentsAndBothFamilies) {
  const TextFile list{
      "; a comment\n1.0.0.0/24\t13335\n\n2001:db8::/32\t64500\n1.0.0.0/24\t13335\n5.0.0.0/8\n"};
  const auto table = read_prefix_list(list.path(), kAnyNumber);
  ASSERT_TRUE(table) << table.error();
  EXPECT_EQ(prefixes(*table),
            (std::set<IpPrefix>{*parse_ip_prefix("1.0.0.0/24"), *parse_ip_prefix("2001:db8::/32"),
                                *parse_ip_prefix("5.0.0.0/8")}));
  EXPECT_EQ(table->routes.size(), 3U);  // the one that stood there twice is said once
  for (const Route& route : table->routes) {
    const auto origin = table->sets.at(route.set).as_path.origin();
    ASSERT_TRUE(origin);
    if (route.prefix == *parse_ip_prefix("1.0.0.0/24")) {
      EXPECT_EQ(origin->value(), 13335U);
    }
  }
}

TEST(Table, ErrorsNameTheLine) {
  const TextFile list{"1.0.0.0/24\t13335\n1.0.0.1/24\t1\n"};
  const auto table = read_prefix_list(list.path(), kAnyNumber);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error(), list.path() + ":2: not a prefix: 1.0.0.1/24");
  EXPECT_FALSE(read_prefix_list("/nowhere", kAnyNumber));
}

TEST(Table, ANameIsNoAsNumber) {
  const TextFile list{"1.0.0.0/24\tAS1\n"};
  EXPECT_EQ(read_prefix_list(list.path(), kAnyNumber).error(),
            list.path() + ":1: not an AS number: AS1");
}

TEST(Table, MadeUpOnesAreExactAndRepeatable) {
  const Table table = make_table(20000, 7);
  EXPECT_EQ(table.routes.size(), 20000U);
  EXPECT_EQ(prefixes(table).size(), 20000U);
  const Table again = make_table(20000, 7);
  ASSERT_EQ(again.sets, table.sets);
  for (std::size_t i = 0; i < table.routes.size(); ++i) {
    ASSERT_EQ(again.routes[i].prefix, table.routes[i].prefix);
  }
  EXPECT_NE(prefixes(make_table(20000, 8)), prefixes(table));
  // Attributes are shared about as in the global table, and routes of a set stand together.
  EXPECT_GE(table.routes.size() / table.sets.size(), 2U);
  EXPECT_LT(table.routes.size() / table.sets.size(), 12U);
  for (std::size_t i = 1; i < table.routes.size(); ++i) {
    EXPECT_GE(table.routes[i].set, table.routes[i - 1].set);
  }
}

TEST(Table, PartsMakeUpTheWhole) {
  const Table table = make_table(1003, 1);
  std::set<IpPrefix> all;
  for (std::size_t i = 0; i < 4; ++i) {
    const Table part = slice(table, i, 4);
    EXPECT_GE(part.routes.size(), 250U);
    for (const Route& route : part.routes) {
      EXPECT_TRUE(all.insert(route.prefix).second);
      ASSERT_LT(route.set, part.sets.size());
    }
  }
  EXPECT_EQ(all, prefixes(table));
}

// --- MRT -----------------------------------------------------------------------------------------

void record(Bytes& dump, std::uint16_t type, std::uint16_t subtype, const Bytes& body) {
  bgp::OctetWriter out(dump);
  out.u32(1400000000);
  out.u16(type);
  out.u16(subtype);
  out.u32(static_cast<std::uint32_t>(body.size()));
  out.octets(body);
}

/// RFC 6396 section 4.3.4: an entry of a RIB record; the AS path has four octets for each AS.
void entry(Bytes& body, std::uint16_t peer, std::uint32_t origin) {
  Bytes attributes{0x40, 1, 1, 0, 0x40, 2, 10, 2, 2};
  bgp::OctetWriter path(attributes);
  path.u32(64500);
  path.u32(origin);
  path.octets(Bytes{0x40, 3, 4, 192, 0, 2, 9});
  bgp::OctetWriter out(body);
  out.u16(peer);
  out.u32(1400000000);
  out.u16(static_cast<std::uint16_t>(attributes.size()));
  out.octets(attributes);
}

/// 1.0.0.0/24 from peers 0 and 1, 2001:db8::/32 from peer 1.
Bytes sample_dump() {
  Bytes dump;
  record(dump, 13, 1, {1, 2, 3, 4, 0, 0, 0, 0});  // PEER_INDEX_TABLE: of no interest
  Bytes v4{0, 0, 0, 0, 24, 1, 0, 0, 0, 2};
  entry(v4, 0, 65550);
  entry(v4, 1, 65551);
  record(dump, 13, 2, v4);
  Bytes v6{0, 0, 0, 1, 32, 0x20, 0x01, 0x0d, 0xb8, 0, 1};
  entry(v6, 1, 65552);
  record(dump, 13, 4, v6);
  return dump;
}

std::uint32_t origin_of(const Table& table, const char* prefix) {
  for (const Route& route : table.routes) {
    if (route.prefix != *parse_ip_prefix(prefix)) continue;
    return table.sets[route.set].as_path.origin()->value();
  }
  return 0;
}

TEST(Mrt, IsReadFromAFile) {
  const std::string path = testing::TempDir() + "sample.mrt";
  const auto dump = sample_dump();
  {
    std::ofstream file{path, std::ios::binary};
    file.write(reinterpret_cast<const char*>(dump.data()),
               static_cast<std::streamsize>(dump.size()));
  }
  const auto table = read_mrt(path, std::nullopt, kAnyNumber);
  std::remove(path.c_str());
  ASSERT_TRUE(table) << table.error();
  EXPECT_EQ(table->routes.size(),
            parse_mrt(sample_dump(), std::nullopt, kAnyNumber, "dump")->routes.size());
  EXPECT_EQ(read_mrt("/nonexistent", std::nullopt, kAnyNumber).error(), "/nonexistent: can't open");
}

TEST(Mrt, ReadsBothFamiliesOfThePeerAskedFor) {
  const auto first = parse_mrt(sample_dump(), std::nullopt, kAnyNumber, "dump");
  ASSERT_TRUE(first) << first.error();
  ASSERT_EQ(first->routes.size(), 2U);
  EXPECT_EQ(origin_of(*first, "1.0.0.0/24"), 65550U);
  EXPECT_EQ(origin_of(*first, "2001:db8::/32"), 65552U);

  const auto second = parse_mrt(sample_dump(), 1, kAnyNumber, "dump");
  ASSERT_TRUE(second);
  EXPECT_EQ(origin_of(*second, "1.0.0.0/24"), 65551U);
  EXPECT_EQ(parse_mrt(sample_dump(), 0, kAnyNumber, "dump")->routes.size(), 1U);
  EXPECT_EQ(parse_mrt(sample_dump(), std::nullopt, 1, "dump")->routes.size(), 1U);
}

TEST(Mrt, AttributesThatNoMessageHoldsAreNobodys) {
  constexpr std::size_t kMost = 65'535;
  Bytes attributes{0xf0, 99, 0xff, 0xfb};  // unknown, of 65,531 octets
  attributes.resize(kMost);
  Bytes body{0, 0, 0, 0, 24, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  body.insert(body.end(), attributes.begin(), attributes.end());
  Bytes dump;
  record(dump, 13, 2, body);
  const auto table = parse_mrt(dump, std::nullopt, kAnyNumber, "dump");
  ASSERT_TRUE(table) << table.error();
  EXPECT_TRUE(table->routes.empty());
}

TEST(Mrt, RefusesWhatIsCutShortOrSomethingElse) {
  const Bytes dump = sample_dump();
  std::set<std::size_t> whole{0};
  for (std::size_t at = 0; at < dump.size();) {
    at += 12 + bgp::load_big_endian<std::uint32_t>(&dump[at + 8]);
    whole.insert(at);
  }
  for (std::size_t size = 0; size <= dump.size(); ++size) {
    const auto table = parse_mrt(bgp::Octets{dump.data(), size}, std::nullopt, kAnyNumber, "dump");
    EXPECT_EQ(table.has_value(), whole.contains(size)) << size;
  }
  Bytes other;
  record(other, 16, 4, {});
  EXPECT_EQ(parse_mrt(other, std::nullopt, kAnyNumber, "x").error(),
            "x: record at octet 0 has MRT type 16; expected 13 (TABLE_DUMP_V2)");
}

}  // namespace
}  // namespace lastmile::feed
