#include "logging/log.h"

#include <spdlog/spdlog.h>

namespace lastmile::log {
namespace {

constexpr spdlog::level::level_enum of(Level level) {
  return static_cast<spdlog::level::level_enum>(level);
}
static_assert(of(Level::kTrace) == spdlog::level::trace && of(Level::kOff) == spdlog::level::off);

}  // namespace

void set_level(Level level) {
  spdlog::set_level(of(level));
}

bool is_enabled(Level level) {
  return spdlog::should_log(of(level));
}

void write(Level level, std::string_view line) {
  spdlog::default_logger_raw()->log(of(level), line);
}

}  // namespace lastmile::log
