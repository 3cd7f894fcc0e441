#include "drivers/exception/guard_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "dataplane/net/file_descriptor.h"
#include "drivers/kernel/boot_clock.h"
#include "drivers/kernel/regular_file.h"
#include "drivers/kernel/sysctl.h"
#include "logging/log.h"

namespace lastmile {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kDirectory = "/run/lastmile/guard";

// Of the network namespace that the thread is in; 0 if the kernel (before 5.14) has none.
std::uint64_t namespace_cookie() {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) return 0;
  return cookie;
}

// Interface numbers are unique within a network namespace only.
fs::path file_for(std::uint64_t network, unsigned index) {
  return fs::path(kDirectory) / fmt::format("{}-{}.json", network, index);
}

/// As JSON says it. Only text goes by the library: its arrays and objects take memory where they
/// are destroyed, which ends the process if there is none, and there is an interface to be
/// restored.
std::string quoted(const std::string& text) {
  return json(text).dump();
}

std::string to_hex(const std::vector<char>& bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

/// Empty if it is no hexadecimal text.
std::vector<char> from_hex(std::string_view text) {
  std::vector<char> bytes;
  for (; !text.empty(); text.remove_prefix(2)) {
    std::uint8_t byte = 0;
    const char* end = text.data() + std::min<std::size_t>(text.size(), 2);
    const auto parsed = std::from_chars(text.data(), end, byte, 16);
    if (text.size() < 2 || parsed.ec != std::errc{} || parsed.ptr != end) return {};
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

std::string to_text(const GuardState& state) {
  std::vector<std::string> addresses;
  for (const SavedAddress& saved : state.addresses) {
    addresses.push_back(fmt::format(R"({{"address": {}, "length": {}, "told": "{}"}})",
                                    quoted(to_string(saved.address.address)), saved.address.length,
                                    to_hex(saved.told)));
  }
  std::vector<std::string> offloads;
  for (const std::string& offload : state.offloads) offloads.push_back(quoted(offload));
  std::string text = fmt::format(
      R"("owner": {}, "interface": {}, "namespace": {}, "index": {}, "mac": {}, "mtu": {}, )",
      quoted(state.owner), quoted(state.interface), state.network, state.index,
      state.mac ? quoted(to_string(*state.mac)) : "null", state.mtu);
  if (state.seen) text += fmt::format(R"("seen": {}, )", quoted(to_string(*state.seen)));
  text += fmt::format(R"("was_up": {}, "took_all_multicast": {}, "disable_ipv6": {}, )",
                      state.was_up, state.took_all_multicast,
                      state.disable_ipv6 ? std::to_string(*state.disable_ipv6) : "null");
  text +=
      fmt::format(R"("addresses": [{}], "saved_at": {}, "offloads": [{}])",
                  fmt::join(addresses, ", "), state.saved_at.count(), fmt::join(offloads, ", "));
  return fmt::format("{{{}}}\n", text);
}

GuardState from_json(const json& object) {
  GuardState state;
  state.owner = object.at("owner");
  state.interface = object.at("interface");
  state.network = object.at("namespace");
  state.index = object.at("index");
  // The file of an earlier release has none.
  if (const json mac = object.value("mac", json()); !mac.is_null()) {
    state.mac = MacAddress::parse(mac.get<std::string>());
  }
  if (const auto seen = object.find("seen"); seen != object.end()) {
    state.seen = MacAddress::parse(seen->get<std::string>());
  }
  state.mtu = object.at("mtu");
  state.was_up = object.at("was_up");
  state.took_all_multicast = object.at("took_all_multicast");
  if (!object.at("disable_ipv6").is_null()) state.disable_ipv6 = object.at("disable_ipv6");
  for (const json& entry : object.at("addresses")) {
    const auto address = parse_ip_address(entry.at("address").get<std::string>());
    if (!address) continue;
    const InterfaceAddress on_interface{*address, entry.at("length")};
    state.addresses.push_back({on_interface, from_hex(entry.value("told", ""))});
  }
  // The file of an earlier release does not say; then no lifetimes are known either.
  state.saved_at = std::chrono::seconds{object.value("saved_at", std::int64_t{0})};
  state.offloads = object.at("offloads").get<std::vector<std::string>>();
  return state;
}

/// A folder, and not a link to one of somebody else's.
bool is_own_folder() {
  struct stat status {};
  return ::lstat(kDirectory, &status) == 0 && S_ISDIR(status.st_mode);
}

/// The folder belongs to the user that earlier instances ran as (daemon/privileges.h), and this one
/// may still be root: it writes to a file that it has made itself, never to what a name leads to.
bool write_anew(const fs::path& path, const std::string& text) {
  std::error_code ignored;
  fs::remove(path, ignored);
  constexpr mode_t kMode = 0644;
  const FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

Result<GuardState> observe_interface(Netlink& netlink, const std::string& interface) {
  const auto link = find_link(netlink, interface);
  if (!link) return tl::unexpected(link.error());
  if (!*link) return failure(fmt::format("no network interface named '{}'", interface), ENODEV);
  GuardState state;
  state.interface = interface;
  state.network = namespace_cookie();
  state.index = (*link)->index;
  state.seen = (*link)->mac;
  state.mtu = (*link)->mtu;
  state.was_up = (*link)->is_admin_up();
  state.took_all_multicast = ((*link)->flags & IFF_ALLMULTI) != 0;
  state.disable_ipv6 = read_setting(interface, Family::kIpv6, "disable_ipv6");
  auto addresses = save_addresses(netlink, **link);
  if (!addresses) return tl::unexpected(addresses.error());
  state.addresses = std::move(*addresses);
  state.saved_at = std::chrono::duration_cast<std::chrono::seconds>(since_boot());
  auto offloads = enabled_offloads(interface);
  if (!offloads) return tl::unexpected(offloads.error());
  state.offloads = std::move(*offloads);
  return state;
}

void keep_state(const GuardState& state) {
  std::error_code error;
  fs::create_directories(kDirectory, error);
  if (!is_own_folder()) {
    log::warn("{} is no folder: interface '{}' won't be restored after a crash", kDirectory,
              state.interface);
    return;
  }
  const fs::path path = file_for(state.network, state.index);
  const fs::path fresh = path.string() + ".new";
  const bool written = write_anew(fresh, to_text(state));
  if (written) fs::rename(fresh, path, error);
  if (!written || error) {
    log::warn("cannot write {}: interface '{}' won't be restored after a crash", path.string(),
              state.interface);
  }
}

std::optional<GuardState> recall_state(const GuardState& now) {
  const fs::path path = file_for(now.network, now.index);
  constexpr std::size_t kLongest = std::size_t{1} << 20;
  const auto text = is_own_folder() ? read_regular_file(path, kLongest) : std::nullopt;
  if (!text) return std::nullopt;
  try {
    GuardState state = from_json(json::parse(*text));
    // Renamed it is still the same; another one may have got its number.
    const bool same = state.interface == now.interface || (state.seen && state.seen == now.seen);
    if (same && state.index == now.index) return state;
  } catch (const json::exception& error) {
    log::warn("ignoring {}: {}", path.string(), error.what());
  }
  return std::nullopt;
}

void forget_state(const GuardState& state) {
  if (!is_own_folder()) return;
  std::error_code ignored;
  fs::remove(file_for(state.network, state.index), ignored);
}

}  // namespace lastmile
