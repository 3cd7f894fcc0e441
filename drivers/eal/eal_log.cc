#include "drivers/eal/eal_log.h"

#include <rte_log.h>

#include <cstdio>
#include <string_view>

#include "logging/log.h"

namespace lastmile {
namespace {

// Collector of the DpdkLogCapture that lives on this thread, if any.
thread_local std::vector<std::string>* t_capture = nullptr;

log::Level level_of(int dpdk_level) {
  switch (dpdk_level) {
    case RTE_LOG_EMERG:
    case RTE_LOG_ALERT:
    case RTE_LOG_CRIT:
      return log::Level::kCritical;
    case RTE_LOG_ERR:
      return log::Level::kError;
    case RTE_LOG_WARNING:
      return log::Level::kWarn;
    case RTE_LOG_NOTICE:
    case RTE_LOG_INFO:
      return log::Level::kDebug;
    default:
      return log::Level::kTrace;
  }
}

void log_line(std::string_view line, int dpdk_level) {
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
  if (line.empty()) return;
  auto level = level_of(dpdk_level);
  if (t_capture != nullptr && level >= log::Level::kWarn) {
    if (level >= log::Level::kError) t_capture->emplace_back(line);
    level = log::Level::kDebug;
  }
  log::write(level, "dpdk: {}", line);
}

ssize_t write_log(void*, const char* buffer, std::size_t size) {
  std::string_view text(buffer, size);
  const int level = rte_log_cur_msg_loglevel();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    log_line(text.substr(0, end), level);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

void redirect_dpdk_log() {
  cookie_io_functions_t functions{};
  functions.write = write_log;
  // DPDK keeps the stream for as long as the process runs and never closes it.
  if (std::FILE* stream = ::fopencookie(nullptr, "w", functions)) rte_openlog_stream(stream);
}

DpdkLogCapture::DpdkLogCapture() {
  t_capture = &lines_;
}

DpdkLogCapture::~DpdkLogCapture() {
  t_capture = nullptr;
}

std::string DpdkLogCapture::reason(const std::string& otherwise) const {
  // Drivers report from the inside out; the first lines know most.
  std::string text;
  std::size_t used = 0;
  for (std::string_view line : lines_) {
    if (const auto colon = line.find("(): "); colon != std::string_view::npos) {
      line.remove_prefix(colon + 4);
    }
    if (line.rfind("EAL: ", 0) == 0) line.remove_prefix(5);
    if (text.find(line) != std::string::npos) continue;
    if (used++ == 2) break;
    if (!text.empty()) text += "; ";
    text += line;
  }
  return text.empty() ? otherwise : text;
}

}  // namespace lastmile
