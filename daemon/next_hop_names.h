// What the kinds of next hops, and the causes of their death, are called.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/forwarding/spec.h"

namespace lastmile {

[[nodiscard]] constexpr const char* name_of(NextHopKind kind) {
  switch (kind) {
    case NextHopKind::kForward:
      return "forward";
    case NextHopKind::kUnresolved:
      return "unresolved";
    case NextHopKind::kGlean:
      return "glean";
    case NextHopKind::kLocalHost:
      return "host";
    case NextHopKind::kLocalPort:
      return "twin";
    case NextHopKind::kBlackhole:
      return "blackhole";
    case NextHopKind::kUnreachable:
      return "unreachable";
    case NextHopKind::kBroadcast:
      return "broadcast";
  }
  return "";
}

inline constexpr std::array<std::pair<DownCause, const char*>, 3> kDownCauseNames{
    {{DownCause::kLink, "link"}, {DownCause::kBfd, "bfd"}, {DownCause::kRouting, "routing"}}};

/// "link", "bfd", "routing"; `down`: DownCause bits.
[[nodiscard]] inline std::vector<std::string> names_of_causes(std::uint8_t down) {
  std::vector<std::string> names;
  for (const auto& [cause, name] : kDownCauseNames) {
    if ((down & static_cast<std::uint8_t>(cause)) != 0) names.emplace_back(name);
  }
  return names;
}

}  // namespace lastmile
