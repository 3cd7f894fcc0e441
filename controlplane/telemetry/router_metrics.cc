#include "controlplane/telemetry/router_metrics.h"

#include <algorithm>
#include <map>

#include "dataplane/net/format.h"

namespace lastmile {
namespace {

using Kind = MetricKind;

double seconds_of(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}
double seconds_of_us(double microseconds) {
  return microseconds / 1e6;
}
std::uint64_t flag(bool value) {
  return value ? 1 : 0;
}

/// One family, a sample for each item.
template <class Items, class Sample>
void family(MetricsText& text, Kind kind, const char* name, const char* help, const Items& items,
            Sample sample) {
  text.family(kind, name, help);
  for (const auto& item : items) sample(item);
}

void add_router(MetricsText& text, const VersionView& version) {
  text.family(Kind::kGauge, "lastmile_build_info", "Version of the router; the value is 1.");
  text.sample({{"version", version.version}, {"dpdk", version.dpdk}}, std::uint64_t{1});
  text.family(Kind::kGauge, "lastmile_uptime_seconds", "Time since the router started.");
  text.sample({}, static_cast<double>(version.uptime.count()));
}

void add_ports(MetricsText& text, const std::vector<PortView>& ports) {
  const auto each = [&](Kind kind, const char* name, const char* help, auto value) {
    family(text, kind, name, help, ports, [&](const PortView& port) {
      text.sample({{"port", port.name}}, value(port));
    });
  };
  each(Kind::kGauge, "lastmile_port_up", "Whether the port's link is up.",
       [](const PortView& p) { return flag(p.link_up); });
  each(Kind::kGauge, "lastmile_port_speed_bytes",
       "Speed of the link in bytes a second; 0 if it is not known.",
       [](const PortView& p) { return static_cast<double>(p.speed_mbps) * 1e6 / 8; });
  each(Kind::kGauge, "lastmile_port_mtu_bytes", "Largest IP packet.",
       [](const PortView& p) { return std::uint64_t{p.mtu}; });
  each(Kind::kCounter, "lastmile_port_receive_packets", "Packets that the device has received.",
       [](const PortView& p) { return p.rx_packets; });
  each(Kind::kCounter, "lastmile_port_receive_bytes", "Bytes that the device has received.",
       [](const PortView& p) { return p.rx_bytes; });
  each(Kind::kCounter, "lastmile_port_receive_missed_packets",
       "Packets lost by the device because no worker took them in time.",
       [](const PortView& p) { return p.rx_missed; });
  each(Kind::kCounter, "lastmile_port_receive_errors", "Packets that the device could not read.",
       [](const PortView& p) { return p.rx_errors; });
  each(Kind::kCounter, "lastmile_port_transmit_packets", "Packets that the device has sent.",
       [](const PortView& p) { return p.tx_packets; });
  each(Kind::kCounter, "lastmile_port_transmit_bytes", "Bytes that the device has sent.",
       [](const PortView& p) { return p.tx_bytes; });
  each(Kind::kCounter, "lastmile_port_transmit_dropped_packets",
       "Packets that found the device's queue full.",
       [](const PortView& p) { return p.tx_dropped; });
  each(Kind::kCounter, "lastmile_port_ethertype_repaired_packets",
       "IPv4 packets that came under the IPv6 EtherType.",
       [](const PortView& p) { return p.ethertype_repairs; });
}

void add_workers(MetricsText& text, const std::vector<WorkerView>& workers) {
  const auto each = [&](Kind kind, const char* name, const char* help, auto value) {
    family(text, kind, name, help, workers, [&](const WorkerView& worker) {
      text.sample({{"worker", std::to_string(worker.id)}}, value(worker));
    });
  };
  each(Kind::kCounter, "lastmile_worker_receive_packets", "Packets that the worker has taken.",
       [](const WorkerView& w) { return w.rx_packets; });
  each(Kind::kCounter, "lastmile_worker_transmit_packets", "Packets that the worker has sent.",
       [](const WorkerView& w) { return w.tx_packets; });
  each(Kind::kCounter, "lastmile_worker_punted_packets", "Packets handed to the kernel.",
       [](const WorkerView& w) { return w.punted; });
  each(Kind::kCounter, "lastmile_worker_held_packets",
       "Packets put aside until a link-layer address is known.",
       [](const WorkerView& w) { return w.held; });
  each(Kind::kCounter, "lastmile_worker_released_packets", "Held packets that were sent on.",
       [](const WorkerView& w) { return w.released; });
  each(Kind::kCounter, "lastmile_worker_resolution_requests",
       "How often the control plane was asked for a link-layer address.",
       [](const WorkerView& w) { return w.resolution_requests; });
  each(Kind::kCounter, "lastmile_worker_lost_events",
       "Events for the control plane that found its ring full.",
       [](const WorkerView& w) { return w.lost_events; });
  each(Kind::kGauge, "lastmile_worker_idle_ratio",
       "Share of its time that the worker found nothing to do, over the last interval.",
       [](const WorkerView& w) { return w.idle_share; });
  each(Kind::kGauge, "lastmile_worker_cycles_per_packet",
       "Cycles of the busy time for each packet, over the last interval; 0 without packets.",
       [](const WorkerView& w) { return w.cycles_per_packet; });
  each(Kind::kGauge, "lastmile_worker_packets_per_vector",
       "Packets that went through the pipeline together, over the last interval.",
       [](const WorkerView& w) { return w.packets_per_vector; });
}

/// Of all workers together.
void add_punts(MetricsText& text, const std::vector<WorkerView>& workers) {
  std::vector<PuntView> sums;
  for (const WorkerView& worker : workers) {
    sums.resize(std::max(sums.size(), worker.punts.size()));
    for (std::size_t i = 0; i < worker.punts.size(); ++i) {
      sums[i].punt_class = worker.punts[i].punt_class;
      sums[i].packets += worker.punts[i].packets;
      sums[i].policed += worker.punts[i].policed;
    }
  }
  const auto each = [&](const char* name, const char* help, auto value) {
    family(text, Kind::kCounter, name, help, sums, [&](const PuntView& punt) {
      text.sample({{"class", punt.punt_class}}, value(punt));
    });
  };
  each("lastmile_punt_packets", "Packets handed to the kernel, by class.",
       [](const PuntView& p) { return p.packets; });
  each("lastmile_punt_policed_packets", "Packets for the kernel dropped above the class's rate.",
       [](const PuntView& p) { return p.policed; });
}

void add_next_hops(MetricsText& text, const std::vector<NextHopStatusView>& hops) {
  const auto each = [&](Kind kind, const char* name, const char* help, auto value) {
    family(text, kind, name, help, hops, [&](const NextHopStatusView& hop) {
      text.sample({{"next_hop", std::to_string(hop.id)},
                   {"port", hop.port},
                   {"kind", hop.kind},
                   {"mac", hop.mac ? fmt::format("{}", *hop.mac) : ""}},
                  value(hop));
    });
  };
  each(Kind::kGauge, "lastmile_next_hop_up", "Whether workers use the next hop.",
       [](const NextHopStatusView& h) { return flag(h.alive); });
  each(Kind::kCounter, "lastmile_next_hop_packets", "Packets that left through the next hop.",
       [](const NextHopStatusView& h) { return h.packets; });
  each(Kind::kCounter, "lastmile_next_hop_bytes", "Bytes of IP packets that left through it.",
       [](const NextHopStatusView& h) { return h.bytes; });
}

void add_fib(MetricsText& text, const FibStatusView& fib) {
  const auto families = {std::pair{"ipv4", &fib.ipv4}, std::pair{"ipv6", &fib.ipv6}};
  const auto each = [&](const char* name, const char* help, auto value) {
    family(text, Kind::kGauge, name, help, families, [&](const auto& entry) {
      text.sample({{"family", entry.first}}, value(*entry.second));
    });
  };
  each("lastmile_fib_routes", "Routes in the forwarding table.",
       [](const FibFamilyView& f) { return f.routes; });
  each("lastmile_fib_routes_limit", "Routes that the forwarding table holds.",
       [](const FibFamilyView& f) { return f.max_routes; });
  each("lastmile_fib_second_level_groups", "Second-level groups of the table in use.",
       [](const FibFamilyView& f) { return f.tbl8_used; });
  each("lastmile_fib_second_level_groups_limit", "Second-level groups that the table has.",
       [](const FibFamilyView& f) { return f.tbl8_total; });
  const auto one = [&](Kind kind, const char* name, const char* help, std::uint64_t value) {
    text.family(kind, name, help);
    text.sample({}, value);
  };
  one(Kind::kGauge, "lastmile_fib_groups", "Groups of next hops in use.", fib.ipv4.groups);
  one(Kind::kGauge, "lastmile_fib_next_hops", "Next hops in use.", fib.next_hops);
  one(Kind::kGauge, "lastmile_fib_queue_depth", "Operations that wait for the FIB writer.",
      fib.queue_depth);
  one(Kind::kCounter, "lastmile_fib_queue_applied", "Operations that the FIB writer applied.",
      fib.queue_applied);
  one(Kind::kCounter, "lastmile_fib_queue_coalesced",
      "Operations that a newer one for the same prefix made needless.", fib.queue_coalesced);
  one(Kind::kCounter, "lastmile_fib_failures", "Operations that the tables had no room for.",
      fib.failures);
}

void add_bgp(MetricsText& text, const std::vector<NeighborView>& neighbors) {
  const auto each = [&](Kind kind, const char* name, const char* help, auto value) {
    family(text, kind, name, help, neighbors, [&](const NeighborView& neighbor) {
      text.sample({{"neighbor", neighbor.name}, {"port", neighbor.port}}, value(neighbor));
    });
  };
  using View = NeighborView;
  each(Kind::kGauge, "lastmile_bgp_session_up", "Whether the session is Established.",
       [](const View& n) { return flag(n.uptime.has_value()); });
  each(Kind::kGauge, "lastmile_bgp_session_uptime_seconds",
       "Time since the session was Established; 0 if it is not.", [](const View& n) {
         return static_cast<double>(n.uptime.value_or(std::chrono::seconds{0}).count());
       });
  each(Kind::kCounter, "lastmile_bgp_session_established", "How often the session came up.",
       [](const View& n) { return n.established_count; });
  each(Kind::kCounter, "lastmile_bgp_messages_received", "Messages from the neighbor.",
       [](const View& n) { return n.messages_received; });
  each(Kind::kCounter, "lastmile_bgp_messages_sent", "Messages to the neighbor.",
       [](const View& n) { return n.messages_sent; });
  each(Kind::kGauge, "lastmile_bgp_prefixes_received",
       "Prefixes that the neighbor has sent and not withdrawn.",
       [](const View& n) { return n.received; });
  each(Kind::kGauge, "lastmile_bgp_prefixes_accepted",
       "Of these, that take part in the choice of routes.",
       [](const View& n) { return n.accepted; });
  each(Kind::kGauge, "lastmile_bgp_prefixes_stale",
       "Of these, from before the neighbor's restart and not announced again yet.",
       [](const View& n) { return n.stale; });
  each(Kind::kGauge, "lastmile_bgp_prefixes_advertised",
       "Prefixes that the neighbor was sent, and not withdrawn.",
       [](const View& n) { return n.advertised; });
  each(Kind::kCounter, "lastmile_bgp_treat_as_withdraw",
       "UPDATEs whose routes were withdrawn for a broken attribute (RFC 7606).",
       [](const View& n) { return n.treat_as_withdraw; });
  each(Kind::kCounter, "lastmile_bgp_attribute_discard",
       "Broken attributes that were discarded (RFC 7606).",
       [](const View& n) { return n.attribute_discard; });
}

void add_bfd(MetricsText& text, const BfdStatusView& bfd) {
  const auto each = [&](Kind kind, const char* name, const char* help, auto value) {
    family(text, kind, name, help, bfd.sessions, [&](const BfdView& session) {
      text.sample({{"neighbor", session.neighbor}, {"port", session.port}}, value(session));
    });
  };
  each(Kind::kGauge, "lastmile_bfd_session_up", "Whether the session is up.",
       [](const BfdView& s) { return flag(s.state == "up"); });
  each(Kind::kGauge, "lastmile_bfd_interval_seconds", "Time between our packets.",
       [](const BfdView& s) { return seconds_of_us(static_cast<double>(s.interval_us)); });
  each(Kind::kGauge, "lastmile_bfd_detection_time_seconds", "Silence that ends the session.",
       [](const BfdView& s) { return seconds_of_us(static_cast<double>(s.detect_us)); });
  each(Kind::kGauge, "lastmile_bfd_longest_gap_seconds",
       "Longest time between two packets while the session was up.",
       [](const BfdView& s) { return seconds_of_us(s.longest_gap_us); });
  each(Kind::kCounter, "lastmile_bfd_sent_packets", "Packets to the neighbor.",
       [](const BfdView& s) { return s.sent; });
  each(Kind::kCounter, "lastmile_bfd_received_packets", "Packets of the neighbor.",
       [](const BfdView& s) { return s.received; });
  each(Kind::kCounter, "lastmile_bfd_failures", "How often the session went down.",
       [](const BfdView& s) { return s.failures; });
  text.family(Kind::kGauge, "lastmile_bfd_echo_round_trip_seconds",
              "Round-trip time of the last echo packet.");
  for (const BfdView& session : bfd.sessions) {
    if (!session.rtt_us) continue;
    text.sample({{"neighbor", session.neighbor}, {"port", session.port}},
                seconds_of_us(*session.rtt_us));
  }
  family(text, Kind::kCounter, "lastmile_bfd_refused_packets", "BFD packets refused, by reason.",
         bfd.refused, [&](const BfdRefusalView& refusal) {
           text.sample({{"reason", refusal.reason}}, refusal.packets);
         });
  text.family(Kind::kGauge, "lastmile_bfd_timer_worst_lateness_seconds",
              "How late a timer of BFD was at worst.");
  text.sample({}, seconds_of_us(bfd.worst_lateness_us));
}

void add_services(MetricsText& text, const std::vector<ServiceView>& services) {
  const auto each = [&](Kind kind, const char* name, const char* help, auto value) {
    family(text, kind, name, help, services, [&](const ServiceView& service) {
      text.sample({{"service", service.name}}, value(service));
    });
  };
  using View = ServiceView;
  each(Kind::kGauge, "lastmile_service_healthy",
       "Whether the service's check passes; 1 without a check.",
       [](const View& s) { return flag(s.healthy); });
  each(Kind::kGauge, "lastmile_service_announced",
       "Whether neighbors hear of the service, be it degraded.",
       [](const View& s) { return flag(s.announced); });
  each(Kind::kGauge, "lastmile_service_degraded",
       "Whether it is announced with the marks of one that is not healthy.",
       [](const View& s) { return flag(s.degraded); });
  family(text, Kind::kCounter, "lastmile_service_checks", "Checks of the service, by outcome.",
         services, [&](const View& s) {
           text.sample({{"service", s.name}, {"outcome", "passed"}}, s.passed);
           text.sample({{"service", s.name}, {"outcome", "failed"}}, s.failed);
         });
  each(Kind::kCounter, "lastmile_service_health_changes",
       "How often the service became healthy, or ceased to be.",
       [](const View& s) { return s.changes; });
}

void add_control(MetricsText& text, const ControlThreadView& control) {
  const auto one = [&](Kind kind, const char* name, const char* help, auto value) {
    text.family(kind, name, help);
    text.sample({}, value);
  };
  one(Kind::kCounter, "lastmile_control_slices", "Events and commands handled.", control.slices);
  one(Kind::kCounter, "lastmile_control_long_slices",
      "Of these, that took more than 5 ms of processor time.", control.long_slices);
  one(Kind::kCounter, "lastmile_control_busy_seconds", "Processor time of all of them.",
      seconds_of(control.busy));
  one(Kind::kGauge, "lastmile_control_longest_slice_seconds",
      "Processor time of the longest of them.", seconds_of(control.longest));
  one(Kind::kGauge, "lastmile_control_longest_slice_wall_seconds", "The longest by the clock.",
      seconds_of(control.longest_wall));
  one(Kind::kGauge, "lastmile_rib_memory_bytes", "Memory of paths and announcements.",
      control.rib_bytes);
  family(text, Kind::kGauge, "lastmile_thread_stuck",
         "Whether a thread of the router does not go round: 1, or 0.", control.threads,
         [&](const ThreadView& thread) {
           text.sample({{"thread", thread.name}}, std::uint64_t{thread.stuck ? 1U : 0U});
         });
  one(Kind::kGauge, "lastmile_heap_memory_bytes", "Memory of the heap; forwarding tables aside.",
      control.heap_bytes);
}

void add_link_layer(MetricsText& text, const std::vector<LinkLayerView>& neighbors) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
  for (const LinkLayerView& neighbor : neighbors) ++counts[{neighbor.port, neighbor.state}];
  family(text, Kind::kGauge, "lastmile_link_layer_neighbors",
         "Neighbors that the kernel knows (ARP, neighbor discovery), by state.", counts,
         [&](const auto& entry) {
           text.sample({{"port", entry.first.first}, {"state", entry.first.second}}, entry.second);
         });
}

}  // namespace

