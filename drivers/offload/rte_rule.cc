#include "drivers/offload/rte_rule.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace lastmile::offload {
namespace {

void set_mac(rte_ether_addr& field, const MacAddress& mac) {
  std::memcpy(field.addr_bytes, mac.bytes().data(), sizeof field.addr_bytes);
}

// The first `length` bits of `size` bytes set.
void set_mask(void* field, unsigned length, std::size_t size) {
  auto* bytes = static_cast<std::uint8_t*>(field);
  for (std::size_t i = 0; i < size; ++i) {
    const unsigned bits = std::min(length, 8U);
    bytes[i] = static_cast<std::uint8_t>(0xff00U >> bits);
    length -= bits;
  }
}

// --- reading DPDK's form back ---------------------------------------------------------------

template <class Fields>
const Fields& fields(const void* from) {
  return *static_cast<const Fields*>(from);
}

/// Appends "NAME is VALUE" for fields whose mask is full, and the like.
class ItemText {
 public:
  explicit ItemText(std::string_view name) : text_(name) {}

  template <class Value, class Format>
  void field(std::string_view name, Value value, Value mask, Format format) {
    if (mask != Value{}) text_ += fmt::format(" {} is {}", name, format(value));
  }
  void mac(std::string_view name, const rte_ether_addr& value, const rte_ether_addr& mask) {
    if (std::ranges::count(mask.addr_bytes, 0) == 6) return;
    text_ += fmt::format(" {} is {:02x}", name, fmt::join(value.addr_bytes, ":"));
  }
  /// IP addresses, which may be prefixes.
  void address(std::string_view name, int family, const void* value, const void* mask,
               std::size_t size) {
    const std::span bytes{static_cast<const std::uint8_t*>(mask), size};
    unsigned length = 0;
    for (const std::uint8_t byte : bytes) length += static_cast<unsigned>(__builtin_popcount(byte));
    if (length == 0) return;
    std::array<char, INET6_ADDRSTRLEN> printed{};
    ::inet_ntop(family, value, printed.data(), printed.size());
    if (length == size * 8) {
      text_ += fmt::format(" {} is {}", name, printed.data());
    } else {
      text_ += fmt::format(" {0} spec {1} {0} prefix {2}", name, printed.data(), length);
    }
  }
  [[nodiscard]] std::string text() const { return text_; }

 private:
  std::string text_;
};

constexpr auto kDecimal = [](auto value) { return fmt::format("{}", value); };
constexpr auto kDecimal16 = [](rte_be16_t value) { return fmt::format("{}", ntohs(value)); };
constexpr auto kHex16 = [](rte_be16_t value) { return fmt::format("0x{:04x}", ntohs(value)); };

std::string ethernet_text(const rte_flow_item& item) {
  ItemText text{"eth"};
  if (item.spec == nullptr) return text.text();
  const auto& spec = fields<rte_flow_item_eth>(item.spec).hdr;
  const auto& mask = fields<rte_flow_item_eth>(item.mask).hdr;
  text.mac("dst", spec.dst_addr, mask.dst_addr);
  text.mac("src", spec.src_addr, mask.src_addr);
  text.field("type", spec.ether_type, mask.ether_type, kHex16);
  return text.text();
}

std::string ipv4_text(const rte_flow_item& item) {
  ItemText text{"ipv4"};
  if (item.spec == nullptr) return text.text();
  const auto& spec = fields<rte_flow_item_ipv4>(item.spec).hdr;
  const auto& mask = fields<rte_flow_item_ipv4>(item.mask).hdr;
  text.address("src", AF_INET, &spec.src_addr, &mask.src_addr, sizeof spec.src_addr);
  text.address("dst", AF_INET, &spec.dst_addr, &mask.dst_addr, sizeof spec.dst_addr);
  text.field("proto", spec.next_proto_id, mask.next_proto_id, kDecimal);
  return text.text();
}

std::string ipv6_text(const rte_flow_item& item) {
  ItemText text{"ipv6"};
  if (item.spec == nullptr) return text.text();
  const auto& spec = fields<rte_flow_item_ipv6>(item.spec).hdr;
  const auto& mask = fields<rte_flow_item_ipv6>(item.mask).hdr;
  text.address("src", AF_INET6, &spec.src_addr, &mask.src_addr, sizeof spec.src_addr);
  text.address("dst", AF_INET6, &spec.dst_addr, &mask.dst_addr, sizeof spec.dst_addr);
  text.field("proto", spec.proto, mask.proto, kDecimal);
  return text.text();
}

template <class Item>  // UDP and TCP name their ports alike
std::string ports_text(std::string_view name, const rte_flow_item& item) {
  ItemText text{name};
  if (item.spec == nullptr) return text.text();
  const auto& spec = fields<Item>(item.spec).hdr;
  const auto& mask = fields<Item>(item.mask).hdr;
  text.field("src", spec.src_port, mask.src_port, kDecimal16);
  text.field("dst", spec.dst_port, mask.dst_port, kDecimal16);
  return text.text();
}

std::string item_text(const rte_flow_item& item) {
  switch (item.type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
      return ethernet_text(item);
    case RTE_FLOW_ITEM_TYPE_IPV4:
      return ipv4_text(item);
    case RTE_FLOW_ITEM_TYPE_IPV6:
      return ipv6_text(item);
    case RTE_FLOW_ITEM_TYPE_UDP:
      return ports_text<rte_flow_item_udp>("udp", item);
    case RTE_FLOW_ITEM_TYPE_TCP:
      return ports_text<rte_flow_item_tcp>("tcp", item);
    case RTE_FLOW_ITEM_TYPE_ICMP6: {
      ItemText text{"icmp6"};
      if (item.spec == nullptr) return text.text();
      text.field("type", fields<rte_flow_item_icmp6>(item.spec).type,
                 fields<rte_flow_item_icmp6>(item.mask).type, kDecimal);
      return text.text();
    }
    default:
      return fmt::format("item {}", static_cast<int>(item.type));
  }
}

std::string action_text(const rte_flow_action& action) {
  switch (action.type) {
    case RTE_FLOW_ACTION_TYPE_SET_MAC_SRC:
    case RTE_FLOW_ACTION_TYPE_SET_MAC_DST:
      return fmt::format(
          "{} mac_addr {:02x}",
          action.type == RTE_FLOW_ACTION_TYPE_SET_MAC_SRC ? "set_mac_src" : "set_mac_dst",
          fmt::join(fields<rte_flow_action_set_mac>(action.conf).mac_addr, ":"));
    case RTE_FLOW_ACTION_TYPE_DEC_TTL:
      return "dec_ttl";
    case RTE_FLOW_ACTION_TYPE_QUEUE:
      return fmt::format("queue index {}", fields<rte_flow_action_queue>(action.conf).index);
    case RTE_FLOW_ACTION_TYPE_DROP:
      return "drop";
    default:
      return fmt::format("action {}", static_cast<int>(action.type));
  }
}

}  // namespace

