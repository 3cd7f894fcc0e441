#include "drivers/ports/af_packet_steering.h"

#include <cstddef>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "dataplane/bfd/wire.h"
#include "dataplane/net/headers.h"

namespace lastmile {
namespace {

/// Classic BPF with names for the places that are jumped to; all jumps go forward.
class Program {
 public:
  void add(unsigned code, std::uint32_t operand = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, operand});
  }
  /// Goes to `target` if the comparison with A holds, else on.
  void jump_if(unsigned comparison, std::uint32_t operand, const std::string& target) {
    jumps_.push_back({code_.size(), target, Branch::kTrue});
    add(BPF_JMP | comparison | BPF_K, operand);
  }
  void jump_unless(unsigned comparison, std::uint32_t operand, const std::string& target) {
    jumps_.push_back({code_.size(), target, Branch::kFalse});
    add(BPF_JMP | comparison | BPF_K, operand);
  }
  void jump(const std::string& target) {
    jumps_.push_back({code_.size(), target, Branch::kAlways});
    add(BPF_JMP | BPF_JA);
  }
  void place(const std::string& name) { places_[name] = code_.size(); }

  [[nodiscard]] std::vector<sock_filter> finish() {
    for (const Jump& jump : jumps_) {
      const std::size_t distance = places_.at(jump.target) - jump.at - 1;
      sock_filter& instruction = code_[jump.at];
      switch (jump.branch) {
        case Branch::kTrue:
          instruction.jt = static_cast<std::uint8_t>(distance);
          break;
        case Branch::kFalse:
          instruction.jf = static_cast<std::uint8_t>(distance);
          break;
        case Branch::kAlways:
          instruction.k = static_cast<std::uint32_t>(distance);
      }
    }
    return std::move(code_);
  }

 private:
  enum class Branch : std::uint8_t { kTrue, kFalse, kAlways };
  struct Jump {
    std::size_t at;
    std::string target;
    Branch branch;
  };
  std::vector<sock_filter> code_;
  std::vector<Jump> jumps_;
  std::map<std::string, std::size_t> places_;
};

/// Offsets count from the IP header, wherever the socket's own view of the packet begins.
constexpr std::uint32_t ip_at(std::size_t offset) {
  return static_cast<std::uint32_t>(SKF_NET_OFF) + static_cast<std::uint32_t>(offset);
}
constexpr auto kEthertype = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL);
constexpr std::uint32_t kPlainIpv4 = 0x45;  // version 4, no options
constexpr std::uint32_t kIsFragment = ipv4::kFragmentOffset | ipv4::kMoreFragments;

/// Leaves A: the protocol above IP, X: where its header begins. Elsewhere for what has no ports.
void find_transport(Program& program, const char* elsewhere) {
  program.add(BPF_LD | BPF_W | BPF_ABS, kEthertype);
  program.jump_if(BPF_JEQ, ethernet::kIpv6, "ipv6");
  program.jump_unless(BPF_JEQ, ethernet::kIpv4, elsewhere);
  program.add(BPF_LD | BPF_B | BPF_ABS, ip_at(0));
  program.jump_unless(BPF_JEQ, kPlainIpv4, elsewhere);
  program.add(BPF_LD | BPF_H | BPF_ABS, ip_at(ipv4::kFragment));
  program.jump_if(BPF_JSET, kIsFragment, elsewhere);
  program.add(BPF_LDX | BPF_W | BPF_IMM, ipv4::kHeaderSize);
  program.add(BPF_LD | BPF_B | BPF_ABS, ip_at(ipv4::kProtocol));
  program.jump("transport");
  program.place("ipv6");
  program.add(BPF_LDX | BPF_W | BPF_IMM, ipv6::kHeaderSize);
  program.add(BPF_LD | BPF_B | BPF_ABS, ip_at(ipv6::kNextHeader));
  program.place("transport");
}

