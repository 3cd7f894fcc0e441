// Captures that run: each on a thread of its own, which takes packets from the workers' rings and
// writes them, as pcapng, to the connection of whoever asked (protocol: controlplane/control).
//
//   auto capture = captures.prepare(request);        // the control thread
//   if (!capture) refuse(capture.error());
//   (*capture)(std::move(connection));               // from here on it answers there by itself
//
// The control thread does no more than that, so neither packets nor a slow reader hold it up. A
// capture ends at one of its limits, when its reader has gone or asks for it (shuts down its side
// of the connection), and with the router.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "dataplane/capture/capture_board.h"
#include "dataplane/net/file_descriptor.h"

namespace lastmile {

/// What the operator asks for.
struct CaptureRequest {
  std::string of;  ///< a port, the host interface, "any" of these, or "drops"
  PacketFilter filter{};
  std::uint32_t snap = PacketRing::kMostOctets;  ///< octets of a packet that are kept
  // When it ends.
  std::uint64_t packets = 100'000;
  std::uint64_t bytes = 100'000'000;  ///< of the file
  std::chrono::seconds time{600};
};

/// Control thread only.
class Captures {
 public:
  struct Interface {
    CaptureInterface id{};
    std::string name{};
    std::string description{};
  };
  struct Outside {
    CaptureBoard& board;  ///< outlives this
    unsigned workers = 1;
    std::vector<Interface> interfaces{};      ///< ports and the host interface
    std::function<std::uint64_t()> cycles{};  ///< the workers' cycle counter; any thread
    std::uint64_t cycles_per_second = 0;
    std::string application{};                      ///< for the file: who wrote it
    std::size_t ring_bytes = std::size_t{8} << 20;  ///< for each worker and capture
  };
  /// Takes a connection over and answers on it.
  using Start = std::function<void(FileDescriptor connection)>;

  explicit Captures(Outside outside);
  /// Ends all, and waits for them: their readers are told.
  ~Captures();
  Captures(const Captures&) = delete;
  Captures& operator=(const Captures&) = delete;

  /// The error is a sentence. What is returned must be called before the next `prepare`, and while
  /// this lives, or not at all.
  [[nodiscard]] tl::expected<Start, std::string> prepare(const CaptureRequest& request);

 private:
  class Session;

  [[nodiscard]] tl::expected<std::vector<Interface>, std::string> interfaces_of(
      const std::string& name) const;

  const Outside outside_;
  std::vector<std::unique_ptr<Session>> sessions_;
};

}  // namespace lastmile