RteRule::RteRule(const Rule& rule) {
  attributes_.ingress = 1;
  attributes_.priority = rule.priority;
  for (const Match& match : rule.pattern) std::visit([this](const auto& m) { add(m); }, match);
  items_.push_back({.type = RTE_FLOW_ITEM_TYPE_END, .spec = {}, .last = {}, .mask = {}});
  for (const Action& action : rule.actions) std::visit([this](const auto& a) { add(a); }, action);
  actions_.push_back({.type = RTE_FLOW_ACTION_TYPE_END, .conf = {}});
}

// A header that is only named has neither spec nor mask: some drivers refuse an empty mask.
template <class Fields>
void RteRule::add(rte_flow_item_type type, const SpecAndMask<Fields>& fields) {
  rte_flow_item item{};
  item.type = type;
  if (fields.used) {
    item.spec = &std::get<Fields>(item_fields_.emplace_back(fields.spec));
    item.mask = &std::get<Fields>(item_fields_.emplace_back(fields.mask));
  }
  items_.push_back(item);
}

void RteRule::add(const MatchEthernet& match) {
  SpecAndMask<rte_flow_item_eth> fields;
  const auto mac = [&fields](const std::optional<MacAddress>& wanted, rte_ether_addr& spec,
                             rte_ether_addr& mask) {
    if (!wanted) return;
    set_mac(spec, *wanted);
    set_mask(mask.addr_bytes, 48, sizeof mask.addr_bytes);
    fields.used = true;
  };
  mac(match.source, fields.spec.hdr.src_addr, fields.mask.hdr.src_addr);
  mac(match.destination, fields.spec.hdr.dst_addr, fields.mask.hdr.dst_addr);
  if (match.ether_type) {
    fields.spec.hdr.ether_type = htons(*match.ether_type);
    fields.mask.hdr.ether_type = 0xffff;
    fields.used = true;
  }
  add(RTE_FLOW_ITEM_TYPE_ETH, fields);
}

void RteRule::add(const MatchIpv4& match) {
  SpecAndMask<rte_flow_item_ipv4> fields;
  const auto prefix = [&fields](const Ipv4Prefix& wanted, void* spec, void* mask) {
    if (wanted.is_default()) return;
    const rte_be32_t address = htonl(wanted.address().value());
    std::memcpy(spec, &address, sizeof address);
    set_mask(mask, wanted.length(), sizeof address);
    fields.used = true;
  };
  prefix(match.source, &fields.spec.hdr.src_addr, &fields.mask.hdr.src_addr);
  prefix(match.destination, &fields.spec.hdr.dst_addr, &fields.mask.hdr.dst_addr);
  if (match.protocol) {
    fields.spec.hdr.next_proto_id = *match.protocol;
    fields.mask.hdr.next_proto_id = 0xff;
    fields.used = true;
  }
  add(RTE_FLOW_ITEM_TYPE_IPV4, fields);
}

