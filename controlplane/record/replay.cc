#include "controlplane/record/replay.h"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "controlplane/config/differences.h"
#include "controlplane/control_plane.h"
#include "controlplane/record/dump.h"
#include "controlplane/record/frame.h"
#include "controlplane/record/recorder_fields.h"
#include "dataplane/bfd/status.h"

namespace lastmile::record {
namespace {

/// The answers to one input, in the order in which they were asked for.
class Answers {
 public:
  /// nullopt: the recording ends within this input, so that answers are made up.
  void begin(const std::optional<std::string>& recorded) {
    made_up_ = !recorded;
    recorded_ = recorded.value_or("");
    in_.emplace(recorded_);
    wrong_.clear();
  }
  /// What the control plane asked for in vain, or did not ask for; empty: all went as recorded.
  [[nodiscard]] std::string end() {
    if (wrong_.empty() && !made_up_ && !in_->empty()) {
      wrong_ = "the recorded control plane asked for more than this one";
    }
    made_up_ = true;  // what is asked between inputs (by dump()) is not recorded
    return wrong_;
  }

  /// False: there is none, and the caller makes one up.
  template <class... Ts>
  bool take(Answer kind, Ts&... values) {
    if (made_up_ || !wrong_.empty()) return false;
    Answer recorded{};
    (*in_)(recorded);
    if (in_->good() && recorded == kind) (*in_)(values...);
    if (in_->good() && recorded == kind) return true;
    wrong_ = "this control plane asks for something else than the recorded one";
    return false;
  }

 private:
  bool made_up_ = true;
  std::string recorded_;
  std::optional<FieldReader> in_;
  std::string wrong_;
};

class ReplayTransport final : public Transport {
 public:
  explicit ReplayTransport(Answers& answers) : answers_(answers) {}

  ConnectionId connect(const Endpoint&, const ConnectOptions&) override {
    ConnectionId id;
    if (!answers_.take(Answer::kConnect, id)) id = ConnectionId{next_--};
    return id;
  }
  void set_hop_limits(ConnectionId, const HopLimits&) override {}
  bool set_password(const IpPrefix&, const std::string&) override {
    std::uint8_t can = 1;
    (void)answers_.take(Answer::kSetPassword, can);
    return can != 0;
  }
  void send(ConnectionId, std::vector<std::uint8_t>) override {}
  std::size_t queued(ConnectionId) const override {
    std::uint64_t bytes = 0;
    (void)answers_.take(Answer::kQueued, bytes);
    return bytes;
  }
  void close(ConnectionId) override {}

 private:
  Answers& answers_;
  std::uint64_t next_ = UINT64_MAX;  ///< of those made up
};

class ReplayPlane final : public rib::ForwardingPlane {
 public:
  explicit ReplayPlane(Answers& answers) : answers_(answers) {}

  tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec&) override {
    return identifier<NextHopId>(Answer::kNextHop);
  }
  void update_next_hop(NextHopId, const NextHopSpec&) override {}
  void release_next_hop(NextHopId) override {}
  void set_down(NextHopId, DownCause) override {}
  void clear_down(NextHopId, DownCause) override {}
  bool is_alive(NextHopId) const override { return true; }
  tl::expected<GroupId, FibError> acquire_group(const GroupSpec&, std::optional<GroupId>) override {
    return identifier<GroupId>(Answer::kGroup);
  }
  void release_group(GroupId) override {}
  FibSequence set_route(const IpPrefix&, GroupId) override { return sequence(); }
  FibSequence remove_route(const IpPrefix&) override { return sequence(); }
  void poll() override {}
  void flush() override {}
  FibSequence applied() const override {
    (void)answers_.take(Answer::kApplied, applied_);
    return applied_;
  }
  std::vector<FibFailure> take_failures() override {
    std::vector<FibFailure> failures;
    (void)answers_.take(Answer::kFailures, failures);
    return failures;
  }

