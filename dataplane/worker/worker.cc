#include "dataplane/worker/worker.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <sched.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <future>
#include <thread>
#include <utility>

#include "dataplane/rcu/rcu.h"
#include "dataplane/worker/loop.h"

namespace lastmile {
namespace {

using StartResult = tl::expected<void, std::string>;

StartResult pin_to(unsigned cpu) {
  if (cpu >= CPU_SETSIZE) return tl::unexpected("no CPU " + std::to_string(cpu));
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (const int error = pthread_setaffinity_np(pthread_self(), sizeof set, &set); error != 0) {
    return tl::unexpected("can't run on CPU " + std::to_string(cpu) + ": " + std::strerror(error));
  }
  return {};
}

/// The thread's place among DPDK's lcores.
class LcoreRegistration {
 public:
  LcoreRegistration() : registered_(rte_thread_register() == 0) {}
  ~LcoreRegistration() {
    if (registered_) rte_thread_unregister();
  }
  LcoreRegistration(const LcoreRegistration&) = delete;
  LcoreRegistration& operator=(const LcoreRegistration&) = delete;

  explicit operator bool() const { return registered_; }

 private:
  bool registered_;
};

}  // namespace

struct Worker::State {
  State(WorkerConfig config_, ForwardingTables& tables_)
      : config(std::move(config_)), tables(tables_), counters(tables_.next_hops.capacity()) {}

  const WorkerConfig config;
  ForwardingTables& tables;
  WorkerCounters counters;
  EventRing events;
  std::thread thread;
  std::promise<StartResult> started;
  std::atomic<bool> stopping{false};  // control: writes; worker: reads once per loop
};

Worker::Worker(WorkerConfig config, ForwardingTables& tables)
    : state_(std::make_unique<State>(std::move(config), tables)) {}

Worker::~Worker() {
  stop();
}

WorkerId Worker::id() const {
  return state_->config.id;
}
const WorkerConfig& Worker::config() const {
  return state_->config;
}
const WorkerCounters& Worker::counters() const {
  return state_->counters;
}
EventRing& Worker::events() const {
  return state_->events;
}

tl::expected<void, std::string> Worker::start() {
  for (const WorkerPort& port : state_->config.ports) {
    if (port.id.value() >= kMaxPorts) {
      return tl::unexpected("port number " + std::to_string(port.id.value()) + " is above " +
                            std::to_string(kMaxPorts - 1));
    }
  }
  state_->stopping = false;
  state_->started = {};
  auto started = state_->started.get_future();
  state_->thread = std::thread{[this] { run(); }};
  StartResult result = started.get();
  if (!result) state_->thread.join();
  return result;
}

void Worker::stop() {
  state_->stopping = true;
  if (state_->thread.joinable()) state_->thread.join();
}

void Worker::run() {
  const std::string name = "lm-worker-" + std::to_string(state_->config.id.value());
  pthread_setname_np(pthread_self(), name.c_str());
  const auto fail = [this](std::string why) {
    state_->started.set_value(tl::unexpected(std::move(why)));
  };
  if (state_->config.cpu.has_value()) {
    if (const StartResult pinned = pin_to(*state_->config.cpu); !pinned)
      return fail(pinned.error());
  }
  if (const int error = schedule_this_thread(state_->config.scheduling); error != 0) {
    return fail(std::string{"the kernel refuses real-time scheduling: "} + std::strerror(error));
  }
  const LcoreRegistration lcore;
  if (!lcore) return fail("DPDK has no lcore identifier left");

  const std::uint64_t hertz = rte_get_tsc_hz();
  WorkerCounters& counters = state_->counters;
  std::unique_ptr<RcuReader> reader;
  std::unique_ptr<WorkerLoop> loop;
  try {
    reader = std::make_unique<RcuReader>(state_->tables.rcu);
    loop = std::make_unique<WorkerLoop>(state_->config, state_->tables, hertz, counters,
                                        state_->events);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
  use_exact_timers();
  IdleController idle{state_->config.idle, hertz};
  RealtimeManners manners{realtime_is_throttled() ? state_->config.scheduling : Scheduling::kFair,
                          hertz};
  state_->started.set_value({});

  reader->online();
  std::uint64_t now = rte_rdtsc();
  const auto sleep = [&](std::chrono::microseconds duration) {
    reader->offline();
    sleep_for(duration);
    reader->online();
    const std::uint64_t woken = rte_rdtsc();
    counters.sleep_cycles.add(woken - now);
    counters.sleeps.add(1);
    manners.slept(now, woken);
    now = woken;
  };
  while (!state_->stopping.load(std::memory_order_relaxed)) {
    const unsigned packets = loop->run_once(now);
    reader->quiescent();
    counters.loops.add(1);

    const std::uint64_t after = rte_rdtsc();
    (packets != 0 ? counters.busy_cycles : counters.idle_cycles).add(after - now);
    now = after;
    if (packets != 0) {
      idle.busy();
    } else if (const auto nap = idle.idle(now, loop->next_deadline());
               nap != std::chrono::microseconds::zero()) {
      sleep(nap);
    }
    if (manners.is_due(now)) [[unlikely]]
      sleep(RealtimeManners::kPause);
  }
  reader->offline();
}

}  // namespace lastmile
