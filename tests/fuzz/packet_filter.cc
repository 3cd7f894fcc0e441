// A program of classic BPF as a client of the control socket sends it, run over packets. The first
// two octets of the input are the number of instructions, of eight octets each; the rest is the
// packet.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/capture/packet_filter.h"
#include "dataplane/net/headers.h"
#include "tests/fuzz/require.h"

using namespace lastmile;
using lastmile::fuzz::require;

namespace {

constexpr std::size_t kInstruction = 8;

PacketFilter::Instruction instruction_at(const std::uint8_t* at) {
  return {load_be16(at), at[2], at[3], load_be32(at + 4)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::size_t left = size - 2;
  const std::uint8_t* at = data + 2;
  std::vector<PacketFilter::Instruction> program;
  for (unsigned count = load_be16(data); count > 0 && left >= kInstruction; --count) {
    program.push_back(instruction_at(at));
    at += kInstruction;
    left -= kInstruction;
  }
  const auto filter = PacketFilter::make(program);
  if (!filter) {
    require(!filter.error().empty());
    return 0;
  }
  const std::vector<std::uint8_t> packet{at, at + left};  // its end is an end for ASan
  const auto length = static_cast<std::uint32_t>(packet.size());
  (void)filter->matches(packet.data(), length, length);
  (void)filter->matches(packet.data(), length, length / 2);  // the rest is in another segment
  return 0;
}