std::string router_metrics(const ShowSource& source, MetricsFormat format) {
  MetricsText text{format};
  add_router(text, source.version());
  add_ports(text, source.ports());
  family(
      text, Kind::kGauge, "lastmile_port_offload_step",
      "The highest step of the offload ladder that the port's NIC has reached.", source.offload(),
      [&](const OffloadView& port) {
        text.sample({{"port", port.port}, {"step_name", port.step_name}}, std::uint64_t{port.step});
      });
  const std::vector<WorkerView> workers = source.workers("metrics");
  add_workers(text, workers);
  add_punts(text, workers);
  family(text, Kind::kCounter, "lastmile_dropped_packets", "Packets dropped, by reason.",
         source.drops(), [&](const DropView& drop) {
           text.sample({{"reason", drop.reason}}, drop.packets);
         });
  add_next_hops(text, source.next_hops());
  add_fib(text, source.fib());
  add_bgp(text, source.bgp_neighbors());
  add_bfd(text, source.bfd());
  add_services(text, source.services());
  add_control(text, source.control_thread());
  add_link_layer(text, source.link_layer_neighbors());
  return text.finish();
}

void add_metrics_command(CommandTable& table, const ShowSource& source) {
  table.add({"metrics", "all metrics, as OpenMetrics", {}, [&source](const Json&) -> CommandResult {
               return Json{{"text", router_metrics(source, MetricsFormat::kOpenMetrics)}};
             }});
}

}  // namespace lastmile
