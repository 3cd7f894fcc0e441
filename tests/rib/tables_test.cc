// The containers below the RIB, against plain standard ones, with random input.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <unordered_map>

#include "controlplane/rib/attribute_codec.h"
#include "controlplane/rib/attribute_pool.h"
#include "controlplane/rib/fib_client_plane.h"
#include "controlplane/rib/path_list.h"
#include "controlplane/rib/prefix_table.h"
#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

static_assert(std::is_base_of_v<ForwardingPlane, FibClientPlane>);

class Seeded : public ::testing::Test {
 protected:
  Seeded() : seed_(std::random_device{}()), trace_(__FILE__, __LINE__, seed_), random_(seed_) {}
  std::uint32_t pick(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

 private:
  std::uint32_t seed_;
  ::testing::ScopedTrace trace_;
  std::mt19937 random_;
};

struct Entry {
  Ipv4Prefix prefix;
  std::uint32_t value = 0;
  bool used = false;
};

using PrefixTableTest = Seeded;
TEST_F(PrefixTableTest, AgreesWithAMap) {
  PrefixTable<Entry> table;
  std::map<Ipv4Prefix, std::pair<std::uint32_t, std::uint32_t>> model;  // number, value
  for (std::uint32_t step = 0; step < 60'000; ++step) {
    const Ipv4Prefix prefix{Ipv4Address{pick(3000) << 8}, 8 + pick(17)};
    // First more comes than goes, then the other way round.
    const bool add = pick(10) < (step < 40'000 ? 6U : 3U);
    if (add) {
      const auto [number, fresh] = table.find_or_insert(prefix);
      ASSERT_EQ(fresh, !model.contains(prefix));
      if (fresh) {
        ASSERT_EQ(table[number].value, 0U);
        table[number].value = step;
        model[prefix] = {number, step};
      }
      ASSERT_EQ(number, model[prefix].first);
    } else if (const std::uint32_t number = table.find(prefix);
               number != PrefixTable<Entry>::kNotFound) {
      ASSERT_TRUE(model.contains(prefix));
      table.erase(number);
      model.erase(prefix);
    } else {
      ASSERT_FALSE(model.contains(prefix));
    }
    ASSERT_EQ(table.size(), model.size());
  }
  for (const auto& [prefix, entry] : model) {
    ASSERT_EQ(table.find(prefix), entry.first);
    ASSERT_EQ(table[entry.first].value, entry.second);
    ASSERT_TRUE(table[entry.first].used);
  }
  std::size_t used = 0;
  for (std::uint32_t i = 0; i < table.end(); ++i) used += table[i].used ? 1 : 0;
  EXPECT_EQ(used, model.size());
}

// Many hashes with the same home: shifting back after a deletion must not lose anyone.
TEST(HashIndexTest, SurvivesCollisionsAroundTheEndOfAShard) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    HashIndex index;
    std::unordered_map<std::uint32_t, std::uint64_t> in;
    for (int step = 0; step < 300; ++step) {
      const auto number = static_cast<std::uint32_t>(random() % 40);
      if (const auto it = in.find(number); it != in.end()) {
        index.erase(it->second, number);
        in.erase(it);
      } else {
        // Few homes, all near the end of a table of 4 to 64 slots.
        const std::uint64_t hash = 0xfffffffcU + random() % 4;
        index.insert(hash, number);
        in[number] = hash;
      }
      for (const auto& [n, hash] : in) {
        ASSERT_EQ(index.find(hash, [&, want = n](std::uint32_t x) { return x == want; }), n);
      }
    }
  }
}

using PathListTest = Seeded;
TEST_F(PathListTest, AgreesWithAVector) {
  PathArena arena;
  std::vector<PathList> lists(50);
  std::vector<std::multiset<std::uint32_t>> model(50);
  for (std::uint32_t step = 0; step < 50'000; ++step) {
    const std::uint32_t i = pick(50);
    const bool grow = pick(100) < (step / 5000 % 2 == 0 ? 70U : 30U);
    if (grow) {
      Path path;
      path.attributes = AttributeId{step};
      EXPECT_EQ(lists[i].add(arena, path).attributes, path.attributes);
      model[i].insert(step);
    } else if (!lists[i].empty()) {
      const std::size_t at = pick(static_cast<std::uint32_t>(lists[i].size()));
      model[i].erase(model[i].find(lists[i].paths(arena)[at].attributes.value()));
      lists[i].remove(arena, at);
    }
    std::multiset<std::uint32_t> now;
    for (const Path& path : lists[i].paths(arena)) now.insert(path.attributes.value());
    ASSERT_EQ(now, model[i]);
  }
}

