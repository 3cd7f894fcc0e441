// RCU torture: readers check every answer against the answers that were legal while they looked,
// as a writer changes routes under them as fast as it can.
//
// The writer walks a fixed script in circles. What each probe address answers after each step is
// worked out beforehand with the plain reference table. The writer announces a step before it
// begins and after it is done; a reader that saw step f done before its lookup and step s begun
// after it must have got the answer of one of the steps f … s. Every step sets a group of its own,
// so an answer from a reused second-level group or from a less specific route is one that no step
// in the window gives.
//
// Two bugs are planted to prove that the test would see them: second-level groups reused without a
// grace period, and a replace that removes before it adds.
//
// LASTMILE_TORTURE_SECONDS (default 1) sets how long each of the clean runs lasts at least, and
// LASTMILE_TORTURE_LOOKUPS how many answers it checks at least.
#include <gtest/gtest.h>
#include <rte_atomic.h>
#include <rte_pause.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/fib/fib.h"
#include "dataplane/fib/fib_writer.h"
#include "tests/fib/reference_table.h"

namespace lastmile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kTortureSeed = 8;
constexpr unsigned kSteps = 2048;
constexpr unsigned kProbes = 192;
constexpr unsigned kReaders = 3;
/// Answers and steps without which a run says nothing.
constexpr std::uint64_t kEnough = 1000;
/// Only keeps a test that sees nothing from running forever; a seeing one takes milliseconds.
constexpr std::chrono::seconds kBlind{60};

/// The planted bug: every retired group is free at once.
struct NoGracePeriods {
  RcuToken start() { return {}; }
  bool check(RcuToken) { return true; }
};

enum class Replace { kInPlace, kRemoveThenAdd };

std::uint64_t wanted(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::stoull(text) : otherwise;
}
std::chrono::seconds clean_run() {
  return std::chrono::seconds{wanted("LASTMILE_TORTURE_SECONDS", 1)};
}
std::uint64_t clean_lookups() {
  return wanted("LASTMILE_TORTURE_LOOKUPS", kEnough);
}

template <class Address>
struct Step {
  Prefix<Address> prefix;
  GroupId group;  ///< kNoGroup: remove
  bool replaces;
};

/// The script and what every probe answers after each of its steps.
template <class Address>
struct Script {
  explicit Script(unsigned seed) : dice(seed) {
    for (unsigned i = 0; i < kProbes; ++i) probes.push_back(address());
    ReferenceTable<Address> table;
    answers.emplace_back();  // no routes, no answers
    while (steps.size() < kSteps) {
      Step<Address> step{prefix(), GroupId{static_cast<std::uint16_t>(steps.size() + 1)}, false};
      const auto& routes = table.routes();
      if (!routes.empty() && dice.below(3) != 0) {
        const auto near = routes.lower_bound(step.prefix);
        step.prefix = (near != routes.end() ? near : routes.begin())->first;
        if (dice.below(2) == 0 || routes.size() > 60) step.group = kNoGroup;
      }
      apply(step, table);
    }
    // Back to the empty table, so that the circle closes.
    while (!table.routes().empty()) apply({table.routes().begin()->first, kNoGroup, false}, table);
  }

  /// Steps `from` to `to` tell legal answers from illegal ones. Not so when the reader has slept
  /// through a whole circle.
  [[nodiscard]] bool can_tell(std::uint64_t from, std::uint64_t to) const {
    return to - from < steps.size();
  }
  [[nodiscard]] bool is_legal(unsigned probe, std::uint16_t answer, std::uint64_t from,
                              std::uint64_t to) const {
    for (std::uint64_t step = from; step <= to; ++step) {
      if (answers[step % steps.size()][probe] == answer) return true;
    }
    return false;
  }

  std::vector<Address> probes;
  std::vector<Step<Address>> steps;
  /// answers[k]: after k steps.
  std::vector<std::array<std::uint16_t, kProbes>> answers;

