#include "controlplane/telemetry/metrics_text.h"

#include <fmt/format.h>

namespace lastmile {
namespace {

/// Backslash, end of line, and in labels the quote. What else comes from outside (a neighbor's
/// description) is UTF-8 already or no matter.
void append_escaped(std::string_view text, bool quotes, std::string& out) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

}  // namespace

std::string_view content_type(MetricsFormat format) {
  return format == MetricsFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

void MetricsText::family(MetricKind kind, std::string_view name, std::string_view help) {
  kind_ = kind;
  name_ = name;
  const bool counter = kind == MetricKind::kCounter;
  if (counter) name_ += "_total";
  // OpenMetrics names the family, the older format the sample.
  const std::string_view named = format_ == MetricsFormat::kOpenMetrics ? name : name_;
  head_ = fmt::format("# HELP {} ", named);
  append_escaped(help, format_ == MetricsFormat::kOpenMetrics, head_);
  head_ += fmt::format("\n# TYPE {} {}\n", named, counter ? "counter" : "gauge");
}

void MetricsText::begin_sample(Labels labels) {
  out_ += head_;
  head_.clear();
  out_ += name_;
  char before = '{';
  for (const auto& [name, value] : labels) {
    out_ += before;
    out_ += name;
    out_ += "=\"";
    append_escaped(value, true, out_);
    out_ += '"';
    before = ',';
  }
  out_ += labels.size() == 0 ? " " : "} ";
}

void MetricsText::sample(Labels labels, std::uint64_t value) {
  begin_sample(labels);
  fmt::format_to(std::back_inserter(out_), "{}\n", value);
}

void MetricsText::sample(Labels labels, double value) {
  begin_sample(labels);
  fmt::format_to(std::back_inserter(out_), "{}\n", value);
}

std::string MetricsText::finish() {
  if (format_ == MetricsFormat::kOpenMetrics) out_ += "# EOF\n";
  head_.clear();
  return std::exchange(out_, {});
}

}  // namespace lastmile
