#include "logging/setup.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "logging/patient_sink.h"

namespace lastmile::log {
namespace {

/// %* in a pattern: the line's priority as syslog(3) numbers it.
class SyslogPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    // trace, debug, info, warn, err, critical
    static constexpr std::array<char, 6> kPriority{'7', '7', '6', '4', '3', '2'};
    const auto level = static_cast<std::size_t>(message.level);
    out.push_back('<');
    out.push_back(level < kPriority.size() ? kPriority[level] : '6');
    out.push_back('>');
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<SyslogPriority>();
  }
};

}  // namespace

/// The variable says where systemd has led standard output or error to; it may have been led
/// elsewhere since, and it is inherited (systemd.exec(5)).
bool goes_to_systemd() {
  static const bool result = [] {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat own {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &own) != 0) return false;
    return fmt::format("{}:{}", own.st_dev, own.st_ino) == stream;
  }();
  return result;
}

bool start(const std::string& level) {
  // Who reads the log may go: a pipe without a reader is an error of write(), not our end.
  std::signal(SIGPIPE, SIG_IGN);
  auto logger =
      std::make_shared<spdlog::logger>("lastmiled", std::make_shared<PatientSink>(stderr));
  spdlog::set_default_logger(logger);
  if (goes_to_systemd()) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<SyslogPriority>('*').set_pattern("%*%v");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%H:%M:%S.%e %^%-5l%$ %v");
  }
  const auto wanted = spdlog::level::from_str(level);
  // spdlog answers "off" for a name that it does not know.
  if (wanted == spdlog::level::off && level != "off") return false;
  logger->set_level(wanted);
  logger->flush_on(spdlog::level::trace);
  return true;
}

}  // namespace lastmile::log