 private:
  // A few neighbourhoods below one /16, so that probes, routes and groups meet all the time.
  Address address() {
    std::array<std::uint8_t, Address::kBits / 8> wire{};
    wire[0] = 10;
    wire[2] = static_cast<std::uint8_t>(dice.below(4));
    for (unsigned i = 3; i < wire.size(); ++i) {
      wire[i] = static_cast<std::uint8_t>(dice.below(3) == 0 ? dice.below(256) : dice.below(2));
    }
    return Address::from_wire(wire);
  }
  Prefix<Address> prefix() {
    if (dice.below(50) == 0) return {};
    const unsigned shortest = dice.below(4) == 0 ? 12 : 23;
    return {address(), shortest + dice.below(std::min(Address::kBits, 48U) - shortest + 1)};
  }
  void apply(Step<Address> step, ReferenceTable<Address>& table) {
    if (step.group == kNoGroup) {
      table.remove(step.prefix);
    } else {
      step.replaces = table.set(step.prefix, step.group).has_value();
    }
    steps.push_back(step);
    auto row = answers.back();
    for (unsigned i = 0; i < kProbes; ++i) {
      if (step.prefix.contains(probes[i])) row[i] = table.lookup(probes[i]).value();
    }
    answers.push_back(row);
  }

  Dice<Address> dice;
};

std::uint32_t raw(Ipv4Address address) {
  return address.value();
}
Ipv6Address raw(const Ipv6Address& address) {
  return address;
}

template <class Address, class Entry, class GracePeriods>
class Torture {
 public:
  Torture(GracePeriods& grace_periods, RcuDomain& domain, Replace replace)
      : domain_(domain),
        replace_(replace),
        fib_(grace_periods, {.max_routes = 10000, .second_level_groups = rehearse() + 4}) {
    for (const Address& probe : script_.probes) raw_probes_.push_back(raw(probe));
  }

  /// Runs for `duration`, but not before `lookups` answers were checked (other programs may have
  /// the CPUs), or until the first illegal answer. Returns how many answers were illegal.
  std::uint64_t run(std::chrono::seconds duration, std::uint64_t lookups = kEnough) {
    std::vector<std::thread> readers;
    for (unsigned i = 0; i < kReaders; ++i) readers.emplace_back([this, i] { read(i); });
    const auto end = Clock::now() + duration;
    std::uint64_t step = 0;
    const auto enough = [&] {
      return step % 16 == 0 && step >= kEnough && checked_.load() >= lookups && Clock::now() >= end;
    };
    const auto blind = [&] {
      return lookups == kEnough && step % 16 == 0 && Clock::now() >= end + kBlind;
    };
    while (illegal_.load() == 0 && !enough() && !blind()) {
      write(step++);
    }
    stop_ = true;
    for (std::thread& reader : readers) reader.join();
    return illegal_.load();
  }

  [[nodiscard]] std::uint64_t checked() const { return checked_.load(); }
  [[nodiscard]] std::uint64_t steps() const { return finished_.load(); }

 private:
  /// Plays the script with nobody looking, checks each answer, and returns how many second-level
  /// groups it needs. With hardly more than that, groups are reused as soon as they may be.
  std::uint32_t rehearse() const {
    RcuDomain empty{1};
    Fib<Address, Entry> fib{empty, {.max_routes = 10000, .second_level_groups = 10000}};
    std::uint64_t needed = 0;
    for (std::size_t number = 0; number < script_.steps.size(); ++number) {
      const Step<Address>& step = script_.steps[number];
      if (step.group == kNoGroup) {
        fib.remove(step.prefix);
      } else {
        EXPECT_TRUE(fib.set(step.prefix, step.group));
      }
      needed = std::max(needed, fib.stats().second_level_used);
      for (unsigned i = 0; i < kProbes; ++i) {
        EXPECT_EQ(fib.lookup(script_.probes[i]).value(), script_.answers[number + 1][i]);
      }
    }
    return static_cast<std::uint32_t>(needed);
  }

  void write(std::uint64_t number) {
    const Step<Address>& step = script_.steps[number % script_.steps.size()];
    started_.store(number + 1, std::memory_order_relaxed);  // ordered by the release stores below
    if (step.group == kNoGroup) {
      fib_.remove(step.prefix);
    } else {
      if (step.replaces && replace_ == Replace::kRemoveThenAdd) fib_.remove(step.prefix);
      // Readers may hold all groups that are left: an error that time cures.
      while (!fib_.set(step.prefix, step.group) && !stop_) std::this_thread::yield();
    }
    finished_.store(number + 1, std::memory_order_release);
  }

