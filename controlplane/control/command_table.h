// Verbs of the control socket and who answers them.
//
// A request is one JSON object; so is its response (protocol in README.md):
//
//   {"verb": "show routes", "args": {"match": "10.0.0.0/8"}}
//   {"ok": true, "data": {...}}      {"ok": false, "error": "unknown verb \"shwo bgp\"; ..."}
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {

/// JSON whose fields stay in the order that they were written in: answers are read by people too.
using Json = nlohmann::ordered_json;

/// Why a command could not be carried out: one line for people.
using CommandResult = tl::expected<Json, std::string>;

/// Takes the connection of whoever asked over, and answers on it from a thread of its own: first
/// the response, and what else there is behind it (README.md).
using TakeOver = std::function<void(FileDescriptor connection)>;

struct Command {
  std::string verb;  ///< "show bgp"
  std::string help;
  /// Names of the arguments that `run` knows; any other is refused before it is called.
  std::vector<std::string> arguments;
  std::function<CommandResult(const Json& args)> run;
  /// Instead of `run`, of a command whose answer is a stream.
  std::function<tl::expected<TakeOver, std::string>(const Json& args)> stream{};
};

/// Control thread only.
class CommandTable {
 public:
  /// The verb must be new.
  void add(Command command);

  /// Answers one request; the response is one line without its end. Whatever is wrong with
  /// the request is said in the response. Throws only what ends the router: a verb that changes
  /// something was broken off for want of memory.
  [[nodiscard]] std::string dispatch(std::string_view request) const;

  /// A response, or a stream that wants the connection.
  using Answer = std::variant<std::string, TakeOver>;
  /// Why a verb is refused to whoever asks; nullopt: it is not.
  using Refusal = std::function<std::optional<std::string>(std::string_view verb)>;
  /// The same for who can give a connection away; to others streams are refused. Of a verb that
  /// `refusal` refuses nothing is run.
  [[nodiscard]] Answer dispatch_or_stream(std::string_view request,
                                          const Refusal& refusal = nullptr) const;

  [[nodiscard]] const std::vector<Command>& commands() const { return commands_; }

 private:
  /// What a request asks for; the error is one line.
  struct Call {
    const Command& command;
    Json args;
  };
  [[nodiscard]] tl::expected<Call, std::string> read(std::string_view request) const;

  std::vector<Command> commands_;
};

/// A response that says only what went wrong.
[[nodiscard]] std::string error_response(std::string_view error);

}  // namespace lastmile
