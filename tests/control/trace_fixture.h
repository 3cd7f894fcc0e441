// Answers to `trace` that are always the same: a flow that leaves by the second of two uplinks, one
// that comes in by an uplink and is refused, and one from the LAN that is too long.
#pragma once

#include <string>

#include "controlplane/control/trace_view.h"

namespace lastmile::test {

inline TraceMemberView trace_member(unsigned id, const std::string& port, const char* address,
                                    const char* mac) {
  TraceMemberView member;
  member.id = id;
  member.kind = "forward";
  member.port = port;
  member.address = address;
  member.mac = MacAddress::parse(mac);
  member.weight = 1;
  member.buckets = 1;
  member.alive = true;
  return member;
}

/// By the default route, over two equal paths.
inline TraceView fixed_trace(TraceRequest request) {
  TraceView view;
  if (!request.source) request.source = *parse_ip_address("10.0.1.1");
  view.flow = request;
  view.ingress = request.ingress.empty() ? "lm0" : request.ingress;
  view.side = request.ingress.empty() ? "host" : "uplink";
  view.ingress_mtu = 9000;
  view.prefix = *parse_ip_prefix("0.0.0.0/0");
  RouteView& path = view.path.emplace();
  path.prefix = *view.prefix;
  path.source = "bgp";
  path.neighbor = "up2";
  path.as_path = "65002 65201";
  path.multipath = true;
  path.reason = "equal to the best path; would lose by lower neighbor address";
  TraceGroupView& group = view.group.emplace();
  group.id = 3;
  group.buckets = 2;
  group.hash = 0x8f3a12c5;
  group.bucket = 1;
  group.choice = "hash";
  group.members = {trace_member(1, "up1", "fe80::5eff:fe10:101", "02:00:5e:10:01:01"),
                   trace_member(2, "up2", "fe80::5eff:fe10:201", "02:00:5e:10:02:01")};
  group.members[1].chosen = true;
  if (request.ingress == "lan") {
    view.side = "local";
    view.ingress_mtu = 1500;
    view.verdict = "dropped";
    view.drop.emplace(TraceDropView{
        "fragmentation-needed",
        "longer than the egress MTU and may not be fragmented (RFC 1812 5.2.6, RFC 8200 5)",
        {}});
    view.drop->icmp = {3, 4, *parse_ip_address("10.0.1.1"), 1500};
    return view;
  }
  if (!request.ingress.empty()) {
    view.verdict = "dropped";
    view.drop.emplace(
        TraceDropView{"transit-refused", "from one uplink to another in host mode", {}});
    return view;
  }
  view.verdict = "forwarded";
  view.egress = "up2";
  view.mtu = 9000;
  TraceRewriteView& rewrite = view.rewrite.emplace();
  rewrite.source = *MacAddress::parse("02:00:5e:10:00:02");
  rewrite.destination = *group.members[1].mac;
  rewrite.ethertype = 0x0800;
  return view;
}

}  // namespace lastmile::test