  void read(unsigned number) {
    RcuReader reader{domain_};
    reader.online();
    std::vector<std::uint16_t> found(kProbes);
    for (unsigned round = number; !stop_.load(std::memory_order_relaxed); ++round) {
      const std::uint64_t from = finished_.load(std::memory_order_acquire);
      unsigned first = 0;
      unsigned count = 1;
      switch (number) {
        case 0:  // a worker: vectors
          count = kProbes;
          fib_.lookup_bulk(raw_probes_.data(), found.data(), count);
          break;
        case 1:  // one by one
          first = round % kProbes;
          found[first] = fib_.lookup(script_.probes[first]).value();
          break;
        default:  // a worker that loses its CPU in the middle of a lookup
          first = round % kProbes;
          found[first] = slow_lookup(script_.probes[first], round);
          break;
      }
      rte_smp_rmb();
      const std::uint64_t to = started_.load(std::memory_order_acquire);
      if (script_.can_tell(from, to)) {
        for (unsigned i = first; i < first + count; ++i) {
          if (!script_.is_legal(i, found[i], from, to)) illegal_.fetch_add(1);
        }
        checked_.fetch_add(count, std::memory_order_relaxed);
      }
      if (round % 4 == 0) reader.quiescent();
      if (round % 256 == 0) {
        reader.offline();
        std::this_thread::yield();
        reader.online();
      }
    }
  }

  /// Until the writer has done some more steps; or not so long, as it may be waiting for us.
  void doze(unsigned steps) const {
    const std::uint64_t until = finished_.load(std::memory_order_relaxed) + steps;
    for (unsigned i = 1; i < 512 && finished_.load(std::memory_order_relaxed) < until; ++i) {
      if (i % 64 == 0) {
        std::this_thread::yield();
      } else {
        rte_pause();
      }
    }
  }

  std::uint16_t slow_lookup(const Address& address, unsigned round) const {
    using Bits = AddressBits<Address>;
    using Code = EntryCode<Entry>;
    const FibView<Entry>& view = fib_.view();
    return with_stable_default(view, [&](std::uint16_t default_group) {
      Entry entry = load_entry(view.first + Bits::first24(address));
      for (unsigned byte = kFirstLevelBytes; Code::is_extended(entry); ++byte) {
        doze(round % 64);
        entry = load_entry(view.second + Code::second_level(entry) * kGroupEntries +
                           Bits::byte(address, byte));
      }
      return entry != 0 ? static_cast<std::uint16_t>(entry) : default_group;
    });
  }

  const Script<Address> script_{kTortureSeed};
  std::vector<typename RawAddress<Address>::Type> raw_probes_;
  RcuDomain& domain_;
  const Replace replace_;
  Fib<Address, Entry, GracePeriods> fib_;

  std::atomic<std::uint64_t> started_{0};   // writer: writes; readers: read
  std::atomic<std::uint64_t> finished_{0};  // writer: writes; readers: read
  std::atomic<std::uint64_t> illegal_{0};   // readers: add
  std::atomic<std::uint64_t> checked_{0};   // readers: add
  std::atomic<bool> stop_{false};           // main: writes; all: read
};

template <class Address, class Entry>
void run_clean() {
  SCOPED_TRACE(kTortureSeed);
  RcuDomain domain{kReaders};
  Torture<Address, Entry, RcuDomain> torture{domain, domain, Replace::kInPlace};
  EXPECT_EQ(torture.run(clean_run(), clean_lookups()), 0U);
  EXPECT_GE(torture.checked(), clean_lookups());
  std::printf("%llu answers checked over %llu changes\n",
              static_cast<unsigned long long>(torture.checked()),
              static_cast<unsigned long long>(torture.steps()));
}

TEST(Torture, Ipv4AnswersAreAlwaysLegal) {
  run_clean<Ipv4Address, std::uint16_t>();
}
TEST(Torture, Ipv6AnswersAreAlwaysLegal) {
  run_clean<Ipv6Address, std::uint32_t>();
}

TEST(Torture, SeesGroupsReusedWithoutAGracePeriod) {
  SCOPED_TRACE(kTortureSeed);
  RcuDomain domain{kReaders};
  NoGracePeriods none;
  Torture<Ipv4Address, std::uint16_t, NoGracePeriods> ipv4{none, domain, Replace::kInPlace};
  EXPECT_GT(ipv4.run(kBlind), 0U);
  Torture<Ipv6Address, std::uint32_t, NoGracePeriods> ipv6{none, domain, Replace::kInPlace};
  EXPECT_GT(ipv6.run(kBlind), 0U);
}

TEST(Torture, SeesAReplaceThatIsNotAtomic) {
  SCOPED_TRACE(kTortureSeed);
  RcuDomain domain{kReaders};
  Torture<Ipv4Address, std::uint16_t, RcuDomain> ipv4{domain, domain, Replace::kRemoveThenAdd};
  EXPECT_GT(ipv4.run(kBlind), 0U);
}

}  // namespace
}  // namespace lastmile
