// The data plane of a running router: tables, FIB writer, workers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/config/config.h"
#include "daemon/bfd_wires.h"
#include "daemon/devices.h"
#include "dataplane/capture/capture_board.h"
#include "dataplane/forwarding/tables.h"
#include "dataplane/update/fib_channel.h"
#include "dataplane/update/fib_client.h"
#include "dataplane/update/fib_writer.h"
#include "dataplane/worker/worker.h"

namespace lastmile {

/// Members go in reverse order: workers stop before the writer, the writer before the tables.
class Forwarding {
 public:
  /// Makes the tables and the workers, on `devices`, which outlive this. Throws std::bad_alloc or
  /// std::system_error when there are no resources.
  Forwarding(const Config& config, const Devices& devices);

  /// Starts the FIB writer and the workers; the error is a sentence.
  [[nodiscard]] tl::expected<void, std::string> start();

  /// From now on workers let go of an exchangeable device, which `owner` has. They have when
  /// has_let_go() says so of what this returns.
  [[nodiscard]] RcuToken take_out(PortId owner);
  /// Any thread.
  [[nodiscard]] bool has_let_go(RcuToken token) { return tables_.rcu.check(token); }
  /// Gives workers another in its place, which has as many queues, and is started.
  void put_in(PortId owner, DeviceId device);

  [[nodiscard]] ForwardingTables& tables() { return tables_; }
  [[nodiscard]] const ForwardingTables& tables() const { return tables_; }
  [[nodiscard]] const FibChannel& channel() const { return channel_; }
  [[nodiscard]] FibWriter& writer() { return writer_; }
  [[nodiscard]] const FibWriter& writer() const { return writer_; }
  [[nodiscard]] FibClient& client() { return client_; }
  [[nodiscard]] const FibClient& client() const { return client_; }
  [[nodiscard]] BfdWires& bfd() { return bfd_; }
  [[nodiscard]] const BfdWires& bfd() const { return bfd_; }
  [[nodiscard]] CaptureBoard& captures() { return captures_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }

 private:
  ForwardingTables tables_;
  std::map<PortId, std::shared_ptr<DeviceSlot>> slots_;  ///< of exchangeable devices, by owner
  FibChannel channel_;
  FibClient client_;
  FibWriter writer_;
  BfdWires bfd_;
  CaptureBoard captures_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

/// What the workers have counted, but for the next hops, of which there may be 65,536. Any thread.
[[nodiscard]] std::vector<WorkerSnapshot> snapshots(const Forwarding& forwarding);

/// Which worker polls the priority queue of a port: ports take turns.
[[nodiscard]] unsigned priority_worker(PortId port, unsigned workers);

}  // namespace lastmile
