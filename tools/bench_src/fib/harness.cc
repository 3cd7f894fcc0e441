#include "tools/bench_src/fib/harness.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace lastmile::bench {

void start_eal(const EalOptions& options) {
  // DPDK 22.11 refuses --in-memory together with --no-huge; --no-shconf leaves no files either.
  std::vector<std::string> words{"bench",
                                 options.huge_pages ? "--in-memory" : "--no-huge",
                                 "--no-shconf",
                                 "--no-pci",
                                 "--no-telemetry",
                                 "--force-max-simd-bitwidth=512",
                                 "--log-level=error",
                                 "-l",
                                 "0",
                                 "-m",
                                 std::to_string(options.megabytes)};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    throw std::runtime_error(fmt::format("rte_eal_init: {}", rte_strerror(rte_errno)));
  }
}

namespace {

double thread_cycles() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec)) *
         static_cast<double>(rte_get_tsc_hz());
}

}  // namespace

CycleTimer::CycleTimer() : begin_(thread_cycles()) {}

double CycleTimer::elapsed() const {
  return thread_cycles() - begin_;
}

void pin_to(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

Figure figure(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const auto at = [&](std::size_t quarter) { return samples[(samples.size() - 1) * quarter / 4]; };
  return {at(2), at(1), at(3)};
}

void compare(const std::string& name, const std::string& unit, std::vector<Contender>& contenders,
             unsigned rounds, Output output) {
  std::vector<std::vector<double>> samples(contenders.size());
  for (unsigned round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const double cycles = contenders[i].run();
      if (round > 0) samples[i].push_back(cycles);
    }
  }

  const Contender* best_ours = nullptr;
  const Contender* best_peer = nullptr;
  Figure ours{};
  Figure peer{};
  nlohmann::json peers = nlohmann::json::object();
  nlohmann::json variants = nlohmann::json::object();
  if (output == Output::kText) fmt::print("\n{} ({}; median, quartiles)\n", name, unit);
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    const Contender& contender = contenders[i];
    const Figure f = figure(samples[i]);
    if (output == Output::kText) {
      fmt::print("  {:<34} {:8.1f}   {:.1f} – {:.1f}\n", contender.name, f.median, f.low, f.high);
    }
    (contender.ours ? variants : peers)[contender.name] = f.median;
    if (contender.yardstick) continue;
    const Contender*& best = contender.ours ? best_ours : best_peer;
    Figure& best_figure = contender.ours ? ours : peer;
    if (best == nullptr || f.median < best_figure.median) {
      best = &contender;
      best_figure = f;
    }
  }
  if (best_ours == nullptr || best_peer == nullptr) return;
  const double ratio = ours.median / peer.median;
  const double spread = (ours.high - ours.low) / ours.median;
  if (output == Output::kText) {
    fmt::print("  ratio {:.2f} ({} / {}), spread of ours {:.0f} %\n", ratio, best_ours->name,
               best_peer->name, 100 * spread);
  } else {
    fmt::print("{}\n", nlohmann::json{{"name", name},
                                      {"unit", unit},
                                      {"ours", ours.median},
                                      {"variants", variants},
                                      {"peers", peers},
                                      {"ratio", ratio},
                                      {"spread", spread}}
                           .dump());
  }
}

}  // namespace lastmile::bench
