// Serves metrics over HTTP (GET /metrics), by TCP and by Unix sockets.
//
//   MetricsServer::Options options{.listen = config.telemetry.listen, .group =
//   config.control.group}; auto server = MetricsServer::open(io, options, [&](MetricsFormat f) {
//   return router_metrics(show, f); });
//
// It shares the control thread with BGP, so nobody may cost it more than a fixed amount: clients
// are counted, their requests are bounded in size and time, whoever does not take an answer is
// disconnected, and an answer is made once a second at most, however many ask.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/config/config.h"
#include "controlplane/telemetry/metrics_text.h"

namespace boost::asio {
class io_context;
}

namespace lastmile {

/// Control thread (the one that runs the io_context) only.
class MetricsServer {
 public:
  struct Options {
    std::vector<MetricsListener> listen;
    std::string group;  ///< may connect to Unix sockets; empty: only the owner
    std::size_t max_clients = 32;
    std::size_t max_header = 8 * 1024;  ///< bytes of a request
    /// A client that sends no whole request for so long is disconnected ...
    std::chrono::milliseconds idle_timeout{60'000};
    /// ... and one that does not take its answer.
    std::chrono::milliseconds write_timeout{10'000};
    /// How long an answer is good for others who ask.
    std::chrono::milliseconds reuse{1'000};
  };
  using Render = std::function<std::string(MetricsFormat)>;

  /// Listens everywhere, or nowhere: the error names the listener. The io_context outlives the
  /// server.
  [[nodiscard]] static tl::expected<std::unique_ptr<MetricsServer>, std::string> open(
      boost::asio::io_context& io, Options options, Render render);
  /// Disconnects all clients and removes the sockets' files.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  [[nodiscard]] std::size_t clients() const;

 private:
  class Impl;
  explicit MetricsServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace lastmile