 private:
  template <class Id>
  tl::expected<Id, FibError> identifier(Answer kind) {
    std::optional<FibError> error;
    Id id{};
    if (!answers_.take(kind, error, id)) return Id{next_--};
    if (error) return tl::unexpected(*error);
    return id;
  }
  FibSequence sequence() {
    if (!answers_.take(Answer::kSequence, submitted_)) ++submitted_;
    return submitted_;
  }

  Answers& answers_;
  FibSequence submitted_ = 0;
  mutable FibSequence applied_ = 0;
  std::uint16_t next_ = UINT16_MAX;  ///< of those made up
};

class NoTimers final : public Timers {
 public:
  void arm(TimerKey, Duration) override {}
  void cancel(TimerKey) override {}
};

class NoNeighborhood final : public Neighborhood {
 public:
  void send_router_advertisement(PortId, std::optional<Ipv6Address>) override {}
  void send_router_solicitation(PortId) override {}
  void resolve(PortId, const IpAddress&) override {}
};

class NoChecker final : public HealthChecker {
 public:
  void check(ServiceId, std::uint32_t, const ServiceCheck&, const IpAddress&) override {}
};

class NoBfd final : public BfdPlane {
 public:
  void submit(PortId, const bfd::Command&) override {}
  const bfd::SessionStatus& status(PortId, bfd::SessionId) const override { return status_; }

 private:
  bfd::SessionStatus status_{};
};

/// The port that an event is about, if it names one.
std::optional<PortId> port_of(const Event& event) {
  return std::visit(
      [](const auto& what) -> std::optional<PortId> {
        if constexpr (requires { PortId{what.port}; }) return what.port;
        if constexpr (requires { what.remote.port; }) return what.remote.port;
        return std::nullopt;
      },
      event.what);
}

class Replay {
 public:
  Replay(FrameReader frames, Replayed& result) : frames_(std::move(frames)), result_(result) {}

  void run() {
    while (!result_.error && advance()) step();
    if (!result_.error) result_.error = broken_;
    if (control_ && result_.checkpoints == 0) result_.dump = dump(*control_, *config_, now_);
  }

 private:
  /// Whether there is another frame; it is in `frame_`.
  bool advance() {
    if (ahead_) {
      frame_ = std::move(*std::exchange(ahead_, std::nullopt));
      return true;
    }
    auto next = read();
    if (!next) return false;
    frame_ = std::move(*next);
    return true;
  }
  std::optional<Frame> read() {
    if (ended_) return std::nullopt;
    auto next = frames_.next();
    ended_ = !next || !*next;
    if (next) return std::move(*next);
    broken_ = next.error();
    return std::nullopt;
  }

  template <class... Ts>
  bool fields_of(Ts&... values) {
    FieldReader in(frame_.payload);
    in(values...);
    if (in.good() && in.empty()) return true;
    fail("its payload is not that of this kind of frame");
    return false;
  }
  void fail(std::string_view what) {
    result_.error = frames_.complaint(frame_.position,
                                      fmt::format("{} frame: {}", to_string(frame_.kind), what));
  }

  /// Hands an input to the control plane, with the answers that follow it in the file.
  template <class Function>
  void input(Function&& function) {
    ahead_ = read();
    std::optional<std::string> recorded;
    if (ahead_ && ahead_->kind == FrameKind::kAnswers) {
      recorded = std::move(ahead_->payload);
      ahead_.reset();
    }
    if (ahead_ && !recorded) return fail("no answers follow it");
    answers_.begin(recorded);
    function();
    const std::string wrong = answers_.end();
    ++result_.inputs;
    if (!wrong.empty()) fail(wrong);
  }

