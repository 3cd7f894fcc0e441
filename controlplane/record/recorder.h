// Writes down everything that a control plane is told, so that replay.h can tell it again.
//
//   auto recorder = Recorder::create("/var/tmp/run.rec", {version, now, run, ports}, source);
//   ControlPlane control(config, ports, (*recorder)->plane(fib),
//                        {(*recorder)->transport(real), timers, ..., recorder->get()}, run);
//   (*recorder)->handled();                       // the constructor is the first input
//   ...
//   (*recorder)->config(source);                  // before ControlPlane::apply
//
// Secrets are never written: a configuration goes in as its text, and what stands in the files that
// it names is replaced by a number, the same for the same secret.
//
// Control thread only; no call waits for the disk (recording_file.h).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/source.h"
#include "controlplane/control_plane.h"
#include "controlplane/event/input_log.h"
#include "controlplane/record/recording_file.h"

namespace lastmile::record {

/// What a run begins with.
struct Beginning {
  std::string program;  ///< "lastmiled 0.1.0"
  TimePoint at;
  ControlPlane::Beginning run;
  std::vector<ControlPlane::Port> ports;
};

/// What a drain lays over a neighbor of the configuration.
struct Overlay {
  std::uint8_t graceful_shutdown = 0;
  std::uint8_t shutdown = 0;
  std::string shutdown_message;
};

/// What was asked of the outside and answered. In the order of their numbers in the file.
enum class Answer : std::uint8_t {
  kConnect,
  kQueued,
  kSetPassword,
  kNextHop,
  kGroup,
  kSequence,
  kApplied,
  kFailures,
};

class Recorder final : public InputLog {
 public:
  /// Renames a file that is there (see RecordingFile::create).
  [[nodiscard]] static tl::expected<std::unique_ptr<Recorder>, std::string> create(
      const std::string& path, const Beginning& beginning, const ConfigSource& source);
  ~Recorder() override;

  /// The same with its answers written down; both outlive the recorder's last input.
  [[nodiscard]] Transport& transport(Transport& inner);
  [[nodiscard]] rib::ForwardingPlane& plane(rib::ForwardingPlane& inner);

  /// The configuration of the next apply(), if it is another one.
  void config(const ConfigSource& source);
  /// A replay has to arrive at the same dump (dump.h) here.
  void checkpoint(std::uint64_t hash, TimePoint now);

  void started(TimePoint now) override;
  void event(const Event& event) override;
  void applied(const Config& wanted, TimePoint now) override;
  void service(const std::string& name, ServiceOverride wanted, TimePoint now) override;
  void stopped(const std::string& reason, TimePoint now) override;
  void handled() override;

  /// For the wrapped interfaces.
  template <class... Ts>
  void answered(Answer kind, const Ts&... values);

 private:
  class RecordedTransport;
  class RecordedPlane;
  explicit Recorder(std::unique_ptr<RecordingFile> file);
  template <class... Ts>
  void input(FrameKind kind, const Ts&... values);

  std::unique_ptr<RecordingFile> file_;
  std::unique_ptr<RecordedTransport> transport_;
  std::unique_ptr<RecordedPlane> plane_;
  std::map<std::string, unsigned> secrets_;  ///< the number of each
  std::string payload_, answers_;            ///< kept for their memory
  /// What is asked at other times (`show`) is no part of the run.
  bool handling_ = true;
};

}  // namespace lastmile::record
