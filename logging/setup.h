// Where log lines go: standard error, in a form fit for who reads it.
#pragma once

#include <string>

namespace lastmile::log {

/// Lines on a terminal carry time and level; under systemd the journal adds its own time, and the
/// level goes in front as it expects it (sd-daemon(3): "<6>text"). `level`: one of spdlog's names.
/// False if there is no such level. A reader that is slow or gone costs lines, not the program
/// (patient_sink.h), for which SIGPIPE is ignored. Call once, before any thread is started.
[[nodiscard]] bool start(const std::string& level);

/// Whether the lines go to systemd's journal. Any thread.
[[nodiscard]] bool goes_to_systemd();

}  // namespace lastmile::log
