#include "drivers/ports/port.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <set>

#include "drivers/eal/eal_log.h"
#include "drivers/kernel/link.h"
#include "drivers/ports/af_packet_fanout.h"
#include "drivers/ports/af_packet_steering.h"
#include "drivers/ports/socket_path.h"
#include "drivers/ports/special_queues.h"
#include "logging/log.h"

namespace lastmile {
namespace {

// Drivers that read and write an existing kernel interface, which keeps feeding the kernel's stack.
constexpr std::string_view kAfPacket = "net_af_packet";
constexpr std::string_view kAfXdp = "net_af_xdp";
// Its driver wants as many receive queues as transmit queues.
constexpr std::string_view kTap = "net_tap";

std::string explain(int code) {
  return rte_strerror(code < 0 ? -code : code);
}

// Bytes of a buffer that a whole frame fits in.
std::uint32_t frame_bytes(std::uint16_t mtu) {
  constexpr std::uint32_t kSmallest = 2048;
  constexpr std::uint32_t kLinkLayerOverhead = RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN;
  return std::max(kSmallest, mtu + kLinkLayerOverhead);
}

// Bytes a buffer must hold for what the device puts into one.
std::uint32_t buffer_bytes(const DeviceString& device, std::uint16_t mtu) {
  std::uint32_t bytes = frame_bytes(mtu);
  if (device.is(kAfPacket)) {
    std::uint32_t frame = packet_ring_for(mtu).frame_size;
    if (const auto given = device.argument("framesz")) {
      std::from_chars(given->data(), given->data() + given->size(), frame);
    }
    bytes = std::max(bytes, packet_ring_payload(frame));
  }
  // NICs are told the size of buffers in kilobytes, and put a frame that is longer than what is
  // left of them into two.
  constexpr std::uint32_t kStep = 1024;
  return (bytes + kStep - 1) / kStep * kStep;
}

std::uint32_t buffer_count(const PortOptions& options) {
  // Both rings full, what each thread caches, and what others hold.
  constexpr std::uint32_t kCachedByThread = 512;
  const std::uint32_t threads = options.rx_queues + 2U;
  const std::uint32_t rx_queues =
      options.rx_queues + (options.priority_queue == PriorityQueue::kIfSteerable ? 1U : 0U);
  const std::uint32_t wanted = rx_queues * options.rx_ring +
                               std::uint32_t{options.tx_queues} * options.tx_ring +
                               threads * kCachedByThread + options.spare_buffers;
  std::uint32_t count = 1;
  while (count < wanted) count *= 2;
  return count - 1;  // the pool's ring holds a power of two less one
}

// Whether the kernel is to steer packets to a queue more than workers need. Who says how many
// queues there are wants them all alike.
bool has_kernel_filter(const DeviceString& device, const PortOptions& options) {
  return options.priority_queue == PriorityQueue::kIfSteerable && device.is(kAfPacket) &&
         options.rx_queues == options.tx_queues && !device.argument("qpairs");
}

void complete_af_packet(DeviceString& device, const PortOptions& options) {
  if (!device.argument("framesz") && !device.argument("blocksz")) {
    const AfPacketRing ring = packet_ring_for(options.mtu);
    device.add_default("framesz", std::to_string(ring.frame_size));
    device.add_default("blocksz", std::to_string(ring.block_size));
    device.add_default("framecnt", std::to_string(ring.frame_count));
  }
  const unsigned queues = std::max(options.rx_queues, options.tx_queues);
  const unsigned priority = has_kernel_filter(device, options) ? 1 : 0;
  if (queues + priority > 1) device.add_default("qpairs", std::to_string(queues + priority));
}

// Finds the interface of `iface=` and gives it the MTU, because these drivers' own idea of the
// largest MTU is too small.
Result<KernelInterface> prepare_interface(const DeviceString& device, const PortOptions& options) {
  const auto name = device.argument("iface");
  if (!name || name->empty()) {
    return failure(fmt::format("device '{}' names no network interface; expected {},iface=NAME",
                               device.name(), device.name()));
  }
  auto netlink = Netlink::open();
  if (!netlink) return tl::unexpected(netlink.error());
  const auto link = find_link(*netlink, *name);
  if (!link) return tl::unexpected(link.error());
  if (!*link) return failure(fmt::format("no network interface named '{}'", *name), ENODEV);
  LinkChange change{.set_flags = IFF_UP};
  if ((*link)->mtu != options.mtu) change.mtu = options.mtu;
  if (const auto done = change_link(*netlink, **link, change); !done) {
    return tl::unexpected(done.error());
  }
  return KernelInterface{(*link)->index, *name};
}

// "queues=4" of a device whose far end fills all the queues that it is made with, whoever polls
// them; nullopt: there are not more than `polled`.
std::optional<std::string> queues_without_worker(const DeviceString& device, unsigned polled) {
  for (const char* name : {"qpairs", "queues"}) {
    const auto given = device.argument(name);
    unsigned queues = 0;
    if (given) std::from_chars(given->data(), given->data() + given->size(), queues);
    if (queues > polled) return fmt::format("{}={}", name, *given);
  }
  return std::nullopt;
}

// Devices that a port has open, by DPDK's name. That a device is there says nothing: EAL probes the
// PCI devices that it is allowed to by itself. For the thread that opens and closes devices.
std::set<std::string>& open_devices() {
  static std::set<std::string> names;
  return names;
}

std::optional<std::uint16_t> find_ethdev(const std::string& name) {
  std::uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
  for (std::uint64_t next = rte_eth_find_next_owned_by(0, RTE_ETH_DEV_NO_OWNER);
       next < RTE_MAX_ETHPORTS; next = rte_eth_find_next_owned_by(
                                    static_cast<std::uint16_t>(next + 1), RTE_ETH_DEV_NO_OWNER)) {
    id = static_cast<std::uint16_t>(next);
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(id, &info) == 0 && info.device != nullptr &&
        name == rte_dev_name(info.device)) {
      return id;
    }
  }
  return std::nullopt;
}

// rte_eth_conf but for queues' numbers.
rte_eth_conf configuration(const rte_eth_dev_info& info, const DeviceFacts& facts, Chains chains) {
  rte_eth_conf conf{};
  // Without it a driver sends the first buffer of a chain, and loses the others.
  if (chains == Chains::kPossible) {
    conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  }
  if (facts.link_source == LinkSource::kDriver && info.max_rx_pktlen >= facts.mtu + 18U) {
    conf.rxmode.mtu = facts.mtu;
  }
  constexpr std::uint64_t kFlows = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
  if (facts.rx_queues > 1 && (info.flow_type_rss_offloads & kFlows) != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & kFlows;
    conf.rxmode.offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
  }
  conf.intr_conf.lsc = facts.link_interrupt ? 1 : 0;
  return conf;
}

}  // namespace

