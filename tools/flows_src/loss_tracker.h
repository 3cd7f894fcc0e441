// Which packets of a numbered flow were lost, and when: told as soon as it is known, so that a long
// test can hold each loss against what went on at that time.
//
//   LossTracker flow;
//   flow.take(sequence, sent_ns, [](const Loss& loss) { … });   // each packet, in any order
//   flow.finish([](const Loss& loss) { … });                    // at the end
//
// A packet that comes out of order, but within kWindow of the newest, is not lost; one that comes
// twice counts once.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace lastmile::flows {

/// Packets that are missing in a row, and when those around them were sent.
struct Loss {
  std::uint64_t first = 0;  ///< sequence number
  std::uint64_t count = 0;
  std::int64_t after_ns = 0;   ///< the one before them
  std::int64_t before_ns = 0;  ///< the one behind them

  friend bool operator==(const Loss&, const Loss&) = default;
};

class LossTracker {
 public:
  static constexpr std::uint64_t kWindow = 64;

  /// The first packet of a flow begins it: what was sent before is not asked for. False: it has
  /// come before.
  template <class Report>
  bool take(std::uint64_t sequence, std::int64_t sent_ns, Report report) {
    if (!began_) {
      began_ = true;
      base_ = end_ = sequence;
    }
    if (sequence < base_) {
      ++late_;
      return true;  // whether it comes a second time is not known any more
    }
    while (sequence >= base_ + kWindow) settle(report);
    end_ = std::max(end_, sequence + 1);
    std::optional<std::int64_t>& slot = window_[sequence % kWindow];
    if (slot) {
      ++duplicates_;
      return false;
    }
    slot = sent_ns;
    ++received_;
    return true;
  }

  /// No more will come: what is missing among those that came is lost.
  template <class Report>
  void finish(Report report) {
    while (base_ < end_) settle(report);
  }

  [[nodiscard]] std::uint64_t received() const { return received_; }  ///< each once
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }
  /// Came so late that they were told as lost, or a second time.
  [[nodiscard]] std::uint64_t late() const { return late_; }

 private:
  /// Decides about the oldest packet of the window.
  template <class Report>
  void settle(Report& report) {
    std::optional<std::int64_t>& slot = window_[base_ % kWindow];
    if (!slot) {
      if (missing_ == 0) first_missing_ = base_;
      ++missing_;
      ++lost_;
    } else {
      if (missing_ != 0) report(Loss{first_missing_, missing_, last_sent_ns_, *slot});
      missing_ = 0;
      last_sent_ns_ = *slot;
      slot.reset();
    }
    ++base_;
  }

  bool began_ = false;
  std::uint64_t base_ = 0, end_ = 0;  ///< the oldest that is not decided about; behind the newest
  std::array<std::optional<std::int64_t>, kWindow> window_;  ///< by sequence: when it was sent
  std::uint64_t missing_ = 0, first_missing_ = 0;            ///< in a row, up to base_
  std::int64_t last_sent_ns_ = 0;                            ///< of the last that came, before them
  std::uint64_t received_ = 0, lost_ = 0, duplicates_ = 0, late_ = 0;
};

}  // namespace lastmile::flows
