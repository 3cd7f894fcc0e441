// A connection to the daemon's control socket. Plain sockets: this program starts in milliseconds.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "dataplane/net/file_descriptor.h"

namespace lastmile::cli {

class Client {
 public:
  /// The error is one line that says what to do about it.
  [[nodiscard]] static tl::expected<Client, std::string> connect(const std::string& socket,
                                                                 std::chrono::milliseconds timeout);
  Client(Client&& other) noexcept = default;
  Client& operator=(Client&&) = delete;

  /// Sends {"verb", "args"} and waits for the answer's "data". What the daemon refuses is an error
  /// in its own words.
  [[nodiscard]] tl::expected<nlohmann::ordered_json, std::string> ask(
      const std::string& verb, const nlohmann::ordered_json& args);

  /// Takes a piece of a stream; an error ends it.
  using Sink = std::function<tl::expected<void, std::string>(std::string_view octets)>;
  /// Reads the stream behind an answer, for as long as it takes, and returns the "data" of its end.
  /// When `interrupt` becomes readable, the daemon is asked to end it; once more, and this gives
  /// up.
  [[nodiscard]] tl::expected<nlohmann::ordered_json, std::string> follow(const Sink& sink,
                                                                         int interrupt);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  Client(FileDescriptor descriptor, std::string socket, std::chrono::milliseconds timeout)
      : descriptor_(std::move(descriptor)), socket_(std::move(socket)), timeout_(timeout) {}

  [[nodiscard]] tl::expected<void, std::string> send(const std::string& line, Deadline deadline);
  [[nodiscard]] tl::expected<std::string, std::string> receive(Deadline deadline);
  /// The "data" of a response, or its error.
  [[nodiscard]] tl::expected<nlohmann::ordered_json, std::string> read_response(
      const std::string& answer) const;
  /// Reads what has come, or comes, into `input_`.
  [[nodiscard]] tl::expected<void, std::string> fill(Deadline deadline);
  /// Waits until the socket is ready for `events` (of poll).
  [[nodiscard]] tl::expected<void, std::string> wait(short events, Deadline deadline);
  /// Asks for the end of the stream if `interrupt_` is readable.
  [[nodiscard]] tl::expected<void, std::string> heed_interrupt();

  FileDescriptor descriptor_;
  std::string socket_;
  std::chrono::milliseconds timeout_;
  std::string input_;
  int interrupt_ = -1;  ///< -1: there is none
  bool asked_to_end_ = false;
};

}  // namespace lastmile::cli
