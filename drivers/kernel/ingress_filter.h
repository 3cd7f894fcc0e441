// Drops every frame that an interface hands to the kernel's own stack.
//
// An nftables chain at the netdev ingress hook. AF_PACKET and AF_XDP readers get their copy before
// that hook, so a DPDK port over the interface loses nothing.
#pragma once

#include <memory>
#include <string>

#include "drivers/driver_error.h"

struct nft_ctx;

namespace lastmile {

/// Owns one table of family netdev; the filter is gone when this is, wherever the thread is then.
class IngressFilter {
 public:
  /// Replaces a table of the same name that a killed instance left behind.
  [[nodiscard]] static Result<IngressFilter> drop_all(const std::string& interface);

  IngressFilter(IngressFilter&& other) noexcept = default;
  IngressFilter& operator=(IngressFilter&& other) noexcept;
  IngressFilter(const IngressFilter&) = delete;
  IngressFilter& operator=(const IngressFilter&) = delete;
  ~IngressFilter();

  /// "lastmile_INTERFACE", with characters that nftables does not take as _XX (hexadecimal).
  [[nodiscard]] static std::string table_name(const std::string& interface);

 private:
  struct Free {
    void operator()(nft_ctx* context) const;
  };
  using Context = std::unique_ptr<nft_ctx, Free>;
  static Result<void> run(nft_ctx& context, const std::string& commands);

  IngressFilter(Context context, std::string table)
      : context_(std::move(context)), table_(std::move(table)) {}

  Context context_;  // of the network namespace that the table is in; none: moved from
  std::string table_;
};

}  // namespace lastmile
