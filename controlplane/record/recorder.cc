#include "controlplane/record/recorder.h"

#include <fmt/format.h>

#include <utility>

#include "controlplane/record/recorder_fields.h"
#include "controlplane/rib/plane_decorator.h"

namespace lastmile::record {

template <class... Ts>
void Recorder::answered(Answer kind, const Ts&... values) {
  if (!handling_) return;
  FieldWriter out(answers_);
  out(kind, values...);
}

class Recorder::RecordedTransport final : public Transport {
 public:
  RecordedTransport(Recorder& recorder, Transport& inner) : recorder_(recorder), inner_(inner) {}

  ConnectionId connect(const Endpoint& remote, const ConnectOptions& options) override {
    const ConnectionId id = inner_.connect(remote, options);
    recorder_.answered(Answer::kConnect, id);
    return id;
  }
  void set_hop_limits(ConnectionId connection, const HopLimits& hops) override {
    inner_.set_hop_limits(connection, hops);
  }
  bool set_password(const IpPrefix& remote, const std::string& password) override {
    const bool can = inner_.set_password(remote, password);
    recorder_.answered(Answer::kSetPassword, std::uint8_t{can});
    return can;
  }
  void send(ConnectionId connection, std::vector<std::uint8_t> bytes) override {
    inner_.send(connection, std::move(bytes));
  }
  std::size_t queued(ConnectionId connection) const override {
    const std::size_t bytes = inner_.queued(connection);
    recorder_.answered(Answer::kQueued, bytes);
    return bytes;
  }
  void close(ConnectionId connection) override { inner_.close(connection); }

 private:
  Recorder& recorder_;
  Transport& inner_;
};

class Recorder::RecordedPlane final : public rib::PlaneDecorator {
 public:
  RecordedPlane(Recorder& recorder, rib::ForwardingPlane& inner)
      : PlaneDecorator(inner), recorder_(recorder) {}

  tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec& spec) override {
    return noted(Answer::kNextHop, PlaneDecorator::add_next_hop(spec));
  }
  tl::expected<GroupId, FibError> acquire_group(const GroupSpec& spec,
                                                std::optional<GroupId> resemble) override {
    return noted(Answer::kGroup, PlaneDecorator::acquire_group(spec, resemble));
  }
  FibSequence set_route(const IpPrefix& prefix, GroupId group) override {
    return sequence(Answer::kSequence, PlaneDecorator::set_route(prefix, group));
  }
  FibSequence remove_route(const IpPrefix& prefix) override {
    return sequence(Answer::kSequence, PlaneDecorator::remove_route(prefix));
  }
  FibSequence applied() const override {
    return sequence(Answer::kApplied, PlaneDecorator::applied());
  }
  std::vector<FibFailure> take_failures() override {
    std::vector<FibFailure> failures = PlaneDecorator::take_failures();
    recorder_.answered(Answer::kFailures, failures);
    return failures;
  }

 private:
  template <class Id>
  tl::expected<Id, FibError> noted(Answer kind, tl::expected<Id, FibError> result) {
    const std::optional<FibError> error =
        result ? std::nullopt : std::optional<FibError>{result.error()};
    recorder_.answered(kind, error, result.value_or(Id{}));
    return result;
  }
  FibSequence sequence(Answer kind, FibSequence value) const {
    recorder_.answered(kind, value);
    return value;
  }

  Recorder& recorder_;
};

Recorder::Recorder(std::unique_ptr<RecordingFile> file) : file_(std::move(file)) {}

Recorder::~Recorder() {
  if (handling_) handled();
  file_->append(FrameKind::kEnd, "the router ended");
}

tl::expected<std::unique_ptr<Recorder>, std::string> Recorder::create(const std::string& path,
                                                                      const Beginning& beginning,
                                                                      const ConfigSource& source) {
  auto file = RecordingFile::create(path);
  if (!file) return tl::unexpected(file.error());
  std::unique_ptr<Recorder> recorder{new Recorder{std::move(*file)}};
  recorder->config(source);
  recorder->input(FrameKind::kBegin, beginning);
  return recorder;
}

Transport& Recorder::transport(Transport& inner) {
  transport_ = std::make_unique<RecordedTransport>(*this, inner);
  return *transport_;
}

rib::ForwardingPlane& Recorder::plane(rib::ForwardingPlane& inner) {
  plane_ = std::make_unique<RecordedPlane>(*this, inner);
  return *plane_;
}

template <class... Ts>
void Recorder::input(FrameKind kind, const Ts&... values) {
  payload_.clear();
  FieldWriter out(payload_);
  out(values...);
  file_->append(kind, payload_);
  handling_ = true;
}

void Recorder::config(const ConfigSource& source) {
  ConfigSource safe = source;
  for (auto& [path, secret] : safe.secrets) {
    while (secret.ends_with('\n') || secret.ends_with('\r')) secret.pop_back();
    if (secret.empty()) continue;
    const auto number = static_cast<unsigned>(secrets_.size() + 1);
    secret = fmt::format("secret {}", secrets_.try_emplace(secret, number).first->second);
  }
  payload_.clear();
  FieldWriter out(payload_);
  out(safe);
  file_->append(FrameKind::kConfig, payload_);
}

void Recorder::checkpoint(std::uint64_t hash, TimePoint now) {
  payload_.clear();
  FieldWriter out(payload_);
  out(now, hash);
  file_->append(FrameKind::kCheckpoint, payload_);
}

void Recorder::started(TimePoint now) {
  input(FrameKind::kStart, now);
}

void Recorder::event(const Event& event) {
  input(FrameKind::kEvent, event.at, event.what);
}

void Recorder::applied(const Config& wanted, TimePoint now) {
  std::vector<Overlay> overlays;
  for (const BgpNeighborConfig& neighbor : wanted.bgp.neighbors) {
    overlays.push_back({std::uint8_t{neighbor.graceful_shutdown}, std::uint8_t{neighbor.shutdown},
                        neighbor.shutdown_message});
  }
  input(FrameKind::kApply, now, overlays);
}

void Recorder::service(const std::string& name, ServiceOverride wanted, TimePoint now) {
  input(FrameKind::kService, now, name, wanted);
}

void Recorder::stopped(const std::string& reason, TimePoint now) {
  input(FrameKind::kStop, now, reason);
}

void Recorder::handled() {
  handling_ = false;
  file_->append(FrameKind::kAnswers, answers_);
  answers_.clear();
}

}  // namespace lastmile::record
