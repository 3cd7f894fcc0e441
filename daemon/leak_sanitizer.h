// Whether this program looks for leaks when it ends: LeakSanitizer stops its own process by
// ptrace(2) for that, which a router may not do otherwise.
#pragma once

namespace lastmile {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kLeakSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kLeakSanitizer = true;
#else
inline constexpr bool kLeakSanitizer = false;
#endif
#else
inline constexpr bool kLeakSanitizer = false;
#endif

}  // namespace lastmile
