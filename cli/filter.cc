#include "cli/filter.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <memory>
#include <span>

namespace lastmile::cli {

tl::expected<nlohmann::ordered_json, std::string> compile_filter(const std::string& text) {
  constexpr int kLongestFrame = 65'535;
  constexpr int kOptimize = 1;
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> ethernet{
      pcap_open_dead(DLT_EN10MB, kLongestFrame), pcap_close};
  bpf_program program{};
  if (pcap_compile(ethernet.get(), &program, text.c_str(), kOptimize, PCAP_NETMASK_UNKNOWN) != 0) {
    return tl::unexpected(fmt::format("filter \"{}\": {}", text, pcap_geterr(ethernet.get())));
  }
  auto list = nlohmann::ordered_json::array();
  for (const bpf_insn& one : std::span{program.bf_insns, program.bf_len}) {
    list.push_back({one.code, one.jt, one.jf, one.k});
  }
  pcap_freecode(&program);
  return list;
}

}  // namespace lastmile::cli
