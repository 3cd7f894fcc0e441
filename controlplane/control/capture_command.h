// `lastmile capture`.
#pragma once

#include <functional>

#include "controlplane/capture/captures.h"
#include "controlplane/control/command_table.h"

namespace lastmile {

/// {"of": PORT|"any"|"drops", "filter": [[CODE, JT, JF, K]...], "snap": OCTETS, "packets": N,
///  "bytes": N, "seconds": N}; all but "of" may be left out. A filter is a program of classic BPF,
/// as `tcpdump -ddd` prints it.
[[nodiscard]] tl::expected<CaptureRequest, std::string> capture_request(const Json& args);

/// `start` is asked on the control thread, with a request that is whole.
void add_capture_command(
    CommandTable& table,
    std::function<tl::expected<TakeOver, std::string>(const CaptureRequest&)> start);

}  // namespace lastmile
