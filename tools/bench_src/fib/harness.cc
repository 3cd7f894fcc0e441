#include "tools/bench_src/fib/harness.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

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

struct Report::Cases {
  nlohmann::json list = nlohmann::json::array();
};

Report::Report(std::string name, Output output)
    : name_(std::move(name)), output_(output), cases_(std::make_unique<Cases>()) {}
Report::~Report() = default;

void Report::compare(const std::string& name, const std::string& unit,
                     std::vector<Contender>& contenders, unsigned rounds) {
  std::vector<std::vector<double>> samples(contenders.size());
  for (unsigned round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const double cost = contenders[i].run();
      if (round > 0) samples[i].push_back(cost);
    }
  }

  struct Best {
    const Contender* contender = nullptr;
    Figure figure{};
  };
  std::array<Best, 3> best;  // by Side
  std::array<nlohmann::json, 3> medians;
  medians.fill(nlohmann::json::object());
  about(fmt::format("\n{} ({}; median, quartiles)", name, unit));
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    const Contender& contender = contenders[i];
    const Figure f = figure(samples[i]);
    about(
        fmt::format("  {:<36} {:9.1f}   {:.1f} – {:.1f}", contender.name, f.median, f.low, f.high));
    const auto side = static_cast<std::size_t>(contender.side);
    medians[side][contender.name] = f.median;
    if (best[side].contender == nullptr || f.median < best[side].figure.median) {
      best[side] = {&contender, f};
    }
  }
  const auto& [ours, peer, floor] = best;
  if (ours.contender == nullptr) return;
  const double spread = (ours.figure.high - ours.figure.low) / ours.figure.median;
  nlohmann::json result{{"name", name},     {"unit", unit},           {"ours", ours.figure.median},
                        {"spread", spread}, {"variants", medians[0]}, {"peers", medians[1]}};
  if (peer.contender != nullptr) {
    const double ratio = ours.figure.median / peer.figure.median;
    result["ratio"] = ratio;
    about(fmt::format("  ratio {:.2f} ({} / {}), spread of ours {:.0f} %", ratio,
                      ours.contender->name, peer.contender->name, 100 * spread));
  }
  if (floor.contender != nullptr) {
    const double reached = floor.figure.median / ours.figure.median;
    result["floor"] = floor.figure.median;
    result["of_floor_rate"] = reached;
    about(fmt::format("  {:.2f} of the rate of: {}", reached, floor.contender->name));
  }
  cases_->list.push_back(std::move(result));
}

void Report::about(const std::string& text) const {
  if (output_ == Output::kText) fmt::print("{}\n", text);
}

void Report::fact(const std::string& name, double value) {
  about(fmt::format("  {}: {:.0f}", name, value));
  if (!cases_->list.empty()) cases_->list.back()["facts"][name] = value;
}

void Report::finish() const {
  if (output_ == Output::kText || cases_->list.empty()) return;
  nlohmann::json whole = cases_->list.front();
  whole["case"] = whole["name"];
  whole["name"] = name_;
  whole["cases"] = cases_->list;
  fmt::print("{}\n", whole.dump());
}

}  // namespace lastmile::bench
