#include "cli/top/top.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <optional>
#include <string_view>

#include "cli/client.h"
#include "cli/top/terminal.h"

namespace lastmile::cli::top {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kInterval{1000};
// An operator who looks at a router that hangs wants to leave, too.
constexpr milliseconds kPatience{1000};
constexpr std::array kQuestions{"version",    "show ports",    "show bgp",
                                "show bfd",   "show nexthops", "show workers",
                                "show drops", "show fib",      "show control"};

/// Keeps a connection as long as it is good.
class Watcher {
 public:
  explicit Watcher(std::string socket) : socket_(std::move(socket)) {}

  tl::expected<Sample, std::string> ask() {
    if (!client_) {
      auto connected = Client::connect(socket_, kPatience);
      if (!connected) return tl::unexpected(connected.error());
      client_.emplace(std::move(*connected));
    }
    Sample sample;
    for (const char* question : kQuestions) {
      Json args = Json::object();
      // Worker load of this program's own intervals, whoever else asks.
      if (std::string_view{question} == "show workers") args["reader"] = reader_;
      auto answer = client_->ask(question, args);
      if (!answer) {
        client_.reset();
        return tl::unexpected(answer.error());
      }
      sample.answers.emplace(question, std::move(*answer));
    }
    sample.at = steady_clock::now();
    return sample;
  }

 private:
  std::string socket_;
  const std::string reader_ = fmt::format("top {}", ::getpid());
  std::optional<Client> client_;
};

std::string clock_text() {
  return fmt::format("{:%H:%M:%S}", fmt::localtime(std::time(nullptr)));
}

}  // namespace

tl::expected<void, std::string> run(const Invocation& invocation) {
  const milliseconds interval = invocation.watch.value_or(kInterval);
  Watcher watcher{invocation.socket};
  // The first question is asked in front of the screen: who is not allowed to ask is told so in a
  // line that stays.
  auto first = watcher.ask();
  if (!first) return tl::unexpected(first.error());
  auto terminal = Terminal::open();
  if (!terminal) return tl::unexpected(terminal.error());

  std::optional<Sample> before;
  Sample now = std::move(*first);
  View view;
  Status status;
  status.interval = std::chrono::duration<double>(interval).count();
  auto next = steady_clock::now() + interval;
  while (!view.quit) {
    status.clock = clock_text();
    const Moments moments{before ? &*before : nullptr, now};
    terminal->show(draw(view, moments, status, terminal->size(), terminal->glyphs()));
    const auto left = std::chrono::ceil<milliseconds>(next - steady_clock::now());
    const auto typed = terminal->key(std::max(left, milliseconds{1}));
    if (std::holds_alternative<Terminal::Gone>(typed)) break;
    if (const auto* key = std::get_if<Key>(&typed)) press(view, *key, moments);
    if (const auto* letter = std::get_if<char>(&typed)) press(view, *letter, moments);
    if (steady_clock::now() < next) continue;
    next = steady_clock::now() + interval;
    if (view.paused) continue;
    auto sample = watcher.ask();
    if (!sample) {
      status.trouble = sample.error();
      before.reset();  // rates start anew
      continue;
    }
    const bool recovered = !status.trouble.empty();
    status.trouble.clear();
    if (recovered) {
      before.reset();
    } else {
      before = std::move(now);
    }
    now = std::move(*sample);
  }
  return {};
}

}  // namespace lastmile::cli::top
