// Types of values that are names: new ones, and those of what the file has defined before.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "controlplane/config/types.h"

namespace lastmile::config {

/// A name of letters, digits, '.', '_' and '-'.
[[nodiscard]] Type<std::string> word();
/// A port's name: with kTwinPrefix in front it must be an interface name of the kernel.
[[nodiscard]] Type<std::string> port_name();
[[nodiscard]] Type<std::string> interface_name();
/// What `ip netns add` gives.
[[nodiscard]] Type<std::string> namespace_name();

/// What has that name in the scope.
[[nodiscard]] tl::expected<const BgpGroupConfig*, Fault> find_group(std::string_view name,
                                                                    const Scope& scope);
[[nodiscard]] tl::expected<const PrefixListConfig*, Fault> find_prefix_list(std::string_view name,
                                                                            const Scope& scope);
/// The name of a policy in the scope.
[[nodiscard]] Type<std::string> policy_reference();

/// The name of a port in `Scope::ports`.
[[nodiscard]] Type<PortId> port_reference();
/// The name of a profile in `Scope::bfd_profiles`.
[[nodiscard]] Type<std::size_t> bfd_profile_reference();

}  // namespace lastmile::config
