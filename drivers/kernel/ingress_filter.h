// Drops every frame that an interface hands to the kernel's own stack.
//
// An nftables chain at the netdev ingress hook. AF_PACKET and AF_XDP readers get their copy before
// that hook, so a DPDK port over the interface loses nothing.
#pragma once

#include <string>

#include "drivers/driver_error.h"

namespace lastmile {

/// Owns one table of family netdev; the filter is gone when this is.
class IngressFilter {
 public:
  /// Replaces a table of the same name that a killed instance left behind.
  [[nodiscard]] static Result<IngressFilter> drop_all(const std::string& interface);

  IngressFilter(IngressFilter&& other) noexcept;
  IngressFilter& operator=(IngressFilter&& other) noexcept;
  IngressFilter(const IngressFilter&) = delete;
  IngressFilter& operator=(const IngressFilter&) = delete;
  ~IngressFilter();

  /// "lastmile_INTERFACE", with characters that nftables does not take as _XX (hexadecimal).
  [[nodiscard]] static std::string table_name(const std::string& interface);

 private:
  explicit IngressFilter(std::string table) : table_(std::move(table)) {}
  std::string table_;
};

}  // namespace lastmile