void RteRule::add(const MatchIpv6& match) {
  SpecAndMask<rte_flow_item_ipv6> fields;
  // The address's type differs between releases of DPDK; its bytes don't.
  const auto prefix = [&fields](const Ipv6Prefix& wanted, void* spec, void* mask) {
    if (wanted.is_default()) return;
    const auto& bytes = wanted.address().bytes();
    std::memcpy(spec, bytes.data(), bytes.size());
    set_mask(mask, wanted.length(), bytes.size());
    fields.used = true;
  };
  prefix(match.source, &fields.spec.hdr.src_addr, &fields.mask.hdr.src_addr);
  prefix(match.destination, &fields.spec.hdr.dst_addr, &fields.mask.hdr.dst_addr);
  if (match.next_header) {
    fields.spec.hdr.proto = *match.next_header;
    fields.mask.hdr.proto = 0xff;
    fields.used = true;
  }
  add(RTE_FLOW_ITEM_TYPE_IPV6, fields);
}

namespace {

void set_port(const std::optional<std::uint16_t>& wanted, void* spec, void* mask, bool& used) {
  if (!wanted) return;
  const rte_be16_t port = htons(*wanted);
  std::memcpy(spec, &port, sizeof port);
  set_mask(mask, 16, sizeof port);
  used = true;
}

}  // namespace

void RteRule::add(const MatchUdp& match) {
  SpecAndMask<rte_flow_item_udp> fields;
  auto& [spec, mask, used] = fields;
  set_port(match.source_port, &spec.hdr.src_port, &mask.hdr.src_port, used);
  set_port(match.destination_port, &spec.hdr.dst_port, &mask.hdr.dst_port, used);
  add(RTE_FLOW_ITEM_TYPE_UDP, fields);
}

void RteRule::add(const MatchTcp& match) {
  SpecAndMask<rte_flow_item_tcp> fields;
  auto& [spec, mask, used] = fields;
  set_port(match.source_port, &spec.hdr.src_port, &mask.hdr.src_port, used);
  set_port(match.destination_port, &spec.hdr.dst_port, &mask.hdr.dst_port, used);
  add(RTE_FLOW_ITEM_TYPE_TCP, fields);
}

void RteRule::add(const MatchIcmpv6& match) {
  SpecAndMask<rte_flow_item_icmp6> fields;
  if (match.type) {
    fields.spec.type = *match.type;
    fields.mask.type = 0xff;
    fields.used = true;
  }
  add(RTE_FLOW_ITEM_TYPE_ICMP6, fields);
}

namespace {

rte_flow_action_set_mac mac_action(const MacAddress& mac) {
  rte_flow_action_set_mac conf{};
  std::memcpy(conf.mac_addr, mac.bytes().data(), sizeof conf.mac_addr);
  return conf;
}

}  // namespace

void RteRule::add(const SetSourceMac& action) {
  auto& conf = action_fields_.emplace_back(mac_action(action.mac));
  actions_.push_back(
      {.type = RTE_FLOW_ACTION_TYPE_SET_MAC_SRC, .conf = &std::get<rte_flow_action_set_mac>(conf)});
}

void RteRule::add(const SetDestinationMac& action) {
  auto& conf = action_fields_.emplace_back(mac_action(action.mac));
  actions_.push_back(
      {.type = RTE_FLOW_ACTION_TYPE_SET_MAC_DST, .conf = &std::get<rte_flow_action_set_mac>(conf)});
}

void RteRule::add(const DecrementTtl& /*action*/) {
  actions_.push_back({.type = RTE_FLOW_ACTION_TYPE_DEC_TTL, .conf = nullptr});
}

void RteRule::add(const ToQueue& action) {
  auto& conf = action_fields_.emplace_back(rte_flow_action_queue{.index = action.queue});
  actions_.push_back(
      {.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &std::get<rte_flow_action_queue>(conf)});
}

void RteRule::add(const Drop& /*action*/) {
  actions_.push_back({.type = RTE_FLOW_ACTION_TYPE_DROP, .conf = nullptr});
}

std::string testpmd_text(const RteRule& rule) {
  std::string text = "ingress";
  if (rule.attributes().priority != 0) {
    text += fmt::format(" priority {}", rule.attributes().priority);
  }
  text += " pattern";
  for (const auto* item = rule.pattern(); item->type != RTE_FLOW_ITEM_TYPE_END; ++item) {
    text += ' ' + item_text(*item) + " /";
  }
  text += " end actions";
  for (const auto* action = rule.actions(); action->type != RTE_FLOW_ACTION_TYPE_END; ++action) {
    text += ' ' + action_text(*action) + " /";
  }
  return text + " end";
}

std::string testpmd_text(const Rule& rule) {
  return testpmd_text(RteRule{rule});
}

}  // namespace lastmile::offload
