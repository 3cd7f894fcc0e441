// A connection to the daemon's control socket. Plain sockets: this program starts in milliseconds.
#pragma once

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

namespace lastmile::cli {

class Client {
 public:
  /// The error is one line that says what to do about it.
  [[nodiscard]] static tl::expected<Client, std::string> connect(const std::string& socket,
                                                                 std::chrono::milliseconds timeout);
  Client(Client&& other) noexcept;
  Client& operator=(Client&&) = delete;
  ~Client();

  /// Sends {"verb", "args"} and waits for the answer's "data". What the daemon refuses is an error
  /// in its own words.
  [[nodiscard]] tl::expected<nlohmann::ordered_json, std::string> ask(
      const std::string& verb, const nlohmann::ordered_json& args);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  Client(int descriptor, std::string socket, std::chrono::milliseconds timeout)
      : descriptor_(descriptor), socket_(std::move(socket)), timeout_(timeout) {}

  [[nodiscard]] tl::expected<void, std::string> send(const std::string& line, Deadline deadline);
  [[nodiscard]] tl::expected<std::string, std::string> receive(Deadline deadline);
  /// Waits until the socket is ready for `events` (of poll).
  [[nodiscard]] tl::expected<void, std::string> wait(short events, Deadline deadline) const;

  int descriptor_;
  std::string socket_;
  std::chrono::milliseconds timeout_;
  std::string input_;
};

}  // namespace lastmile::cli
