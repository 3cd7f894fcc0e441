// A poll-mode worker: a thread that owns receive queues, moves their packets through the pipeline,
// and sleeps when there are none.
//
//   Worker worker{config, tables};
//   if (auto started = worker.start(); !started) die(started.error());
//   watch(worker.event_fd(), [&] { worker.drain_events(handle); });     // control thread
//   show(snapshot(worker.counters()));                                  // any thread
//   worker.stop();
//
// The thread is a std::thread registered with DPDK, not an EAL lcore: lcores are fixed on the EAL's
// command line and pinned by it, while workers are started, stopped and pinned by the
// configuration. Registration (rte_thread_register, stable in 22.11 and 24.11) gives it what an
// lcore has on the packet path: an identifier of its own, and with it a cache in each mbuf pool.
//
// It is a reader of the tables' RCU domain: quiescent once per loop, offline while it sleeps.
// No DPDK types here.
#pragma once

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/worker/counters.h"
#include "dataplane/worker/event_ring.h"
#include "dataplane/worker/worker_config.h"

namespace lastmile {

struct ForwardingTables;

class Worker {
 public:
  /// `tables` must outlive the worker; the devices in `config` must be started before it is.
  /// Throws std::system_error or std::bad_alloc when there are no resources.
  Worker(WorkerConfig config, ForwardingTables& tables);
  /// Stops the thread.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Starts the thread; returns when it polls, or says why it can't (no lcore or RCU slot left, CPU
  /// not usable). Control thread.
  [[nodiscard]] tl::expected<void, std::string> start();
  /// Ends the thread after the loop in hand; packets that it holds are freed. May be started again.
  /// Control thread.
  void stop();

  [[nodiscard]] WorkerId id() const;
  [[nodiscard]] const WorkerConfig& config() const;
  /// Any thread; grows from the first start on, across restarts.
  [[nodiscard]] const WorkerCounters& counters() const;

  /// Readable when there are events to drain. Control thread.
  [[nodiscard]] int event_fd() const { return events().event_fd(); }
  /// Calls `visit(const WorkerEvent&)` for each event, oldest first. Control thread.
  template <class Visitor>
  std::size_t drain_events(Visitor&& visit) {
    return events().drain(std::forward<Visitor>(visit));
  }

 private:
  struct State;

  [[nodiscard]] EventRing& events() const;
  void run();

  std::unique_ptr<State> state_;
};

}  // namespace lastmile
