// Metrics as text, in the format of OpenMetrics 1.0 or in the older one of Prometheus (0.0.4).
//
//   MetricsText text{MetricsFormat::kOpenMetrics};
//   text.family(MetricKind::kCounter, "lastmile_port_receive_packets", "Packets that ...");
//   text.sample({{"port", "up1"}}, 17);
//   send(text.finish());
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace lastmile {

enum class MetricsFormat : std::uint8_t { kOpenMetrics, kPrometheus };
enum class MetricKind : std::uint8_t { kGauge, kCounter };

/// The Content-Type of a format.
[[nodiscard]] std::string_view content_type(MetricsFormat format);

class MetricsText {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::initializer_list<Label>;

  explicit MetricsText(MetricsFormat format) : format_(format) {}

  /// Begins a family; its samples follow. `name` without "_total", which counters get by their
  /// kind. A family without samples leaves no trace.
  void family(MetricKind kind, std::string_view name, std::string_view help);
  void sample(Labels labels, std::uint64_t value);
  void sample(Labels labels, double value);

  /// The whole text; the object is empty afterwards.
  [[nodiscard]] std::string finish();

 private:
  void begin_sample(Labels labels);

  MetricsFormat format_;
  MetricKind kind_ = MetricKind::kGauge;
  std::string name_;
  std::string head_;  ///< of the family; written in front of its first sample
  std::string out_;
};

}  // namespace lastmile
