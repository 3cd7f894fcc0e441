#include "dataplane/fib/fib.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/fib/reference_table.h"

namespace lastmile {
namespace {

constexpr unsigned kSeed = 2024;

template <class Config>
class FibTest : public ::testing::Test {
 protected:
  using TestedAddress = typename Config::Address;
  using TestedFib = Fib<TestedAddress, typename Config::Entry>;
  using TestedPrefix = Prefix<TestedAddress>;

  static constexpr FibLimits kLimits{.max_routes = 20000, .second_level_groups = 32768};

  /// The first `length` bits of an address whose bytes are 1, 2, 3, …
  static TestedPrefix counted(unsigned length) {
    std::array<std::uint8_t, TestedAddress::kBits / 8> wire;
    for (unsigned i = 0; i < wire.size(); ++i) wire[i] = static_cast<std::uint8_t>(i + 1);
    return {TestedAddress::from_wire(wire), length};
  }

  RcuDomain domain_{4};
};

template <class A, class E>
struct Config {
  using Address = A;
  using Entry = E;
};
using Configs =
    ::testing::Types<Config<Ipv4Address, std::uint16_t>, Config<Ipv4Address, std::uint32_t>,
                     Config<Ipv6Address, std::uint16_t>, Config<Ipv6Address, std::uint32_t>>;

struct ConfigNames {
  template <class C>
  static std::string GetName(int) {  // the name is GoogleTest's
    return std::string(C::Address::kBits == 32 ? "Ipv4" : "Ipv6") +
           (sizeof(typename C::Entry) == 2 ? "Entry16" : "Entry32");
  }
};
TYPED_TEST_SUITE(FibTest, Configs, ConfigNames);

TYPED_TEST(FibTest, AnEmptyTableHasNoRoute) {
  typename TestFixture::TestedFib fib{this->domain_, this->kLimits};
  Dice<typename TypeParam::Address> dice{kSeed};
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(fib.lookup(dice.address()), kNoGroup);
  EXPECT_EQ(fib.find(this->counted(24)), std::nullopt);
  EXPECT_EQ(fib.remove(this->counted(24)), std::nullopt);
  EXPECT_EQ(fib.stats().routes, 0U);
}

TYPED_TEST(FibTest, EachLengthCoversItsRangeAndNothingElse) {
  using Address = typename TypeParam::Address;
  typename TestFixture::TestedFib fib{this->domain_, this->kLimits};
  for (unsigned length = 0; length <= Address::kBits; ++length) {
    SCOPED_TRACE(length);
    const auto prefix = this->counted(length);
    ASSERT_TRUE(fib.set(prefix, GroupId{7}));
    EXPECT_EQ(fib.find(prefix), GroupId{7});
    const auto [first, last] = edges(prefix);
    EXPECT_EQ(fib.lookup(first), GroupId{7});
    EXPECT_EQ(fib.lookup(last), GroupId{7});
    if (length > 0) {
      EXPECT_EQ(fib.lookup(neighbor(first, -1)), kNoGroup);
      EXPECT_EQ(fib.lookup(neighbor(last, 1)), kNoGroup);
    }
    EXPECT_EQ(fib.remove(prefix), GroupId{7});
    EXPECT_EQ(fib.lookup(first), kNoGroup);
    EXPECT_EQ(fib.lookup(last), kNoGroup);
    EXPECT_EQ(fib.stats().second_level_used, 0U);
  }
}

// All lengths on top of each other, added and removed in both orders: each lookup must see the
// longest.
TYPED_TEST(FibTest, NestedPrefixesAnswerWithTheLongest) {
  using Address = typename TypeParam::Address;
  for (const bool longest_first : {false, true}) {
    typename TestFixture::TestedFib fib{this->domain_, this->kLimits};
    ReferenceTable<Address> reference;
    const auto check = [&] {
      for (unsigned length = 0; length <= Address::kBits; ++length) {
        const auto [first, last] = edges(this->counted(length));
        ASSERT_EQ(fib.lookup(first), reference.lookup(first)) << length;
        ASSERT_EQ(fib.lookup(last), reference.lookup(last)) << length;
      }
    };
    for (unsigned i = 0; i <= Address::kBits; ++i) {
      const unsigned length = longest_first ? Address::kBits - i : i;
      const GroupId group{static_cast<std::uint16_t>(length + 1)};
      ASSERT_TRUE(fib.set(this->counted(length), group));
      reference.set(this->counted(length), group);
      check();
    }
    for (unsigned i = 0; i <= Address::kBits; ++i) {
      const unsigned length = longest_first ? Address::kBits - i : i;
      EXPECT_EQ(fib.remove(this->counted(length)), reference.remove(this->counted(length)));
      check();
    }
    EXPECT_EQ(fib.stats().routes, 0U);
    EXPECT_EQ(fib.stats().second_level_used, 0U);
  }
}

TYPED_TEST(FibTest, ReplaceReturnsThePreviousGroup) {
  using Address = typename TypeParam::Address;
  typename TestFixture::TestedFib fib{this->domain_, this->kLimits};
  for (const unsigned length : {0U, 8U, 20U, 24U, 25U, Address::kBits}) {
    const auto prefix = this->counted(length);
    EXPECT_EQ(fib.set(prefix, GroupId{1}).value(), std::nullopt);
    EXPECT_EQ(fib.set(prefix, GroupId{2}).value(), GroupId{1});
    EXPECT_EQ(fib.set(prefix, GroupId{2}).value(), GroupId{2});
    EXPECT_EQ(fib.lookup(prefix.address()), GroupId{2});
    EXPECT_EQ(fib.find(prefix), GroupId{2});
  }
  EXPECT_EQ(fib.stats().routes, 6U);
}

TYPED_TEST(FibTest, RefusesWhatIsNoGroup) {
  typename TestFixture::TestedFib fib{this->domain_, this->kLimits};
  EXPECT_EQ(fib.set(this->counted(24), kNoGroup).error(), FibError::kBadGroup);
  EXPECT_EQ(fib.set(this->counted(24), GroupId{0x8000}).error(), FibError::kBadGroup);
  EXPECT_TRUE(fib.set(this->counted(24), GroupId{kMaxFibGroup}));
  EXPECT_EQ(fib.lookup(this->counted(24).address()), GroupId{kMaxFibGroup});
}

TYPED_TEST(FibTest, RefusesMoreRoutesThanItsLimit) {
  typename TestFixture::TestedFib fib{this->domain_, {.max_routes = 2, .second_level_groups = 64}};
  ASSERT_TRUE(fib.set(this->counted(8), GroupId{1}));
  ASSERT_TRUE(fib.set(this->counted(25), GroupId{2}));
  EXPECT_EQ(fib.set(this->counted(16), GroupId{3}).error(), FibError::kTooManyRoutes);
  EXPECT_EQ(fib.set(this->counted(30), GroupId{3}).error(), FibError::kTooManyRoutes);
  EXPECT_EQ(fib.find(this->counted(16)), std::nullopt);
  EXPECT_EQ(fib.set(this->counted(8), GroupId{4}).value(), GroupId{1});  // a replace needs no room
  EXPECT_EQ(fib.remove(this->counted(25)), GroupId{2});
  EXPECT_TRUE(fib.set(this->counted(16), GroupId{3}));
}

// Adds deep routes until the second level is used up; then all routes must be as they were, and
// room comes back when one goes.
TYPED_TEST(FibTest, ExhaustionChangesNothingAndIsCured) {
  using Address = typename TypeParam::Address;
  constexpr unsigned kGroups = 40;
  SCOPED_TRACE(kSeed);
  typename TestFixture::TestedFib fib{this->domain_,
                                      {.max_routes = 1000, .second_level_groups = kGroups}};
  ReferenceTable<Address> reference;
  Dice<Address> dice{kSeed};
  const auto verify = [&] {
    for (const auto& [prefix, group] : reference.routes()) {
      ASSERT_EQ(fib.find(prefix), group);
      const auto [first, last] = edges(prefix);
      for (const Address& a : {first, last, neighbor(first, -1), neighbor(last, 1)}) {
        ASSERT_EQ(fib.lookup(a), reference.lookup(a));
      }
    }
  };
  unsigned refusals = 0;
  for (int i = 0; i < 3000; ++i) {
    Prefix<Address> prefix = dice.prefix();
    if (prefix.length() >= 8 && prefix.length() <= 24) prefix = {dice.address(), Address::kBits};
    if (dice.below(3) == 0 && !reference.routes().empty()) {
      prefix =
          std::next(reference.routes().begin(),
                    static_cast<int>(dice.below(static_cast<unsigned>(reference.routes().size()))))
              ->first;
      ASSERT_EQ(fib.remove(prefix), reference.remove(prefix));
      continue;
    }
    const GroupId group = dice.group();
    const FibStats before = fib.stats();
    const auto result = fib.set(prefix, group);
    if (result) {
      ASSERT_EQ(*result, reference.set(prefix, group));
    } else {
      ++refusals;
      ASSERT_EQ(result.error(), FibError::kOutOfSecondLevel);
      ASSERT_EQ(fib.find(prefix), std::nullopt);
      ASSERT_EQ(fib.stats().routes, before.routes);
      ASSERT_EQ(fib.stats().second_level_used, before.second_level_used);
      if (refusals % 16 == 1) verify();
    }
  }
  EXPECT_GT(refusals, 20U);
  verify();
  while (!reference.routes().empty()) {
    const auto prefix = reference.routes().begin()->first;
    ASSERT_EQ(fib.remove(prefix), reference.remove(prefix));
  }
  EXPECT_EQ(fib.stats().second_level_used, 0U);
  fib.reclaim();
  EXPECT_EQ(fib.stats().second_level_waiting, 0U);
}

TYPED_TEST(FibTest, GroupsCollapseWithTheirLastMoreSpecific) {
  using Address = typename TypeParam::Address;
  typename TestFixture::TestedFib fib{this->domain_, this->kLimits};
  const auto [first, last] = edges(this->counted(24));
  ASSERT_TRUE(fib.set(this->counted(20), GroupId{1}));
  ASSERT_TRUE(fib.set(this->counted(Address::kBits), GroupId{2}));
  ASSERT_TRUE(fib.set(this->counted(28), GroupId{3}));
  EXPECT_EQ(fib.stats().second_level_used, (Address::kBits - 24) / 8);
  // The group's inherited entries follow the covering route while it lasts.
  ASSERT_TRUE(fib.set(this->counted(20), GroupId{4}));
  EXPECT_EQ(fib.lookup(last), GroupId{4});
  ASSERT_TRUE(fib.set(this->counted(24), GroupId{5}));
  EXPECT_EQ(fib.lookup(last), GroupId{5});
  EXPECT_EQ(fib.remove(this->counted(24)), GroupId{5});
  EXPECT_EQ(fib.lookup(last), GroupId{4});
  EXPECT_EQ(fib.remove(this->counted(20)), GroupId{4});
  EXPECT_EQ(fib.lookup(last), kNoGroup);

  EXPECT_EQ(fib.remove(this->counted(Address::kBits)), GroupId{2});
  EXPECT_EQ(fib.stats().second_level_used, 1U);
  EXPECT_EQ(fib.remove(this->counted(28)), GroupId{3});
  EXPECT_EQ(fib.stats().second_level_used, 0U);
  EXPECT_EQ(fib.lookup(first), kNoGroup);
}

TYPED_TEST(FibTest, AGroupIsReusedOnlyAfterAGracePeriod) {
  constexpr auto kGroups = (TypeParam::Address::kBits - 24) / 8;
  typename TestFixture::TestedFib fib{this->domain_,
                                      {.max_routes = 10, .second_level_groups = kGroups}};
  const auto host = this->counted(TypeParam::Address::kBits);
  RcuReader reader{this->domain_};
  reader.online();
  ASSERT_TRUE(fib.set(host, GroupId{1}));
  ASSERT_EQ(fib.remove(host), GroupId{1});
  EXPECT_EQ(fib.stats().second_level_waiting, kGroups);
  EXPECT_EQ(fib.set(host, GroupId{2}).error(), FibError::kOutOfSecondLevel);
  reader.quiescent();
  EXPECT_TRUE(fib.set(host, GroupId{2}));
  EXPECT_EQ(fib.remove(host), GroupId{2});
  EXPECT_FALSE(fib.set(host, GroupId{3}));
  reader.offline();  // nobody waits for a sleeping reader
  EXPECT_TRUE(fib.set(host, GroupId{3}));
}

TYPED_TEST(FibTest, RandomOperationsMatchTheReference) {
  using Address = typename TypeParam::Address;
  for (unsigned seed = kSeed; seed < kSeed + 2; ++seed) {
    SCOPED_TRACE(seed);
    typename TestFixture::TestedFib fib{this->domain_, this->kLimits};
    ReferenceTable<Address> reference;
    Dice<Address> dice{seed};
    for (int i = 0; i < 8000; ++i) {
      Prefix<Address> prefix = dice.prefix();
      if (dice.below(2) == 0 && !reference.routes().empty()) {
        // An existing route near a random place: removals and replaces must hit.
        const auto at = reference.routes().lower_bound(prefix);
        if (at != reference.routes().end()) prefix = at->first;
      }
      if (dice.below(5) < 2) {
        ASSERT_EQ(fib.remove(prefix), reference.remove(prefix));
      } else {
        const GroupId group = dice.group();
        ASSERT_EQ(fib.set(prefix, group).value(), reference.set(prefix, group));
      }
      const auto [first, last] = edges(prefix);
      for (const Address& a :
           {first, last, neighbor(first, -1), neighbor(last, 1), dice.address()}) {
        ASSERT_EQ(fib.lookup(a), reference.lookup(a));
      }
    }
    ASSERT_EQ(fib.stats().routes, reference.routes().size());
    ASSERT_GT(fib.stats().second_level_used, 100U);
    for (const auto& [prefix, group] : reference.routes()) ASSERT_EQ(fib.find(prefix), group);
    while (!reference.routes().empty()) {
      const auto prefix = reference.routes().begin()->first;
      ASSERT_EQ(fib.remove(prefix), reference.remove(prefix));
    }
    ASSERT_EQ(fib.stats().second_level_used, 0U);
    for (int i = 0; i < 10000; ++i) ASSERT_EQ(fib.lookup(dice.address()), kNoGroup);
  }
}

/// As bulk lookup takes addresses.
std::uint32_t raw(Ipv4Address address) {
  return address.value();
}
Ipv6Address raw(const Ipv6Address& address) {
  return address;
}

TYPED_TEST(FibTest, BulkAnswersAsOneByOne) {
  using Address = typename TypeParam::Address;
  using Raw = typename RawAddress<Address>::Type;
  SCOPED_TRACE(kSeed);
  for (const LookupKernel kernel : usable_kernels()) {
    SCOPED_TRACE(to_string(kernel));
    typename TestFixture::TestedFib fib{this->domain_, this->kLimits, kernel};
    Dice<Address> dice{kSeed};
    for (int i = 0; i < 3000; ++i) {
      Prefix<Address> prefix = dice.prefix();
      if (prefix.length() < 8) continue;
      ASSERT_TRUE(fib.set(prefix, dice.group()));
    }
    for (const GroupId default_group : {kNoGroup, GroupId{9}}) {
      if (default_group != kNoGroup) {
        ASSERT_TRUE(fib.set({}, default_group));
      }
      for (unsigned count = 0; count < 100; ++count) {
        for (unsigned offset = 0; offset < 3; ++offset) {
          constexpr std::uint16_t kUntouched = 0xdead;
          std::vector<Raw> addresses(count + offset);
          std::vector<std::uint16_t> groups(count + offset + 16, kUntouched);
          std::vector<std::uint16_t> expected = groups;
          for (unsigned i = 0; i < count; ++i) {
            // Ends of the table too: a gather must not read past it.
            Address address = dice.address();
            if (dice.below(20) == 0) address = edges(Prefix<Address>{}).second;
            addresses[offset + i] = raw(address);
            expected[offset + i] = fib.lookup(address).value();
          }
          fib.lookup_bulk(addresses.data() + offset, groups.data() + offset, count);
          ASSERT_EQ(groups, expected) << count;
        }
      }
    }
  }
}

// A default route changes one word: nothing else of the table is touched.
TYPED_TEST(FibTest, TheDefaultRouteShinesThroughGaps) {
  typename TestFixture::TestedFib fib{this->domain_, this->kLimits};
  using Address = typename TypeParam::Address;
  const auto host = this->counted(Address::kBits);
  ASSERT_TRUE(fib.set(host, GroupId{5}));
  ASSERT_TRUE(fib.set({}, GroupId{1}));
  EXPECT_EQ(fib.lookup(host.address()), GroupId{5});
  EXPECT_EQ(fib.lookup(neighbor(host.address(), 1)), GroupId{1});
  EXPECT_EQ(fib.lookup(Address{}), GroupId{1});
  ASSERT_TRUE(fib.set({}, GroupId{2}));
  EXPECT_EQ(fib.lookup(neighbor(host.address(), 1)), GroupId{2});
  EXPECT_EQ(fib.remove({}), GroupId{2});
  EXPECT_EQ(fib.lookup(neighbor(host.address(), 1)), kNoGroup);
  EXPECT_EQ(fib.lookup(host.address()), GroupId{5});
}

TEST(Fib, RefusesMoreGroupsThanAnEntryCanNumber) {
  RcuDomain domain{1};
  EXPECT_THROW(Ipv4Fib(domain, {.max_routes = 10, .second_level_groups = 32769}),
               std::invalid_argument);
}

}  // namespace
}  // namespace lastmile
