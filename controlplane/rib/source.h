// Who offers paths. Each family of each incarnation of a BGP session is a source of its own: when a
// session ends, its sources *depart*, their paths are swept away in slices, and the next session of
// the same peer starts with fresh sources that the sweep can't touch. What a restarting peer had
// announced *stays* in its old sources until each path has been announced again, or not in time.
// The configuration's routes come from sources that never depart.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/rib/path.h"
#include "controlplane/rib/path_numbers.h"
#include "controlplane/rib/show.h"

namespace lastmile::rib {

template <class Address>
inline constexpr bgp::Family kFamilyOf =
    std::is_same_v<Address, Ipv4Address> ? bgp::Family::kIpv4Unicast : bgp::Family::kIpv6Unicast;

enum class SourceState : std::uint8_t {
  kFree,       ///< the number is not in use
  kActive,     ///< its paths count
  kStale,      ///< they still do: the peer is about to announce them again, or not
  kDeparting,  ///< its paths are being removed and count for nothing any more
};

struct Source {
  SourceState state = SourceState::kFree;
  SourceKind kind = SourceKind::kBgp;
  bgp::PeerId peer;  ///< BGP only, like all up to `address`
  bgp::Family family = bgp::Family::kIpv4Unicast;
  Incarnation incarnation;
  bool external = true;
  bgp::Asn asn;
  bgp::BgpIdentifier identifier;
  IpAddress address;
  PathCounts received{};
  PathCounts accepted{};

  bool last_choice = false;  ///< stale, and its paths have been made so (RFC 9494)

  /// Whether its paths take part in decisions.
  [[nodiscard]] bool counts() const {
    return state == SourceState::kActive || state == SourceState::kStale;
  }
  /// Which numbers its paths have, shared with the peer's other sources; null: it sends no path
  /// identifiers.
  std::shared_ptr<PathNumberTables> path_numbers;
  std::string name;        ///< the peer's, for policies
  std::uint32_t held = 0;  ///< paths in the tables; what a sweep has to bring to 0
};

class SourceTable {
 public:
  SourceId add(Source source) {
    source.state = SourceState::kActive;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i].state != SourceState::kFree) continue;
      sources_[i] = source;
      return SourceId{static_cast<std::uint16_t>(i)};
    }
    sources_.push_back(source);
    return SourceId{static_cast<std::uint16_t>(sources_.size() - 1)};
  }
  void free(SourceId id) { sources_[id.value()] = Source{}; }

  [[nodiscard]] Source& operator[](SourceId id) { return sources_[id.value()]; }
  [[nodiscard]] const Source& operator[](SourceId id) const { return sources_[id.value()]; }
  [[nodiscard]] std::size_t end() const { return sources_.size(); }

 private:
  std::vector<Source> sources_;
};

}  // namespace lastmile::rib