Port::Device::~Device() {
  if (!probed) return;
  const DpdkLogCapture quiet;
  if (started) rte_eth_dev_stop(facts.ethdev);
  rte_eth_dev_info info{};
  rte_device* device = nullptr;
  if (rte_eth_dev_info_get(facts.ethdev, &info) == 0) device = info.device;
  rte_eth_dev_close(facts.ethdev);
  if (device != nullptr) rte_dev_remove(device);
  open_devices().erase(dpdk_name);
}

Result<Port> Port::open(const PortOptions& options, PacketPools& pools) {
  const auto refuse = [&](const std::string& reason, int code = 0) {
    return failure(fmt::format("port {}: {}", options.name, reason), code);
  };
  auto parsed = DeviceString::parse(options.device);
  if (!parsed) return refuse(parsed.error().message);
  DeviceString& string = *parsed;
  if (const auto surplus = queues_without_worker(string, options.rx_queues)) {
    return refuse(fmt::format("{}: no worker would look into all of them; expected at most {}, one "
                              "for each worker",
                              *surplus, options.rx_queues),
                  EINVAL);
  }

  auto device = std::make_unique<Device>();
  device->dpdk_name = string.name();
  DeviceFacts& facts = device->facts;
  facts.name = options.name;
  facts.mtu = options.mtu;
  if (open_devices().contains(string.name())) {
    return refuse(fmt::format("device '{}' is used by another port already", string.name()),
                  EEXIST);
  }
  if (string.is(kAfPacket) || string.is(kAfXdp)) {
    const auto interface = prepare_interface(string, options);
    if (!interface) return refuse(interface.error().message, interface.error().code);
    facts.kernel = *interface;
    facts.link_source = LinkSource::kKernelInterface;
    if (has_kernel_filter(string, options)) facts.steering = Steering::kKernelFilter;
    if (string.is(kAfPacket)) {
      complete_af_packet(string, options);
      // The kernel hands over the outer tag beside the frame, and the driver puts it back as
      // 802.1Q's, whatever it was.
      facts.outer_tag = OuterTag::kAnyVlan;
    }
  }

  if (const auto socket = listening_socket(string)) {
    if (auto done = make_room_for_socket(*socket); !done) {
      return refuse(done.error().message, done.error().code);
    }
  }

  {
    const DpdkLogCapture capture;
    AfPacketFanout fanout{facts.steering == Steering::kKernelFilter
                              ? priority_filter(options.rx_queues)
                              : std::vector<sock_filter>{}};
    auto ethdev = find_ethdev(string.name());
    const bool found = ethdev.has_value();
    int code = 0;
    if (!found) {
      code = rte_dev_probe(string.text().c_str());
      if (code == 0) ethdev = find_ethdev(string.name());
    }
    if (!ethdev) {
      return refuse(
          fmt::format("cannot open device '{}': {}", string.name(),
                      capture.reason(string.is_pci() ? "no DPDK driver took it; is it bound to "
                                                       "vfio-pci, and does it exist?"
                                                     : "no DPDK driver of that name took it")),
          -code);
    }
    facts.ethdev = *ethdev;
    device->probed = true;
    open_devices().insert(string.name());
    if (!found && string.is(kAfPacket) && fanout.sockets() == 0) {
      log::warn(
          "port {}: the kernel puts IPv4 fragments together in front of the port, which drops "
          "most of them, and keeps no queue for BFD and BGP",
          options.name);
    }
  }

  rte_eth_dev_info info{};
  if (const int code = rte_eth_dev_info_get(facts.ethdev, &info); code != 0) {
    return refuse("the device does not describe itself: " + explain(code), -code);
  }
  facts.driver = info.driver_name;
  facts.socket = std::max(0, rte_eth_dev_socket_id(facts.ethdev));
  facts.rx_queues = std::min(options.rx_queues, info.max_rx_queues);
  facts.tx_queues = std::min(options.tx_queues, info.max_tx_queues);
  if (string.is(kTap)) {
    facts.tx_queues = facts.rx_queues = std::max(facts.rx_queues, facts.tx_queues);
  }
  // net_tap announces the interrupt and never tells anybody of it.
  facts.link_interrupt = facts.link_source == LinkSource::kDriver && !string.is(kTap) &&
                         info.dev_flags != nullptr && (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
  if (!facts.kernel && options.mtu > info.max_mtu) {
    return refuse(
        fmt::format("MTU {} is more than the device can (at most {})", options.mtu, info.max_mtu),
        EINVAL);
  }
  if (!facts.kernel && options.mtu > RTE_ETHER_MTU && info.max_rx_pktlen < options.mtu + 18U) {
    return refuse(fmt::format("MTU {} is more than the device can (at most {})", options.mtu,
                              info.max_rx_pktlen - 18),
                  EINVAL);
  }

  device->pool = options.pool;
  if (device->pool == nullptr) {
    const auto pool = pools.create(options.name, buffer_count(options),
                                   buffer_bytes(string, options.mtu), facts.socket);
    if (!pool) return refuse(pool.error().message, pool.error().code);
    device->pool = *pool;
  }
  device->rx_ring = options.rx_ring;
  device->tx_ring = options.tx_ring;
  device->chains = options.chains;
  if (auto chosen = choose_special_queues(options, *device); !chosen) {
    return tl::unexpected(chosen.error());
  }
  auto ready = set_up_queues(*device);
  if (!ready && facts.hairpin_queue) {
    // The driver promised what it can't keep. It is not worth a port.
    facts.hairpin_queue.reset();
    facts.why_no_hairpin_queue = ready.error().message;
    ready = set_up_queues(*device);
  }
  if (!ready) return tl::unexpected(ready.error());

  const DpdkLogCapture capture;
  rte_ether_addr mac{};
  int code = rte_eth_macaddr_get(facts.ethdev, &mac);
  if (code != 0) return refuse("the device has no MAC address: " + explain(code), -code);
  facts.mac = MacAddress{std::to_array(mac.addr_bytes)};
  // Discovery is by multicast. A driver that can't be told takes all, or a guard sees to it.
  code = rte_eth_allmulticast_enable(facts.ethdev);
  if (code != 0 && code != -ENOTSUP) {
    return refuse("cannot receive multicast: " + capture.reason(explain(code)), -code);
  }
  return Port(std::move(device));
}

Result<void> Port::choose_special_queues(const PortOptions& options, Device& device) {
  DeviceFacts& facts = device.facts;
  const auto without = [&facts](const std::string& reason) -> Result<void> {
    facts.why_no_priority_queue = facts.why_no_hairpin_queue = reason;
    return {};
  };
  if (options.priority_queue == PriorityQueue::kNone) return without("not asked for");
  if (facts.steering == Steering::kKernelFilter) {
    facts.priority_queue = facts.rx_queues;
    facts.why_no_hairpin_queue = "the driver has no hairpin queues";
    return {};
  }
  if (facts.kernel) {
    // DPDK's drivers for kernel interfaces steer nothing, and their queues are made at the probe.
    return without("the driver takes no flow rules");
  }
  rte_eth_dev_info info{};
  if (const int code = rte_eth_dev_info_get(facts.ethdev, &info); code != 0) {
    return failure(
        fmt::format("port {}: the device does not describe itself: {}", facts.name, explain(code)),
        -code);
  }
  // Drivers look at the configuration when they judge a rule.
  if (auto done = set_up_queues(device); !done) return done;
  if (auto rules = takes_flow_rules(facts.ethdev); !rules) return without(rules.error().message);
  std::uint16_t queues = facts.rx_queues;
  if (queues < info.max_rx_queues) {
    facts.priority_queue = queues++;
  } else {
    facts.why_no_priority_queue =
        fmt::format("the device has {} receive queues, and workers use all", info.max_rx_queues);
  }
  if (auto hairpin = has_hairpin_queues(facts.ethdev); !hairpin) {
    facts.why_no_hairpin_queue = hairpin.error().message;
  } else if (queues < info.max_rx_queues && facts.tx_queues < info.max_tx_queues) {
    facts.hairpin_queue = queues;
  } else {
    facts.why_no_hairpin_queue = "the device has no queues left for a hairpin";
  }
  return {};
}

// As DeviceFacts has it; the device is stopped. May be done again with other facts.
Result<void> Port::set_up_queues(Device& device) {
  const DeviceFacts& facts = device.facts;
  rte_eth_dev_info info{};
  if (const int code = rte_eth_dev_info_get(facts.ethdev, &info); code != 0) {
    return failure(
        fmt::format("port {}: the device does not describe itself: {}", facts.name, explain(code)),
        -code);
  }
  const auto ordinary =
      static_cast<std::uint16_t>(facts.rx_queues + (facts.priority_queue ? 1 : 0));
  const std::uint16_t transmit =
      facts.driver == kTap ? std::max(ordinary, facts.tx_queues) : facts.tx_queues;
  const int hairpin = facts.hairpin_queue ? 1 : 0;
  const auto socket = static_cast<unsigned>(facts.socket);
  std::uint16_t rx_ring = device.rx_ring;
  std::uint16_t tx_ring = device.tx_ring;

  const DpdkLogCapture capture;
  const rte_eth_conf conf = configuration(info, facts, device.chains);
  int code = rte_eth_dev_configure(facts.ethdev, static_cast<std::uint16_t>(ordinary + hairpin),
                                   static_cast<std::uint16_t>(transmit + hairpin), &conf);
  if (code == 0) code = rte_eth_dev_adjust_nb_rx_tx_desc(facts.ethdev, &rx_ring, &tx_ring);
  for (std::uint16_t queue = 0; code == 0 && queue < ordinary; ++queue) {
    code = rte_eth_rx_queue_setup(facts.ethdev, queue, rx_ring, socket, nullptr, device.pool);
  }
  for (std::uint16_t queue = 0; code == 0 && queue < transmit; ++queue) {
    code = rte_eth_tx_queue_setup(facts.ethdev, queue, tx_ring, socket, nullptr);
  }
  if (code == 0 && facts.hairpin_queue) {
    if (auto done = set_up_hairpin(facts.ethdev, *facts.hairpin_queue, transmit, rx_ring); !done) {
      code = -done.error().code;
    }
  }
  if (code != 0) {
    return failure(fmt::format("port {}: cannot configure device '{}': {}", facts.name,
                               device.dpdk_name, capture.reason(explain(code))),
                   -code);
  }
  return {};
}

Result<void> Port::give_up_priority_queue(const std::string& reason) {
  if (!device_->facts.priority_queue) return {};
  const bool was_started = device_->started;
  stop();
  device_->facts.priority_queue.reset();
  device_->facts.why_no_priority_queue = reason;
  // It would stand behind the priority queue, and reflection needs both.
  if (device_->facts.hairpin_queue) device_->facts.why_no_hairpin_queue = reason;
  device_->facts.hairpin_queue.reset();
  if (auto done = set_up_queues(*device_); !done) return done;
  return was_started ? start() : Result<void>{};
}

Result<void> Port::start() {
  if (device_->started) return {};
  const DpdkLogCapture capture;
  if (const int code = rte_eth_dev_start(device_->facts.ethdev); code != 0) {
    return failure(fmt::format("port {}: cannot start device '{}': {}", device_->facts.name,
                               device_->dpdk_name, capture.reason(explain(code))),
                   -code);
  }
  device_->started = true;
  if (facts().driver == kAfPacket) discard_received();
  if (facts().steering == Steering::kFlowRules && facts().rx_queues > 1 &&
      (facts().priority_queue || facts().hairpin_queue)) {
    if (auto done = spread_over_first(facts().ethdev, facts().rx_queues); !done) {
      log::warn("port {}: other packets may take the priority queue, too: {}", facts().name,
                done.error().message);
    }
  }
  return {};
}

// The driver fills its rings before it binds them to the interface: what is in them may be any
// other interface's, a router advertisement of another link among it.
void Port::discard_received() {
  const auto queues =
      static_cast<std::uint16_t>(facts().rx_queues + (facts().priority_queue ? 1 : 0));
  std::array<rte_mbuf*, 64> packets{};
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    for (unsigned left = packet_ring_for(facts().mtu).frame_count; left != 0;) {
      const std::uint16_t count =
          rte_eth_rx_burst(facts().ethdev, queue, packets.data(), packets.size());
      rte_pktmbuf_free_bulk(packets.data(), count);
      if (count == 0) break;
      left -= std::min<unsigned>(left, count);
    }
  }
}