void steer(Program& program) {
  program.jump_if(BPF_JEQ, protocol::kUdp, "udp");
  program.jump_unless(BPF_JEQ, protocol::kTcp, "rest");
  program.add(BPF_LD | BPF_H | BPF_IND, ip_at(0));
  program.jump_if(BPF_JEQ, protocol::kBgpPort, "bgp");
  program.add(BPF_LD | BPF_H | BPF_IND, ip_at(2));
  program.jump_unless(BPF_JEQ, protocol::kBgpPort, "rest");
  program.place("bgp");
  program.add(BPF_LD | BPF_B | BPF_IND, ip_at(tcp::kFlags));
  program.add(BPF_ALU | BPF_AND | BPF_K, tcp::kSyn | tcp::kAck);
  program.jump_if(BPF_JEQ, tcp::kSyn, "rest");
  program.jump("priority");
  program.place("udp");
  program.add(BPF_LD | BPF_H | BPF_IND, ip_at(udp::kDestinationPort));
  for (const std::uint16_t port : {bfd::kControlPort, bfd::kEchoPort, bfd::kMultihopPort}) {
    program.jump_if(BPF_JEQ, port, "priority");
  }
  program.jump("rest");
}

/// The number of an ordinary queue: from addresses, and ports where the packet has some. Fragments
/// have none, so that all of a packet go the same way.
void spread(Program& program, std::uint16_t ordinary) {
  constexpr std::uint32_t kHash = 0;  // in the filter's memory
  const auto mix = [&program](std::size_t offset) {
    program.add(BPF_LDX | BPF_MEM, kHash);
    program.add(BPF_LD | BPF_W | BPF_ABS, ip_at(offset));
    program.add(BPF_ALU | BPF_XOR | BPF_X);
    program.add(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1);
    program.add(BPF_ST, kHash);
  };
  program.add(BPF_LD | BPF_W | BPF_ABS, kEthertype);
  program.add(BPF_ST, kHash);
  program.jump_if(BPF_JEQ, ethernet::kIpv6, "spread6");
  program.jump_unless(BPF_JEQ, ethernet::kIpv4, "first");
  mix(ipv4::kSource);
  mix(ipv4::kDestination);
  program.add(BPF_LD | BPF_B | BPF_ABS, ip_at(0));
  program.jump_unless(BPF_JEQ, kPlainIpv4, "number");
  program.add(BPF_LD | BPF_H | BPF_ABS, ip_at(ipv4::kFragment));
  program.jump_if(BPF_JSET, kIsFragment, "number");
  program.add(BPF_LD | BPF_B | BPF_ABS, ip_at(ipv4::kProtocol));
  program.jump_if(BPF_JEQ, protocol::kTcp, "ports4");
  program.jump_unless(BPF_JEQ, protocol::kUdp, "number");
  program.place("ports4");
  mix(ipv4::kHeaderSize);
  program.jump("number");
  program.place("spread6");
  for (std::size_t word = 0; word < 8; ++word) mix(ipv6::kSource + 4 * word);
  program.add(BPF_LD | BPF_B | BPF_ABS, ip_at(ipv6::kNextHeader));
  program.jump_if(BPF_JEQ, protocol::kTcp, "ports6");
  program.jump_unless(BPF_JEQ, protocol::kUdp, "number");
  program.place("ports6");
  mix(ipv6::kHeaderSize);
  program.place("number");
  program.add(BPF_LD | BPF_MEM, kHash);
  program.add(BPF_ALU | BPF_RSH | BPF_K, 16);
  program.add(BPF_ALU | BPF_MOD | BPF_K, ordinary);
  program.add(BPF_RET | BPF_A);
  program.place("first");
}

}  // namespace

std::vector<sock_filter> priority_filter(std::uint16_t ordinary) {
  Program program;
  find_transport(program, "rest");
  steer(program);
  program.place("priority");
  program.add(BPF_RET | BPF_K, ordinary);
  program.place("rest");
  if (ordinary > 1) spread(program, ordinary);
  program.add(BPF_RET | BPF_K, 0);
  return program.finish();
}

}  // namespace lastmile
