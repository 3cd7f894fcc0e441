// ICMP errors of the router's own: who sent a packet that is dropped hears why (RFC 792, RFC 1812
// section 4.3, RFC 4443).
//
//   errors.refuse<Ipv4Family>(ingress, packet, header, DropReason::kTtlExpired, now);
//   for (const IcmpError& error : errors.take<Ipv4Family>()) …
//
// What waits is forwarded at the end of the loop, like any packet of our own.
//
// The error is written into the buffer of the packet that it is about, in front of the header that
// it quotes: nothing is allocated. Which reasons have an answer is a table (icmp_errors.cc). There
// is none for what must not cause one (other ICMP errors, later fragments, sources that are no
// host), and no more than kIcmpErrorRate a second for each port that packets come in by.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/ip.h"
#include "dataplane/pipeline/drop_reason.h"
#include "dataplane/pipeline/exits.h"
#include "dataplane/pipeline/family.h"
#include "dataplane/pipeline/policer.h"
#include "dataplane/pipeline/vector.h"
#include "dataplane/worker/counters.h"

namespace lastmile {

/// For each port and worker, of those about packets that are too long and of all others (RFC 1812
/// section 4.3.2.8, RFC 4443 section 2.4 (f)).
inline constexpr std::uint32_t kIcmpErrorRate = 1000;
inline constexpr std::uint32_t kIcmpErrorBurst = 100;

/// The four bytes of an error that its type gives a meaning.
struct IcmpDetail {
  std::uint32_t word = 0;

  /// Of the way that a packet was too long for. IPv4's field has 16 bits, at the end of these 32
  /// (RFC 1191 section 4).
  static constexpr IcmpDetail mtu(unsigned bytes) { return {bytes}; }
  /// The octet of the packet that is wrong (RFC 792, parameter problem).
  static constexpr IcmpDetail pointer(std::uint8_t octet) { return {std::uint32_t{octet} << 24U}; }
};

/// A finished error: an IP packet with room for an Ethernet header before it.
struct IcmpError {
  rte_mbuf* packet;
  std::uint8_t* header;
};

/// Who uses it: one worker.
class IcmpErrors {
 public:
  /// Errors that wait for the end of the loop, of each family.
  static constexpr unsigned kWaiting = 64;

  IcmpErrors(const WorkerHost& host, std::uint64_t cycles_per_second, WorkerCounters& counters,
             Exits& exits);
  ~IcmpErrors();
  IcmpErrors(const IcmpErrors&) = delete;
  IcmpErrors& operator=(const IcmpErrors&) = delete;

  /// Takes the packet over: it is dropped for that reason, and its sender told if that is due.
  /// `now`: cycle counter.
  template <class Family>
  void refuse(const Ingress& ingress, rte_mbuf* packet, std::uint8_t* header, DropReason reason,
              std::uint64_t now, IcmpDetail detail = {});

  /// What waits; it is the caller's from then on, and stands until the next refuse().
  template <class Family>
  [[nodiscard]] std::span<const IcmpError> take();
  [[nodiscard]] bool empty() const { return ipv4_.count + ipv6_.count == 0; }

 private:
  struct Waiting {
    unsigned count = 0;
    std::array<IcmpError, kWaiting> errors;
  };
  template <class Family>
  [[nodiscard]] Waiting& waiting();
  /// Path-MTU discovery goes on under a flood of packets that expire.
  struct Buckets {
    TokenBucket too_long, others;
  };
  [[nodiscard]] TokenBucket& bucket(const Ingress& ingress, DropReason reason);

  WorkerCounters& counters_;
  Exits& exits_;
  const std::optional<Ipv4Address> own_ipv4_;
  const std::optional<Ipv6Address> own_ipv6_;
  std::array<Buckets, kMaxPorts> port_buckets_;
  Buckets host_buckets_;
  Waiting ipv4_, ipv6_;
};

}  // namespace lastmile
