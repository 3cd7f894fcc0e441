#include "drivers/kernel/offloads.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {
namespace {

// Beginnings of the kernel's feature names (net/ethtool/common.c lists them all).
constexpr std::array<std::string_view, 8> kHarmful = {
    "rx-checksum", "tx-checksum-", "tx-scatter-gather",     "tx-gso-",
    "rx-gro",      "rx-lro",       "rx-udp-gro-forwarding", "rx-vlan-",
};

bool is_harmful(std::string_view name) {
  return name.find("segmentation") != std::string_view::npos ||
         std::any_of(kHarmful.begin(), kHarmful.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// An ethtool request is a fixed header with an array behind it: `Tail` sized at run time, in
// storage that is aligned for both.
class Request {
 public:
  explicit Request(std::size_t bytes) : storage_((bytes + sizeof(std::uint64_t) - 1) / 8) {}
  template <class Header>
  Header& as() {
    return *reinterpret_cast<Header*>(storage_.data());
  }

 private:
  std::vector<std::uint64_t> storage_;
};

class Ethtool {
 public:
  Ethtool(const std::string& interface, const FileDescriptor& socket)
      : interface_(interface), socket_(socket) {}

  Result<void> run(Request& request, std::string_view what) {
    ifreq target{};
    interface_.copy(target.ifr_name, sizeof target.ifr_name - 1);
    target.ifr_data = &request.as<char>();
    if (::ioctl(socket_.get(), SIOCETHTOOL, &target) >= 0) return {};
    const int code = errno;
    return failure(fmt::format("cannot {} the offloads of interface '{}': {}", what, interface_,
                               std::strerror(code)),
                   code);
  }

  // The names of all features, in the order of their bits.
  Result<std::vector<std::string>> feature_names() {
    Request info(sizeof(ethtool_sset_info) + sizeof(std::uint32_t));
    info.as<ethtool_sset_info>().cmd = ETHTOOL_GSSET_INFO;
    info.as<ethtool_sset_info>().sset_mask = std::uint64_t{1} << ETH_SS_FEATURES;
    if (auto done = run(info, "count"); !done) return tl::unexpected(done.error());
    const std::uint32_t count = info.as<ethtool_sset_info>().data[0];

    Request strings(sizeof(ethtool_gstrings) + std::size_t{count} * ETH_GSTRING_LEN);
    auto& header = strings.as<ethtool_gstrings>();
    header.cmd = ETHTOOL_GSTRINGS;
    header.string_set = ETH_SS_FEATURES;
    header.len = count;
    if (auto done = run(strings, "name"); !done) return tl::unexpected(done.error());
    std::vector<std::string> names;
    const char* text = reinterpret_cast<const char*>(header.data);
    for (std::uint32_t i = 0; i < count; ++i, text += ETH_GSTRING_LEN) {
      names.emplace_back(text, ::strnlen(text, ETH_GSTRING_LEN));
    }
    return names;
  }

 private:
  const std::string& interface_;
  const FileDescriptor& socket_;
};

std::uint32_t bit(std::size_t feature) {
  return 1U << feature % 32;
}

}  // namespace

Result<std::vector<std::string>> enabled_offloads(const std::string& interface) {
  const FileDescriptor socket = open_offload_socket();
  Ethtool ethtool(interface, socket);
  const auto names = ethtool.feature_names();
  if (!names) return tl::unexpected(names.error());
  const auto blocks = static_cast<std::uint32_t>((names->size() + 31) / 32);
  Request request(sizeof(ethtool_gfeatures) + blocks * sizeof(ethtool_get_features_block));
  auto& features = request.as<ethtool_gfeatures>();
  features.cmd = ETHTOOL_GFEATURES;
  features.size = blocks;
  if (auto done = ethtool.run(request, "read"); !done) return tl::unexpected(done.error());
  std::vector<std::string> enabled;
  for (std::size_t i = 0; i < names->size(); ++i) {
    const ethtool_get_features_block& block = features.features[i / 32];
    if ((block.active & block.available & bit(i)) != 0 && is_harmful((*names)[i])) {
      enabled.push_back((*names)[i]);
    }
  }
  return enabled;
}

Result<void> switch_offloads(const std::string& interface, const std::vector<std::string>& offloads,
                             OffloadState state) {
  return switch_offloads(open_offload_socket(), interface, offloads, state);
}

FileDescriptor open_offload_socket() {
  return FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

Result<void> switch_offloads(const FileDescriptor& socket, const std::string& interface,
                             const std::vector<std::string>& offloads, OffloadState state) {
  Ethtool ethtool(interface, socket);
  const auto names = ethtool.feature_names();
  if (!names) return tl::unexpected(names.error());
  const auto blocks = static_cast<std::uint32_t>((names->size() + 31) / 32);
  Request request(sizeof(ethtool_sfeatures) + blocks * sizeof(ethtool_set_features_block));
  auto& features = request.as<ethtool_sfeatures>();
  features.cmd = ETHTOOL_SFEATURES;
  features.size = blocks;
  for (std::size_t i = 0; i < names->size(); ++i) {
    if (std::find(offloads.begin(), offloads.end(), (*names)[i]) == offloads.end()) continue;
    ethtool_set_features_block& block = features.features[i / 32];
    block.valid |= bit(i);
    if (state == OffloadState::kOn) block.requested |= bit(i);
  }
  return ethtool.run(request, "switch");
}

}  // namespace lastmile