TEST(PathListTest2, ManyPathsOfOnePrefix) {
  PathArena arena;
  PathList list;
  for (std::uint32_t i = 0; i < PathList::kMost; ++i) {
    Path path;
    path.attributes = AttributeId{i};
    list.add(arena, path);
  }
  for (std::uint32_t i = 0; i < PathList::kMost; ++i) {
    ASSERT_EQ(list.paths(arena)[i].attributes, AttributeId{i});
  }
  while (!list.empty()) list.remove(arena, 0);
}

bgp::PathAttributes random_attributes(std::mt19937& random) {
  const auto pick = [&](unsigned n) { return static_cast<std::uint32_t>(random() % n); };
  bgp::PathAttributes a;
  a.origin = static_cast<bgp::Origin>(pick(3));
  for (unsigned s = pick(3); s-- > 0;) {
    bgp::AsPath::Segment segment;
    segment.type = static_cast<bgp::AsPath::SegmentType>(1 + pick(4));
    for (unsigned n = pick(4); n-- > 0;) segment.asns.push_back(bgp::Asn{pick(3)});
    a.as_path.segments.push_back(segment);
  }
  if (pick(2) != 0) a.med = pick(2);
  if (pick(2) != 0) a.local_preference = pick(2);
  a.atomic_aggregate = pick(2) != 0;
  if (pick(3) == 0) a.aggregator = bgp::Aggregator{bgp::Asn{pick(2)}, Ipv4Address{pick(2)}};
  for (unsigned n = pick(3); n-- > 0;) a.communities.push_back({pick(2)});
  for (unsigned n = pick(3); n-- > 0;) a.extended_communities.push_back({pick(2)});
  for (unsigned n = pick(3); n-- > 0;) a.large_communities.push_back({pick(2), 1, 2});
  if (pick(3) == 0) a.originator_id = Ipv4Address{1 + pick(2)};
  for (unsigned n = pick(3); n-- > 0;) a.cluster_list.push_back(Ipv4Address{pick(2)});
  for (unsigned n = pick(2); n-- > 0;) {
    a.unknown.push_back(
        {0xe0, static_cast<std::uint8_t>(200 + pick(2)), std::vector<std::uint8_t>(pick(3), 7)});
  }
  a.partial.aggregator = pick(4) == 0;
  a.partial.communities = pick(4) == 0;
  a.partial.extended_communities = pick(4) == 0;
  a.partial.large_communities = pick(4) == 0;
  if (pick(3) == 0) a.aigp = bgp::Aigp{pick(2), std::vector<std::uint8_t>(pick(2), 9)};
  if (pick(3) == 0) a.only_to_customer = bgp::Asn{pick(2)};
  a.partial.only_to_customer = pick(4) == 0;
  return a;
}

TEST(AttributePoolTest, EqualSetsShareAndDifferentOnesDoNot) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  AttributePool pool;
  std::vector<std::pair<AttributeId, bgp::PathAttributes>> held;
  for (int step = 0; step < 20'000; ++step) {
    if (held.size() > 300 || (random() % 3 == 0 && !held.empty())) {
      const std::size_t at = random() % held.size();
      ASSERT_EQ(pool.attributes(held[at].first), held[at].second);
      pool.release(held[at].first);
      held[at] = held.back();
      held.pop_back();
      continue;
    }
    const bgp::PathAttributes a =
        held.empty() || random() % 4 != 0 ? random_attributes(random) : held.front().second;
    const AttributeId id = pool.intern(a);
    ASSERT_EQ(pool.attributes(id), a);
    ASSERT_EQ(pool.facts(id).path_length, a.as_path.length());
    ASSERT_EQ(pool.facts(id).local_preference, a.local_preference.value_or(100));
    for (const auto& [other, value] : held) {
      ASSERT_EQ(other == id, value == a);
      ASSERT_EQ(pool.same_as_path(other, id), value.as_path == a.as_path);
    }
    held.emplace_back(id, a);
  }
  for (const auto& [id, value] : held) pool.release(id);
  EXPECT_EQ(pool.size(), 0U);
}

}  // namespace
}  // namespace lastmile::rib::test
