#include "dataplane/rcu/rcu.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <thread>

namespace lastmile {
namespace {

TEST(Rcu, ADomainWithoutReadersNeverWaits) {
  RcuDomain domain{2};
  EXPECT_TRUE(domain.check(domain.start()));
  domain.synchronize();
}

TEST(Rcu, WaitsForEveryOnlineReader) {
  RcuDomain domain{2};
  RcuReader one{domain};
  RcuReader two{domain};
  one.online();
  two.online();
  const RcuToken token = domain.start();
  EXPECT_FALSE(domain.check(token));
  one.quiescent();
  EXPECT_FALSE(domain.check(token));
  two.offline();
  EXPECT_TRUE(domain.check(token));
  EXPECT_GT(domain.start(), token);
}

TEST(Rcu, AQuiescentStateBeforeTheStartDoesNotCount) {
  RcuDomain domain{1};
  RcuReader reader{domain};
  reader.online();
  reader.quiescent();
  const RcuToken token = domain.start();
  EXPECT_FALSE(domain.check(token));
  reader.quiescent();
  EXPECT_TRUE(domain.check(token));
}

TEST(Rcu, PlacesOfReadersAreReused) {
  RcuDomain domain{1};
  std::optional<RcuReader> reader{std::in_place, domain};
  EXPECT_THROW(RcuReader{domain}, std::length_error);
  reader->online();
  const RcuToken token = domain.start();
  EXPECT_FALSE(domain.check(token));
  reader.reset();  // leaving is quiescence, too
  EXPECT_TRUE(domain.check(token));
  reader.emplace(domain);
}

TEST(Rcu, SynchronizeReturnsAfterTheReadersLetGo) {
  RcuDomain domain{1};
  std::atomic<int> object{1};
  std::atomic<bool> reading{false};
  std::atomic<bool> unlinked{false};
  std::thread worker{[&] {
    RcuReader reader{domain};
    reader.online();
    reading = true;
    while (!unlinked) std::this_thread::yield();
    EXPECT_EQ(object, 1);
    reader.quiescent();
    reader.offline();
  }};
  while (!reading) std::this_thread::yield();
  unlinked = true;
  domain.synchronize();
  object = 0;
  worker.join();
}

TEST(Rcu, ADomainNeedsRoom) {
  EXPECT_THROW(RcuDomain{0}, std::invalid_argument);
}

}  // namespace
}  // namespace lastmile
