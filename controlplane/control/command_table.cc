#include "controlplane/control/command_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <exception>
#include <utility>

#include "controlplane/config/suggest.h"
#include "controlplane/control/access.h"

namespace lastmile {
namespace {

using json = Json;

/// Text from outside (a peer's error message, say) may not be UTF-8; the response must be.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string error_response(std::string_view error) {
  return dump(json{{"ok", false}, {"error", error}});
}

void CommandTable::add(Command command) {
  assert(std::none_of(commands_.begin(), commands_.end(),
                      [&](const Command& known) { return known.verb == command.verb; }));
  commands_.push_back(std::move(command));
}

std::string CommandTable::dispatch(std::string_view request) const {
  const Answer answer = dispatch_or_stream(request);
  if (const auto* response = std::get_if<std::string>(&answer)) return *response;
  return error_response("the answer is a stream, which goes over the control socket only");
}

CommandTable::Answer CommandTable::dispatch_or_stream(std::string_view request,
                                                      const Refusal& refusal) const {
  bool looks_only = true;
  try {
    const auto call = read(request);
    if (!call) return error_response(call.error());
    looks_only = access_needed(call->command.verb) == Access::kRead;
    if (refusal) {
      if (const auto why = refusal(call->command.verb)) return error_response(*why);
    }
    if (call->command.stream) {
      auto stream = call->command.stream(call->args);
      if (!stream) return error_response(stream.error());
      return std::move(*stream);
    }
    CommandResult result = call->command.run(call->args);
    if (!result) return error_response(result.error());
    return dump(json{{"ok", true}, {"data", std::move(*result)}});
  } catch (const json::exception& error) {
    return error_response(fmt::format("request can't be answered: {}", error.what()));
  } catch (const std::exception& error) {
    // No memory, or no descriptor left for what it takes. Who has begun to change something must
    // not go on from the middle of it.
    if (!looks_only) throw;
    return error_response(fmt::format("request can't be answered: {}", error.what()));
  }
}

tl::expected<CommandTable::Call, std::string> CommandTable::read(std::string_view request) const {
  json parsed = json::parse(request, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return tl::unexpected<std::string>{"request is not JSON"};
  if (!parsed.is_object()) {
    return tl::unexpected<std::string>{
        R"(request is not an object; expected {"verb": "...", "args": {...}})"};
  }
  const auto verb = parsed.find("verb");
  if (verb == parsed.end() || !verb->is_string()) {
    return tl::unexpected<std::string>{R"(request has no verb; expected {"verb": "..."})"};
  }
  // Moved: copying is recursive, and a request may be nested as deep as it is long.
  const auto given = parsed.find("args");
  json args = given == parsed.end() ? json::object() : std::move(*given);
  if (!args.is_object()) {
    return tl::unexpected<std::string>{R"("args" is not an object; expected {"name": value})"};
  }
  const auto& name = verb->get_ref<const std::string&>();
  const auto command = std::find_if(commands_.begin(), commands_.end(),
                                    [&](const Command& known) { return known.verb == name; });
  if (command == commands_.end()) {
    std::vector<std::string> verbs;
    for (const Command& known : commands_) verbs.push_back(known.verb);
    return tl::unexpected(
        fmt::format("unknown verb \"{}\"; {}", name.substr(0, 100), hint(name, verbs)));
  }
  for (const auto& [key, value] : args.items()) {
    const auto& known = command->arguments;
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (known.empty()) return tl::unexpected(fmt::format("\"{}\" takes no arguments", name));
    return tl::unexpected(fmt::format("\"{}\" takes no argument \"{}\"; {}", name,
                                      key.substr(0, 100), hint(key, known)));
  }
  return Call{*command, std::move(args)};
}

}  // namespace lastmile
