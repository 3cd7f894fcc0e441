// A running router: everything built from a configuration, wired, run, and taken down.
//
//   auto router = Router::build(config, options);
//   if (!router) die(router.error());
//   (*router)->run();           // until SIGINT, SIGTERM or SIGHUP
//
//   drivers ── ports, twins, lm0 ──> Forwarding (workers, FIB writer, tables)
//      │ links                            │ resolution wanted, FIB progressed
//      ▼                                  ▼
//   EventLoop ── Event ──> ControlPlane ── FibClient ──> Forwarding
//      ▲   ▲
//      │   └── KernelNeighborhood (RA, ND), AsioTransport (TCP), AsioTimers
//      └────── ControlServer ── CommandTable ── Show
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "controlplane/config/source.h"
#include "dataplane/net/headers.h"

namespace lastmile {

/// Control thread only: the thread that builds it runs it.
class Router {
 public:
  struct Options {
    std::string config_path;
    std::uint16_t bgp_port = protocol::kBgpPort;
    std::string record;   ///< a file for a recording of this run (docs/recording.md); empty: none
    ConfigSource source;  ///< of the configuration; for the recording
  };

  /// Opens devices, starts the threads and the control socket. The error is one sentence; nothing
  /// stays behind.
  [[nodiscard]] static tl::expected<std::unique_ptr<Router>, std::string> build(
      Config config, const Options& options);
  /// Ends sessions that are still up, without waiting; removes everything that build() made.
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// Runs until SIGINT, SIGTERM or SIGHUP, then tells every peer and waits, for a moment, until
  /// they heard.
  void run();

 private:
  struct Parts;
  explicit Router(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lastmile
