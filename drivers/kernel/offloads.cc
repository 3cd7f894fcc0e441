#include "drivers/kernel/offloads.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "drivers/kernel/file_descriptor.h"

namespace lastmile {
namespace {

// In the order in which they must go off: what needs another one goes before it.
struct Command {
  Offload offload;
  std::uint32_t get;
  std::uint32_t set;
};
constexpr std::array kCommands = {
    Command{Offload::kGenericReceive, ETHTOOL_GGRO, ETHTOOL_SGRO},
    Command{Offload::kTcpSegmentation, ETHTOOL_GTSO, ETHTOOL_STSO},
    Command{Offload::kGenericSegmentation, ETHTOOL_GGSO, ETHTOOL_SGSO},
    Command{Offload::kScatterGather, ETHTOOL_GSG, ETHTOOL_SSG},
    Command{Offload::kTransmitChecksum, ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
    Command{Offload::kReceiveChecksum, ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM},
};

class Ethtool {
 public:
  explicit Ethtool(const std::string& interface)
      : interface_(interface), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

  // 0 or an errno.
  int run(std::uint32_t command, std::uint32_t& value) {
    ethtool_value request{command, value};
    ifreq target{};
    interface_.copy(target.ifr_name, sizeof target.ifr_name - 1);
    target.ifr_data = reinterpret_cast<char*>(&request);
    if (::ioctl(socket_.get(), SIOCETHTOOL, &target) < 0) return errno;
    value = request.data;
    return 0;
  }

 private:
  const std::string& interface_;
  FileDescriptor socket_;
};

bool not_offered(int code) {
  return code == EOPNOTSUPP || code == EINVAL;
}

Result<void> refuse(const std::string& interface, std::string_view what, int code) {
  return failure(fmt::format("cannot {} the offloads of interface '{}': {}", what, interface,
                             std::strerror(code)),
                 code);
}

}  // namespace

Result<std::vector<Offload>> enabled_offloads(const std::string& interface) {
  Ethtool ethtool(interface);
  std::vector<Offload> enabled;
  std::uint32_t flags = 0;
  if (const int code = ethtool.run(ETHTOOL_GFLAGS, flags); code == 0) {
    if ((flags & ETH_FLAG_LRO) != 0) enabled.push_back(Offload::kLargeReceive);
  } else if (!not_offered(code)) {
    return tl::unexpected(refuse(interface, "read", code).error());
  }
  for (const Command& command : kCommands) {
    std::uint32_t on = 0;
    if (const int code = ethtool.run(command.get, on); code != 0 && !not_offered(code)) {
      return tl::unexpected(refuse(interface, "read", code).error());
    }
    if (on != 0) enabled.push_back(command.offload);
  }
  return enabled;
}

Result<void> switch_offloads(const std::string& interface, const std::vector<Offload>& offloads,
                             OffloadState state) {
  Ethtool ethtool(interface);
  const auto wanted = [&](Offload offload) {
    return std::find(offloads.begin(), offloads.end(), offload) != offloads.end();
  };
  const auto run = [&](const Command& command) -> int {
    if (!wanted(command.offload)) return 0;
    std::uint32_t value = state == OffloadState::kOn ? 1 : 0;
    const int code = ethtool.run(command.set, value);
    return not_offered(code) ? 0 : code;
  };
  if (wanted(Offload::kLargeReceive)) {
    std::uint32_t flags = 0;
    int code = ethtool.run(ETHTOOL_GFLAGS, flags);
    flags =
        state == OffloadState::kOn ? flags | ETH_FLAG_LRO : flags & ~std::uint32_t{ETH_FLAG_LRO};
    if (code == 0) code = ethtool.run(ETHTOOL_SFLAGS, flags);
    if (code != 0 && !not_offered(code)) return refuse(interface, "switch", code);
  }
  if (state == OffloadState::kOff) {
    for (auto it = kCommands.begin(); it != kCommands.end(); ++it) {
      if (const int code = run(*it); code != 0) return refuse(interface, "switch", code);
    }
  } else {
    for (auto it = kCommands.rbegin(); it != kCommands.rend(); ++it) {
      if (const int code = run(*it); code != 0) return refuse(interface, "switch", code);
    }
  }
  return {};
}

}  // namespace lastmile