void Port::stop() {
  if (!device_->started) return;
  rte_eth_dev_stop(device_->facts.ethdev);
  device_->started = false;
}

Link Port::link() const {
  rte_eth_link link{};
  const bool up = rte_eth_link_get_nowait(device_->facts.ethdev, &link) == 0 &&
                  link.link_status == RTE_ETH_LINK_UP;
  return up ? Link::kUp : Link::kDown;
}

PortStatistics Port::statistics() const {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(facts().ethdev, &stats) != 0) return {};
  return {stats.imissed + stats.rx_nombuf, stats.ierrors, stats.oerrors};
}

Result<rte_mempool*> Port::make_pool(const PortOptions& options, PacketPools& pools) {
  return pools.create(options.name, buffer_count(options), frame_bytes(options.mtu), SOCKET_ID_ANY);
}

std::size_t Port::memory_bytes(const PortOptions& options, MemoryPages pages) {
  const auto device = DeviceString::parse(options.device);
  const std::size_t data = device ? buffer_bytes(*device, options.mtu) : 2048;
  // The buffer's own header, its private area and the pool's bookkeeping come on top.
  constexpr std::size_t kPerBuffer = 256 + RTE_PKTMBUF_HEADROOM;
  constexpr std::size_t kRings = std::size_t{2} << 20;
  std::size_t buffer = data + kPerBuffer;
  if (pages == MemoryPages::kOrdinary) {
    // DPDK lets no buffer lie across the end of such a page that would fit into one: of 4096 bytes
    // a buffer of 2432 wastes the rest.
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    buffer = buffer <= page ? page / (page / buffer) : (buffer + page - 1) / page * page;
  }
  return buffer_count(options) * buffer + kRings;
}

}  // namespace lastmile
