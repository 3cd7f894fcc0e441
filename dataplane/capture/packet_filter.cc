#include "dataplane/capture/packet_filter.h"

#include <pcap/bpf.h>

#include <algorithm>
#include <array>

namespace lastmile {
namespace {

/// What the operand of an instruction has to be.
enum class Operand : std::uint8_t {
  kAny,
  kCell,     ///< of the scratch memory
  kShift,    ///< fewer than the register's bits
  kDivisor,  ///< not zero
  kJump,     ///< how far to jump
  kEither,   ///< any; the two jumps say how far
};

struct Known {
  std::uint16_t code;
  Operand operand;
};

// libpcap's own bpf_validate() lets jumps go backwards and codes pass that nobody knows, at which
// bpf_filter() ends the process: enough for filters of our own making, not for those of others.
constexpr std::array kKnown{
    Known{BPF_LD | BPF_W | BPF_ABS, Operand::kAny},
    Known{BPF_LD | BPF_H | BPF_ABS, Operand::kAny},
    Known{BPF_LD | BPF_B | BPF_ABS, Operand::kAny},
    Known{BPF_LD | BPF_W | BPF_IND, Operand::kAny},
    Known{BPF_LD | BPF_H | BPF_IND, Operand::kAny},
    Known{BPF_LD | BPF_B | BPF_IND, Operand::kAny},
    Known{BPF_LD | BPF_W | BPF_LEN, Operand::kAny},
    Known{BPF_LD | BPF_IMM, Operand::kAny},
    Known{BPF_LD | BPF_MEM, Operand::kCell},
    Known{BPF_LDX | BPF_MSH | BPF_B, Operand::kAny},
    Known{BPF_LDX | BPF_W | BPF_LEN, Operand::kAny},
    Known{BPF_LDX | BPF_IMM, Operand::kAny},
    Known{BPF_LDX | BPF_MEM, Operand::kCell},
    Known{BPF_ST, Operand::kCell},
    Known{BPF_STX, Operand::kCell},
    Known{BPF_JMP | BPF_JA, Operand::kJump},
    Known{BPF_JMP | BPF_JEQ | BPF_K, Operand::kEither},
    Known{BPF_JMP | BPF_JEQ | BPF_X, Operand::kEither},
    Known{BPF_JMP | BPF_JGT | BPF_K, Operand::kEither},
    Known{BPF_JMP | BPF_JGT | BPF_X, Operand::kEither},
    Known{BPF_JMP | BPF_JGE | BPF_K, Operand::kEither},
    Known{BPF_JMP | BPF_JGE | BPF_X, Operand::kEither},
    Known{BPF_JMP | BPF_JSET | BPF_K, Operand::kEither},
    Known{BPF_JMP | BPF_JSET | BPF_X, Operand::kEither},
    Known{BPF_ALU | BPF_ADD | BPF_K, Operand::kAny},
    Known{BPF_ALU | BPF_ADD | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_SUB | BPF_K, Operand::kAny},
    Known{BPF_ALU | BPF_SUB | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_MUL | BPF_K, Operand::kAny},
    Known{BPF_ALU | BPF_MUL | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_DIV | BPF_K, Operand::kDivisor},
    Known{BPF_ALU | BPF_DIV | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_MOD | BPF_K, Operand::kDivisor},
    Known{BPF_ALU | BPF_MOD | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_AND | BPF_K, Operand::kAny},
    Known{BPF_ALU | BPF_AND | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_OR | BPF_K, Operand::kAny},
    Known{BPF_ALU | BPF_OR | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_XOR | BPF_K, Operand::kAny},
    Known{BPF_ALU | BPF_XOR | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_LSH | BPF_K, Operand::kShift},
    Known{BPF_ALU | BPF_LSH | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_RSH | BPF_K, Operand::kShift},
    Known{BPF_ALU | BPF_RSH | BPF_X, Operand::kAny},
    Known{BPF_ALU | BPF_NEG, Operand::kAny},
    Known{BPF_RET | BPF_K, Operand::kAny},
    Known{BPF_RET | BPF_A, Operand::kAny},
    Known{BPF_MISC | BPF_TAX, Operand::kAny},
    Known{BPF_MISC | BPF_TXA, Operand::kAny},
};

/// `behind`: how many instructions there are behind it.
bool is_valid(const PacketFilter::Instruction& one, std::size_t behind) {
  const auto* const known = std::ranges::find(kKnown, one.code, &Known::code);
  if (known == kKnown.end()) return false;
  switch (known->operand) {
    case Operand::kAny:
      return true;
    case Operand::kCell:
      return one.operand < BPF_MEMWORDS;
    case Operand::kShift:
      return one.operand < 32;
    case Operand::kDivisor:
      return one.operand != 0;
    case Operand::kJump:
      return one.operand < behind;
    case Operand::kEither:
      return std::max(one.jump_true, one.jump_false) < behind;
  }
  return false;
}

bool is_valid(std::span<const PacketFilter::Instruction> program) {
  for (std::size_t i = 0; i < program.size(); ++i) {
    if (!is_valid(program[i], program.size() - i - 1)) return false;
  }
  return BPF_CLASS(program.back().code) == BPF_RET;
}

}  // namespace

tl::expected<PacketFilter, std::string> PacketFilter::make(std::span<const Instruction> program) {
  PacketFilter filter;
  if (program.empty()) return filter;
  if (program.size() > kLongest) {
    return tl::unexpected("the filter is too long; expected at most " + std::to_string(kLongest) +
                          " instructions");
  }
  if (!is_valid(program)) {
    return tl::unexpected<std::string>("the filter is no valid program of BPF");
  }
  auto instructions = std::make_unique<bpf_insn[]>(program.size());
  for (std::size_t i = 0; i < program.size(); ++i) {
    const Instruction& from = program[i];
    instructions[i] = {from.code, from.jump_true, from.jump_false, from.operand};
  }
  filter.program_ = std::move(instructions);
  return filter;
}

bool PacketFilter::matches(const std::uint8_t* frame, std::uint32_t length,
                           std::uint32_t contiguous) const {
  return program_ == nullptr || bpf_filter(program_.get(), frame, length, contiguous) != 0;
}

}  // namespace lastmile
