// What `show ports` and `show offload` see.
#include <vector>

#include "daemon/offload_view.h"
#include "daemon/show.h"
#include "dataplane/net/format.h"

namespace lastmile {
namespace {

const char* name_of(VlanProtocol protocol) {
  return protocol == VlanProtocol::kService ? "802.1ad" : "802.1q";
}

const char* name_of(LinkWatch watch) {
  switch (watch) {
    case LinkWatch::kNetlink:
      return "netlink";
    case LinkWatch::kInterrupt:
      return "interrupt";
    case LinkWatch::kPoll:
      return "poll";
  }
  return "";
}

}  // namespace

std::vector<PortView> Show::ports() const {
  const auto workers = snapshots(from_.forwarding);
  std::vector<PortView> views;
  for (const OpenPort& open : from_.devices.ports()) {
    const PortConfig& config = from_.config.ports[open.id.value()];
    const auto& facts = open.facts();
    PortView view;
    view.name = config.name;
    view.device = from_.config.ports[config.device_port.value()].device;
    view.parent = config.parent;
    view.vlan = config.vlan;
    if (!config.vlan.empty()) view.vlan_protocol = name_of(open.vlan.protocol());
    view.driver = facts.driver;
    view.twin = open.twin->interface_name();
    view.mac = facts.mac;
    view.mtu = config.mtu;
    view.addresses.push_back(to_string(facts.mac.link_local()) + "/64");
    for (const auto& address : config.addresses) {
      view.addresses.push_back(fmt::format("{}/{}", address.address, address.length));
    }
    view.link_up = from_.links.link(open.id) == Link::kUp;
    view.rx_queues = facts.rx_queues;
    view.tx_queues = facts.tx_queues;
    view.link_watch = name_of(from_.links.watch(open.id));
    // Counted once: what the device lost is no VLAN's.
    if (open.owns_device()) {
      const PortStatistics device = open.device->statistics();
      view.rx_missed = device.missed;
      view.rx_errors = device.receive_errors;
      view.tx_dropped = device.transmit_errors;
    }
    for (const WorkerSnapshot& worker : workers) {
      const auto& port = worker.ports[open.id.value()];
      view.rx_packets += port.received_packets;
      view.rx_bytes += port.received_bytes;
      view.tx_packets += port.sent_packets;
      view.tx_bytes += port.sent_bytes;
      view.ethertype_repairs += port.ethertype_repairs;
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<OffloadView> Show::offload() const {
  std::vector<OffloadView> views;
  for (const OpenPort& open : from_.devices.ports()) {
    // While a device is exchanged there is nothing to tell of it.
    if (!open.owns_device() || !open.device->parts) continue;
    OffloadView view = offload_view(open.facts(), open.device->parts->offload->report());
    if (view.priority_queue) {
      view.worker = priority_worker(open.id, from_.config.dataplane.workers);
    }
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace lastmile
