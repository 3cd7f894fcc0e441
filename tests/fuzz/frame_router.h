// The routers that frames are sent through: each is a worker's loop over devices whose wires the
// fuzzer holds, made once for the program. All are in one network, so they have their tables, ports
// and devices in common; each has what its kind says, and counts for itself.
//
//   Router router{RouterKind::kVlans};
//   const Outcome outcome = router.receive(arrival, Around::kLikely);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/capture/capture_point.h"
#include "dataplane/worker/event_ring.h"
#include "tests/support/packet_builder.h"

struct rte_mbuf;

namespace lastmile::fuzz {

/// What a router has beside ports, their twins and lm0.
enum class RouterKind : std::uint8_t {
  kOpen,      ///< nothing: forwards between all of them, asks one port's senders a little
  kVlans,     ///< VLANs on the first device
  kHostMode,  ///< no transit between uplinks, strict source checks
  kSegments,  ///< lm0 by segments (dataplane/segments)
  kCaptured,  ///< captures of traffic and of drops
  kBfd,       ///< BFD sessions over one hop and over several
};
inline constexpr std::size_t kRouterKinds = 6;

/// Where a frame comes in.
enum class Way : std::uint8_t { kPort0, kPort1, kHost, kTwin };

struct Arrival {
  Way way{};
  /// The device took a VLAN tag off (number 2), and says so.
  bool tag_taken_off = false;
  test::Bytes frame;
  /// Lengths of its first segments; the last of them counts for all that follow. Empty: one.
  std::vector<std::uint16_t> segments;

  /// Octets of its first segment.
  [[nodiscard]] std::size_t first_segment() const;
};

/// What lies in buffers in front of a frame and behind its segments' ends. No sanitizer knows these
/// ends: the buffers are parts of one mapping of DPDK's. But whoever reads there does something
/// else with the one than with the other.
enum class Around : std::uint8_t {
  kLikely,    ///< what follows the segment in the frame, so that it looks as if it were one; zeros
  kUnlikely,  ///< the complement of these
};

/// What a frame led to. Nothing in it depends on what is no part of the frame.
struct Outcome {
  struct Sent {
    std::uint8_t device;
    test::Bytes frame;
    friend bool operator==(const Sent&, const Sent&) = default;
  };
  struct Captured {
    CaptureInterface interface;
    CapturePoint point;
    DropReason reason;
    std::uint32_t length;
    test::Bytes octets;
    friend bool operator==(const Captured&, const Captured&) = default;
  };

  std::vector<Sent> sent;
  std::vector<Captured> captured;
  std::vector<WorkerEvent> events;
  /// All that the worker has counted since it began, but time.
  std::vector<std::uint64_t> counted;
};

class Router {
 public:
  /// Starts EAL. Lives as long as the program, as its devices do.
  explicit Router(RouterKind kind);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// Sends a frame through, and waits for all that comes of it. Aborts the program if something
  /// leaves that is not sound, or a buffer is lost.
  Outcome receive(const Arrival& arrival, Around around);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lastmile::fuzz
