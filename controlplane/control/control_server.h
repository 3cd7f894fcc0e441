// The control socket: takes requests of the operator's command to the control plane and brings the
// responses back. Knows lines, not verbs (those are command_table.h).
//
//   ControlServer::Options options{.socket = config.control.socket, .group = config.control.group};
//   auto server = ControlServer::open(io, options, [&](Event event) { plane.handle(event); });
//   if (!server) die(server.error());
//   ...
//   server->reply(command, table.dispatch(request));   // as the answer to CommandReceived
//
// Who may not use the router at all is told so and disconnected; of the others the server knows
// whether they may only look (access.h), and whoever answers asks it: refusal().
//
// Nobody can hold up anybody else: every read and write is asynchronous, a client has one request
// in the works at a time, and its buffers and its patience are bounded (Options). A client that
// breaks a rule is told so in a response and disconnected.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "controlplane/event/effects.h"
#include "dataplane/net/file_descriptor.h"

namespace boost::asio {
class io_context;
}

namespace lastmile {

/// Control thread (the one that runs the io_context) only.
class ControlServer final : public Replies {
 public:
  struct Options {
    std::string socket;
    std::string group;                    ///< may do anything; empty: only root and the owner
    std::string read_group = {};          ///< may look; empty: nobody beside those
    std::size_t max_clients = 64;         ///< a quarter is kept from those who may only look
    std::size_t max_request = 64 * 1024;  ///< bytes, with the end of the line
    /// A client that sends no whole request for so long is disconnected ...
    std::chrono::milliseconds idle_timeout{60'000};
    /// ... and one that does not take its response.
    std::chrono::milliseconds write_timeout{10'000};
  };
  /// Called with CommandReceived events. Must answer each with reply(), at once or later.
  using Handler = std::function<void(Event)>;

  /// Claims the socket file (io/socket_file.h) and starts to listen. The io_context must outlive
  /// the server.
  [[nodiscard]] static tl::expected<std::unique_ptr<ControlServer>, std::string> open(
      boost::asio::io_context& io, Options options, Handler handler);
  /// Disconnects all clients and removes the socket file.
  ~ControlServer() override;
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Sends a response (one line, without its end) to whoever asked; nobody, if they have gone.
  void reply(CommandId command, std::string response) override;

  /// Why whoever asked may not use the verb; nullopt: they may, or they have gone.
  [[nodiscard]] std::optional<std::string> refusal(CommandId command, std::string_view verb) const;

  /// Gives the connection of whoever asked away, instead of a reply: from now on it is none of the
  /// server's. It does not block. Empty if they have gone.
  [[nodiscard]] FileDescriptor give_away(CommandId command);

  [[nodiscard]] std::size_t clients() const;

 private:
  class Impl;
  explicit ControlServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace lastmile
