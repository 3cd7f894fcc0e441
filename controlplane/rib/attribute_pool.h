// Path attributes, each distinct set kept once.
//
// A full table of half a million routes has far fewer distinct sets; each is one block of memory:
// the facts that the decision compares, ready to use, then the set itself in a packed form of our
// own (about as long as on the wire). attributes() unpacks it for `show` and for announcements.
//
//   AttributeId id = pool.intern(update.attributes);   // one reference for the caller
//   pool.add_reference(id) … pool.release(id);
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/rib/path.h"
#include "dataplane/net/hash_index.h"

namespace lastmile::rib {

/// LOCAL_PREF of a path that carries none (not given by RFC 4271; every implementation's choice).
inline constexpr std::uint32_t kDefaultLocalPreference = 100;

/// What the decision process reads of a set of attributes (RFC 4271 section 9.1.2.2, RFC 4456).
struct AttributeFacts {
  std::uint64_t aigp = bgp::Aigp::kUnusable;  ///< RFC 7311; kUnusable: none
  std::uint32_t local_preference = kDefaultLocalPreference;
  std::uint32_t med = 0;     ///< absent is 0, the lowest (RFC 4271 section 9.1.2.2 c)
  bgp::Asn neighbor;         ///< the AS that the path came from; 0: originated in our own AS
  std::uint32_t originator;  ///< ORIGINATOR_ID, or 0
  float bandwidth = 0;       ///< of the link, in bytes a second; 0: not said
  std::uint16_t path_length = 0;
  std::uint16_t cluster_length = 0;
  bgp::Origin origin = bgp::Origin::kIgp;
  bool long_lived_stale = false;  ///< LLGR_STALE (RFC 9494)
};

class AttributePool {
 public:
  AttributePool() = default;
  ~AttributePool();
  AttributePool(const AttributePool&) = delete;
  AttributePool& operator=(const AttributePool&) = delete;

  /// The set's identifier; equal sets have equal identifiers. One reference for the caller.
  [[nodiscard]] AttributeId intern(const bgp::PathAttributes& attributes);
  void add_reference(AttributeId id, std::uint32_t count = 1) { entry(id).references += count; }
  void release(AttributeId id);

  [[nodiscard]] const AttributeFacts& facts(AttributeId id) const { return entry(id).facts; }
  [[nodiscard]] bool same_as_path(AttributeId a, AttributeId b) const;
  [[nodiscard]] bgp::PathAttributes attributes(AttributeId id) const;

  [[nodiscard]] std::size_t size() const { return entries_.size() - free_.size(); }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  /// A full table has more than 100,000 of them: what follows the facts begins in their padding.
  struct Entry {
    [[no_unique_address]] AttributeFacts facts;
    std::uint32_t references;
    std::uint32_t size;           ///< of the packed form
    std::uint32_t as_path_bytes;  ///< how much of it, from the start, is the AS path

    [[nodiscard]] std::span<const std::uint8_t> packed() const {
      return {reinterpret_cast<const std::uint8_t*>(this + 1), size};
    }
  };
  static_assert(sizeof(Entry) == 48);

  [[nodiscard]] Entry& entry(AttributeId id) { return *entries_[id.value()]; }
  [[nodiscard]] const Entry& entry(AttributeId id) const { return *entries_[id.value()]; }

  HashIndex index_;
  /// Owned; null where the number is free. A deque grows without copying what is in it.
  std::deque<Entry*> entries_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint8_t> scratch_;
  std::size_t packed_bytes_ = 0;
};

}  // namespace lastmile::rib
