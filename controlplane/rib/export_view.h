// How the Loc-RIB looks to peers of one kind: which paths they may be told of, and with which
// attributes.
//
//   ExportView view(core, own_asn, kind);
//   if (auto attributes = view.outgoing(prefix, path)) …     // nullopt: not for these peers
//
// That a path is not told to the peer that it came from is not decided here: it differs from peer
// to peer, and all else does not (update_group.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/config/config.h"
#include "controlplane/policy/policy.h"
#include "controlplane/rib/rib_core.h"

namespace lastmile::rib {

/// What the configuration says of the routes that a peer is told.
struct ExportOptions {
  LocalAs local_as;
  bool as_override = false;
  bool remove_private_as = false;
  bool graceful_shutdown = false;            ///< everything carries GRACEFUL_SHUTDOWN (RFC 8326)
  std::uint16_t add_path_limit = kAllPaths;  ///< where the session has path identifiers
  std::shared_ptr<const policy::Policy> policy;
};

/// ExportKind::paths: the best one, without an identifier.
inline constexpr std::uint16_t kOnePath = 0;

/// Peers of equal kinds are told the same of every path that came from elsewhere. Policies with the
/// same rules are equal.
struct ExportKind {
  bool external = true;
  bgp::Asn peer_asn;  ///< 0 unless it matters (as-override)
  std::optional<bgp::Asn> local_as;
  bool replace_as = false;
  bool remove_private_as = false;
  bool graceful_shutdown = false;
  std::optional<bgp::Role> role;                 ///< what we are to the peer (RFC 9234)
  std::optional<bgp::Asn> only_to_customer;      ///< for routes without the mark (RFC 9234)
  std::shared_ptr<const policy::Policy> policy;  ///< null: none
  std::string name;                              ///< empty unless the policy asks for it
  bool long_lived = false;                       ///< knows what LLGR_STALE means (RFC 9494)
  bool aigp = false;                             ///< takes AIGP (RFC 7311)
  std::uint16_t paths = kOnePath;  ///< so many to a prefix, each with an identifier (RFC 7911)
  bool has_next_hop = true;  ///< false: we have no address that the peer could use; nothing is told

  friend bool operator==(const ExportKind& a, const ExportKind& b);
};

/// `own`: router.asn.
[[nodiscard]] ExportKind export_kind(const std::string& name, const bgp::Negotiated& session,
                                     const ExportOptions& options, bgp::Asn own);

/// Control thread only, like all of the RIB.
class ExportView {
 public:
  ExportView(RibCore& core, bgp::Asn own_asn, ExportKind kind)
      : core_(core), own_asn_(own_asn), kind_(std::move(kind)) {}
  ~ExportView();
  ExportView(const ExportView&) = delete;
  ExportView& operator=(const ExportView&) = delete;

  [[nodiscard]] const ExportKind& kind() const { return kind_; }
  /// From here on as for peers of another kind.
  void change(ExportKind kind);
  /// To be called before each round of work, when no number from outgoing() is held without a
  /// reference: sets of the Loc-RIB may have gone since the last one.
  void tidy();

  /// What the peers are told of a path; nullopt: nothing. The reference stays the view's: whoever
  /// keeps the number adds one of its own.
  template <class Address>
  [[nodiscard]] std::optional<AttributeId> outgoing(const Prefix<Address>& prefix,
                                                    const Path& path);

 private:
  [[nodiscard]] bool may_tell(const Path& path, const bgp::PathAttributes& attributes) const;
  [[nodiscard]] bgp::Asn shown_asn() const;
  [[nodiscard]] AttributeId make_outgoing(AttributeId attributes, std::size_t rule);
  const bgp::PathAttributes& unpacked(AttributeId attributes);
  using Made = std::unordered_map<std::uint64_t, AttributeId>;

  void release(const Made::value_type& made);
  void retire();

  RibCore& core_;
  bgp::Asn own_asn_;
  ExportKind kind_;
  /// Attributes as in the Loc-RIB and the policy's rule → as announced. Holds references to both.
  Made made_;
  std::size_t tidied_ = 0;  ///< how many of them there were at the last tidy()
  /// Of these nothing is asked any more; the references are given back a few at a time.
  Made retired_;
  /// The set that was looked at last: routes that share one come together.
  std::optional<std::pair<AttributeId, bgp::PathAttributes>> last_;
};

}  // namespace lastmile::rib
