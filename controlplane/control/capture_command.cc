#include "controlplane/control/capture_command.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace lastmile {
namespace {

using Error = tl::unexpected<std::string>;

constexpr std::uint64_t kNoHeader = 14;  // less than an Ethernet header is no packet
constexpr std::uint64_t kMostPackets = 1'000'000'000;
constexpr std::uint64_t kMostBytes = 1'000'000'000'000;
constexpr std::uint64_t kMostSeconds = 31 * 86'400;

/// A number of the request, if it is there.
tl::expected<std::optional<std::uint64_t>, std::string> number(const Json& args, const char* name,
                                                               std::uint64_t least,
                                                               std::uint64_t most) {
  const auto found = args.find(name);
  if (found == args.end()) return std::nullopt;
  if (found->is_number_unsigned()) {
    const auto value = found->get<std::uint64_t>();
    if (value >= least && value <= most) return value;
  }
  return Error{
      fmt::format("\"{}\" is out of range; expected a number from {} to {}", name, least, most)};
}

/// A part of an instruction.
template <class Part>
bool read_part(const Json& from, Part& to) {
  if (!from.is_number_unsigned()) return false;
  const auto value = from.get<std::uint64_t>();
  to = static_cast<Part>(value);
  return value <= std::numeric_limits<Part>::max();
}

tl::expected<PacketFilter, std::string> filter_of(const Json& args) {
  const auto found = args.find("filter");
  if (found == args.end()) return PacketFilter{};
  const Error malformed{"\"filter\" is no list of [code, jt, jf, k], as tcpdump -ddd prints them"};
  if (!found->is_array() || found->size() > PacketFilter::kLongest) return malformed;
  std::vector<PacketFilter::Instruction> program;
  for (const Json& entry : *found) {
    PacketFilter::Instruction instruction;
    if (!entry.is_array() || entry.size() != 4 || !read_part(entry[0], instruction.code) ||
        !read_part(entry[1], instruction.jump_true) ||
        !read_part(entry[2], instruction.jump_false) || !read_part(entry[3], instruction.operand)) {
      return malformed;
    }
    program.push_back(instruction);
  }
  return PacketFilter::make(program);
}

}  // namespace

tl::expected<CaptureRequest, std::string> capture_request(const Json& args) {
  CaptureRequest request;
  const auto of = args.find("of");
  if (of == args.end() || !of->is_string()) {
    return Error{"\"of\" is missing; expected the name of a port, \"any\" or \"drops\""};
  }
  request.of = of->get<std::string>();
  auto filter = filter_of(args);
  if (!filter) return Error{filter.error()};
  request.filter = std::move(*filter);
  struct Limit {
    const char* name;
    std::uint64_t least, most;
    std::function<void(std::uint64_t)> set;
  };
  const std::array limits{
      Limit{"snap", kNoHeader, PacketRing::kMostOctets,
            [&](std::uint64_t n) { request.snap = static_cast<std::uint32_t>(n); }},
      Limit{"packets", 1, kMostPackets, [&](std::uint64_t n) { request.packets = n; }},
      Limit{"bytes", 1, kMostBytes, [&](std::uint64_t n) { request.bytes = n; }},
      Limit{"seconds", 1, kMostSeconds,
            [&](std::uint64_t n) { request.time = std::chrono::seconds{n}; }},
  };
  for (const Limit& limit : limits) {
    const auto value = number(args, limit.name, limit.least, limit.most);
    if (!value) return Error{value.error()};
    if (*value) limit.set(**value);
  }
  return request;
}

void add_capture_command(
    CommandTable& table,
    std::function<tl::expected<TakeOver, std::string>(const CaptureRequest&)> start) {
  Command command{"capture",
                  "packets of ports, or why they are dropped, as pcapng",
                  {"of", "filter", "snap", "packets", "bytes", "seconds"},
                  {}};
  command.stream = [start =
                        std::move(start)](const Json& args) -> tl::expected<TakeOver, std::string> {
    const auto request = capture_request(args);
    if (!request) return Error{request.error()};
    return start(*request);
  };
  table.add(std::move(command));
}

}  // namespace lastmile
