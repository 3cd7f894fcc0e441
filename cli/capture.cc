#include "cli/capture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/client.h"
#include "cli/filter.h"

namespace lastmile::cli {
namespace {

using Json = nlohmann::ordered_json;
using Result = tl::expected<void, std::string>;

/// Where packets go: a file, or "-".
class Output {
 public:
  explicit Output(const std::string& name) : name_(name), is_standard_(name == "-") {}
  ~Output() {
    if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  [[nodiscard]] bool is_standard() const { return is_standard_; }
  Result open() {
    if (is_standard_) {
      descriptor_ = STDOUT_FILENO;
      return {};
    }
    constexpr mode_t kWhatUmaskAllows = 0666;
    descriptor_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kWhatUmaskAllows);
    if (descriptor_ < 0) return failure("open");
    return {};
  }
  Result write(std::string_view octets) {
    while (!octets.empty()) {
      const ssize_t took = ::write(descriptor_, octets.data(), octets.size());
      if (took < 0 && errno == EINTR) continue;
      if (took < 0) return failure("write");
      octets.remove_prefix(static_cast<std::size_t>(took));
    }
    return {};
  }

 private:
  [[nodiscard]] tl::unexpected<std::string> failure(const char* what) const {
    return tl::unexpected(fmt::format("can't {} {}: {}", what, name_, std::strerror(errno)));
  }

  const std::string name_;
  const bool is_standard_;
  int descriptor_ = -1;
};

/// Signals that end a program, as something to wait for instead.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, signal);
    sigprocmask(SIG_BLOCK, &signals_, &before_);
    descriptor_ = ::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~EndSignals() {
    ::close(descriptor_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  sigset_t signals_{};
  sigset_t before_{};
  int descriptor_ = -1;
};

/// "100", "64k", "20M", "1G".
std::optional<std::uint64_t> count_of(std::string_view text) {
  std::uint64_t unit = 1;
  constexpr std::string_view kUnits = "kMG";
  if (const std::size_t at = text.empty() ? kUnits.npos : kUnits.find(text.back());
      at != kUnits.npos) {
    for (std::size_t i = 0; i <= at; ++i) unit *= 1000;
    text.remove_suffix(1);
  }
  constexpr std::size_t kMostDigits = 12;
  if (text.empty() || text.size() > kMostDigits ||
      text.find_first_not_of("0123456789") != text.npos) {
    return std::nullopt;
  }
  const std::uint64_t number = std::stoull(std::string{text});
  if (number > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  return number * unit;
}

struct Wanted {
  Json args = Json::object();
  std::string file;
};

tl::expected<Wanted, std::string> wanted(const Invocation& invocation) {
  Wanted wanted;
  wanted.args["of"] = invocation.words.front();
  for (const auto& [name, value] : invocation.options) {
    if (name == "write") {
      wanted.file = value;
      continue;
    }
    const auto number = count_of(value);
    if (!number) {
      return tl::unexpected(
          fmt::format("--{}: \"{}\" is no number; expected one such as 1000 or 20M", name, value));
    }
    wanted.args[name == "count" ? "packets" : name] = *number;
  }
  std::string text;
  for (std::size_t i = 1; i < invocation.words.size(); ++i) {
    text += (i == 1 ? "" : " ") + invocation.words[i];
  }
  if (!text.empty()) {
    auto filter = compile_filter(text);
    if (!filter) return tl::unexpected(filter.error());
    wanted.args["filter"] = std::move(*filter);
  }
  return wanted;
}

}  // namespace

Result capture(const Invocation& invocation, std::ostream& out, std::ostream& notes) {
  const auto request = wanted(invocation);
  if (!request) return tl::unexpected(request.error());
  auto client = Client::connect(invocation.socket, invocation.timeout);
  if (!client) return tl::unexpected(client.error());
  const EndSignals signals;
  // What is refused must not cost a file that is there.
  if (const auto begun = client->ask("capture", request->args); !begun) {
    return tl::unexpected(begun.error());
  }
  Output output{request->file};
  if (auto opened = output.open(); !opened) return opened;
  if (!invocation.json) {
    notes << fmt::format("captures {}; Ctrl-C ends it\n", invocation.words.front()) << std::flush;
  }
  const auto summary = client->follow(
      [&output](std::string_view octets) { return output.write(octets); }, signals.descriptor());
  if (!summary) return tl::unexpected(summary.error());
  if (invocation.json) {
    // Behind the packets there is no place for it.
    (output.is_standard() ? notes : out) << summary->dump(2) << '\n';
    return {};
  }
  notes << fmt::format("{} packets captured, {} lost for want of room ({})\n",
                       summary->at("packets").get<std::uint64_t>(),
                       summary->at("lost").get<std::uint64_t>(),
                       summary->at("ended").get<std::string>());
  return {};
}

}  // namespace lastmile::cli
