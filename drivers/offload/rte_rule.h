// A Rule in DPDK's form.
#pragma once

#include <rte_flow.h>

#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "drivers/offload/rule.h"

namespace lastmile::offload {

/// The arrays that rte_flow_validate() and rte_flow_create() take; they point into this object.
class RteRule {
 public:
  explicit RteRule(const Rule& rule);
  RteRule(const RteRule&) = delete;
  RteRule& operator=(const RteRule&) = delete;

  [[nodiscard]] const rte_flow_attr& attributes() const { return attributes_; }
  [[nodiscard]] const rte_flow_item* pattern() const { return items_.data(); }
  [[nodiscard]] const rte_flow_action* actions() const { return actions_.data(); }

 private:
  using ItemFields = std::variant<rte_flow_item_eth, rte_flow_item_ipv4, rte_flow_item_ipv6,
                                  rte_flow_item_udp, rte_flow_item_tcp, rte_flow_item_icmp6>;
  using ActionFields = std::variant<rte_flow_action_set_mac, rte_flow_action_queue>;

  template <class Fields>
  struct SpecAndMask {
    Fields spec{};
    Fields mask{};
    bool used = false;
  };
  template <class Fields>
  void add(rte_flow_item_type type, const SpecAndMask<Fields>& fields);

  void add(const MatchEthernet& match);
  void add(const MatchIpv4& match);
  void add(const MatchIpv6& match);
  void add(const MatchUdp& match);
  void add(const MatchTcp& match);
  void add(const MatchIcmpv6& match);
  void add(const SetSourceMac& action);
  void add(const SetDestinationMac& action);
  void add(const DecrementTtl& action);
  void add(const ToQueue& action);
  void add(const Drop& action);

  rte_flow_attr attributes_{};
  std::vector<rte_flow_item> items_;
  std::vector<rte_flow_action> actions_;
  std::deque<ItemFields> item_fields_;      // a deque: what items_ points at must not move
  std::deque<ActionFields> action_fields_;  // likewise
};

/// The rule as dpdk-testpmd takes it behind "flow create PORT", read back from DPDK's form. So an
/// operator can try a rule by hand, and tests see what the driver will be told.
[[nodiscard]] std::string testpmd_text(const RteRule& rule);
[[nodiscard]] std::string testpmd_text(const Rule& rule);

}  // namespace lastmile::offload
