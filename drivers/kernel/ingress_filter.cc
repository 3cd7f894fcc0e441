#include "drivers/kernel/ingress_filter.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {
namespace {

/// libnftables ends the process if it gets no socket; so that is found out before it is asked.
Result<void> can_open_socket() {
  const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (socket) return {};
  const int code = errno;
  return failure(fmt::format("nftables: no socket: {}", std::strerror(code)), code);
}

}  // namespace

void IngressFilter::Free::operator()(nft_ctx* context) const {
  nft_ctx_free(context);
}

Result<void> IngressFilter::run(nft_ctx& context, const std::string& commands) {
  if (nft_run_cmd_from_buffer(&context, commands.c_str()) == 0) return {};
  std::string reason = nft_ctx_get_error_buffer(&context);
  reason.resize(std::min(reason.size(), reason.find('\n')));
  return failure(fmt::format("nftables: {}", reason));
}

std::string IngressFilter::table_name(const std::string& interface) {
  std::string name = "lastmile_";
  for (const char c : interface) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      name += c;
    } else {
      name += fmt::format("_{:02x}", static_cast<unsigned char>(c));
    }
  }
  return name;
}

Result<IngressFilter> IngressFilter::drop_all(const std::string& interface) {
  const std::string table = table_name(interface);
  if (auto possible = can_open_socket(); !possible) return tl::unexpected(possible.error());
  Context context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context) return failure("cannot start libnftables");
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  // One transaction: adding before deleting makes the deletion valid whether or not it was there.
  const auto done = run(
      *context,
      fmt::format(
          "add table netdev {0}\n"
          "delete table netdev {0}\n"
          "add table netdev {0}\n"
          "add chain netdev {0} ingress {{ type filter hook ingress device \"{1}\" priority -500; "
          "policy drop; }}\n",
          table, interface));
  if (!done) {
    return failure(fmt::format("cannot drop frames at the ingress of interface '{}': {}", interface,
                               done.error().message));
  }
  return IngressFilter(std::move(context), table);
}

IngressFilter& IngressFilter::operator=(IngressFilter&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(table_, other.table_);
  return *this;
}

IngressFilter::~IngressFilter() {
  // Fails only if someone else removed it first, which is what we want.
  if (context_) (void)run(*context_, "delete table netdev " + table_);
}

}  // namespace lastmile
