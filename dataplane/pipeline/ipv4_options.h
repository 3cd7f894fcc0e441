// IPv4 options: the slow stage of packets whose header is longer than 20 bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/pipeline/drop_reason.h"

namespace lastmile {

/// What is wrong with a packet's options.
struct Ipv4OptionFault {
  DropReason reason;
  std::uint8_t octet;  ///< of the options, in which it was found
};

/// Why a packet with these options must be dropped; nullopt: it goes on, options untouched.
///
/// Source routes are refused (RFC 7126 4.3, 4.4): nothing good uses them. Record route, timestamp
/// and router alert are passed on without taking part in them (RFC 7126 4.5 to 4.8 permit a router
/// to ignore them). A malformed list is dropped rather than passed to the next router.
[[nodiscard]] std::optional<Ipv4OptionFault> refuse_ipv4_options(
    std::span<const std::uint8_t> options);

}  // namespace lastmile
