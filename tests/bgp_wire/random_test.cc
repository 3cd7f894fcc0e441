// Properties over seeded random messages: what is encoded comes back, and nothing that is done to
// the bytes does any harm.
#include <gtest/gtest.h>

#include "tests/bgp_wire/merged.h"
#include "tests/bgp_wire/random_messages.h"

namespace lastmile::bgp::test {
namespace {

constexpr std::uint32_t kSeed = 65001;

Merged merged_stream(const Bytes& stream, const CodecContext& context) {
  Merged merged;
  MessageReader reader;
  reader.append(stream);
  while (const auto next = reader.next(context)) {
    EXPECT_TRUE(next->has_value()) << to_string(next->error());
    if (!next->has_value()) break;
    const Update& update = std::get<Update>(**next);
    for (const AttributeFault& fault : update.faults) ADD_FAILURE() << fault.reason;
    merge(update, merged);
  }
  return merged;
}

TEST(RandomUpdates, RoundTrip) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  RandomMessages random(kSeed);
  for (int i = 0; i < 2000 && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("round " + std::to_string(i));
    const CodecContext context = random.context();
    const Update update = random.update(context);
    Merged expected;
    merge(update, expected);
    EXPECT_EQ(merged_stream(encode(update, context), context), expected);
  }
}

// decode, encode, decode: the second reading is the first.
void check_stable(const Bytes& bytes, const CodecContext& context) {
  const auto first = decode(bytes, context);
  if (!first || !std::holds_alternative<Update>(*first)) return;
  Update update = std::get<Update>(*first);
  update.faults.clear();
  // Attributes that the peer may send and we may not (AS_TRANS that hides nothing) settle after one
  // turn; what is compared is the second against the third.
  Merged expected;
  merge(update, expected);
  EXPECT_EQ(merged_stream(encode(update, context), context), expected);
}

TEST(RandomUpdates, EveryTruncationIsSafe) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  RandomMessages random(kSeed);
  for (int i = 0; i < 40; ++i) {
    const CodecContext context = random.context();
    const Bytes stream = encode(random.update(context), context);
    if (stream.empty()) continue;
    const std::size_t first = static_cast<std::size_t>(stream[16]) << 8 | stream[17];
    for (std::size_t size = 0; size < std::min<std::size_t>(first, 600); ++size) {
      Bytes cut = exact_copy(stream, size);
      EXPECT_FALSE(decode(cut, context).has_value());
      if (size < kHeaderSize) continue;
      cut[16] = static_cast<std::uint8_t>(size >> 8);
      cut[17] = static_cast<std::uint8_t>(size);
      (void)decode(cut, context);
    }
  }
}

TEST(RandomUpdates, MutationsAreSafe) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  RandomMessages random(kSeed);
  std::size_t accepted = 0;
  std::size_t faulty = 0;
  for (int i = 0; i < 20000 && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("round " + std::to_string(i));
    const CodecContext context = random.context();
    Bytes bytes = encode(random.update(context), context);
    if (bytes.empty()) continue;
    const std::size_t length = static_cast<std::size_t>(bytes[16]) << 8 | bytes[17];
    bytes = exact_copy(bytes, length);
    for (std::uint32_t flips = 1 + random.below(4); flips > 0; --flips) {
      // Behind the header, which has tests of its own, and mostly where the attributes are.
      const auto body = static_cast<std::uint32_t>(length - kHeaderSize);
      const std::size_t at = kHeaderSize + random.below(std::min<std::uint32_t>(body, 200));
      bytes[at] = random.one_in(2) ? static_cast<std::uint8_t>(random.below(256))
                                   : static_cast<std::uint8_t>(bytes[at] ^ (1U << random.below(8)));
    }
    const auto result = decode(bytes, context);
    if (!result) {
      EXPECT_EQ(result.error().code, 3);
      continue;
    }
    ++accepted;
    const Update& update = std::get<Update>(*result);
    if (!update.faults.empty()) ++faulty;
    check_stable(bytes, context);
  }
  // The mutations reach every kind of outcome, or they prove nothing.
  EXPECT_GT(accepted, 1000U);
  EXPECT_GT(faulty, 300U);
}

TEST(RandomBytes, AreSafe) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  RandomMessages random(kSeed);
  for (int i = 0; i < 50000; ++i) {
    Bytes body(random.below(64));
    for (std::uint8_t& octet : body) octet = static_cast<std::uint8_t>(random.below(256));
    const auto type = static_cast<std::uint8_t>(1 + random.below(5));
    (void)decode(message(type, body), random.context());
  }
}

}  // namespace
}  // namespace lastmile::bgp::test