  void step() {
    switch (frame_.kind) {
      case FrameKind::kConfig:
        return config();
      case FrameKind::kBegin:
        return begin();
      case FrameKind::kEnd:
        result_.end = frame_.payload;
        return;
      case FrameKind::kAnswers:
        return fail("answers to nothing");
      default:
        break;
    }
    if (!control_) return fail("an input before the beginning");
    switch (frame_.kind) {
      case FrameKind::kStart:
        if (fields_of(now_)) input([&] { control_->start(now_); });
        return;
      case FrameKind::kEvent: {
        Event event;
        if (!fields_of(event.at, event.what)) return;
        if (const auto port = port_of(event); port && port->value() >= config_->ports.size()) {
          return fail("a port without configuration");
        }
        now_ = event.at;
        return input([&] { control_->handle(event); });
      }
      case FrameKind::kApply:
        return apply();
      case FrameKind::kService: {
        std::string name;
        ServiceOverride wanted{};
        if (!fields_of(now_, name, wanted)) return;
        // Its answer was for the operator.
        return input([&] { (void)control_->set_service(name, wanted, now_); });
      }
      case FrameKind::kStop: {
        std::string reason;
        if (fields_of(now_, reason)) input([&] { control_->stop(reason, now_); });
        return;
      }
      case FrameKind::kCheckpoint:
        return checkpoint();
      default:
        return;
    }
  }

  void config() {
    ConfigSource source;
    if (!fields_of(source)) return;
    auto parsed = parse_config(source);
    if (!parsed) {
      return fail("its configuration is not good for this program: " +
                  to_string(parsed.error().front()));
    }
    wanted_ = std::make_unique<Config>(std::move(*parsed));
  }

  void begin() {
    Beginning beginning;
    if (!fields_of(beginning)) return;
    if (control_ || !wanted_) return fail("a beginning in the wrong place");
    result_.program = beginning.program;
    now_ = beginning.at;
    config_ = std::move(wanted_);
    for (const ControlPlane::Port& port : beginning.ports) {
      if (port.id.value() >= config_->ports.size()) return fail("a port without configuration");
    }
    input([&] {
      control_ = std::make_unique<ControlPlane>(
          *config_, beginning.ports, plane_,
          ControlPlane::Outside{transport_, timers_, neighborhood_, bfd_, checker_, journal_},
          beginning.run);
    });
  }

  void apply() {
    std::vector<Overlay> overlays;
    if (!fields_of(now_, overlays)) return;
    // As the recorded router did: what is made for some ports knows no others.
    if (wanted_ && !config::restart_needed(*config_, *wanted_).empty()) {
      return fail("a configuration that no running router takes up");
    }
    Config laid_over = wanted_ ? *wanted_ : *config_;
    std::vector<BgpNeighborConfig>& neighbors = laid_over.bgp.neighbors;
    if (overlays.size() != neighbors.size()) return fail("neighbors that no configuration has");
    for (std::size_t i = 0; i < overlays.size(); ++i) {
      neighbors[i].graceful_shutdown = overlays[i].graceful_shutdown != 0;
      neighbors[i].shutdown = overlays[i].shutdown != 0;
      neighbors[i].shutdown_message = overlays[i].shutdown_message;
    }
    input([&] { control_->apply(laid_over, now_); });
    if (wanted_) *config_ = std::move(*wanted_);
    wanted_.reset();
  }

  void checkpoint() {
    std::uint64_t hash = 0;
    if (!fields_of(now_, hash)) return;
    result_.dump = dump(*control_, *config_, now_);
    if (hash_of(result_.dump) != hash)
      return fail("sessions or routes differ from the recorded ones");
    ++result_.checkpoints;
  }

  FrameReader frames_;
  Replayed& result_;
  Frame frame_;
  std::optional<Frame> ahead_;
  bool ended_ = false;
  std::optional<std::string> broken_;

  Answers answers_;
  ReplayTransport transport_{answers_};
  ReplayPlane plane_{answers_};
  NoTimers timers_;
  NoNeighborhood neighborhood_;
  NoBfd bfd_;
  NoChecker checker_;
  Journal journal_;
  TimePoint now_;
  std::unique_ptr<Config> config_, wanted_;
  std::unique_ptr<ControlPlane> control_;
};

}  // namespace

Replayed replay(const std::string& path) {
  Replayed result;
  auto frames = FrameReader::open(path);
  if (!frames) {
    result.error = frames.error();
    return result;
  }
  Replay run{std::move(*frames), result};
  run.run();
  return result;
}

}  // namespace lastmile::record
