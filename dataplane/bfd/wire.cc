#include "dataplane/bfd/wire.h"
#include "dataplane/net/headers.h"

namespace lastmile::bfd {
namespace {

namespace octet {
// Octets of the packet (RFC 5880 section 4.1).
constexpr std::size_t kVersionAndDiagnostic = 0;
constexpr std::size_t kStateAndFlags = 1;
constexpr std::size_t kMultiplier = 2;
constexpr std::size_t kLength = 3;
constexpr std::size_t kMyDiscriminator = 4;
constexpr std::size_t kYourDiscriminator = 8;
constexpr std::size_t kDesiredMinTx = 12;
constexpr std::size_t kRequiredMinRx = 16;
constexpr std::size_t kRequiredMinEchoRx = 20;
}  // namespace octet

constexpr std::uint8_t kMultipointBit = 0x01;
/// With the authentication section's type and length.
constexpr std::size_t kLeastAuthenticated = 26;

struct FlagBit {
  std::uint8_t mask;
  bool Flags::*flag;
};
constexpr std::array kFlagBits{
    FlagBit{0x20, &Flags::poll},
    FlagBit{0x10, &Flags::final},
    FlagBit{0x08, &Flags::control_plane_independent},
    FlagBit{0x04, &Flags::authenticated},
    FlagBit{0x02, &Flags::demand},
};

}  // namespace

tl::expected<ControlPacket, Refusal> decode(std::span<const std::uint8_t> payload) {
  if (payload.size() < kControlSize) return tl::unexpected(Refusal::kTooShort);
  if (payload[octet::kVersionAndDiagnostic] >> 5U != kVersion) {
    return tl::unexpected(Refusal::kBadVersion);
  }
  ControlPacket packet;
  for (const FlagBit& bit : kFlagBits) {
    packet.flags.*bit.flag = (payload[octet::kStateAndFlags] & bit.mask) != 0;
  }
  packet.length = payload[octet::kLength];
  const std::size_t least = packet.flags.authenticated ? kLeastAuthenticated : kControlSize;
  if (packet.length < least || packet.length > payload.size()) {
    return tl::unexpected(Refusal::kBadLength);
  }
  packet.multiplier = payload[octet::kMultiplier];
  if (packet.multiplier == 0) return tl::unexpected(Refusal::kZeroMultiplier);
  if ((payload[octet::kStateAndFlags] & kMultipointBit) != 0)
    return tl::unexpected(Refusal::kMultipoint);
  packet.my_discriminator = load_be32(&payload[octet::kMyDiscriminator]);
  if (packet.my_discriminator == 0) return tl::unexpected(Refusal::kZeroDiscriminator);

  packet.diagnostic = static_cast<Diagnostic>(payload[octet::kVersionAndDiagnostic] & 0x1fU);
  packet.state = static_cast<State>(payload[octet::kStateAndFlags] >> 6U);
  packet.your_discriminator = load_be32(&payload[octet::kYourDiscriminator]);
  packet.desired_min_tx = Microseconds{load_be32(&payload[octet::kDesiredMinTx])};
  packet.required_min_rx = Microseconds{load_be32(&payload[octet::kRequiredMinRx])};
  packet.required_min_echo_rx = Microseconds{load_be32(&payload[octet::kRequiredMinEchoRx])};
  if (packet.your_discriminator == 0 &&
      (packet.state == State::kInit || packet.state == State::kUp)) {
    return tl::unexpected(Refusal::kMissingDiscriminator);
  }
  return packet;
}

void encode(const ControlPacket& packet, std::span<std::uint8_t> out) {
  out[octet::kVersionAndDiagnostic] =
      static_cast<std::uint8_t>(kVersion << 5U | static_cast<unsigned>(packet.diagnostic));
  out[octet::kStateAndFlags] = static_cast<std::uint8_t>(static_cast<unsigned>(packet.state) << 6U);
  for (const FlagBit& bit : kFlagBits) {
    if (packet.flags.*bit.flag) out[octet::kStateAndFlags] |= bit.mask;
  }
  out[octet::kMultiplier] = packet.multiplier;
  out[octet::kLength] = packet.length;
  store_be32(&out[octet::kMyDiscriminator], packet.my_discriminator);
  store_be32(&out[octet::kYourDiscriminator], packet.your_discriminator);
  store_be32(&out[octet::kDesiredMinTx], packet.desired_min_tx.count());
  store_be32(&out[octet::kRequiredMinRx], packet.required_min_rx.count());
  store_be32(&out[octet::kRequiredMinEchoRx], packet.required_min_echo_rx.count());
}

}  // namespace lastmile::bfd
