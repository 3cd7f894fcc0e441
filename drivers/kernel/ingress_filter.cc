#include "drivers/kernel/ingress_filter.h"

#include <fmt/format.h>
#include <nftables/libnftables.h>

#include <cctype>
#include <memory>

namespace lastmile {
namespace {

Result<void> run_nft(const std::string& commands) {
  struct Free {
    void operator()(nft_ctx* context) const { nft_ctx_free(context); }
  };
  const std::unique_ptr<nft_ctx, Free> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context) return failure("cannot start libnftables");
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0) return {};
  std::string reason = nft_ctx_get_error_buffer(context.get());
  reason.resize(std::min(reason.size(), reason.find('\n')));
  return failure(fmt::format("nftables: {}", reason));
}

}  // namespace

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
  // One transaction: adding before deleting makes the deletion valid whether or not it was there.
  const auto done = run_nft(fmt::format(
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
  return IngressFilter(table);
}

IngressFilter::IngressFilter(IngressFilter&& other) noexcept
    : table_(std::exchange(other.table_, {})) {}

IngressFilter& IngressFilter::operator=(IngressFilter&& other) noexcept {
  std::swap(table_, other.table_);
  return *this;
}

IngressFilter::~IngressFilter() {
  // Fails only if someone else removed it first, which is what we want.
  if (!table_.empty()) (void)run_nft("delete table netdev " + table_);
}

}  // namespace lastmile
