#include "drivers/exception/owner_mark.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

namespace lastmile {
namespace {

// Field 22 of /proc/PID/stat (proc(5)); 0 if there is no such process. Fields are counted from
// behind the command's name, which may hold anything.
unsigned long long start_time(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::size_t at = text.rfind(')');
  if (at == std::string::npos) return 0;
  for (int field = 2; field < 22; ++field) {
    at = text.find(' ', at + 1);
    if (at == std::string::npos) return 0;
  }
  return std::strtoull(text.c_str() + at, nullptr, 10);
}

}  // namespace

std::string owner_mark() {
  return fmt::format("lastmile {} {}", ::getpid(), start_time(::getpid()));
}

Owner owner_of(std::string_view alias) {
  int pid = 0;
  unsigned long long started = 0;
  const std::string text(alias);
  if (std::sscanf(text.c_str(), "lastmile %d %llu", &pid, &started) != 2) return Owner::kStranger;
  return start_time(pid) == started ? Owner::kAlive : Owner::kDead;
}

}  // namespace lastmile
