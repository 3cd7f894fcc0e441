#include "controlplane/control/respond.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/config/suggest.h"

namespace lastmile {
namespace {

using json = Json;

/// A value or null, so that a field is always there.
template <class T, class Convert>
json or_null(const std::optional<T>& value, Convert convert) {
  return value ? json(convert(*value)) : json(nullptr);
}
json or_null(const std::optional<IpAddress>& address) {
  return or_null(address, [](const IpAddress& a) { return to_string(a); });
}
json or_null(const std::optional<std::chrono::seconds>& duration) {
  return or_null(duration, [](std::chrono::seconds d) { return d.count(); });
}
json or_null(const std::optional<double>& number) {
  return or_null(number, [](double n) { return n; });
}
json or_null(const std::optional<std::uint64_t>& number) {
  return number ? json(*number) : json(nullptr);
}
json or_null(const std::optional<std::uint32_t>& number) {
  return or_null(number, [](std::uint32_t n) { return n; });
}

template <class View>
json list(const std::vector<View>& views) {
  json result = json::array();
  for (const View& view : views) result.push_back(to_json(view));
  return result;
}

json restart(const GracefulRestartView& view) {
  return {{"restart_time_s", view.restart_time.count()},
          {"notifications", view.notifications},
          {"families", view.families}};
}

json family(const FibFamilyView& view) {
  return {{"routes", view.routes},
          {"max_routes", view.max_routes},
          {"groups", view.groups},
          {"tbl8_used", view.tbl8_used},
          {"tbl8_total", view.tbl8_total}};
}

json help(const CommandTable& table) {
  json verbs = json::array();
  for (const Command& command : table.commands()) {
    verbs.push_back(
        {{"verb", command.verb}, {"help", command.help}, {"arguments", command.arguments}});
  }
  return {{"verbs", std::move(verbs)}};
}

}  // namespace

json to_json(const VersionView& version) {
  return {{"version", version.version},
          {"dpdk", version.dpdk},
          {"uptime_s", version.uptime.count()},
          {"router_id", version.router_id},
          {"asn", version.asn},
          {"config", version.config}};
}

json to_json(const PortView& port) {
  return {{"name", port.name},
          {"device", port.device},
          {"parent", port.parent},
          {"vlan", port.vlan},
          {"vlan_protocol", port.vlan_protocol},
          {"driver", port.driver},
          {"twin", port.twin},
          {"mac", to_string(port.mac)},
          {"mtu", port.mtu},
          {"addresses", port.addresses},
          {"link", port.link_up ? "up" : "down"},
          {"link_watch", port.link_watch},
          {"speed_mbps", port.speed_mbps},
          {"rx_packets", port.rx_packets},
          {"rx_bytes", port.rx_bytes},
          {"rx_missed", port.rx_missed},
          {"rx_errors", port.rx_errors},
          {"tx_packets", port.tx_packets},
          {"tx_bytes", port.tx_bytes},
          {"tx_dropped", port.tx_dropped},
          {"ethertype_repairs", port.ethertype_repairs},
          {"rx_queues", port.rx_queues},
          {"tx_queues", port.tx_queues}};
}

static json to_json(const OffloadRuleView& rule) {
  return {{"name", rule.name},
          {"installed", rule.installed},
          {"rule", rule.rule},
          {"reason", rule.reason}};
}

static json to_json(const OffloadStepView& step) {
  return {{"step", step.step},   {"name", step.name},     {"help", step.help},
          {"state", step.state}, {"reason", step.reason}, {"rules", list(step.rules)}};
}

json to_json(const OffloadView& port) {
  return {{"port", port.port},
          {"driver", port.driver},
          {"step", port.step},
          {"step_name", port.step_name},
          {"priority_queue", or_null(port.priority_queue)},
          {"worker", or_null(port.worker)},
          {"steps", list(port.steps)}};
}

json local_restart(const LocalRestartView& restart) {
  return {{"restart_time_s", restart.restart_time.count()},
          {"restarted", restart.restarted},
          {"forwarding", restart.forwarding}};
}

json to_json(const NeighborView& neighbor) {
  return {{"name", neighbor.name},
          {"description", neighbor.description},
          {"port", neighbor.port},
          {"address", or_null(neighbor.address)},
          {"remote_asn", or_null(neighbor.remote_asn, [](bgp::Asn asn) { return asn.value(); })},
          {"state", neighbor.state},
          {"detail", neighbor.detail},
          {"passive", neighbor.passive},
          {"uptime_s", or_null(neighbor.uptime)},
          {"remote_id",
           or_null(neighbor.remote_id, [](bgp::BgpIdentifier id) { return to_string(id); })},
          {"hold_time_s", neighbor.hold_time.count()},
          {"families", neighbor.families},
          {"received", neighbor.received},
          {"accepted", neighbor.accepted},
          {"advertised", neighbor.advertised},
          {"messages_received", neighbor.messages_received},
          {"messages_sent", neighbor.messages_sent},
          {"established_count", neighbor.established_count},
          {"last_error", neighbor.last_error},
          {"treat_as_withdraw", neighbor.treat_as_withdraw},
          {"attribute_discard", neighbor.attribute_discard},
          {"last_fault", neighbor.last_fault},
          {"role", neighbor.role},
          {"remote_role", neighbor.remote_role},
          {"graceful_restart", or_null(neighbor.graceful_restart, restart)},
          {"restarting", neighbor.restarting},
          {"long_lived", neighbor.long_lived},
          {"local_restart", or_null(neighbor.local_restart, local_restart)},
          {"awaited", neighbor.awaited},
          {"stale", neighbor.stale}};
}

json to_json(const NextHopView& next_hop) {
  return {{"port", next_hop.port},
          {"address", or_null(next_hop.address)},
          {"weight", next_hop.weight},
          {"alive", next_hop.alive},
          {"mac", or_null(next_hop.mac, [](const MacAddress& mac) { return to_string(mac); })}};
}

json to_json(const RouteView& route) {
  return {{"prefix", to_string(route.prefix)},
          {"source", route.source},
          {"neighbor", route.neighbor},
          {"best", route.best},
          {"multipath", route.multipath},
          {"backup", route.backup},
          {"reason", route.reason},
          {"refusal", route.refusal},
          {"next_hops", list(route.next_hops)},
          {"as_path", route.as_path},
          {"origin", route.origin},
          {"med", or_null(route.med)},
          {"local_preference", or_null(route.local_preference)},
          {"communities", route.communities},
          {"large_communities", route.large_communities},
          {"age_s", or_null(route.age)},
          {"installed", route.installed},
          {"forwarding", route.forwarding},
          {"fib_error", route.fib_error},
          {"advertised_to", route.advertised_to},
          {"only_to_customer", or_null(route.only_to_customer)},
          {"stale", route.stale},
          {"link_bandwidth", or_null(route.link_bandwidth)},
          {"aigp", or_null(route.aigp)},
          {"path_id", or_null(route.path_id)}};
}

json to_json(const ControlThreadView& control) {
  json threads = json::array();
  for (const ThreadView& thread : control.threads) {
    threads.push_back(json{{"name", thread.name}, {"stuck", thread.stuck}});
  }
  return {{"slices", control.slices},         {"long_slices", control.long_slices},
          {"busy_us", control.busy.count()},  {"longest_us", control.longest.count()},
          {"longest_in", control.longest_in}, {"longest_wall_us", control.longest_wall.count()},
          {"rib_bytes", control.rib_bytes},   {"heap_bytes", control.heap_bytes},
          {"threads", std::move(threads)}};
}

json to_json(const FibStatusView& fib) {
  return {{"ipv4", family(fib.ipv4)},
          {"ipv6", family(fib.ipv6)},
          {"next_hops", fib.next_hops},
          {"queue",
           {{"depth", fib.queue_depth},
            {"applied", fib.queue_applied},
            {"coalesced", fib.queue_coalesced},
            {"failures", fib.failures}}}};
}

json to_json(const LinkLayerView& neighbor) {
  return {{"port", neighbor.port},
          {"address", to_string(neighbor.address)},
          {"mac", or_null(neighbor.mac, [](const MacAddress& mac) { return to_string(mac); })},
          {"state", neighbor.state},
          {"router", neighbor.router}};
}

json to_json(const NextHopStatusView& next_hop) {
  return {{"id", next_hop.id},
          {"port", next_hop.port},
          {"kind", next_hop.kind},
          {"addresses", next_hop.addresses},
          {"mac", or_null(next_hop.mac, [](const MacAddress& mac) { return to_string(mac); })},
          {"alive", next_hop.alive},
          {"down", next_hop.down},
          {"packets", next_hop.packets},
          {"bytes", next_hop.bytes}};
}

json to_json(const StageView& stage) {
  return {{"stage", stage.name}, {"cycles_per_packet", stage.cycles_per_packet}};
}

json to_json(const PuntView& punt) {
  return {{"class", punt.punt_class}, {"packets", punt.packets}, {"policed", punt.policed}};
}

json to_json(const WorkerView& worker) {
  return {{"id", worker.id},
          {"cpu", or_null(worker.cpu)},
          {"rx_packets", worker.rx_packets},
          {"tx_packets", worker.tx_packets},
          {"punted", worker.punted},
          {"icmp_errors", worker.icmp_errors},
          {"icmp_errors_limited", worker.icmp_errors_limited},
          {"held", worker.held},
          {"released", worker.released},
          {"resolution_requests", worker.resolution_requests},
          {"lost_events", worker.lost_events},
          {"cycles_per_packet", worker.cycles_per_packet},
          {"packets_per_vector", worker.packets_per_vector},
          {"idle_share", worker.idle_share},
          {"stuck", worker.stuck},
          {"stages", list(worker.stages)},
          {"receives", worker.receives},
          {"punts", list(worker.punts)},
          {"drops", list(worker.drops)}};
}

json to_json(const BfdView& session) {
  return {{"neighbor", session.neighbor},
          {"port", session.port.empty() ? json{} : json(session.port)},
          {"address", to_string(session.address)},
          {"local_address", to_string(session.local_address)},
          {"minimum_ttl", or_null(session.minimum_ttl)},
          {"clients", session.clients},
          {"state", session.state},
          {"interval_us", session.interval_us},
          {"multiplier", session.multiplier},
          {"detect_us", session.detect_us},
          {"echo", session.echo},
          {"offload", session.offload},
          {"last_down_reason", session.last_down_reason},
          {"profile", session.profile},
          {"uptime_s", or_null(session.uptime)},
          {"remote_state", session.remote_state},
          {"diagnostic", session.diagnostic},
          {"remote_diagnostic", session.remote_diagnostic},
          {"remote_control_plane_independent", session.remote_independent},
          {"receive_interval_us", session.receive_interval_us},
          {"auth", session.auth},
          {"discriminator", session.discriminator},
          {"remote_discriminator", session.remote_discriminator},
          {"sent", session.sent},
          {"received", session.received},
          {"refused", session.refused},
          {"state_changes", session.state_changes},
          {"failures", session.failures},
          {"longest_gap_us", session.longest_gap_us},
          {"echo_interval_us", session.echo_interval_us},
          {"echo_sent", session.echo_sent},
          {"echo_returned", session.echo_returned},
          {"echo_reflected", session.echo_reflected},
          {"rtt_us", or_null(session.rtt_us)},
          {"rtt_mean_us", or_null(session.rtt_mean_us)},
          {"rtt_jitter_us", or_null(session.rtt_jitter_us)},
          {"rtt_min_us", or_null(session.rtt_min_us)},
          {"rtt_max_us", or_null(session.rtt_max_us)}};
}

json to_json(const BfdRefusalView& refusal) {
  return {{"reason", refusal.reason}, {"help", refusal.help}, {"packets", refusal.packets}};
}

json to_json(const BfdStatusView& bfd) {
  return {{"sessions", list(bfd.sessions)},
          {"refused", list(bfd.refused)},
          {"timers",
           {{"fired", bfd.timers},
            {"mean_lateness_us", bfd.mean_lateness_us},
            {"worst_lateness_us", bfd.worst_lateness_us}}}};
}

json to_json(const DropView& drop) {
  return {{"reason", drop.reason}, {"help", drop.help}, {"packets", drop.packets}};
}

namespace {

/// The arguments that ask for one neighbor's part of the table.
constexpr std::pair<const char*, RouteQuery::Side> kSides[] = {
    {"received", RouteQuery::Side::kReceived},
    {"accepted", RouteQuery::Side::kAccepted},
    {"advertised", RouteQuery::Side::kAdvertised},
};

tl::expected<void, std::string> read_side(const json& args, RouteQuery& query) {
  for (const auto& [name, side] : kSides) {
    const auto neighbor = args.find(name);
    if (neighbor == args.end()) continue;
    if (!neighbor->is_string()) {
      return tl::unexpected(fmt::format("\"{}\" is not text; expected a neighbor's name", name));
    }
    if (query.side != RouteQuery::Side::kAll) {
      return tl::unexpected<std::string>(
          "more than one of \"received\", \"accepted\" and \"advertised\"; expected one");
    }
    query.side = side;
    query.neighbor = neighbor->get<std::string>();
  }
  return {};
}

/// Says so if there is no such neighbor.
tl::expected<void, std::string> check_neighbor(const ShowSource& source, const std::string& name) {
  std::vector<std::string> names;
  for (const NeighborView& neighbor : source.bgp_neighbors()) {
    if (neighbor.name == name) return {};
    names.push_back(neighbor.name);
  }
  return tl::unexpected(
      fmt::format("no BGP neighbor \"{}\"; {}", name.substr(0, 100),
                  hint(name, names, names.empty() ? "there are none" : "see \"show bgp\"")));
}

}  // namespace

tl::expected<RouteQuery, std::string> route_query(const json& args) {
  const auto fault = [](std::string text) { return tl::unexpected(std::move(text)); };
  RouteQuery query;
  query.limit = kMaxRoutesPage;
  if (auto side = read_side(args, query); !side) return fault(std::move(side.error()));
  if (const auto match = args.find("match"); match != args.end()) {
    if (!match->is_string()) return fault("\"match\" is not text; expected a prefix or an address");
    const auto& text = match->get_ref<const std::string&>();
    if (const auto address = parse_ip_address(text)) {
      query.what = *address;
    } else if (const auto prefix = parse_ip_prefix(text)) {
      query.what = *prefix;
    } else {
      return fault(
          fmt::format("\"{}\" is neither a prefix nor an address; expected one such as "
                      "10.0.0.0/8 (no host bits set) or 10.0.0.1",
                      text.substr(0, 100)));
    }
  }
  if (const auto cursor = args.find("cursor"); cursor != args.end()) {
    if (!cursor->is_string())
      return fault("\"cursor\" is not text; expected the \"next\" of a page");
    query.cursor = cursor->get<std::string>();
  }
  if (const auto limit = args.find("limit"); limit != args.end()) {
    if (!limit->is_number_unsigned() || *limit < 1U) {
      return fault("\"limit\" is not a number of prefixes; expected 1 or more");
    }
    query.limit =
        static_cast<unsigned>(std::min<std::uint64_t>(limit->get<std::uint64_t>(), kMaxRoutesPage));
  }
  return query;
}

void add_show_commands(CommandTable& table, const ShowSource& source) {
  using Args = const json&;
  const auto add = [&](std::string verb, std::string text, auto answer) {
    table.add({std::move(verb), std::move(text), {}, [answer](Args) -> CommandResult {
                 return answer();
               }});
  };
  add("show ports", "ports, their links and counters", [&source] {
    return json{{"ports", list(source.ports())}};
  });
  add("show offload", "what each port's NIC does by itself, and why not more", [&source] {
    return json{{"ports", list(source.offload())}};
  });
  add("show bgp", "BGP neighbors", [&source] {
    return json{{"neighbors", list(source.bgp_neighbors())}};
  });
  table.add({"show routes",
             "routes: all, of a prefix, or the longest match of an address; all paths, or what a "
             "BGP neighbor has sent (received, accepted) or been sent (advertised)",
             {"match", "cursor", "limit", "received", "accepted", "advertised"},
             [&source](Args args) -> CommandResult {
               const auto query = route_query(args);
               if (!query) return tl::unexpected(query.error());
               if (query->side != RouteQuery::Side::kAll) {
                 const auto known = check_neighbor(source, query->neighbor);
                 if (!known) return tl::unexpected(known.error());
               }
               const RoutePage page = source.routes(*query);
               json data{{"routes", list(page.routes)}};
               if (!page.next.empty()) data["next"] = page.next;
               return data;
             }});
  add("show fib", "fill of the forwarding tables, and their update queue",
      [&source] { return to_json(source.fib()); });
  add("show neighbors", "link-layer neighbors", [&source] {
    return json{{"neighbors", list(source.link_layer_neighbors())}};
  });
  add("show nexthops", "next hops, their liveness and counters", [&source] {
    return json{{"next_hops", list(source.next_hops())}};
  });
  table.add({"show workers",
             "workers, their load and counters",
             {"reader"},
             [&source](Args args) -> CommandResult {
               const auto reader = args.find("reader");
               if (reader != args.end() && !reader->is_string()) {
                 return tl::unexpected<std::string>(
                     "\"reader\" is not text; expected a name of whoever asks");
               }
               // Remembered, so not longer than a name is.
               const std::string name =
                   reader == args.end() ? "" : reader->get<std::string>().substr(0, 64);
               return json{{"workers", list(source.workers(name))}};
             }});
  add("show bfd", "BFD sessions, echo and round-trip times",
      [&source] { return to_json(source.bfd()); });
  add("show drops", "dropped packets by reason", [&source] {
    return json{{"drops", list(source.drops())}};
  });
  add("show control", "the control thread: its longest slices, its memory",
      [&source] { return to_json(source.control_thread()); });
  add("version", "version and uptime", [&source] { return to_json(source.version()); });
  add("help", "what this daemon understands", [&table] { return help(table); });
}

}  // namespace lastmile
