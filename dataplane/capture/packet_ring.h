// Copies of packets on their way from one worker to the thread that writes them down.
//
//   // worker                                          // reader
//   if (std::uint8_t* at = ring.reserve(header)) {     while (auto packet = ring.front()) {
//     copy(at, header.kept);                             write(*packet);
//     ring.commit();                                     ring.pop();
//   }                                                  }
//
// Records have any length and lie in one piece: one that does not fit in front of the end of the
// storage leaves a gap there. One producer, one consumer, no locks. No DPDK here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "dataplane/capture/capture_point.h"
#include "dataplane/net/single_writer.h"

namespace lastmile {

/// What is known of a packet beside its octets.
struct CapturedHeader {
  std::uint64_t cycles = 0;  ///< when, by the worker's cycle counter
  std::uint32_t length = 0;  ///< of the frame
  std::uint32_t kept = 0;    ///< octets of it that were copied, the first ones
  CaptureInterface interface {};
  CapturePoint point = CapturePoint::kReceived;
  DropReason reason{};  ///< of what was dropped
};

/// One record as the reader sees it, until `pop`.
struct CapturedPacket {
  CapturedHeader header;
  std::span<const std::uint8_t> octets;
};

class PacketRing {
 public:
  /// `bytes` is rounded up to a power of two, and twice the longest record at least. All of it is
  /// touched now, so that no worker waits for the kernel to find a page.
  explicit PacketRing(std::size_t bytes);
  PacketRing(const PacketRing&) = delete;
  PacketRing& operator=(const PacketRing&) = delete;

  /// Longest copy.
  static constexpr std::uint32_t kMostOctets = 65'535;

  // ---- worker

  /// Where `header.kept` (at most kMostOctets) octets are to be written before `commit`; nullptr,
  /// and counted, if there is no room.
  [[nodiscard]] std::uint8_t* reserve(const CapturedHeader& header);
  /// Shows the reader what was reserved last.
  void commit() { tail_.value.store(reserved_, std::memory_order_release); }

  // ---- reader

  [[nodiscard]] std::optional<CapturedPacket> front();
  void pop();

  // ---- any thread

  /// Packets that found no room.
  [[nodiscard]] std::uint64_t lost() const { return lost_.read(); }

 private:
  struct alignas(64) Index {
    std::atomic<std::uint64_t> value{0};
  };

  [[nodiscard]] std::size_t left_in_lap(std::uint64_t at) const {
    return mask_ + 1 - static_cast<std::size_t>(at & mask_);
  }

  const std::size_t mask_;
  const std::unique_ptr<std::uint8_t[]> storage_;
  Index head_;                              // reader: writes; worker: reads
  Index tail_;                              // worker: writes; reader: reads
  alignas(64) std::uint64_t reserved_ = 0;  // worker only: the tail after commit
  SingleWriter lost_;                       // worker: writes; any thread: reads
  alignas(64) std::uint64_t next_ = 0;      // reader only: the head after pop
};

}  // namespace lastmile
