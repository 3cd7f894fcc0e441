#include "drivers/ports/special_queues.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

#include <array>
#include <cerrno>
#include <vector>

#include "drivers/eal/eal_log.h"

namespace lastmile {

Result<void> takes_flow_rules(std::uint16_t ethdev) {
  const rte_flow_attr attributes{
      .group = 0, .priority = 0, .ingress = 1, .egress = 0, .transfer = 0, .reserved = 0};
  const std::array pattern{rte_flow_item{RTE_FLOW_ITEM_TYPE_ETH, nullptr, nullptr, nullptr},
                           rte_flow_item{RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr, nullptr}};
  const std::array actions{rte_flow_action{RTE_FLOW_ACTION_TYPE_DROP, nullptr},
                           rte_flow_action{RTE_FLOW_ACTION_TYPE_END, nullptr}};
  const DpdkLogCapture quiet;
  rte_flow_error error{};
  const int code = rte_flow_validate(ethdev, &attributes, pattern.data(), actions.data(), &error);
  // A driver without any rte_flow says ENOSYS; one that refuses this rule says something else.
  if (code != -ENOSYS) return {};
  return failure("the driver takes no flow rules", ENOSYS);
}

Result<void> has_hairpin_queues(std::uint16_t ethdev) {
  rte_eth_hairpin_cap capability{};
  const DpdkLogCapture quiet;
  const int code = rte_eth_dev_hairpin_capability_get(ethdev, &capability);
  if (code == -ENOTSUP) return failure("the driver has no hairpin queues", ENOTSUP);
  if (code != 0) {
    return failure(fmt::format("no hairpin queues: {}", quiet.reason(rte_strerror(-code))), -code);
  }
  if (capability.max_nb_queues == 0) return failure("the device has no hairpin queues", ENOTSUP);
  return {};
}

Result<void> set_up_hairpin(std::uint16_t ethdev, std::uint16_t receive_queue,
                            std::uint16_t transmit_queue, std::uint16_t descriptors) {
  const auto towards = [ethdev](std::uint16_t queue) {
    rte_eth_hairpin_conf conf{};
    conf.peer_count = 1;
    conf.peers[0].port = ethdev;
    conf.peers[0].queue = queue;
    return conf;
  };
  const rte_eth_hairpin_conf to_transmit = towards(transmit_queue);
  const rte_eth_hairpin_conf to_receive = towards(receive_queue);
  int code = rte_eth_rx_hairpin_queue_setup(ethdev, receive_queue, descriptors, &to_transmit);
  if (code == 0) {
    code = rte_eth_tx_hairpin_queue_setup(ethdev, transmit_queue, descriptors, &to_receive);
  }
  if (code != 0) return failure(rte_strerror(-code), -code);
  return {};
}

Result<void> spread_over_first(std::uint16_t ethdev, std::uint16_t queues) {
  rte_eth_dev_info info{};
  int code = rte_eth_dev_info_get(ethdev, &info);
  if (code == 0 && info.reta_size == 0) code = -ENOTSUP;
  if (code == 0) {
    constexpr std::uint16_t kGroup = RTE_ETH_RETA_GROUP_SIZE;
    std::vector<rte_eth_rss_reta_entry64> table((info.reta_size + kGroup - 1U) / kGroup);
    for (std::uint16_t i = 0; i < info.reta_size; ++i) {
      table[i / kGroup].mask |= std::uint64_t{1} << i % kGroup;
      table[i / kGroup].reta[i % kGroup] = static_cast<std::uint16_t>(i % queues);
    }
    code = rte_eth_dev_rss_reta_update(ethdev, table.data(), info.reta_size);
  }
  if (code != 0) return failure(rte_strerror(-code), -code);
  return {};
}

}  // namespace lastmile
