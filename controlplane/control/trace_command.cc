#include "controlplane/control/trace_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "controlplane/config/types.h"
#include "controlplane/control/respond.h"
#include "dataplane/net/headers.h"

namespace lastmile {
namespace {

using Fault = tl::unexpected<std::string>;

/// A protocol by its name. ICMP has a number of its own in each family.
struct ProtocolName {
  std::string_view name;
  std::uint8_t ipv4;
  std::uint8_t ipv6;
  bool has_ports;
};
constexpr std::array kProtocols{
    ProtocolName{"udp", protocol::kUdp, protocol::kUdp, true},
    ProtocolName{"tcp", protocol::kTcp, protocol::kTcp, true},
    ProtocolName{"icmp", protocol::kIcmp, protocol::kIcmpv6, false},
    ProtocolName{"sctp", protocol::kSctp, protocol::kSctp, true},
};

bool is_ipv4(const IpAddress& address) {
  return std::holds_alternative<Ipv4Address>(address);
}

const ProtocolName* known_protocol(std::uint8_t number, const IpAddress& destination) {
  const auto* const found = std::ranges::find_if(kProtocols, [&](const ProtocolName& known) {
    return number == (is_ipv4(destination) ? known.ipv4 : known.ipv6);
  });
  return found == kProtocols.end() ? nullptr : found;
}

/// An argument as it was typed, number or text; empty if it is not there. A structure is none, and
/// what it says is not said again: to any depth, that would take any stack.
std::string typed(const Json& args, const char* name) {
  const auto found = args.find(name);
  if (found == args.end()) return {};
  if (found->is_structured()) return "(a structure)";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

tl::expected<std::optional<IpAddress>, std::string> address_in(const Json& args, const char* name) {
  const std::string text = typed(args, name);
  if (text.empty()) return std::nullopt;
  const auto address = parse_ip_address(text);
  if (!address) {
    return Fault{fmt::format("\"{}\" is no address; expected one such as 10.0.2.2 or 2001:db8::2",
                             text.substr(0, 100))};
  }
  return address;
}

/// "sport" or "dport", of a protocol that has ports.
tl::expected<std::uint16_t, std::string> port_in(const Json& args, const char* name,
                                                 const TraceRequest& request) {
  constexpr std::uint64_t kLast = 65535;
  const std::string text = typed(args, name);
  if (text.empty()) return 0;
  const auto number = config::parse_decimal(text);
  if (!number || *number > kLast) {
    return Fault{fmt::format("{}: \"{}\" is no port number; expected one from 0 to {}", name,
                             text.substr(0, 100), kLast)};
  }
  const ProtocolName* const known = known_protocol(request.protocol, request.destination);
  if (known == nullptr || !known->has_ports) {
    return Fault{fmt::format(
        "{}: protocol {} has no ports; expected --proto udp, tcp or sctp", name,
        known == nullptr ? std::to_string(request.protocol) : std::string{known->name})};
  }
  return static_cast<std::uint16_t>(*number);
}

tl::expected<std::uint8_t, std::string> protocol_in(const Json& args,
                                                    const IpAddress& destination) {
  constexpr std::uint64_t kLast = 255;
  const std::string text = typed(args, "proto");
  if (text.empty()) return protocol::kUdp;
  const auto* const named = std::ranges::find(kProtocols, text, &ProtocolName::name);
  if (named != kProtocols.end()) return is_ipv4(destination) ? named->ipv4 : named->ipv6;
  const auto number = config::parse_decimal(text);
  if (number && *number <= kLast) return static_cast<std::uint8_t>(*number);
  return Fault{
      fmt::format("proto: \"{}\" is no protocol; expected udp, tcp, icmp, sctp or a number from 0 "
                  "to {}",
                  text.substr(0, 100), kLast)};
}

/// A number of a range, if there is one. `what`: "no length of a packet".
struct NumberRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
tl::expected<std::optional<unsigned>, std::string> number_in(const Json& args, const char* name,
                                                             const char* what,
                                                             const NumberRange& range) {
  const std::string text = typed(args, name);
  if (text.empty()) return std::nullopt;
  const auto number = config::parse_decimal(text);
  if (!number || *number < range.first || *number > range.last) {
    return Fault{fmt::format("{}: \"{}\" is {}; expected one from {} to {}", name,
                             text.substr(0, 100), what, range.first, range.last)};
  }
  return static_cast<unsigned>(*number);
}

/// How the packet is made, beside its addresses and ports.
tl::expected<void, std::string> add_shape(const Json& args, TraceRequest& request) {
  const bool ipv4 = is_ipv4(request.destination);
  const auto length =
      number_in(args, "length",
                ipv4 ? "no length of an IPv4 packet here" : "no length of an IPv6 packet here",
                {ipv4 ? kShortestTracedIpv4 : kShortestTracedIpv6, kLongestTraced});
  if (!length) return Fault{length.error()};
  request.length = *length;
  const auto hops = number_in(args, "ttl", "no TTL or hop limit", {0, 255});
  if (!hops) return Fault{hops.error()};
  request.hops = static_cast<std::uint8_t>(hops->value_or(kTracedHops));
  const std::string df = typed(args, "df");
  if (df.empty() || df == "false") return {};
  if (df != "true") {
    return Fault{fmt::format("df: \"{}\" is neither true nor false", df.substr(0, 100))};
  }
  if (!ipv4) return Fault{"df: IPv6 packets are never cut; expected an IPv4 destination"};
  request.cutting = Cutting::kForbidden;
  return {};
}

Json flow_json(const TraceRequest& flow) {
  const ProtocolName* const known = known_protocol(flow.protocol, flow.destination);
  const bool ports = known != nullptr && known->has_ports;
  return {{"source", flow.source ? Json(to_string(*flow.source)) : Json(nullptr)},
          {"destination", to_string(flow.destination)},
          {"protocol", known == nullptr ? std::to_string(flow.protocol) : std::string{known->name}},
          {"protocol_number", flow.protocol},
          {"source_port", ports ? Json(flow.source_port) : Json(nullptr)},
          {"destination_port", ports ? Json(flow.destination_port) : Json(nullptr)},
          {"length", flow.length ? Json(*flow.length) : Json(nullptr)},
          {"ttl", flow.hops},
          {"df", flow.cutting == Cutting::kForbidden}};
}

Json member_json(const TraceMemberView& member) {
  return {{"next_hop", member.id},
          {"kind", member.kind},
          {"port", member.port},
          {"address", member.address.empty() ? Json(nullptr) : Json(member.address)},
          {"mac", member.mac ? Json(to_string(*member.mac)) : Json(nullptr)},
          {"weight", member.weight ? Json(*member.weight) : Json(nullptr)},
          {"buckets", member.buckets},
          {"backup", member.backup},
          {"chosen", member.chosen},
          {"alive", member.alive},
          {"down", member.down}};
}

Json group_json(const TraceGroupView& group) {
  Json members = Json::array();
  for (const TraceMemberView& member : group.members) members.push_back(member_json(member));
  return {{"id", group.id},
          {"buckets", group.buckets},
          {"hash", group.hash ? Json(*group.hash) : Json(nullptr)},
          {"bucket", group.bucket},
          {"choice", group.choice},
          {"members", std::move(members)}};
}

Json rewrite_json(const TraceRewriteView& rewrite) {
  Json vlans = Json::array();
  for (const auto& vlan : rewrite.vlans) {
    vlans.push_back({{"protocol", vlan.protocol}, {"id", vlan.id}});
  }
  return {{"source", to_string(rewrite.source)},
          {"destination", to_string(rewrite.destination)},
          {"vlans", std::move(vlans)},
          {"ethertype", fmt::format("0x{:04x}", rewrite.ethertype)},
          {"hops_spent", rewrite.hops_spent}};
}

Json drop_json(const TraceDropView& drop) {
  Json icmp = nullptr;
  if (drop.icmp) {
    icmp = {{"type", drop.icmp->type},
            {"code", drop.icmp->code},
            {"from", to_string(drop.icmp->from)},
            {"mtu", drop.icmp->mtu ? Json(*drop.icmp->mtu) : Json(nullptr)}};
  }
  return {{"reason", drop.reason}, {"help", drop.help}, {"icmp", std::move(icmp)}};
}

}  // namespace

tl::expected<TraceRequest, std::string> trace_request(const Json& args) {
  TraceRequest request;
  const auto source = address_in(args, "source");
  if (!source) return Fault{source.error()};
  const auto destination = address_in(args, "destination");
  if (!destination) return Fault{destination.error()};
  if (!*destination) return Fault{"there is no destination; expected an address"};
  request.source = *source;
  request.destination = **destination;
  if (request.source && is_ipv4(*request.source) != is_ipv4(request.destination)) {
    return Fault{fmt::format("{} and {} are of different families; expected two of one",
                             to_string(*request.source), to_string(request.destination))};
  }
  const auto protocol = protocol_in(args, request.destination);
  if (!protocol) return Fault{protocol.error()};
  request.protocol = *protocol;
  for (const auto& [name, port] :
       {std::pair{"sport", &request.source_port}, std::pair{"dport", &request.destination_port}}) {
    const auto number = port_in(args, name, request);
    if (!number) return Fault{number.error()};
    *port = *number;
  }
  if (auto shaped = add_shape(args, request); !shaped) return Fault{shaped.error()};
  request.ingress = typed(args, "port");
  return request;
}

Json to_json(const TraceView& trace) {
  const auto text = [](const std::string& value) {
    return value.empty() ? Json(nullptr) : Json(value);
  };
  return {{"flow", flow_json(trace.flow)},
          {"ingress", trace.ingress},
          {"side", trace.side},
          {"ingress_mtu", trace.ingress_mtu},
          {"verdict", trace.verdict},
          {"egress", text(trace.egress)},
          {"mtu", trace.mtu ? Json(*trace.mtu) : Json(nullptr)},
          {"fragments", trace.fragments != 0 ? Json(trace.fragments) : Json(nullptr)},
          {"prefix", trace.prefix ? Json(to_string(*trace.prefix)) : Json(nullptr)},
          {"current", trace.current},
          {"path", trace.path ? to_json(*trace.path) : Json(nullptr)},
          {"group", trace.group ? group_json(*trace.group) : Json(nullptr)},
          {"rewrite", trace.rewrite ? rewrite_json(*trace.rewrite) : Json(nullptr)},
          {"drop", trace.drop ? drop_json(*trace.drop) : Json(nullptr)},
          {"punt_class", text(trace.punt_class)},
          {"maybe_bfd", trace.maybe_bfd}};
}

void add_trace_command(
    CommandTable& table,
    std::function<tl::expected<TraceView, std::string>(const TraceRequest&)> trace) {
  table.add({"trace",
             "where a flow would go, and why: the workers' own code is asked",
             {"source", "destination", "proto", "sport", "dport", "length", "ttl", "df", "port"},
             [trace = std::move(trace)](const Json& args) -> CommandResult {
               const auto request = trace_request(args);
               if (!request) return Fault{request.error()};
               const auto answer = trace(*request);
               if (!answer) return Fault{answer.error()};
               return to_json(*answer);
             }});
}

}  // namespace lastmile
