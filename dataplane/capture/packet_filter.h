// A filter as a program of classic BPF, in the form in which `tcpdump -ddd` prints it and
// pcap_compile(3) makes it. Whoever wants packets compiles the filter: parsing text, and asking
// for names, is nothing for a process that has the network cards.
//
//   auto filter = PacketFilter::make(program);
//   if (!filter) refuse(filter.error());
//   if (filter->matches(frame, length, contiguous)) ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <tl/expected.hpp>

struct bpf_insn;

namespace lastmile {

class PacketFilter {
 public:
  struct Instruction {
    std::uint16_t code = 0;
    std::uint8_t jump_true = 0;
    std::uint8_t jump_false = 0;
    std::uint32_t operand = 0;
  };
  static constexpr std::size_t kLongest = 4096;

  /// Lets everything through.
  PacketFilter() = default;
  /// Checks the program: known instructions, jumps that stay inside and go forward (so it ends),
  /// and a result at its end. The error is a sentence.
  [[nodiscard]] static tl::expected<PacketFilter, std::string> make(
      std::span<const Instruction> program);

  /// `length`: of the frame; `contiguous`: octets of it at `frame`. What the program would read
  /// beyond them does not match. Any thread.
  [[nodiscard]] bool matches(const std::uint8_t* frame, std::uint32_t length,
                             std::uint32_t contiguous) const;

 private:
  std::shared_ptr<const bpf_insn[]> program_;  ///< nullptr: everything matches
};

}  // namespace lastmile
